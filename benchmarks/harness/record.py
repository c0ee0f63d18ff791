"""What a run has shown, as it is kept in ``benchmarks/results`` and read again by `report`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from harness.load import Measured

__all__ = ["About", "Handover", "LeftOut", "Machine", "Profile", "Record", "Routing", "read", "read_profile", "write"]


class Machine(msgspec.Struct, frozen=True):
    """What was measured on."""

    processor: str
    core_count: int
    memory_gib: float
    kernel: str


class About(msgspec.Struct, frozen=True):
    """When, where, with what and how it was measured.

    Attributes:
        date: the day, as ISO 8601.
        generator: the version of what made the load.
        versions: the packages of each contender.
    """

    date: str
    python: str
    machine: Machine
    generator: str
    connections: int
    seconds: int
    round_count: int
    versions: dict[str, dict[str, str]]


class LeftOut(msgspec.Struct, frozen=True):
    """A contender that is missing, from one case or, when that is empty, from all."""

    name: str
    case: str
    reason: str


class Routing(msgspec.Struct, frozen=True):
    """What many routes cost in each round.

    Attributes:
        lookup_ns: of one of nine paths that are asked again and again.
        scattered_ns: of a path drawn from all routes.
        unmatched_ns: of a path that no route matches.
        build_ms: of building the whole application.
    """

    route_count: int
    lookup_ns: list[float]
    scattered_ns: list[float]
    unmatched_ns: list[float]
    build_ms: list[float]


class Handover(msgspec.Struct, frozen=True):
    """One line of the hand-over to threads: what is measured, each round's milliseconds of ours and of a plain pool."""

    title: str
    ours_ms: list[float]
    plain_ms: list[float]


class Record(msgspec.Struct):
    """A whole run.

    Attributes:
        load: by case and contender, each round's figures.
        memory_bytes: of each contender's processes after its first request.
        in_process: by case and contender, each round's CPU microseconds of a request without a server.
        imports_ms: CPU milliseconds of each run of an interpreter that imports a framework.
        ready_ms: the same of one that has a small application ready.
        handover: lines about the hand-over to threads.
        websocket: by contender, each round's CPU microseconds of a message that is echoed.
        carrying: by case and contender, each round's figures of applications that are mounted, and beside that.
        layers: by contender, each round's figures of the usual layers around one answer.
    """

    about: About
    load: dict[str, dict[str, list[Measured]]] = {}
    left_out: list[LeftOut] = []
    memory_bytes: dict[str, int] = {}
    in_process: dict[str, dict[str, list[float]]] = {}
    routing: list[Routing] = []
    imports_ms: dict[str, list[float]] = {}
    ready_ms: dict[str, list[float]] = {}
    handover: list[Handover] = []
    websocket: dict[str, list[float]] = {}
    carrying: dict[str, dict[str, list[Measured]]] = {}
    layers: dict[str, list[Measured]] = {}


class Profile(msgspec.Struct):
    """Where the time of a request goes.

    Attributes:
        stages: by case and stage, each round's CPU microseconds that it adds; `whole` is all of it in the process.
        ours: by case, each round's CPU microseconds of the server under load; empty when there was no load.
        floor: the same of the floor.
    """

    date: str
    python: str
    machine: Machine
    stages: dict[str, dict[str, list[float]]]
    ours: dict[str, list[float]] = {}
    floor: dict[str, list[float]] = {}


def write(record: Record | Profile, path: Path) -> None:
    """Write a record as JSON that can be read and compared line by line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")


def read(path: Path) -> Record:
    """Read a record."""
    return msgspec.json.decode(path.read_bytes(), type=Record)


def read_profile(path: Path) -> Profile:
    """Read a profile."""
    return msgspec.json.decode(path.read_bytes(), type=Profile)

"""The raw vectors, through the protocol with a transport in memory: whole, and split at every byte."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import pytest

_PATH = Path(__file__).parents[1] / "conformance" / "appendix_a.py"
_SPEC = importlib.util.spec_from_file_location("appendix_a", _PATH)
vectors: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(vectors)

SPLIT_BYTES = 300
ROW_OF = {name: row for row, names in vectors.ROWS.items() for name in names}


def marked(names: list[str]) -> list[Any]:
    """Return the vectors as parameters, each with the mark of its attack."""
    return [
        pytest.param(name, marks=[pytest.mark.security(ROW_OF[name])] if name in ROW_OF else [], id=name)
        for name in names
    ]


def check(name: str, wire: Any, also: frozenset[int] = frozenset()) -> None:
    expected = [allowed | also for allowed in vectors.ANSWERS.get(name, ({400},))]
    assert len(expected) == len(wire.statuses), (name, wire.text[-300:])
    for allowed, status in zip(expected, wire.statuses, strict=True):
        assert status in allowed, (name, wire.text[-300:])
    assert (name in vectors.STAYS_OPEN) == (not wire.is_closed), name
    assert "/smuggled" not in wire.application.requests
    assert "/evil" not in wire.application.requests


@pytest.mark.parametrize("name", marked(list(vectors.VECTORS)))
def test_vector_whole(kit: Any, name: str) -> None:
    """Every vector gets exactly the answers it must get, and nothing of it is smuggled."""

    async def main() -> None:
        async with kit.wire() as wire:
            await wire.send(vectors.VECTORS[name])
            check(name, wire)

    asyncio.run(main())


@pytest.mark.parametrize("name", marked([n for n, data in vectors.VECTORS.items() if len(data) <= SPLIT_BYTES]))
def test_vector_split_everywhere(kit: Any, name: str) -> None:
    """Where a vector is cut into two reads makes no difference."""

    async def main() -> None:
        data = vectors.VECTORS[name]
        for cut in range(1, len(data)):
            async with kit.wire() as wire:
                await wire.send(data[:cut], data[cut:])
                check(name, wire)

    asyncio.run(main())


@pytest.mark.parametrize("name", marked([n for n, data in vectors.VECTORS.items() if len(data) <= SPLIT_BYTES]))
def test_vector_behind_another_request(kit: Any, name: str) -> None:
    """A vector gets the same answers when a good request stands before it, in the same read and in one before."""
    good = b"POST /good HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    seen = b"GET /seen HTTP/1.1\r\nHost: a\r\n\r\n"

    async def main() -> None:
        for before in ([good], [seen], []):
            async with kit.wire() as wire:
                await wire.send(*before)
                await wire.send((b"" if before else good) + vectors.VECTORS[name])

                assert 200 == wire.statuses[0]
                del wire.transport.sent[: wire.transport.sent.index(b"HTTP/1.1 ", 1)]
                # Where a line begins that is no request line is not always known, so 400 has to do for any of them.
                check(name, wire, frozenset({400} if name in ("method-unknown", "ver-rtsp") else ()))

    asyncio.run(main())


@pytest.mark.security("A38")
@pytest.mark.parametrize("name", ["ok-get", "hdr-100", "ch-ext-ok", "ch-huge-size", "target-16k"])
def test_vector_dribbled(kit: Any, name: str) -> None:
    """A vector that comes byte by byte gets the same answers."""

    async def main() -> None:
        async with kit.wire() as wire:
            await wire.send(*[bytes([byte]) for byte in vectors.VECTORS[name]])
            check(name, wire)

    asyncio.run(main())

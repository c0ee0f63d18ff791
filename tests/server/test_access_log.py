"""Tests of the access log."""

from __future__ import annotations

import gc
import json
import logging
import threading
import weakref
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from costrel.server.access_log import AccessLog, format_access_json, format_access_line


@pytest.mark.security("L9")
@pytest.mark.parametrize(
    "path",
    ["/a\r\nINFO fake", "/\x1b[2J", "/\u202e", "/a b", "/" + "\n" * 5000, "/" + "x" * 1_000_000, "/\\n", "/\ud800"],
)
@pytest.mark.parametrize("name", ["path", "method", "client", "route", "handler", "mount", "request_id"])
def test_fields_are_escaped_and_cut(name: str, path: str) -> None:
    """What a client chose is one printable word of at most 1 KiB, wherever it stands."""
    line = format_access_line({"method": "GET", "path": "/", "status_code": 200, name: path})

    assert line.isascii()
    assert line.isprintable()
    assert 11 == len(line.split(" "))
    assert len(line) < 1024 + 200


@pytest.mark.security("L9")
@settings(max_examples=100, deadline=None)
@given(path=st.text(max_size=2000), method=st.text(max_size=40), client=st.text(max_size=40))
def test_json_line_cannot_be_broken_out_of(path: str, method: str, client: str) -> None:
    """Whatever a client chose, the line is one object in printable ASCII, and its fields are what they were."""
    line = format_access_json({"path": path, "method": method, "client": client, "status_code": 200}, 0)
    read = json.loads(line)

    assert line.isascii()
    assert line.isprintable()
    assert 200 == read["status_code"]
    assert len(path) > 1024 or (path if path not in ("", "-") else None) == read["path"]
    assert len(read["path"] or "") <= 1024


def test_json_line() -> None:
    """Numbers are numbers, what nobody knows is null, and the time is that of the end of the request."""
    fields = {
        "client": "192.0.2.1",
        "method": "GET",
        "path": "/users/7",
        "status_code": 200,
        "bytes_sent": 12,
        "duration_seconds": 0.0123456789,
        "route": "/users/{id}",
        "handler": "shop.user",
        "mount": "",
        "request_id": "1f",
        "request": object(),
    }
    expected = {
        **fields,
        "time": "2026-11-22T20:00:00.250Z",
        "duration_seconds": 0.012346,
        "mount": None,
    }
    del expected["request"]

    assert expected == json.loads(format_access_json(fields, 1795377600.25))


@pytest.mark.pain("P44")
@pytest.mark.parametrize("line_format", ["text", "json"])
def test_fields_travel_with_the_record(sink: Sink, logger: logging.Logger, line_format: Any) -> None:
    """A handler of an application gets the fields as they are, and a request without an identifier gets one."""
    sink.gate.set()
    log = AccessLog(logger, line_format=line_format)
    log({"path": "/a", "status_code": 200, "route": "/{name}", "request_id": None})
    log({"path": "/b", "status_code": 404, "request_id": "chosen"})
    log.close()
    first, second = [record.__dict__["request_fields"] for record in sink.records]

    assert ("/a", "/{name}", 200, 16) == (first["path"], first["route"], first["status_code"], len(first["request_id"]))
    assert ("/b", "chosen") == (second["path"], second["request_id"])
    assert (line_format == "json") == sink.lines[0].startswith('{"time": "20')
    assert first["request_id"] in sink.lines[0]


@pytest.mark.parametrize("length", [1023, 1024, 1025])
def test_longest_field(length: int) -> None:
    """A field of 1 KiB is whole, a longer one ends with a mark."""
    path = format_access_line({"path": "x" * length}).split(" ")[3].removeprefix("path=")

    assert min(length, 1024) == len(path)
    assert (length > 1024) == path.endswith("~")


def test_escaped_and_plain_text_differ() -> None:
    """Two paths never have the same line."""
    assert format_access_line({"path": "/\n"}) != format_access_line({"path": "/\\n"})


class Sink(logging.Handler):
    """A sink that can block, or break."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.reached = threading.Event()
        self.lines: list[str] = []
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.reached.set()
        self.gate.wait(5)
        if "broken" in record.getMessage():
            raise OSError("no space")
        self.lines.append(record.getMessage())
        self.records.append(record)


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def logger(sink: Sink) -> logging.Logger:
    made = logging.Logger("test")
    made.addHandler(sink)
    return made


@pytest.mark.security("L10")
def test_blocked_sink_drops_and_counts(sink: Sink, logger: logging.Logger) -> None:
    """A sink that blocks costs lines, never requests, and the log says afterwards how many."""
    log = AccessLog(logger, max_waiting=3)
    log({"path": "/first"})
    sink.reached.wait(5)
    for number in range(10):
        log({"path": f"/{number}"})

    assert 7 == log.dropped_count

    sink.gate.set()
    log.close()
    log({"path": "/late"})
    paths = [line.split(" ")[3] for line in sink.lines if line.startswith("request ")]

    assert ["path=/first", "path=/0", "path=/1", "path=/2"] == paths
    assert [line for line in sink.lines if not line.startswith("request ")] == ["access_log_dropped count=7"]
    assert 8 == log.dropped_count


def test_sink_that_breaks_does_not_end_the_log(sink: Sink, logger: logging.Logger) -> None:
    """A line that cannot be written is counted, and the next one is written."""
    sink.gate.set()
    log = AccessLog(logger)
    log({"path": "/broken"})
    log({"path": "/whole"})
    log.close()

    assert 1 == sum("path=/whole" in line for line in sink.lines)
    assert 1 == log.dropped_count


def test_waiting_line_holds_no_request(sink: Sink, logger: logging.Logger) -> None:
    """What waits is the values of a line, not the request with its body."""

    class Large:
        pass

    log = AccessLog(logger)
    log({"path": "/first"})
    sink.reached.wait(5)
    large = Large()
    log({"path": "/", "request": large})
    gone = weakref.ref(large)
    del large
    gc.collect()

    assert gone() is None

    sink.gate.set()
    log.close()

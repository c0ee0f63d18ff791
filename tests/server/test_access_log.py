"""Tests of the access log."""

from __future__ import annotations

import logging
import threading

import pytest

from costrel.server.access_log import AccessLog, format_access_line


@pytest.mark.security("L9")
@pytest.mark.parametrize(
    "path", ["/a\r\nINFO fake", "/\x1b[2J", "/\u202e", "/a b", "/" + "\n" * 5000, "/" + "x" * 1_000_000]
)
def test_fields_are_escaped_and_cut(path: str) -> None:
    """What a client chose is one printable word of at most 1 KiB."""
    line = format_access_line({"method": "GET", "path": path, "status_code": 200})

    assert line.isascii()
    assert line.isprintable()
    assert 10 == len(line.split(" "))
    assert len(line) < 1024 + 200


class Blocking(logging.Handler):
    """A sink that blocks until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.gate.wait(5)
        self.lines.append(record.getMessage())


@pytest.mark.security("L10")
def test_blocked_sink_drops_and_counts() -> None:
    """A sink that blocks costs lines, never requests."""
    logger = logging.Logger("test")
    sink = Blocking()
    logger.addHandler(sink)
    log = AccessLog(logger, max_waiting=3)
    for number in range(10):
        log({"path": f"/{number}"})
    sink.gate.set()
    log.close()
    log({"path": "/late"})

    assert 11 == len(sink.lines) + log.dropped_count
    assert log.dropped_count >= 5
    assert all(line.startswith("request client=- ") for line in sink.lines)

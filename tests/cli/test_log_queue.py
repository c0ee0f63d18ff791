"""The log that never waits: what it writes, and what it drops when nobody reads."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator

import pytest

from costrel.cli.log_queue import QueuedLog


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def say(handler: logging.Handler, text: str, *arguments: object) -> None:
    handler.handle(logging.LogRecord("costrel", logging.INFO, "file", 1, text, arguments, None))


def test_lines_are_written_in_order(pipe: tuple[int, int]) -> None:
    """Each record is a line, whatever letters it has, and `flush` waits for all of them."""
    reading, writing = pipe
    handler = QueuedLog(writing)
    for number in range(250):
        say(handler, "line %d é \ud800", number)
    handler.flush()

    lines = os.read(reading, 65536).decode().splitlines()

    assert [f"line {number} é \\ud800" for number in range(250)] == lines


@pytest.mark.security("R33")
def test_a_log_that_nobody_reads(pipe: tuple[int, int]) -> None:
    """Nobody waits; what is too much is dropped, and the log says so when somebody reads again."""
    reading, writing = pipe
    handler = QueuedLog(writing, max_waiting=50)
    began = time.monotonic()
    for _ in range(2000):
        say(handler, "x" * 1000)

    assert time.monotonic() - began < 1
    assert handler.dropped_count > 0

    received = b""
    while b"log_lines_dropped" not in received:
        received += os.read(reading, 65536)
        say(handler, "again")
    handler.flush()

    assert handler.dropped_count < 2000


def test_a_record_that_cannot_be_formatted(pipe: tuple[int, int], capsys: pytest.CaptureFixture[str]) -> None:
    """It is told where the standard library tells it, and the next line comes."""
    reading, writing = pipe
    handler = QueuedLog(writing)
    say(handler, "%d", "no number")
    say(handler, "fine")
    handler.flush()

    assert b"fine\n" == os.read(reading, 65536)
    assert "no number" in capsys.readouterr().err


def test_a_log_that_is_gone() -> None:
    """A descriptor that takes nothing more costs the lines, and nothing else."""
    reading, writing = os.pipe()
    os.close(reading)
    handler = QueuedLog(writing)
    say(handler, "lost")
    handler.flush()
    say(handler, "lost too")
    handler.flush()
    os.close(writing)

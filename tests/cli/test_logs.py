"""What a serving process prints."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings, strategies as st

from costrel.cli.logs import (
    DevelopmentAccessLog,
    LineFormatter,
    ServerWatch,
    announce_failure,
    announce_start,
    set_up_logging,
    start_lines,
)
from costrel.cli.plan import ServePlan
from costrel.cli.terminal import Paint
from costrel.server import ServerSettings

PLAIN = Paint(io.StringIO())


def record(message: str, *args: object, name: str = "costrel.server", **rest: object) -> logging.LogRecord:
    """Make a log record of a fixed time."""
    made = logging.LogRecord(name, logging.INFO, "file.py", 1, message, args, None)
    made.created, made.msecs = 1_700_000_000.25, 250.0
    for key, value in rest.items():
        setattr(made, key, value)
    return made


@contextmanager
def untouched_loggers() -> Iterator[None]:
    """The loggers as if nobody, pytest included, had configured any."""
    root, logger = logging.getLogger(), logging.getLogger("costrel")
    handlers, own, level = root.handlers[:], logger.handlers[:], logger.level
    root.handlers[:], logger.handlers[:] = [], []
    logger.setLevel(logging.NOTSET)
    try:
        yield
    finally:
        root.handlers[:], logger.handlers[:] = handlers, own
        logger.setLevel(level)


@pytest.mark.parametrize(
    ("plan", "last"),
    [
        pytest.param(ServePlan(), "Mode      production", id="production"),
        pytest.param(ServePlan(reloads=True), "Mode      production, files reload", id="production-that-reloads"),
        pytest.param(
            ServePlan(debug=True, reloads=True), "Mode      debug: error pages show the code, files reload", id="debug"
        ),
    ],
)
def test_a_start_is_told_in_four_lines(plan: ServePlan, last: str) -> None:
    """Address, workers, threads, debug or production; none is wider than a terminal."""
    lines = start_lines(plan, "127.0.0.1:8000", 40, PLAIN)

    assert [
        "  Address   http://127.0.0.1:8000  (Ctrl+C stops it)",
        "  Workers   1 process, one event loop",
        "  Threads   40 for handlers that block",
        f"  {last}",
    ] == lines
    assert max(map(len, lines)) <= 80


def test_several_workers_are_counted() -> None:
    """Each has a loop of its own."""
    lines = start_lines(ServePlan(settings=ServerSettings(workers=4)), "127.0.0.1:8000", 40, PLAIN)

    assert "  Workers   4 processes, one event loop each" == lines[1]


def test_an_address_with_a_certificate_is_opened_with_https() -> None:
    """Each of them."""
    stream = io.StringIO()
    announce = announce_start(ServePlan(settings=ServerSettings(tls_certificate_path="c.pem")), 40, stream)
    announce("127.0.0.1:8000")
    announce("[::1]:8000")

    assert 2 == stream.getvalue().count("https://")


def test_a_second_address_is_one_line_more() -> None:
    """`localhost` is two addresses, and the rest is not said twice."""
    stream = io.StringIO()
    announce = announce_start(ServePlan(), 40, stream)
    announce("127.0.0.1:8000")
    announce("[::1]:8000")

    assert 1 == stream.getvalue().count("Workers")
    assert "            http://[::1]:8000\n" in stream.getvalue()


def test_a_reload_is_told_in_one_line() -> None:
    """What changed and how long it took, however many addresses there are."""
    stream = io.StringIO()
    announce = announce_start(ServePlan(reason="shop.py", since=1.0), 40, stream)
    announce("127.0.0.1:8000")
    announce("[::1]:8000")

    assert 1 == len(stream.getvalue().splitlines())
    assert stream.getvalue().endswith(" s: shop.py\n")


def test_a_socket_file_is_named_as_one() -> None:
    """Nobody opens a path with http."""
    stream = io.StringIO()
    announce_failure(stream, "/run/shop.sock")
    announce_failure(stream, "shop.sock")

    assert "unix:/run/shop.sock shows this too. Waiting for a change." in stream.getvalue()
    assert "unix:shop.sock shows this too." in stream.getvalue()


def test_the_watch_notices_the_address_and_the_failure() -> None:
    """Two records of the server are about the start, all others are not."""
    addresses: list[str] = []
    watch = ServerWatch(addresses.append)
    error = RuntimeError("no database")
    watch.handle(record("listening address=%s", "127.0.0.1:8000"))
    watch.handle(record("requests_cancelled count=%d", 3))

    assert ["127.0.0.1:8000"] == addresses
    assert watch.failure is None

    watch.handle(record("start_failed", exc_info=(RuntimeError, error, None)))

    assert error is watch.failure


def test_a_line_in_production_is_for_machines() -> None:
    """Date, level, name and pairs, and the exception below it."""
    formatter = LineFormatter(PLAIN, readable=False)

    assert "2023-11-14T22:13:20.250Z INFO costrel.server cancelled count=3" == formatter.format(
        record("cancelled count=%d", 3)
    )


def test_a_line_in_development_is_for_people() -> None:
    """The time of day, and for a request nothing else before it."""
    formatter = LineFormatter(PLAIN, readable=True)

    assert formatter.format(record("slow", levelname="WARNING"))[8:] == "  warning  costrel.server  slow"
    assert formatter.format(record("200  GET", name="costrel.access"))[8:] == "  200  GET"


@pytest.mark.pain("P33")
def test_an_exception_in_the_log_has_the_users_frames_only() -> None:
    """The log is read by whoever wrote the handler."""
    import json

    try:
        json.loads("{")
    except ValueError as error:
        text = LineFormatter(PLAIN, readable=True).format(record("failed", exc_info=(ValueError, error, None)))

    assert "JSONDecodeError" in text
    assert "decoder.py" not in text


def test_a_request_is_one_readable_line(caplog: pytest.LogCaptureFixture) -> None:
    """Status, method, path and how long it took."""
    log = DevelopmentAccessLog(PLAIN)
    with caplog.at_level(logging.INFO, "costrel.access"):
        log({"status_code": 200, "method": "GET", "path": "/items", "duration_seconds": 0.0123})
        log({"status_code": 0})

    assert ["200", "GET", "/items", "12.3", "ms"] == caplog.messages[0].split()
    assert ["---", "-", "-"] == caplog.messages[1].split()


def test_an_object_of_json_is_the_whole_line() -> None:
    """A line of the access log in JSON has no date or level in front of it."""
    line = LineFormatter(PLAIN, readable=False).format(
        logging.LogRecord("costrel.access", logging.INFO, "x.py", 1, "%s", ('{"path": "/"}',), None)
    )

    assert '{"path": "/"}' == line


@pytest.mark.security("L9")
@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_a_client_cannot_begin_a_line_or_move_the_cursor(path: str) -> None:
    """Whatever stands in the path, the line stays one line of printable letters of bounded length."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda made: lines.append(made.getMessage())
    logger = logging.getLogger("costrel.access")
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(logging.INFO)
    try:
        DevelopmentAccessLog(PLAIN)({"status_code": 200, "method": path, "path": path, "duration_seconds": 0.1})
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)

    assert 1 == len(lines)
    assert lines[0].isprintable()
    assert len(lines[0]) <= 10 * 2 * 201 + 100


def test_records_appear_when_nobody_handles_them() -> None:
    """Without logging of its own an application gets ours; the start is told by the four lines instead."""
    stream = io.StringIO()
    with untouched_loggers():
        set_up_logging(stream, readable=True)
        logging.getLogger("costrel.server").info("listening address=%s", "a")
        logging.getLogger("costrel.error").error("request_failed")

    assert ["request_failed"] == [line.split()[-1] for line in stream.getvalue().splitlines()]


def test_an_application_with_handlers_of_its_own_keeps_them_alone() -> None:
    """Every record goes where the application wants it, and nowhere twice."""
    theirs, ours = io.StringIO(), io.StringIO()
    with untouched_loggers():
        logging.getLogger().addHandler(logging.StreamHandler(theirs))
        set_up_logging(ours, readable=True)
        logging.getLogger("costrel.access").info("a request")

    assert "a request\n" == theirs.getvalue()
    assert "" == ours.getvalue()


def test_loggers_that_a_configuration_disabled_are_enabled() -> None:
    """`dictConfig` disables what existed before it, and Costrel's loggers always do."""
    logging.getLogger("costrel.server").disabled = True
    with untouched_loggers():
        set_up_logging(io.StringIO(), readable=True)

    assert not logging.getLogger("costrel.server").disabled

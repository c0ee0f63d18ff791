"""Sending requests to one application: cookies, failures, streams without an end, and what puts data back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from costrel import App, Request, Response, StreamResponse, request
from costrel.cli.doctor_compare import Answer
from costrel.cli.doctor_replay import MAX_KEPT_BYTES, ReplaySettings, replay, run_reset
from costrel.cli.doctor_requests import ReplayRequest
from costrel.cli.source import UsageFailed

ORIGIN = "http://localhost"


def ask(app: App, *targets: str, timeout_seconds: float = 5.0, **headers: str) -> list[Answer]:
    """Send GET requests."""
    settings = ReplaySettings(ORIGIN, list(headers.items()), timeout_seconds)
    return replay(app, [ReplayRequest("GET", target) for target in targets], settings)


def test_requests_are_sent_in_order_with_the_cookies_of_those_before() -> None:
    """The application is started once and stopped once; redirects are answers."""
    app = App(extensions=())
    life: list[str] = []

    @app.on_start
    def start() -> None:
        life.append("start")

    @app.on_stop
    def stop() -> None:
        life.append("stop")

    @app.get("/in")
    def log_in() -> Response:
        response = Response("", 303, {"location": "/"})
        response.set_cookie("user", "ann")
        return response

    @app.get("/")
    def index() -> str:
        return request.cookies.get("user", "nobody") + request.headers["x-team"]

    answers = ask(app, "/", "/in", "/", **{"X-Team": "+a"})

    assert [(200, b"nobody+a"), (303, b""), (200, b"ann+a")] == [(item.status_code, item.content) for item in answers]
    assert ["start", "stop"] == life


def test_what_a_request_brings_is_sent() -> None:
    """Method, headers and body."""
    app = App(extensions=())

    @app.route("/echo", methods=["PUT"])
    async def echo(request: Request) -> bytes:
        return request.body + request.headers["x-name"].encode()

    sent = ReplayRequest("PUT", "/echo?a=1", (("X-Name", "ann"),), b"hello ")
    (found,) = replay(app, [sent], ReplaySettings(ORIGIN))

    assert (200, b"hello ann", 9) == (found.status_code, found.content, found.length_bytes)


def test_what_the_application_raises_is_its_answer() -> None:
    """With the last line of the traceback and its place, without credentials; and the next request is sent."""
    app = App(extensions=())

    @app.get("/fail")
    def fail() -> str:
        raise RuntimeError("cannot reach postgres://shop:hunter2@db/shop")

    @app.get("/leave")
    async def leave() -> str:
        raise SystemExit(3)

    failed, left, missing = ask(app, "/fail", "/leave", "/missing")

    assert 500 == failed.status_code
    assert failed.failure.startswith("RuntimeError: cannot reach postgres://shop:***@db/shop (")
    assert "test_doctor_replay.py:" in failed.failure
    assert 500 == left.status_code
    assert (404, "") == (missing.status_code, missing.failure)


def test_a_body_that_breaks_off_is_an_answer_that_is_not_whole() -> None:
    """With what broke it off."""
    app = App(extensions=())

    @app.get("/")
    async def stream() -> AsyncIterator[bytes]:
        yield b"begun"
        raise LookupError("no more")

    (found,) = ask(app, "/")

    assert (200, False, 5) == (found.status_code, found.is_whole, found.length_bytes)
    assert found.failure.startswith("LookupError: no more (")


def make_slow_app() -> App:
    """An application that never comes to an end, in four ways."""
    app = App(extensions=())

    @app.get("/waits")
    async def waits() -> str:
        await asyncio.Event().wait()
        return ""

    @app.get("/blocks")
    def blocks() -> str:
        time.sleep(0.5)
        return ""

    @app.get("/stream")
    async def stream() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.Event().wait()

    @app.get("/drips")
    def drips() -> Response:
        def pieces() -> Iterator[bytes]:
            while True:
                time.sleep(0.02)
                yield b"a"

        return StreamResponse(pieces())

    return app


@pytest.mark.parametrize(
    ("target", "status_code", "failure"),
    [
        pytest.param("/waits", 0, "no answer within 0.1 seconds", id="no-answer"),
        pytest.param("/blocks", 0, "no answer within 0.1 seconds", id="no-answer-of-a-thread"),
        pytest.param("/stream", 200, "no end within 0.1 seconds", id="no-end"),
        pytest.param("/drips", 200, "no end within 0.1 seconds", id="a-little-for-ever"),
    ],
)
def test_nothing_is_waited_for_without_a_limit(target: str, status_code: int, failure: str) -> None:
    """What came is the answer, and the next request is sent."""
    slow, other = ask(make_slow_app(), target, "/missing", timeout_seconds=0.1)

    assert (status_code, failure, False) == (slow.status_code, slow.failure, slow.is_whole)
    assert 404 == other.status_code


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_a_long_body_is_not_kept(extra: int) -> None:
    """Its length and its digest are."""
    app = App(extensions=())
    app.add_route("/", lambda: b"a" * (MAX_KEPT_BYTES + extra))
    (found,) = ask(app, "/")

    assert (extra > 0) == (found.content is None)
    assert MAX_KEPT_BYTES + extra == found.length_bytes
    assert found.is_whole


def test_a_start_that_fails_ends_the_replay() -> None:
    """There is nothing to compare."""
    app = App(extensions=())

    @app.on_start
    def start() -> None:
        raise RuntimeError("no database")

    with pytest.raises(RuntimeError, match="no database"):
        ask(app, "/")


def test_data_is_put_back_by_a_command(tmp_path: Path) -> None:
    """For the shell, as it stands in a Makefile."""
    run_reset(f"echo one > {tmp_path}/data && echo two >> {tmp_path}/data")

    assert "one\ntwo\n" == (tmp_path / "data").read_text()


@pytest.mark.parametrize(
    ("command", "timeout_seconds", "said"),
    [
        pytest.param("echo why; exit 3", 5.0, "ended with exit code 3.\n    why", id="it-fails"),
        pytest.param("no-such-command-here", 5.0, "ended with exit code 127.\n    ", id="it-does-not-exist"),
        pytest.param("sleep 30 & sleep 30", 0.1, "has not ended within 0.1 seconds", id="it-hangs"),
    ],
)
def test_a_command_that_does_not_put_data_back_ends_the_doctor(command: str, timeout_seconds: float, said: str) -> None:
    """With what it said; what it has started ends with it."""
    started_at = time.monotonic()
    with pytest.raises(UsageFailed) as caught:
        run_reset(command, timeout_seconds)

    assert said in caught.value.message
    assert time.monotonic() - started_at < 5

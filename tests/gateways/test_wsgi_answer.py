"""From the dispatch to the teardown under a WSGI server: streams, files, ends of every kind."""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from costrel.app import App, AppSettings, after_response
from costrel.errors import Conflict
from costrel.messages import Request, Response, StreamResponse, send_file


def make_app(**settings: Any) -> App:
    """Make an application without extensions."""
    return App("tested", extensions=(), settings=AppSettings(**settings))


class Service:
    """What the providers of these tests make."""


async def _refuse(request: Request, call_next: Any) -> Response:
    raise Conflict


@pytest.mark.parametrize("colour", ["def", "async def"])
def test_a_stream_is_made_no_faster_than_it_is_taken(wsgi: Callable[..., Any], colour: str) -> None:
    """Each piece is asked for by the server."""
    app = make_app()
    made: list[int] = []

    if colour == "def":

        @app.get("/")
        def plain() -> Iterator[str]:
            for number in range(4):
                made.append(number)
                yield str(number)
                time.sleep(0.002)  # slow enough not to be pulled in batches
    else:

        @app.get("/")
        async def not_plain() -> AsyncIterator[str]:
            for number in range(4):
                made.append(number)
                yield str(number)

    calls = wsgi(app)
    answer, pieces = calls.open(calls.environ())
    sent = []
    for piece in pieces:
        sent.append(piece)
        assert len(made) <= len(sent) + (colour == "def")
    pieces.close()

    assert (b"0123", 200) == (b"".join(sent), answer.status_code)
    assert "content-length" not in answer.headers


@pytest.mark.pain("P22")
@pytest.mark.parametrize("colour", ["def", "async def"])
def test_closing_early_ends_the_exchange(wsgi: Callable[..., Any], colour: str) -> None:
    """The generator is closed, disconnect callbacks and teardown run, before `close` returns."""
    app = make_app()
    log: list[str] = []
    app.on("client_disconnected", lambda fields: log.append("event"))

    @app.teardown_request
    def teardown() -> None:
        log.append(f"teardown {threading.current_thread() is threading.main_thread()}")

    def start(request: Request) -> None:
        request.exchange.on_disconnect(lambda: log.append("told"))

    if colour == "def":

        @app.get("/")
        def plain(request: Request) -> Iterator[str]:
            start(request)
            try:
                while True:
                    yield "x" * 70_000
            finally:
                log.append(f"closed {threading.current_thread() is threading.main_thread()}")
    else:

        @app.get("/")
        async def not_plain(request: Request) -> AsyncIterator[str]:
            start(request)
            try:
                while True:
                    yield "x"
            finally:
                log.append("closed True")

    calls = wsgi(app)
    _, pieces = calls.open(calls.environ())
    next(pieces)
    next(pieces)
    pieces.close()

    assert ["told", "closed True", "event", "teardown True"] == log


@pytest.mark.pain("P22")
@pytest.mark.parametrize("colour", ["def", "async def"])
def test_a_stream_that_breaks_off_raises(wsgi: Callable[..., Any], colour: str) -> None:
    """So the server cuts the connection, and nobody takes the half for the whole."""
    app = make_app()

    if colour == "def":

        @app.get("/")
        def plain() -> Iterator[str]:
            yield "half"
            time.sleep(0.002)
            raise ValueError("the other half is missing")
    else:

        @app.get("/")
        async def not_plain() -> AsyncIterator[str]:
            yield "half"
            raise ValueError("the other half is missing")

    calls = wsgi(app)
    _, pieces = calls.open(calls.environ())

    assert b"half" == next(pieces)
    with pytest.raises(ValueError, match="missing"):
        next(pieces)
    pieces.close()


def test_a_response_that_is_cut_off_raises(wsgi: Callable[..., Any]) -> None:
    """`Exchange.abort` is not the end of a response."""
    app = make_app()

    @app.get("/")
    async def index(request: Request) -> AsyncIterator[str]:
        yield "half"
        request.exchange.abort()
        yield "never"

    calls = wsgi(app)
    _, pieces = calls.open(calls.environ())
    next(pieces)
    with pytest.raises(ConnectionAbortedError, match="cut off"):
        next(pieces)
    pieces.close()


def test_a_client_that_leaves_its_body_is_499_for_us_and_400_for_the_server(wsgi: Callable[..., Any]) -> None:
    """A server has to be given some answer."""
    app = make_app()
    told: list[object] = []
    app.on("request_finished", lambda fields: told.append(fields["status_code"]))

    @app.post("/")
    def index(request: Request) -> str:
        return "never"

    class Broken:
        def read(self, size: int) -> bytes:
            raise ConnectionResetError

        readline = readlines = __iter__ = None

    calls = wsgi(app)
    short = calls.ask("/", "POST", b"abc", CONTENT_LENGTH="10")
    broken = calls.ask("/", "POST", b"abc", **{"wsgi.input": Broken()})

    assert (400, 400) == (short.status_code, broken.status_code)
    assert [499, 499] == told


def test_work_after_the_response_runs_in_the_supervisor(wsgi: Callable[..., Any]) -> None:
    """It begins when the answer was taken, and the server's thread does not wait for it."""
    app = make_app()
    log: list[str] = []
    done = threading.Event()

    def work() -> None:
        log.append("work")
        done.set()

    @app.get("/")
    def index() -> str:
        after_response(work)
        return "hello"

    calls = wsgi(app)
    _, pieces = calls.open(calls.environ())
    next(pieces)
    log.append("taken")
    pieces.close()

    assert done.wait(5)
    assert ["taken", "work"] == log


def test_listeners_are_told_what_became_of_a_request(wsgi: Callable[..., Any]) -> None:
    """`request_finished` has route, status, size and client; `early_response` tells of a body that was left."""
    app = make_app()
    told: list[Mapping[str, object]] = []
    early: list[object] = []
    app.on("request_finished", told.append)
    app.on("early_response", lambda fields: early.append(fields["status_code"]))

    @app.post("/users/{id}", use=[_refuse])
    def show(id: int) -> str:
        return ""

    wsgi(app).ask("/users/3", "POST", b"x" * 50_000)

    wanted = {"method": "POST", "path": "/users/3", "route": "/users/{id}", "status_code": 409, "client": "192.0.2.1"}
    assert [wanted] == [{name: fields[name] for name in wanted} for fields in told]
    assert [409] == early


def test_a_deadline_is_answered_when_the_handler_returns(wsgi: Callable[..., Any]) -> None:
    """The thread cannot be freed, so the client waits for it; nothing commits all the same."""
    app = make_app()
    log: list[str] = []

    async def limit(request: Request, call_next: Any) -> Response:
        request.deadline_seconds = 0.01
        response: Response = await call_next(request)
        return response

    def service() -> Iterator[Service]:
        try:
            yield Service()
        except BaseException as error:
            log.append(type(error).__name__)
            raise
        log.append("committed")

    app.provide(Service, service)

    @app.get("/", use=[limit])
    def index(service: Service) -> str:
        time.sleep(0.05)
        return "late"

    answer = wsgi(app).ask()

    assert (503, ["RequestAbandoned"]) == (answer.status_code, log)


def test_a_file_is_left_to_the_server(wsgi: Callable[..., Any], tmp_path: Path) -> None:
    """Where the server has a wrapper and the file ends with the body; else it is sent piece by piece."""
    app = make_app()
    path = tmp_path / "large.bin"
    content = bytes(range(256)) * 1024
    path.write_bytes(content)

    @app.get("/")
    def index() -> Response:
        return send_file(path)

    @app.get("/ended")
    def ended(request: Request) -> Response:
        request.on_end(lambda _: None)
        return send_file(path)

    wrapped: list[int] = []

    def wrapper(file: Any, size: int) -> Iterator[bytes]:
        wrapped.append(file.tell())
        with file:
            while piece := file.read(size):
                yield piece

    calls = wsgi(app)
    answers = {
        name: calls.ask(path, **{"wsgi.file_wrapper": wrapper, **more})
        for name, path, more in (
            ("whole", "/", {}),
            ("from", "/", {"HTTP_RANGE": "bytes=1000-"}),
            ("part", "/", {"HTTP_RANGE": "bytes=0-99999"}),
            ("ended", "/ended", {}),
            ("no wrapper", "/", {"wsgi.file_wrapper": None}),
        )
    }

    assert {
        "whole": (200, content),
        "from": (206, content[1000:]),
        "part": (206, content[:100_000]),
        "ended": (200, content),
        "no wrapper": (200, content),
    } == {name: (answer.status_code, answer.body) for name, answer in answers.items()}
    assert [0, 1000] == wrapped
    assert all(str(len(answer.body)) == answer.headers["content-length"] for answer in answers.values())


def test_a_head_that_cannot_be_sent_is_a_500(wsgi: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    """Nothing was given to the server yet, so an error still can be."""
    app = make_app()

    @app.get("/")
    async def index() -> Response:
        return Response(b"abc", headers={"Content-Length": "7"})

    with caplog.at_level(logging.ERROR):
        answer = wsgi(app).ask()

    assert 500 == answer.status_code
    assert "response_failed" in caplog.text


def test_a_request_leaves_nothing_behind(wsgi: Callable[..., Any]) -> None:
    """No cycle keeps it: it is gone as soon as it is over."""
    app = make_app()
    requests: list[weakref.ref[Request]] = []

    @app.get("/")
    def index(request: Request) -> str:
        requests.append(weakref.ref(request))
        return ""

    @app.get("/stream")
    def stream(request: Request) -> Iterator[str]:
        requests.append(weakref.ref(request))
        yield "a"

    calls = wsgi(app)
    gc.collect()
    gc.disable()
    try:
        calls.ask()
        calls.ask("/stream")
        # One more, so that the loop has certainly let go of the last.
        calls.ask("/nowhere")
        left = [request() for request in requests]
    finally:
        gc.enable()

    assert [None, None] == left


def test_an_explicit_stream_is_sent_with_its_length(wsgi: Callable[..., Any]) -> None:
    """A server that stops at the last byte, without asking for the end, closes a complete answer."""
    app = make_app()
    lost: list[object] = []
    app.on("client_disconnected", lost.append)

    @app.get("/")
    async def index() -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"ab"
            yield b"cd"

        return StreamResponse(pieces(), content_length=4)

    calls = wsgi(app)
    answer, pieces = calls.open(calls.environ())
    sent = [next(pieces), next(pieces)]
    pieces.close()

    assert ([b"ab", b"cd"], "4", []) == (sent, answer.headers["content-length"], lost)

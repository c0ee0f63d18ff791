"""The loop of an application under a WSGI server: one start, one stop, one for each process."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from costrel.app import App
from costrel.gateways.wsgi_loop import LoopThread, ProcessLoops


def make_app(log: list[str] | None = None, failures: list[BaseException] | None = None) -> App:
    """Make an application that notes its start and its stop, and fails to start as often as it is told."""
    app = App("tested", extensions=())
    noted = log if log is not None else []

    @app.lifespan
    async def life() -> AsyncIterator[None]:
        await asyncio.sleep(0.01)
        noted.append("start")
        if failures:
            raise failures.pop()
        yield
        noted.append("stop")

    @app.get("/")
    async def index() -> str:
        return str(threading.get_ident())

    return app


@pytest.mark.pain("P13")
def test_the_lifespan_runs_once_for_many_threads(wsgi: Callable[..., Any]) -> None:
    """All wait for the one start, and are answered on the one loop; the stop runs once."""
    log: list[str] = []
    calls = wsgi(make_app(log))
    bodies: list[bytes] = []
    threads = [threading.Thread(target=lambda: bodies.append(calls.ask().body)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    calls.app.stop()
    calls.app.stop()

    assert (10, 1) == (len(bodies), len(set(bodies)))
    assert ["start", "stop"] == log


def test_an_application_starts_again_after_its_stop(wsgi: Callable[..., Any]) -> None:
    """A request that comes later is answered."""
    log: list[str] = []
    calls = wsgi(make_app(log))
    calls.ask()
    calls.app.stop()
    answer = calls.ask()

    assert (200, ["start", "stop", "start"]) == (answer.status_code, log)


@pytest.mark.pain("P13")
def test_a_start_that_fails_is_a_500_and_is_tried_again(
    wsgi: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The reason is in the log, never in the answer; all who waited have their answer at once."""
    calls = wsgi(make_app(failures=[ValueError("no database")]))
    answers: list[Any] = []
    with caplog.at_level(logging.ERROR):
        threads = [threading.Thread(target=lambda: answers.append(calls.ask())) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    failed = [answer for answer in answers if answer.status_code == 500]

    assert failed
    assert not any(b"database" in answer.body for answer in failed)
    assert 1 == caplog.text.count("application_start_failed")
    assert "no database" in caplog.text
    assert 200 == calls.ask().status_code


def test_a_mistake_in_the_application_is_a_failed_start(
    wsgi: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """What the build has to say is in the log, with each request that tries."""
    app = App("tested", extensions=())

    @app.get("/{a}")
    async def first(nonsense: asyncio.Lock) -> str:
        return ""

    calls = wsgi(app)
    with caplog.at_level(logging.ERROR):
        codes = [calls.ask().status_code for _ in range(2)]

    assert [500, 500] == codes
    assert 2 == caplog.text.count("application_start_failed")
    assert "nonsense" in caplog.text


def test_an_exit_in_the_start_ends_the_server(wsgi: Callable[..., Any]) -> None:
    """`SystemExit` is for the server that runs the process."""
    calls = wsgi(make_app(failures=[SystemExit(3)]))
    with pytest.raises(SystemExit):
        calls.ask()


def test_a_stop_that_fails_is_logged(wsgi: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    """Nobody is left to be told."""
    app = App("tested", extensions=())

    @app.on_stop
    def stop() -> None:
        raise ValueError("on purpose")

    calls = wsgi(app)
    calls.ask()
    with caplog.at_level(logging.ERROR):
        calls.app.stop()

    assert "application_stop_failed" in caplog.text


def test_a_stop_waits_for_the_requests_that_have_begun(wsgi: Callable[..., Any]) -> None:
    """They are answered before the application's own stop runs."""
    log: list[str] = []
    app = make_app(log)
    begun = threading.Event()
    go = threading.Event()

    @app.get("/slow")
    def slow() -> str:
        begun.set()
        go.wait(5)
        log.append("answered")
        return "slow"

    calls = wsgi(app)
    bodies: list[bytes] = []
    asking = threading.Thread(target=lambda: bodies.append(calls.ask("/slow").body))
    asking.start()
    assert begun.wait(5)
    stopping = threading.Thread(target=calls.app.stop)
    stopping.start()
    go.set()
    stopping.join(10)
    asking.join(10)

    assert ([b"slow"], ["start", "answered", "stop"]) == (bodies, log)


def test_who_waits_when_the_loop_ends_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that the stop has no time for does not wait for ever; one that comes later is refused."""
    told: list[type[BaseException | None]] = []

    class Waiting:
        def finish(self, failure: BaseException | None) -> None:
            told.append(type(failure))

    async def wait_for_nobody(self: LoopThread, timeout_seconds: float) -> None:
        pass

    forgotten: list[LoopThread] = []
    thread = LoopThread(make_app(), forgotten.append)
    monkeypatch.setattr(LoopThread, "_wait_empty", wait_for_nobody)
    thread.start()
    thread.wait_started()
    thread.enter(Waiting(), lambda: None)
    thread.stop()

    assert [ConnectionAbortedError] == told
    with pytest.raises(RuntimeError):
        thread.enter(Waiting(), lambda: None)
    assert [thread] == forgotten


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_a_loop_of_its_own(wsgi: Callable[..., Any]) -> None:
    """It starts the application for itself, and the parent's goes on."""
    calls = wsgi(make_app())
    before = calls.ask().body
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def ask() -> None:
        sender.send((os.getpid(), calls.ask().status_code))

    child = context.Process(target=ask)
    child.start()
    try:
        assert receiver.poll(10)
        process_id, status_code = receiver.recv()
    finally:
        child.join(10)

    assert (child.pid, 200) == (process_id, status_code)
    assert before == calls.ask().body


def test_loops_are_stopped_with_the_interpreter() -> None:
    """The stop is registered once, however often the application is started."""
    log: list[str] = []
    loops = ProcessLoops(make_app(log))
    first = loops.ensure()
    second = loops.ensure()
    loops.stop()

    assert first is second
    assert (["start", "stop"], True) == (log, loops._is_registered)

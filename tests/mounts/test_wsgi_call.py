"""The threads' side of a call: pieces, the head, and closing, each by itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from costrel.errors import ProgrammerError
from costrel.mounts.wsgi_call import MAX_WAITING_BYTES, WSGICall
from costrel.mounts.wsgi_input import RequestGone

Application = Callable[[dict[str, Any], Callable[..., Any]], Any]


class Loop:
    """A loop that remembers what it was told from other threads; or that was closed."""

    def __init__(self, closed: bool = False) -> None:
        self.calls = 0
        self.closed = closed

    def call_soon_threadsafe(self, callback: Callable[[], object]) -> None:
        if self.closed:
            raise RuntimeError("Event loop is closed")
        self.calls += 1

    def is_closed(self) -> bool:
        return self.closed


class Content:
    """Content that counts how often it was closed."""

    def __init__(self, pieces: Iterator[Any]) -> None:
        self._pieces = pieces
        self.closed = 0

    def __iter__(self) -> Iterator[Any]:
        return self._pieces

    def close(self) -> None:
        self.closed += 1


def make_call(
    content: Any, length: int | None = None, *, loop: Loop | None = None, hands_over: bool = True
) -> WSGICall:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        start_response("200 OK", [("Content-Length", str(length))] if length is not None else [])
        return content

    call = WSGICall(application, "app", cast("Any", loop or Loop()), hands_over)
    call.environ = {}
    return call


@pytest.mark.parametrize(
    ("pieces", "length", "taken", "has_ended"),
    [
        pytest.param([b"a", b"b"], None, b"a", False, id="unknown-length"),
        pytest.param([b"", b"a", b"b"], None, b"a", False, id="empty-pieces-first"),
        pytest.param([b"a", b"b"], 2, b"ab", True, id="short"),
        pytest.param([b"a"], 2, b"a", True, id="shorter-than-declared"),
        pytest.param([b"x" * 65_536], 65_536, b"x" * 65_536, True, id="at-the-limit"),
        pytest.param([b"x" * 65_536, b"y"], 65_537, b"x" * 65_536, False, id="over-the-limit"),
        pytest.param([b"x" * 100_000], 100_000, b"x" * 100_000, True, id="one-long-piece"),
        pytest.param([b"a", b"x" * 65_536, b"b"], 1, b"a" + b"x" * 65_536, False, id="much-longer-than-declared"),
        pytest.param([], None, b"", True, id="nothing"),
        pytest.param([b"", b""], None, b"", True, id="nothing-in-pieces"),
    ],
)
def test_how_much_the_first_hop_takes(pieces: list[bytes], length: int | None, taken: bytes, has_ended: bool) -> None:
    """It takes the first piece, and goes on only where the end is known to be near; then it closes too."""
    content = Content(iter(pieces))
    call = make_call(content, length)

    call.begin()

    assert (taken, has_ended, int(has_ended)) == (call.take(), call.has_ended, content.closed)


def test_slow_pieces_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a short content is handed over piece by piece when it comes slowly."""
    clock = iter(range(10))
    monkeypatch.setattr("costrel.mounts.wsgi_call.monotonic", lambda: float(next(clock)))
    call = make_call(iter([b"a", b"b"]), 2)

    call.begin()

    assert (b"a", False) == (call.take(), call.has_ended)


def test_later_hops_stop_when_enough_waits() -> None:
    """A hop ends when 64 KiB wait, so that a client that reads slowly holds no thread."""
    content = Content(iter([b"x" * 1024] * 200))
    call = make_call(content)
    sizes = []

    call.begin()
    sizes.append(len(call.take()))
    while not call.has_ended:
        call.go_on()
        sizes.append(len(call.take()))

    assert [1024, MAX_WAITING_BYTES, MAX_WAITING_BYTES, MAX_WAITING_BYTES, 7 * 1024] == sizes
    assert 1 == content.closed


def test_sending_thread_is_let_go_after_each_piece() -> None:
    """Where the thread itself sends what it has pulled, a hop ends with each piece, and nobody is woken."""
    loop = Loop()
    call = make_call(iter([b"a", b"b", b"c"]), loop=loop, hands_over=False)
    taken = []

    call.begin()
    while not call.has_ended:
        taken.append(call.take())
        assert call.await_piece()
        call.go_on()

    assert ([b"a", b"b", b"c"], 0) == (taken, loop.calls)


def test_task_is_woken_once_for_many_pieces() -> None:
    """Only a task that has asked is told of a piece, and only of the first."""
    loop = Loop()
    call = make_call(iter([b"a"] * 10), loop=loop)
    call.begin()

    call.take()
    asked = call.await_piece()
    call.go_on()

    assert (True, 1, False) == (asked, loop.calls, call.await_piece())


@pytest.mark.parametrize("when", ["before", "while"])
def test_thread_that_is_left_closes_the_content(when: str) -> None:
    """Who leaves while a thread is inside leaves the closing to it; who leaves before closes by itself."""
    results: list[bool] = []

    def pieces() -> Iterator[bytes]:
        yield b"a"
        if when == "while":
            results.append(call.leave())
        yield b"b"

    content = Content(pieces())
    call = make_call(content)
    call.begin()
    if when == "before":
        results.append(call.leave())
        call.go_on()
    else:
        with pytest.raises(RequestGone):
            call.go_on()

    assert ([when == "before"], when == "while") == (results, content.closed == 1)


def test_left_before_it_began_the_application_is_not_called() -> None:
    """A job that was taken just when the task left does nothing."""
    content = Content(iter([b"a"]))
    call = make_call(content)

    must_close = call.leave()
    call.begin()

    assert (False, None, 0) == (must_close, call.head, content.closed)


def test_left_inside_the_call_closes_what_it_returns() -> None:
    """What the application returns when nobody waits any more is closed by the thread that has it."""
    content = Content(iter([b"a"]))

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        assert not call.leave()
        start_response("200 OK", [])
        return content

    call = WSGICall(application, "app", asyncio.new_event_loop())
    call.environ = {}
    call.begin()
    call._loop.close()

    assert (1, True) == (content.closed, call.is_closed)


def test_closing_is_done_once() -> None:
    """Two who close at the same time close once."""
    content = Content(iter([b"a", b"b"]))
    call = make_call(content)
    call.begin()
    threads = [threading.Thread(target=call.close_here) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert 1 == content.closed


@pytest.mark.parametrize("place", ["call", "content", "later"])
@pytest.mark.parametrize("raised", [ValueError("broken"), SystemExit(1), KeyboardInterrupt(), GeneratorExit()])
def test_what_is_raised(place: str, raised: BaseException) -> None:
    """An exception comes out as it is; what would end the process counts as a mistake of this request."""

    def pieces() -> Iterator[bytes]:
        if place == "later":
            yield b"a"
        raise raised

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        start_response("200 OK", [])
        if place == "call":
            raise raised
        return content

    content = Content(pieces())
    call = WSGICall(application, "app", asyncio.new_event_loop())
    call._loop.close()
    call.environ = {}
    if place == "later":
        call.begin()
    with pytest.raises((ValueError, ProgrammerError)) as caught:
        (call.go_on if place == "later" else call.begin)()

    assert isinstance(raised, ValueError) == (caught.value is raised)
    assert (0 if place == "call" else 1) == content.closed


def test_write_fails_when_nobody_takes_it() -> None:
    """A thread that writes more than is taken waits, and is woken with an error when the task leaves."""
    loop = Loop()
    errors: list[BaseException] = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        write = start_response("200 OK", [])
        waits.set()
        try:
            write(b"x" * MAX_WAITING_BYTES)
        except RequestGone as error:
            errors.append(error)
            raise
        return []

    waits = threading.Event()
    call = WSGICall(application, "app", cast("Any", loop))
    call.environ = {}

    def run() -> None:
        with pytest.raises(RequestGone):
            call.begin()

    thread = threading.Thread(target=run)
    thread.start()
    waits.wait(5)
    while not call.pieces:
        pass
    call.leave()
    thread.join(5)

    assert (1, 1) == (len(errors), loop.calls)


@pytest.mark.parametrize("when", ["before-it-writes", "while-it-waits"])
def test_write_fails_when_the_loop_is_closed(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread does not wait for a loop that is gone."""
    monkeypatch.setattr("costrel.mounts.wsgi_call._LOOK_SECONDS", 0.01)
    loop = Loop()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        write = start_response("200 OK", [])
        if when == "before-it-writes":
            loop.closed = True
            write(b"x")
        else:
            write(b"x")
            loop.closed = True
            write(b"x" * MAX_WAITING_BYTES)
        return []

    call = WSGICall(application, "app", cast("Any", loop))
    call.environ = {}
    with pytest.raises(RequestGone):
        call.begin()

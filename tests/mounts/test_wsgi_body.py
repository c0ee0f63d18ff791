"""The task's side of a call: it waits for threads, serves them, and leaves none of its own things open."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from costrel.app import App
from costrel.errors import ClientDisconnected, ServiceUnavailable
from costrel.execution import LoopState
from costrel.messages import Request, Response
from costrel.mounts import WSGIMount
from costrel.mounts.wsgi_body import WSGIBody


class Exchange:
    """An exchange whose client may leave, and whose body never comes."""

    peer = None
    tls = None
    channel = None
    request_trailers = None
    status_code = 0

    def __init__(self, loop_state: LoopState) -> None:
        self.loop_state = loop_state
        self.is_disconnected = False
        self.is_read = asyncio.Event()
        self._gone: asyncio.Future[None] = loop_state.loop.create_future()
        self._callbacks: list[Callable[[], None]] = []

    def take_arrived(self, max_bytes: int) -> bytes | None:
        return None

    async def read_body(self, max_bytes: int) -> bytes:
        self.is_read.set()
        await self._gone
        raise ClientDisconnected

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def disconnect(self) -> None:
        self.is_disconnected = True
        self._gone.set_result(None)
        for callback in self._callbacks:
            callback()


class Content:
    """Content that counts how often it was closed, and tells of it."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.closed = 0
        self.is_closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        self.closed += 1
        self.is_closed.set()


async def make_request(*, has_content: bool = False) -> tuple[Request, Exchange]:
    exchange = Exchange(LoopState.start(asyncio.get_running_loop()))
    request = Request("POST", "/", b"/", b"", [], cast("Any", exchange), has_content=has_content)
    request.app = App("outer", extensions=())
    return request, exchange


def streaming(content: Any) -> WSGIMount:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        start_response("200 OK", [])
        return content

    return WSGIMount(application, name="app")


async def wait_for(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 5)


async def open_body(content: Any) -> tuple[Request, Exchange, WSGIBody]:
    request, exchange = await make_request()
    response = await streaming(content).dispatch(request)
    assert isinstance(response.body, WSGIBody)
    return request, exchange, response.body


def test_client_that_leaves_is_noticed_while_the_application_waits() -> None:
    """The task does not wait for a piece that nobody will see; the thread closes the content when it comes out."""
    may_go_on, waits = threading.Event(), threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"first"
        waits.set()
        may_go_on.wait(5)
        yield b"second"

    async def main() -> None:
        content = Content(pieces())
        _, exchange, body = await open_body(content)
        assert b"first" == await anext(body)
        task = asyncio.create_task(cast("Any", anext(body)))
        await wait_for(waits)
        exchange.disconnect()
        with pytest.raises(ClientDisconnected):
            await asyncio.wait_for(task, 5)
        await asyncio.wait_for(body.aclose(), 5)
        assert (0, 1) == (content.closed, exchange.loop_state.stats().begun.abandoned)
        may_go_on.set()
        await wait_for(content.is_closed)
        await exchange.loop_state.aclose(5)
        assert (1, 0) == (content.closed, exchange.loop_state.stats().begun.abandoned)

    asyncio.run(main())


def test_client_that_leaves_while_the_application_reads_ends_the_request() -> None:
    """The read fails with an `OSError`; whatever the application answers then, the request ends as disconnected."""
    seen: list[BaseException] = []
    content = Content(iter([b"answer"]))

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            seen.append(error)
        start_response("400 Bad Request", [])
        return content

    async def main() -> None:
        request, exchange = await make_request(has_content=True)
        task = asyncio.ensure_future(WSGIMount(application).dispatch(request))
        await asyncio.wait_for(exchange.is_read.wait(), 5)
        exchange.disconnect()
        with pytest.raises(ClientDisconnected):
            await asyncio.wait_for(task, 5)
        await wait_for(content.is_closed)
        await exchange.loop_state.aclose(5)

    asyncio.run(main())

    assert (1, 1) == (len(seen), content.closed)


@pytest.mark.parametrize("reads", [True, False], ids=["while-it-reads", "while-it-works"])
def test_cancelled_request_leaves_nothing_open(reads: bool) -> None:
    """The cancellation goes up at once, the thread is counted, woken if it waits, and closes what it has."""
    may_go_on, has_begun = threading.Event(), threading.Event()
    content = Content(iter([b"late"]))

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        has_begun.set()
        if reads:
            try:
                environ["wsgi.input"].read()
            except OSError:
                pass
        may_go_on.wait(5)
        start_response("200 OK", [])
        return content

    async def main() -> list[int]:
        request, exchange = await make_request(has_content=True)
        task = asyncio.ensure_future(WSGIMount(application).dispatch(request))
        if reads:
            await asyncio.wait_for(exchange.is_read.wait(), 5)
        else:
            await wait_for(has_begun)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        counts = [exchange.loop_state.stats().handlers.abandoned]
        may_go_on.set()
        await wait_for(content.is_closed)
        assert 0 == await exchange.loop_state.handlers.close(5)
        counts.append(exchange.loop_state.stats().handlers.abandoned)
        await exchange.loop_state.aclose(5)
        return counts

    assert ([1, 0], 1) == (asyncio.run(main()), content.closed)


def test_cancelled_while_it_waits_for_a_thread_the_application_is_not_called() -> None:
    """A job that no thread has taken is withdrawn."""
    called: list[int] = []
    may_go_on = threading.Event()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        called.append(1)
        may_go_on.wait(5)
        start_response("200 OK", [])
        return [b"x"]

    async def main() -> None:
        mount = WSGIMount(application, threads=1)
        first, exchange = await make_request()
        second, _ = await make_request()
        second.exchange = first.exchange
        async with mount.lifespan(exchange.loop_state):
            running = asyncio.ensure_future(mount.dispatch(first))
            waiting = asyncio.ensure_future(mount.dispatch(second))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            may_go_on.set()
            assert b"x" == (await running).body
        await exchange.loop_state.aclose(5)

    asyncio.run(main())

    assert [1] == called


def test_no_thread_in_time_is_unavailable() -> None:
    """A lane that is closed refuses the request, and the application is not called."""

    async def main() -> None:
        request, exchange = await make_request()
        await exchange.loop_state.aclose(5)
        with pytest.raises(ServiceUnavailable):
            await streaming([b"x"]).dispatch(request)

    asyncio.run(main())


def test_closing_after_the_threads_have_gone() -> None:
    """When the application has been stopped meanwhile, the content is closed all the same."""
    content = Content(iter([b"a", b"b"]))

    async def main() -> None:
        _, exchange, body = await open_body(content)
        await exchange.loop_state.aclose(5)
        await body.aclose()
        await body.aclose()

    asyncio.run(main())

    assert 1 == content.closed


def test_cancelled_closing_is_done_by_somebody_else() -> None:
    """A request that is cancelled while it closes the content leaves that to a thread."""
    content = Content(iter([b"a", b"b"]))
    may_go_on = threading.Event()

    async def main() -> None:
        _, exchange, body = await open_body(content)
        cleanup = exchange.loop_state.cleanup
        blockers = [cleanup.submit(may_go_on.wait, 5) for _ in range(exchange.loop_state.settings.cleanup_threads)]
        task = asyncio.ensure_future(body.aclose())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        may_go_on.set()
        await asyncio.gather(*blockers)
        await wait_for(content.is_closed)
        await exchange.loop_state.aclose(5)

    asyncio.run(main())

    assert 1 == content.closed


def test_body_that_was_closed_has_ended() -> None:
    """After `aclose` there is nothing more to take."""

    async def main() -> list[bytes]:
        _, exchange, body = await open_body(Content(iter([b"a", b"b"])))
        await body.aclose()
        taken = [piece async for piece in body]
        await exchange.loop_state.aclose(5)
        return taken

    assert [] == asyncio.run(main())


def test_what_came_before_a_failure_is_sent() -> None:
    """Content that a hop has handed over before it failed is not lost."""

    def pieces() -> Iterator[bytes]:
        yield b"a"
        yield b"b"
        raise ValueError("broken")

    async def main() -> bytes:
        _, exchange, body = await open_body(Content(pieces()))
        taken = b""
        while len(taken) < 2:
            taken += await anext(body)
        with pytest.raises(ValueError, match="broken"):
            await anext(body)
        await body.aclose()
        await exchange.loop_state.aclose(5)
        return taken

    assert b"ab" == asyncio.run(main())


def test_the_application_may_read_while_its_content_is_sent() -> None:
    """An application that answers piece by piece with what it reads is fed while it is pulled."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"begin "
        while piece := environ["wsgi.input"].read(3):
            yield piece.upper()

    pieces = [b"abc", b"def", b"g"]

    async def main() -> bytes:
        request, exchange = await make_request(has_content=True)

        async def read_body(max_bytes: int) -> bytes:
            await asyncio.sleep(0)
            return pieces.pop(0) if pieces else b""

        vars(exchange)["read_body"] = read_body
        response: Response = await WSGIMount(application).dispatch(request)
        assert isinstance(response.body, WSGIBody)
        taken = b"".join([piece async for piece in response.body])
        await exchange.loop_state.aclose(5)
        return taken

    assert b"begin ABCDEFG" == asyncio.run(main())


@pytest.mark.parametrize("kind", ["list", "stream", "dropped", "read"])
def test_a_request_leaves_no_cycles(kind: str) -> None:
    """What a call is made of goes with its last reference, so the garbage collector has nothing to do."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if kind == "read":
            environ["wsgi.input"].read()
        start_response("200 OK", [])
        return [b"x"] if kind in ("list", "read") else iter([b"x", b"y"])

    mount = WSGIMount(application)

    async def one(state: LoopState) -> None:
        exchange = Exchange(state)

        async def no_body(max_bytes: int) -> bytes:
            await asyncio.sleep(0)
            return b""

        vars(exchange)["read_body"] = no_body
        request = Request("GET", "/", b"/", b"", [], cast("Any", exchange), has_content=kind == "read")
        response = await mount.dispatch(request)
        if kind == "stream":
            async for _ in cast("WSGIBody", response.body):
                pass
        await request.finish()
        # The exchange of a transport lets go of what has waited for the client to leave.
        exchange._callbacks.clear()
        vars(exchange).clear()

    async def main() -> int:
        state = LoopState.start(asyncio.get_running_loop())
        await one(state)
        await one(state)
        gc.collect()
        gc.disable()
        try:
            for _ in range(10):
                await one(state)
            return gc.collect()
        finally:
            gc.enable()
            await state.aclose(5)

    assert 0 == asyncio.run(main())

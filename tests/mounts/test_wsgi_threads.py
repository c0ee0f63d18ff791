"""In which threads a mounted WSGI application runs, how often, and who closes what it has made."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import flask
import pytest
from wsgi_programs import PLAIN, Counted, Environ, Start, answering, mounted

from costrel.errors import ProgrammerError
from costrel.execution import LoopState
from costrel.messages import Dispatch, Request, Response
from costrel.mounts import WSGIMount
from costrel.testing import AsyncTestClient, TestClient, capture_events


class Watch:
    """A layer that sees what the application has on its loop."""

    state: LoopState

    async def __call__(self, request: Request, call_next: Dispatch) -> Response:
        self.state = request.exchange.loop_state
        return await call_next(request)

    def hop_counts(self) -> list[int]:
        stats = self.state.stats()
        return [stats.handlers.done_count, stats.begun.done_count, stats.cleanup.done_count]


@pytest.mark.pain("P29")
@pytest.mark.parametrize(
    ("application", "hops"),
    [
        pytest.param(answering([b"a", b"b"]), 1, id="list"),
        pytest.param(answering([b"x" * 1_000_000]), 1, id="long-list"),
        pytest.param(answering(Counted([b"Hello"]), headers=[("Content-Length", "5")]), 1, id="declared-length"),
        pytest.param(
            answering(Counted([b"x" * 200_000]), headers=[("Content-Length", "200000")]), 1, id="one-long-piece"
        ),
        pytest.param(answering({b"only": 1}.keys()), 1, id="one-piece-by-len"),
        pytest.param(answering(Counted([])), 1, id="nothing"),
        pytest.param(answering(Counted([b"a", b"b"])), 2, id="unknown-length"),
        pytest.param(answering(Counted([b"x" * 65536] * 4)), 5, id="64-kib-each"),
    ],
)
def test_hops(application: Any, hops: int) -> None:
    """What is there as a whole takes one hop, closing included; the rest takes one for each 64 KiB."""
    watch = Watch()
    with TestClient(mounted(application, use=[watch])) as client:
        assert 200 == client.get("/old/").status_code
        assert hops == sum(watch.hop_counts())


def test_flask_is_one_hop() -> None:
    """A plain answer of Flask, which says its length and has a `close`, is one hop."""
    app = flask.Flask("old")
    app.add_url_rule("/", view_func=lambda: "Hello")
    watch = Watch()
    with TestClient(mounted(app, use=[watch])) as client:
        assert "Hello" == client.get("/old/").text
        assert [1, 0, 0] == watch.hop_counts()


def test_mount_may_have_threads_of_its_own() -> None:
    """With `threads` the calls are bounded by them, and named after the mount."""
    busy, most = 0, 0
    names: set[str] = set()
    lock = threading.Lock()
    together = threading.Barrier(2)

    def application(environ: Environ, start_response: Start) -> list[bytes]:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
            names.add(threading.current_thread().name.rstrip("0123456789"))
        together.wait(5)
        with lock:
            busy -= 1
        start_response("200 OK", PLAIN)
        return [b"ok"]

    app = mounted(application, threads=2)

    async def main() -> None:
        async with AsyncTestClient(app) as client:
            await asyncio.gather(*[client.get("/old/") for _ in range(8)])

    asyncio.run(main())

    assert (2, {"costrel-mount-old-"}) == (most, names)


def test_lanes_end_with_the_lifespan() -> None:
    """Leaving the lifespan ends the threads of the mount, and it can be entered again."""
    mount = WSGIMount(answering([b"a"]), threads=1, name="short")

    async def main() -> list[bool]:
        state = LoopState.start(asyncio.get_running_loop())
        found = []
        for _ in range(2):
            async with mount.lifespan(state):
                found.append(mount in state.values)
            found.append(mount in state.values)
        await state.aclose(1)
        return found

    assert [True, False] * 2 == asyncio.run(main())
    assert not [thread for thread in threading.enumerate() if "mount-short" in thread.name]


def test_number_of_threads_is_checked() -> None:
    """A mount without threads could never answer."""
    with pytest.raises(ValueError, match="1 or more"):
        WSGIMount(answering([]), threads=0)


async def drops(request: Request, call_next: Dispatch) -> Response:
    await call_next(request)
    return Response("dropped")


async def fails(request: Request, call_next: Dispatch) -> Response:
    await call_next(request)
    raise ValueError("layer")


def pieces_that_fail(after: int) -> Iterator[bytes]:
    for _ in range(after):
        yield b"x"
    raise ValueError("content")


@pytest.mark.pain("P29")
@pytest.mark.parametrize(
    "use", [pytest.param([], id="sent"), pytest.param([drops], id="dropped"), pytest.param([fails], id="layer-fails")]
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("make", "headers"),
    [
        pytest.param(list, [], id="nothing"),
        pytest.param(lambda: [b"a"], [("Content-Length", "1")], id="short"),
        pytest.param(lambda: [b"a", b"b", b"c"], [], id="unknown-length"),
        pytest.param(lambda: [b"x" * 65536] * 10, [], id="long"),
        pytest.param(lambda: pieces_that_fail(0), [], id="fails-at-once"),
        pytest.param(lambda: pieces_that_fail(2), [], id="fails-later"),
        pytest.param(lambda: pieces_that_fail(2), [("Content-Length", "5")], id="fails-in-the-first-hop"),
        pytest.param(lambda: [b"a", "b"], [], id="breaks-the-rules"),
    ],
)
def test_content_is_closed_once_and_in_a_thread(
    make: Any, headers: list[tuple[str, str]], method: str, use: list[Any]
) -> None:
    """Whatever becomes of the response, `close` is called once, by a worker thread."""
    content = Counted(make())
    app = mounted(answering(content, headers=headers), use=use)
    with TestClient(app, raise_app_exceptions=False) as client:
        try:
            client.request(method, "/old/")
        except Exception:
            # The content failed after the head was sent: the response is cut off.
            pass

    assert 1 == content.closed
    assert all(name.startswith("costrel-") for name in content.threads)


@pytest.mark.parametrize("status", ["OK", "200 OK"])
def test_content_is_closed_when_the_head_is_wrong(status: str) -> None:
    """A head that is refused, or that never came, leaves nothing open."""
    content = Counted([b"a"])

    def application(environ: Environ, start_response: Start) -> Any:
        try:
            start_response(status, [("A", "b\n")])
        except ProgrammerError:
            pass
        return content

    with TestClient(mounted(application), raise_app_exceptions=False) as client:
        assert 500 == client.get("/old/").status_code
    assert 1 == content.closed


def test_close_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The response is complete by then, so it is sent; the log has the error."""
    with TestClient(mounted(answering(Counted([b"a"], fails_in_close=True)))) as client:
        assert b"a" == client.get("/old/").content

    assert "wsgi_close_failed" in caplog.text


def test_client_that_leaves_ends_the_stream() -> None:
    """When nobody reads any more the content is closed, and no thread is left in it."""
    content = Counted(b"x" * 65536 for _ in iter(int, 1))
    with TestClient(mounted(answering(content))) as client, client.stream("GET", "/old/") as answer:
        next(answer.iter_bytes())

    assert 1 == content.closed


async def hurried(request: Request, call_next: Dispatch) -> Response:
    request.deadline_seconds = 0.05
    return await call_next(request)


def test_deadline_leaves_the_thread_behind() -> None:
    """The client gets 503 at once, the thread is counted, and closes the content itself when it comes out."""
    may_go_on, has_closed = threading.Event(), threading.Event()

    class Content(Counted):
        def close(self) -> None:
            super().close()
            has_closed.set()

    content = Content([b"late"])

    def application(environ: Environ, start_response: Start) -> Any:
        may_go_on.wait(5)
        start_response("200 OK", PLAIN)
        return content

    watch = Watch()
    app = mounted(application, use=[watch, hurried])

    async def main() -> tuple[int, str | None, int]:
        async with AsyncTestClient(app) as client:
            with capture_events(app, "worker_abandoned") as events:
                answer = await client.get("/old/")
            abandoned = watch.state.stats().handlers.abandoned
            may_go_on.set()
            assert ["old"] == [event.fields["handler"] for event in events]
            return answer.status_code, answer.headers.get("retry-after"), abandoned

    assert (503, "1", 1) == asyncio.run(main())
    assert has_closed.wait(5)
    assert 1 == content.closed


def test_deadline_wakes_a_thread_that_reads() -> None:
    """A thread that waits for content of the request gets an error when the request ends."""
    raised: list[str] = []
    has_ended = threading.Event()

    def application(environ: Environ, start_response: Start) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            raised.append(str(error))
            has_ended.set()
            raise
        return []

    async def body() -> Any:
        yield b"begun"
        await asyncio.sleep(30)

    async def main() -> int:
        async with AsyncTestClient(mounted(application, use=[hurried])) as client:
            return (await client.post("/old/", content=body())).status_code

    assert 503 == asyncio.run(main())
    assert has_ended.wait(5)
    assert ["The content of the request is not complete: The request has ended."] == raised


def test_answer_in_time_is_sent() -> None:
    """A deadline that is kept changes nothing."""
    with TestClient(mounted(answering([b"in time"]), use=[hurried])) as client:
        assert "in time" == client.get("/old/").text

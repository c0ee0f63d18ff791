"""Reading `wsgi.input` in a thread while the loop feeds it: it is a file like any other, and never hangs."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given, settings, strategies as st

from costrel.app import App
from costrel.errors import BadRequest, BodyStreamed, ClientDisconnected, ContentTooLarge, RequestTimeout
from costrel.execution import Caller, LoopState
from costrel.messages import STREAMED, Request
from costrel.mounts.wsgi_input import ArrivingContent, RequestGone, open_content, open_kept_content

Step = Callable[[BinaryIO], object]


class Exchange:
    """An exchange that gives pieces of a body, or raises what stands among them."""

    peer = None
    tls = None
    channel = None
    request_trailers = None
    status_code = 0
    is_disconnected = False

    def __init__(self, loop_state: LoopState, pieces: Sequence[bytes | BaseException], arrived: bytes | None) -> None:
        self.loop_state = loop_state
        self.asked: list[int] = []
        self._pieces = list(pieces)
        self._arrived = arrived

    def take_arrived(self, max_bytes: int) -> bytes | None:
        self.asked.append(max_bytes)
        return self._arrived if self._arrived is not None and len(self._arrived) <= max_bytes else None

    async def read_body(self, max_bytes: int) -> bytes:
        await asyncio.sleep(0)
        if not self._pieces:
            return b""
        piece = self._pieces.pop(0)
        if isinstance(piece, BaseException):
            raise piece
        return piece


def make_request(
    pieces: Sequence[bytes | BaseException],
    headers: Sequence[tuple[bytes, bytes]] = (),
    arrived: bytes | None = None,
) -> tuple[Request, Exchange]:
    exchange = Exchange(LoopState.start(asyncio.get_running_loop()), pieces, arrived)
    request = Request("POST", "/", b"/", b"", list(headers), cast("Any", exchange))
    request.app = App("outer", extensions=())
    return request, exchange


async def feed_until(arriving: ArrivingContent, wanted: asyncio.Event, thread: threading.Thread) -> None:
    """Do what the request's task does: answer the thread each time it asks."""
    async with asyncio.timeout(5):
        while thread.is_alive():
            wanted.clear()
            if arriving.is_wanted:
                await arriving.feed()
            else:
                try:
                    await asyncio.wait_for(wanted.wait(), 0.002)
                except TimeoutError:
                    pass


def read_in_thread(
    pieces: Sequence[bytes | BaseException],
    read: Step,
    *,
    headers: Sequence[tuple[bytes, bytes]] = (),
    max_body_bytes: int | None = None,
    prepare: Callable[[Request], object] = lambda request: None,
) -> tuple[list[object], BaseException | None]:
    """Read in a thread; return what the thread got or the error that it saw, and why the content is not complete."""
    results: list[object] = []

    async def main() -> BaseException | None:
        request, _ = make_request(pieces, headers)
        request.max_body_bytes = max_body_bytes
        prepare(request)
        wanted = asyncio.Event()
        arriving = ArrivingContent(request, wanted.set)
        file = open_content(arriving)

        def run() -> None:
            try:
                results.append(read(file))
            except OSError as error:
                results.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        await feed_until(arriving, wanted, thread)
        await request.exchange.loop_state.aclose(1)
        return arriving.failure

    return results, asyncio.run(main())


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(0, 200)),
        st.tuples(st.just("read"), st.sampled_from([-1, None])),
        st.tuples(st.just("readline"), st.integers(-1, 30)),
        st.tuples(st.just("readlines"), st.integers(1, 60)),
        st.tuples(st.just("readinto"), st.integers(1, 90)),
        st.tuples(st.just("next"), st.none()),
    ),
    max_size=12,
)


def apply(file: Any, steps: list[tuple[str, Any]]) -> list[object]:
    """Do the same with any file, and return all that it gave."""
    given: list[object] = []
    for name, argument in steps:
        if name == "next":
            given.append(next(file, b"the end"))
        elif name == "readinto":
            buffer = bytearray(argument)
            size = file.readinto(buffer)
            given.append(bytes(buffer[:size]))
        else:
            given.append(getattr(file, name)(argument))
    return [*given, file.read()]


@pytest.mark.pain("P29")
@given(
    pieces=st.lists(st.binary(min_size=1, max_size=100).map(lambda piece: piece.replace(b"a", b"\n")), max_size=12),
    steps=STEPS,
    is_declared=st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_it_reads_like_a_file(pieces: list[bytes], steps: list[tuple[str, Any]], is_declared: bool) -> None:
    """However the content is cut and whatever is called, what comes is what a buffered file gives."""
    content = b"".join(pieces)
    headers = [(b"content-length", b"%d" % len(content))] if is_declared else []

    results, failure = read_in_thread(pieces, lambda file: apply(file, steps), headers=headers)

    assert ([apply(io.BufferedReader(io.BytesIO(content)), steps)], None) == (results, failure)


def test_nobody_asks_beyond_the_declared_length() -> None:
    """When as much has come as was declared, the end is known without waiting for it."""
    results, failure = read_in_thread(
        [b"12345", AssertionError("asked once too often")],
        lambda file: (file.read(), file.read(), file.readline()),
        headers=[(b"content-length", b"5")],
    )

    assert ([(b"12345", b"", b"")], None) == (results, failure)


@pytest.mark.parametrize(
    ("pieces", "headers", "limit", "kind"),
    [
        pytest.param([b"12", ClientDisconnected()], [], None, ClientDisconnected, id="client-leaves"),
        pytest.param([b"12"], [(b"content-length", b"5")], None, ClientDisconnected, id="ends-too-early"),
        pytest.param([b"123456"], [(b"content-length", b"5")], None, BadRequest, id="longer-than-declared"),
        pytest.param([b"12", b"345"], [], 4, ContentTooLarge, id="over-the-limit"),
        pytest.param([b"12", RequestTimeout("slow")], [], None, RequestTimeout, id="too-slow"),
    ],
)
def test_what_is_not_complete_is_an_error(
    pieces: list[bytes | BaseException], headers: list[tuple[bytes, bytes]], limit: int | None, kind: type
) -> None:
    """The thread gets an `OSError`, at each later read too, and the reason is kept for the request."""

    def read(file: BinaryIO) -> object:
        with pytest.raises(RequestGone):
            file.read(1000)
        return file.read(1)

    results, failure = read_in_thread(pieces, read, headers=headers, max_body_bytes=limit)

    assert (RequestGone, kind) == (type(results[0]), type(failure))


def test_content_that_somebody_has_taken() -> None:
    """A stream that was handed over before is a mistake, not an empty body."""
    results, failure = read_in_thread(
        [b"1"], lambda file: file.read(), prepare=lambda request: request.take_stream("layer")
    )

    assert (RequestGone, BodyStreamed) == (type(results[0]), type(failure))


def test_the_request_knows_that_it_was_taken() -> None:
    """From the first piece on nobody else can read the content."""
    kept: list[Request] = []

    read_in_thread([b"1"], lambda file: file.read(), prepare=kept.append)

    assert kept[0].content is STREAMED


def test_abandoning_wakes_the_thread() -> None:
    """Whoever ends the request wakes a thread that waits, and one that comes later never begins to wait."""
    errors: list[BaseException] = []

    async def main() -> None:
        request, _ = make_request([])
        asked = asyncio.Event()
        arriving = ArrivingContent(request, asked.set)
        file = open_content(arriving)

        def read() -> None:
            for _ in range(2):
                try:
                    file.read(1)
                except RequestGone as error:
                    errors.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        await asyncio.wait_for(asked.wait(), 5)
        arriving.abandon()
        await asyncio.to_thread(thread.join, 5)
        assert not thread.is_alive()

    asyncio.run(main())

    assert 2 == len(errors)


def test_cancelled_task_wakes_the_thread() -> None:
    """A task that is cancelled while it waits for the client leaves no thread waiting."""
    woken = threading.Event()

    async def main() -> None:
        request, exchange = make_request([])
        asked = asyncio.Event()
        arriving = ArrivingContent(request, asked.set)

        async def forever(max_bytes: int) -> bytes:
            await asyncio.sleep(30)
            return b""

        vars(exchange)["read_body"] = forever

        def read() -> None:
            try:
                open_content(arriving).read(1)
            except RequestGone:
                woken.set()

        thread = threading.Thread(target=read)
        thread.start()
        await asyncio.wait_for(asked.wait(), 5)
        task = asyncio.create_task(arriving.feed())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(thread.join, 5)

    asyncio.run(main())

    assert woken.is_set()


@pytest.mark.parametrize("is_closed_before", [True, False], ids=["before-it-asks", "while-it-waits"])
def test_closed_loop_wakes_the_thread(is_closed_before: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that is gone answers nobody, so the thread gives up by itself."""
    monkeypatch.setattr("costrel.mounts.wsgi_input._LOOK_SECONDS", 0.01)
    loop = asyncio.new_event_loop()

    async def make() -> ArrivingContent:
        request, _ = make_request([])
        return ArrivingContent(request, lambda: None)

    arriving = loop.run_until_complete(make())
    errors: list[BaseException] = []

    def read() -> None:
        try:
            arriving.readall()
        except RequestGone as error:
            errors.append(error)

    if is_closed_before:
        loop.close()
    thread = threading.Thread(target=read)
    thread.start()
    if not is_closed_before:
        while not arriving.is_wanted:
            pass
        loop.close()
    thread.join(5)

    assert 1 == len(errors)


def test_calling_thread_reads_from_its_server_while_it_waits() -> None:
    """A thread that has called us runs what is submitted to it meanwhile, and keeps what it is told for later."""
    results: list[object] = []

    async def main() -> None:
        request, exchange = make_request([])
        caller = request.worker.caller = Caller(asyncio.get_running_loop())
        pieces = [b"one ", b"two"]

        async def read_body(max_bytes: int) -> bytes:
            caller.tell("something else")
            return await caller.submit(lambda _: pieces.pop(0) if pieces else b"", None)

        vars(exchange)["read_body"] = read_body
        wanted = asyncio.Event()
        arriving = ArrivingContent(request, wanted.set)

        def run() -> None:
            results.append(open_content(arriving).read())
            results.extend(caller.wait(5) for _ in range(3))

        thread = threading.Thread(target=run)
        thread.start()
        await feed_until(arriving, wanted, thread)

    asyncio.run(main())

    assert [b"one two", *["something else"] * 3] == results


@pytest.mark.parametrize(
    ("headers", "is_kept"),
    [
        pytest.param([], True, id="plain"),
        pytest.param([(b"content-type", b"application/json")], True, id="json"),
        pytest.param([(b"content-type", b"multipart/form-data; boundary=a")], False, id="form"),
        pytest.param([(b"content-encoding", b"gzip")], False, id="compressed"),
    ],
)
def test_content_that_has_arrived_is_taken_at_once(headers: list[tuple[bytes, bytes]], is_kept: bool) -> None:
    """Nobody waits for what is here; later layers find it again unless it would have to be taken apart."""

    async def main() -> tuple[bytes, int, object]:
        request, _ = make_request([], headers, arrived=b"arrived")
        kept = open_kept_content(request)
        assert kept is not None
        return kept[0].read(), kept[1], request.content

    assert (b"arrived", 7, b"arrived" if is_kept else STREAMED) == asyncio.run(main())


@pytest.mark.parametrize(("limit", "asked"), [(None, 1024 * 1024), (10, 10)])
def test_limit_holds_for_what_has_arrived(limit: int | None, asked: int) -> None:
    """No more is taken than the limit allows."""

    async def main() -> list[int]:
        request, exchange = make_request([])
        request.max_body_bytes = limit
        assert open_kept_content(request) is None
        return exchange.asked

    assert [asked] == asyncio.run(main())


def test_content_that_was_taken_is_not_asked_for() -> None:
    """What somebody has streamed is not taken from under them."""

    async def main() -> list[int]:
        request, exchange = make_request([], arrived=b"x")
        request.take_stream("layer")
        assert open_kept_content(request) is None
        return exchange.asked

    assert [] == asyncio.run(main())

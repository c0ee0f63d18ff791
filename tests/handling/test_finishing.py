"""Where streams begin, and who closes them when their request is given up meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from costrel.errors import Forbidden
from costrel.handling import HookSpec, Provider, ProviderTable
from costrel.messages import EventStream, Response, StreamResponse

WAIT_SECONDS = 5.0


class Resource:
    """What the provider of these tests makes."""


def providers(log: list[Any]) -> ProviderTable:
    """Make a table with a provider that logs how it is left."""

    def make() -> Iterator[Resource]:
        try:
            yield Resource()
        except BaseException as failure:
            log.append(type(failure).__name__)
            raise
        else:
            log.append("committed")

    return ProviderTable([Provider(Resource, make)])


def lane() -> str:
    """Return the lane of the running thread."""
    return threading.current_thread().name.split("-")[1]


@pytest.mark.parametrize("role", ["none", "before", "after"])
@pytest.mark.parametrize("has_provider", [False, True], ids=["plain", "with-provider"])
def test_a_stream_begins_in_the_thread_of_its_handler(kit: Any, has_provider: bool, role: str) -> None:
    """The first piece costs no hop of its own; whatever comes after it never waits behind a handler."""
    threads: list[threading.Thread] = []
    lanes: list[str] = []

    def pieces() -> Iterator[str]:
        threads.append(threading.current_thread())
        yield "a"
        lanes.append(f"piece on {lane()}")
        yield "b"

    def handle() -> Iterator[str]:
        threads.append(threading.current_thread())
        return pieces()

    def handle_with(resource: Resource) -> Iterator[str]:
        return handle()

    def hook() -> None:
        lanes.append(f"{role} on {lane()}")

    options: dict[str, Any] = {} if role == "none" else {role: (HookSpec(hook),)}
    endpoint = kit.compile(handle_with if has_provider else handle, providers=providers([]), **options)

    async def main(client: Any) -> int:
        answer = await client.call(endpoint)
        assert (200, b"ab") == (answer.status, answer.body)
        return client.loop_state.handlers.stats().done_count

    assert 1 == kit.run(main)
    assert threads[0] is threads[1]
    hooks = {"none": [], "before": ["before on handlers"], "after": ["after on begun"]}
    assert [*hooks[role], "piece on begun"] == lanes


def text_or_bytes(piece: object) -> Callable[..., Any]:
    """Make a plain stream of one piece."""
    return lambda: iter([piece])


@pytest.mark.capability("C040")
@pytest.mark.parametrize("kind", ["def", "generator", "async", "hook", "layer"])
@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        pytest.param("a", "text/html; charset=utf-8", id="text"),
        pytest.param(b"a", "application/octet-stream", id="bytes"),
    ],
)
def test_the_first_piece_decides_the_media_type(kit: Any, kind: str, piece: object, expected: str) -> None:
    """Whoever starts a stream lets its first piece say what it is."""
    make = text_or_bytes(piece)
    options: dict[str, Any] = {}

    def plain() -> Any:
        return make()

    def generator() -> Any:
        yield piece

    async def with_async() -> Any:
        return make()

    def other() -> str:
        return "other"

    async def layer(request: Any, call_next: Any) -> Response:
        return StreamResponse(make())

    if kind == "hook":
        options = {"before": (HookSpec(plain),)}
    elif kind == "layer":
        options = {"layers": (layer,)}
    handler = {"def": plain, "generator": generator, "async": with_async}.get(kind, other)
    handler.__annotations__ = {}
    answer = kit.call(handler, **options)

    assert (200, b"a", expected) == (answer.status, answer.body, answer.headers["content-type"])


@pytest.mark.pain("P22")
@pytest.mark.parametrize("has_provider", [False, True], ids=["plain", "with-provider"])
def test_a_stream_that_fails_at_once_is_an_error_response(kit: Any, has_provider: bool) -> None:
    """What a generator raises before its first piece, in the thread of its handler, decides the answer."""
    log: list[str] = []

    def pieces() -> Iterator[str]:
        raise Forbidden
        yield ""

    def handle() -> Iterator[str]:
        return pieces()

    def handle_with(resource: Resource) -> Iterator[str]:
        return pieces()

    answer = kit.call(handle_with if has_provider else handle, providers=providers(log))

    assert (403, ["Forbidden"] if has_provider else []) == (answer.status, log)


def test_a_stream_whose_head_goes_first_does_not_begin_before(kit: Any) -> None:
    """Such a stream is not started by its handler's thread."""
    pulled: list[bool] = []

    def pieces() -> Iterator[str]:
        pulled.append(True)
        yield "a"

    def handle() -> EventStream:
        return EventStream(pieces())

    endpoint = kit.compile(handle)

    async def main(client: Any) -> object:
        seen: list[object] = []
        request = client.make_request()
        answer = await client.run(endpoint.dispatch, request, before_send=lambda _: seen.append(list(pulled)))
        return seen, answer.body

    assert ([[]], b"data: a\n\n") == kit.run(main)


def test_a_response_that_a_responder_made_belongs_to_its_exchange(kit: Any) -> None:
    """Also an event stream that no handler has seen ends with its exchange."""

    class Feed:
        pass

    async def handle() -> Feed:
        return Feed()

    def handle_in_thread() -> Feed:
        return Feed()

    async def pieces() -> AsyncIterator[str]:
        yield "a"

    handle.__annotations__ = handle_in_thread.__annotations__ = {}
    responders = {Feed: lambda _: EventStream(pieces())}
    answers = [kit.call(handler, responders=responders) for handler in (handle, handle_in_thread)]

    assert [True, True] == [answer.response.exchange is not None for answer in answers]


class Slow:
    """A stream whose first piece takes until somebody lets it go, and what happens to it."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.closed_in = ""
        self.has_begun = threading.Event()
        self.may_go_on = threading.Event()

    def __call__(self) -> Iterator[str]:
        self.has_begun.set()
        self.may_go_on.wait(WAIT_SECONDS)
        try:
            yield "a"
        finally:
            self.closed_in = threading.current_thread().name
            self.log.append("closed")

    async def until_begun(self) -> None:
        """Wait on the loop until the thread is in the generator."""
        while not self.has_begun.is_set():
            await asyncio.sleep(0.001)

    async def until(self, last: str) -> list[Any]:
        """Wait until something is in the log; return the log."""
        ends_at = time.monotonic() + WAIT_SECONDS
        while last not in self.log and time.monotonic() < ends_at:
            await asyncio.sleep(0.001)
        return self.log


def slow_handler(slow: Slow, has_provider: bool) -> Callable[..., Any]:
    """Make a handler that returns a slow stream."""

    def handle() -> Iterator[str]:
        return slow()

    def handle_with(resource: Resource) -> Iterator[str]:
        return slow()

    return handle_with if has_provider else handle


ENDS = pytest.mark.parametrize(
    ("has_provider", "expected"),
    [
        pytest.param(False, ["closed"], id="plain"),
        pytest.param(True, ["closed", "RequestAbandoned"], id="with-provider"),
    ],
)


@pytest.mark.pain("P7")
@ENDS
def test_a_stream_that_a_deadline_leaves_in_its_first_piece_is_closed(
    kit: Any, has_provider: bool, expected: list[str]
) -> None:
    """The thread closes the generator, and only then what the generator used."""
    slow = Slow()
    endpoint = kit.compile(slow_handler(slow, has_provider), providers=providers(slow.log))

    async def main(client: Any) -> tuple[int, list[Any]]:
        request = client.make_request()
        request.deadline_seconds = 0.02
        task = asyncio.ensure_future(client.run(endpoint.dispatch, request))
        await slow.until_begun()
        await asyncio.sleep(0.04)
        slow.may_go_on.set()
        answer = await asyncio.wait_for(task, WAIT_SECONDS)
        return answer.status, await slow.until(expected[-1])

    assert (503, expected) == kit.run(main)


@ENDS
def test_a_stream_that_began_for_a_cancelled_task_is_closed(kit: Any, has_provider: bool, expected: list[str]) -> None:
    """A cancellation that comes after the thread is through, and before the task knows, leaves nothing open."""
    slow = Slow()
    endpoint = kit.compile(slow_handler(slow, has_provider), providers=providers(slow.log))

    async def main(client: Any) -> list[Any]:
        task = asyncio.ensure_future(client.run(endpoint.dispatch, client.make_request()))
        await slow.until_begun()
        slow.may_go_on.set()
        ends_at = time.monotonic() + WAIT_SECONDS
        while client.loop_state.handlers.stats().busy and time.monotonic() < ends_at:
            time.sleep(0.001)  # the loop is kept from delivering the result
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return slow.log

    last = {"RequestAbandoned": "CancelledError"}
    assert [last.get(entry, entry) for entry in expected] == kit.run(main)
    assert "costrel-cleanup" in slow.closed_in

"""When providers end: the table of lifetimes, streams, deadlines, lost clients."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from costrel.errors import ClientDisconnected, Conflict, Forbidden, RequestAbandoned
from costrel.execution import Outcome
from costrel.handling import HookSpec, Provider, ProviderTable, start_app_providers
from costrel.messages import Response


class Resource:
    """What the providers of these tests make."""


def provider_of(log: list[str], lifetime: Any, is_async: bool, on_commit: Callable[[], None] | None = None) -> Provider:
    """Make a provider that logs its commit or rollback, and its close."""

    def leave(failure: BaseException | None) -> None:
        if failure is None:
            if on_commit is not None:
                on_commit()
            log.append("commit")
        else:
            log.append(f"rollback {type(failure).__name__}")

    def make() -> Iterator[Resource]:
        log.append("open")
        try:
            yield Resource()
        except BaseException as failure:
            leave(failure)
            raise
        else:
            leave(None)
        finally:
            log.append("close")

    async def make_async() -> AsyncIterator[Resource]:
        log.append("open")
        try:
            yield Resource()
        except BaseException as failure:
            leave(failure)
            raise
        else:
            leave(None)
        finally:
            log.append("close")

    return Provider(Resource, make_async if is_async else make, lifetime)


def handler_of(kind: str, log: list[str], is_async: bool) -> Callable[..., Any]:
    """Make a handler that ends in one of the ways of the table."""

    def act() -> object:
        log.append("handler")
        if kind == "http-error":
            raise Forbidden
        if kind == "exception":
            raise LookupError
        if kind.startswith("stream"):
            return stream()
        return "done"

    def stream() -> Iterator[str]:
        for number in range(5):
            if kind == "stream-fails" and number == 3:
                raise LookupError
            yield f"{number}"
        log.append("streamed")

    if is_async:

        async def handle_async(resource: Resource):
            return act()

        return handle_async

    def handle(resource: Resource):
        return act()

    return handle


# What is logged between "open" and the end, for each way a request can end; "sent" marks the last byte.
LIFETIMES = [
    pytest.param("normal", "handler", ["handler", "commit", "close", "sent"], id="normal-handler"),
    pytest.param("normal", "response", ["handler", "sent", "commit", "close"], id="normal-response"),
    pytest.param("normal", "app", ["handler", "sent"], id="normal-app"),
    pytest.param("http-error", "handler", ["handler", "rollback Forbidden", "close", "sent"], id="http-error-handler"),
    pytest.param(
        "http-error", "response", ["handler", "sent", "rollback Forbidden", "close"], id="http-error-response"
    ),
    pytest.param("http-error", "app", ["handler", "sent"], id="http-error-app"),
    pytest.param("exception", "handler", ["handler", "rollback LookupError", "close", "sent"], id="exception-handler"),
    pytest.param(
        "exception", "response", ["handler", "sent", "rollback LookupError", "close"], id="exception-response"
    ),
    pytest.param("exception", "app", ["handler", "sent"], id="exception-app"),
    pytest.param("stream", "handler", ["handler", "streamed", "commit", "close", "sent"], id="stream-handler"),
    pytest.param("stream", "response", ["handler", "streamed", "sent", "commit", "close"], id="stream-response"),
    pytest.param("stream", "app", ["handler", "streamed", "sent"], id="stream-app"),
    pytest.param(
        "stream-fails", "handler", ["handler", "rollback LookupError", "close", "sent"], id="stream-that-fails-handler"
    ),
    pytest.param(
        "stream-fails",
        "response",
        ["handler", "sent", "rollback LookupError", "close"],
        id="stream-that-fails-response",
    ),
    pytest.param("stream-fails", "app", ["handler", "sent"], id="stream-that-fails-app"),
    pytest.param(
        "stream-aborted", "handler", ["handler", "rollback GeneratorExit", "close", "sent"], id="stream-aborted-handler"
    ),
    pytest.param(
        "stream-aborted",
        "response",
        ["handler", "sent", "rollback GeneratorExit", "close"],
        id="stream-aborted-response",
    ),
    pytest.param("stream-aborted", "app", ["handler", "sent"], id="stream-aborted-app"),
    pytest.param("background", "handler", ["handler", "commit", "close", "sent", "worked"], id="background-handler"),
    pytest.param("background", "response", ["handler", "sent", "commit", "close", "worked"], id="background-response"),
    pytest.param("background", "app", ["handler", "sent", "worked"], id="background-app"),
]


@pytest.mark.pain("P5")
@pytest.mark.parametrize("is_async_provider", [False, True], ids=["sync-provider", "async-provider"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync-handler", "async-handler"])
@pytest.mark.parametrize(("kind", "lifetime", "expected"), LIFETIMES)
def test_exits_run_when_their_lifetime_says(
    kit: Any, kind: str, lifetime: str, expected: list[str], is_async: bool, is_async_provider: bool
) -> None:
    """The table of lifetimes: which exit runs when, and what it sees."""
    log: list[str] = []
    table = ProviderTable([provider_of(log, lifetime, is_async_provider)])
    endpoint = kit.compile(handler_of(kind, log, is_async), providers=table)

    async def main(client: Any) -> None:
        values = await start_app_providers(table, client.loop_state)
        request = client.make_request()
        request.on_end(lambda _: log.append("sent"))
        if kind == "background":

            async def work() -> None:
                log.append("worked")

            request.on_end(lambda _: None)
        await client.run(endpoint.dispatch, request, stop_after=2 if kind == "stream-aborted" else None)
        if kind == "background":
            client.loop_state.supervisor.spawn(work, origin="test")
            await client.loop_state.supervisor.drain(1.0)
        log.append("end")
        await values.aclose()

    # The callback "sent" was registered first, so it runs last; its place is computed from the exits after it.
    kit.run(main)
    assert "open" == log[0]
    seen = log[1 : log.index("end")]
    if lifetime == "response":
        without_sent = [entry for entry in expected if entry != "sent"]
        assert without_sent == [entry for entry in seen if entry != "sent"]
    else:
        assert expected == seen
    if lifetime == "app":
        assert ["commit", "close"] == log[log.index("end") + 1 :]


@pytest.mark.pain("P5")
@pytest.mark.parametrize("is_async_provider", [False, True], ids=["sync-provider", "async-provider"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync-handler", "async-handler"])
def test_a_commit_that_fails_is_the_answer(kit: Any, is_async: bool, is_async_provider: bool) -> None:
    """An exit of the handler lifetime that raises becomes the response, before anything is sent."""
    log: list[str] = []

    def refuse() -> None:
        raise Conflict("taken")

    table = ProviderTable([provider_of(log, None, is_async_provider, refuse)])
    answer = kit.call(handler_of("normal", log, is_async), providers=table)

    assert 409 == answer.status


@pytest.mark.pain("P22")
@pytest.mark.parametrize("is_async", [False, True], ids=["sync-handler", "async-handler"])
def test_a_commit_that_fails_after_the_last_chunk_aborts_the_stream(kit: Any, is_async: bool) -> None:
    """A stream whose exit fails never ends cleanly."""
    log: list[str] = []

    def refuse() -> None:
        raise Conflict("taken")

    table = ProviderTable([provider_of(log, None, False, refuse)])
    answer = kit.call(handler_of("stream", log, is_async), providers=table)

    assert (200, True) == (answer.status, answer.is_aborted)


def test_a_stream_that_a_hook_drops_still_ends_its_providers(kit: Any) -> None:
    """Providers of a stream that is never sent end when the exchange is over."""
    log: list[str] = []

    async def replace(response: Response) -> str:
        return "other"

    table = ProviderTable([provider_of(log, None, True)])
    answer = kit.call(handler_of("stream", log, True), providers=table, after=(HookSpec(replace),))

    assert b"other" == answer.body
    assert ["open", "handler", "rollback GeneratorExit", "close"] == log


def test_exits_run_in_reverse_and_all_of_them(kit: Any) -> None:
    """Every exit runs although one raises, the last entered first, and each sees the exception in force."""
    log: list[str] = []
    first, second, third = (type(name, (), {}) for name in ("First", "Second", "Third"))

    def make(name: str, raises: bool = False) -> Callable[..., Any]:
        def factory() -> Iterator[str]:
            try:
                yield name
            except BaseException as failure:
                log.append(f"{name} {type(failure).__name__}")
                raise
            else:
                log.append(f"{name} ok")
                if raises:
                    raise Conflict

        return factory

    table = ProviderTable(
        [Provider(first, make("first")), Provider(second, make("second", raises=True)), Provider(third, make("third"))]
    )

    def handle(a: first, b: second, c: third) -> str:  # type: ignore[valid-type]
        return "x"

    handle.__annotations__ = {"a": first, "b": second, "c": third, "return": str}
    answer = kit.call(handle, providers=table)

    assert 409 == answer.status
    assert ["third ok", "second ok", "first Conflict"] == log


def test_a_provider_cannot_swallow_the_exception(kit: Any) -> None:
    """An exit that ends without raising leaves the exception in force."""

    def swallow() -> Iterator[Resource]:
        try:
            yield Resource()
        except Forbidden:
            pass

    answer = kit.call(handler_of("http-error", [], False), providers=ProviderTable([Provider(Resource, swallow)]))

    assert 403 == answer.status


@pytest.mark.parametrize("is_async", [False, True], ids=["sync-handler", "async-handler"])
def test_a_deadline_answers_503_and_nothing_commits(kit: Any, is_async: bool) -> None:
    """When the deadline is first, every provider sees `RequestAbandoned` and the client gets 503."""
    log: list[str] = []
    release = threading.Event()
    table = ProviderTable([provider_of(log, None, False), Provider(int, _async_provider(log))])

    def handle(resource: Resource) -> str:
        release.wait(5)
        log.append("returned")
        return "late"

    async def handle_async(resource: Resource) -> str:
        await asyncio.sleep(30)
        return "late"

    endpoint = kit.compile(handle_async if is_async else handle, providers=table)

    async def main(client: Any) -> Any:
        request = client.make_request()
        request.deadline_seconds = 0.02
        answer = await client.run(endpoint.dispatch, request)
        before = list(log)
        release.set()
        while "close" not in log:
            await asyncio.sleep(0.001)
        return answer, before, request.claim.outcome, [name for name, _ in client.app.events]

    answer, before, outcome, events = kit.run(main)

    assert 503 == answer.status
    assert Outcome.ABANDONED is outcome
    if is_async:
        assert ["open", "rollback RequestAbandoned", "close"] == log
        assert [] == events
    else:
        assert ["open"] == before
        assert ["open", "returned", "rollback RequestAbandoned", "close"] == log
        assert ["worker_abandoned"] == events


def _async_provider(log: list[str]) -> Callable[..., Any]:
    async def make() -> AsyncIterator[int]:
        yield 1

    return make


def test_async_exits_below_an_abandoned_thread_run_on_the_loop(kit: Any) -> None:
    """The thread hands back what only the loop can end, in reverse order."""
    log: list[str] = []
    release = threading.Event()

    class Outer:
        pass

    async def make_outer() -> AsyncIterator[Outer]:
        try:
            yield Outer()
        except BaseException as failure:
            log.append(f"outer {type(failure).__name__}")
            raise

    def handle(outer, resource) -> str:
        release.wait(5)
        return "late"

    handle.__annotations__ = {"outer": Outer, "resource": Resource, "return": str}
    table = ProviderTable([Provider(Outer, make_outer), provider_of(log, None, False)])
    endpoint = kit.compile(handle, providers=table)

    async def main(client: Any) -> None:
        request = client.make_request()
        request.deadline_seconds = 0.02
        answer = await client.run(endpoint.dispatch, request)
        assert 503 == answer.status
        release.set()
        while not any(entry.startswith("outer") for entry in log):
            await asyncio.sleep(0.001)

    kit.run(main)

    assert ["open", "rollback RequestAbandoned", "close", "outer RequestAbandoned"] == log


def test_a_deadline_during_the_commit_waits_for_it(kit: Any) -> None:
    """Once the outcome is claimed a deadline changes nothing."""
    log: list[str] = []

    class Slow:
        pass

    async def make() -> AsyncIterator[Slow]:
        yield Slow()
        await asyncio.sleep(0.05)
        log.append("committed")

    async def handle(slow) -> str:
        return "real"

    handle.__annotations__ = {"slow": Slow, "return": str}
    endpoint = kit.compile(handle, providers=ProviderTable([Provider(Slow, make)]))

    async def main(client: Any) -> Any:
        request = client.make_request()
        request.deadline_seconds = 0.02
        return await client.run(endpoint.dispatch, request)

    answer = kit.run(main)

    assert (200, b"real", ["committed"]) == (answer.status, answer.body, log)


@pytest.mark.pain("P7")
@pytest.mark.parametrize("cancels", [False, True], ids=["by-default", "cancel-on-disconnect"])
def test_a_lost_client_cancels_only_when_asked_to(kit: Any, cancels: bool) -> None:
    """A disconnect lets a handler finish, unless the route opts in."""
    log: list[str] = []
    table = ProviderTable([provider_of(log, None, True)])

    async def handle(resource: Resource) -> str:
        await asyncio.sleep(0.01)
        log.append("finished")
        return "x"

    endpoint = kit.compile(handle, providers=table, cancel_on_disconnect=cancels)

    async def main(client: Any) -> None:
        request = client.make_request()
        asyncio.get_running_loop().call_soon(lambda: asyncio.get_running_loop().call_soon(request.exchange.disconnect))
        if cancels:
            with pytest.raises(ClientDisconnected):
                await client.run(endpoint.dispatch, request)
        else:
            assert 200 == (await client.run(endpoint.dispatch, request)).status
        assert 0 == asyncio.current_task().cancelling()

    kit.run(main)

    assert log == (
        ["open", "rollback RequestAbandoned", "close"] if cancels else ["open", "finished", "commit", "close"]
    )


@pytest.mark.pain("P7")
def test_exits_are_shielded_from_cancellation(kit: Any) -> None:
    """A task that is cancelled again and again lets every exit run to its end."""
    log: list[str] = []

    class Pool:
        pass

    async def make() -> AsyncIterator[Pool]:
        try:
            yield Pool()
        finally:
            for _ in range(5):
                await asyncio.sleep(0.001)
            log.append("returned to the pool")

    async def handle(pool) -> str:
        await asyncio.sleep(30)
        return "x"

    handle.__annotations__ = {"pool": Pool, "return": str}
    endpoint = kit.compile(handle, providers=ProviderTable([Provider(Pool, make)]))

    async def main(client: Any) -> None:
        task = asyncio.ensure_future(client.run(endpoint.dispatch, client.make_request()))
        await asyncio.sleep(0.005)
        while not task.done():
            task.cancel()
            await asyncio.sleep(0.0005)
        with pytest.raises(asyncio.CancelledError):
            await task

    kit.run(main)

    assert ["returned to the pool"] == log


def test_a_thread_whose_task_is_cancelled_does_not_commit(kit: Any) -> None:
    """A cancellation that nobody claimed for still makes the thread roll back."""
    log: list[str] = []
    started, release = threading.Event(), threading.Event()

    def handle(resource: Resource) -> str:
        started.set()
        release.wait(5)
        return "x"

    endpoint = kit.compile(handle, providers=ProviderTable([provider_of(log, None, False)]))

    async def main(client: Any) -> None:
        task = asyncio.ensure_future(client.run(endpoint.dispatch, client.make_request()))
        while not started.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        release.set()
        while "close" not in log:
            await asyncio.sleep(0.001)

    kit.run(main)

    assert ["open", "rollback RequestAbandoned", "close"] == log
    assert issubclass(RequestAbandoned, BaseException)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync-handler", "async-handler"])
@pytest.mark.parametrize("has_scope", [False, True], ids=["plain", "with-provider-and-hooks"])
def test_a_converted_exception_makes_no_reference_cycle(kit: Any, is_async: bool, has_scope: bool) -> None:
    """The frames that convert an exception keep neither it nor the response."""

    def handle() -> str:
        raise LookupError

    async def handle_async() -> str:
        raise LookupError

    def with_resource(resource: Resource) -> str:
        raise LookupError

    async def with_resource_async(resource: Resource) -> str:
        raise LookupError

    async def after(response: Response) -> None:
        return None

    options: dict[str, Any] = {}
    if has_scope:
        options = {
            "providers": ProviderTable([provider_of([], None, is_async)]),
            "after": (HookSpec(after),),
        }
        handler: Any = with_resource_async if is_async else with_resource
    else:
        handler = handle_async if is_async else handle

    async def layer(request: Any, call_next: Any) -> Response:
        return await call_next(request)

    endpoint = kit.compile(handler, layers=(layer,), **options)

    async def main(client: Any) -> list[object]:
        await client.call(endpoint)
        await asyncio.sleep(0)
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            answer = await client.call(endpoint)
            answer.response = None
            await asyncio.sleep(0.01)
            gc.collect()
            return [item for item in gc.garbage if isinstance(item, BaseException | Response)]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()

    assert [] == kit.run(main)

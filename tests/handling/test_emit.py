"""The generated text, and what hooks, modes, layers and sockets do in it."""

from __future__ import annotations

import linecache
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from costrel.errors import Forbidden, Pass
from costrel.handling import Depends, Form, HookSpec, Provider, ProviderTable, Query
from costrel.messages import Request, Response, WebSocket

SNAPSHOTS = Path(__file__).parent / "snapshots"


class Order(msgspec.Struct):
    item: str


class Session:
    pass


def make_session() -> Iterator[Session]:
    yield Session()


async def make_session_async(user: Annotated[str, Query()] = "") -> AsyncIterator[Session]:
    yield Session()


async def hello() -> str:
    return "hello"


async def show(id: int, verbose: bool = False) -> dict[str, int]:
    return {"id": id}


def count(page: int = 1) -> str:
    return f"{page}"


def create(order: Order, session: Session) -> Order:
    return order


async def create_async(order: Order, session: Session) -> Order:
    return order


def login(request: Request) -> None:
    return None


async def stamp(response: Response) -> Response:
    response.headers["x-stamp"] = "1"
    return response


def stamp_in_thread(response: Response) -> Response:
    response.headers["x-stamp"] = "1"
    return response


def forget(error: BaseException | None) -> None:
    return None


def mixed(user: str = Depends(lambda: "u"), session: Session = Depends(make_session_async)) -> str:
    return user


async def chat(socket: WebSocket, room: str) -> None:
    async for message in socket:
        await socket.send(f"{room}: {message}")


def answer_form(title: Annotated[str, Form()]) -> str:
    return title


SYNC = ProviderTable([Provider(Session, make_session)])
ASYNC = ProviderTable([Provider(Session, make_session_async, "response")])

ROUTES = [
    pytest.param(hello, {}, "async", 0, id="hello"),
    pytest.param(show, {"path": "/users/{id}"}, "async", 0, id="path_and_query"),
    pytest.param(count, {}, "thread", 1, id="thread"),
    pytest.param(create, {"method": "POST", "providers": SYNC}, "thread", 1, id="thread_with_provider"),
    pytest.param(create_async, {"method": "POST", "providers": ASYNC}, "async", 0, id="async_with_provider"),
    pytest.param(
        create,
        {
            "method": "POST",
            "providers": SYNC,
            "before": (HookSpec(login),),
            "after": (HookSpec(stamp_in_thread),),
            "teardown": (HookSpec(forget),),
        },
        "thread",
        1,
        id="thread_with_hooks",
    ),
    pytest.param(hello, {"before": (HookSpec(login),), "after": (HookSpec(stamp),)}, "mixed", 1, id="async_with_hooks"),
    pytest.param(mixed, {"fallthrough": True}, "mixed", 1, id="mixed"),
    pytest.param(chat, {"path": "/chat/{room}", "is_websocket": True}, "async", 0, id="websocket"),
    pytest.param(answer_form, {"method": "POST", "inline": True}, "inline", 0, id="inline_form"),
    pytest.param(hello, {"cancel_on_disconnect": True}, "async", 0, id="cancel_on_disconnect"),
]


@pytest.mark.capability("C055")
@pytest.mark.parametrize(("handler", "options", "mode", "hops"), ROUTES)
def test_the_generated_text_is_as_reviewed(
    kit: Any, request: Any, handler: Any, options: dict[str, Any], mode: str, hops: int
) -> None:
    """Each kind of route generates the text in `snapshots`, with its mode and thread hops."""
    endpoint = kit.compile(handler, **options)
    snapshot = SNAPSHOTS / f"{request.node.callspec.id}.py"

    assert snapshot.read_text() == endpoint.source
    assert (mode, hops) == (endpoint.mode, endpoint.hops)


def test_a_traceback_shows_the_generated_line(kit: Any) -> None:
    """Generated source is in `linecache` under the method and the path."""
    seen: list[str] = []

    async def convert(request: Request, error: Exception) -> Response:
        seen.extend(traceback.format_exception(error))
        return Response("", 500)

    async def handler(page: int) -> str:
        raise LookupError

    kit.call(handler, route="/shown", convert=convert, request={"query": "page=1"})

    assert any('File "<costrel GET /shown' in line and "value = await handler(page)" in line for line in seen)
    assert any(name.startswith("<costrel GET /shown") for name in linecache.cache)


@pytest.mark.parametrize("name", ["request", "scope", "type", "errors", "convert", "value", "handler", "in_worker"])
def test_no_parameter_name_can_disturb_the_generated_code(kit: Any, name: str) -> None:
    """Parameters named as what the generated code uses still get their values."""
    namespace: dict[str, Any] = {}
    exec(f"def handler({name}: int = 1, session=None, _: int = 2):\n    return [{name}, _]", namespace)
    answer = kit.call(namespace["handler"], request={"query": f"{name}=5"})

    assert [5, 2] == answer.json()


@pytest.mark.parametrize("alias", ['x"]; import os; #', "a\nb", "ключ", "{x}"])
def test_no_alias_gets_into_the_generated_text(kit: Any, alias: str) -> None:
    """Names on the wire are values, never text."""

    async def handler(page: Any = Query(1, alias=alias)) -> int:
        return 1

    handler.__annotations__["page"] = int
    endpoint = kit.compile(handler)

    assert alias not in endpoint.source


def test_a_before_hook_answers(kit: Any) -> None:
    """What a before hook returns is the answer; handler and binding are skipped, after hooks run."""
    log: list[str] = []

    def refuse() -> tuple[str, int]:
        log.append("refuse")
        return "no", 403

    def never() -> None:
        log.append("never")

    async def after(response: Response) -> None:
        log.append(f"after {response.status_code}")

    def handler(page: int) -> str:
        log.append("handler")
        return "x"

    answer = kit.call(handler, before=(HookSpec(refuse), HookSpec(never)), after=(HookSpec(after),))

    assert (403, b"no", ["refuse", "after 403"]) == (answer.status, answer.body, log)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_an_after_hook_that_raises_is_converted_and_the_rest_run_once(kit: Any, is_async: bool) -> None:
    """A failing after hook becomes an error response for the hooks that are left."""
    log: list[object] = []

    def first(response: Response) -> Response:
        log.append(("first", response.status_code))
        raise LookupError

    def second(response: Response) -> Response:
        log.append(("second", response.status_code))
        return response

    async def first_async(response: Response) -> Response:
        return first(response)

    async def second_async(response: Response) -> Response:
        return second(response)

    def handler() -> str:
        return "x"

    async def handler_async() -> str:
        return "x"

    hooks = (first_async, second_async) if is_async else (first, second)
    answer = kit.call(handler_async if is_async else handler, after=tuple(map(HookSpec, hooks)))

    assert (500, [("first", 200), ("second", 500)]) == (answer.status, log)


def test_teardown_hooks_all_run_and_see_the_exception(kit: Any) -> None:
    """A teardown hook that raises is logged, the next one runs, and both get the exception."""
    seen: list[object] = []

    def first(error: BaseException | None) -> None:
        seen.append(type(error))
        raise LookupError

    async def second(error) -> None:
        seen.append(type(error))

    def handler() -> str:
        raise Forbidden

    kit.call(handler, teardown=(HookSpec(first), HookSpec(second)))

    assert [Forbidden, Forbidden] == seen


def test_hooks_share_providers_with_the_handler(kit: Any) -> None:
    """A provider that a before hook, the handler and an after hook want is called once."""
    calls: list[int] = []

    def count() -> int:
        calls.append(1)
        return len(calls)

    def before(number=Depends(count)) -> None: ...
    def after(response, number=Depends(count)) -> Response:
        response.headers["x-number"] = str(number)
        return response

    def handler(number=Depends(count)):
        return str(number)

    table = ProviderTable([Provider(count, count)])
    answer = kit.call(handler, before=(HookSpec(before),), after=(HookSpec(after),), providers=table)

    assert (b"1", "1", [1]) == (answer.body, answer.headers["x-number"], calls)


@pytest.mark.pain("P3")
def test_sync_steps_share_one_thread(kit: Any) -> None:
    """Hooks, providers, handler, exits and after hooks of a `def` route run in one hop, in one thread."""
    threads: list[threading.Thread] = []

    def note(*_: object) -> None:
        threads.append(threading.current_thread())

    def before() -> None:
        note()

    def after(response: Response) -> None:
        note()

    def make() -> Iterator[int]:
        note()
        yield 1
        note()

    def handler(value: int = Depends(make)) -> str:
        note()
        return "x"

    endpoint = kit.compile(handler, before=(HookSpec(before),), after=(HookSpec(after),))

    async def main(client: Any) -> int:
        await client.call(endpoint)
        return client.loop_state.handlers.stats().done_count + client.loop_state.cleanup.stats().done_count

    assert 1 == kit.run(main)
    assert 5 == len(threads)
    assert 1 == len(set(threads))
    assert threading.main_thread() not in threads


def test_an_async_handler_runs_on_the_loop_and_its_sync_provider_does_not(kit: Any) -> None:
    """A sync provider of an async handler enters on the handlers lane, and exits on one that nothing waits in."""
    log: list[object] = []

    def make() -> Iterator[int]:
        log.append(threading.current_thread().name)
        yield 1
        log.append(threading.current_thread().name)

    async def handler(value: int = Depends(make)) -> str:
        log.append(threading.current_thread() is threading.main_thread())
        return "x"

    kit.call(handler)

    assert True is log[1]
    assert "handlers" in str(log[0])
    assert "cleanup" in str(log[2])


@pytest.mark.capability("C024")
def test_pass_comes_out_of_a_fallthrough_route(kit: Any) -> None:
    """`Pass` goes through error conversion and layers, so that the next route is tried."""

    async def layer(request: Request, call_next: Callable[[Request], Any]) -> Response:
        return await call_next(request)

    def handler() -> str:
        raise Pass

    with pytest.raises(Pass):
        kit.call(handler, fallthrough=True, layers=(layer,))


def test_pass_elsewhere_is_a_mistake_that_explains_itself(kit: Any) -> None:
    """On a route without `fallthrough=True` it is an error with a code."""
    seen: list[str] = []

    async def convert(request: Request, error: Exception) -> Response:
        seen.append(error.code)  # type: ignore[attr-defined]
        return Response("", 500)

    async def handler() -> str:
        raise Pass

    kit.call(handler, convert=convert)

    assert ["COS-HANDLER-103"] == seen


def test_layers_see_responses_only(kit: Any) -> None:
    """A layer or handler that raises is a response to the layers outside it."""
    log: list[object] = []

    def layer_of(name: str, raises: type[Exception] | None = None) -> Any:
        async def layer(request: Request, call_next: Callable[[Request], Any]) -> Response:
            log.append(name)
            response = await call_next(request)
            log.append((name, response.status_code))
            if raises is not None:
                raise raises
            return response

        return layer

    async def handler() -> str:
        raise Forbidden

    answer = kit.call(handler, layers=(layer_of("outer"), layer_of("inner", LookupError)))

    assert (500, ["outer", "inner", ("inner", 403), ("outer", 500)]) == (answer.status, log)


def test_a_layer_that_returns_nothing_is_named(kit: Any) -> None:
    """A forgotten return in a layer is an error with its name."""

    async def forgetful(request: Request, call_next: Callable[[Request], Any]) -> Any:
        await call_next(request)

    seen: list[str] = []

    async def convert(request: Request, error: Exception) -> Response:
        seen.append(str(error).splitlines()[0])
        return Response("", 500)

    kit.call(hello, layers=(forgetful,), convert=convert)

    assert ["COS-HANDLER-105  The layer `forgetful` returned `NoneType`, not a `Response`."] == seen


def test_a_response_that_is_returned_twice_is_copied(kit: Any) -> None:
    """A constant response never carries a header of one exchange into another."""
    constant = Response(b"x")

    async def handler() -> Response:
        return constant

    async def layer(request: Request, call_next: Callable[[Request], Any]) -> Response:
        response = await call_next(request)
        response.headers.add("x-count", "1")
        return response

    endpoint = kit.compile(handler, layers=(layer,))

    async def main(client: Any) -> list[list[str]]:
        answers = [await client.call(endpoint) for _ in range(3)]
        return [answer.response.headers.getlist("x-count") for answer in answers]

    assert [["1"], ["1"], ["1"]] == kit.run(main)


class Channel:
    """A socket whose peer has sent two messages and then leaves."""

    def __init__(self) -> None:
        self.sent: list[str | bytes] = []
        self.closed: tuple[int, str] | None = None
        self._incoming = ["a", "b"]

    async def receive(self) -> str | bytes:
        from costrel.errors import Disconnect

        if not self._incoming:
            raise Disconnect(1000, "")
        return self._incoming.pop(0)

    async def send(self, message: str | bytes) -> None:
        self.sent.append(message)

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


@pytest.mark.capability("C108")
def test_a_websocket_route_returns_its_conversation(kit: Any) -> None:
    """The endpoint answers 101 with the conversation as body; its providers live until the end of the exchange."""
    log: list[str] = []

    async def make() -> AsyncIterator[Session]:
        log.append("open")
        yield Session()
        log.append("close")

    async def handler(socket: WebSocket, room: str, session: Session) -> None:
        async for message in socket:
            await socket.send(f"{room}: {message}")
        log.append("ended")

    table = ProviderTable([Provider(Session, make)])
    endpoint = kit.compile(handler, "/chat/{room}", is_websocket=True, providers=table, subprotocols=("v2", "v1"))
    channel = Channel()

    async def main(client: Any) -> Any:
        request = client.make_request(
            path_params={"room": "x"}, is_websocket=True, headers={"sec-websocket-protocol": "v1, v3"}
        )
        response = await endpoint.dispatch(request)
        log.append(f"{response.status_code} {response.headers['sec-websocket-protocol']}")
        await response.body.run(channel)
        await request.finish()

    kit.run(main)

    assert ["x: a", "x: b"] == channel.sent
    assert ["open", "101 v1", "ended", "close"] == log


def test_a_websocket_parameter_that_is_wrong_refuses_the_handshake(kit: Any) -> None:
    """Arguments are bound before the handshake, so a wrong one is a 422 and no socket."""

    async def handler(socket: WebSocket, page: int) -> None: ...

    endpoint = kit.compile(handler, is_websocket=True)

    async def main(client: Any) -> Any:
        return await client.run(endpoint.dispatch, client.make_request(is_websocket=True, query="page=x"))

    assert 422 == kit.run(main).status

"""What a parameter means, and everything that can be wrong with a handler."""

from __future__ import annotations

import enum
import functools
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest

from costrel.handling import (
    Body,
    Cookie,
    Depends,
    File,
    Form,
    Header,
    HookSpec,
    Provider,
    ProviderTable,
    Query,
    compile_endpoint,
)
from costrel.messages import BodyStream, Request, Response, State, UploadFile, WebSocket

if TYPE_CHECKING:
    from decimal import Decimal


class Order(msgspec.Struct):
    item: str
    quantity: int = 1


class Colour(enum.Enum):
    RED = "red"


class Service:
    pass


JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
BOUNDARY = {"content-type": "multipart/form-data; boundary=b"}
UPLOAD = (
    b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nhi\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\ncontent\r\n--b--\r\n'
)


def path_text(name):
    return {"got": name}


def path_int(name: int):
    return {"got": name}


def path_enum(name: Colour):
    return {"got": name}


def path_limited(name: Annotated[int, msgspec.Meta(ge=1)]):
    return {"got": name}


def query_scalar(page: int):
    return {"got": page}


def query_default(page: int = 7):
    return {"got": page}


def query_optional(page: int | None = None):
    return {"got": page}


def query_list(tag: list[int]):
    return {"got": tag}


def query_literal(sort: Literal["up", "down"] = "up"):
    return {"got": sort}


def query_alias(page: Annotated[int, Query(alias="p")]):
    return {"got": page}


def query_marked_default(page: int = Query(3)):
    return {"got": page}


def query_model(order: Annotated[Order, Query()]):
    return {"got": order}


def header(x_token: Annotated[str, Header()]):
    return {"got": x_token}


def cookie(theme: Annotated[str, Cookie()] = "light"):
    return {"got": theme}


def body(order: Order):
    return {"got": order}


def body_or_none(order: Order | None = None):
    return {"got": order}


def body_list(orders: list[Order]):
    return {"got": orders}


def raw_body(content: Annotated[bytes, Body()]):
    return {"got": len(content)}


def text_body(content: Annotated[str, Body()]):
    return {"got": content}


def form_field(title: Annotated[str, Form()]):
    return {"got": title}


def form_model(order: Annotated[Order, Form()]):
    return {"got": order}


def upload(file: UploadFile, title: Annotated[str, Form()] = ""):
    return {"got": [file.read().decode(), title]}


def uploads(file: Annotated[list[UploadFile], File()]):
    return {"got": len(file)}


def request_parameter(request: Request):
    return {"got": request.method}


def request_by_name(request):
    return {"got": request.method}


def state(state: State):
    return {"got": list(state)}


def unreadable_with_default(service: Service = None):
    return {"got": service}


def rest(first, **others):
    return {"got": [first, others]}


def mutable_default(tag: list[str] = []):
    tag.append("x")
    return {"got": tag}  # noqa: B006, E702


async def stream(body: BodyStream):
    return {"got": [len(piece) async for piece in body]}


READS = [
    pytest.param(path_text, "GET", {"path_params": {"name": "x"}}, "x", id="path-text"),
    pytest.param(path_int, "GET", {"path_params": {"name": 4}}, 4, id="path-int-that-the-router-converted"),
    pytest.param(path_int, "GET", {"path_params": {"name": "4"}}, 4, id="path-int-that-it-did-not"),
    pytest.param(path_int, "GET", {"path_params": {"name": "x"}}, 404, id="path-int-mismatch-is-404"),
    pytest.param(path_enum, "GET", {"path_params": {"name": "red"}}, "red", id="path-enum"),
    pytest.param(path_enum, "GET", {"path_params": {"name": "blue"}}, 422, id="path-enum-mismatch"),
    pytest.param(path_limited, "GET", {"path_params": {"name": 0}}, 422, id="path-constraint"),
    pytest.param(path_limited, "GET", {"path_params": {"name": 1}}, 1, id="path-constraint-kept"),
    pytest.param(query_scalar, "GET", {"query": "page=2"}, 2, id="query"),
    pytest.param(query_scalar, "GET", {}, 422, id="query-missing"),
    pytest.param(query_default, "GET", {}, 7, id="query-default"),
    pytest.param(query_default, "GET", {"query": "page=x"}, 422, id="query-wrong"),
    pytest.param(query_optional, "GET", {}, None, id="query-optional"),
    pytest.param(query_list, "GET", {"query": "tag=1&tag=2"}, [1, 2], id="query-list"),
    pytest.param(query_list, "GET", {"query": "tag=1&tag=x"}, 422, id="query-list-wrong"),
    pytest.param(query_literal, "GET", {"query": "sort=down"}, "down", id="query-literal"),
    pytest.param(query_literal, "GET", {"query": "sort=left"}, 422, id="query-literal-wrong"),
    pytest.param(query_alias, "GET", {"query": "p=2"}, 2, id="query-alias"),
    pytest.param(query_marked_default, "GET", {}, 3, id="query-marker-as-default"),
    pytest.param(query_model, "GET", {"query": "item=a&quantity=2"}, {"item": "a", "quantity": 2}, id="query-model"),
    pytest.param(header, "GET", {"headers": {"X-Token": "t"}}, "t", id="header"),
    pytest.param(header, "GET", {}, 422, id="header-missing"),
    pytest.param(cookie, "GET", {"headers": {"cookie": "theme=dark"}}, "dark", id="cookie"),
    pytest.param(cookie, "GET", {}, "light", id="cookie-default"),
    pytest.param(body, "POST", {"body": b'{"item":"a"}', "headers": JSON}, {"item": "a", "quantity": 1}, id="json"),
    pytest.param(body, "POST", {"body": b"item=a", "headers": FORM}, {"item": "a", "quantity": 1}, id="body-as-form"),
    pytest.param(body, "POST", {"body": b"x", "headers": {"content-type": "image/png"}}, 415, id="body-of-other-type"),
    pytest.param(body, "POST", {"body": b"x"}, 415, id="body-without-type"),
    pytest.param(body, "POST", {}, 422, id="body-missing"),
    pytest.param(body, "POST", {"body": b"{", "headers": JSON}, 400, id="body-malformed"),
    pytest.param(body_or_none, "POST", {}, None, id="body-optional"),
    pytest.param(
        body_list, "POST", {"body": b'[{"item":"a"}]', "headers": JSON}, [{"item": "a", "quantity": 1}], id="body-list"
    ),
    pytest.param(raw_body, "POST", {"body": b"abc"}, 3, id="raw-body"),
    pytest.param(text_body, "POST", {"body": b"abc"}, "abc", id="text-body"),
    pytest.param(form_field, "POST", {"body": b"title=x", "headers": FORM}, "x", id="form-field"),
    pytest.param(form_field, "POST", {"body": b"{}", "headers": JSON}, 415, id="form-field-from-json"),
    pytest.param(form_field, "POST", {}, 422, id="form-field-missing"),
    pytest.param(
        form_model, "POST", {"body": b"item=a", "headers": FORM}, {"item": "a", "quantity": 1}, id="form-model"
    ),
    pytest.param(upload, "POST", {"body": UPLOAD, "headers": BOUNDARY}, ["content", "hi"], id="file-and-field"),
    pytest.param(uploads, "POST", {"body": UPLOAD, "headers": BOUNDARY}, 1, id="files"),
    pytest.param(request_parameter, "GET", {}, "GET", id="request-by-type"),
    pytest.param(request_by_name, "GET", {}, "GET", id="request-by-name"),
    pytest.param(state, "GET", {}, [], id="state"),
    pytest.param(unreadable_with_default, "GET", {}, None, id="default-of-an-unreadable-type"),
    pytest.param(
        rest, "GET", {"path_params": {"first": "a", "second": "b"}}, ["a", {"second": "b"}], id="rest-of-the-path"
    ),
    pytest.param(stream, "POST", {"body": b"abc"}, [3], id="body-stream"),
]


@pytest.mark.capability("C051")
@pytest.mark.parametrize(("handler", "method", "request_", "expected"), READS)
def test_a_parameter_is_read_from_where_its_signature_says(
    kit: Any, handler: Any, method: str, request_: dict[str, Any], expected: object
) -> None:
    """Each source gives its value, or the status of what is wrong with it."""
    names = tuple(request_.get("path_params", {}))
    options = {"method": method, "path_parameters": names}
    answer = kit.call(handler, request=request_, **options)

    assert expected == (answer.json()["got"] if answer.status == 200 else answer.status)


def test_a_mutable_default_is_not_shared(kit: Any) -> None:
    """Each request has a default list of its own."""
    endpoint = kit.compile(mutable_default)

    async def main(client: Any) -> list[Any]:
        return [(await client.call(endpoint)).json()["got"] for _ in range(2)]

    assert [["x"], ["x"]] == kit.run(main)


@pytest.mark.capability("C051")
def test_all_errors_of_a_request_are_in_one_answer(kit: Any) -> None:
    """Path, query, header, body and the parameters of providers are checked together."""

    def make(depth: int) -> Iterator[Service]:
        yield Service()

    def handler(name: Colour, page: int, x_token: Annotated[int, Header()], order: Order, service: Service): ...

    table = ProviderTable([Provider(Service, make)])
    answer = kit.call(
        handler,
        route="/{name}",
        method="POST",
        providers=table,
        request={
            "path_params": {"name": "blue"},
            "query": "page=x",
            "headers": {**JSON, "x-token": "y"},
            "body": b'{"item":1,"quantity":"2"}',
        },
    )

    assert 422 == answer.status
    assert [
        ("path", "name"),
        ("query", "page"),
        ("header", "x-token"),
        ("body", "$.item"),
        ("body", "$.quantity"),
        ("query", "depth"),
    ] == [(error["in"], error["at"]) for error in answer.json()["errors"]]


@pytest.mark.capability("C057")
@pytest.mark.parametrize(("action", "is_logged"), [("log", True), ("ignore", False)])
def test_a_source_may_let_wrong_values_pass(kit: Any, caplog: Any, action: str, is_logged: bool) -> None:
    """With another failure action a wrong value becomes its default, and is logged when asked to."""
    answer = kit.call(query_default, on_fail={"query": action}, request={"query": "page=x"})

    assert 7 == answer.json()["got"]
    assert is_logged == ("value_rejected" in caplog.text)


@pytest.mark.capability("C031")
def test_a_body_parser_reads_its_media_type(kit: Any) -> None:
    """What the application's parser returns is validated as JSON would be."""
    parsers = {"application/msgpack": msgspec.msgpack.decode}
    content = msgspec.msgpack.encode({"item": "a", "quantity": 2})
    headers = {"content-type": "application/msgpack"}
    answer = kit.call(body, method="POST", body_parsers=parsers, request={"body": content, "headers": headers})

    assert {"item": "a", "quantity": 2} == answer.json()["got"]


def unreadable(service: Service): ...
def untyped(thing): ...
def two_bodies(a: Order, b: list[Order]): ...
def body_and_form(a: Order, b: Annotated[str, Form()]): ...
def two_streams(a: BodyStream, b: BodyStream): ...
def two_markers(a: Annotated[int, Query(), Header()]): ...
def unknown_name(a: Missing): ...  # noqa: F821
def only_while_checking(a: Decimal): ...
def response_in_handler(a: Response): ...
def exception_in_handler(a: ValueError): ...
def socket_in_handler(a: WebSocket): ...
def path_object(name: Order): ...
async def coroutine(): ...


MISTAKES = [
    pytest.param(unreadable, {}, ["COS-HANDLER-004"], id="type-that-is-no-parameter"),
    pytest.param(untyped, {}, ["COS-HANDLER-004"], id="no-type-at-all"),
    pytest.param(two_bodies, {"method": "POST"}, ["COS-HANDLER-005"], id="two-bodies"),
    pytest.param(body_and_form, {"method": "POST"}, ["COS-HANDLER-005"], id="body-and-form"),
    pytest.param(two_streams, {"method": "POST"}, ["COS-HANDLER-005"], id="two-streams"),
    pytest.param(body, {"method": "GET"}, ["COS-HANDLER-006"], id="struct-on-get"),
    pytest.param(body, {"method": "DELETE"}, ["COS-HANDLER-006"], id="struct-on-delete"),
    pytest.param(two_markers, {}, ["COS-HANDLER-003"], id="two-markers"),
    pytest.param(unknown_name, {}, ["COS-HANDLER-001"], id="name-that-does-not-exist"),
    pytest.param(only_while_checking, {}, ["COS-HANDLER-001"], id="name-imported-for-type-checking"),
    pytest.param(response_in_handler, {}, ["COS-HANDLER-014"], id="response-in-handler"),
    pytest.param(exception_in_handler, {}, ["COS-HANDLER-014"], id="exception-in-handler"),
    pytest.param(socket_in_handler, {}, ["COS-HANDLER-014"], id="socket-in-http-handler"),
    pytest.param(path_object, {"path": "/{name}"}, ["COS-HANDLER-016"], id="object-in-the-path"),
    pytest.param(query_default, {"is_websocket": True}, ["COS-HANDLER-010"], id="sync-socket-handler"),
    pytest.param(coroutine, {"inline": True}, ["COS-HANDLER-012"], id="inline-coroutine"),
    pytest.param(max, {}, ["COS-HANDLER-002"], id="builtin-without-signature"),
]


@pytest.mark.pain("P24")
@pytest.mark.parametrize(("handler", "options", "expected"), MISTAKES)
def test_a_mistake_is_found_at_build(kit: Any, handler: Any, options: dict[str, Any], expected: list[str]) -> None:
    """Each way to write an impossible handler has a code."""
    assert expected == kit.find_mistakes(handler, **options)


def test_all_mistakes_of_a_route_are_found_together(kit: Any) -> None:
    """A handler with three mistakes and a hook with one give four."""

    def handler(a: Service, b, c: Response): ...

    def hook(d: Service): ...

    assert ["COS-HANDLER-004"] * 3 + ["COS-HANDLER-014"] == sorted(kit.find_mistakes(handler, before=(HookSpec(hook),)))


def test_the_text_of_an_unreadable_parameter(kit: Any) -> None:
    """The message says what, where, why and three ways to mend it."""
    _, mistakes = compile_endpoint(kit.spec(unreadable))

    assert (
        "COS-HANDLER-004  Parameter `service` of `unreadable` cannot be read from the request. (test.py:1)\n\n"
        "    Its type is `Service`, which is not a known parameter type, and it has no marker.\n\n"
        "    Read it from the query string:      service: Annotated[Service, Query()]\n"
        "    or from the body:                   service: Annotated[Service, Body()]\n"
        "    or provide it as a service:         app.provide(Service, make_service)\n\n"
        "    See docs/errors/COS-HANDLER-004, or run `costrel explain COS-HANDLER-004`."
    ) == str(mistakes[0])


def test_the_text_of_a_name_that_exists_only_for_type_checkers(kit: Any) -> None:
    """The message names what is missing."""
    _, mistakes = compile_endpoint(kit.spec(only_while_checking))

    assert (
        "The annotations of `only_while_checking` use the name `Decimal`, which does not exist at run time."
    ) == mistakes[0].what


class First:
    pass


class Second:
    pass


def first(second: Second) -> Iterator[First]:
    yield First()


def second(first: First) -> Second:
    return Second()


def plain_second() -> Iterator[Second]:
    yield Second()


def wants_first(first: First): ...
async def wants_first_async(first: First, socket: WebSocket): ...


PROVIDER_MISTAKES = [
    pytest.param([Provider(First, first), Provider(Second, second)], {}, "COS-HANDLER-007", id="cycle"),
    pytest.param(
        [Provider(First, first, "response"), Provider(Second, plain_second)], {}, "COS-HANDLER-008", id="outlived"
    ),
    pytest.param(
        [Provider(First, first), Provider(Second, plain_second)],
        {"inline": True},
        "COS-HANDLER-011",
        id="inline-with-exit",
    ),
    pytest.param([Provider(First, unreadable)], {}, "COS-HANDLER-004", id="provider-that-cannot-be-called"),
]


@pytest.mark.parametrize(("providers", "options", "expected"), PROVIDER_MISTAKES)
def test_a_mistake_in_a_provider_is_found_at_build(
    kit: Any, providers: list[Provider], options: dict[str, Any], expected: str
) -> None:
    """Cycles, lifetimes that do not fit and unreadable parameters of providers are build errors."""
    assert expected in kit.find_mistakes(wants_first, providers=ProviderTable(providers), **options)


def test_handler_lifetime_on_a_websocket_is_a_mistake(kit: Any) -> None:
    """Nothing of a WebSocket ends before its handshake."""
    table = ProviderTable([Provider(First, lambda: First(), "handler")])

    assert ["COS-HANDLER-009"] == kit.find_mistakes(wants_first_async, providers=table, is_websocket=True)


def test_a_late_hook_cannot_have_what_has_ended(kit: Any) -> None:
    """After and teardown hooks cannot take a value whose exit has run."""
    table = ProviderTable([Provider(Second, plain_second)])

    def hook(second: Second): ...

    for kind in ("after", "teardown"):
        assert ["COS-HANDLER-013"] == kit.find_mistakes(query_default, providers=table, **{kind: (HookSpec(hook),)})


def twice(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def twice_async(function: Any) -> Any:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        value = function(*args, **kwargs)
        return await value if hasattr(value, "__await__") else value

    return wrapper


def plain(page: int):
    return {"got": page}


async def plain_async(page: int):
    return {"got": page}


class Handler:
    def __call__(self, page: int):
        return {"got": page}

    def method(self, page: int):
        return {"got": page}

    @classmethod
    def of_class(cls, page: int):
        return {"got": page}

    @staticmethod
    def static(page: int):
        return {"got": page}


class AsyncHandler:
    async def __call__(self, page: int):
        return {"got": page}


SHAPES = [
    pytest.param(plain, "thread", id="def"),
    pytest.param(plain_async, "async", id="async-def"),
    pytest.param(twice(plain), "thread", id="sync-wrapper-around-def"),
    pytest.param(twice(plain_async), "async", id="sync-wrapper-around-async-def"),
    pytest.param(twice_async(plain), "async", id="async-wrapper-around-def"),
    pytest.param(twice_async(plain_async), "async", id="async-wrapper-around-async-def"),
    pytest.param(Handler(), "thread", id="object-with-call"),
    pytest.param(AsyncHandler(), "async", id="object-with-async-call"),
    pytest.param(Handler().method, "thread", id="bound-method"),
    pytest.param(Handler.of_class, "thread", id="classmethod"),
    pytest.param(Handler.static, "thread", id="staticmethod"),
    pytest.param(functools.partial(lambda kind, page: {"got": page}, "x"), None, id="partial"),
]


@pytest.mark.pain("P27")
@pytest.mark.parametrize(("handler", "mode"), SHAPES)
def test_every_shape_of_callable_is_a_handler(kit: Any, handler: Any, mode: str | None) -> None:
    """Functions, methods, objects, partials and decorated functions of both colours are called right."""
    if mode is None:
        assert ["COS-HANDLER-004"] == kit.find_mistakes(handler)
        return
    endpoint = kit.compile(handler)
    answer = kit.call(handler, request={"query": "page=2"})

    assert (mode, {"got": 2}) == (endpoint.mode, answer.json())


def test_depends_calls_a_function_once_for_each_request(kit: Any) -> None:
    """Two parameters that depend on one callable share its value, unless told otherwise."""
    calls: list[str] = []

    def count() -> int:
        calls.append("called")
        return len(calls)

    def handler(
        a: int = Depends(count),
        b: int = Depends(count),
        c: int = Depends(count, use_cache=False),
        d: int = Depends(count),
    ):
        return {"got": [a, b, c, d]}

    assert {"got": [1, 1, 2, 1]} == kit.call(handler).json()


def test_a_class_is_made_inline_with_its_parameters(kit: Any) -> None:
    """`Depends()` on a class calls its constructor on the loop, with parameters read like a handler's."""

    class Paging:
        def __init__(self, page: int = 1, size: int = 10) -> None:
            self.shown = [page, size]

    async def handler(paging=Depends(Paging)):
        return {"got": paging.shown}

    endpoint = kit.compile(handler)

    assert ("async", 0, "inline") == (endpoint.mode, endpoint.hops, endpoint.info.providers[0].runs)
    assert {"got": [3, 10]} == kit.call(handler, request={"query": "page=3"}).json()


def test_async_providers_come_first_so_that_one_hop_is_enough(kit: Any) -> None:
    """An async provider declared between two sync ones does not split the thread hop."""

    def sync_one() -> int:
        return 1

    async def async_one() -> AsyncIterator[int]:
        yield 2

    def sync_two() -> Iterator[int]:
        yield 3

    def handler(a=Depends(sync_one), b=Depends(async_one), c=Depends(sync_two)):
        return {"got": [a, b, c]}

    endpoint = kit.compile(handler)

    assert ("mixed", 1) == (endpoint.mode, endpoint.hops)
    assert {"got": [1, 2, 3]} == kit.call(handler).json()


def test_the_description_of_a_route_is_json(kit: Any) -> None:
    """`EndpointInfo.to_dict` has parameters, body, response and providers as plain values."""
    table = ProviderTable([Provider(Service, lambda: Service())])

    def handler(
        name: UUID, order: Order, service: Service, page: Annotated[int, Query(alias="p", description="d")] = 1
    ) -> Order: ...

    info = kit.compile(handler, "/{name}", "POST", providers=table, meta={"audit": True}).info.to_dict()
    msgspec.json.encode(info)

    assert [("name", "path", True), ("p", "query", False)] == [
        (entry["name"], entry["source"], entry["required"]) for entry in info["parameters"]
    ]
    assert ("Order", True) == (info["body"]["type"], info["body"]["required"])
    assert {"type": "Service", "lifetime": "handler", "runs": "thread"}.items() <= info["providers"][0].items()
    assert {"audit": True} == info["meta"]

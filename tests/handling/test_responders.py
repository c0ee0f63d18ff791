"""Values to responses by their class, where a handler has no return annotation."""

from __future__ import annotations

import asyncio
import collections
import datetime
import decimal
import enum
import logging
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple

import attrs
import msgspec
import pydantic
import pytest

from costrel.errors import ProgrammerError
from costrel.handling.responders import (
    ReturnOptions,
    ValueResponders,
    apply_responder,
    encode_hook,
    find_responder,
)
from costrel.messages import JSONResponse, Response, StreamResponse

HTML = "text/html; charset=utf-8"
JSON = "application/json"


class User(msgspec.Struct):
    id: int


class Admin(User):
    pass


@dataclass
class Address:
    city: str


@attrs.define
class Size:
    width: int


class Model(pydantic.BaseModel):
    age: int


class Pair(NamedTuple):
    left: int
    right: int


class Markup(str):
    __slots__ = ()


Word = enum.Enum("Word", {"YES": "yes"}, type=str)


class Table:
    pass


class Rows:
    """An iterator that is no generator."""

    def __iter__(self) -> Rows:
        return self

    def __next__(self) -> str:
        raise StopIteration


class Pages:
    """An async iterable that is no iterator itself."""

    def __aiter__(self) -> AsyncIterator[str]:
        return async_letters()


def letters() -> Iterator[str]:
    yield "a"


async def async_letters() -> AsyncIterator[str]:
    yield "a"


def respond(value: Any, **options: Any) -> Response:
    return ValueResponders(ReturnOptions(**options)).make(value)


@pytest.mark.capability("C038")
@pytest.mark.parametrize(
    ("value", "status_code", "media_type", "body"),
    [
        pytest.param("<p>hi", 200, HTML, b"<p>hi", id="str-is-a-page"),
        pytest.param(Markup("<p>hi"), 200, HTML, b"<p>hi", id="a-subclass-of-str"),
        pytest.param(Word.YES, 200, HTML, b"yes", id="an-enum-of-texts"),
        pytest.param(b"\x00", 200, "application/octet-stream", b"\x00", id="bytes"),
        pytest.param(bytearray(b"a"), 200, "application/octet-stream", b"a", id="bytearray"),
        pytest.param(memoryview(b"a"), 200, "application/octet-stream", b"a", id="memoryview"),
        pytest.param({"a": 1}, 200, JSON, b'{"a":1}', id="dict"),
        pytest.param(collections.OrderedDict(a=1), 200, JSON, b'{"a":1}', id="a-subclass-of-dict"),
        pytest.param([1, "a"], 200, JSON, b'[1,"a"]', id="list"),
        pytest.param({1}, 200, JSON, b"[1]", id="set"),
        pytest.param(User(1), 200, JSON, b'{"id":1}', id="struct"),
        pytest.param(Address("Rome"), 200, JSON, b'{"city":"Rome"}', id="dataclass"),
        pytest.param(Size(3), 200, JSON, b'{"width":3}', id="attrs"),
        pytest.param(Model(age=3), 200, JSON, b'{"age":3}', id="pydantic"),
        pytest.param([Model(age=3)], 200, JSON, b'[{"age":3}]', id="pydantic-inside"),
        pytest.param(Pair(1, 200), 200, JSON, b"[1,200]", id="a-named-tuple-is-data"),
        pytest.param(None, 204, None, b"", id="none"),
        pytest.param(("hi", 201), 201, HTML, b"hi", id="value-and-status"),
        pytest.param(("hi", HTTPStatus.CREATED), 201, HTML, b"hi", id="value-and-named-status"),
        pytest.param(({"a": 1}, 404, {"X-A": "b"}), 404, JSON, b'{"a":1}', id="value-status-and-headers"),
        pytest.param(("hi", {"Content-Type": "text/plain"}), 200, "text/plain", b"hi", id="value-and-headers"),
        pytest.param(("hi", 201, None), 201, HTML, b"hi", id="value-status-and-no-headers"),
        pytest.param((None, 202), 202, None, b"", id="nothing-and-status"),
        pytest.param((None, {"X-A": "b"}), 204, None, b"", id="nothing-and-headers"),
        pytest.param((Response("x"), 201), 201, HTML, b"x", id="a-response-and-status"),
    ],
)
def test_values(value: Any, status_code: int, media_type: str | None, body: bytes) -> None:
    """Every plain value becomes a response with the right status, media type and body."""
    response = respond(value)

    assert (status_code, media_type, body) == (response.status_code, response.media_type, response.body)


@pytest.mark.capability("C039")
def test_values_inside_json() -> None:
    """Dates, UUIDs, decimals and enums have their usual forms."""
    value = {
        "date": datetime.date(2024, 2, 29),
        "uuid": uuid.UUID(int=1),
        "decimal": decimal.Decimal("1.10"),
        "enum": Word.YES,
        "markup": Markup("a"),
        "bytes": b"abc",
    }

    assert respond(value).body == (
        b'{"date":"2024-02-29","uuid":"00000000-0000-0000-0000-000000000001","decimal":"1.10","enum":"yes",'
        b'"markup":"a","bytes":"YWJj"}'
    )


@pytest.mark.capability("C038")
@pytest.mark.parametrize("make", [letters, async_letters, Rows, Pages])
def test_streams(make: Any) -> None:
    """Generators and other iterators stream."""
    value = make()
    response = respond(value, status_code=201, media_type="text/csv")

    assert (StreamResponse, 201, "text/csv") == (type(response), response.status_code, response.media_type)
    asyncio.run(response.body.aclose())


def test_a_response_is_taken_as_it_is() -> None:
    """A response comes back unchanged, whatever the options of the route say."""
    response = JSONResponse([], 202)

    assert response is respond(response, status_code=201, media_type="text/plain")
    assert 202 == response.status_code


@pytest.mark.parametrize(
    ("options", "value", "status_code", "media_type", "body"),
    [
        pytest.param({"text_as": "json"}, "hi", 200, JSON, b'"hi"', id="text-as-json"),
        pytest.param(
            {"text_as": "json", "media_type": "text/plain"},
            "hi",
            200,
            "text/plain",
            b"hi",
            id="not-with-a-media-type-of-text",
        ),
        pytest.param(
            {"text_as": "json", "media_type": "application/ld+json; x=1"},
            "a",
            200,
            "application/ld+json; x=1",
            b'"a"',
            id="a-media-type-of-json",
        ),
        pytest.param({"media_type": "text/plain"}, "hi", 200, "text/plain", b"hi", id="the-media-type-of-the-route"),
        pytest.param({"media_type": "image/png"}, b"x", 200, "image/png", b"x", id="the-media-type-of-bytes"),
        pytest.param(
            {"media_type": "application/ld+json"}, {}, 200, "application/ld+json", b"{}", id="the-media-type-of-data"
        ),
        pytest.param({"status_code": 201}, {}, 201, JSON, b"{}", id="the-status-of-the-route"),
        pytest.param({"status_code": 201}, ({}, 202), 202, JSON, b"{}", id="the-status-of-the-value-wins"),
        pytest.param({"status_code": 202}, None, 202, None, b"", id="the-status-of-nothing"),
    ],
)
def test_options(options: Any, value: Any, status_code: int, media_type: str | None, body: bytes) -> None:
    """The route says status and media type; a value may choose its own status."""
    response = respond(value, **options)

    assert (status_code, media_type, body) == (response.status_code, response.media_type, response.body)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({"X-A": "1"}, ["1"], id="a-mapping"),
        pytest.param([("X-A", "1"), ("X-A", "2")], ["1", "2"], id="pairs"),
        pytest.param([], ["0"], id="no-pairs"),
    ],
)
def test_headers_of_a_tuple(headers: Any, expected: list[str]) -> None:
    """Header fields replace those of the same name; cookies that were set before stay; a shared response is copied."""
    shared = Response("x", headers={"X-A": "0"})
    shared.set_cookie("a", "1")
    response = respond((shared, headers))

    assert expected == response.headers.getlist("x-a")
    assert 1 == len(response.headers.getlist("set-cookie"))
    assert ["0"] == shared.headers.getlist("x-a")
    assert 2 == len(respond((shared, {"Set-Cookie": "b=2"})).headers.getlist("set-cookie"))


@pytest.mark.parametrize(
    ("value", "fix"),
    [
        pytest.param(5, "To send it as JSON, declare it:   -> int", id="int"),
        pytest.param(1.5, "To send it as JSON, declare it:   -> float", id="float"),
        pytest.param(True, "To send it as JSON, declare it:   -> bool", id="bool"),
        pytest.param(Table(), "app.responder(Table, make_response)", id="a-foreign-object"),
        pytest.param(Response, "It was not called.", id="a-class"),
        pytest.param(print, "It was not called.", id="a-function"),
        pytest.param(ValueError(), "Raise it instead of returning it.", id="an-exception"),
        pytest.param((1, 2, 3, 4), "-> tuple[…]", id="another-tuple"),
        pytest.param(({}, 99), "-> tuple[…]", id="a-status-below-100"),
        pytest.param(({}, 600), "-> tuple[…]", id="a-status-above-599"),
        pytest.param(({}, True), "-> tuple[…]", id="a-status-that-is-a-bool"),
        pytest.param(({}, 200, 5), "-> tuple[…]", id="headers-that-are-none"),
        pytest.param(({}, ["a"]), "-> tuple[…]", id="a-list-of-texts-is-no-header-fields"),
        pytest.param((("a", 200), 200), "-> tuple[…]", id="a-tuple-in-a-tuple"),
        pytest.param((5, 200), "-> int", id="a-wrong-value-in-a-tuple"),
    ],
)
def test_what_is_no_response(value: Any, fix: str) -> None:
    """Anything else is a mistake of the application that names the handler and the fix."""
    with pytest.raises(ProgrammerError) as caught:
        respond(value, where="list_orders (shop.py:41)")
    mistake = caught.value.mistake

    assert ("COS-HANDLER-205", "list_orders (shop.py:41)") == (mistake.code, mistake.where)
    assert fix in mistake.fix


def test_a_coroutine_was_not_awaited() -> None:
    """A coroutine as a value means a forgotten `await`."""

    async def load() -> None: ...

    coroutine = load()
    with pytest.raises(ProgrammerError) as caught:
        respond(coroutine)
    coroutine.close()

    assert "It was not awaited. Write:   return await …" == caught.value.mistake.fix


def test_what_cannot_be_encoded() -> None:
    """Something inside that has no form in JSON is a mistake that says what."""
    loop: list[Any] = []
    loop.append(loop)
    for value in ({"a": Table()}, loop, {"a": "\ud800"}, {(1, 2): 3}):
        with pytest.raises(ProgrammerError) as caught:
            respond(value)

        assert "COS-HANDLER-209" == caught.value.code
    with pytest.raises(ProgrammerError, match="An object of type `Table` has no form in JSON"):
        respond([Table()])


@pytest.mark.pain("P42")
def test_none_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """A handler that returns None without saying so is named once in the log; with a status of the route never."""
    responders = ValueResponders(ReturnOptions(where="index (app.py:5)"))
    silent = ValueResponders(ReturnOptions(status_code=202))
    with caplog.at_level(logging.WARNING, "costrel.handling"):
        for _ in range(3):
            responders.make(None)
            silent.make(None)

    assert [
        "returned_none handler='index (app.py:5)' fix='declare `-> None` if an empty 204 is meant'"
    ] == caplog.messages


@pytest.mark.capability("C039")
@pytest.mark.parametrize(
    ("registered", "value", "expected"),
    [
        pytest.param(Table, Table(), b"T", id="a-foreign-class"),
        pytest.param(User, User(1), b"T", id="before-the-built-in-rule"),
        pytest.param(User, Admin(1), b"T", id="an-ancestor"),
        pytest.param(Admin, User(1), b'{"id":1}', id="not-a-descendant"),
        pytest.param(dict, {"a": 1}, b"T", id="another-encoder-for-dict"),
        pytest.param(msgspec.Struct, User(1), b"T", id="the-base-of-all-structs"),
        pytest.param(object, Table(), b"T", id="everything-that-would-be-refused"),
        pytest.param(object, {"a": 1}, b'{"a":1}', id="not-what-has-a-rule"),
        pytest.param(object, Address("Rome"), b'{"city":"Rome"}', id="not-what-has-fields"),
        pytest.param(object, 5, b"T", id="numbers-too"),
    ],
)
def test_responders(registered: type, value: Any, expected: bytes) -> None:
    """A responder of the class or its nearest ancestor makes the response."""
    response = respond(value, responders={registered: lambda value: Response(b"T")})

    assert expected == response.body


def test_the_nearest_responder_wins() -> None:
    """Of two ancestors with a responder the nearer one counts."""
    responders: dict[type, Any] = {User: lambda value: Response(b"U"), Admin: lambda value: Response(b"A")}

    assert responders[Admin] is find_responder(Admin, responders)
    assert responders[User] is find_responder(User, responders)
    assert None is find_responder(Table, responders)


@pytest.mark.parametrize(("own", "route", "expected"), [(200, 201, 201), (404, 201, 404), (200, None, 200)])
def test_the_status_of_a_responder(own: int, route: int | None, expected: int) -> None:
    """The route's status is for a response that has not chosen one; a shared response is not changed."""
    shared = Response(b"T", own)

    assert expected == apply_responder(lambda value: shared, route)(5).status_code
    assert own == shared.status_code


def test_the_classes_known_are_bounded() -> None:
    """An application that makes classes for ever does not fill the memory through its return values."""
    responders = ValueResponders(ReturnOptions())
    for number in range(1030):
        responders.make(type(f"Row{number}", (dict,), {})())

    assert 1024 == len(responders._by_class)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(Markup("a"), "a", id="text"),
        pytest.param(type("Count", (int,), {})(5), 5, id="an-int"),
        pytest.param(type("Price", (float,), {})(1.5), 1.5, id="a-float"),
        pytest.param(collections.ChainMap({"a": 1}), {"a": 1}, id="a-mapping"),
        pytest.param(Model(age=3), msgspec.Raw(b'{"age":3}'), id="a-model"),
    ],
)
def test_encode_hook(value: Any, expected: Any) -> None:
    """Subclasses of plain types are encoded as these, models by their own rules."""
    encoded = encode_hook(value)

    assert (expected, type(expected)) == (encoded, type(encoded))

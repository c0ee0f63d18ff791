"""Return annotations: what they decide while the app is built."""

from __future__ import annotations

import asyncio
import collections
import collections.abc
import datetime
import decimal
import enum
import inspect
import logging
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Coroutine, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Never, NewType, NoReturn, TypedDict, TypeVar

import attrs
import msgspec
import pydantic
import pytest

from costrel.errors import ConfigurationError, ProgrammerError
from costrel.handling.returning import UNANNOTATED, response_maker
from costrel.messages import JSONResponse, Response, StreamResponse

if TYPE_CHECKING:
    from somewhere import Missing

HTML = "text/html; charset=utf-8"
JSON = "application/json"
BINARY = "application/octet-stream"
T = TypeVar("T")
UserId = NewType("UserId", int)


class Colour(enum.StrEnum):
    RED = "red"


class User(msgspec.Struct):
    id: int


@dataclass
class Address:
    city: str


@attrs.define
class Size:
    width: int


class Options(TypedDict):
    depth: int


class Model(pydantic.BaseModel):
    age: int


class Markup(str):
    __slots__ = ()


class Table:
    pass


class HoldsTable(msgspec.Struct):
    table: Table


class NamesMissing(msgspec.Struct):
    value: Missing


def letters() -> Iterator[str]:
    yield "a"


async def async_letters() -> AsyncIterator[str]:
    yield "a"


@pytest.mark.capability("C038")
@pytest.mark.parametrize(
    ("annotation", "value", "status_code", "media_type", "body"),
    [
        pytest.param(None, None, 204, None, b"", id="none-is-an-empty-204"),
        pytest.param(str, "<p>", 200, HTML, b"<p>", id="str-is-a-page"),
        pytest.param(Markup, Markup("<p>"), 200, HTML, b"<p>", id="a-subclass-of-str"),
        pytest.param(Literal["a", "b"], "a", 200, HTML, b"a", id="a-literal-of-texts"),
        pytest.param(Annotated[str, "x"], "a", 200, HTML, b"a", id="annotated"),
        pytest.param(bytes, b"a", 200, BINARY, b"a", id="bytes"),
        pytest.param(bytearray, bytearray(b"a"), 200, BINARY, b"a", id="bytearray"),
        pytest.param(dict, {"a": 1}, 200, JSON, b'{"a":1}', id="dict"),
        pytest.param(dict[str, int], {"a": 1}, 200, JSON, b'{"a":1}', id="typed-dict-of-ints"),
        pytest.param(list, [1], 200, JSON, b"[1]", id="list"),
        pytest.param(list[User], [User(1)], 200, JSON, b'[{"id":1}]', id="list-of-structs"),
        pytest.param(tuple[int, int], (1, 201), 200, JSON, b"[1,201]", id="a-tuple-is-data"),
        pytest.param(tuple, (1, 201), 200, JSON, b"[1,201]", id="an-untyped-tuple-is-data"),
        pytest.param(set[int], {1}, 200, JSON, b"[1]", id="set"),
        pytest.param(collections.OrderedDict, collections.OrderedDict(a=1), 200, JSON, b'{"a":1}', id="ordered-dict"),
        pytest.param(
            collections.defaultdict[str, int],
            collections.defaultdict(int, a=1),
            200,
            JSON,
            b'{"a":1}',
            id="defaultdict",
        ),
        pytest.param(collections.abc.Mapping[str, int], {"a": 1}, 200, JSON, b'{"a":1}', id="mapping"),
        pytest.param(collections.abc.Sequence[int], (1,), 200, JSON, b"[1]", id="sequence"),
        pytest.param(Iterable[User], [User(1)], 200, JSON, b'[{"id":1}]', id="an-iterable-of-data-is-a-list"),
        pytest.param(User, User(1), 200, JSON, b'{"id":1}', id="struct"),
        pytest.param(Address, Address("Rome"), 200, JSON, b'{"city":"Rome"}', id="dataclass"),
        pytest.param(Size, Size(1), 200, JSON, b'{"width":1}', id="attrs"),
        pytest.param(Options, {"depth": 1, "more": 2}, 200, JSON, b'{"depth":1}', id="typed-dict"),
        pytest.param(Model, Model(age=1), 200, JSON, b'{"age":1}', id="pydantic"),
        pytest.param(int, 5, 200, JSON, b"5", id="int"),
        pytest.param(float, 1.5, 200, JSON, b"1.5", id="float"),
        pytest.param(bool, True, 200, JSON, b"true", id="bool"),
        pytest.param(UserId, 5, 200, JSON, b"5", id="a-new-type"),
        pytest.param(Literal[1, "a"], "a", 200, JSON, b'"a"', id="a-literal-of-several-kinds"),
        pytest.param(Colour, Colour.RED, 200, JSON, b'"red"', id="enum"),
        pytest.param(decimal.Decimal, decimal.Decimal("1.1"), 200, JSON, b'"1.1"', id="decimal"),
        pytest.param(uuid.UUID, uuid.UUID(int=1), 200, JSON, b'"00000000-0000-0000-0000-000000000001"', id="uuid"),
        pytest.param(datetime.date, datetime.date(2024, 2, 29), 200, JSON, b'"2024-02-29"', id="date"),
        pytest.param(User | None, None, 200, JSON, b"null", id="none-in-a-union-is-null"),
        pytest.param(User | None, User(1), 200, JSON, b'{"id":1}', id="the-other-side-of-the-union"),
        pytest.param(str | None, None, 200, JSON, b"null", id="null-beside-a-page"),
        pytest.param(str | None, "a", 200, HTML, b"a", id="a-page-beside-null"),
        pytest.param(str | User, User(1), 200, JSON, b'{"id":1}', id="data-beside-a-page"),
        pytest.param(str | bytes, b"a", 200, BINARY, b"a", id="bytes-beside-a-page"),
        pytest.param(User | Response, User(1), 200, JSON, b'{"id":1}', id="data-beside-a-response"),
        pytest.param(Awaitable[User], User(1), 200, JSON, b'{"id":1}', id="an-awaitable-of-data"),
        pytest.param(Coroutine[Any, Any, str], "a", 200, HTML, b"a", id="a-coroutine-of-text"),
        pytest.param(User | Size, Size(1), 200, JSON, b'{"width":1}', id="classes-that-json-cannot-tell-apart"),
        pytest.param(list[User | Size], [Size(1)], 200, JSON, b'[{"width":1}]', id="a-list-of-such-classes"),
        pytest.param(Any, ("a", 201), 201, HTML, b"a", id="anything-is-decided-by-value"),
        pytest.param(object, {"a": 1}, 200, JSON, b'{"a":1}', id="object-is-decided-by-value"),
        pytest.param(T, "a", 200, HTML, b"a", id="a-type-variable-is-decided-by-value"),
        pytest.param(Any | None, "a", 200, HTML, b"a", id="anything-in-a-union-is-decided-by-value"),
        pytest.param(UNANNOTATED, ("a", 201), 201, HTML, b"a", id="no-annotation-is-decided-by-value"),
        pytest.param(Never, Response("a"), 200, HTML, b"a", id="never"),
        pytest.param(NoReturn, Response("a"), 200, HTML, b"a", id="no-return"),
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_values(
    annotation: Any, value: Any, status_code: int, media_type: str | None, body: bytes, debug: bool
) -> None:
    """The annotation decides what a value becomes."""
    response = response_maker(annotation, debug=debug).make(value)

    assert (status_code, media_type, body) == (response.status_code, response.media_type, response.body)


@pytest.mark.capability("C038")
@pytest.mark.parametrize(
    "annotation",
    [
        pytest.param(annotation, id=str(annotation))
        for annotation in [
            *(Iterator[str], Iterator[bytes], Iterator[str | bytes], Iterator, Iterator[Any], Iterable[str]),
            *(Generator[str, None, None], Generator, AsyncIterator[str], AsyncGenerator[bytes, None]),
            *(collections.abc.AsyncIterable[str], Iterator[str] | None, UNANNOTATED),
        ]
    ],
)
@pytest.mark.parametrize("make", [letters, async_letters])
def test_streams(annotation: Any, make: Any) -> None:
    """An iterator of text or bytes streams, with the status and the media type of the route."""
    response = response_maker(annotation, status_code=201, media_type="text/csv").make(make())

    assert (StreamResponse, 201, "text/csv") == (type(response), response.status_code, response.media_type)
    asyncio.run(response.body.aclose())


@pytest.mark.parametrize("annotation", [Response, JSONResponse, Response | JSONResponse, Response | None])
def test_responses(annotation: Any) -> None:
    """A response comes back as it is."""
    response = JSONResponse([], 202)

    assert response is response_maker(annotation, status_code=201).make(response)


@pytest.mark.parametrize("annotation", [None, str, bytes, User, list[User], Iterator[str], str | User, int])
def test_a_response_whatever_is_declared(annotation: Any) -> None:
    """A handler may answer with a response whatever it has declared, for example a redirect."""
    response = Response("x", 303)

    assert response is response_maker(annotation, debug=True).make(response)


def test_a_response_class_and_something_else() -> None:
    """Where only a response is declared, anything else is an error; None is a forgotten `return`."""
    make = response_maker(Response, debug=True).make
    with pytest.raises(ProgrammerError, match="COS-HANDLER-206"):
        make("x")
    with pytest.raises(ProgrammerError, match="COS-HANDLER-207"):
        make(None)


@pytest.mark.parametrize(
    ("annotation", "options", "value", "status_code", "media_type", "body"),
    [
        pytest.param(str, {"text_as": "json"}, "a", 200, JSON, b'"a"', id="text-as-json"),
        pytest.param(str | None, {"text_as": "json"}, None, 200, JSON, b"null", id="optional-text-as-json"),
        pytest.param(
            str,
            {"text_as": "json", "media_type": "text/plain"},
            "a",
            200,
            "text/plain",
            b"a",
            id="a-media-type-of-text",
        ),
        pytest.param(UNANNOTATED, {"text_as": "json"}, "a", 200, JSON, b'"a"', id="text-as-json-without-annotation"),
        pytest.param(str, {"media_type": "text/plain"}, "a", 200, "text/plain", b"a", id="text-of-another-type"),
        pytest.param(bytes, {"media_type": "image/png"}, b"a", 200, "image/png", b"a", id="bytes-of-another-type"),
        pytest.param(
            dict, {"media_type": "application/ld+json"}, {}, 200, "application/ld+json", b"{}", id="another-json"
        ),
        pytest.param(User, {"status_code": 201}, User(1), 201, JSON, b'{"id":1}', id="the-status-of-the-route"),
        pytest.param(None, {"status_code": 202}, None, 202, None, b"", id="the-status-of-nothing"),
        pytest.param(None, {"status_code": 304}, None, 304, None, b"", id="a-status-without-content-for-nothing"),
        pytest.param(UNANNOTATED, {"status_code": 204}, None, 204, None, b"", id="a-status-without-content-by-value"),
    ],
)
def test_options(
    annotation: Any, options: Any, value: Any, status_code: int, media_type: str | None, body: bytes
) -> None:
    """The route's status and media type hold for what the annotation decides."""
    maker = response_maker(annotation, **options)
    response = maker.make(value)

    assert (status_code, media_type, body) == (response.status_code, response.media_type, response.body)


@pytest.mark.parametrize(
    ("annotation", "options", "status_code", "media_type"),
    [
        pytest.param(UNANNOTATED, {}, 200, None, id="no-annotation"),
        pytest.param(UNANNOTATED, {"status_code": 201, "media_type": "text/csv"}, 201, "text/csv", id="options-alone"),
        pytest.param(None, {}, 204, None, id="nothing"),
        pytest.param(str, {}, 200, HTML, id="text"),
        pytest.param(bytes, {}, 200, BINARY, id="bytes"),
        pytest.param(User, {"status_code": 201}, 201, JSON, id="data"),
        pytest.param(
            User, {"media_type": "application/ld+json"}, 200, "application/ld+json", id="data-of-another-type"
        ),
        pytest.param(str | User, {}, 200, None, id="several-kinds"),
        pytest.param(Iterator[str], {}, 200, None, id="a-stream-decides-by-its-first-piece"),
        pytest.param(Response, {}, 200, None, id="a-response-decides-itself"),
        pytest.param(Table, {"responders": {Table: Response}}, 200, None, id="a-responder-decides-itself"),
    ],
)
def test_facts_for_documentation(annotation: Any, options: Any, status_code: int, media_type: str | None) -> None:
    """What is known beforehand can be read."""
    maker = response_maker(annotation, **options)

    assert (status_code, media_type) == (maker.status_code, maker.media_type)
    assert (None if annotation is UNANNOTATED else annotation) == maker.type_


def test_unannotated_is_what_signatures_say() -> None:
    """The annotation of a function without one can be passed on as it is."""

    assert inspect.signature(lambda: None).return_annotation is UNANNOTATED


@pytest.mark.capability("C039")
@pytest.mark.parametrize(
    ("annotation", "registered", "value", "expected"),
    [
        pytest.param(Table, Table, Table(), b"T", id="a-foreign-class"),
        pytest.param(User, User, User(1), b"T", id="before-json"),
        pytest.param(User, msgspec.Struct, User(1), b"T", id="an-ancestor"),
        pytest.param(dict[str, int], dict, {"a": 1}, b"T", id="another-encoder-for-dict"),
        pytest.param(Table | None, Table, Table(), b"T", id="in-a-union"),
        pytest.param(Table | None, Table, None, b"null", id="the-rest-of-the-union"),
        pytest.param(User, dict, User(1), b'{"id":1}', id="not-for-another-class"),
        pytest.param(UNANNOTATED, Table, Table(), b"T", id="by-value"),
    ],
)
def test_responders(annotation: Any, registered: type, value: Any, expected: bytes) -> None:
    """A class with a responder becomes what that makes."""
    response = response_maker(annotation, responders={registered: lambda value: Response(b"T")}).make(value)

    assert expected == response.body


def test_a_responder_and_something_else() -> None:
    """Where a class with a responder is declared, an object of another class does not fit."""
    maker = response_maker(Table, status_code=201, responders={Table: lambda value: Response(b"T")})

    assert 201 == maker.make(Table()).status_code
    with pytest.raises(ProgrammerError, match="COS-HANDLER-206"):
        maker.make(5)


@pytest.mark.parametrize(
    ("annotation", "why"),
    [
        pytest.param(Table, "It has no form in JSON, and no responder is registered for it.", id="a-class"),
        pytest.param(list[Table], "It contains `Table`, which has no form in JSON.", id="a-list-of-a-class"),
        pytest.param(HoldsTable, "It contains `Table`, which has no form in JSON.", id="a-field"),
        pytest.param(User | Table, "It contains `Table`, which has no form in JSON.", id="a-union"),
        pytest.param(
            Iterator[User],
            "A stream yields `str` or `bytes`; encode each item before its `yield`.",
            id="a-stream-of-data",
        ),
        pytest.param(
            NamesMissing,
            "One of its annotations names `Missing`, which does not exist in its module at run time.",
            id="a-name-that-does-not-exist",
        ),
        pytest.param(list[Model | Table], None, id="what-pydantic-refuses"),
        pytest.param(dict[T, 5], None, id="no-type-at-all"),
    ],
)
def test_types_without_a_response(annotation: Any, why: str | None) -> None:
    """A type of which no response can be made is found while the app is built."""
    with pytest.raises(ConfigurationError) as caught:
        response_maker(annotation, where="show (app.py:5)")
    mistake = caught.value.mistake

    assert ("COS-HANDLER-204", "show (app.py:5)") == (mistake.code, mistake.where)
    assert why is None or why == mistake.why


@pytest.mark.parametrize("status_code", [100, 199, 204, 205, 304])
def test_a_status_without_content(status_code: int) -> None:
    """Content is declared and the status allows none: found while the app is built."""
    with pytest.raises(ConfigurationError) as caught:
        response_maker(dict, status_code=status_code)

    assert "COS-HANDLER-208" == caught.value.code


@pytest.mark.pain("P42")
def test_a_forgotten_return_of_every_kind(caplog: pytest.LogCaptureFixture) -> None:
    """None where a page, data or a stream is declared is an error in debug mode, and else 204 with one warning."""
    for annotation in (str, User, Iterator[str], bytes, str | User, int):
        with pytest.raises(ProgrammerError, match="COS-HANDLER-207"):
            response_maker(annotation, debug=True).make(None)
        caplog.clear()
        with caplog.at_level(logging.WARNING, "costrel.handling"):
            make = response_maker(annotation, where="show (app.py:5)").make

            assert [204, 204] == [make(None).status_code, make(None).status_code]
            assert 1 == len(caplog.messages)


@pytest.mark.capability("C055")
def test_nothing_is_decided_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A type is looked at while the app is built, and never for a request."""
    maker = response_maker(list[User])

    def fail(*_: Any) -> None:
        raise AssertionError("looked at the type")

    monkeypatch.setattr(msgspec.inspect, "type_info", fail)
    monkeypatch.setattr("typing.get_origin", fail)

    assert b'[{"id":1}]' == maker.make([{"id": 1, "secret": 2}]).body

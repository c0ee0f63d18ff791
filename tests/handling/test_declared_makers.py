"""The functions that make responses of declared values."""

from __future__ import annotations

import gc
import logging
import weakref
from typing import Any

import msgspec
import pydantic
import pytest

from costrel.errors import ProgrammerError
from costrel.handling.declared_makers import (
    empty_maker,
    first_fit_maker,
    is_anything,
    is_bytes,
    is_stream,
    is_text,
    json_maker,
    response_only_maker,
    value_maker,
)
from costrel.handling.responders import ReturnOptions, ValueResponders
from costrel.messages import Response

JSON = "application/json"


class User(msgspec.Struct):
    id: int
    name: str = ""


class Account(User):
    password: str = "secret"


class Other(msgspec.Struct):
    id: int


class Model(pydantic.BaseModel):
    user_id: int = pydantic.Field(alias="userId")
    name: str = ""


class Secretive(Model):
    password: str = "secret"


def json_response(annotation: Any, value: Any, **options: Any) -> Response:
    chosen = ReturnOptions(**options)
    return json_maker(annotation, chosen, ValueResponders(chosen))(value)


@pytest.mark.capability("C054")
@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        pytest.param(User, User(1, "Ada"), b'{"id":1,"name":"Ada"}', id="an-object-of-the-class"),
        pytest.param(User, Account(1, "Ada"), b'{"id":1,"name":"Ada"}', id="an-object-of-a-subclass"),
        pytest.param(User, {"id": 1, "password": "secret"}, b'{"id":1,"name":""}', id="a-dict"),
        pytest.param(
            list[User], [Account(1), {"id": 2}], b'[{"id":1,"name":""},{"id":2,"name":""}]', id="a-mixed-list"
        ),
        pytest.param(list[User], (User(1),), b'[{"id":1,"name":""}]', id="a-tuple-for-a-list"),
        pytest.param(User | None, None, b"null", id="null"),
        pytest.param(User | Other, Other(1), b'{"id":1}', id="a-union-that-cannot-be-decoded"),
        pytest.param(dict, {"a": User(1)}, b'{"a":{"id":1,"name":""}}', id="untyped"),
        pytest.param(int, 5, b"5", id="a-number"),
        pytest.param(Model, Model(userId=1), b'{"userId":1,"name":""}', id="a-model"),
        pytest.param(Model, {"userId": 1, "password": "secret"}, b'{"userId":1,"name":""}', id="a-dict-for-a-model"),
        pytest.param(Model, Secretive(userId=1), b'{"userId":1,"name":""}', id="an-object-of-a-model's-subclass"),
        pytest.param(list[Model], [Model(userId=1)], b'[{"userId":1,"name":""}]', id="a-list-of-models"),
        pytest.param(
            list[Model], [Secretive(userId=1)], b'[{"userId":1,"name":""}]', id="a-list-of-a-model's-subclass"
        ),
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_json(annotation: Any, value: Any, expected: bytes, debug: bool) -> None:
    """What was declared is encoded as it is, anything else is narrowed to it first."""
    response = json_response(annotation, value, debug=debug)

    assert (200, JSON, expected) == (response.status_code, response.media_type, response.body)


@pytest.mark.pain("P23")
def test_an_own_object_is_not_validated_again() -> None:
    """Outside debug mode an object of the declared class is believed, and its class runs no code for it."""
    made = 0

    class Counted(msgspec.Struct):
        id: int

        def __post_init__(self) -> None:
            nonlocal made
            made += 1

    value = [Counted("no number")]

    assert b'[{"id":"no number"}]' == json_response(list[Counted], value).body
    assert 1 == made


@pytest.mark.capability("C053")
@pytest.mark.parametrize(
    ("annotation", "value", "error"),
    [
        pytest.param(User, User("x"), "Expected `int`, got `str` - at `$.id`", id="a-struct"),
        pytest.param(list[User], [User(1), User("x")], "Expected `int`, got `str` - at `$[1].id`", id="a-list"),
        pytest.param(float, float("nan"), "Expected `float`, got `null` - at `$`", id="what-json-cannot-say"),
        pytest.param(Model, Model.model_construct(user_id="x"), "Input should be a valid integer", id="a-model"),
    ],
)
def test_debug_mode_validates_fully(annotation: Any, value: Any, error: str) -> None:
    """In debug mode a wrong value inside an own object is an error; in production it is sent."""
    with pytest.raises(ProgrammerError) as caught:
        json_response(annotation, value, debug=True, where="show (app.py:5)")

    assert ("COS-HANDLER-206", "show (app.py:5)") == (caught.value.code, caught.value.mistake.where)
    assert error in caught.value.mistake.why
    assert 200 == json_response(annotation, value).status_code


@pytest.mark.parametrize(
    ("annotation", "value", "error"),
    [
        pytest.param(User, {"id": "secret"}, "Expected `int`, got `str` - at `$.id`", id="a-dict"),
        pytest.param(User, ({"id": 1}, 201), "Expected `object`, got `array`", id="a-tuple-with-a-status"),
        pytest.param(list[User], iter([]), "Expected `array`, got `list_iterator`", id="an-iterator"),
        pytest.param(User | Other, {"id": 1}, "", id="a-dict-for-a-union-that-cannot-be-made"),
        pytest.param(Model, {"userId": "secret"}, "Input should be a valid integer", id="a-model"),
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_values_that_do_not_fit(annotation: Any, value: Any, error: str, debug: bool) -> None:
    """A value that cannot become what was declared is an error in every mode, without the value in its text."""
    with pytest.raises(ProgrammerError) as caught:
        json_response(annotation, value, debug=debug)

    assert "COS-HANDLER-206" == caught.value.code
    assert error in caught.value.mistake.why
    assert "secret" not in str(caught.value)


def test_what_cannot_be_encoded() -> None:
    """A declared container with something inside that has no form in JSON is an error that says what."""
    with pytest.raises(ProgrammerError) as caught:
        json_response(dict, {"a": object()})

    assert "COS-HANDLER-209" == caught.value.code


def test_a_response_is_taken_as_it_is() -> None:
    """Every maker hands over a response."""
    response = Response("x", 418)
    options = ReturnOptions(debug=True)
    by_value = ValueResponders(options)
    makers = [
        json_maker(User, options, by_value),
        value_maker(is_text, by_value.make_text, str, options, by_value),
        empty_maker(None, options),
        response_only_maker(Response, options, by_value),
    ]

    assert [response] * 4 == [make(response) for make in makers]


@pytest.mark.pain("P42")
@pytest.mark.parametrize("kind", ["json", "text", "response"])
def test_a_forgotten_return(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """None where something is declared is an error in debug mode, and else an empty 204 with one warning."""

    def make(debug: bool) -> Any:
        options = ReturnOptions(debug=debug, where="show (app.py:5)")
        by_value = ValueResponders(options)
        makers = {
            "json": lambda: json_maker(User, options, by_value),
            "text": lambda: value_maker(is_text, by_value.make_text, str, options, by_value),
            "response": lambda: response_only_maker(Response, options, by_value),
        }
        return makers[kind]()

    with pytest.raises(ProgrammerError) as caught:
        make(True)(None)
    with caplog.at_level(logging.WARNING, "costrel.handling"):
        production = make(False)
        responses = [production(None), production(None)]

    assert "COS-HANDLER-207" == caught.value.code
    assert [(204, b"")] * 2 == [(response.status_code, response.body) for response in responses]
    assert 1 == len(caplog.messages)


def test_nothing_is_declared(caplog: pytest.LogCaptureFixture) -> None:
    """Where nothing is declared nothing leaves: a value is dropped with one warning, or an error in debug mode."""
    make = empty_maker(None, ReturnOptions(where="delete (app.py:5)"))
    with caplog.at_level(logging.WARNING, "costrel.handling"):
        responses = [make(None), make({"password": "secret"}), make("x")]
    with pytest.raises(ProgrammerError) as caught:
        empty_maker(None, ReturnOptions(debug=True))("x")

    assert [(204, b"", None)] * 3 == [(r.status_code, r.body, r.media_type) for r in responses]
    assert ["value_dropped handler='delete (app.py:5)' type=dict fix='declare what it returns'"] == caplog.messages
    assert "COS-HANDLER-206" == caught.value.code
    assert 201 == empty_maker(None, ReturnOptions(status_code=201))(None).status_code


def test_one_kind_of_value() -> None:
    """A value of the declared kind goes to the maker of that kind."""
    options = ReturnOptions(status_code=201)
    by_value = ValueResponders(options)
    response = value_maker(is_text, by_value.make_text, str, options, by_value)("a")

    assert (201, b"a") == (response.status_code, response.body)


@pytest.mark.parametrize("value", [5, {"a": 1}, ("a", 201)])
def test_other_kinds_do_not_fit(value: Any) -> None:
    """Text is declared and something else is returned: an error, not a page of its `str`."""
    options = ReturnOptions()
    by_value = ValueResponders(options)
    for make in (
        value_maker(is_text, by_value.make_text, str, options, by_value),
        response_only_maker(Response, options, by_value),
    ):
        with pytest.raises(ProgrammerError) as caught:
            make(value)

        assert "COS-HANDLER-206" == caught.value.code


def test_first_fit() -> None:
    """The first way that fits is taken, and the last one if none does."""
    make = first_fit_maker([(is_text, lambda value: Response(b"1")), (is_bytes, lambda value: Response(b"2"))])

    assert [b"1", b"2", b"2"] == [make(value).body for value in ("a", b"a", 5)]


def test_kinds_of_values() -> None:
    """Text, bytes and streams are known by what they can do."""

    async def letters() -> Any:
        yield "a"

    assert [True, False] == [is_text("a"), is_text(b"a")]
    assert [True, True, True, False] == [is_bytes(v) for v in (b"a", bytearray(), memoryview(b""), "a")]
    assert [True, True, False, False] == [is_stream(v) for v in (iter([]), letters(), [1], "a")]
    assert is_anything(None)


def test_the_value_is_let_go() -> None:
    """A maker keeps nothing of the values it has seen, not even of one that did not fit."""

    class Marked(dict[str, Any]):
        pass

    options = ReturnOptions()
    make = json_maker(User, options, ValueResponders(options))
    gc.collect()
    gc.disable()
    try:
        right, wrong = Marked(id=1), Marked(id="x")
        seen = [weakref.ref(right), weakref.ref(wrong)]
        make(right)
        with pytest.raises(ProgrammerError):
            make(wrong)
        del right, wrong
        assert [None, None] == [reference() for reference in seen]
    finally:
        gc.enable()

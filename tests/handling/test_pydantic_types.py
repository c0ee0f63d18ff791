"""pydantic models in handlers."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Generic, TypeVar

import pydantic
import pydantic.dataclasses
import pytest

from costrel.errors import BadRequest, ValidationFailed
from costrel.handling.pydantic_types import (
    PydanticBody,
    adapter_of,
    contains_pydantic,
    decode_member,
    explain_member,
    field_names,
    is_pydantic_error,
    validate_fields,
)

T = TypeVar("T")


class Item(pydantic.BaseModel):
    sku: str
    quantity: int = pydantic.Field(default=1, ge=1)


class Order(pydantic.BaseModel):
    id: int
    items: list[Item] = []
    prices: dict[str, float] = {}

    @pydantic.field_validator("id")
    @classmethod
    def check_id(cls, value: int) -> int:
        if value == 13:
            raise ValueError(f"{value} brings bad luck")
        if value == 14:
            raise LookupError("a bug of the application")
        return value


class Login(pydantic.BaseModel):
    user: str
    password: str

    @pydantic.model_validator(mode="after")
    def check(self) -> Login:
        if self.user == self.password:
            raise AssertionError(f"{self.password} is the name of the user")
        return self


class Page(pydantic.BaseModel, Generic[T]):
    rows: list[T]


@pydantic.dataclasses.dataclass
class Point:
    x: int
    tags: list[str] = pydantic.Field(default_factory=list, alias="labels")


class Session:
    pass


def body(type_: Any, unique_keys: bool = False) -> PydanticBody[Any]:
    return PydanticBody(type_, 64, unique_keys)


@pytest.mark.parametrize(
    ("type_", "content", "expected"),
    [
        pytest.param(Order, b'{"id":1,"items":[{"sku":"a"}]}', Order(id=1, items=[Item(sku="a")]), id="a-model"),
        pytest.param(list[Item], b'[{"sku":"a"}]', [Item(sku="a")], id="a-list-of-models"),
        pytest.param(Item | None, b"null", None, id="an-optional-model"),
        pytest.param(Page[Item], b'{"rows":[{"sku":"a"}]}', Page[Item](rows=[Item(sku="a")]), id="a-generic-model"),
        pytest.param(Point, b'{"x":1}', Point(1), id="a-dataclass-of-pydantic"),
    ],
)
def test_bodies(type_: Any, content: bytes, expected: Any) -> None:
    """Models, and types that have some among their parameters, are decoded by pydantic."""

    assert expected == body(type_).decode(content)
    assert type_ == body(type_).type_


def test_all_errors() -> None:
    """The errors of pydantic have our paths, and nothing of the values."""
    content = b'{"id":"hunter2","items":[{"quantity":0},5],"prices":{"a b":"hunter2"}}'
    with pytest.raises(ValidationFailed) as caught:
        body(Order).decode(content)
    found = {error["at"]: error["message"] for error in caught.value.errors}

    assert found == {
        "$.id": "Input should be a valid integer, unable to parse string as an integer",
        "$.items[0].sku": "Field required",
        "$.items[0].quantity": "Input should be greater than or equal to 1",
        "$.items[1]": "Input should be an object",
        '$.prices["a b"]': "Input should be a valid number, unable to parse string as a number",
    }
    assert {"body"} == {error["in"] for error in caught.value.errors}


@pytest.mark.security("L11")
@pytest.mark.parametrize(
    ("type_", "content", "expected"),
    [
        pytest.param(Order, b'{"id":13}', ("$.id", "Value error, … brings bad luck"), id="a-check-of-one-field"),
        pytest.param(
            Login,
            b'{"user":"hunter2","password":"hunter2"}',
            ("$", "Assertion failed, … is the name of the user"),
            id="a-check-of-the-whole",
        ),
    ],
)
def test_what_own_checks_repeat_is_hidden(type_: Any, content: bytes, expected: tuple[str, str]) -> None:
    """The text of a validator of the application may repeat the value; it is taken out."""
    with pytest.raises(ValidationFailed) as caught:
        body(type_).decode(content)

    assert [expected] == [(error["at"], error["message"]) for error in caught.value.errors]


def test_at_most_a_hundred_errors() -> None:
    """More errors than the limit are not told."""
    with pytest.raises(ValidationFailed) as caught:
        body(list[Item]).decode(b"[" + b"5," * 150 + b"5]")

    assert 100 == len(caught.value.errors)


@pytest.mark.security("C23")
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b'{"id":1,"prices":{"a":NaN}}', id="nan"),
        pytest.param(b'{"id":1,"prices":{"a":Infinity}}', id="infinity"),
        pytest.param(b'{"id":1,"prices":{"a":1e400}}', id="overflow"),
        pytest.param(b'{"id":1,"x":"\\ud800"}', id="lone-surrogate"),
        pytest.param(b'{"id":1,"x":' + b"[" * 65, id="too-deep"),
        pytest.param(b'{"id":' + b"9" * 400 + b"}", id="a-number-of-many-digits"),
    ],
)
def test_the_strict_parser_reads_first(content: bytes) -> None:
    """What pydantic's own parser would let through is refused as for every other type."""
    with pytest.raises(BadRequest):
        body(Order).decode(content)


@pytest.mark.security("C26")
def test_unique_keys() -> None:
    """A key that occurs twice is refused when that is asked for."""
    content = b'{"id":1,"id":2}'

    assert Order(id=2) == body(Order).decode(content)
    with pytest.raises(BadRequest):
        body(Order, unique_keys=True).decode(content)


def test_a_bug_in_a_validator_is_no_validation_error() -> None:
    """An exception of another kind comes out as it is."""
    with pytest.raises(LookupError):
        body(Order).decode(b'{"id":14}')


def test_a_value_error_that_is_not_of_pydantic_comes_out() -> None:
    """A `ValueError` that pydantic did not make is a bug of the application."""
    decoder = body(Order)
    decoder._validate = lambda content: int("x")
    with pytest.raises(ValueError, match="invalid literal"):
        decoder.decode(b"{}")


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        pytest.param(Order, True, id="a-model"),
        pytest.param(Point, True, id="a-dataclass-of-pydantic"),
        pytest.param(Page[Item], True, id="a-generic-model"),
        pytest.param(dict[str, list[Order]], True, id="deep-among-the-parameters"),
        pytest.param(Annotated[Order | None, "x"], True, id="in-a-union"),
        pytest.param(dict[str, int], False, id="nowhere"),
        pytest.param(Session, False, id="another-class"),
        pytest.param(None, False, id="none"),
    ],
)
def test_contains_pydantic(annotation: Any, expected: bool) -> None:
    """A type contains pydantic if one of its classes is written in it."""

    assert expected is contains_pydantic(annotation)


@pytest.mark.pain("P41")
def test_without_pydantic_nothing_contains_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody has imported pydantic, no type contains it, no error is one of its own, and nobody imports it."""
    monkeypatch.delitem(sys.modules, "pydantic")

    assert not contains_pydantic(list[Order])
    assert not is_pydantic_error(ValueError())
    assert "pydantic" not in sys.modules


@pytest.mark.parametrize(
    ("class_", "value", "expected"),
    [
        pytest.param(Item, {"sku": "a"}, [], id="fits"),
        pytest.param(Item, Item(sku="a"), [], id="is-one-already"),
        pytest.param(Item, {}, [(".sku", "Field required")], id="does-not-fit"),
        pytest.param(Session, 5, [("", "Expected `Session`, got `int`")], id="a-class-that-nobody-can-make"),
    ],
)
def test_members(class_: type, value: Any, expected: list[tuple[str, str]]) -> None:
    """A member of a class that msgspec does not know is validated by pydantic, or must be an object of it."""

    assert expected == list(explain_member(class_, value))
    if not expected:
        assert isinstance(decode_member(class_, value), class_)


def test_field_names() -> None:
    """Fields are known by alias, and whether they are lists."""

    assert {"x": False, "labels": True} == dict(field_names(Point))
    assert {"id": False, "items": False, "prices": False} == dict(field_names(Order))
    assert Item(sku="a", quantity=2) == validate_fields(Item, {"sku": "a", "quantity": "2"})


def test_adapter_of() -> None:
    """The adapter of a type encodes it in one pass."""

    assert b'[{"sku":"a","quantity":1}]' == adapter_of(list[Item]).dump_json([Item(sku="a")])

"""JSON bodies: one pass when they are right, every error when they are not, 400 when they are no JSON."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypedDict

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given, strategies as st

from costrel.errors import BadRequest, ConfigurationError, ValidationFailed
from costrel.handling import decoding
from costrel.handling.decoding import body_decoder

if TYPE_CHECKING:
    from somewhere import Missing


class Colour(enum.Enum):
    RED = "red"


class Item(msgspec.Struct):
    sku: str
    quantity: Annotated[int, msgspec.Meta(ge=1)]


class Order(msgspec.Struct):
    id: int
    items: list[Item]


class Tree(msgspec.Struct):
    children: list[Tree] = []


class Everything(msgspec.Struct):
    when: datetime.datetime
    key: uuid.UUID
    price: decimal.Decimal
    colour: Colour
    number: float
    data: bytes


@dataclass
class DataclassUser:
    name: str
    age: int = 0


class TypedDictUser(TypedDict):
    name: str
    age: int


@attrs.define
class AttrsUser:
    name: str
    age: int = 0


class StructUser(msgspec.Struct):
    name: str
    age: int = 0


class PydanticUser(pydantic.BaseModel):
    name: str
    age: int = 0


class NamedTupleUser(NamedTuple):
    name: str
    age: int = 0


class Session:
    pass


class NeedsSession(msgspec.Struct):
    session: Session


class NamesMissing(msgspec.Struct):
    value: Missing


class Endless(msgspec.Struct):
    value: int

    def __post_init__(self) -> None:
        self.__post_init__()


class Holder(msgspec.Struct):
    user: PydanticUser


def decode(type_: Any, content: bytes, **options: Any) -> Any:
    return body_decoder(type_, max_json_depth=64, **options).decode(content)


def test_the_good_path_is_one_call() -> None:
    """A body that fits becomes a value of the declared type."""
    order = decode(Order, b'{"id":1,"items":[{"sku":"a","quantity":2}]}')

    assert Order(1, [Item("a", 2)]) == order


def test_every_plain_type_has_a_form_in_json() -> None:
    """Dates, UUIDs, decimals, enums and bytes are read from their texts."""
    value = decode(
        Everything,
        b'{"when":"2024-02-29T12:30:00Z","key":"12345678-1234-5678-1234-567812345678","price":"1.10","colour":"red",'
        b'"number":1,"data":"YWJj"}',
    )

    assert value == Everything(
        datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.UTC),
        uuid.UUID("12345678-1234-5678-1234-567812345678"),
        decimal.Decimal("1.10"),
        Colour.RED,
        1.0,
        b"abc",
    )


@pytest.mark.pain("P41")
@pytest.mark.capability("C052")
@pytest.mark.parametrize("type_", [DataclassUser, TypedDictUser, AttrsUser, StructUser, PydanticUser])
def test_one_matrix_for_every_library(type_: Any) -> None:
    """Every way to declare fields accepts the same body and refuses with the same place."""
    user = decode(type_, b'{"name":"Ada","age":36}')
    with pytest.raises(ValidationFailed) as caught:
        decode(type_, b'{"name":"Ada","age":"many"}')

    assert ("Ada", 36) == ((user["name"], user["age"]) if isinstance(user, dict) else (user.name, user.age))
    assert type_ is TypedDictUser or type(user) is type_
    assert [("body", "$.age")] == [(error["in"], error["at"]) for error in caught.value.errors]


@pytest.mark.capability("C051")
def test_all_errors_in_one_answer() -> None:
    """A body that does not fit is 422 with every error, its source and its path."""
    with pytest.raises(ValidationFailed) as caught:
        decode(Order, b'{"id":"x","items":[{"sku":1,"quantity":0}]}')

    assert caught.value.errors == (
        {"in": "body", "at": "$.id", "message": "Expected `int`, got `str`"},
        {"in": "body", "at": "$.items[0].sku", "message": "Expected `str`, got `int`"},
        {"in": "body", "at": "$.items[0].quantity", "message": "Expected `int` >= 1"},
    )


def test_an_error_that_only_the_decoder_sees() -> None:
    """Of two equal keys the first is wrong and the last right: the decoder's own error is told, with its path."""
    with pytest.raises(ValidationFailed) as caught:
        decode(Order, b'{"id":1,"items":[{"sku":1,"sku":"a","quantity":1}]}')

    assert caught.value.errors == ({"in": "body", "at": "$.items[0].sku", "message": "Expected `str`, got `int`"},)


def test_an_error_that_only_the_decoder_sees_at_the_top() -> None:
    """The same without a path is an error of the whole document."""

    assert "$" == decoding._path_in("Expected `int`, got `str`")
    assert "$[...]" == decoding._path_in("Expected `int`, got `str` - at `$[...]`")


MALFORMED = [
    pytest.param(b"", "The body is empty, and JSON is expected.", id="empty"),
    pytest.param(
        b" \n", "The body is empty, and JSON is expected.", id="only-whitespace", marks=pytest.mark.security("C27")
    ),
    pytest.param(b'{"id":NaN}', None, id="nan", marks=pytest.mark.security("C23")),
    pytest.param(b'{"id":Infinity}', None, id="infinity", marks=pytest.mark.security("C23")),
    pytest.param(b'{"id":1e400}', None, id="overflow", marks=pytest.mark.security("C23")),
    pytest.param(b'{"id":' + b"9" * 5000 + b"}", None, id="5000-digits", marks=pytest.mark.security("C24")),
    pytest.param(b"[" * 100_000, None, id="100000-arrays", marks=pytest.mark.security("C25")),
    pytest.param(b'{"a":' * 100_000, None, id="100000-objects", marks=pytest.mark.security("C25")),
    pytest.param(
        b'{"id":1,"x":' + b"[" * 100_000, None, id="depth-in-an-unknown-field", marks=pytest.mark.security("C25")
    ),
    pytest.param(b'{"id":1,"items":[],"x":"\\ud800"}', None, id="lone-surrogate", marks=pytest.mark.security("C27")),
    pytest.param(b'{"id":1,"items":[],"x":"\x01"}', None, id="control-character", marks=pytest.mark.security("C27")),
    pytest.param(b'{"id":1,"items":[],}', None, id="trailing-comma", marks=pytest.mark.security("C27")),
    pytest.param(b'\xef\xbb\xbf{"id":1,"items":[]}', None, id="byte-order-mark", marks=pytest.mark.security("C27")),
    pytest.param('{"id":1}'.encode("utf-16"), None, id="utf-16", marks=pytest.mark.security("C27")),
    pytest.param(b'{"id":"\xff"}', None, id="invalid-utf-8", marks=pytest.mark.security("C29")),
    pytest.param(b'{"id":"x"', None, id="truncated-after-a-wrong-value"),
    pytest.param(b'{"id":1} x', None, id="something-behind-it"),
]


@pytest.mark.capability("C060")
@pytest.mark.parametrize("type_", [Order, dict, PydanticUser])
@pytest.mark.parametrize(("content", "detail"), MALFORMED)
def test_malformed_documents(type_: Any, content: bytes, detail: str | None) -> None:
    """What is no JSON, or no number of this world, is 400, whatever the declared type."""
    with pytest.raises(BadRequest) as caught:
        decode(type_, content)

    assert 400 == caught.value.status_code
    assert detail is None or type_ is PydanticUser or detail == caught.value.detail


@pytest.mark.parametrize("content", [b'{"x":"\xff"}', b'{"x":1e400}'])
def test_what_an_unknown_member_holds_is_skipped(content: bytes) -> None:
    """Nobody reads an undeclared member, so it need not make sense; only its brackets and quotes must be closed."""

    assert Tree() == decode(Tree, content)


@pytest.mark.security("C27")
def test_a_nul_in_text_is_text() -> None:
    """An escaped NUL is a character like any other."""

    assert {"a": "\0"} == decode(dict[str, str], b'{"a":"\\u0000"}')


@pytest.mark.security("C24")
@pytest.mark.parametrize(("digits", "is_accepted"), [(307, True), (308, True), (309, False), (4000, False)])
def test_digits_of_untyped_numbers(digits: int, is_accepted: bool) -> None:
    """Where the type takes any number, one of more than 308 digits is refused."""
    content = b'{"a":' + b"9" * digits + b"}"
    if is_accepted:
        assert {"a": int("9" * digits)} == decode(dict, content)
    else:
        with pytest.raises(BadRequest):
            decode(dict, content)


@pytest.mark.security("C25")
@pytest.mark.parametrize("type_", [dict, dict[str, Any], list[dict[str, Any]] | dict[str, Any], PydanticUser])
@pytest.mark.parametrize(("depth", "is_accepted"), [(62, True), (63, True), (64, False)])
def test_depth_of_untyped_documents(type_: Any, depth: int, is_accepted: bool) -> None:
    """Where the type does not bound the depth, the setting does: one object and `depth` arrays inside it."""
    content = b'{"name":"a","x":' + b"[" * depth + b"]" * depth + b"}"
    if is_accepted:
        decode(type_, content)
    else:
        with pytest.raises(BadRequest):
            decode(type_, content)


@pytest.mark.security("C25")
def test_depth_of_recursive_types() -> None:
    """A recursive class does not bound the depth of its documents, so the setting does."""
    deepest = b'{"children":[' * 32 + b"]}" * 32

    assert decode(Tree, deepest)
    with pytest.raises(BadRequest):
        decode(Tree, b'{"children":[' * 33 + b"]}" * 33)


@pytest.mark.security("C26")
@pytest.mark.parametrize("type_", [Order, dict, PydanticUser])
def test_keys_that_occur_twice(type_: Any) -> None:
    """The last of two equal keys counts, unless unique keys are asked for."""
    content = b'{"id":1,"id":2,"items":[],"name":"a"}'

    assert decode(type_, content) is not None
    assert decode(type_, b'{"id":1,"items":[],"name":"a"}', unique_keys=True) is not None
    with pytest.raises(BadRequest):
        decode(type_, content, unique_keys=True)


@pytest.mark.security("C28")
def test_long_documents_are_linear() -> None:
    """A hundred thousand keys or items, wrong at the end, are answered at once with the one error."""
    keys = b"{" + b",".join(b'"k%d":1' % number for number in range(100_000)) + b',"z":"x"}'
    items = b"[" + b"1," * 100_000 + b'"x"]'
    for type_, content, at in ((dict[str, int], keys, "$.z"), (list[int], items, "$[100000]")):
        with pytest.raises(ValidationFailed) as caught:
            decode(type_, content)

        assert [at] == [error["at"] for error in caught.value.errors]


@given(content=st.binary(max_size=40))
def test_any_bytes_are_a_value_or_a_4xx(content: bytes) -> None:
    """No bytes lead to another exception than 400 and 422."""
    for type_ in (Order, dict, list[int] | None):
        with suppress(BadRequest, ValidationFailed):
            decode(type_, content)


@pytest.mark.parametrize(
    ("type_", "name", "why"),
    [
        pytest.param(
            NeedsSession, "NeedsSession", "It contains `Session`, which has no form in JSON.", id="a-service-inside"
        ),
        pytest.param(Session, "Session", "It contains `Session`, which has no form in JSON.", id="a-service"),
        pytest.param(
            NamesMissing,
            "NamesMissing",
            "One of its annotations names `Missing`, which does not exist in its module at run time.",
            id="a-name-that-does-not-exist",
        ),
        pytest.param(
            dict[str, int] | StructUser,
            str(dict[str, int] | StructUser),
            None,
            id="two-objects-that-cannot-be-told-apart",
        ),
        pytest.param(list[PydanticUser | Session], str(list[PydanticUser | Session]), None, id="what-pydantic-refuses"),
    ],
)
def test_types_without_a_form_in_json(type_: Any, name: str, why: str | None) -> None:
    """A type that no body can be decoded to is found while the app is built, with the reason and a fix."""
    with pytest.raises(ConfigurationError) as caught:
        body_decoder(type_, max_json_depth=64)
    mistake = caught.value.mistake

    assert ("COS-HANDLER-201", f"A body cannot be decoded to `{name}`.") == (mistake.code, mistake.what)
    assert mistake.fix
    assert why is None or why == mistake.why


def test_code_of_a_class_that_calls_itself_for_ever_is_our_bug() -> None:
    """A `RecursionError` of the application's code is not the client's fault."""
    with pytest.raises(RecursionError):
        decode(Endless, b'{"value":1}')


def test_pydantic_inside_a_struct() -> None:
    """A pydantic model may be a member; its errors stand among the others."""

    assert Holder(PydanticUser(name="Ada")) == decode(Holder, b'{"user":{"name":"Ada"}}')
    with pytest.raises(ValidationFailed) as caught:
        decode(Holder, b'{"user":{"name":1}}')

    assert caught.value.errors == ({"in": "body", "at": "$.user.name", "message": "Input should be a valid string"},)


@pytest.mark.capability("C055")
def test_the_decoder_is_made_once() -> None:
    """Nothing of the type is looked at while a body is decoded."""
    point = msgspec.defstruct("Point", [("x", int)])
    decoder = body_decoder(point, max_json_depth=64)
    point.__annotations__.clear()

    assert point(1) == decoder.decode(b'{"x":1}')
    assert point is decoder.type_


def test_a_named_tuple_is_an_array() -> None:
    """A named tuple is read from a JSON array."""

    assert NamedTupleUser("Ada", 36) == decode(NamedTupleUser, b'["Ada",36]')


def test_the_one_address_of_all_decoders() -> None:
    """Everything that the compiler of endpoints needs is offered here."""

    assert sorted(decoding.__all__) == decoding.__all__
    assert all(hasattr(decoding, name) for name in decoding.__all__)

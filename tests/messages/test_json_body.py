from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypedDict

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from costrel.errors import BadRequest, UnsupportedMediaType, ValidationFailed
from costrel.messages.content import SpooledContent
from costrel.messages.json_body import JSONReader, check_json_shape, decode_json, is_bounded_type
from costrel.messages.limits import DEFAULT_LIMITS


class Item(msgspec.Struct):
    name: str
    count: int = 0


class Tree(msgspec.Struct):
    children: list[Tree] = []


class Loose(msgspec.Struct):
    value: Any


@dataclass
class Point:
    x: float
    where: tuple[int, str] | None = None


class Row(TypedDict):
    items: dict[str, Item]


class Pair(NamedTuple):
    left: int
    right: set[str]


def reader(content: bytes, content_type: str = "application/json") -> JSONReader:
    return JSONReader(content, content_type, DEFAULT_LIMITS)


def test_json_is_decoded_into_anything_or_a_type():
    """Without a type JSON becomes plain values, with one an object of it."""
    assert {"name": "a"} == reader(b'{"name": "a"}')()
    assert Item("a", 2) == reader(b'{"name": "a", "count": 2}')(type=Item)
    assert [1] == JSONReader(SpooledContent(b"[1]", 3), "application/json", DEFAULT_LIMITS)(type=list[int])


@pytest.mark.capability("C026")
@pytest.mark.parametrize("content_type", ["application/json", "application/ld+json"])
def test_media_types_of_json_are_accepted(content_type):
    """`application/json` and every `+json` type are JSON."""
    assert 1 == reader(b"1", content_type)()


@pytest.mark.capability("C026")
@pytest.mark.parametrize("content_type", ["text/plain", "", "application/x-json", "application/json-seq"])
def test_other_media_types_are_415_unless_forced(content_type):
    """Content of another type is decoded only when the handler insists."""
    with pytest.raises(UnsupportedMediaType) as caught:
        reader(b"1", content_type)()

    assert {"Accept": "application/json"} == caught.value.headers
    assert 1 == reader(b"1", content_type)(force=True)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        pytest.param(
            lambda value: value["a"], "`request.json()` is a call here: write `request.json()['a']`.", id="[]"
        ),
        pytest.param(
            lambda value: value.get("a"), "`request.json()` is a call here: write `request.json().get('a')`.", id="get"
        ),
        pytest.param(
            lambda value: value.__await__(),
            "`request.json()` is a plain call here, and `request.json` without it is no value.",
            id="await",
        ),
    ],
)
def test_the_habits_of_others_are_explained(use, message):
    """`request.json["a"]` and `await request.json` say what to write."""
    with pytest.raises(TypeError) as caught:
        use(reader(b"{}"))

    assert message == str(caught.value)


BAD = [
    pytest.param(b"NaN", "C23", id="NaN"),
    pytest.param(b"[Infinity]", "C23", id="infinity"),
    pytest.param(b"1e400", "C23", id="1e400"),
    pytest.param(b"1" * 309, "C24", id="309-digits"),
    pytest.param(b"1" * 4000, "C24", id="4000-digits"),
    pytest.param(b'{"a": -' + b"1" * 5000 + b"}", "C24", id="5000-digits"),
    pytest.param(b"[" * 65 + b"]" * 65, "C25", id="65-deep"),
    pytest.param(b"[" * 100_000, "C25", id="100000-brackets"),
    pytest.param(b'{"a":' * 100_000, "C25", id="100000-objects"),
    pytest.param(b'"\\ud800"', "C27", id="lone-high-surrogate"),
    pytest.param(b'"\\udc00"', "C27", id="lone-low-surrogate"),
    pytest.param(b'"\x01"', "C27", id="raw-control-character"),
    pytest.param(b"[1,]", "C27", id="trailing-comma"),
    pytest.param(b"", "C27", id="empty"),
    pytest.param(b" \n", "C27", id="whitespace"),
    pytest.param(b"\xef\xbb\xbf1", "C27", id="byte-order-mark"),
    pytest.param("[1]".encode("utf-16"), "C27", id="UTF-16"),
    pytest.param(b'"\xff"', "C29", id="no-UTF-8"),
    pytest.param(b'{"\xff": 1}', "C29", id="no-UTF-8-in-a-key"),
]


@pytest.mark.security("C23")
@pytest.mark.security("C24")
@pytest.mark.security("C25")
@pytest.mark.security("C27")
@pytest.mark.security("C29")
@pytest.mark.parametrize(("content", "row"), BAD)
@pytest.mark.parametrize("type_", [Any, Loose], ids=["any", "struct"])
def test_json_that_is_none_is_400(content, row, type_):
    """What is wrong with the text is 400, never 500."""
    content = content if type_ is Any else b'{"value": ' + content + b"}"
    with pytest.raises(BadRequest) as caught:
        decode_json(content, type_, max_depth=64)

    assert 400 == caught.value.status_code


@pytest.mark.security("C25")
def test_a_skipped_member_cannot_be_too_deep_either():
    """A member that the type does not have is walked over, however deep it is."""
    with pytest.raises(BadRequest):
        decode_json(b'{"name": "a", "other": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", Item, max_depth=64)


@pytest.mark.security("C27")
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b'"\\u0000"', "\x00", id="escaped-NUL"),
        pytest.param(b'"\\ud83d\\ude00"', "😀", id="surrogate-pair"),
        pytest.param(b"[" * 64 + b"]" * 64, None, id="64-deep"),
        pytest.param(b'"' + b"[" * 100 + b'"', "[" * 100, id="brackets-in-a-string"),
        pytest.param(b'"' + b"9" * 400 + b'"', "9" * 400, id="digits-in-a-string"),
        pytest.param(b"9" * 308, int("9" * 308), id="308-digits"),
        pytest.param(b'{"a": 1, "a": 2}', {"a": 2}, id="of-equal-keys-the-last-counts"),
    ],
)
def test_unusual_json_is_read(content, expected):
    """What RFC 8259 allows and the limits do not forbid is read."""
    value = decode_json(content, Any, max_depth=64)

    assert expected is None or expected == value


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        pytest.param(b"[1,]", "The body is not valid JSON: trailing comma in array (byte 3).", id="syntax"),
        pytest.param(b"[1, 2", "The body is not valid JSON: it ends in the middle of a value.", id="truncated"),
        pytest.param(b'["ab\xff"]', "The body is not valid JSON: a string is not UTF-8 (byte 4).", id="encoding"),
        pytest.param(b"1e999", "The body is not valid JSON: a number is out of range.", id="range"),
    ],
)
def test_the_answer_names_the_place(content, detail):
    """The client learns what is wrong and where, and nothing of the inside."""
    with pytest.raises(BadRequest) as caught:
        decode_json(content, Any, max_depth=64)

    assert detail == caught.value.detail


def test_a_value_that_does_not_fit_is_422_with_its_path():
    """Validation is 422, with the path and without the value."""
    with pytest.raises(ValidationFailed) as caught:
        decode_json(b'{"name": "a", "count": "secret"}', Item, max_depth=64)

    assert ({"in": "body", "at": "$.count", "message": "Expected `int`, got `str`"},) == caught.value.errors
    with pytest.raises(ValidationFailed) as caught:
        decode_json(b"1", Item, max_depth=64)

    assert "$" == caught.value.errors[0]["at"]


@pytest.mark.security("C28")
def test_long_values_cost_no_coercion():
    """A text of a million digits is not converted into a number."""
    with pytest.raises(ValidationFailed):
        decode_json(b'"' + b"9" * 1_000_000 + b'"', int, max_depth=64)


@pytest.mark.parametrize(
    ("type_", "is_bounded"),
    [
        (int, True),
        (Item, True),
        (list[Item], True),
        (Row, True),
        (Point, True),
        (Pair, True),
        (int | None, True),
        (Literal["a"], True),
        (Decimal, True),
        (Any, False),
        (list, False),
        (dict, False),
        (dict[str, Any], False),
        (tuple[int, Any], False),
        (Tree, False),
        (list[Loose], False),
        (msgspec.Raw, False),
        (object, False),
        (lambda: None, False),
    ],
)
def test_types_that_bound_their_depth_are_known(type_, is_bounded):
    """Only a type with something untyped or recursive in it needs the look at the brackets."""
    assert is_bounded == is_bounded_type(type_)


def test_a_bounded_type_is_as_deep_as_itself():
    """A long list of flat objects has many brackets and is not deep."""
    content = b"[" + b",".join([b'{"name": "a"}'] * 100) + b"]"

    assert 100 == len(decode_json(content, list[Item], max_depth=1))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text("ab[]{}\"\\0'", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('a[\\"', max_size=3), inner, max_size=3),
    max_leaves=20,
)


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


@settings(max_examples=200, deadline=None)
@given(value=JSON, max_depth=st.integers(0, 8))
def test_depth_is_exact(value, max_depth):
    """A document is refused exactly when more brackets are open at once than allowed."""
    content = json.dumps(value).encode()
    if depth_of(value) <= max_depth:
        check_json_shape(content, max_depth=max_depth)
        assert value == decode_json(content, Any, max_depth=max_depth)
    else:
        with pytest.raises(BadRequest):
            check_json_shape(content, max_depth=max_depth)


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=60) | st.text('[]{}",:\\u0189dDaef-+.eE tn', max_size=40).map(str.encode))
def test_any_bytes_are_a_value_or_400(content):
    """Whatever comes, nothing but 400 comes out."""
    try:
        decode_json(content, Any, max_depth=4)
    except BadRequest:
        pass

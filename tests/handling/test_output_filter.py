"""What was returned, made what was declared."""

from __future__ import annotations

import collections
import collections.abc
import datetime
import enum
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypedDict, TypeVar

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given, strategies as st

from costrel.handling.output_filter import declared_check, narrow_to, output_verifier

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"


class User(msgspec.Struct):
    id: int
    name: str = ""


class Account(User):
    password: str = "secret"


class Page(msgspec.Struct, Generic[T]):
    rows: list[T]


@dataclass
class DataclassUser:
    id: int


@attrs.define
class AttrsUser:
    id: int


class TypedDictUser(TypedDict):
    id: int


class Model(pydantic.BaseModel):
    id: int


class Pair(NamedTuple):
    left: int


class Row:
    """Stands for a row of a database: attributes, among them one that nobody declared."""

    id = 1
    name = "Ada"
    password = "secret"


class Other(msgspec.Struct):
    id: int


class Session:
    pass


@pytest.mark.parametrize(
    ("annotation", "accepted", "refused"),
    [
        pytest.param(int, [5], [True, "5", 1.5, None], id="int"),
        pytest.param(float, [1.5, 5], ["5", True], id="float-or-int"),
        pytest.param(str, ["a"], [b"a", 5], id="str"),
        pytest.param(None, [None], [5, ""], id="none"),
        pytest.param(Colour, [Colour.RED], ["red"], id="enum"),
        pytest.param(Literal["a", 1], ["a", 1], [None], id="literal"),
        pytest.param(datetime.date, [datetime.date(2024, 2, 29)], [datetime.datetime(2024, 2, 29)], id="date"),
        pytest.param(User, [User(1)], [Account(1), {"id": 1}, Row()], id="struct-but-no-subclass"),
        pytest.param(Page[int], [Page([1])], [{"rows": []}], id="generic-struct"),
        pytest.param(DataclassUser, [DataclassUser(1)], [{"id": 1}], id="dataclass"),
        pytest.param(AttrsUser, [AttrsUser(1)], [{"id": 1}], id="attrs"),
        pytest.param(Model, [Model(id=1)], [{"id": 1}], id="pydantic"),
        pytest.param(Pair, [Pair(1)], [(1,)], id="named-tuple"),
        pytest.param(TypedDictUser, [], [{"id": 1}], id="every-typed-dict-is-filtered"),
        pytest.param(User | None, [User(1), None], [Account(1)], id="optional"),
        pytest.param(User | Other, [User(1), Other(1)], [Account(1)], id="a-union-of-classes"),
        pytest.param(list[User] | int, [[User(1)], 5], [[Account(1)], "x"], id="a-union-of-kinds"),
        pytest.param(list, [[1, User(1)]], [(1,), {}], id="an-untyped-list"),
        pytest.param(list[Any], [[1, User(1)]], [(1,)], id="a-list-of-anything"),
        pytest.param(list[User], [[], [User(1)]], [[User(1), Account(1)], (User(1),), {}], id="a-list-of-one-class"),
        pytest.param(list[int | str], [[1, "a"]], [[1.5], [None]], id="a-list-of-two-classes"),
        pytest.param(list[list[User]], [[], [[User(1)]]], [[[Account(1)]], [User(1)]], id="a-list-of-lists"),
        pytest.param(list[User] | list[Any], [[5]], [5], id="a-union-with-anything-inside"),
        pytest.param(list[list], [[[1]]], [[5]], id="a-list-of-untyped-lists"),
        pytest.param(list[Any | None], [[1]], [5], id="a-list-of-a-union-with-anything"),
        pytest.param(set[int], [{1}], [{"a"}, [1]], id="set"),
        pytest.param(frozenset[int], [frozenset({1})], [{1}], id="frozenset"),
        pytest.param(collections.abc.Sequence[User], [[User(1)], (User(1),)], [[Account(1)], {}], id="sequence"),
        pytest.param(tuple, [(1,)], [[1]], id="an-untyped-tuple"),
        pytest.param(tuple[User, ...], [(User(1),)], [(Account(1),), [User(1)]], id="a-tuple-of-any-length"),
        pytest.param(tuple[User, Any], [(User(1), 5)], [(Account(1), 5), (User(1),), 5], id="a-tuple-of-two"),
        pytest.param(dict, [{"a": 5}], [[("a", 5)]], id="an-untyped-dict"),
        pytest.param(dict[str, User], [{"a": User(1)}], [{"a": Account(1)}, []], id="a-dict-of-one-class"),
        pytest.param(collections.abc.Mapping[str, Any], [{"a": 5}], [5], id="a-mapping"),
        pytest.param(collections.OrderedDict, [collections.OrderedDict()], [{}], id="a-subclass-of-dict"),
        pytest.param(Session, [], [Session()], id="an-unknown-class"),
        pytest.param("User", [], [User(1)], id="no-type"),
    ],
)
def test_declared_check(annotation: Any, accepted: list[Any], refused: list[Any]) -> None:
    """Objects of exactly the declared classes are believed, anything else is not."""
    check = declared_check(annotation)
    assert check is not None

    assert [True] * len(accepted) == [check(value) for value in accepted]
    assert [False] * len(refused) == [check(value) for value in refused]


def test_anything_needs_no_check() -> None:
    """Where anything may leave, there is nothing to compare."""

    assert None is declared_check(Any) is declared_check(object) is declared_check(list[int] | Any)


@pytest.mark.capability("C054")
@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"id": 1, "name": "Ada", "password": "secret"}, id="a-dict"),
        pytest.param(Account(1, "Ada"), id="an-object-of-a-subclass"),
        pytest.param(Row(), id="an-object-with-attributes"),
        pytest.param(collections.ChainMap({"id": 1, "name": "Ada", "password": "secret"}), id="a-mapping"),
    ],
)
@pytest.mark.parametrize("wrap", ["alone", "list", "dict", "page"])
def test_a_secret_field_never_leaves(value: Any, wrap: str) -> None:
    """What the declared type does not name stays behind, wherever the object stands."""
    types: dict[str, Any] = {"alone": User, "list": list[User], "dict": dict[str, User], "page": Page[User]}
    values: dict[str, Any] = {"alone": value, "list": [value], "dict": {"a": value}, "page": {"rows": [value]}}
    narrow = narrow_to(types[wrap])
    assert narrow is not None
    content = msgspec.json.encode(narrow(values[wrap]))

    assert b'{"id":1,"name":"Ada"}' in content
    assert b"secret" not in content


@pytest.mark.capability("C054")
@pytest.mark.parametrize("type_", [TypedDictUser, DataclassUser, AttrsUser, Model])
def test_every_library_filters(type_: Any) -> None:
    """Every way to declare fields leaves the rest behind."""
    narrow = narrow_to(type_)
    assert narrow is not None
    narrowed = narrow({"id": 1, "password": "secret"})

    assert "secret" not in str(narrowed)
    assert 1 == (narrowed["id"] if isinstance(narrowed, dict) else narrowed.id)


def test_models_from_attributes() -> None:
    """pydantic models are made of objects with attributes too."""
    narrow = narrow_to(list[Model])
    assert narrow is not None

    assert [Model(id=1)] == narrow([Row()])


def test_what_does_not_fit() -> None:
    """A value that is not what was declared is refused, not converted from text."""
    narrow = narrow_to(User)
    assert narrow is not None
    for value in ({"id": "1"}, {}, [1], 5):
        with pytest.raises(msgspec.ValidationError):
            narrow(value)


def test_types_that_nothing_can_be_converted_to() -> None:
    """Objects of a union that JSON cannot tell apart can be sent and not made."""

    assert None is narrow_to(User | Other)


@pytest.mark.capability("C053")
@pytest.mark.parametrize(
    ("annotation", "content", "expected"),
    [
        pytest.param(User, b'{"id":1,"name":"Ada"}', "", id="right"),
        pytest.param(
            list[User],
            b'[{"id":"x"},{"id":1,"name":5}]',
            "Expected `int`, got `str` - at `$[0].id`\nExpected `str`, got `int` - at `$[1].name`",
            id="every-error",
        ),
        pytest.param(
            Model,
            b'{"id":"x"}',
            "Input should be a valid integer, unable to parse string as an integer - at `$.id`",
            id="pydantic",
        ),
        pytest.param(dict, b'{"a":' + b"[" * 70 + b"]" * 70 + b"}", "", id="deeper-than-a-request-may-be"),
    ],
)
def test_output_verifier(annotation: Any, content: bytes, expected: str) -> None:
    """Encoded output is checked against the declared type, with every error and its path."""
    verify = output_verifier(annotation)
    assert verify is not None

    assert expected == verify(content)


def test_types_that_can_only_be_encoded() -> None:
    """What cannot be decoded cannot be compared."""

    assert None is output_verifier(User | Other)


@given(ids=st.lists(st.integers() | st.text(), max_size=5))
def test_believed_or_narrowed_alike(ids: list[Any]) -> None:
    """A list of objects and the list of their dicts send the same bytes."""
    users = [User(id_) for id_ in ids if isinstance(id_, int)]
    narrow = narrow_to(list[User])
    assert narrow is not None

    assert msgspec.json.encode(users) == msgspec.json.encode(narrow(msgspec.to_builtins(users)))

"""Types taken apart and put together again."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import pytest
from msgspec import inspect as shape

from costrel.handling.constraints import (
    child_nodes,
    constraints_of,
    dict_type,
    list_type,
    rebuild_type,
    union_type,
    unwrap_node,
)


class Colour(enum.Enum):
    RED = "red"


class User(msgspec.Struct):
    id: int
    friends: list[str] = []


class Pair(NamedTuple):
    left: int


class Session:
    pass


@pytest.mark.parametrize(
    "type_",
    [
        pytest.param(type_, id=str(type_))
        for type_ in [
            *(Any, type(None), bool, int, float, str, bytes, bytearray, memoryview, uuid.UUID, decimal.Decimal),
            *(datetime.datetime, datetime.date, datetime.time, datetime.timedelta, Colour, Literal["a", 1]),
            *(User, Pair, Session, list[int], set[int], frozenset[int], tuple[int, ...], tuple[int, str], tuple[()]),
            *(dict[str, list[User]], int | str, User | None),
            *(Annotated[int, msgspec.Meta(ge=1, multiple_of=2)], Annotated[list[int], msgspec.Meta(max_length=3)]),
            *(Annotated[str, msgspec.Meta(pattern="^a")], list[Annotated[datetime.datetime, msgspec.Meta(tz=True)]]),
        ]
    ],
)
def test_round_trip(type_: Any) -> None:
    """A type rebuilt from its nodes has the same nodes."""
    node = shape.type_info(type_)

    assert node == shape.type_info(rebuild_type(node))


def test_constraints_of() -> None:
    """The constraints of a node go by the names of `Meta`; metadata around it is looked through."""
    type_ = Annotated[int, msgspec.Meta(ge=1, title="Count")]
    node = shape.type_info(type_)

    assert isinstance(node, shape.Metadata)
    assert isinstance(unwrap_node(node), shape.IntType)
    assert {"ge": 1} == constraints_of(node)
    assert {} == constraints_of(shape.type_info(bool))


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        pytest.param(int, [], id="a-scalar-has-none"),
        pytest.param(list[int], [shape.IntType], id="list"),
        pytest.param(dict[str, int], [shape.StrType, shape.IntType], id="dict"),
        pytest.param(tuple[int, str], [shape.IntType, shape.StrType], id="tuple"),
        pytest.param(int | None, [shape.IntType, shape.NoneType], id="union"),
        pytest.param(User, [shape.IntType, shape.ListType], id="fields"),
        pytest.param(list[Annotated[int, msgspec.Meta(title="x")]], [shape.IntType], id="without-metadata"),
    ],
)
def test_child_nodes(type_: Any, expected: list[Any]) -> None:
    """The children of a node are what stands directly inside it."""

    assert expected == [type(node) for node in child_nodes(shape.type_info(type_))]


def test_types_made_at_run_time() -> None:
    """Type expressions can be made of types that are known only at run time."""

    assert list[int] == list_type(int)
    assert dict[str, int] == dict_type(str, int)
    assert (int | str) == union_type([int, str])
    assert int is union_type([int])

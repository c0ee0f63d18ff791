"""The classification of annotations: scalars, lists of scalars, bodies."""

from __future__ import annotations

import collections.abc
import datetime
import decimal
import enum
import sys
import types
import uuid
from dataclasses import dataclass
from operator import getitem
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, TypedDict, TypeVar, Union

import attrs
import msgspec
import pydantic
import pydantic.dataclasses
import pytest

from costrel.handling.type_shapes import (
    NONE_TYPE,
    bare_type,
    is_attrs_class,
    is_body_type,
    is_list_of_scalars,
    is_named_tuple,
    is_object_class,
    is_pydantic_class,
    is_scalar,
    is_union,
    type_text,
    union_members,
)

T = TypeVar("T")
UserId = NewType("UserId", int)
Positive = Annotated[int, msgspec.Meta(gt=0)]


# Written so, because linters turn `Union[int, str]` into the newer form, which is another class before Python 3.14.
OLD_UNION: Any = getitem(Union, (int, str))


class Colour(enum.Enum):
    RED = "red"


class User(msgspec.Struct):
    id: int


class Page(msgspec.Struct, Generic[T]):
    rows: list[T]


@dataclass
class Address:
    city: str


class Options(TypedDict):
    depth: int


class Pair(NamedTuple):
    left: int


@attrs.define
class Size:
    width: int


class Model(pydantic.BaseModel):
    age: int


class ModelPage(pydantic.BaseModel, Generic[T]):
    rows: list[T]


@pydantic.dataclasses.dataclass
class PydanticAddress:
    city: str


class Session:
    pass


SCALARS = [str, int, float, bool, bytes, decimal.Decimal, uuid.UUID, Colour, Positive, UserId, Literal["a", 1]]
SCALARS += [datetime.date, datetime.datetime, datetime.time, datetime.timedelta]
SCALARS += [int | None, OLD_UNION, int | str | None, Annotated[int | None, "x"], Positive | None]
LISTS = [list[int], set[str], frozenset[Colour], tuple[int, ...], tuple[int, str], list[int] | None, list[int | None]]
LISTS += [
    collections.abc.Sequence[int],
    collections.abc.Set[int],
    Annotated[list[Positive], msgspec.Meta(max_length=3)],
]
BODIES = [User, Page[int], Address, Options, Pair, Size, Model, ModelPage[int], PydanticAddress, dict, list, list[Any]]
BODIES += [dict[str, int], collections.abc.Mapping[str, int], list[User], list[list[int]], tuple[User, ...], set[Pair]]
BODIES += [User | None, User | list[int], User | int, Annotated[User, "x"], list[Model], dict[str, Model], tuple]
OTHERS = [None, NONE_TYPE, Any, object, Session, Session | None, list[Session], dict[str, Session], User | Session, T]
OTHERS += [collections.abc.Iterator[int], collections.abc.Callable[[], int], type, type[User], "User"]


def _ids(annotations: list[Any]) -> list[Any]:
    return [pytest.param(annotation, id=str(annotation)) for annotation in annotations if annotation is not None]


@pytest.mark.parametrize("annotation", _ids(SCALARS))
def test_scalars(annotation: Any) -> None:
    """A scalar is read from one text; it is no list and no body."""

    assert (True, False, False) == (is_scalar(annotation), is_list_of_scalars(annotation), is_body_type(annotation))


@pytest.mark.parametrize("annotation", _ids(LISTS))
def test_lists_of_scalars(annotation: Any) -> None:
    """A list of scalars is read from a repeated key; it is no scalar and no body."""

    assert (False, True, False) == (is_scalar(annotation), is_list_of_scalars(annotation), is_body_type(annotation))


@pytest.mark.capability("C052")
@pytest.mark.parametrize("annotation", _ids(BODIES))
def test_bodies(annotation: Any) -> None:
    """What has fields, keys or untyped parts is a body."""

    assert (False, False, True) == (is_scalar(annotation), is_list_of_scalars(annotation), is_body_type(annotation))


@pytest.mark.parametrize("annotation", _ids([other for other in OTHERS if other is not None]))
def test_others(annotation: Any) -> None:
    """Services, anything and nothing are none of the three."""

    assert (False, False, False) == (is_scalar(annotation), is_list_of_scalars(annotation), is_body_type(annotation))


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        pytest.param(int, int, id="a-class"),
        pytest.param(None, NONE_TYPE, id="none-is-its-type"),
        pytest.param(Positive, int, id="constraints-are-taken-off"),
        pytest.param(UserId, int, id="a-new-type"),
        pytest.param(Annotated[UserId, "x"], int, id="one-inside-the-other"),
        pytest.param(list[int], list[int], id="parameters-stay"),
    ],
)
def test_bare_type(annotation: Any, expected: Any) -> None:
    """A bare type has nothing around it."""

    assert expected == bare_type(annotation)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the `type` statement is newer")
def test_a_type_alias_is_what_it_stands_for() -> None:
    """An alias made by the `type` statement is looked through."""
    namespace: dict[str, Any] = {"Positive": Positive}
    exec("type Count = Positive", namespace)

    assert int is bare_type(namespace["Count"])
    assert is_scalar(namespace["Count"])


def test_union_members() -> None:
    """Members of nested unions come in one row and keep their constraints; another type is its only member."""

    assert (Positive, str, NONE_TYPE) == union_members(getitem(Union, (Positive, Annotated[str | None, "x"])))
    assert (int,) == union_members(int)
    assert (NONE_TYPE,) == union_members(None)
    assert (is_union(int | str), is_union(OLD_UNION), is_union(int)) == (True, True, False)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        pytest.param(User, "object", id="struct"),
        pytest.param(Page[int], "object", id="generic-struct"),
        pytest.param(Address, "object", id="dataclass"),
        pytest.param(Options, "object", id="typed-dict"),
        pytest.param(Size, "object attrs", id="attrs"),
        pytest.param(Model, "object pydantic", id="pydantic-model"),
        pytest.param(PydanticAddress, "object pydantic", id="pydantic-dataclass"),
        pytest.param(Pair, "tuple", id="named-tuple"),
        pytest.param(dict, "", id="dict"),
        pytest.param(tuple, "", id="tuple"),
        pytest.param(5, "", id="no-type-at-all"),
    ],
)
def test_kinds_of_classes(annotation: Any, expected: str) -> None:
    """Classes with fields are known by what made them."""
    kinds = {
        "object": is_object_class(annotation),
        "attrs": is_attrs_class(annotation),
        "pydantic": is_pydantic_class(annotation),
        "tuple": is_named_tuple(annotation),
    }

    assert expected == " ".join(kind for kind, applies in kinds.items() if applies)


@pytest.mark.pain("P41")
def test_without_pydantic_no_class_is_one_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """pydantic is looked up, never imported: where nobody has imported it nothing is taken for a model."""
    look_alike = types.new_class("LookAlike", (), {}, lambda namespace: namespace.update(__pydantic_validator__=None))
    monkeypatch.delitem(sys.modules, "pydantic")

    assert not is_pydantic_class(look_alike)
    assert "pydantic" not in sys.modules


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        pytest.param(int, "int", id="a-class"),
        pytest.param(None, "None", id="none"),
        pytest.param(NONE_TYPE, "None", id="the-type-of-none"),
        pytest.param(list[int], "list[int]", id="a-parameter"),
        pytest.param(Any, "Any", id="any"),
        pytest.param(Literal["a"], "Literal['a']", id="a-literal"),
        pytest.param(int | None, "int | None", id="a-union"),
    ],
)
def test_type_text(annotation: Any, expected: str) -> None:
    """A type is written as it stands in code."""

    assert expected == type_text(annotation)

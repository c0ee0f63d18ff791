"""The error collector: every error of a document with its path, and never the value."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given, settings, strategies as st

from costrel.handling.error_collector import MAX_ERRORS, ErrorCollector

T = TypeVar("T")
Positive = Annotated[int, msgspec.Meta(gt=0)]
Short = Annotated[str, msgspec.Meta(min_length=1, max_length=3)]


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Item(msgspec.Struct):
    sku: str
    quantity: Positive
    colour: Colour = Colour.RED


class Order(msgspec.Struct):
    id: int
    items: list[Item]
    note: str | None = None
    tags: dict[str, Positive] = {}


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    user_name: Short


class Tree(msgspec.Struct):
    value: int
    children: list[Tree] = []


class Cat(msgspec.Struct, tag="cat"):
    lives: int


class Dog(msgspec.Struct, tag="dog"):
    name: str


class Point(msgspec.Struct, array_like=True):
    x: float
    y: float = 0.0


class Circle(msgspec.Struct, array_like=True, tag="circle", forbid_unknown_fields=True):
    radius: float


class Square(msgspec.Struct, array_like=True, tag="square"):
    side: float
    name: str = ""


class Range(msgspec.Struct):
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("`low` is above `high`")


class ArrayRange(Range, array_like=True):
    pass


class Page(msgspec.Struct, Generic[T]):
    rows: list[T]


@dataclass
class Address:
    city: str
    zip_code: Literal[1, 2, "x"] = 1


class Options(TypedDict):
    depth: int
    label: NotRequired[str]


class Pair(NamedTuple):
    left: int
    right: str = ""


@attrs.define
class Tagged:
    size: int = attrs.field(validator=attrs.validators.ge(3))


class Model(pydantic.BaseModel):
    age: int
    names: list[str] = []


class Holder(msgspec.Struct):
    model: Model
    other: Model | None = None


class Session:
    """A class without a form in JSON."""


class Link(msgspec.Struct):
    sessions: list[Session]
    next: Link | None = None


TYPES: list[Any] = [
    int,
    float,
    str,
    bool,
    bytes,
    None,
    decimal.Decimal,
    uuid.UUID,
    datetime.date,
    datetime.datetime,
    datetime.time,
    datetime.timedelta,
    Annotated[datetime.datetime, msgspec.Meta(tz=True)],
    Any,
    Positive,
    Short,
    Colour,
    Level,
    Literal["a", 1],
    int | None,
    int | str | None,
    Item,
    Order,
    Strict,
    Tree,
    Cat,
    Cat | Dog,
    Cat | Dog | int | None,
    Point,
    Circle,
    Circle | Square,
    Circle | Square | str,
    Range,
    ArrayRange,
    Page[int],
    Page[Item],
    Address,
    Options,
    Pair,
    Tagged,
    list[int],
    list[Item],
    list[list[int]],
    set[int],
    frozenset[str],
    tuple[int, ...],
    tuple[int, str],
    Annotated[list[int], msgspec.Meta(min_length=1, max_length=2)],
    Annotated[dict[str, int], msgspec.Meta(min_length=1, max_length=2)],
    dict[str, Item],
    dict[int, str],
    dict[Colour, int],
    dict[str, Any],
    list[Order] | dict[str, int],
]

_KEYS = st.sampled_from(
    ["id", "items", "sku", "quantity", "colour", "value", "children", "type", "lives", "name", "low", "high", "rows"]
    + ["city", "zip_code", "depth", "label", "size", "note", "tags", "userName", "user_name", "1", "red", "odd key"]
)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(-2, 3),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(max_size=4),
    st.sampled_from(["red", "a", "x", "cat", "dog", "circle", "square", "2020-01-01", "12:30:00", "PT1S", "1.5"]),
    st.sampled_from(["2020-01-01T00:00:00Z", "12345678-1234-5678-1234-567812345678", "YWJj", "1"]),
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_KEYS, inner, max_size=5)),
    max_leaves=12,
)


def _draw_value(draw: Any, node: Any, depth: int = 0) -> Any:
    """Draw a value that is mostly right for a type, so that errors stand deep inside and not only at the top."""
    shape = msgspec.inspect
    while isinstance(node, shape.Metadata):
        node = node.type
    if depth > 4 or draw(st.integers(0, 11)) == 0:
        return draw(_JSON)

    def below(inner: Any) -> Any:
        return _draw_value(draw, inner, depth + 1)

    if isinstance(node, shape.StructType) and node.array_like:
        tag = [node.tag] if node.tag is not None else []
        return [*tag, *(below(field.type) for field in node.fields[: draw(st.integers(0, 3))])]
    if isinstance(node, shape.StructType | shape.DataclassType | shape.TypedDictType):
        value = {f.encode_name: below(f.type) for f in node.fields if draw(st.integers(0, 5))}
        if getattr(node, "tag_field", None) is not None and draw(st.integers(0, 5)):
            value[node.tag_field] = node.tag
        return value
    if isinstance(node, shape.NamedTupleType):
        return [below(field.type) for field in node.fields]
    if isinstance(node, shape.TupleType):
        return [below(item) for item in node.item_types]
    if isinstance(node, shape.CollectionType):
        return [below(node.item_type) for _ in range(draw(st.integers(0, 3)))]
    if isinstance(node, shape.DictType):
        return {draw(_KEYS): below(node.value_type) for _ in range(draw(st.integers(0, 3)))}
    if isinstance(node, shape.UnionType):
        return below(draw(st.sampled_from(node.types)))
    if isinstance(node, shape.EnumType):
        return draw(st.sampled_from([member.value for member in node.cls]))
    if isinstance(node, shape.IntType):
        return draw(st.integers(-1, 5))
    return draw(st.text(max_size=4) if isinstance(node, shape.StrType) else _SCALARS)


@pytest.mark.capability("C051")
@given(data=st.data(), type_=st.sampled_from(TYPES))
@settings(max_examples=200, deadline=None)
def test_finds_an_error_exactly_when_msgspec_does(data: st.DataObject, type_: Any) -> None:
    """A document has collected errors if and only if the decoder of its type refuses it."""
    value = _draw_value(data.draw, msgspec.inspect.type_info(type_))
    content = msgspec.json.encode(value)
    try:
        msgspec.json.decode(content, type=type_)
    except msgspec.ValidationError:
        is_refused = True
    else:
        is_refused = False

    found = ErrorCollector(type_).collect(msgspec.json.decode(content))

    assert is_refused == bool(found), found


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        pytest.param(int, 5, [], id="nothing-is-wrong"),
        pytest.param(Any, {"a": [1]}, [], id="anything-goes"),
        pytest.param(int, "5", [("$", "Expected `int`, got `str`")], id="a-scalar-of-the-wrong-kind"),
        pytest.param(
            Order,
            {
                "id": "x",
                "items": [{"sku": "a", "quantity": 0}, {"sku": 1, "colour": "green"}, 5],
                "tags": {"a b": 0, "ok": "x"},
            },
            [
                ("$.id", "Expected `int`, got `str`"),
                ("$.items[0].quantity", "Expected `int` >= 1"),
                ("$.items[1].sku", "Expected `str`, got `int`"),
                ("$.items[1].quantity", "Object missing required field `quantity`"),
                ("$.items[1].colour", "Expected one of `red`, `blue`"),
                ("$.items[2]", "Expected `object`, got `int`"),
                ('$.tags["a b"]', "Expected `int` >= 1"),
                ("$.tags.ok", "Expected `int`, got `str`"),
            ],
            id="every-error-of-a-nested-document-in-its-order",
        ),
        pytest.param(
            Strict,
            {"userName": "", "zz": 1},
            [("$.zz", "Object contains unknown field `zz`"), ("$.userName", "Expected `str` of length >= 1")],
            id="unknown-fields-where-they-are-forbidden",
        ),
        pytest.param(
            Tree,
            {"value": 1, "children": [{"value": 2, "children": [{"value": None}]}]},
            [("$.children[0].children[0].value", "Expected `int`, got `null`")],
            id="a-recursive-class",
        ),
        pytest.param(Cat, {"type": "dog", "lives": 9}, [("$.type", "Expected `cat`")], id="the-tag-of-one-class"),
        pytest.param(
            Cat | Dog, {"type": "cow"}, [("$.type", "Expected one of `cat`, `dog`")], id="an-unknown-tag-of-a-union"
        ),
        pytest.param(
            Cat | Dog, {"lives": 1}, [("$", "Object missing required field `type`")], id="a-missing-tag-of-a-union"
        ),
        pytest.param(
            Cat | Dog,
            {"type": "cat", "lives": "many"},
            [("$.lives", "Expected `int`, got `str`")],
            id="inside-the-member-that-the-tag-names",
        ),
        pytest.param(Cat | Dog, 5, [("$", "Expected `object`, got `int`")], id="no-member-of-a-union"),
        pytest.param(
            list[Order] | dict[str, int],
            {"a": "x"},
            [("$.a", "Expected `int`, got `str`")],
            id="the-member-of-a-union-by-its-kind",
        ),
        pytest.param(Circle | Square, ["tri", 1], [("$[0]", "Expected one of `circle`, `square`")], id="array-tags"),
        pytest.param(
            Circle | Square,
            [],
            [("$", "Expected `array` of at least length 1, got 0")],
            id="an-array-union-without-its-tag",
        ),
        pytest.param(
            Circle | Square,
            ["square", "x"],
            [("$[1]", "Expected `float`, got `str`")],
            id="inside-the-member-that-an-array-tag-names",
        ),
        pytest.param(Circle, ["cube", 1], [("$[0]", "Expected `circle`")], id="the-wrong-tag-in-an-array"),
        pytest.param(Circle, ["circle"], [("$", "Expected `array` of at least length 2, got 1")], id="a-short-array"),
        pytest.param(
            Circle, ["circle", 1, 2], [("$", "Expected `array` of at most length 1, got 2")], id="a-long-array"
        ),
        pytest.param(Point, [1, 2, "further", "ignored"], [], id="a-longer-array-where-that-is-allowed"),
        pytest.param(
            Point,
            ["x", "y"],
            [("$[0]", "Expected `float`, got `str`"), ("$[1]", "Expected `float`, got `str`")],
            id="members-of-an-array",
        ),
        pytest.param(Range, {"low": 3, "high": 1}, [("$", "`low` is above `high`")], id="what-the-class-itself-says"),
        pytest.param(ArrayRange, [3, 1], [("$", "`low` is above `high`")], id="what-the-class-of-an-array-says"),
        pytest.param(Tagged, {"size": 1}, [("$", "'size' must be >= 3: …")], id="the-class-repeats-the-value"),
        pytest.param(Range, {"low": "a", "high": 1}, [("$.low", "Expected `int`, got `str`")], id="members-come-first"),
        pytest.param(
            Address,
            {"city": 1, "zip_code": 3},
            [("$.city", "Expected `str`, got `int`"), ("$.zip_code", "Expected one of `1`, `2`, `x`")],
            id="a-dataclass",
        ),
        pytest.param(
            Options,
            {"label": 1},
            [("$.depth", "Object missing required field `depth`"), ("$.label", "Expected `str`, got `int`")],
            id="a-typed-dict",
        ),
        pytest.param(
            Pair, [], [("$", "Expected `array` of length 1 to 2, got 0")], id="a-named-tuple-of-the-wrong-length"
        ),
        pytest.param(
            Pair,
            ["a", 1],
            [("$[0]", "Expected `int`, got `str`"), ("$[1]", "Expected `str`, got `int`")],
            id="a-named-tuple",
        ),
        pytest.param(
            tuple[int, str], [1], [("$", "Expected `array` of length 2, got 1")], id="a-tuple-of-the-wrong-length"
        ),
        pytest.param(tuple[int, str], ["a", "b"], [("$[0]", "Expected `int`, got `str`")], id="a-tuple"),
        pytest.param(list[int], {}, [("$", "Expected `array`, got `object`")], id="an-object-for-a-list"),
        pytest.param(dict[str, int], [], [("$", "Expected `object`, got `array`")], id="a-list-for-a-dict"),
        pytest.param(
            Annotated[list[int], msgspec.Meta(min_length=2)],
            ["x"],
            [("$", "Expected `array` of length >= 2"), ("$[0]", "Expected `int`, got `str`")],
            id="too-few-items",
        ),
        pytest.param(
            Annotated[dict[str, int], msgspec.Meta(max_length=1)],
            {"a": 1, "b": 2},
            [("$", "Expected `object` of length <= 1")],
            id="too-many-members",
        ),
        pytest.param(
            dict[Colour, int],
            {"pink": "x"},
            [("$.pink", "The key: Expected one of `red`, `blue`"), ("$.pink", "Expected `int`, got `str`")],
            id="keys-and-values-of-a-dict",
        ),
        pytest.param(
            Holder,
            {"model": {"age": "q", "names": [1]}, "other": None},
            [
                ("$.model.age", "Input should be a valid integer, unable to parse string as an integer"),
                ("$.model.names[0]", "Input should be a valid string"),
            ],
            id="a-pydantic-model-inside",
        ),
        pytest.param(
            Holder,
            {"model": {"age": 1}, "other": 5},
            [("$.other", "Input should be a valid dictionary or instance of Model")],
            id="an-optional-pydantic-model-inside",
        ),
    ],
)
def test_errors(type_: Any, value: Any, expected: list[tuple[str, str]]) -> None:
    """Every error has the path of its place and says what was expected there."""

    assert expected == ErrorCollector(type_).collect(value)


@pytest.mark.security("L11")
@pytest.mark.parametrize(
    ("type_", "value"),
    [
        pytest.param(Item, {"sku": 1, "quantity": "hunter2"}, id="wrong-kind"),
        pytest.param(Colour, "hunter2", id="enum"),
        pytest.param(Literal["a"], "hunter2", id="literal"),
        pytest.param(Cat | Dog, {"type": "hunter2"}, id="tag"),
        pytest.param(Short, "hunter2", id="length"),
        pytest.param(Annotated[str, msgspec.Meta(pattern="^[a-z]+$")], "hunter2", id="pattern"),
        pytest.param(uuid.UUID, "hunter2", id="uuid"),
        pytest.param(datetime.date, "hunter2", id="date"),
        pytest.param(Model, {"age": "hunter2"}, id="pydantic"),
    ],
)
def test_the_value_is_never_repeated(type_: Any, value: Any) -> None:
    """An error says what was expected, and nothing of the value that came."""
    found = ErrorCollector(type_).collect(value)

    assert found
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("count", [MAX_ERRORS - 1, MAX_ERRORS, MAX_ERRORS + 1])
def test_at_most_a_hundred_errors(count: int) -> None:
    """More errors than the limit are not looked for."""

    assert min(count, MAX_ERRORS) == len(ErrorCollector(list[int]).collect(["x"] * count))


@pytest.mark.parametrize("place", [0, 62, 63, 64, 65, 127, 128])
def test_the_place_in_a_long_list_or_dict(place: int) -> None:
    """Checking in pieces does not change the place of an error."""
    items: list[object] = [1] * 130
    items[place] = "x"

    assert [(f"$[{place}]", "Expected `int`, got `str`")] == ErrorCollector(list[int]).collect(items)
    members = {f"k{index}": item for index, item in enumerate(items)}
    assert [(f"$.k{place}", "Expected `int`, got `str`")] == ErrorCollector(dict[str, int]).collect(members)


@pytest.mark.security("C28")
@pytest.mark.parametrize("depth", [0, 2, 20])
def test_many_right_members_cost_little(depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Members are looked at in pieces, and each only a few times, however deep it stands."""
    converted = 0
    convert = msgspec.convert

    def count_and_convert(value: Any, type_: Any, **options: Any) -> Any:
        nonlocal converted
        converted += len(msgspec.json.encode(value)) if isinstance(value, list) else 0
        return convert(value, type_, **options)

    document: Any = {"value": 1, "children": [{"value": 1}] * 2000 + [{"value": "x"}]}
    for _ in range(depth):
        document = {"value": 1, "children": [document]}
    monkeypatch.setattr(msgspec, "convert", count_and_convert)
    found = ErrorCollector(Tree).collect(document)

    assert [("$" + ".children[0]" * depth + ".children[2000].value", "Expected `int`, got `str`")] == found
    assert converted <= 5 * len(msgspec.json.encode(document))


def test_foreign_classes() -> None:
    """Classes that msgspec does not know are named, however deep they stand, and recursion ends."""

    assert (Session,) == ErrorCollector(Link).foreign_classes
    assert () == ErrorCollector(Order).foreign_classes

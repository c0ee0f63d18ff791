"""Text to scalars and lists of them."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from contextlib import suppress
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given, strategies as st
from msgspec import inspect as shape

from costrel.errors import ConfigurationError
from costrel.handling.scalars import MAX_DIGITS, ScalarRejected, lift_for, list_decoder, scalar_decoder
from costrel.handling.type_shapes import type_text

Positive = Annotated[int, msgspec.Meta(gt=0)]
UUID_TEXT = "12345678-1234-5678-1234-567812345678"


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


def decode(type_: Any, text: str) -> Any:
    return scalar_decoder(type_, "query", "value")(text)


@pytest.mark.capability("C052")
@pytest.mark.parametrize(
    ("type_", "text", "expected"),
    [
        pytest.param(str, "any text", "any text", id="str"),
        pytest.param(str, "", "", id="an-empty-str"),
        pytest.param(int, "42", 42, id="int"),
        pytest.param(int, "-7", -7, id="a-negative-int"),
        pytest.param(int, "007", 7, id="an-int-with-leading-zeros"),
        pytest.param(float, "1.5", 1.5, id="float"),
        pytest.param(float, "2", 2.0, id="a-float-without-a-fraction"),
        pytest.param(float, "-.5e-3", -0.0005, id="a-float-with-an-exponent"),
        pytest.param(bool, "true", True, id="true"),
        pytest.param(bool, "ON", True, id="a-checked-box"),
        pytest.param(bool, "yes", True, id="yes"),
        pytest.param(bool, "1", True, id="one"),
        pytest.param(bool, "False", False, id="false"),
        pytest.param(bool, "off", False, id="off"),
        pytest.param(bool, "no", False, id="no"),
        pytest.param(bool, "0", False, id="zero"),
        pytest.param(bytes, "YWJj", b"abc", id="bytes-are-base64"),
        pytest.param(decimal.Decimal, "1.10", decimal.Decimal("1.10"), id="decimal"),
        pytest.param(uuid.UUID, UUID_TEXT, uuid.UUID(UUID_TEXT), id="uuid"),
        pytest.param(datetime.date, "2024-02-29", datetime.date(2024, 2, 29), id="date"),
        pytest.param(datetime.time, "12:30:00", datetime.time(12, 30), id="time"),
        pytest.param(datetime.datetime, "2024-02-29T12:30:00", datetime.datetime(2024, 2, 29, 12, 30), id="datetime"),
        pytest.param(datetime.timedelta, "PT90S", datetime.timedelta(seconds=90), id="timedelta"),
        pytest.param(Colour, "red", Colour.RED, id="enum-of-texts"),
        pytest.param(Level, "2", Level.HIGH, id="enum-of-numbers"),
        pytest.param(Literal["a", 1], "a", "a", id="literal-text"),
        pytest.param(Literal["a", 1], "1", 1, id="literal-number"),
        pytest.param(Positive, "5", 5, id="constraints"),
        pytest.param(int | None, "5", 5, id="optional"),
        pytest.param(int | None, "", None, id="nothing-for-an-optional-number"),
        pytest.param(str | None, "", "", id="nothing-for-an-optional-text"),
        pytest.param(int | str, "5", 5, id="a-union-tries-numbers-first"),
        pytest.param(int | str, "five", "five", id="a-union-falls-back-to-text"),
        pytest.param(int | float, "5", 5, id="a-whole-number-of-two-kinds"),
        pytest.param(int | float, "5.5", 5.5, id="a-fraction-of-two-kinds"),
        pytest.param(bool | None, "on", True, id="an-optional-box"),
        pytest.param(datetime.date | None, "2024-02-29", datetime.date(2024, 2, 29), id="an-optional-date"),
    ],
)
def test_values(type_: Any, text: str, expected: Any) -> None:
    """A text of the right form becomes a value of the declared type."""
    value = decode(type_, text)

    assert (expected, type(expected)) == (value, type(value))


@pytest.mark.security("B18")
@pytest.mark.parametrize(
    ("type_", "text", "expected"),
    [
        pytest.param(int, "x", "Expected `int`, got `str`", id="no-int"),
        pytest.param(int, "", "Expected `int`, got `str`", id="an-empty-int"),
        pytest.param(int, "-", "Expected `int`, got `str`", id="only-a-sign"),
        pytest.param(int, "+5", "Expected `int`, got `str`", id="a-plus-sign"),
        pytest.param(int, " 5", "Expected `int`, got `str`", id="a-space"),
        pytest.param(int, "1_000", "Expected `int`, got `str`", id="underscores"),
        pytest.param(int, "٣", "Expected `int`, got `str`", id="digits-of-another-script"),
        pytest.param(int, "²", "Expected `int`, got `str`", id="a-superscript"),
        pytest.param(int, "1.0", "Expected `int`, got `str`", id="a-fraction-for-an-int"),
        pytest.param(Positive, "0", "Expected `int` >= 1", id="below-the-least"),
        pytest.param(Positive, "٣", "Expected `int`, got `str`", id="constrained-digits-of-another-script"),
        pytest.param(float, "nan", "Expected `float`, got `str`", id="nan"),
        pytest.param(float, "inf", "Expected `float`, got `str`", id="inf"),
        pytest.param(float, "1e999", "Expected `float`, got `str`", id="an-overflow"),
        pytest.param(float, "1e400", "Expected `float`, got `str`", id="an-overflow-of-three-digits"),
        pytest.param(float, "1_0.5", "Expected `float`, got `str`", id="a-float-with-underscores"),
        pytest.param(float, ".", "Expected `float`, got `str`", id="a-point-alone"),
        pytest.param(float | None, "nan", "Expected `float`, got `str`", id="an-optional-nan"),
        pytest.param(datetime.date | None, "x", "Invalid RFC3339 encoded date", id="an-optional-date"),
        pytest.param(bool, "maybe", "Expected `bool`, got `str`", id="no-bool"),
        pytest.param(bool, "truetrue", "Expected `bool`, got `str`", id="a-long-bool"),
        pytest.param(decimal.Decimal, "NaN", "Invalid decimal string", id="a-decimal-nan"),
        pytest.param(decimal.Decimal, "1_000", "Invalid decimal string", id="a-decimal-with-underscores"),
        pytest.param(decimal.Decimal, "٣", "Invalid decimal string", id="a-decimal-of-another-script"),
        pytest.param(decimal.Decimal | None, "Infinity", "Invalid decimal string", id="an-optional-infinity"),
        pytest.param(uuid.UUID, "x", "Invalid UUID", id="no-uuid"),
        pytest.param(uuid.UUID, "١" + UUID_TEXT[1:], "Invalid UUID", id="a-uuid-of-another-script"),
        pytest.param(datetime.date, "2023-02-29", "Invalid RFC3339 encoded date", id="a-day-that-does-not-exist"),
        pytest.param(Colour, "green", "Expected one of `red`, `blue`", id="no-member-of-an-enum"),
        pytest.param(Level, "3", "Expected one of `1`, `2`", id="no-number-of-an-enum"),
        pytest.param(Literal["a", "b"], "c", "Expected one of `a`, `b`", id="no-literal"),
        pytest.param(
            Annotated[str, msgspec.Meta(max_length=2)], "abc", "Expected `str` of length <= 2", id="a-long-text"
        ),
    ],
)
def test_rejections(type_: Any, text: str, expected: str) -> None:
    """A text of the wrong form is rejected with what was expected, ASCII digits only."""
    with pytest.raises(ScalarRejected) as caught:
        decode(type_, text)

    assert expected == str(caught.value)
    assert (("", expected),) == caught.value.errors


@pytest.mark.security("C28")
@pytest.mark.parametrize("type_", [int, Positive, float, float | None, decimal.Decimal, int | None])
@pytest.mark.parametrize("length", [MAX_DIGITS - 1, MAX_DIGITS, MAX_DIGITS + 1])
def test_length_limit(type_: Any, length: int) -> None:
    """A number has at most 308 digits; the length is looked at before it is converted."""
    text = "1" * length
    if length <= MAX_DIGITS:
        assert float(text) == float(decode(type_, text))
    else:
        with pytest.raises(ScalarRejected):
            decode(type_, text)


@given(number=st.integers(-(10**300), 10**300))
def test_every_int_is_read(number: int) -> None:
    """An integer survives the round trip through its text."""

    assert number == decode(int, str(number)) == decode(int | None, str(number))


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_is_read(number: float) -> None:
    """A finite float survives the round trip through its text."""

    assert number == decode(float, repr(number))


@given(text=st.text(max_size=12))
@pytest.mark.parametrize("type_", [int, float, bool, Positive, Colour, int | None, decimal.Decimal, datetime.date])
def test_any_text_is_a_value_or_rejected(type_: Any, text: str) -> None:
    """No text leads to another exception than the rejection."""
    with suppress(ScalarRejected):
        decode(type_, text)


@pytest.mark.parametrize(
    ("type_", "texts", "expected"),
    [
        pytest.param(list[int], ["1", "2"], [1, 2], id="list"),
        pytest.param(list[str], ["a"], ["a"], id="a-list-of-one"),
        pytest.param(set[Colour], ["red", "red"], {Colour.RED}, id="set"),
        pytest.param(frozenset[int], ["1"], frozenset({1}), id="frozenset"),
        pytest.param(tuple[int, ...], ["1", "2"], (1, 2), id="tuple-of-any-length"),
        pytest.param(tuple[int, str], ["1", "2"], (1, "2"), id="tuple-of-two"),
        pytest.param(list[int] | None, ["1"], [1], id="optional"),
        pytest.param(list[int | None], ["1", ""], [1, None], id="optional-items"),
    ],
)
def test_lists(type_: Any, texts: list[str], expected: Any) -> None:
    """The texts of a repeated key become a list, set or tuple of the declared type."""
    value = list_decoder(type_, "query", "values")(texts)

    assert (expected, type(expected)) == (value, type(value))


@pytest.mark.parametrize(
    ("type_", "texts", "expected"),
    [
        pytest.param(
            list[int],
            ["1", "x", "y"],
            [("[1]", "Expected `int`, got `str`"), ("[2]", "Expected `int`, got `str`")],
            id="every-wrong-item",
        ),
        pytest.param(
            tuple[int, str], ["1"], [("", "Expected `array` of length 2, got 1")], id="a-tuple-of-the-wrong-length"
        ),
        pytest.param(
            tuple[int, int], ["1", "2", "3"], [("", "Expected `array` of length 2, got 3")], id="one-item-too-many"
        ),
        pytest.param(
            Annotated[list[int], msgspec.Meta(min_length=2)],
            ["1"],
            [("", "Expected `array` of length >= 2")],
            id="too-few-items",
        ),
    ],
)
def test_rejected_lists(type_: Any, texts: list[str], expected: list[tuple[str, str]]) -> None:
    """A list is rejected with the place and the message of each wrong item; the first one is the text."""
    with pytest.raises(ScalarRejected) as caught:
        list_decoder(type_, "query", "values")(texts)
    place, message = expected[0]

    assert tuple(expected) == caught.value.errors
    assert (f"{message} - at `{place}`" if place else message) == str(caught.value)


@pytest.mark.parametrize(
    ("make", "type_", "what", "why"),
    [
        pytest.param(
            scalar_decoder,
            dict[str, int],
            "The query parameter `value` cannot be read from text as `dict[str, int]`.",
            "It is not one value, but has parts.",
            id="no-scalar",
        ),
        pytest.param(
            list_decoder,
            int,
            "The query parameter `value` cannot be read from text as `int`.",
            "It is not a list, set or tuple of plain values.",
            id="no-list",
        ),
        pytest.param(
            scalar_decoder,
            Colour | Literal["x"],
            f"The query parameter `value` cannot be read from text as `{type_text(Colour | Literal['x'])}`.",
            None,
            id="a-union-that-text-cannot-tell-apart",
        ),
    ],
)
def test_unreadable_types(make: Any, type_: Any, what: str, why: str | None) -> None:
    """A type that text cannot be read as is found while the app is built."""
    with pytest.raises(ConfigurationError) as caught:
        make(type_, "query", "value")
    mistake = caught.value.mistake

    assert ("COS-HANDLER-202", what) == (mistake.code, mistake.what)
    assert why is None or why == mistake.why


@pytest.mark.parametrize(
    ("type_", "text", "expected"),
    [
        pytest.param(int, "5", 5, id="a-number"),
        pytest.param(int, "x", "x", id="what-cannot-be-read-stays"),
        pytest.param(str, "5", "5", id="text-stays"),
        pytest.param(None, "", None, id="nothing"),
        pytest.param(None, "x", "x", id="something-where-nothing-is-expected"),
        pytest.param(Annotated[int, msgspec.Meta(title="Count")], "5", 5, id="metadata-is-looked-through"),
        pytest.param(dict[str, int], "5", "5", id="what-is-no-scalar-stays"),
    ],
)
def test_lift(type_: Any, text: str, expected: Any) -> None:
    """Lifting reads what the type expects in JSON, and leaves the rest as it is."""

    assert expected == lift_for(shape.type_info(type_))(text)

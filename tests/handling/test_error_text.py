"""The words of validation errors."""

from __future__ import annotations

import enum
from typing import Any, Literal

import pytest
from msgspec import inspect as shape

from costrel.handling.error_text import (
    clean_message,
    hide_values,
    list_choices,
    member_path,
    shorten_name,
    with_choices,
)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param("Expected `int`, got `str`", "Expected `int`, got `str`", id="nothing-to-take-off"),
        pytest.param("Expected `int`, got `str` - at `$.a[0]`", "Expected `int`, got `str`", id="a-path"),
        pytest.param("Expected `str`, got `int` - at `key` in `$`", "Expected `str`, got `int`", id="path-of-a-key"),
        pytest.param("Invalid enum value 'a' - at `$.b`", "Invalid enum value", id="the-value-of-an-enum"),
        pytest.param("Invalid value 'a' - at `$.type`", "Invalid value", id="the-value-of-a-tag"),
        pytest.param("Invalid UUID", "Invalid UUID", id="a-message-without-a-value"),
        pytest.param("Between - at `last` it rains", "Between - at `last` it rains", id="what-only-looks-like-a-path"),
    ],
)
def test_clean_message(message: str, expected: str) -> None:
    """A message has neither the path nor the value that came."""

    assert expected == clean_message(message)


@pytest.mark.security("L11")
@pytest.mark.parametrize(
    ("message", "values", "expected"),
    [
        pytest.param("3 is above 1", [3, 1], "… is above …", id="numbers"),
        pytest.param("'x' is wrong: hunter2", ["hunter2"], "'x' is wrong: …", id="text"),
        pytest.param("must be >= 18", [1, 8], "must be >= 18", id="not-inside-another-word"),
        pytest.param("nothing", ["", None, [], {}], "nothing", id="what-has-no-text"),
        pytest.param("a.b is (a.b)", ["a.b"], "… is (…)", id="text-with-signs"),
        pytest.param("costs 1.5", [1.5], "costs …", id="a-float"),
    ],
)
def test_hide_values(message: str, values: list[object], expected: str) -> None:
    """What a message repeats of the values is replaced, whole words only."""

    assert expected == hide_values(message, values)


@pytest.mark.parametrize(
    ("type_", "message", "expected"),
    [
        pytest.param(Colour, "Invalid enum value", "Expected one of `red`, `blue`", id="enum"),
        pytest.param(Literal["a"], "Invalid enum value", "Expected `a`", id="literal-of-one"),
        pytest.param(Colour, "Expected `str`, got `int`", "Expected `str`, got `int`", id="another-message"),
        pytest.param(int, "Invalid enum value", "Invalid enum value", id="another-type"),
    ],
)
def test_with_choices(type_: Any, message: str, expected: str) -> None:
    """Where a choice is wrong, the choices are named."""

    assert expected == with_choices(shape.type_info(type_), message)


def test_list_choices() -> None:
    """Up to twenty choices are named; of more only the number."""

    assert "one of " + ", ".join(f"`{number}`" for number in range(20)) == list_choices(list(range(20)))
    assert "one of 21 values" == list_choices(list(range(21)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("quantity", "$.quantity", id="a-word"),
        pytest.param("unit price", '$["unit price"]', id="a-space"),
        pytest.param('a"]', '$["a\\"]"]', id="quotes-are-escaped"),
        pytest.param("", '$[""]', id="empty"),
        pytest.param("a" * 64, "$." + "a" * 64, id="as-long-as-allowed"),
        pytest.param("a" * 65, '$["' + "a" * 64 + '…"]', id="longer"),
    ],
)
def test_member_path(name: str, expected: str) -> None:
    """A member is named with a dot if it is a word, else in brackets and quotes; a long name is cut."""

    assert expected == member_path("$", name)


def test_shorten_name() -> None:
    """A name is at most 64 characters long."""

    assert "a" * 64 == shorten_name("a" * 64)
    assert "a" * 64 + "…" == shorten_name("a" * 65)

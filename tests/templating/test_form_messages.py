"""The words for the person in front of the form."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from costrel.templating.form_fields import read_fields
from costrel.templating.form_messages import explain


@pytest.mark.parametrize(
    ("annotation", "message", "text", "expected"),
    [
        pytest.param(
            Annotated[str, Meta(min_length=1)],
            "Expected `str` of length >= 1",
            "",
            "This must be filled in.",
            id="empty",
        ),
        pytest.param(Literal["a"], "Object missing required field `x`", "", "Choose something.", id="nothing-chosen"),
        pytest.param(Literal["a"], "Invalid enum value", "b", "Choose one of the list.", id="no-choice"),
        pytest.param(
            Annotated[str, Meta(min_length=3)],
            "Expected `str` of length >= 3",
            "ab",
            "Enter at least 3 characters.",
            id="short",
        ),
        pytest.param(
            Annotated[str, Meta(max_length=1)],
            "Expected `str` of length <= 1",
            "ab",
            "Enter at most 1 character.",
            id="long",
        ),
        pytest.param(
            Annotated[str, Meta(pattern="^a$")],
            "Expected `str` matching regex",
            "b",
            "Enter it in the form that is asked for.",
            id="pattern",
        ),
        pytest.param(int, "Expected `int`, got `str`", "x", "Enter a whole number.", id="no-int"),
        pytest.param(float, "Expected `float`, got `str`", "x", "Enter a number.", id="no-float"),
        pytest.param(
            Annotated[int, Meta(ge=1, le=9)],
            "Expected `int` <= 9",
            "12",
            "Enter a number from 1 to 9.",
            id="out-of-range",
        ),
        pytest.param(Annotated[int, Meta(ge=1)], "Expected `int` >= 1", "0", "Enter 1 or more.", id="too-small"),
        pytest.param(
            Annotated[int, Meta(le=9)],
            "Input should be less than or equal to 9",
            "12",
            "Enter 9 or less.",
            id="too-large",
        ),
        pytest.param(bool, "Expected `bool`", "x", "This cannot be right.", id="anything-else"),
        pytest.param(str, "Value error, Not that one.", "x", "Not that one.", id="own-words-of-pydantic"),
        pytest.param(str, "Invalid coupon.", "x", "Invalid coupon.", id="own-words-like-those-of-programs"),
        pytest.param(int, "It is taken.", "1", "It is taken.", id="own-words"),
    ],
)
def test_a_message_is_for_people(annotation: Any, message: str, text: str, expected: str) -> None:
    """It says what to do; what a class says itself stays as it is."""
    (field,) = read_fields(msgspec.defstruct("Entry", [("x", annotation)]), {})

    assert expected == explain(field, message, text)

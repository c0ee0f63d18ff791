"""What a form says about a value that it did not take, in words for the person who fills it in.

The errors of validation are for programs: "Expected `str` of length >= 1". Where the field explains one, its own words
take their place, and go through `gettext`; what a class says itself, in a ``__post_init__`` for example, is shown as it
is.
"""

from __future__ import annotations

from collections.abc import Callable

from costrel.templating.form_fields import FieldSpec
from costrel.templating.translating import gettext, ngettext

__all__ = ["explain"]

_BY_TYPE: dict[str, Callable[[], str]] = {
    "number": lambda: gettext("Enter a number."),
    "date": lambda: gettext("Enter a date."),
    "email": lambda: gettext("Enter an e-mail address."),
    "url": lambda: gettext("Enter a web address."),
    "select": lambda: gettext("Choose one of the list."),
    "file": lambda: gettext("Choose a file."),
}
# How msgspec, our own checks and pydantic begin their messages; other ones are a class's or a handler's own words.
_OF_PROGRAMS = (
    "Expected `",
    "Invalid RFC3339",
    "Invalid UUID",
    "Invalid base64",
    "Invalid decimal",
    "Invalid enum value",
    "Object missing required field",
    "A value is required here.",
    "Invalid ISO8601",
    "Field required",
    "Input should be ",
    "String should ",
    "Value should ",
    "List should ",
    "value is not a valid ",
)


def explain(field: FieldSpec, message: str, text: str) -> str:
    """Return what is wrong with a field.

    Args:
        field: what it is.
        message: of the validation.
        text: what was typed.
    """
    if not message.startswith(_OF_PROGRAMS):
        return message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if not text and (field.is_required or field.input_type in ("file", "select")):
        return gettext("Choose something.") if field.input_type == "select" else gettext("This must be filled in.")
    limits = field.constraints
    shortest, longest = limits.get("min_length"), limits.get("max_length")
    if shortest is not None and len(text) < shortest:
        return ngettext("Enter at least %(num)s character.", "Enter at least %(num)s characters.", shortest)
    if longest is not None and len(text) > longest:
        return ngettext("Enter at most %(num)s character.", "Enter at most %(num)s characters.", longest)
    if field.input_type == "number" and any(sign in message for sign in (">", "<", "greater", "less")):
        return _explain_range(field)
    if "pattern" in limits and field.input_type not in ("email", "url"):
        return gettext("Enter it in the form that is asked for.")
    if field.input_type == "number" and field.attributes.get("step") == "1":
        return gettext("Enter a whole number.")
    if "placeholder" in field.attributes:
        return gettext("Enter it like %(example)s.", example=field.attributes["placeholder"])
    found = _BY_TYPE.get(field.input_type)
    return found() if found is not None else gettext("This cannot be right.")


def _explain_range(field: FieldSpec) -> str:
    lowest, highest = field.attributes.get("min"), field.attributes.get("max")
    if lowest is not None and highest is not None:
        return gettext("Enter a number from %(lowest)s to %(highest)s.", lowest=lowest, highest=highest)
    if lowest is not None:
        return gettext("Enter %(lowest)s or more.", lowest=lowest)
    return gettext("Enter %(highest)s or less.", highest=highest)

"""The words of a validation error: what was expected, where, and never the value that came.

SECURITY: a rejected value may be a password or a card number, and error texts end in logs, in mails and on screens.
What msgspec or the code of a class repeats of it is taken out here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import inspect as shape

from costrel.handling.constraints import Node

__all__ = ["clean_message", "hide_values", "list_choices", "member_path", "shorten_name", "with_choices"]

_MAX_CHOICES_SHOWN = 20
_MAX_NAME_LENGTH = 64
_MAX_HIDDEN_LENGTH = 10_000


def clean_message(message: str) -> str:
    """Take the path off a message of msgspec, and any value that it repeats.

    >>> clean_message("Expected `int`, got `str` - at `$.items[2]`")
    'Expected `int`, got `str`'
    >>> clean_message("Invalid enum value 'hunter2'")
    'Invalid enum value'
    """
    text, found, _ = message.rpartition(" - at `")
    if found and message.endswith("`"):
        message = text
    for start in ("Invalid enum value", "Invalid value"):
        if message.startswith(f"{start} "):
            return start
    return message


def hide_values(message: str, values: Iterable[object]) -> str:
    """Replace what a message repeats of some values; the code of a class may have put them there.

    >>> hide_values("'age' must be >= 18: 7", [7])
    "'age' must be >= 18: …"
    """
    for value in values:
        text = value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""
        if text and len(text) <= _MAX_HIDDEN_LENGTH and text in message:
            message = re.sub(rf"(?<!\w){re.escape(text)}(?!\w)", "…", message)
    return message


def with_choices(node: Node, message: str) -> str:
    """Say which values an enum or a `Literal` has, where msgspec would repeat the one that came."""
    if message == "Invalid enum value" and isinstance(node, shape.EnumType):
        return f"Expected {list_choices([member.value for member in node.cls])}"
    if message == "Invalid enum value" and isinstance(node, shape.LiteralType):
        return f"Expected {list_choices(list(node.values))}"
    return message


def list_choices(choices: Sequence[object]) -> str:
    """Write what may come; only the number of many.

    >>> list_choices(["red", "blue"])
    'one of `red`, `blue`'
    """
    if len(choices) > _MAX_CHOICES_SHOWN:
        return f"one of {len(choices)} values"
    shown = ", ".join(f"`{choice}`" for choice in choices)
    return shown if len(choices) == 1 else f"one of {shown}"


def member_path(at: str, name: str) -> str:
    """Append the name of a member: ``.name``, or in brackets and quotes where it is no plain word.

    >>> member_path("$.items[2]", "quantity"), member_path("$", "unit price")
    ('$.items[2].quantity', '$["unit price"]')
    """
    if name.isidentifier() and len(name) <= _MAX_NAME_LENGTH:
        return f"{at}.{name}"
    return f"{at}[{msgspec.json.encode(shorten_name(name)).decode()}]"


def shorten_name(name: str) -> str:
    """Cut a name that the client has chosen to 64 characters."""
    return name if len(name) <= _MAX_NAME_LENGTH else f"{name[:_MAX_NAME_LENGTH]}…"

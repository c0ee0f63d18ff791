"""Names in generated code: identifiers that are checked, unique in their function, and as the user wrote them.

SECURITY: no text of a user gets into generated source but through here; everything else is passed as a value.
"""

from __future__ import annotations

import keyword
import re

__all__ = ["Names", "identifier_of"]

_RESERVED = frozenset(
    {
        "BaseException",
        "Exception",
        "ExitPlace",
        "Pass",
        "Scope",
        "UNSET",
        "ValidationFailed",
        "_",
        "answer",
        "bytes",
        "check_form_type",
        "convert",
        "error",
        "errors",
        "failure",
        "given",
        "guard",
        "guarded",
        "handle_socket",
        "hop",
        "is_finished",
        "isawaitable",
        "log_failure",
        "profile",
        "request",
        "respond",
        "respond_hook",
        "response",
        "scope",
        "settle",
        "socket",
        "start_here",
        "start_stream",
        "switch",
        "type",
        "value",
        "watched_hop",
    }
)
_NOT_IN_IDENTIFIERS = re.compile(r"[^0-9A-Za-z_]+", re.ASCII)


def identifier_of(text: str) -> str:
    """Return an identifier that resembles a text: ``Annotated[Session, 'a']`` becomes ``Annotated_Session_a``."""
    name = _NOT_IN_IDENTIFIERS.sub("_", text).strip("_")[:60]
    if not name or name[0].isdigit():
        name = f"_{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


class Names:
    """The names that one generated module uses."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken = set(_RESERVED)

    def take(self, wanted: str) -> str:
        """Return a name that nobody has: the wanted one, or with a number behind it."""
        base = name = identifier_of(wanted)
        number = 1
        while name in self._taken:
            number += 1
            name = f"{base}_{number}"
        self._taken.add(name)
        return name

    def reserve(self, name: str) -> None:
        """Take a name that was taken elsewhere."""
        self._taken.add(name)

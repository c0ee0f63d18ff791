"""One registered route as the table gets it, and in which forms its pattern is matched.

The target may be anything: the table hands it back and never calls it. How entries become a table is in `table`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from costrel.routing.hosts import HostPattern
from costrel.routing.pattern import Pattern

__all__ = ["ANY_METHOD", "WEBSOCKET", "WEBSOCKET_KEY", "RouteEntry", "TrailingSlash", "slash_forms"]

T = TypeVar("T")

TrailingSlash = Literal["ignore", "strict", "redirect"]

WEBSOCKET = "WEBSOCKET"
"""What stands in `RouteEntry.methods` for the handshake of a WebSocket."""

# SECURITY: a client may send any token as its method, also `WEBSOCKET`; these keys contain a space and are no tokens.
WEBSOCKET_KEY = "a WebSocket"
ANY_METHOD = "any method"


@dataclass(frozen=True, slots=True)
class RouteEntry(Generic[T]):
    """A route to be put into a table.

    Attributes:
        pattern: the path.
        methods: the methods as they are sent, or ``"WEBSOCKET"`` for a handshake; `None` is any method, handshakes
            included, and makes it a mount, which is tried after all routes of the same host.
        target: what `RouteTable.find` returns; anything but `None`.
        host: the hosts it answers for; `None` is every host.
        when: a further condition, called with the request; `path_params` is set by then. A predicate with an
            attribute `vary` names the header fields it reads.
        trailing_slash: whether ``/a`` and ``/a/`` are the same, different, or one redirects to the other.
        name: the name for building URLs; empty when it has none.
        where: the place in the application's code, ``path/to/file.py:41``, for messages.
    """

    pattern: Pattern
    methods: frozenset[str] | None
    target: T
    host: HostPattern | None = None
    when: Callable[[Any], bool] | None = None  # Any: the application's predicate takes its own class of request
    trailing_slash: TrailingSlash = "ignore"
    name: str = ""
    where: str = ""

    @property
    def is_mount(self) -> bool:
        """Whether it takes any method."""
        return self.methods is None

    @property
    def method_keys(self) -> frozenset[str]:
        """The methods as the table looks them up."""
        if self.methods is None:
            return frozenset({ANY_METHOD})
        return frozenset(WEBSOCKET_KEY if method == WEBSOCKET else method for method in self.methods)


def slash_forms(pattern: Pattern, trailing_slash: TrailingSlash) -> tuple[bool, ...]:
    """Say which paths match a pattern: those without a slash at the end, with one, or both.

    Args:
        pattern: a pattern without an optional segment.
        trailing_slash: the policy of the route.

    Returns:
        For each form whether it ends with a slash.
    """
    if not pattern.segments:
        return (True,)
    if pattern.keeps_slash or trailing_slash == "ignore":
        return (False, True)
    return (pattern.has_trailing_slash,)

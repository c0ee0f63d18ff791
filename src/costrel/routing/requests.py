"""What the route table needs to know of a request, as a Protocol.

The table is below nobody and beside the messages, so it says here what it reads: the method, the decoded path, the
host and, for predicates, the header fields. It writes one thing, `RequestLike.path_params`. The real request class
satisfies this without knowing it; so does a five-line class in a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

__all__ = ["RequestLike"]


class RequestLike(Protocol):
    """The part of a request that routing reads and writes."""

    path_params: dict[str, object]
    """The values of the pattern's parameters; written by the table, only when there are some."""

    @property
    def method(self) -> str:
        """The method as sent; methods are case-sensitive (RFC 9110 §9.1)."""
        ...

    @property
    def route_path(self) -> str:
        """The percent-decoded path relative to the app; it begins with ``/`` (or is ``*`` for ``OPTIONS *``)."""
        ...

    @property
    def host(self) -> str:
        """The host of the target URI in lower case, without a port."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The header fields; looking up a name ignores case."""
        ...

    @property
    def is_websocket(self) -> bool:
        """Whether the request is the handshake of a WebSocket."""
        ...

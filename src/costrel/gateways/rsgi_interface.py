"""What an RSGI server hands over, as the gateway uses it; the names are those of the specification.

Spec: RSGI 1.5.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import Protocol

__all__ = [
    "FieldPair",
    "RSGIFields",
    "RSGIMessage",
    "RSGIProtocol",
    "RSGIScope",
    "RSGISocket",
    "RSGISocketProtocol",
    "RSGIStream",
]

FieldPair = tuple[str, str]


class RSGIFields(Protocol):
    """The header fields of a request; a value that is not ASCII is not among them."""

    def items(self) -> list[FieldPair]:
        """Return the lines; those of one name stand together."""
        ...


class RSGIScope(Protocol):
    """The head of a request or of a handshake."""

    proto: str  # "http" or "ws"
    http_version: str  # "1", "1.1" or "2"
    server: str  # "host:port"
    client: str  # "host:port"
    scheme: str
    method: str
    path: str  # decoded, without the query
    query_string: str
    authority: str | None  # of the request target: always with HTTP/2, with HTTP/1.1 only of an absolute form

    @property
    def headers(self) -> RSGIFields:
        """The header fields."""
        ...


class RSGIStream(Protocol):
    """A response that is sent in pieces; it ends when nobody holds this any more."""

    def send_bytes(self, data: bytes, /) -> Awaitable[None]:
        """Take a piece; raises a `RuntimeError` when the client is gone."""
        ...


class RSGIProtocol(Protocol):
    """One HTTP request and its response."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...
    def client_disconnect(self) -> Awaitable[None]:
        """Wait until the client is gone."""
        ...

    def response_empty(self, status: int, headers: list[FieldPair], /) -> None:
        """Answer without content."""
        ...

    def response_bytes(self, status: int, headers: list[FieldPair], body: bytes, /) -> None:
        """Answer with a whole body."""
        ...

    def response_file(self, status: int, headers: list[FieldPair], file: str, /) -> None:
        """Answer with a file, by its path."""
        ...

    def response_stream(self, status: int, headers: list[FieldPair], /) -> RSGIStream:
        """Begin an answer in pieces."""
        ...


class RSGIMessage(Protocol):
    """What came over a socket."""

    kind: int  # 0 for the end, 1 for bytes, 2 for text
    data: str | bytes  # not there at the end


class RSGISocket(Protocol):
    """An accepted socket."""

    def receive(self) -> Awaitable[RSGIMessage]:
        """Wait for a message; raises a `RuntimeError` when the connection is lost."""
        ...

    def send_bytes(self, data: bytes, /) -> Awaitable[None]:
        """Take a piece; raises a `RuntimeError` when the client is gone."""
        ...

    def send_str(self, data: str, /) -> Awaitable[None]:
        """Send text; see `send_bytes`."""
        ...


class RSGISocketProtocol(Protocol):
    """The handshake of a WebSocket."""

    def accept(self) -> Awaitable[RSGISocket]:
        """Accept; there is no word for a subprotocol or for header fields."""
        ...

    def close(self, status: int | None = None, /) -> None:
        """Refuse with a status code, or close what was accepted."""
        ...

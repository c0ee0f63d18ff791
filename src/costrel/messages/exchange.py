"""The seam between a transport and a request: what the messages ask of whoever speaks the protocol.

One `Exchange` belongs to one *stream*, never to a connection: HTTP/1.1 has one at a time on a connection, HTTP/2 will
have many. Our server, the gateways and the test clients implement it; nothing else about them is known above.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from costrel.execution import LoopState
from costrel.http import RequestHeaders
from costrel.messages.limits import MessageLimits

__all__ = ["Exchange", "RequestHead", "TLSInfo", "WebSocketChannel"]


@dataclass(frozen=True, slots=True)
class TLSInfo:
    """What is known of the TLS connection that carries an exchange.

    Args:
        version: for example ``"TLSv1.3"``, empty when the transport does not say.
        cipher: the name of the cipher suite, empty when unknown.
        server_name: the SNI name that the client asked for, or `None`.
    """

    version: str = ""
    cipher: str = ""
    server_name: str | None = None


class WebSocketChannel(Protocol):
    """An accepted WebSocket as its transport offers it; `WebSocket` is what handlers see of it."""

    async def receive(self) -> str | bytes:
        """Wait for the next whole message: text is `str`, binary is `bytes`.

        Raises:
            Disconnect: the peer closed, or the connection was lost (code 1006); again at each later call.
        """
        ...

    async def send(self, message: str | bytes) -> None:
        """Send one message and wait while the peer reads too slowly.

        Raises:
            Disconnect: the socket is closed, by whichever side.
        """
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close with a code of RFC 6455 §7.4 and at most 123 bytes of text; does nothing when closed."""
        ...


class Exchange(Protocol):
    """One request and its response on some transport."""

    loop_state: LoopState
    """What is bound to the event loop that runs this exchange."""

    peer: tuple[str, int] | None
    """Address and port of the other end of the connection, `None` on a Unix socket or when unknown."""

    tls: TLSInfo | None
    """What is known of the TLS connection, `None` without TLS."""

    status_code: int
    """Of the final response, or 101 for a WebSocket; 0 before its head was sent."""

    @property
    def is_disconnected(self) -> bool:
        """Whether the client is known to be gone."""
        ...

    request_trailers: RequestHeaders | None
    """Trailer fields of the request, once its body is complete; `None` when there were none or they were dropped."""

    channel: WebSocketChannel | None
    """The accepted WebSocket, `None` before the handshake was sent and on plain HTTP."""

    def take_arrived(self, max_bytes: int) -> bytes | None:
        """Return the whole body if all of it has arrived and nothing was taken, at most `max_bytes`; never wait.

        `None` says nothing about the body: `read_body` does. A transport that has to wait for any piece returns it
        always.
        """
        ...

    async def read_body(self, max_bytes: int) -> bytes:
        """Wait for the next piece of the body, at most `max_bytes` (1 or more) long; ``b""`` is its end.

        The first call sends ``100 Continue`` if the client waits for it and no final status has been sent.
        After the end it returns ``b""`` for ever.

        Raises:
            ClientDisconnected: the client went away before the body was complete.
            RequestTimeout: the body came too slowly.
            BadRequest: the framing of the body is broken.
        """
        ...

    async def send_informational(self, status_code: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Send an interim response, for example 103 (RFC 9110 §15.2).

        It is dropped on transports and for clients that know none.
        """
        ...

    async def wait_disconnected(self) -> None:
        """Wait until the client is gone; returns at once if it is."""
        ...

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Call `callback` on the loop once when the client goes away; at once if it is gone."""
        ...

    def abort(self) -> None:
        """Cut the connection, or reset the stream, so that the client sees the response as incomplete."""
        ...


class RequestHead(Protocol):
    """As much of a request as a response needs that depends on one; `Request` is it."""

    method: str
    """Upper-case, for example ``GET``."""

    exchange: Exchange
    """The seam to the transport."""

    @property
    def headers(self) -> RequestHeaders:
        """The header fields."""
        ...

    @property
    def limits(self) -> MessageLimits:
        """The limits of the application."""
        ...

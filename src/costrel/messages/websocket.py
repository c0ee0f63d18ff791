"""WebSockets as handlers see them, and the response that switches to one.

The handshake is a request like any other; its endpoint returns a 101 response whose body is a `SocketHandler`. When
the handshake has been sent, the transport gives that body the channel, and the handler runs. Frames, pings and closing
handshakes are the transport's (`WebSocketChannel` in `exchange.py`).

Spec: RFC 6455.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn, Self, TypeVar, overload

from costrel.errors import Disconnect, HTTPError, Mistake, ProgrammerError, with_foreign_names
from costrel.http import URL, MultiDict, RequestHeaders
from costrel.messages.exchange import WebSocketChannel
from costrel.messages.json_body import decode_json
from costrel.messages.request import Request
from costrel.messages.response import Response, encode_json
from costrel.messages.state import State
from costrel.messages.typed_messages import OnInvalid, TypedMessages
from costrel.messages.views import AppView, SessionView

__all__ = ["SocketHandler", "WebSocket", "switching_response"]

logger: logging.Logger = logging.getLogger("costrel.websocket")
T = TypeVar("T")

MAX_REASON_BYTES = 123


@with_foreign_names
class WebSocket:
    """An open WebSocket; handlers take it as a parameter of this type.

    ``async for message in socket`` ends when the peer closes; `receive` and `send` raise `Disconnect` then.

    Args:
        request: the handshake.
        subprotocol: what was agreed on, empty for none.

    Attributes:
        request: the handshake.
        subprotocol: what was agreed on, empty for none (RFC 6455 §1.9).
    """

    __slots__ = ("_channel", "_closed", "request", "subprotocol")

    def __init__(self, request: Request, subprotocol: str = "") -> None:
        self.request: Request = request
        self.subprotocol: str = subprotocol
        self._channel: WebSocketChannel | None = None
        self._closed: Disconnect | None = None

    def __repr__(self) -> str:
        return f"<WebSocket {self.request.path}>"

    async def accept(self, *_: object, **__: object) -> None:
        """Do nothing: the socket is open before the handler runs. It is here for the habit of others."""

    async def receive(self) -> str | bytes:
        """Wait for the next message: text is `str`, binary is `bytes`.

        Raises:
            Disconnect: the socket is closed, by whichever side.
        """
        channel = self._open_channel()
        try:
            return await channel.receive()
        except Disconnect as error:
            # Not the one that was raised: its traceback leads back to the socket.
            self._closed = Disconnect(error.code, error.reason)
            raise

    async def receive_text(self) -> str:
        """Wait for the next message, which must be text.

        Raises:
            Disconnect: the socket is closed; also when the peer sent bytes, it is closed with 1003 then.
        """
        message = await self.receive()
        if isinstance(message, str):
            return message
        return await self._refuse("Text was expected, not bytes.")

    async def receive_bytes(self) -> bytes:
        """Wait for the next message, which must be binary.

        Raises:
            Disconnect: the socket is closed; also when the peer sent text, it is closed with 1003 then.
        """
        message = await self.receive()
        if isinstance(message, bytes):
            return message
        return await self._refuse("Bytes were expected, not text.")

    @overload
    async def receive_json(self) -> Any: ...  # JSON values have no common static type
    @overload
    async def receive_json(self, type: type[T]) -> T: ...
    async def receive_json(self, type: Any = Any) -> Any:  # the overloads say what callers see
        """Wait for the next message and decode it as JSON.

        Args:
            type: what it must be; by default anything.

        Raises:
            Disconnect: the socket is closed.
            BadRequest: the message is not JSON; uncaught, it closes the socket with 4400.
            ValidationFailed: it does not fit `type`; uncaught, it closes the socket with 4422.
        """
        message = await self.receive()
        content = message.encode("utf-8", "surrogatepass") if isinstance(message, str) else message
        return decode_json(content, type, max_depth=self.request.limits.max_json_depth)

    async def send(self, message: str | bytes) -> None:
        """Send a message, and wait while the peer reads too slowly.

        Raises:
            Disconnect: the socket is closed, by whichever side.
            TypeError: `message` is neither text nor bytes.
        """
        if not isinstance(message, str | bytes):
            raise TypeError(f"A message is `str` or `bytes`, not `{type(message).__name__}`; see `send_json`.")
        channel = self._open_channel()
        try:
            await channel.send(message)
        except Disconnect as error:
            # Not the one that was raised: its traceback leads back to the socket.
            self._closed = Disconnect(error.code, error.reason)
            raise

    async def send_json(self, value: object) -> None:
        """Send a value as JSON, in a text message.

        Raises:
            Disconnect: the socket is closed.
            TypeError: `value` has no form in JSON.
        """
        await self.send(encode_json(value).decode())

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket; does nothing when it is closed.

        Args:
            code: 1000, another that RFC 6455 §7.4 allows an endpoint to send, or 3000 to 4999.
            reason: text for the peer; what is longer than 123 bytes in UTF-8 is cut off.

        Raises:
            ValueError: a code that must not be sent.
        """
        if not (3000 <= code <= 4999 or code in (1000, 1001, 1002, 1003, *range(1007, 1015))):
            raise ValueError(f"{code} is no close code that may be sent (RFC 6455 §7.4).")
        if self._closed is None:
            channel = self._open_channel()
            self._closed = Disconnect(code, reason)
            await channel.close(code, _fitting(reason))

    def messages(self, type: type[T], *, on_invalid: OnInvalid = "close") -> TypedMessages[T]:
        """Iterate over messages of a type: ``async for move in socket.messages(Move)``.

        Each message is decoded as JSON, text and binary alike; a union of tagged structs takes messages of several
        kinds. It ends when the socket is closed.

        Args:
            type: what each message must be, any type that msgspec knows.
            on_invalid: what a message does that is not JSON or does not fit: ``close`` closes the socket with 1007
                and says where the message is wrong; ``report`` answers with a problem document (RFC 9457) in a text
                message, and goes on with the next; ``raise`` raises `BadRequest` or `ValidationFailed`, which, left
                alone, close the socket with 4400 or 4422.

        Raises:
            ValueError: `on_invalid` is none of these.
        """
        return TypedMessages(self, type, on_invalid)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str | bytes:
        try:
            return await self.receive()
        except Disconnect:
            raise StopAsyncIteration from None

    @property
    def headers(self) -> RequestHeaders:
        """The header fields of the handshake."""
        return self.request.headers

    @property
    def query(self) -> MultiDict[str]:
        """The query of the handshake."""
        return self.request.query

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies of the handshake."""
        return self.request.cookies

    @property
    def path_params(self) -> dict[str, Any]:
        """The values of the route's parameters by name."""
        return self.request.path_params

    @property
    def url(self) -> URL:
        """The URI of the handshake, with ``http`` or ``https``."""
        return self.request.url

    @property
    def client(self) -> tuple[str, int] | None:
        """Address and port of the client, `None` when unknown."""
        return self.request.client

    @property
    def session(self) -> SessionView:
        """The session as the handshake had it; what is changed now is not sent any more."""
        return self.request.session

    @property
    def user(self) -> Any:
        """What authentication made of the handshake's credentials, `None` without any."""
        return self.request.user

    @property
    def g(self) -> Any:
        """A namespace for the application's own values during this socket's life."""
        return self.request.g

    @property
    def state(self) -> State:
        """A namespace for layers."""
        return self.request.state

    @property
    def app(self) -> AppView:
        """The innermost application that handles the socket."""
        return self.request.app

    def bind(self, channel: WebSocketChannel) -> None:
        """Take the channel, once the handshake was sent; for `SocketHandler`."""
        self._channel = channel

    @property
    def closed(self) -> Disconnect | None:
        """How it was closed, by whichever side; `None` while it is open, as far as this side knows."""
        return self._closed

    def _open_channel(self) -> WebSocketChannel:
        """Return the channel of an open socket."""
        if self._closed is not None:
            raise Disconnect(self._closed.code, self._closed.reason)
        if self._channel is None:
            raise ProgrammerError(
                Mistake(
                    "COS-WEBSOCKET-001",
                    "A WebSocket was used before its handshake was sent.",
                    why="The handshake is the response: layers, hooks and providers run before it is sent.",
                    fix="Receive and send in the handler; to refuse the socket, return another response or raise.",
                )
            )
        return self._channel

    async def _refuse(self, reason: str) -> NoReturn:
        """Close with 1003, a message of a type that cannot be accepted (RFC 6455 §7.4.1)."""
        await self.close(1003, reason)
        raise Disconnect(1003, reason)


class SocketHandler:
    """The body of a switching response: runs the handler when the socket is open.

    Args:
        socket: what the handler was bound to.
        handler: runs the conversation, and closes what it opened; without arguments.
        name: the handler's name, for the log.

    Attributes:
        failure: the exception that closed the socket with 1011, for tests that want to see it.
    """

    __slots__ = ("_handler", "_name", "failure", "socket")

    def __init__(self, socket: WebSocket, handler: Callable[[], Awaitable[object]], name: str = "") -> None:
        self.socket: WebSocket = socket
        self.failure: Exception | None = None
        self._handler = handler
        self._name = name or getattr(handler, "__qualname__", repr(handler))

    async def run(self, channel: WebSocketChannel) -> None:
        """Run the handler and close: 1000 when it returns, 4000 + status for an `HTTPError`, 1011 for anything else."""
        socket = self.socket
        socket.bind(channel)
        code, reason = 1000, ""
        try:
            await self._handler()
        except Disconnect as error:
            # The peer went away, and the handler let it: that is an ordinary end.
            if socket.closed is None:
                code, reason = 1011, ""
                self.failure = error
                logger.error("websocket_failed path=%s handler=%s", socket.request.path, self._name, exc_info=error)
        except HTTPError as error:
            code, reason = 4000 + error.status_code, error.detail or ""
            logger.info("websocket_refused path=%s handler=%s code=%d", socket.request.path, self._name, code)
        except Exception as error:
            code, reason = 1011, ""
            self.failure = error
            logger.exception("websocket_failed path=%s handler=%s", socket.request.path, self._name)
        try:
            await socket.close(code, reason)
        except Disconnect:
            return
        except Exception:
            logger.exception("websocket_close_failed path=%s handler=%s", socket.request.path, self._name)


def switching_response(handler: SocketHandler, subprotocol: str = "") -> Response:
    """Make the response that accepts a WebSocket: status 101, and the handler as its body.

    The transport adds ``Upgrade``, ``Connection`` and ``Sec-WebSocket-Accept``.

    Args:
        handler: runs when the handshake was sent.
        subprotocol: the one that is chosen among those the client offers, empty for none.

    Spec:
        RFC 6455 §4.2.2.
    """
    response = Response(None, 101)
    if subprotocol:
        response.headers["sec-websocket-protocol"] = subprotocol
    response.body = handler
    return response


def _fitting(reason: str) -> str:
    """Cut a reason to what a close frame holds, never inside a character."""
    encoded = reason.encode("utf-8", "replace")
    return reason if len(encoded) <= MAX_REASON_BYTES else encoded[:MAX_REASON_BYTES].decode("utf-8", "ignore")

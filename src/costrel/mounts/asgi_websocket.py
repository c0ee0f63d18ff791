"""One WebSocket that a foreign ASGI application answers: the handshake is a request, the rest a conversation.

What the application sends first decides: an accepted handshake is a 101 response whose body is a `ForeignSocket`; when
the transport has sent it, the application goes on, in the same task. A refusal is a 403, or the response that the
application makes. After the handshake messages go straight through, from whichever task of the application.

Spec: ASGI WebSocket 2.5; RFC 6455 §7.4.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from enum import IntEnum
from typing import Any

from costrel.errors import Disconnect
from costrel.messages import Request, Response, WebSocketChannel
from costrel.mounts.asgi_http import HTTPCall
from costrel.mounts.asgi_messages import read_fields
from costrel.mounts.asgi_mistakes import wrong_message
from costrel.mounts.asgi_types import Message
from costrel.mounts.hand_over import closed_error, is_wanted_end

__all__ = ["ForeignSocket", "WebSocketCall"]

logger: logging.Logger = logging.getLogger("costrel.mounts")

_DENIAL = "websocket.http.response."
_REFUSED = 403
MAX_REASON_BYTES = 123


class _Stage(IntEnum):
    """How far the conversation is."""

    CONNECTING = 0
    ACCEPTED = 1
    REFUSED = 2
    CLOSED = 3


class WebSocketCall(HTTPCall):
    """A foreign ASGI application at work on one WebSocket.

    Args:
        request: the handshake.
        name: what the application is called, for the log and in messages.

    Attributes:
        failure: what the application raised after the handshake, for tests that want to see it.
    """

    __slots__ = ("_channel", "_closed", "_has_connected", "_head", "_stage", "failure")

    def __init__(self, request: Request, name: str) -> None:
        super().__init__(request, name)
        self.failure: Exception | None = None
        self._stage = _Stage.CONNECTING
        self._has_connected = False
        self._channel: WebSocketChannel | None = None
        self._closed: Disconnect | None = None
        self._head: Message = {}

    async def receive(self) -> Message:
        """Give the application its next message."""
        if not self._has_connected:
            self._has_connected = True
            return {"type": "websocket.connect"}
        channel = self._channel
        if channel is None:
            await self.incoming.wait_over()
            return {"type": "websocket.disconnect", "code": 1006, "reason": ""}
        if self._closed is None:
            try:
                content = await channel.receive()
            except Disconnect as error:
                # Not the one that was raised: its traceback leads back to here.
                self._closed = Disconnect(error.code, error.reason)
            else:
                if isinstance(content, str):
                    return {"type": "websocket.receive", "text": content, "bytes": None}
                return {"type": "websocket.receive", "text": None, "bytes": content}
        closed = self._closed or Disconnect()
        return {"type": "websocket.disconnect", "code": closed.code, "reason": closed.reason}

    async def send(self, message: Message) -> None:
        """Take a message from the application."""
        kind: str = message["type"]
        stage = self._stage
        if kind == "websocket.send" and stage is _Stage.ACCEPTED:
            await self._send_content(message)
        elif kind == "websocket.accept" and stage is _Stage.CONNECTING:
            self._stage = _Stage.ACCEPTED
            self._head = message
            await self._runner.hand_over((b"", True))
        elif kind == "websocket.close" and stage is _Stage.CONNECTING:
            self._stage = _Stage.REFUSED
            await self._runner.hand_over((b"", True))
        elif kind == "websocket.close" and stage is _Stage.ACCEPTED:
            self._stage = _Stage.CLOSED
            await self._close_channel(message.get("code") or 1000, message.get("reason") or "")
        elif kind.startswith(_DENIAL) and stage is _Stage.CONNECTING:
            await super().send({**message, "type": kind.removeprefix("websocket.")})
        else:
            raise wrong_message(
                self._name,
                f"`{kind}` at the wrong time" if kind.startswith("websocket.") else f"a message of type {kind!r}",
                "A socket is accepted or refused once, then messages are sent, and then it is closed once.",
            )

    async def run(self, channel: WebSocketChannel) -> None:
        """Let the application go on with an open socket, and close it when the application has ended."""
        self._channel = channel
        runner = self._runner
        code = 1000
        try:
            while not runner.has_ended:
                await runner.advance()
        except Exception as error:
            if not self._is_ordinary(error):
                code = 1011
                self.failure = error
                logger.exception("websocket_failed path=%.200r mount=%s", self.request.path, self._name)
        await self._close_channel(code, "")

    def go_on(self) -> Awaitable[None] | None:
        """End the application if it has not ended with its socket."""
        self.failure = None
        return super().go_on()

    def _make_response(self, first: tuple[bytes, bool] | None) -> Response:
        if self._stage is _Stage.REFUSED:
            self._is_last_taken = True
            self.incoming.end()
            return Response(None, _REFUSED)
        if self._stage is not _Stage.ACCEPTED or first is None:
            return super()._make_response(first)
        fields = read_fields(self._name, self._head.get("headers", ()))
        subprotocol = self._head.get("subprotocol")
        response = Response(None, 101)
        response.headers.extend(fields)
        if subprotocol:
            response.headers["sec-websocket-protocol"] = subprotocol
        response.body = body = ForeignSocket(self)
        self._close_if_dropped(body)
        return response

    async def _send_content(self, message: Message) -> None:
        text: Any = message.get("text")
        content: Any = message.get("bytes") if text is None else text
        if isinstance(content, bytearray | memoryview):
            content = bytes(content)
        if not isinstance(content, str | bytes):
            raise wrong_message(
                self._name,
                f"a message with `{type(content).__name__}`",
                "`websocket.send` has `text`, which is `str`, or `bytes`.",
            )
        channel = self._channel
        if channel is None or self._closed is not None:
            raise closed_error()
        try:
            await channel.send(content)
        except Disconnect:
            raise closed_error() from None

    async def _close_channel(self, code: int, reason: str) -> None:
        channel = self._channel
        if channel is None:
            raise closed_error()
        await channel.close(code, reason.encode()[:MAX_REASON_BYTES].decode("utf-8", "ignore"))

    def _is_ordinary(self, error: Exception) -> bool:
        """Whether an exception says no more than that the other end has closed, which is an ordinary end."""
        closed = self._closed
        return is_wanted_end(error) or (closed is not None and getattr(error, "code", None) == closed.code)


class ForeignSocket:
    """The body of an accepted handshake: the application that has accepted it; a `SocketBody`.

    Args:
        call: the application at work.
    """

    __slots__ = ("__weakref__", "_call")

    def __init__(self, call: WebSocketCall) -> None:
        self._call = call

    @property
    def failure(self) -> Exception | None:
        """What the application raised after the handshake, for tests that want to see it."""
        return self._call.failure

    async def run(self, channel: WebSocketChannel) -> None:
        """Let the application go on with the open socket; never raises an `Exception`."""
        await self._call.run(channel)

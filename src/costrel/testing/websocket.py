"""The client's end of a WebSocket in a test; every wait has a limit.

The asynchronous class does the work; the synchronous one runs it on the loop of its client.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol, TypeVar, overload

from costrel.errors import Disconnect
from costrel.http import Headers
from costrel.messages import decode_json, encode_json
from costrel.testing.calls import Call
from costrel.testing.channel import MemoryChannel
from costrel.testing.core import ClientCore
from costrel.testing.outgoing import RequestOptions

__all__ = ["AsyncTestWebSocket", "TestWebSocket"]

T = TypeVar("T")


class Run(Protocol):
    """Runs what a function returns to its end."""

    def __call__(self, make: Callable[[], Awaitable[T]], /) -> T:
        """Run it."""
        ...


class AsyncTestWebSocket:
    """The client's end of an accepted WebSocket, in an event loop.

    Args:
        call: the handshake.
        channel: the socket.

    Attributes:
        headers: the header fields of the answer to the handshake.
        subprotocol: what was agreed on, empty for none.
    """

    def __init__(self, call: Call, channel: MemoryChannel) -> None:
        self._call = call
        self._channel = channel
        self.headers: Headers = call.accepted
        self.subprotocol: str = call.accepted.get("sec-websocket-protocol", "")

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, core: ClientCore, url: str, subprotocols: Iterable[str], options: RequestOptions
    ) -> AsyncIterator[AsyncTestWebSocket]:
        """Open a socket for a block; for `AsyncTestClient`."""
        await core.start()
        call, channel = await core.open_websocket(url, subprotocols, options, core.context_of_caller)
        is_broken, is_cancelled = True, False
        try:
            yield cls(call, channel)
            is_broken = False
        except asyncio.CancelledError:
            is_cancelled = True
            raise
        finally:
            await core.close_websocket(call, raises=not is_broken, at_once=is_cancelled)

    async def send_text(self, message: str) -> None:
        """Send a text message.

        Raises:
            Disconnect: the socket is closed.
        """
        self._channel.put(message)

    async def send_bytes(self, message: bytes) -> None:
        """Send a binary message.

        Raises:
            Disconnect: the socket is closed.
        """
        self._channel.put(bytes(message))

    async def send_json(self, value: object) -> None:
        """Send a value as JSON, in a text message.

        Raises:
            Disconnect: the socket is closed.
        """
        self._channel.put(encode_json(value).decode())

    async def receive(self, *, timeout_seconds: float | None = None) -> str | bytes:
        """Wait for the next message: text is `str`, binary is `bytes`.

        Args:
            timeout_seconds: how long it may take; the client's setting unless given, `math.inf` is for ever.

        Raises:
            Disconnect: the socket is closed; it has the code and the reason.
            TimeoutError: no message came in time; the message names where the application waits.
            BaseException: what the handler raised.
        """
        channel = self._channel
        while True:
            message = channel.take()
            if message is not None:
                return message
            if channel.closed is not None:
                await self._call.wait_end()
                self._call.raise_failure()
                raise Disconnect(channel.closed.code, channel.closed.reason)
            await self._call.wait_message(channel.next_change(), timeout_seconds)

    async def receive_text(self, *, timeout_seconds: float | None = None) -> str:
        """Wait for the next message, which must be text; see `receive`.

        Raises:
            TypeError: it is binary.
        """
        message = await self.receive(timeout_seconds=timeout_seconds)
        if not isinstance(message, str):
            raise TypeError(f"Text was expected, and the application sent bytes: {message[:100]!r}")
        return message

    async def receive_bytes(self, *, timeout_seconds: float | None = None) -> bytes:
        """Wait for the next message, which must be binary; see `receive`.

        Raises:
            TypeError: it is text.
        """
        message = await self.receive(timeout_seconds=timeout_seconds)
        if not isinstance(message, bytes):
            raise TypeError(f"Bytes were expected, and the application sent text: {message[:100]!r}")
        return message

    @overload
    async def receive_json(self, *, timeout_seconds: float | None = None) -> Any: ...  # JSON has no static type
    @overload
    async def receive_json(self, type: type[T], *, timeout_seconds: float | None = None) -> T: ...
    async def receive_json(self, type: Any = Any, *, timeout_seconds: float | None = None) -> Any:
        """Wait for the next message and decode it as JSON; see `receive`.

        Raises:
            BadRequest: it is not JSON.
            ValidationFailed: it does not fit `type`.
        """
        message = await self.receive(timeout_seconds=timeout_seconds)
        return decode_json(message.encode() if isinstance(message, str) else message, type, max_depth=None)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket and wait for its handler; does nothing when it is closed.

        Raises:
            BaseException: what the handler raised.
            TimeoutError: it did not end in time.
        """
        self._channel.leave(code, reason)
        self._call.exchange.disconnect()
        await self._call.wait_end()
        self._call.raise_failure()


class TestWebSocket:
    """The client's end of an accepted WebSocket, in a plain test; made by `TestClient.websocket`.

    Args:
        socket: does the work.
        run: runs it on the client's loop.

    Attributes:
        headers: the header fields of the answer to the handshake.
        subprotocol: what was agreed on, empty for none.
    """

    __test__ = False  # pytest would collect it by its name

    def __init__(self, socket: AsyncTestWebSocket, run: Run) -> None:
        self._socket = socket
        self._run = run
        self.headers: Headers = socket.headers
        self.subprotocol: str = socket.subprotocol

    @classmethod
    @contextmanager
    def opened(
        cls, core: ClientCore, run: Run, url: str, subprotocols: Iterable[str], options: RequestOptions
    ) -> Iterator[TestWebSocket]:
        """Open a socket for a block; for `TestClient`."""
        call, channel = run(lambda: core.open_websocket(url, subprotocols, options, core.context_of_start))
        is_broken, is_interrupted = True, False
        try:
            yield cls(AsyncTestWebSocket(call, channel), run)
            is_broken = False
        except KeyboardInterrupt:
            is_interrupted = True
            raise
        finally:
            run(lambda: core.close_websocket(call, raises=not is_broken, at_once=is_interrupted))

    def send_text(self, message: str) -> None:
        """Send a text message; see `AsyncTestWebSocket.send_text`."""
        self._run(lambda: self._socket.send_text(message))

    def send_bytes(self, message: bytes) -> None:
        """Send a binary message; see `AsyncTestWebSocket.send_bytes`."""
        self._run(lambda: self._socket.send_bytes(message))

    def send_json(self, value: object) -> None:
        """Send a value as JSON; see `AsyncTestWebSocket.send_json`."""
        self._run(lambda: self._socket.send_json(value))

    def receive(self, *, timeout_seconds: float | None = None) -> str | bytes:
        """Wait for the next message; see `AsyncTestWebSocket.receive`."""
        return self._run(lambda: self._socket.receive(timeout_seconds=timeout_seconds))

    def receive_text(self, *, timeout_seconds: float | None = None) -> str:
        """Wait for the next message, which must be text; see `AsyncTestWebSocket.receive_text`."""
        return self._run(lambda: self._socket.receive_text(timeout_seconds=timeout_seconds))

    def receive_bytes(self, *, timeout_seconds: float | None = None) -> bytes:
        """Wait for the next message, which must be binary; see `AsyncTestWebSocket.receive_bytes`."""
        return self._run(lambda: self._socket.receive_bytes(timeout_seconds=timeout_seconds))

    @overload
    def receive_json(self, *, timeout_seconds: float | None = None) -> Any: ...  # JSON has no static type
    @overload
    def receive_json(self, type: type[T], *, timeout_seconds: float | None = None) -> T: ...
    def receive_json(self, type: Any = Any, *, timeout_seconds: float | None = None) -> Any:
        """Wait for the next message and decode it as JSON; see `AsyncTestWebSocket.receive_json`."""
        return self._run(lambda: self._socket.receive_json(type, timeout_seconds=timeout_seconds))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket and wait for its handler; see `AsyncTestWebSocket.close`."""
        self._run(lambda: self._socket.close(code, reason))

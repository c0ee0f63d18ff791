"""Server-sent events: the wire format, and the response that sends them.

An event stream stays open for as long as its generator runs and both sides are there. It sends a comment every
15 seconds while nothing happens, so that proxies do not close it, and it ends by itself when the server stops or when
the client is gone; the generator is closed then. A stream that ends because the server stops says when to connect
again, each client another moment, so that they do not all come to the next process at once.

A client that connects again names the last event it has seen: `Request.last_event_id`.

Fields that are one line on the wire refuse line breaks. Data may have them: every line becomes one ``data`` field, as
the format wants it.

Spec: HTML, server-sent events §9.2.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, Self

from costrel.errors import ClientDisconnected
from costrel.messages.exchange import Exchange
from costrel.messages.paused_step import PausedStep
from costrel.messages.response import HeaderInput, Response, encode_json
from costrel.messages.stream_body import StreamBody
from costrel.messages.streaming import StreamResponse

__all__ = ["EventStream", "EventStreamBody", "ServerSentEvent", "encode_event"]

HEARTBEAT_SECONDS: Final = 15.0
HEARTBEAT: Final = b":\n\n"
RETRY_SECONDS: Final = 1.0
"""How long, and at most twice as long, a client waits that is sent away by a server that stops."""

_LINE_END = re.compile(r"\r\n|\r|\n")
_NOT_IN_LINE = re.compile(r"[\r\n\0]")


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event; every field may be left out.

    Args:
        data: `str` is sent as it is, line by line; `None` sends no data, so browsers dispatch no event; any other
            value is sent as JSON.
        event: the type of the event, ``message`` when `None`.
        id: what the client sends back as ``Last-Event-ID`` when it connects again.
        retry_seconds: how long the client shall wait before it does, 0 or more.
        comment: text that clients ignore.

    Raises:
        ValueError: a line break or NUL in `event` or `id`, or a negative time.
    """

    data: object = None
    event: str | None = None
    id: str | None = None
    retry_seconds: float | None = None
    comment: str | None = None

    def __post_init__(self) -> None:
        # SECURITY: a line break in one of these would begin a field, or an event, of somebody else's choice.
        for name, value in (("event", self.event), ("id", self.id)):
            if value is not None and _NOT_IN_LINE.search(value):
                raise ValueError(f"The `{name}` of an event has no line breaks and no NUL: {value[:100]!r}.")
        if self.retry_seconds is not None and not 0 <= self.retry_seconds < 1e9:
            raise ValueError(f"`retry_seconds` is 0 or more, not {self.retry_seconds}.")

    def encode(self) -> bytes:
        """Return the event as it is sent, with the blank line at its end.

        Raises:
            TypeError: `data` has no form in JSON.
        """
        lines: list[str] = []
        if self.comment is not None:
            lines += [f": {line}" for line in _LINE_END.split(self.comment)]
        if self.event is not None:
            lines.append(f"event: {self.event}")
        if self.id is not None:
            lines.append(f"id: {self.id}")
        if self.retry_seconds is not None:
            lines.append(f"retry: {round(self.retry_seconds * 1000)}")
        if self.data is not None:
            text = self.data if isinstance(self.data, str) else encode_json(self.data).decode()
            lines += [f"data: {line}" for line in _LINE_END.split(text)]
        return "\n".join([*lines, "\n"]).encode() if lines else b""


def encode_event(item: object) -> bytes:
    """Return what a generator yielded as an event: a `ServerSentEvent`, or data for one."""
    return (item if isinstance(item, ServerSentEvent) else ServerSentEvent(item)).encode()


class EventStreamBody(StreamBody):
    """A `StreamBody` of events with a heartbeat, and with an end that the exchange decides.

    Args:
        iterable: of `ServerSentEvent` or of data, ``async`` or plain.
        heartbeat_seconds: a comment is sent when nothing was for so long; `None` is never.
        retry_seconds: how long the client shall wait before it connects again, said first of all; `None` leaves it to
            the client, and to the server's end.
        on_abort: see `StreamBody`.
    """

    __slots__ = (
        "_exchange",
        "_first",
        "_heartbeat_seconds",
        "_is_gone",
        "_is_stopping",
        "_remove_stopping",
        "_retry_seconds",
        "_step",
    )

    def __init__(
        self,
        iterable: AsyncIterable[object] | Iterable[object],
        *,
        heartbeat_seconds: float | None = HEARTBEAT_SECONDS,
        retry_seconds: float | None = None,
        on_abort: Callable[[], object] | None = None,
    ) -> None:
        if heartbeat_seconds is not None and not heartbeat_seconds >= 0:
            raise ValueError(f"`heartbeat_seconds` is 0 or more, or None, not {heartbeat_seconds}.")
        self._first = ServerSentEvent(retry_seconds=retry_seconds).encode()
        super().__init__(iterable, on_abort=on_abort, encode=encode_event, max_batch_count=1)
        self._heartbeat_seconds = heartbeat_seconds
        self._retry_seconds = RETRY_SECONDS if retry_seconds is None else retry_seconds
        self._exchange: Exchange | None = None
        self._step: PausedStep[bytes | None] | None = None
        self._remove_stopping: Callable[[], None] | None = None
        self._is_stopping = False
        self._is_gone = False

    def bind(self, exchange: Exchange) -> None:
        """Say on which exchange it is sent, so that it ends with it."""
        self._exchange = exchange

    def __aiter__(self) -> Self:
        exchange = self._exchange
        if exchange is not None and self._remove_stopping is None:
            self._remove_stopping = exchange.loop_state.on_stopping(self._stop)
            self._is_stopping = exchange.loop_state.stopping
            exchange.on_disconnect(self._leave)
        super().__aiter__()
        return self

    async def __anext__(self) -> bytes:
        if self._has_lost_a_side():
            return await self._say_farewell()
        if self._first:
            first, self._first = self._first, b""
            return first
        step = self._step
        if step is None:
            step = self._step = PausedStep(self._next_or_none())
        try:
            is_done = await step.wait(self._heartbeat_seconds)
        except BaseException:
            self._step = None
            raise
        if is_done:
            self._step = None
            piece = step.result()
            if piece is None:
                self._forget_exchange()
                raise StopAsyncIteration
            return piece
        if self._has_lost_a_side():
            return await self._say_farewell()
        return HEARTBEAT

    async def aclose(self) -> None:
        """Stop what the generator waits for, close it and tell the callbacks of `on_finish`."""
        self._forget_exchange()
        try:
            await self._cancel_step()
        finally:
            await super().aclose()

    async def _next_or_none(self) -> bytes | None:
        """Return the next event, `None` at the end: a coroutine cannot raise `StopAsyncIteration`'s meaning through."""
        try:
            return await super().__anext__()
        except StopAsyncIteration:
            return None

    def _has_lost_a_side(self) -> bool:
        return self._is_gone or self._is_stopping

    async def _say_farewell(self) -> bytes:
        """Close the generator because the server stops, and return the last piece: when to connect again.

        Raises:
            ClientDisconnected: the client is gone.
            StopAsyncIteration: all is said.
        """
        if self._is_gone:
            raise ClientDisconnected
        if self._exchange is None:
            raise StopAsyncIteration
        await self.aclose()
        share = 1 + secrets.randbelow(1001) / 1000
        return ServerSentEvent(retry_seconds=self._retry_seconds * share).encode()

    async def _cancel_step(self) -> None:
        step, self._step = self._step, None
        if step is not None:
            await step.cancel()

    def _forget_exchange(self) -> None:
        if self._remove_stopping is not None:
            self._remove_stopping()
            self._remove_stopping = None
        self._exchange = None

    def _stop(self) -> None:
        self._is_stopping = True
        self._wake()

    def _leave(self) -> None:
        self._is_gone = True
        self._wake()

    def _wake(self) -> None:
        if self._step is not None:
            self._step.wake()


class EventStream(StreamResponse):
    """A response of server-sent events; its head is sent at once.

    Args:
        iterable: of `ServerSentEvent`, or of data: `str` as it is, anything else as JSON; ``async`` or plain.
        status_code: 200; with any other a browser gives up and does not connect again.
        headers: further header fields.
        heartbeat_seconds: a comment is sent when nothing was for so long; `None` is never.
        retry_seconds: how long the client shall wait before it connects again; `None` leaves it to the client, some
            three seconds in browsers, and when the server stops it is one to two.
        on_abort: see `StreamBody`.

    Raises:
        ValueError: a negative time.

    Spec:
        HTML, server-sent events §9.2; ``Cache-Control: no-store`` and ``X-Accel-Buffering: no`` keep caches and proxies
        from holding events back.
    """

    __slots__ = ()
    default_media_type: str | None = "text/event-stream"

    def __init__(
        self,
        iterable: AsyncIterable[object] | Iterable[object],
        status_code: int = 200,
        headers: HeaderInput | None = None,
        *,
        heartbeat_seconds: float | None = HEARTBEAT_SECONDS,
        retry_seconds: float | None = None,
        on_abort: Callable[[], object] | None = None,
    ) -> None:
        body = EventStreamBody(
            iterable, heartbeat_seconds=heartbeat_seconds, retry_seconds=retry_seconds, on_abort=on_abort
        )
        self._set_up(body, status_code, headers, None, send_head_first=True)
        self.headers.setdefault("cache-control", "no-store")
        self.headers.setdefault("x-accel-buffering", "no")

    def owned_by(self, exchange: Exchange) -> Response:
        """Return this response for `exchange`, and end its events with it."""
        owned = super().owned_by(exchange)
        if isinstance(owned.body, EventStreamBody):
            owned.body.bind(exchange)
        return owned

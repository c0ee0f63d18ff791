"""What a parser keeps between two reads, and the short cut that this allows for a head that was seen before.

Most requests of a connection differ from the one before in their target alone, and in the length of their body.
`ParserState` remembers the rest of the last plain head, and the last one with a body, and takes a slice that is another
of them without parsing it again. All other parsing is in `parsing`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import IntEnum

from costrel.server.body_head import BodyHead
from costrel.server.exchange import Carrier, NativeExchange
from costrel.server.settings import ServerSettings

__all__ = ["SLICE_BYTES", "ParserLimits", "ParserState", "State"]

SLICE_BYTES = 16 * 1024
"""The most that is fed at once; the parser cannot be paused, so this bounds what one read can bring."""


_SMALL_HEAD_BYTES = 8 * 1024
# What a target may be made of without anything in it that needs a closer look: pchar of RFC 3986 but the escapes, "/".
_PLAIN_TARGET_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/"


class State(IntEnum):
    """What the next byte belongs to."""

    BETWEEN = 0
    HEAD = 1
    BODY = 2
    STOPPED = 3


# Looked up once: a member of an enum is a slow global on Python 3.11.
_BETWEEN = State.BETWEEN


@dataclass(frozen=True, slots=True)
class ParserLimits:
    """The limits of one parser, and what follows from them.

    Args:
        settings: where the limits stand.
        small_head_bytes: a slice of at most so many bytes cannot hold a head that is too large.
    """

    settings: ServerSettings
    small_head_bytes: int

    @classmethod
    def of(cls, settings: ServerSettings) -> ParserLimits:
        """Derive the limits from the settings of the server."""
        smallest = min(settings.max_request_line_bytes, settings.max_header_field_bytes, settings.max_header_bytes)
        return cls(settings, min(_SMALL_HEAD_BYTES, smallest))


class ParserState:
    """What is known of one connection between two reads.

    Args:
        carrier: what the exchanges will belong to.
        limits: how large what may be.

    Attributes:
        waiting: exchanges that have not been started, oldest first.
        state: what the next byte belongs to; after `State.STOPPED` nothing is parsed any more.
    """

    __slots__ = (
        "_blank_bytes",
        "_carrier",
        "_known_body_head",
        "_known_headers",
        "_known_rest",
        "_limits",
        "_small_head_bytes",
        "state",
        "waiting",
    )

    def __init__(self, carrier: Carrier, limits: ParserLimits) -> None:
        self._carrier: Carrier | None = carrier
        self._limits = limits
        self._small_head_bytes = limits.small_head_bytes
        self.waiting: deque[NativeExchange] = deque()
        self.state: State = _BETWEEN
        self._known_rest = b""
        self._known_headers: list[tuple[bytes, bytes]] = []
        self._known_body_head: BodyHead | None = None
        self._blank_bytes = 0

    def _repeat(self, data: bytes) -> bool:
        """Take a slice that is a GET whose bytes behind the target are those of the request before it.

        The parser has read and checked these very bytes as the rest of a whole head without a body, between two
        messages of this connection, and it would say the same of them again. What is new is the target, and only one
        made of characters that mean nothing to the grammar is taken; everything else goes to the parser.

        PERF: saves 1.5 µs a request, with twelve header fields 4.8 µs (benchmarks/tricks.py::repeated_head, 3.11)
        """
        carrier = self._carrier
        target = data[4 : -len(self._known_rest)]
        special = target.translate(None, _PLAIN_TARGET_BYTES)
        if (
            self.state is not _BETWEEN
            or carrier is None
            or (special and special != b"?")
            or not data.startswith(b"GET /")
            or len(data) > self._small_head_bytes
        ):
            return False
        # SECURITY: a list of its own, for what a layer adds to it must not come with the next request.
        exchange = NativeExchange(carrier, "GET", "1.1", True, [*self._known_headers])
        exchange.is_plain = True
        self._queue(exchange, target, has_query=bool(special))
        return True

    def _repeat_body_head(self, known: BodyHead, data: bytes) -> bool:
        """Take a slice that is a whole request with a body whose head differs from an earlier one as `BodyHead` allows.

        PERF: saves 4.7 µs a request (benchmarks/tricks.py::repeated_body_head, 3.11)
        """
        carrier = self._carrier
        if self.state is not _BETWEEN or carrier is None:
            return False
        parts = known.split(data)
        if parts is None:
            return False
        target, body = parts
        special = target.translate(None, _PLAIN_TARGET_BYTES)
        if (special and special != b"?") or len(data) - len(body) > self._small_head_bytes:
            return False
        exchange = NativeExchange(carrier, known.method, "1.1", True, known.fields())
        exchange.is_plain = True
        exchange.arrived = body
        self._queue(exchange, target, has_query=bool(special))
        return True

    def _queue(self, exchange: NativeExchange, target: bytes, *, has_query: bool) -> None:
        if has_query:
            exchange.raw_path, _, exchange.query_string = target.partition(b"?")
        else:
            exchange.raw_path = target
            exchange.query_string = b""
        exchange.path = exchange.raw_path.decode("ascii")
        self._blank_bytes = 0
        self.waiting.append(exchange)

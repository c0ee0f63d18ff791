"""From bytes to exchanges: the callbacks of the parser, which only record.

`RequestParser.feed` takes one slice of what was read. What it finds, it leaves in `waiting`: exchanges in the order of
their heads, the last of them perhaps a refusal, after which nothing is parsed any more. Nothing is started and nothing
is written here, so no handler ever runs inside a callback of the parser.

The parser is httptools in its strict mode, with no leniency switched on. It has no limits of its own, delivers trailers
through the callback of the header fields, and leaves the body of a request to upgrade unread; all three are
dealt with here. Which heads are refused is decided in `framing`.

Spec: RFC 9112.
"""

from __future__ import annotations

import logging

import httptools

from costrel.errors import BadRequest, HTTPError
from costrel.http import STANDARD_METHODS
from costrel.server.body_head import BodyHead
from costrel.server.body_queue import BodyQueue
from costrel.server.chunk_budget import ChunkBudget
from costrel.server.exchange import Carrier, NativeExchange
from costrel.server.framing import (
    ACTING_FIELDS,
    FORWARDED_FIELDS,
    HEADERS_TOO_LARGE,
    MALFORMED,
    TARGET_TOO_LONG,
    Refusal,
    check_fields,
    check_host,
    check_target,
    check_version,
    frame_request,
    invalid_method_refusal,
    without_underscores,
)
from costrel.server.parser_state import SLICE_BYTES, ParserLimits, ParserState, State

__all__ = ["RequestParser"]

logger: logging.Logger = logging.getLogger("costrel.server")

_MAX_LEADING_NEWLINES = 4  # two empty lines, which RFC 9112 §2.2 asks servers to overlook
_VERSION_1_1 = b" HTTP/1.1\r\n"


_METHODS = {name.encode(): name for name in STANDARD_METHODS}


# Looked up once: a member of an enum is a slow global on Python 3.11.
_BETWEEN, _HEAD, _BODY, _STOPPED = State


class _Stop(Exception):
    """Raised inside a callback to make the parser stop; never leaves `feed`."""


class RequestParser(ParserState):
    """The parser of one connection.

    Args:
        carrier: what the exchanges will belong to.
        limits: how large what may be.

    Attributes:
        waiting: exchanges that have not been started, oldest first.
        state: what the next byte belongs to; after `State.STOPPED` `feed` must not be called.
    """

    __slots__ = (
        "_chunks",
        "_early_head",
        "_feed",
        "_has_body_bytes",
        "_headers",
        "_is_early_whole",
        "_keep_alive",
        "_known_host",
        "_line_from",
        "_max_header_count",
        "_parser",
        "_receiving",
        "_slice",
        "_target",
    )

    state: State

    def __init__(self, carrier: Carrier, limits: ParserLimits) -> None:
        super().__init__(carrier, limits)
        self._max_header_count = limits.settings.max_header_count
        self._receiving: NativeExchange | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._target = b""
        self._slice = b""
        self._has_body_bytes = False  # whether a part of a body is in the slice, as far as it was read
        self._line_from = 0  # where in the slice the next request line may begin; 0 is its very beginning
        self._early_head = b""
        self._is_early_whole = True  # whether it begins with the request line
        self._known_host: bytes | None = None
        self._keep_alive = True
        self._chunks: ChunkBudget | None = None
        self._renew_parser()

    def _renew_parser(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._feed = self._parser.feed_data

    def close(self) -> None:
        """Let go of the connection and of what waits; the parser cannot be used any more."""
        self.state = _STOPPED
        self.waiting.clear()
        self._carrier = self._receiving = None
        del self._parser, self._feed

    def feed(self, data: bytes) -> None:
        """Parse one slice, at most `SLICE_BYTES`; it never raises for what a client sent."""
        if self._known_rest and data.endswith(self._known_rest) and self._repeat(data):
            return
        if self._known_body_head is not None and self._repeat_body_head(self._known_body_head, data):
            return
        while data:
            self._slice = data
            receiving = self._receiving
            received = 0
            self._has_body_bytes = receiving is not None
            if receiving is None:
                self._line_from = 0
                if data[0] <= 13 and self.state is _BETWEEN:
                    data = self._skip_newlines(data)
                    if not data:
                        return
            elif receiving.body is not None:
                self._line_from = 1
                received = receiving.body.received_bytes
                if self._chunks is not None:
                    self._chunks.begin_slice()
            try:
                self._feed(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._rest_after_upgrade(data[upgrade.args[0] :])
                continue
            except httptools.HttpParserError as error:
                self._fail(data, error)
                return
            if len(data) > self._small_head_bytes:
                # A connection that is idle afterwards keeps nothing large.
                self._slice = b""
            if self.state is _HEAD:
                self._count_head(data)
            elif self._chunks is not None and self._receiving is not None:
                self._count_chunks(self._chunks, data, received if receiving is self._receiving else None)
            return

    def _skip_newlines(self, data: bytes) -> bytes:
        """Drop empty lines in front of a request line, a few of which RFC 9112 §2.2 tolerates."""
        rest = data.lstrip(b"\r\n")
        self._blank_bytes += len(data) - len(rest)
        if self._blank_bytes > _MAX_LEADING_NEWLINES:
            self._refuse(MALFORMED)
            return b""
        self._slice = rest
        return rest

    # Callbacks: the parser calls them while it reads, in the order of the message.

    def on_message_begin(self) -> None:
        """Begin a head."""
        self.state = _HEAD
        self._headers = []
        self._target = b""

    def on_url(self, target: bytes) -> None:
        """Take the request target, or a piece of it."""
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field line of the header section, or of the trailer section."""
        if self.state is _HEAD:
            # RFC 9112 §5.1: white space around a value is no part of it; the parser leaves what follows.
            self._headers.append((name.lower(), value.rstrip(b" \t")))
        elif self._chunks is not None:
            error = self._chunks.add_trailer(name.lower(), value)
            if error is not None:
                self._fail_body(error)
                raise _Stop

    def on_headers_complete(self) -> None:
        """Check the head and queue its exchange."""
        target = self._target
        headers = self._headers
        parser = self._parser
        raw_method = parser.get_method()
        method = _METHODS.get(raw_method) or raw_method.decode("ascii")
        data = self._slice
        early_head = self._early_head
        # PERF: comparing the request line with what it must be instead of formatting the version, saves 100 ns
        # (benchmarks/tricks.py::request_line, 3.11)
        if not self._line_from and not early_head and data.startswith(_VERSION_1_1, len(method) + 1 + len(target)):
            version = "1.1"
            self._line_from = 1
            is_whole = True
        else:
            version = self._check_slowly(raw_method, target)
            headers = self._headers
            is_whole = False
        if len(headers) > self._max_header_count:
            self._stop(HEADERS_TOO_LARGE)
        if len(data) > self._small_head_bytes or early_head:
            self._check_sizes(method, target)
            self._headers = []
        names = dict(headers)
        if len(names) != len(headers):
            refusal = check_fields(headers)
            if refusal is not None:
                self._stop(refusal)
        # PERF: `find`, for `in` tries a number first, saves 55 ns (benchmarks/tricks.py::find_not_in, 3.11)
        if (early_head or data.find(b"_") >= 0) and b"".join(names).find(b"_") >= 0:
            headers = without_underscores(headers)
            names = dict(headers)
        host = names.get(b"host")
        if host is None or host != self._known_host:
            refusal = check_host(host, version)
            if refusal is not None:
                self._stop(refusal)
            self._known_host = host
            if self._carrier is not None and not FORWARDED_FIELDS.isdisjoint(names):
                self._carrier.note_forwarded()
        if self._carrier is None:
            self._stop(MALFORMED)
            return
        self._keep_alive = keep_alive = parser.should_keep_alive()
        if not keep_alive:
            self._known_rest = b""
            self._known_body_head = None
        exchange = NativeExchange(self._carrier, method, version, keep_alive, headers)
        if ACTING_FIELDS.isdisjoint(names) and method != "CONNECT":
            exchange.is_plain = keep_alive and version == "1.1" and method != "HEAD"
            if method == "GET" and exchange.is_plain and not early_head:
                rest = data[4 + len(target) :]
                # One empty line, at its end: the slice is this head and nothing else.
                if (
                    rest.find(b"\r\n\r\n") == len(rest) - 4
                    and data.startswith(target, 4)
                    and len(data) <= self._small_head_bytes
                ):
                    self._known_rest = rest
                    self._known_headers = headers.copy()
        else:
            self._apply_framing(exchange, names, is_whole=is_whole)
        # SECURITY: a fragment, a backslash, an escape or another form than origin-form is looked at closely.
        text = target.decode("ascii")
        if text[0] == "/" and "%" not in text and "#" not in text and "\\" not in text:
            if "?" in text:
                exchange.raw_path, _, exchange.query_string = target.partition(b"?")
                exchange.path = text.partition("?")[0]
            else:
                exchange.path = text
                exchange.raw_path = target
                exchange.query_string = b""
        else:
            parts = check_target(method, target, host)
            if isinstance(parts, Refusal):
                self._stop(parts)
                return
            exchange.path, exchange.raw_path, exchange.query_string = parts
        if early_head:
            self._early_head = b""
        self._blank_bytes = 0
        if exchange.body is not None:
            self._receiving = exchange
        self.state = _BODY
        self.waiting.append(exchange)

    def on_body(self, piece: bytes) -> None:
        """Take a piece of the body."""
        if self._chunks is not None:
            self._chunks.add_content(len(piece))
        if self._receiving is not None:
            self._receiving.feed_body(piece)

    def on_chunk_header(self) -> None:
        """Note that a chunk's header line ends here."""
        if self._chunks is not None:
            self._chunks.begin_chunk()

    def on_chunk_complete(self) -> None:
        """Note that a chunk ends here."""
        if self._chunks is not None:
            self._chunks.end_chunk()

    def on_message_complete(self) -> None:
        """Note that the body is complete."""
        receiving = self._receiving
        if receiving is not None:
            if receiving.body is not None:
                receiving.body.complete()
            self._receiving = self._chunks = None
        self.state = _BETWEEN

    # What callbacks and `feed` have checked apart.

    def _check_slowly(self, method: bytes, target: bytes) -> str:
        """Return the version of a head that is not the first and whole one in its slice."""
        version: str = self._parser.get_http_version()
        early_bytes = len(self._early_head)
        raw_head = self._early_head + self._slice
        start = 0 if early_bytes else self._line_from
        line = b"%b %b HTTP/%b\r\n" % (method, target, version.encode("ascii"))
        found = raw_head.find(line, start)
        # SECURITY: a field may have the text of a better request line as its value.
        is_elsewhere = found > 0 and (self._is_early_whole if early_bytes else not self._line_from)
        if not early_bytes and start and not self._has_body_bytes:
            # SECURITY: between two messages without bodies stands the rest of one head and nothing more; what does is
            # a head that the parser took for another than it is, with the line of a better one behind it.
            is_elsewhere = is_elsewhere or b"\r\n\r\n" in raw_head[start:found].rstrip(b"\r\n")
        if found < 0 or is_elsewhere or version not in ("1.0", "1.1"):
            # The parser takes other spaces, and other protocols, for those of HTTP.
            self._stop(check_version(version, raw_head[start:]) or MALFORMED)
        self._line_from = max(found + len(line) - early_bytes, 1)
        return version

    def _check_sizes(self, method: str, target: bytes) -> None:
        """Hold the parts of a large or dribbled head against their limits."""
        settings = self._limits.settings
        if len(method) + len(target) + len(_VERSION_1_1) + 1 > settings.max_request_line_bytes:
            self._stop(TARGET_TOO_LONG)
        sizes = [len(name) + len(value) + 4 for name, value in self._headers]
        if sum(sizes) > settings.max_header_bytes or max(sizes, default=0) > settings.max_header_field_bytes:
            self._stop(HEADERS_TOO_LARGE)

    def _apply_framing(self, exchange: NativeExchange, names: dict[bytes, bytes], *, is_whole: bool) -> None:
        """Apply what the acting fields say; `is_whole`: the slice begins with this head and holds it all."""
        wants_upgrade = self._parser.should_upgrade()
        framing = frame_request(exchange.method, exchange.version, names, wants_upgrade=wants_upgrade)
        if isinstance(framing, Refusal):
            self._stop(framing)
            return
        length = framing.content_length
        is_common = exchange.keep_alive and exchange.version == "1.1" and exchange.method != "HEAD"
        if framing.is_chunked or length:
            self._has_body_bytes = True
            data = self._slice
            # The slice of a common small request is one head and its whole body: nobody has to wait for any of it.
            # PERF: saves 570 ns with what is read of it (benchmarks/tricks.py::arrived_body, 3.11)
            body_from = data.find(b"\r\n\r\n") + 4 if is_whole and not framing.expects_continue else 0
            if length and body_from and len(data) - body_from == length:
                exchange.arrived = data[body_from:]
                if is_common and body_from <= self._small_head_bytes:
                    self._known_body_head = BodyHead.of(
                        exchange.method, self._target, data[:body_from], exchange.raw_headers.copy(), length
                    )
            else:
                exchange.body = BodyQueue(exchange.loop_state.loop, length, framing.expects_continue)
        exchange.is_websocket = framing.is_websocket
        exchange.is_plain = is_common and not framing.is_websocket
        self._chunks = ChunkBudget(self._limits.settings) if framing.is_chunked else None

    def _count_head(self, data: bytes) -> None:
        """Count the bytes of a head that is not complete, by what was fed of it."""
        settings = self._limits.settings
        if not self._early_head:
            self._is_early_whole = not self._line_from
        self._early_head += data if not self._line_from else data.rpartition(b"\r\n\r\n")[2]
        max_bytes = settings.max_request_line_bytes + settings.max_header_bytes
        if not self._is_early_whole:
            # In front of it may stand the end of a body that came in the same slice.
            max_bytes += SLICE_BYTES
        if len(self._target) > settings.max_request_line_bytes:
            self._refuse(TARGET_TOO_LONG)
        elif len(self._headers) > settings.max_header_count or len(self._early_head) > max_bytes:
            self._refuse(HEADERS_TOO_LARGE)

    def _count_chunks(self, chunks: ChunkBudget, data: bytes, received_before: int | None) -> None:
        """Count what a slice of a chunked body was made of."""
        body = self._receiving.body if self._receiving is not None else None
        if body is not None:
            content_bytes = None if received_before is None else body.received_bytes - received_before
            error = chunks.end_slice(data, content_bytes, body.received_bytes)
            if error is not None:
                self._fail_body(error)

    # How parsing ends.

    def _stop(self, refusal: Refusal) -> None:
        """Refuse the head that is being read and leave the parser."""
        self._refuse(refusal)
        raise _Stop

    def _refuse(self, refusal: Refusal) -> None:
        """Queue a refusal; it is answered in its turn, and nothing after it is read."""
        self.state = _STOPPED
        if self._carrier is None:
            return
        exchange = NativeExchange(self._carrier, self._method_so_far(), "1.1", False, [])
        exchange.refusal = refusal
        exchange.path, exchange.raw_path, exchange.query_string = "", self._target[:1024], b""
        self.waiting.append(exchange)

    def _method_so_far(self) -> str:
        """The method, for HEAD must get no body; empty while the request line is not complete."""
        return self._parser.get_method().decode("ascii") if self._target else ""

    def _fail_body(self, error: HTTPError) -> None:
        """End the body that is being read with an error."""
        self.state = _STOPPED
        receiving, self._receiving = self._receiving, None
        if receiving is not None:
            receiving.fail_body(error)

    def _fail(self, data: bytes, error: httptools.HttpParserError) -> None:
        """Deal with an error of the parser."""
        if self.state is _STOPPED:
            return
        if isinstance(error, httptools.HttpParserCallbackError):
            logger.error("parser_callback_failed", exc_info=error.__context__)
        if self._receiving is not None:
            self._fail_body(BadRequest("The framing of the body is broken."))
        elif self.state is _BETWEEN and not self._keep_alive:
            # RFC 9112 §9.6: what follows a request that said `Connection: close` is not read.
            self.state = _STOPPED
        elif isinstance(error, httptools.HttpParserInvalidMethodError):
            self._refuse(invalid_method_refusal(self._early_head + data) if not self._line_from else MALFORMED)
        else:
            too_long = len(self._target) > self._limits.settings.max_request_line_bytes
            self._refuse(TARGET_TOO_LONG if too_long else MALFORMED)

    def _rest_after_upgrade(self, rest: bytes) -> bytes:
        """Return what is to be parsed after a head that asked for another protocol.

        A request to upgrade that is ignored is a request like any other. After the handshake of a WebSocket, parsing
        stops: what follows is not HTTP.
        """
        if self.waiting and self.waiting[-1].is_websocket:
            self.state = _STOPPED
            self.waiting[-1].has_early_bytes = bool(rest)
            return b""
        if not self._keep_alive:
            self.state = _STOPPED
            return b""
        self._renew_parser()
        return rest

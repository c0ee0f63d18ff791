"""From a response to bytes: heads that are made once, framing that holds, and waiting for slow readers.

A response that nobody has given header fields of its own is one cached prefix, its length and its body, in one write;
with fields of its own the prefix is made for it. Everything else passes through `send_response`: streams in chunks,
trailers, lengths that the application has set and that do not hold. How a response is framed is decided in
`costrel.messages`, for every transport alike.

Spec: RFC 9112 §4, §6, §7.1; RFC 9110 §6.6.1.
"""

from __future__ import annotations

import logging
from typing import Protocol

from costrel.http import Headers, format_http_date, has_no_content, status_line
from costrel.messages import (
    TRANSPORT_FIELDS,
    BodyFraming,
    BodyKind,
    FileBody,
    Response,
    ResponseStream,
    check_block,
    frame_response,
    head_fields,
    own_fields,
    sendable_lines,
)
from costrel.server.exchange import NativeExchange
from costrel.server.framing import INTERNAL_ERROR, refusal_bytes
from costrel.server.sendfile import MIN_FILE_BYTES, FileSink, send_file

__all__ = ["HeadCache", "ResponseSink", "send_response"]

logger: logging.Logger = logging.getLogger("costrel.server")

_MAX_CACHED_HEADS = 256
# Bodies up to this size are joined to their head; longer ones are not copied once more.
_JOINED_BODY_BYTES = 64 * 1024
_LAST_CHUNK = b"0\r\n\r\n"


class ResponseSink(FileSink, Protocol):
    """What writing needs of a connection."""

    def write(self, data: bytes) -> None:
        """Hand bytes to the transport, or raise `ClientDisconnected`."""
        ...

    def write_lines(self, pieces: list[bytes]) -> None:
        """Hand several pieces to the transport at once, or raise `ClientDisconnected`."""
        ...

    async def drain(self) -> None:
        """Wait while the client reads too slowly."""
        ...

    def abort(self) -> None:
        """Cut the connection, so that the client sees that the response is not complete."""
        ...

    async def run_socket(self, exchange: NativeExchange, response: Response) -> None:
        """Accept a WebSocket with the response, and run the conversation until its handler has ended."""
        ...


class HeadCache:
    """The heads of responses, made once for a status and a media type and renewed every second with the date.

    Attributes:
        date_line: the Date field with its CRLF.
        heads: the head up to and with ``content-length: ``, by status and media type; only statuses whose responses
            have content are in it.
        ok_heads: those of status 200, by media type alone.
    """

    __slots__ = ("_second", "_status_lines", "date_line", "heads", "ok_heads")

    def __init__(self) -> None:
        self._second = -1
        self._status_lines: dict[int, bytes] = {}
        self.date_line: bytes = b""
        self.heads: dict[tuple[int, str | None], bytes] = {}
        self.ok_heads: dict[str | None, bytes] = {}

    def refresh(self, timestamp: float) -> None:
        """Renew the date when another second has begun.

        Args:
            timestamp: seconds since the epoch.
        """
        second = int(timestamp)
        if second != self._second:
            self._second = second
            self.date_line = b"date: %b\r\n" % format_http_date(second)
            self.heads.clear()
            self.ok_heads.clear()

    def find(self, response: Response) -> bytes | None:
        """Return the ready-made head of a response that has no header fields of its own.

        `None` stands for a status whose responses are sent another way, for example 204.
        """
        if response.status_code == 200:
            return self.ok_heads.get(response.plain_media_type) or self.make(200, response.plain_media_type)
        status_code = response.status_code
        if not 200 < status_code <= 999 or has_no_content(status_code) or status_code == 205:
            return None
        key = status_code, response.plain_media_type
        return self.heads.get(key) or self.make(*key)

    def make_own(self, response: Response, fields: list[tuple[bytes, bytes]], size_bytes: int) -> bytes | None:
        """Make the head of a response with header fields of its own, up to and with ``content-length: ``.

        `None` stands for what `send_response` has to look at: a status without content, a length that does not hold,
        fields that speak of the connection, and a long body.

        Args:
            response: what is sent.
            fields: its header fields.
            size_bytes: the length of its body.
        """
        start = self._status_lines.get(response.status_code) or self._status_line(response.status_code)
        if start is None or size_bytes > _JOINED_BODY_BYTES or response.needs_resolving:
            return None
        if fields and sendable_lines(fields):
            return b"%b%b\r\n%bcontent-length: " % (start, b"\r\n".join(map(b": ".join, fields)), self.date_line)
        lines = []
        for line in fields:
            name = line[0]
            if name not in TRANSPORT_FIELDS:
                lines.append(b"%b: %b\r\n" % line)
            elif name != b"date" and (name != b"content-length" or line[1] != b"%d" % size_bytes):
                return None
        block = b"".join(lines)
        line_count = len(lines)
        # SECURITY: as `check_block`; what is wrong here is refused by `send_response`.
        if block.count(b"\n") != line_count or block.count(b"\r") != line_count or b"\0" in block:
            return None
        return b"%b%b%bcontent-length: " % (start, block, self.date_line)

    def _status_line(self, status_code: int) -> bytes | None:
        """Return the status line of responses that have content, and keep it."""
        if not 200 <= status_code <= 999 or has_no_content(status_code) or status_code == 205:
            return None
        line = status_line(status_code)
        if len(self._status_lines) < _MAX_CACHED_HEADS:
            self._status_lines[status_code] = line
        return line

    def make(self, status_code: int, media_type: str | None) -> bytes:
        """Make a head up to ``content-length: `` and keep it for the rest of the second."""
        fields = b"".join([b"%b: %b\r\n" % line for line in head_fields(media_type)])
        head = b"%b%b%bcontent-length: " % (status_line(status_code), fields, self.date_line)
        if len(self.heads) < _MAX_CACHED_HEADS:
            self.heads[status_code, media_type] = head
            if status_code == 200:
                self.ok_heads[media_type] = head
        return head


async def send_response(sink: ResponseSink, exchange: NativeExchange, response: Response, heads: HeadCache) -> None:
    """Send a response of any kind.

    Whether the connection can be used again stands in ``exchange.keep_alive`` afterwards. The body is closed in
    every case.

    Raises:
        ClientDisconnected: the client left before the last byte.
    """
    body = response.body
    stream: ResponseStream | None = None
    plain = b""
    if isinstance(body, bytes):
        plain = body
    elif hasattr(body, "run"):
        if exchange.is_websocket and response.status_code == 101:
            await sink.run_socket(exchange, response)
            return
        logger.error("response_body_not_sendable type=%s", type(body).__name__)
        _send_internal_error(sink, exchange, heads)
        return
    else:
        stream = body
    try:
        size = stream.content_length if stream is not None else len(plain)
        try:
            framing = frame_response(response, exchange.method, size, has_chunks=exchange.version == "1.1")
            head = _make_head(exchange, response, framing, heads)
        except ValueError as error:
            logger.error("response_not_sendable status_code=%s reason=%s", response.status_code, error)
            _send_internal_error(sink, exchange, heads)
            return
        if stream is None:
            await _send_bytes(sink, exchange, response.status_code, head, plain, framing)
        elif framing.is_sent:
            await _send_stream(sink, exchange, head, response, stream, framing, heads)
        else:
            _begin(exchange, response.status_code)
            sink.write(head)
    finally:
        if stream is not None:
            await stream.aclose()


def _begin(exchange: NativeExchange, status_code: int) -> None:
    """Note that the final head goes out now."""
    exchange.status_code = status_code


def _send_internal_error(sink: ResponseSink, exchange: NativeExchange, heads: HeadCache) -> None:
    """Answer 500 where the response of the application cannot be sent."""
    exchange.keep_alive = False
    _begin(exchange, INTERNAL_ERROR.status_code)
    with_body = exchange.method != "HEAD"
    exchange.bytes_sent = len(INTERNAL_ERROR.reason) if with_body else 0
    sink.write(refusal_bytes(INTERNAL_ERROR, heads.date_line, with_body=with_body))


def _make_head(exchange: NativeExchange, response: Response, framing: BodyFraming, heads: HeadCache) -> bytes:
    """Return the head with its last empty line.

    Raises:
        ValueError: a field would break it.
    """
    fields = own_fields(response)
    block = b"".join([b"%b: %b\r\n" % line for line in fields])
    check_block(block, len(fields))
    if framing.must_close or (not response.has_plain_head and _asks_to_close(response.headers)):
        exchange.keep_alive = False
    if framing.content_length is not None:
        length = b"content-length: %d\r\n" % framing.content_length
    else:
        length = b"transfer-encoding: chunked\r\n" if framing.kind == BodyKind.CHUNKED else b""
    connection = b""
    if not exchange.keep_alive:
        connection = b"connection: close\r\n"
    elif exchange.version == "1.0":
        connection = b"connection: keep-alive\r\n"
    return b"%b%b%b%b%b\r\n" % (status_line(response.status_code), block, heads.date_line, length, connection)


def _asks_to_close(headers: Headers) -> bool:
    value = headers.get_raw(b"connection")
    return value is not None and value.lower() == b"close"


async def _send_bytes(
    sink: ResponseSink, exchange: NativeExchange, status_code: int, head: bytes, body: bytes, framing: BodyFraming
) -> None:
    """Send a response whose body is there as a whole."""
    if not framing.is_sent:
        body = b""
    elif framing.content_length is not None and len(body) != framing.content_length:
        logger.error("response_length_wrong content_length=%d body_bytes=%d", framing.content_length, len(body))
        body = body[: framing.content_length]
    _begin(exchange, status_code)
    exchange.bytes_sent = len(body)
    if len(body) <= _JOINED_BODY_BYTES:
        sink.write(head + body)
    else:
        sink.write_lines([head, body])
        await sink.drain()


async def _send_stream(
    sink: ResponseSink,
    exchange: NativeExchange,
    head: bytes,
    response: Response,
    stream: ResponseStream,
    framing: BodyFraming,
    heads: HeadCache,
) -> None:
    """Send a body piece by piece; one that breaks off is never ended as if it were complete."""
    status_code = response.status_code
    left = framing.content_length
    is_chunked = framing.kind == BodyKind.CHUNKED
    overflows = False
    pending = head
    if getattr(response, "send_head_first", False):
        _begin(exchange, status_code)
        sink.write(head)
        pending = b""
    try:
        if isinstance(stream, FileBody) and stream.is_plain and left is not None and left >= MIN_FILE_BYTES:
            _begin(exchange, status_code)
            sink.write(head)
            pending = b""
            sent_bytes = await send_file(sink, stream)
            exchange.bytes_sent += sent_bytes
            left -= sent_bytes
        async for piece in stream:
            if not piece:
                continue
            if left is not None:
                overflows = len(piece) > left
                if overflows:
                    logger.error("response_length_wrong content_length=%d body_bytes=more", framing.content_length)
                    exchange.keep_alive = False
                    piece = piece[:left]
                left -= len(piece)
            data = b"%b%x\r\n%b\r\n" % (pending, len(piece), piece) if is_chunked else pending + piece
            if pending:
                _begin(exchange, status_code)
                pending = b""
            exchange.bytes_sent += len(piece)
            sink.write(data)
            await sink.drain()
            if overflows:
                break
    except Exception:
        logger.exception("response_stream_failed method=%s path=%.200r", exchange.method, exchange.path)
        if not exchange.head_sent:
            _send_internal_error(sink, exchange, heads)
        else:
            exchange.keep_alive = False
            sink.abort()
        return
    except BaseException:
        exchange.keep_alive = False
        if exchange.head_sent:
            sink.abort()
        raise
    ending = pending + (_last_chunk(response) if is_chunked else b"")
    if pending:
        _begin(exchange, status_code)
    if ending:
        sink.write(ending)
    if left:
        logger.error("response_length_wrong content_length=%d missing_bytes=%d", framing.content_length, left)
        exchange.keep_alive = False


def _last_chunk(response: Response) -> bytes:
    """Return the end of a chunked body, with the trailer fields if there are any (RFC 9112 §7.1.2)."""
    if response.trailers is None:
        return _LAST_CHUNK
    try:
        fields = Headers(response.trailers()).to_wire()
    except Exception:
        logger.exception("response_trailers_failed")
        return _LAST_CHUNK
    return b"0\r\n%b\r\n" % fields

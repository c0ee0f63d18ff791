"""From a response to what a transport sends, for the transports that do not write the bytes themselves.

The gateways and the test clients are given a `Response` and pass it on piece by piece to somebody who frames it: an
ASGI server, a test. What they do alike stands here: that the body is as long as its head says, that a stream is
always closed, and how an exchange ends. How a response is framed is decided in `framing`. Our own server has a writer
of its own, because it writes bytes.

Spec: RFC 9110 §6.4.1.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Sequence
from inspect import isawaitable
from typing import Protocol, cast

from costrel.http import Headers
from costrel.messages.dispatch import Application
from costrel.messages.file_body import FileBody
from costrel.messages.framing import FieldLine, check_block, frame_response, own_fields
from costrel.messages.request import Request
from costrel.messages.response import Resolvable, Response, ResponseStream, SocketBody
from costrel.messages.websocket import SocketHandler

__all__ = [
    "PathSink",
    "ResponseSink",
    "emit_finished",
    "end_exchange",
    "find_socket_body",
    "run_response_callbacks",
    "send_response",
]

logger: logging.Logger = logging.getLogger("costrel.response")


class _AnswersErrors(Protocol):
    """What `App` does with an exception that no layer can see any more."""

    def answer_error(self, request: Request, error: Exception) -> Awaitable[Response]: ...


class ResponseSink(Protocol):
    """Where the parts of one response go."""

    sends_trailers: bool
    """Whether `send_trailers` may be called."""

    async def send_head(self, status_code: int, fields: list[FieldLine], *, has_trailers: bool) -> None:
        """Send status and header fields; ``Content-Length`` is among them if the length is known.

        Raises:
            ClientDisconnected: the client is gone.
        """
        ...

    async def send_piece(self, piece: bytes, *, is_last: bool) -> None:
        """Send a piece of the body and wait while the client reads too slowly; only the last may be empty.

        Raises:
            ClientDisconnected: the client is gone.
        """
        ...

    async def send_trailers(self, fields: Sequence[FieldLine]) -> None:
        """Send the trailer fields, after the last piece of a response that announced them.

        Raises:
            ClientDisconnected: the client is gone.
        """
        ...


class PathSink(ResponseSink, Protocol):
    """A sink that may send a whole file by itself, by its name."""

    sends_paths: bool
    """Whether `send_path` may be called."""

    async def send_path(self, path: str, size_bytes: int) -> None:
        """Send a file of the given size as the whole body, by its absolute path.

        Raises:
            ClientDisconnected: the client is gone.
        """
        ...


async def send_response(sink: ResponseSink, request: Request, response: Response) -> None:
    """Send a response of any kind but a socket; its body is closed in every case.

    Nothing has been sent when an exception comes out before `ResponseSink.send_head` was called, so the transport can
    still answer with an error. After that it must cut the response off, so that nobody takes it for complete.

    Raises:
        ClientDisconnected: the client left before the last piece.
        Exception: whatever the stream raised.
        ValueError: the response has a status that is none, a field with a line break, or a body shorter than its
            ``Content-Length``; one that is longer is cut.
        TypeError: its body is nothing that can be sent.
    """
    body = response.body
    if response.needs_resolving:
        response = await cast("Resolvable", response).resolve(request)
        body = response.body
    if isinstance(body, bytes):
        await _send_bytes(sink, request.method, response, body)
        return
    if not hasattr(body, "__anext__"):
        raise TypeError(f"A body of type `{type(body).__name__}` cannot be sent as the answer to a {request.method}.")
    stream = cast("ResponseStream", body)
    try:
        await _send_stream(sink, request.method, response, stream)
    finally:
        await stream.aclose()


async def _send_bytes(sink: ResponseSink, method: str, response: Response, body: bytes) -> None:
    """Send a response whose body is there as a whole."""
    framing = frame_response(response, method, len(body))
    length = framing.content_length
    if not framing.is_sent:
        body = b""
    elif length is not None and length < len(body):
        logger.error("response_length_wrong content_length=%d body_bytes=%d", length, len(body))
        body = body[:length]
    await sink.send_head(response.status_code, _head_lines(response, length), has_trailers=False)
    await sink.send_piece(body, is_last=True)


async def _send_stream(sink: ResponseSink, method: str, response: Response, stream: ResponseStream) -> None:
    """Send a body piece by piece; the head waits for the first piece unless the response says otherwise."""
    framing = frame_response(response, method, stream.content_length)
    length = framing.content_length
    has_trailers = framing.is_sent and length is None and response.trailers is not None and sink.sends_trailers
    fields = _head_lines(response, length)
    if not framing.is_sent:
        await sink.send_head(response.status_code, fields, has_trailers=False)
        await sink.send_piece(b"", is_last=True)
        return
    path = stream.whole_path if isinstance(stream, FileBody) else None
    if (
        path is not None
        and length is not None
        and length == stream.content_length
        and getattr(sink, "sends_paths", False)
    ):
        await sink.send_head(response.status_code, fields, has_trailers=False)
        await cast("PathSink", sink).send_path(path, length)
        return
    is_head_sent = bool(getattr(response, "send_head_first", False))
    if is_head_sent:
        await sink.send_head(response.status_code, fields, has_trailers=has_trailers)
    left = length
    async for piece in stream:
        if not piece:
            continue
        if not is_head_sent:
            is_head_sent = True
            await sink.send_head(response.status_code, fields, has_trailers=has_trailers)
        if left is not None:
            if len(piece) > left:
                logger.error("response_length_wrong content_length=%d body_bytes=more", length)
                await sink.send_piece(piece[:left], is_last=True)
                return
            left -= len(piece)
        await sink.send_piece(piece, is_last=False)
    if left:
        raise ValueError(f"Content-Length is {length}, and the stream ended {left} bytes before.")
    if not is_head_sent:
        await sink.send_head(response.status_code, fields, has_trailers=has_trailers)
    await sink.send_piece(b"", is_last=True)
    if has_trailers and response.trailers is not None:
        await sink.send_trailers(Headers(response.trailers()).raw)


def _head_lines(response: Response, length: int | None) -> list[FieldLine]:
    """Return the header fields to send, with the length if it is known."""
    fields = own_fields(response)
    check_block(b"".join([part for line in fields for part in line]), 0)
    if length is not None:
        fields.append((b"content-length", b"%d" % length))
    return fields


def find_socket_body(request: Request, response: Response) -> SocketBody | None:
    """Return what runs an accepted WebSocket, or `None` when the response is a refusal or no handshake is answered."""
    if request.is_websocket and response.status_code == 101 and hasattr(response.body, "run"):
        return cast("SocketBody", response.body)
    return None


async def run_response_callbacks(request: Request, response: Response) -> Response:
    """Run what `Request.on_response` has collected; transports call it when it is not `None`, before the head is sent.

    One that raises an `Exception` is answered as the application answers errors, and those left still run.
    """
    callbacks = request.response_callbacks
    while callbacks:
        callback = callbacks.pop()
        try:
            answer = callback(request, response)
            if isawaitable(answer):
                answer = await answer
        except Exception as error:
            if request.app is None:
                raise
            answer = await cast("_AnswersErrors", request.app).answer_error(request, error)
        if isinstance(answer, Response):
            response = answer.owned_by(request.exchange)
    return response


async def end_exchange(request: Request, response: Response | None) -> None:
    """End a request after the last byte, or after its client left; transports call it in every case."""
    try:
        await request.finish()
    finally:
        if response is not None:
            response.exception = None
            if isinstance(response.body, SocketHandler):
                # The socket and its request know each other, and what the handler raised knows both.
                response.body.failure = None
                vars(request.state).pop("websocket", None)


def emit_finished(
    application: Application, request: Request, status_code: int, bytes_sent: int, started_at: float
) -> None:
    """Tell the listeners of ``request_finished`` what became of a request.

    Args:
        application: what answered.
        request: the request that has ended.
        status_code: as sent, 499 when the client left, 0 when nothing was sent.
        bytes_sent: what was given to the transport of the body.
        started_at: `time.perf_counter` when the request came.
    """
    route = request.route
    peer = request.client
    application.emit(
        "request_finished",
        {
            "request": request,
            "method": request.method,
            "path": request.path,
            "route": route.path if route is not None else "-",
            "handler": route.handler if route is not None else "-",
            "mount": request.mount.full_name if request.mount is not None else "",
            "status_code": status_code,
            "bytes_sent": bytes_sent,
            "duration_seconds": time.perf_counter() - started_at,
            "http_version": request.http_version,
            "client": peer[0] if peer is not None else "-",
            "request_id": request.known_id,
        },
    )

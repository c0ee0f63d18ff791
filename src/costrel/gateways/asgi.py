"""The ASGI gateway: a foreign ASGI server calls, and the application answers through the one pipeline.

`ASGIGateway` makes a `Request` of a scope, gives it to the application's dispatch and sends the response. What the
server's messages mean for one request is in `asgi_exchange`, a socket is in `asgi_channel`, start and stop are in
`asgi_lifespan`.

The application can run under several servers and loops at once; each loop has a state of its own.

Spec: ASGI 3.0.
"""

from __future__ import annotations

import logging
import time
from asyncio import get_running_loop
from collections.abc import Coroutine

from costrel.errors import ClientDisconnected, HTTPError
from costrel.gateways.answering import INTERNAL_ERROR, MALFORMED_HEAD, WITHOUT_CONTENT, emit_end, raw_form
from costrel.gateways.asgi_channel import ASGIChannel
from costrel.gateways.asgi_exchange import ASGIExchange, FieldLine
from costrel.gateways.asgi_fields import KnownFields
from costrel.gateways.asgi_lifespan import Message, Receive, RunningLoops, Send
from costrel.http import TrustedProxies, encode_path
from costrel.messages import (
    Application,
    Request,
    Response,
    SocketBody,
    apply_forwarded,
    end_exchange,
    find_socket_body,
    head_fields,
    run_late_work,
    run_response_callbacks,
    send_response,
    sendable_lines,
)

__all__ = ["ASGIGateway"]

logger: logging.Logger = logging.getLogger("costrel.gateway")

_LENGTHS = tuple((b"content-length", b"%d" % size) for size in range(1024))


class ASGIGateway:
    """An application as an ASGI 3 callable.

    Args:
        application: what is served.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._loops = RunningLoops(application)
        self._running = self._loops.running
        proxies = application.settings.trusted_proxies
        self._trusted = TrustedProxies(proxies) if proxies else None
        self._known = KnownFields()
        self._heads: dict[str | None, list[tuple[bytes, bytes]]] = {}

    def __call__(self, scope: Message, receive: Receive, send: Send) -> Coroutine[None, None, None]:
        """Return what serves one connection: HTTP, WebSocket or lifespan.

        Raises:
            ConnectionAbortedError: the response was cut off, so the server must not end it as if it were complete.
            Exception: what broke a response off after it had begun; the server cuts the connection.
            ValueError: a scope of another type.
        """
        return (self._serve if scope["type"] == "http" else self._serve_other)(scope, receive, send)

    async def _serve_other(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve what is no HTTP request."""
        kind = scope["type"]
        if kind == "lifespan":
            await self._loops.serve(receive, send)
            return
        if kind != "websocket":
            raise ValueError(f"The ASGI gateway serves http, websocket and lifespan, not {kind!r}.")
        if (await receive())["type"] == "websocket.connect":
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, from its scope to its teardown."""
        application = self._application
        running = self._running.get(get_running_loop()) or await self._loops.ensure()
        if running.variables is not None:
            running.variables.set()
        exchange = ASGIExchange(running.loop_state, scope, receive, send)
        try:
            request = _make_request(scope, exchange, self._known)
        except ValueError as error:
            logger.info("request_refused status_code=400 reason=%s", error)
            await _refuse(exchange, scope, send, 400, MALFORMED_HEAD)
            return
        if self._trusted is not None:
            apply_forwarded(request, self._trusted)
        started_at = time.perf_counter() if running.listens_finished else 0.0
        response: Response | None = None
        try:
            response = await application.dispatch(request)
            if request.response_callbacks is not None:
                response = await run_response_callbacks(request, response)
            body = response.body
            status_code = response.status_code
            own = response.own_headers
            if (
                type(body) is bytes
                and (own is None or (not response.needs_resolving and sendable_lines(own.raw)))
                and request.method != "HEAD"
                and status_code >= 200
                and status_code not in WITHOUT_CONTENT
                and not request.is_websocket
                and not exchange.is_gone
            ):
                # The usual answer, with its length, in one go.
                if own is None:
                    fields = self._heads.get(response.plain_media_type) or self._fields_of(response.plain_media_type)
                else:
                    fields = own.raw
                size = len(body)
                # Before it is sent: servers report a disconnect to whoever listens as soon as they have the last piece.
                exchange.is_complete = True
                try:
                    await send(
                        {
                            "type": "http.response.start",
                            "status": status_code,
                            "headers": [*fields, _LENGTHS[size] if size < 1024 else (b"content-length", b"%d" % size)],
                        }
                    )
                    exchange.status_code = status_code
                    await send({"type": "http.response.body", "body": body})
                except OSError:
                    exchange.lose()
                    raise ClientDisconnected from None
                exchange.bytes_sent = size
            elif request.is_websocket:
                await _answer_handshake(exchange, scope, receive, send, request, response)
            else:
                exchange.watches_stream = not isinstance(response.body, bytes) and not _raises_after_disconnect(scope)
                await send_response(exchange, request, response)
        except ClientDisconnected:
            if exchange.is_aborted:
                raise ConnectionAbortedError(f"the response to {request.method} {request.path!r} was cut off") from None
            exchange.status_code = 499
            logger.info("client_disconnected method=%s path=%.200r status_code=499", request.method, request.path)
            application.emit("client_disconnected", {"request": request})
        except (Exception, SystemExit) as error:
            if exchange.status_code:
                raise
            logger.exception("response_failed method=%s path=%.200r", request.method, request.path)
            status_code = error.status_code if isinstance(error, HTTPError) else 500
            await _refuse(exchange, scope, send, status_code, INTERNAL_ERROR)
        finally:
            if exchange.is_used:
                exchange.end()
            if request.end_callbacks is None and running.has_plain_ends and not request.is_websocket:
                # The usual end, in one go: nobody waits for it and nobody is told.
                request.ended = True
                if request.used_worker is not None:
                    request.used_worker.close()
                if response is not None:
                    response.exception = None
            else:
                try:
                    await end_exchange(request, response)
                finally:
                    emit_end(application, running, request, exchange, started_at)
            if request.late_work is not None:
                await run_late_work(request.late_work)

    def _fields_of(self, media_type: str | None) -> list[tuple[bytes, bytes]]:
        """Return the fields that follow from a media type, made once; not to be changed."""
        fields = self._heads.get(media_type)
        if fields is None:
            fields = head_fields(media_type)
            if len(self._heads) < _MAX_KEPT:
                self._heads[media_type] = fields
        return fields


def _make_request(scope: Message, exchange: ASGIExchange, known: KnownFields) -> Request:
    """Make a request of a scope.

    Args:
        scope: of an HTTP request or of a handshake.
        exchange: the seam.
        known: what was found in earlier requests.

    Raises:
        ValueError: the path is malformed, or the Host field is not one; answer 400.
    """
    raw_headers: list[FieldLine] = [*map(tuple, scope["headers"])]
    names = dict(raw_headers)
    # PERF: two questions instead of two a line, saves 1.1 µs with twelve (benchmarks/tricks.py::asgi_fields, 3.11)
    if not known.names.issuperset(names) or names.get(b"host") not in known.hosts or len(names) != len(raw_headers):
        raw_headers = known.check(raw_headers)
    path: str = scope["path"] or "/"
    raw_path: bytes | None = scope.get("raw_path")
    if raw_path is None or raw_path != path.encode() or "%" in path or "\\" in path:
        raw_path = raw_form(path, raw_path)
    root_path: str = scope.get("root_path", "")
    route_path = path
    if root_path and (root_path := root_path.rstrip("/")):
        # The path of a scope contains its root path; a server that has cut it off means the same.
        if path == root_path or path.startswith(root_path + "/"):
            route_path = path[len(root_path) :] or "/"
        else:
            path = root_path + path
            raw_path = encode_path(root_path).encode("ascii") + raw_path
    is_websocket = scope["type"] == "websocket"
    method: str = "GET" if is_websocket else scope["method"]
    http_version: str = scope.get("http_version", "1.1")
    if (
        b"content-length" not in names
        and b"transfer-encoding" not in names
        and method in _BARE_METHODS
        and http_version in _FRAMED_VERSIONS
    ):
        # RFC 9112 §6.3: without these fields there is no body, so nobody has to ask the server for it.
        exchange.body_complete = True
    scheme: str = scope.get("scheme", "http")
    if is_websocket:
        scheme = _SCHEMES.get(scheme, scheme)
    request = Request(
        method,
        path,
        raw_path,
        scope["query_string"],
        raw_headers,
        exchange,
        scheme,
        http_version,
        root_path,
        is_websocket,
        not exchange.body_complete,
    )
    request.route_path = route_path
    return request


_MAX_KEPT = 100
_BARE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
_FRAMED_VERSIONS = frozenset({"1.0", "1.1"})
_SCHEMES = {"ws": "http", "wss": "https"}


async def _answer_handshake(
    exchange: ASGIExchange, scope: Message, receive: Receive, send: Send, request: Request, response: Response
) -> None:
    """Accept a WebSocket and run its handler, or refuse it with the response."""
    socket = find_socket_body(request, response)
    if socket is not None:
        await _run_socket(exchange, receive, send, response, socket)
    elif "websocket.http.response" in (scope.get("extensions") or {}):
        await send_response(exchange, request, response)
    else:
        close = getattr(response.body, "aclose", None)
        if close is not None:
            await close()
        exchange.status_code = response.status_code
        await send({"type": "websocket.close", "code": 1000, "reason": ""})


async def _run_socket(
    exchange: ASGIExchange, receive: Receive, send: Send, response: Response, socket: SocketBody
) -> None:
    subprotocol: str | None = None
    fields = []
    for name, value in response.headers.raw:
        if name == b"sec-websocket-protocol":
            subprotocol = value.decode("latin-1")
        elif name not in _HANDSHAKE_FIELDS:
            fields.append((name, value))
    channel = ASGIChannel(receive, send, exchange.lose)
    try:
        await send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": fields})
    except OSError:
        raise ClientDisconnected from None
    exchange.status_code = 101
    exchange.channel = channel
    await socket.run(channel)


_HANDSHAKE_FIELDS = frozenset(
    {b"connection", b"content-length", b"date", b"sec-websocket-accept", b"transfer-encoding", b"upgrade"}
)


async def _refuse(exchange: ASGIExchange, scope: Message, send: Send, status_code: int, body: bytes) -> None:
    """Answer with a fixed text, or close a handshake where the server knows no other answer."""
    if scope["type"] == "websocket" and "websocket.http.response" not in (scope.get("extensions") or {}):
        exchange.status_code = status_code
        await send({"type": "websocket.close", "code": 1011, "reason": ""})
        return
    fields = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    try:
        await exchange.send_head(status_code, fields, has_trailers=False)
        await exchange.send_piece(body, is_last=True)
    except ClientDisconnected:
        exchange.status_code = 499


def _raises_after_disconnect(scope: Message) -> bool:
    """Whether the server's `send` raises when the client is gone, as ASGI 2.4 has it."""
    version = (scope.get("asgi") or {}).get("spec_version", "2.0")
    major, _, minor = str(version).partition(".")
    return (int(major), int(minor or 0)) >= (2, 4)

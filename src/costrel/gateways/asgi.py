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

from costrel.errors import ClientDisconnected, HTTPError
from costrel.gateways.asgi_channel import ASGIChannel
from costrel.gateways.asgi_exchange import ASGIExchange
from costrel.gateways.asgi_lifespan import Message, Receive, RunningApplication, RunningLoops, Send
from costrel.http import TrustedProxies, decode_path, encode_path, is_valid_authority
from costrel.messages import (
    Application,
    Request,
    Response,
    SocketBody,
    apply_forwarded,
    emit_finished,
    end_exchange,
    find_socket_body,
    head_fields,
    run_response_callbacks,
    send_response,
)

__all__ = ["ASGIGateway"]

logger: logging.Logger = logging.getLogger("costrel.gateway")

_INTERNAL_ERROR = b"Something went wrong on our side."
_WITHOUT_CONTENT = frozenset({204, 205, 304})


class ASGIGateway:
    """An application as an ASGI 3 callable.

    Args:
        application: what is served.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._loops = RunningLoops(application)
        proxies = application.settings.trusted_proxies
        self._trusted = TrustedProxies(proxies) if proxies else None
        self._known_hosts: set[bytes] = set()
        self._heads: dict[str | None, list[tuple[bytes, bytes]]] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection: HTTP, WebSocket or lifespan.

        Raises:
            ConnectionAbortedError: the response was cut off, so the server must not end it as if it were complete.
            Exception: what broke a response off after it had begun; the server cuts the connection.
            ValueError: a scope of another type.
        """
        kind = scope["type"]
        if kind == "lifespan":
            await self._loops.serve(receive, send)
            return
        if kind != "http" and kind != "websocket":
            raise ValueError(f"The ASGI gateway serves http, websocket and lifespan, not {kind!r}.")
        running = self._loops.find() or await self._loops.ensure()
        running.variables.set()
        if kind == "websocket" and (await receive())["type"] != "websocket.connect":
            return
        await self._serve(running, scope, receive, send)

    async def _serve(self, running: RunningApplication, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, from its scope to its teardown."""
        application = self._application
        exchange = ASGIExchange(running.loop_state, scope, receive, send)
        try:
            request = _make_request(scope, exchange, self._known_hosts)
        except ValueError as error:
            logger.info("request_refused status_code=400 reason=%s", error)
            await _refuse(exchange, scope, send, 400, b"The request target or the Host field is malformed.")
            return
        if self._trusted is not None:
            apply_forwarded(request, self._trusted)
        started_at = time.perf_counter()
        response: Response | None = None
        try:
            response = await application.dispatch(request)
            if request.response_callbacks is not None:
                response = await run_response_callbacks(request, response)
            if (
                type(response.body) is bytes
                and response.has_plain_head
                and request.method != "HEAD"
                and response.status_code >= 200
                and response.status_code not in _WITHOUT_CONTENT
                and not request.is_websocket
            ):
                await exchange.send_whole(
                    response.status_code, self._fields_of(response.plain_media_type), response.body
                )
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
            await _refuse(exchange, scope, send, status_code, _INTERNAL_ERROR)
        finally:
            exchange.end()
            try:
                await end_exchange(request, response)
            finally:
                self._emit_end(request, exchange, started_at)

    def _fields_of(self, media_type: str | None) -> list[tuple[bytes, bytes]]:
        """Return the fields that follow from a media type, made once; not to be changed."""
        fields = self._heads.get(media_type)
        if fields is None:
            fields = head_fields(media_type)
            if len(self._heads) < _MAX_KEPT:
                self._heads[media_type] = fields
        return fields

    def _emit_end(self, request: Request, exchange: ASGIExchange, started_at: float) -> None:
        """Tell the listeners what became of the request."""
        application = self._application
        if application.listens("early_response") and _left_body(request, exchange):
            application.emit("early_response", {"request": request, "status_code": exchange.status_code})
        if application.listens("request_finished"):
            emit_finished(application, request, exchange.status_code, exchange.bytes_sent, started_at)


def _make_request(scope: Message, exchange: ASGIExchange, known_hosts: set[bytes]) -> Request:
    """Make a request of a scope.

    Args:
        scope: of an HTTP request or of a handshake.
        exchange: the seam.
        known_hosts: values of the Host field that have been found to be one.

    Raises:
        ValueError: the path is malformed, or the Host field is not one; answer 400.
    """
    raw_headers = []
    has_body_fields = False
    for name, value in scope["headers"]:
        if name == b"host":
            if value not in known_hosts:
                _check_host(value, known_hosts)
        elif name in _BODY_FIELDS:
            has_body_fields = True
        # SECURITY: in an environment of CGI's shape ``X_User`` and ``X-User`` are one name, so no underscore is let in.
        if b"_" not in name:
            raw_headers.append((name, value))
    path: str = scope["path"] or "/"
    raw_path: bytes | None = scope.get("raw_path")
    # Whoever stands between the server and us may have changed the path; then its raw form is stale.
    if raw_path is None or (decode_path(raw_path) if b"%" in raw_path else raw_path.decode("latin-1")) != path:
        raw_path = encode_path(path).encode("ascii")
    if b"\\" in raw_path:
        raise ValueError("the request target has a backslash")
    root_path: str = scope.get("root_path", "").rstrip("/")
    route_path = path
    if root_path:
        # The path of a scope contains its root path; a server that has cut it off means the same.
        if path == root_path or path.startswith(root_path + "/"):
            route_path = path[len(root_path) :] or "/"
        else:
            path = root_path + path
            raw_path = encode_path(root_path).encode("ascii") + raw_path
    is_websocket = scope["type"] == "websocket"
    method: str = "GET" if is_websocket else scope["method"]
    http_version: str = scope.get("http_version", "1.1")
    if not has_body_fields and method in _BARE_METHODS and http_version.startswith("1"):
        # RFC 9112 §6.3: without these fields there is no body, so nobody has to ask the server for it.
        exchange.body_complete = True
    scheme: str = scope.get("scheme", "http")
    request = Request(
        method,
        path,
        raw_path,
        scope.get("query_string", b""),
        raw_headers,
        exchange,
        _SCHEMES.get(scheme, scheme),
        http_version,
        root_path,
        is_websocket,
        not exchange.body_complete,
    )
    request.route_path = route_path
    return request


def _check_host(value: bytes, known_hosts: set[bytes]) -> None:
    """Check a value of the Host field, and keep it for the next request while there is room."""
    if not is_valid_authority(value):
        raise ValueError("the Host field is not a host with an optional port")
    if len(known_hosts) < _MAX_KEPT:
        known_hosts.add(value)


_MAX_KEPT = 100
_BARE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
_BODY_FIELDS = frozenset({b"content-length", b"transfer-encoding"})
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


def _left_body(request: Request, exchange: ASGIExchange) -> bool:
    """Whether some of the body was never received; what a server says after all of it is not waited for."""
    if exchange.body_complete:
        return False
    length = request.content_length
    return "transfer-encoding" in request.headers if length is None else exchange.bytes_received < length

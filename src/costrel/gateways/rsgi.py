"""The RSGI gateway: granian calls in its own protocol, and the application answers through the one pipeline.

`RSGIGateway` makes a `Request` of a scope, gives it to the application's dispatch and sends the response. What the
server's protocol object means for one request is in `rsgi_exchange`, a socket is in `rsgi_socket`.

The server calls `start` before its loop runs and `stop` after; where it runs inside a loop of somebody else, the first
request starts the application.

Spec: RSGI 1.5.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import cast

from costrel.errors import ClientDisconnected, HTTPError
from costrel.gateways.answering import INTERNAL_ERROR, MALFORMED_HEAD, WITHOUT_CONTENT, emit_end, raw_form
from costrel.gateways.asgi_fields import KnownFields
from costrel.gateways.asgi_lifespan import RunningLoops
from costrel.gateways.rsgi_exchange import RSGIExchange, text_fields
from costrel.gateways.rsgi_interface import FieldPair, RSGIProtocol, RSGIScope, RSGISocketProtocol
from costrel.gateways.rsgi_socket import RSGIChannel
from costrel.http import TrustedProxies
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
)

__all__ = ["RSGIGateway"]

logger: logging.Logger = logging.getLogger("costrel.gateway")

_MAX_KEPT = 100


class RSGIGateway:
    """An application as an RSGI callable.

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
        self._heads: dict[str | None, list[FieldPair]] = {}

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the application on a loop, before the server takes connections.

        A loop that runs already cannot be waited for; there the first request starts the application.

        Raises:
            Exception: whatever the start-up raised.
        """
        if not loop.is_running():
            loop.run_until_complete(self._loops.ensure())

    def stop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop the application on a loop, and wait for it where the loop does not run any more."""
        stopping = self._loops.begin_stop(loop)
        if stopping is not None and not loop.is_running():
            loop.run_until_complete(stopping)

    async def __call__(self, scope: RSGIScope, protocol: RSGIProtocol | RSGISocketProtocol) -> None:
        """Serve one HTTP request or WebSocket.

        Raises:
            Exception: what broke a response off after it had begun; the connection was cut.
        """
        application = self._application
        running = self._running.get(asyncio.get_running_loop()) or await self._loops.ensure()
        if running.variables is not None:
            running.variables.set()
        handshake = cast("RSGISocketProtocol", protocol) if scope.proto == "ws" else None
        exchange = RSGIExchange(running.loop_state, scope, None if handshake else cast("RSGIProtocol", protocol))
        try:
            request = _make_request(scope, exchange, self._known)
        except ValueError as error:
            logger.info("request_refused status_code=400 reason=%s", error)
            _refuse(exchange, handshake, 400, MALFORMED_HEAD)
            return
        if self._trusted is not None:
            apply_forwarded(request, self._trusted)
        started_at = time.perf_counter() if running.listens_finished else 0.0
        response: Response | None = None
        try:
            response = await application.dispatch(request)
            if request.response_callbacks is not None:
                response = await run_response_callbacks(request, response)
            if handshake is not None:
                await _answer_handshake(exchange, handshake, request, response)
            else:
                await self._answer(exchange, request, response)
        except ClientDisconnected:
            if exchange.is_aborted:
                logger.info("response_aborted method=%s path=%.200r", request.method, request.path)
            else:
                exchange.status_code = 499
                logger.info("client_disconnected method=%s path=%.200r status_code=499", request.method, request.path)
                application.emit("client_disconnected", {"request": request})
        except (Exception, SystemExit) as error:
            if exchange.status_code:
                raise
            logger.exception("response_failed method=%s path=%.200r", request.method, request.path)
            status_code = error.status_code if isinstance(error, HTTPError) else 500
            _refuse(exchange, handshake, status_code, INTERNAL_ERROR)
        finally:
            exchange.end()
            try:
                await end_exchange(request, response)
            finally:
                emit_end(application, running, request, exchange, started_at)
            if request.late_work is not None:
                await run_late_work(request.late_work)

    async def _answer(self, exchange: RSGIExchange, request: Request, response: Response) -> None:
        body = response.body
        status_code = response.status_code
        if (
            type(body) is bytes
            and response.own_headers is None
            and request.method != "HEAD"
            and status_code >= 200
            and status_code not in WITHOUT_CONTENT
            and not exchange.is_gone
        ):
            # The usual answer, in one go; the server adds its length.
            exchange.send_plain(status_code, self._fields_of(response.plain_media_type), body)
        else:
            await send_response(exchange, request, response)

    def _fields_of(self, media_type: str | None) -> list[FieldPair]:
        """Return the fields that follow from a media type, made once; not to be changed."""
        fields = self._heads.get(media_type)
        if fields is None:
            fields = text_fields(head_fields(media_type))
            if len(self._heads) < _MAX_KEPT:
                self._heads[media_type] = fields
        return fields


def _make_request(scope: RSGIScope, exchange: RSGIExchange, known: KnownFields) -> Request:
    """Make a request of a scope.

    Raises:
        ValueError: the path has NUL, or the Host field is not one; answer 400.
    """
    lines = [(name.encode("ascii"), value.encode()) for name, value in scope.headers.items()]
    authority = scope.authority
    if authority is not None:
        # RFC 9112 §3.2.2: the authority of the request target stands above the Host field; HTTP/2 has only the first.
        lines = [(b"host", authority.encode()), *(line for line in lines if line[0] != b"host")]
    names = dict(lines)
    lines = known.check(lines)
    path = scope.path or "/"
    if "\0" in path:
        raise ValueError("the path has a NUL")
    is_websocket = scope.proto == "ws"
    if is_websocket:
        # The server answers no subprotocol, so none may be agreed on.
        lines = [line for line in lines if line[0] != b"sec-websocket-protocol"]
    version = scope.http_version
    length = names.get(b"content-length", b"")
    if length.isdigit():
        exchange.expected_bytes = int(length)
        exchange.body_complete = exchange.expected_bytes == 0
    elif b"transfer-encoding" not in names and version in _FRAMED_VERSIONS:
        # RFC 9112 §6.3: without these fields there is no body, so nobody has to ask the server for it.
        exchange.body_complete = True
    exchange.has_trailers = b"trailer" in names or version not in _FRAMED_VERSIONS
    return Request(
        "GET" if is_websocket else scope.method,
        path,
        raw_form(path, None),
        scope.query_string.encode(),
        lines,
        exchange,
        scope.scheme,
        _FRAMED_VERSIONS.get(version, version),
        "",
        is_websocket,
        not exchange.body_complete,
    )


_FRAMED_VERSIONS = {"1": "1.0", "1.1": "1.1"}


async def _answer_handshake(
    exchange: RSGIExchange, handshake: RSGISocketProtocol, request: Request, response: Response
) -> None:
    """Accept a WebSocket and run its handler, or refuse it with the status of the response, which is all that fits."""
    socket = find_socket_body(request, response)
    if socket is not None:
        await _run_socket(exchange, handshake, socket)
        return
    close = getattr(response.body, "aclose", None)
    if close is not None:
        await close()
    exchange.status_code = response.status_code
    handshake.close(response.status_code)


async def _run_socket(exchange: RSGIExchange, handshake: RSGISocketProtocol, socket: SocketBody) -> None:
    try:
        accepted = await handshake.accept()
    except RuntimeError:
        raise ClientDisconnected from None
    exchange.status_code = 101
    exchange.is_complete = True
    exchange.channel = channel = RSGIChannel(accepted, handshake, exchange.lose)
    try:
        await socket.run(channel)
    finally:
        channel.end()


def _refuse(exchange: RSGIExchange, handshake: RSGISocketProtocol | None, status_code: int, body: bytes) -> None:
    """Answer with a fixed text, or a handshake with the status alone."""
    if handshake is not None:
        exchange.status_code = status_code
        handshake.close(status_code)
        return
    exchange.send_plain(status_code, [("content-type", "text/plain; charset=utf-8")], body)

"""Our own application as middleware sees it: the ASGI application inside.

Middleware is made with an `InnerApplication`, once. For each request it calls it with a scope, in which an `InnerCall`
is found; the rest of our pipeline answers the request, and its response goes to the middleware message by message.

An exception that nobody handled has become a 500 by then. It is raised once more when that response was sent, because
middleware learns of exceptions in no other way; the one who drives the middleware takes it back (`wrapping`).

Spec: ASGI HTTP and WebSocket 2.5, Lifespan 2.0.
"""

from __future__ import annotations

from typing import Final, cast

from costrel.errors import ClientDisconnected, HTTPError
from costrel.messages import (
    Dispatch,
    Request,
    Response,
    SocketBody,
    SocketHandler,
    find_socket_body,
    own_fields,
    read_again_from,
    send_response,
)
from costrel.mounts.asgi_http import HTTPCall
from costrel.mounts.asgi_types import ASGIApplication, Message, Receive, Scope, Send
from costrel.mounts.asgi_websocket import WebSocketCall
from costrel.mounts.hand_over import is_wanted_end
from costrel.mounts.wrapping_messages import InnerChannel, InnerExchange, MessageSink
from costrel.mounts.wrapping_mistakes import called_twice, foreign_scope
from costrel.mounts.wrapping_scope import take_changes

__all__ = ["CALL_KEY", "InnerApplication", "InnerCall", "alone"]

CALL_KEY: Final = "costrel.inner_call"
"""Where in the scope the `InnerCall` is found."""

_HANDSHAKE_FIELDS = frozenset(
    {b"connection", b"content-length", b"date", b"sec-websocket-accept", b"transfer-encoding", b"upgrade"}
)
_UNHANDLED = 500
_WITHOUT_CONTENT = frozenset({204, 205, 304})


class InnerCall:
    """Middleware at work on one request, with the rest of the pipeline inside it.

    Args:
        middleware: runs around the application.
        call_next: the rest of the pipeline.
        http_call: takes what the middleware sends; its request is what is answered.
        scope: what the middleware is given.

    Attributes:
        receive: what the middleware was given, `None` before it runs.
        exchange: gives the body of the request where it comes through the middleware, else `None`.
        is_called: whether the middleware has called the application.
        response: what the pipeline has answered, `None` before.
        exception: what was converted into the response.
        raised: what was raised into the middleware.
        was_open: whether the request was a handshake and has been accepted.
    """

    __slots__ = (
        "_middleware",
        "call_next",
        "exception",
        "exchange",
        "http_call",
        "is_called",
        "path",
        "raised",
        "raw_path",
        "receive",
        "request",
        "response",
        "root_path",
        "was_open",
    )

    def __init__(self, middleware: ASGIApplication, call_next: Dispatch, http_call: HTTPCall, scope: Scope) -> None:
        self.http_call: HTTPCall = http_call
        self.call_next: Dispatch = call_next
        self.request: Request = http_call.request
        self.path: str = scope["path"]
        self.raw_path: bytes = scope["raw_path"]
        self.root_path: str = scope["root_path"]
        self.receive: Receive | None = None
        self.exchange: InnerExchange | None = None
        self.response: Response | None = None
        self.exception: Exception | None = None
        self.raised: Exception | None = None
        self.is_called: bool = False
        self.was_open: bool = False
        self._middleware = middleware

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the middleware to its end; an ASGI application.

        Raises:
            ClientDisconnected: the client left before the response.
            Exception: whatever the middleware raises, but not the exception whose response it has sent.
        """
        self.receive = receive
        try:
            await self._middleware(scope, receive, send)
        except (Exception, BaseExceptionGroup) as error:
            if isinstance(alone(error), ClientDisconnected):
                raise ClientDisconnected from None
            if not self._takes_back(error):
                raise
        finally:
            if self.is_called:
                # The scope knows the request, and so does what the body came through.
                vars(self.request.state).pop("asgi_scope", None)
                if self.exchange is not None:
                    self.exchange.end()

    def _takes_back(self, error: BaseException) -> bool:
        """Whether an exception is the one that was raised into the middleware, and its response was sent."""
        raised, http_call = self.raised, self.http_call
        if raised is None or alone(error) is not raised or not (http_call.incoming.is_over or self.was_open):
            return False
        self.raised = None
        if isinstance(http_call, WebSocketCall):
            http_call.failure = raised
        return True


class InnerApplication:
    """The ASGI application that middleware is made with.

    Args:
        name: of the middleware, for messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request that the middleware lets through.

        Raises:
            ProgrammerError: COS-MOUNT-007 and COS-MOUNT-008, the middleware called it twice, or without a request.
            ClientDisconnected: the client left before the response.
            Exception: what became a 500, when that was sent; what broke the response off.
        """
        if scope["type"] == "lifespan":
            await _answer_lifespan(receive, send)
            return
        call = scope.get(CALL_KEY)
        if not isinstance(call, InnerCall):
            raise foreign_scope(self._name)
        if call.is_called:
            raise called_twice(self._name)
        call.is_called = True
        request = call.request
        if request.is_websocket and (await receive())["type"] != "websocket.connect":
            return
        if receive != call.receive and not request.is_websocket:
            _take_receive(call, receive)
        take_changes(request, scope, call.path, call.raw_path, call.root_path)
        request.state.asgi_scope = scope
        response = call.response = await call.call_next(request)
        call.exception = response.exception
        scope["route"] = request.route
        socket = find_socket_body(request, response)
        if socket is not None:
            call.was_open = True
            failure = await _run_socket(receive, send, response, socket, request)
        else:
            failure = await _send(scope, send, request, response)
        if failure is not None and not isinstance(failure, HTTPError):
            call.raised = failure
            try:
                raise failure
            finally:
                # This frame is in the traceback: variables with the exception would be a cycle.
                del failure, response


def alone(error: BaseException) -> BaseException:
    """Take an exception out of the groups in which it is alone; task groups of middleware make such."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _take_receive(call: InnerCall, receive: Receive) -> None:
    """Have the body read through the middleware, unless there is none or somebody outside has streamed it."""
    request, incoming = call.request, call.http_call.incoming
    content = request.content
    if content == b"" or (content is not None and request.kept_content is None and not incoming.is_begun):
        return
    if not incoming.is_begun:
        incoming.begin()
        if request.content == b"":
            return
    call.exchange = InnerExchange(request.exchange, receive)
    read_again_from(request, call.exchange)


async def _send(scope: Scope, send: Send, request: Request, response: Response) -> Exception | None:
    """Send a response as messages, and return what nobody has handled."""
    body = response.body
    if type(body) is bytes and not request.is_websocket and _is_usual(request, response):
        # Its length and nothing else has to be added: the usual answer, in one go.
        fields = own_fields(response)
        fields.append((b"content-length", b"%d" % len(body)))
        try:
            await send({"type": "http.response.start", "status": response.status_code, "headers": fields})
            await send({"type": "http.response.body", "body": body, "more_body": False})
        except OSError as error:
            if not is_wanted_end(error):
                raise
        return _unhandled(response)
    extensions = scope.get("extensions") or {}
    kind = "http.response"
    if request.is_websocket:
        kind = "websocket.http.response"
        if kind not in extensions:
            close = getattr(response.body, "aclose", None)
            if close is not None:
                await close()
            await send({"type": "websocket.close", "code": 1000, "reason": ""})
            return _unhandled(response)
    sink = MessageSink(
        send,
        kind,
        sends_trailers="http.response.trailers" in extensions,
        sends_head_first=bool(getattr(response, "send_head_first", False)),
    )
    try:
        await send_response(sink, request, response)
    except ClientDisconnected:
        # Whoever takes the response from the middleware knows it; to the middleware it is an end like another.
        if not sink.is_refused:
            raise
    return _unhandled(response)


def _is_usual(request: Request, response: Response) -> bool:
    """Whether complete content is sent as it is, in the form that follows from its length."""
    status_code = response.status_code
    return (
        status_code >= 200
        and status_code not in _WITHOUT_CONTENT
        and request.method != "HEAD"
        and not response.needs_resolving
        and (response.own_headers is None or "content-length" not in response.own_headers)
    )


def _unhandled(response: Response) -> Exception | None:
    """Return the exception that nobody has handled, and let the response go of it."""
    exception, response.exception = response.exception, None
    return exception if response.status_code == _UNHANDLED else None


async def _run_socket(
    receive: Receive, send: Send, response: Response, socket: SocketBody, request: Request
) -> Exception | None:
    """Accept a handshake and run what it is for; return what the handler raised."""
    subprotocol: str | None = None
    fields = []
    for name, value in response.headers.raw:
        if name == b"sec-websocket-protocol":
            subprotocol = value.decode("latin-1")
        elif name not in _HANDSHAKE_FIELDS:
            fields.append((name, value))
    await send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": fields})
    await socket.run(InnerChannel(receive, send))
    failure = cast("Exception | None", getattr(socket, "failure", None))
    if isinstance(socket, SocketHandler):
        # The socket and its request know each other, and what the handler raised knows both.
        socket.failure = None
        vars(request.state).pop("websocket", None)
    return failure


async def _answer_lifespan(receive: Receive, send: Send) -> None:
    """Answer the messages of a lifespan that the middleware has begun; ours has begun already."""
    message: Message = {"type": ""}
    while message["type"] != "lifespan.shutdown":
        message = await receive()
        await send({"type": f"{message['type']}.complete"})

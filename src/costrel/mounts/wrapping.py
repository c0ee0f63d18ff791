"""Pure ASGI middleware of others as a layer.

`ASGIWrapping` is what ``App.wrap_asgi`` records. It makes the middleware once, with our own application inside it, and
drives it for each request in the request's task, as a mounted application is driven (`trampoline`): context variables
are the same inside and outside, and a stream stays one. What the middleware does after the response, it does when the
last byte was sent. What it is called with is in `wrapping_inner`.

Spec: ASGI 3.0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import iscoroutine
from typing import Any, cast

from costrel.errors import ConfigurationError
from costrel.messages import Dispatch, Request, Response
from costrel.mounts.asgi_http import HTTPCall
from costrel.mounts.asgi_scope import make_scope
from costrel.mounts.asgi_types import ASGIApplication
from costrel.mounts.asgi_websocket import WebSocketCall
from costrel.mounts.wrapping_inner import CALL_KEY, InnerApplication, InnerCall, alone
from costrel.mounts.wrapping_mistakes import not_made, not_middleware
from costrel.mounts.wrapping_scope import inherit

__all__ = ["ASGIWrapping"]


class ASGIWrapping:
    """Middleware of others around the rest of the pipeline; a layer once it is made.

    A request is seen by handlers as the middleware has left it: method, scheme, client, path, query and header fields
    of the scope are taken over, and the body comes through its `receive`. The scope that it has passed on is in
    ``request.state.asgi_scope``. The response is seen by the middleware as messages: complete content in one, a stream
    piece by piece, a file as a stream. What `Request.on_response` has collected, the cookie of the session for one, is
    added later, outside; so are interim responses.

    A deadline that a layer outside has set holds for what is inside, not for the middleware itself. Lifespans do not
    come here: the middleware is called for requests and handshakes alone.

    Args:
        factory: makes the middleware of an ASGI application; its class, as a rule.
        arguments: further arguments.
        options: further arguments by name.
        where: file and line of the call, for messages.
        remember: called with what became an error response, and with the response that the middleware has made of that.

    Attributes:
        factory: as given.
        name: of the factory, for the log and in messages.
        where: as given.
    """

    def __init__(
        self,
        factory: Callable[..., object],
        arguments: Sequence[object] = (),
        options: Mapping[str, object] | None = None,
        *,
        where: str = "",
        remember: Callable[[Exception, Request, Response], None] | None = None,
    ) -> None:
        self.factory: Callable[..., object] = factory
        self.name: str = str(getattr(factory, "__qualname__", type(factory).__qualname__))
        self.where: str = where
        self._arguments = tuple(arguments)
        self._options = dict(options or {})
        self._remember = remember
        self._middleware: ASGIApplication | None = None

    def __repr__(self) -> str:
        return f"<ASGIWrapping {self.name!r}>"

    def make(self) -> None:
        """Make the middleware, the first time; the build calls it, so that no request does.

        Raises:
            ConfigurationError: COS-MOUNT-009, it cannot be made, or is no ASGI application.
        """
        if self._middleware is not None:
            return
        try:
            made = self.factory(InnerApplication(self.name), *self._arguments, **self._options)
        except Exception as error:
            raise ConfigurationError(not_made(self.name, self.where, error)) from error
        if not callable(made):
            if iscoroutine(made):
                made.close()
            raise ConfigurationError(not_middleware(self.name, self.where, made))
        self._middleware = cast("ASGIApplication", made)

    async def __call__(self, request: Request, call_next: Dispatch) -> Response:
        """Answer a request through the middleware.

        Raises:
            ClientDisconnected: the client left before there was a response.
            ProgrammerError: COS-MOUNT-005 to COS-MOUNT-008, the middleware broke a rule of ASGI.
            Exception: what the middleware raised before its response.
        """
        if self._middleware is None:
            self.make()
        scope = inherit(make_scope(request, {}), request)
        call = (_WrappedSocket if request.is_websocket else _WrappedHTTP)(request, self.name)
        inner = scope[CALL_KEY] = InnerCall(cast("ASGIApplication", self._middleware), call_next, call, scope)
        try:
            response = await call.respond(inner.run, scope, "trampoline")
            is_inner = inner.response is not None and inner.response.status_code == response.status_code
        except Exception as error:
            # Middleware that keeps the response to itself until the application has returned.
            if inner.response is None or alone(error) is not inner.raised:
                raise
            response, inner.raised, is_inner = inner.response, None, True
        exception = inner.exception if is_inner else None
        inner.response = inner.exception = None
        if exception is not None:
            response.exception = exception
            if self._remember is not None:
                self._remember(exception, request, response)
        fields = response.own_headers
        if type(response.body) is bytes and fields is not None and request.method != "HEAD":
            _forget_length(fields.raw, len(response.body))
        return response


class _Wrapped:
    """How middleware differs from a mounted application."""

    __slots__ = ()

    def _raise_failure(self) -> None:
        """Do nothing: that the body could not be read, the application inside has answered."""


class _WrappedHTTP(_Wrapped, HTTPCall):
    """Middleware at work on one request."""

    __slots__ = ()


class _WrappedSocket(_Wrapped, WebSocketCall):
    """Middleware at work on one WebSocket."""

    __slots__ = ()


def _forget_length(fields: list[Any], size_bytes: int) -> None:
    """Leave the length of complete content to the transport, so that layers outside may change the content."""
    line = (b"content-length", b"%d" % size_bytes)
    if line in fields:
        fields.remove(line)

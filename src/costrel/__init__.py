"""Costrel: a Python web framework with Flask's ease, an asynchronous core and its own fast HTTP server.

    from costrel import App

    app = App()

    @app.get("/")
    def index():
        return "<h1>Hello</h1>"

Everything here is public, and each name is imported when it is first asked for: ``from costrel import App`` brings the
part of an application that records. What builds and serves comes when an `App` is made, so never with a request.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from costrel.version import __version__

if TYPE_CHECKING:
    from costrel.app import (
        App,
        Blueprint,
        Resource,
        Secret,
        Settings,
        abort,
        after_response,
        current_app,
        g,
        redirect,
        request,
        safe_next,
        session,
        url_for,
        websocket,
    )
    from costrel.errors import (
        BadGateway,
        BadRequest,
        Conflict,
        ContentTooLarge,
        Disconnect,
        ExpectationFailed,
        FailedDependency,
        Forbidden,
        GatewayTimeout,
        Gone,
        HTTPError,
        InsufficientStorage,
        InternalServerError,
        LengthRequired,
        Locked,
        MethodNotAllowed,
        MethodNotImplemented,
        MisdirectedRequest,
        NotAcceptable,
        NotFound,
        Pass,
        PreconditionFailed,
        PreconditionRequired,
        RangeNotSatisfiable,
        RequestTimeout,
        ServiceUnavailable,
        TooEarly,
        TooManyRequests,
        Unauthorized,
        UnavailableForLegalReasons,
        UnprocessableContent,
        UnsupportedMediaType,
        UpgradeRequired,
        URITooLong,
        ValidationFailed,
    )
    from costrel.handling import Body, Cookie, Depends, File, Form, Header, Query
    from costrel.messages import (
        BodyStream,
        EventStream,
        FileResponse,
        HTMLResponse,
        JSONResponse,
        Request,
        Response,
        ServerSentEvent,
        StreamResponse,
        TextResponse,
        UploadFile,
        WebSocket,
        send_file,
    )
    from costrel.sessions import flash, get_flashed_messages
    from costrel.templating import render

__all__ = [
    "App",
    "BadGateway",
    "BadRequest",
    "Blueprint",
    "Body",
    "BodyStream",
    "Conflict",
    "ContentTooLarge",
    "Cookie",
    "Depends",
    "Disconnect",
    "EventStream",
    "ExpectationFailed",
    "FailedDependency",
    "File",
    "FileResponse",
    "Forbidden",
    "Form",
    "GatewayTimeout",
    "Gone",
    "HTMLResponse",
    "HTTPError",
    "Header",
    "InsufficientStorage",
    "InternalServerError",
    "JSONResponse",
    "LengthRequired",
    "Locked",
    "MethodNotAllowed",
    "MethodNotImplemented",
    "MisdirectedRequest",
    "NotAcceptable",
    "NotFound",
    "Pass",
    "PreconditionFailed",
    "PreconditionRequired",
    "Query",
    "RangeNotSatisfiable",
    "Request",
    "RequestTimeout",
    "Resource",
    "Response",
    "Secret",
    "ServerSentEvent",
    "ServiceUnavailable",
    "Settings",
    "StreamResponse",
    "TextResponse",
    "TooEarly",
    "TooManyRequests",
    "URITooLong",
    "Unauthorized",
    "UnavailableForLegalReasons",
    "UnprocessableContent",
    "UnsupportedMediaType",
    "UpgradeRequired",
    "UploadFile",
    "ValidationFailed",
    "WebSocket",
    "__version__",
    "abort",
    "after_response",
    "current_app",
    "flash",
    "g",
    "get_flashed_messages",
    "redirect",
    "render",
    "request",
    "safe_next",
    "send_file",
    "session",
    "url_for",
    "websocket",
]

_HOMES = {
    "costrel.app": (
        "App",
        "Blueprint",
        "Resource",
        "Secret",
        "Settings",
        "abort",
        "after_response",
        "current_app",
        "g",
        "redirect",
        "request",
        "safe_next",
        "session",
        "url_for",
        "websocket",
    ),
    "costrel.errors": (
        "BadGateway",
        "BadRequest",
        "Conflict",
        "ContentTooLarge",
        "Disconnect",
        "ExpectationFailed",
        "FailedDependency",
        "Forbidden",
        "GatewayTimeout",
        "Gone",
        "HTTPError",
        "InsufficientStorage",
        "InternalServerError",
        "LengthRequired",
        "Locked",
        "MethodNotAllowed",
        "MethodNotImplemented",
        "MisdirectedRequest",
        "NotAcceptable",
        "NotFound",
        "Pass",
        "PreconditionFailed",
        "PreconditionRequired",
        "RangeNotSatisfiable",
        "RequestTimeout",
        "ServiceUnavailable",
        "TooEarly",
        "TooManyRequests",
        "Unauthorized",
        "UnavailableForLegalReasons",
        "UnprocessableContent",
        "UnsupportedMediaType",
        "UpgradeRequired",
        "URITooLong",
        "ValidationFailed",
    ),
    "costrel.handling": (
        "Body",
        "Cookie",
        "Depends",
        "File",
        "Form",
        "Header",
        "Query",
    ),
    "costrel.messages": (
        "BodyStream",
        "EventStream",
        "FileResponse",
        "HTMLResponse",
        "JSONResponse",
        "Request",
        "Response",
        "ServerSentEvent",
        "StreamResponse",
        "TextResponse",
        "UploadFile",
        "WebSocket",
        "send_file",
    ),
    "costrel.sessions": ("flash", "get_flashed_messages"),
    "costrel.templating": ("render",),
}
_LATER = {name: home for home, names in _HOMES.items() for name in names}
_ROOMS = ("app", "errors", "execution", "handling", "http", "messages", "routing", "testing")


def __getattr__(name: str) -> object:
    """Import a name, or a room, when it is first asked for."""
    if name in _ROOMS:
        return import_module(f"costrel.{name}")
    home = _LATER.get(name)
    if home is None:
        raise _unknown(name)
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _unknown(name: str) -> AttributeError:
    """Make the error for a name that does not exist; one of another framework is explained."""
    from costrel.errors import explain_foreign_name, is_foreign_name

    why = f"; {explain_foreign_name('costrel', name)}" if is_foreign_name("costrel", name) else ""
    return AttributeError(f"module 'costrel' has no attribute {name!r}{why}")

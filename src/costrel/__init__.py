"""Costrel: a Python web framework with Flask's ease, an asynchronous core and its own fast HTTP server.

    from costrel import App

    app = App()

    @app.get("/")
    def index():
        return "<h1>Hello</h1>"

Everything here is public. What is not needed to serve a request (templates, the session's helpers, test clients) is
imported at its first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

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
    explain_foreign_name,
    is_foreign_name,
    send_file,
)
from costrel.version import __version__

if TYPE_CHECKING:
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

_LATER = {
    "flash": "costrel.sessions",
    "get_flashed_messages": "costrel.sessions",
    "render": "costrel.templating",
    "testing": "costrel.testing",
}


def __getattr__(name: str) -> object:
    """Import what serving does not need at its first use."""
    module_name = _LATER.get(name)
    if module_name is None:
        why = f"; {explain_foreign_name('costrel', name)}" if is_foreign_name("costrel", name) else ""
        raise AttributeError(f"module 'costrel' has no attribute {name!r}{why}")
    module = import_module(module_name)
    value = module if name == "testing" else getattr(module, name)
    globals()[name] = value
    return value

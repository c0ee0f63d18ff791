"""Names of other frameworks, and what they are called here.

People come from Flask, Starlette, FastAPI and Django, and their fingers know the names of those. `Request`, `Response`,
`WebSocket` and `App` have each such name as an attribute that explains itself (`with_foreign_names`); the front door
asks the table when a name does not exist. Rows are sorted within each class.

A class with `__getattr__` would pay for every attribute that does exist.
PERF: none has it, saves 18 ns a load (benchmarks/tricks.py::getattr_hook_ten_loads, 3.11)
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NoReturn, TypeVar

__all__ = ["explain_foreign_name", "is_foreign_name", "with_foreign_names"]

T = TypeVar("T")

_REQUEST = {
    "COOKIES": "`request.cookies`",
    "FILES": "`request.files`",
    "GET": "`request.query`",
    "META": "`request.headers`, `request.client` and the other attributes of their own",
    "POST": "`request.form`",
    "accept_charsets": '`request.headers["accept-charset"]`',
    "accept_encodings": '`request.headers["accept-encoding"]`',
    "accept_languages": '`request.headers["accept-language"]`',
    "accept_mimetypes": "`request.accepts(...)`",
    "access_route": "`request.client`, with `AppSettings.trusted_proxies` set",
    "args": "`request.query`",
    "auth": "`request.authorization`, or `request.user` for who it is",
    "blueprints": "`request.blueprint`",
    "build_absolute_uri": "`request.url_for(name, external=True)`",
    "cache_control": '`request.headers["cache-control"]`',
    "charset": "always UTF-8",
    "close": "not needed: files are closed when the request ends",
    "content_encoding": '`request.headers["content-encoding"]`',
    "content_params": '`request.headers["content-type"]`',
    "context": "`request.state` for layers, `request.g` for your own values",
    "data": "`request.body`, or `request.form` for a form",
    "encoding": "always UTF-8",
    "endpoint": "`request.route.name`",
    "environ": "not there: every part of it is an attribute of the request",
    "full_path": "`request.url`",
    "get_data": "`request.body`, or `request.text`",
    "get_full_path": "`request.url`",
    "get_host": "`request.host`",
    "get_json": "`request.json()`",
    "get_port": "`request.url.port`",
    "get_signed_cookie": "`request.session`",
    "headers_raw": "`request.raw_headers`",
    "host_url": "`request.base_url`",
    "if_match": "`request.check_preconditions(...)`",
    "if_modified_since": "`request.check_preconditions(...)`",
    "if_none_match": "`request.check_preconditions(...)`",
    "if_range": '`request.headers["if-range"]`',
    "if_unmodified_since": "`request.check_preconditions(...)`",
    "is_json": '`request.content_type == "application/json"`',
    "is_secure": '`request.scheme == "https"`',
    "max_content_length": "`request.max_body_bytes`",
    "mimetype": "`request.content_type`",
    "mimetype_params": '`request.headers["content-type"]`',
    "on_json_loading_failed": "an error handler for `BadRequest`",
    "origin": '`request.headers["origin"]`',
    "params": "`request.query`, or `request.path_params` for the path",
    "path_info": "`request.path`",
    "pragma": '`request.headers["pragma"]`',
    "query_params": "`request.query`",
    "range": "`request.byte_ranges(...)`",
    "receive": "`await request.read()`, or a `BodyStream` parameter",
    "referrer": '`request.headers["referer"]`',
    "remote_addr": "`request.client[0]`",
    "remote_user": "`request.user`",
    "resolver_match": "`request.route`",
    "root_url": "`request.base_url`",
    "routing_exception": "an error handler for `NotFound` and `MethodNotAllowed`",
    "scope": "not there: every part of it is an attribute of the request",
    "script_root": "`request.root_path`",
    "send_push_promise": "`await request.send_informational(103, ...)`",
    "stream": "a parameter of type `BodyStream`",
    "url_charset": "always UTF-8",
    "url_root": "`request.base_url`",
    "url_rule": "`request.route.path`",
    "user_agent": '`request.headers["user-agent"]`',
    "values": "`request.query` and `request.form`, each by itself",
    "view_args": "`request.path_params`",
    "want_form_data_parsed": '`request.content_type == "multipart/form-data"`',
}

_RESPONSE = {
    "add_etag": "`response.etag = make_etag(content)`",
    "background": "`after_response(function, ...)`",
    "body_iterator": "`response.body`",
    "cache_control": "`response.cache(CacheControl(...))`",
    "calculate_content_length": "`len(response.body)`",
    "call_on_close": "`request.on_end(function)`",
    "charset": "always UTF-8; `response.media_type` says it",
    "close": "`await response.body.aclose()` of a stream",
    "content": "`response.body`",
    "content_encoding": '`response.headers["content-encoding"]`',
    "content_length": "`len(response.body)`; the server sends the field",
    "content_type": "`response.media_type`",
    "data": "`response.body`",
    "direct_passthrough": "`FileResponse` or `StreamResponse`",
    "expires": '`response.headers["expires"]`',
    "freeze": "not needed: a body of bytes can be sent as often as you like",
    "get_data": "`response.body`",
    "get_etag": "`response.etag`",
    "get_json": "the value before it was made a response",
    "has_header": "`name in response.headers`",
    "init_headers": "`response.headers`",
    "is_json": '`response.media_type == "application/json"`',
    "items": "`response.headers.items()`",
    "iter_encoded": "`async for piece in response.body` of a stream",
    "json": "`JSONResponse(value)`, or return the value",
    "last_modified": '`response.headers["last-modified"]`',
    "location": '`response.headers["location"]`',
    "make_conditional": "`ConditionalGet` in `use=[...]`, or `FileResponse`",
    "mimetype": "`response.media_type`",
    "raw_headers": "`response.headers.raw`",
    "reason_phrase": "`reason_phrase(response.status_code)`; nobody may choose it",
    "render": "not there: give the content to the class, or return it",
    "response": "`response.body`",
    "retry_after": '`response.headers["retry-after"]`',
    "set_data": "`response.body = ...`, in bytes",
    "set_etag": "`response.etag = ETag(...)`",
    "set_signed_cookie": "`request.session`",
    "status": "`response.status_code`",
    "stream": "`StreamResponse(iterable)`",
    "streaming": "`StreamResponse(iterable)`",
    "streaming_content": "`StreamResponse(iterable)`",
    "text": "`response.body`",
    "www_authenticate": '`response.headers["www-authenticate"]`',
}

_WEB_SOCKET = {
    "application_state": "not there: `receive` and `send` raise `Disconnect` when it is closed",
    "client_state": "not there: `receive` and `send` raise `Disconnect` when it is closed",
    "connected": "not there: `receive` and `send` raise `Disconnect` when it is closed",
    "iter_bytes": "`async for message in socket`",
    "iter_json": "`async for message in socket.messages(type)`, or `await socket.receive_json()`",
    "iter_text": "`async for message in socket`",
    "ping": "not needed: the server sends pings by itself",
    "query_params": "`socket.query`",
    "receive_str": "`await socket.receive_text()`",
    "recv": "`await socket.receive()`",
    "scope": "`socket.request`",
    "send_bytes": "`await socket.send(message)`, for `str` and `bytes` alike",
    "send_denial_response": "return another response, or raise, in a layer or hook",
    "send_str": "`await socket.send(message)`",
    "send_text": "`await socket.send(message)`",
}

_APP = {
    "add_api_route": "`app.add_route(...)`",
    "add_api_websocket_route": "`app.websocket(path)`",
    "add_event_handler": "`app.on_start(function)` or `app.on_stop(function)`",
    "add_exception_handler": "`app.errorhandler(...)`",
    "add_middleware": "`App(use=[...])`",
    "add_template_filter": "`app.template_filter`",
    "add_template_global": "`app.template_global`",
    "add_url_rule": "`app.add_route(...)`",
    "add_websocket_route": "`app.websocket(path)`",
    "after_serving": "`app.on_stop`",
    "api_route": "`app.route(...)`",
    "app_template_filter": "`app.template_filter`",
    "async_to_sync": "not needed: `def` and `async def` handlers stand side by side",
    "before_first_request": "`app.on_start`",
    "before_serving": "`app.on_start`",
    "blueprints": "`app.endpoints`",
    "config": "`app.settings`, and a `Settings` class of your own",
    "dependency_overrides": "`with app.override(Type, factory):`",
    "do_teardown_appcontext": "`app.teardown_request`",
    "ensure_sync": "not needed: `def` and `async def` handlers stand side by side",
    "error_handler_spec": "`app.errorhandler(...)`",
    "exception_handler": "`app.errorhandler(...)`",
    "exception_handlers": "`app.errorhandler(...)`",
    "include_router": "`app.register(blueprint, prefix=...)`",
    "jinja_env": "`app.template_filter` and `app.context_processor`",
    "logger": "`logging.getLogger(__name__)`",
    "make_response": "`Response(...)`, or return the value",
    "middleware": "`App(use=[...])`",
    "middleware_stack": "`App(use=[...])`",
    "on_event": "`app.on_start` or `app.on_stop`; `app.on` is for events",
    "open_resource": "`open` with a path of your own",
    "openapi": "`app.install(OpenAPI(...))` from `costrel.openapi`",
    "register_blueprint": "`app.register(blueprint, prefix=...)`",
    "register_error_handler": "`app.errorhandler(...)`",
    "router": "`app.endpoints`",
    "routes": "`app.endpoints`",
    "run": "`costrel dev app.py` or `costrel run app:app` in a shell",
    "secret_key": "`AppSettings(secret_key=...)`, or the variable `COSTREL_SECRET_KEY`",
    "send_static_file": "`FileResponse(path)`",
    "shell_context_processor": "not there",
    "static_folder": "the settings of the static files",
    "teardown_appcontext": "`app.teardown_request`",
    "test_cli_runner": "`click.testing.CliRunner` with `app.cli`",
    "url_map": "`app.endpoints`",
    "url_path_for": "`app.url_for(name, ...)`",
    "user_middleware": "`App(use=[...])`",
    "view_functions": "`app.endpoints`",
    "websocket_route": "`app.websocket(path)`",
    "wsgi_app": "the app itself: it is a WSGI and an ASGI application",
}

_FRONT_DOOR = {
    "APIRouter": "`costrel.Blueprint`",
    "AppSettings": "`costrel.app.AppSettings`",
    "AsyncTestClient": "`costrel.testing.AsyncTestClient`, or `app.async_test_client()`",
    "BackgroundTask": "`costrel.after_response(function, ...)`",
    "BackgroundTasks": "`costrel.after_response(function, ...)`",
    "BaseHTTPMiddleware": "a function, `async def layer(request, call_next)`, in `use=[layer]`",
    "Extension": "`costrel.app.Extension`",
    "FastAPI": "`costrel.App`",
    "Flask": "`costrel.App`",
    "Globals": "`costrel.app.Globals`",
    "HTTPException": "`costrel.HTTPError`",
    "Middleware": "`App(use=[layer])`",
    "Mount": "`app.mount(path, other_app)`",
    "Path": "not needed: a parameter with the name of one in the pattern is read from the path",
    "PlainTextResponse": "`costrel.TextResponse`",
    "Provider": "`costrel.app.Provider`",
    "Quart": "`costrel.App`",
    "RedirectResponse": "`costrel.redirect(location)`",
    "Responder": "`costrel.app.Responder`",
    "Route": "`@app.get(path)`, or `app.add_route(path, handler)`",
    "Router": "`costrel.Blueprint`",
    "Security": "`costrel.Depends`",
    "ServerSettings": "`costrel.server.ServerSettings`",
    "Starlette": "`costrel.App`",
    "State": "`costrel.app.State`",
    "StreamingResponse": "`costrel.StreamResponse`",
    "TestClient": "`costrel.testing.TestClient`, or `app.test_client()`",
    "WebSocketDisconnect": "`costrel.Disconnect`",
    "copy_current_request_context": "not needed: a request that has ended is not used any more",
    "jsonify": "not needed: return the `dict` or list, or a `JSONResponse`",
    "make_response": "`costrel.Response`, or `return value, status, headers`",
    "render_template": "`costrel.render`",
    "stream_with_context": "not needed: a generator has its request until it ends",
}

_TABLES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"App": _APP, "Request": _REQUEST, "Response": _RESPONSE, "WebSocket": _WEB_SOCKET, "costrel": _FRONT_DOOR}
)

_VARIABLES: Mapping[str, str] = MappingProxyType(
    {"App": "app", "Request": "request", "Response": "response", "WebSocket": "socket", "costrel": "costrel"}
)


def is_foreign_name(class_name: str, name: str) -> bool:
    """Whether another framework's object of this kind has an attribute that does not exist here."""
    return name in _TABLES.get(class_name, {})


def explain_foreign_name(class_name: str, name: str) -> str:
    """Say what to write instead of an attribute that does not exist.

    Args:
        class_name: ``App``, ``Request``, ``Response`` or ``WebSocket``, or ``costrel`` for what is imported from there;
            any other has no table.
        name: the attribute that was asked for.

    Returns:
        One sentence for an `AttributeError`.

    >>> explain_foreign_name("Request", "args")
    '`request.args` is `request.query` here.'
    """
    instead = _TABLES.get(class_name, {}).get(name)
    if instead is None:
        return f"'{class_name}' object has no attribute '{name}'"
    return f"`{_VARIABLES[class_name]}.{name}` is {instead} here."


class ForeignName:
    """An attribute that another framework's class of this name has; who asks for it is told what is here instead.

    Args:
        class_name: the key of the table.
        name: of the attribute.
    """

    __slots__ = ("_class_name", "_name")

    def __init__(self, class_name: str, name: str) -> None:
        self._class_name = class_name
        self._name = name

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise AttributeError(explain_foreign_name(self._class_name, self._name), name=self._name)


def with_foreign_names(class_: type[T]) -> type[T]:
    """Give a class an explaining attribute for each name of its table; `hasattr` and `dir` do not see them.

    Args:
        class_: a class with a table; a class decorator returns it.
    """
    attributes: dict[str, object] = {name: ForeignName(class_.__name__, name) for name in _TABLES[class_.__name__]}
    attributes["__dir__"] = _existing_names
    for name, value in attributes.items():
        setattr(class_, name, value)
    return class_


def _existing_names(instance: object) -> list[str]:
    cls = type(instance)
    return [name for name in object.__dir__(instance) if not isinstance(_found(cls, name), ForeignName)]


def _found(cls: type, name: str) -> object:
    return next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)

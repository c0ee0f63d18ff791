"""Where the value of one parameter comes from, and the reader that takes it from there.

The decisions of `planning` that need no plan: given a parameter, its function's role and the route, the source, the
name on the wire and the reader. Providers and the question of two bodies are in `planning`.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from datetime import date
from typing import Literal, Union, get_args, get_origin
from uuid import UUID

from costrel.errors import ConfigurationError
from costrel.handling import mistakes as texts
from costrel.handling.binding import (
    Reader,
    as_reader,
    guard_reader,
    read_form,
    read_list,
    read_model,
    read_path,
    read_scalar,
)
from costrel.handling.bodies import read_body, read_body_stream, read_raw_body
from costrel.handling.decoding import (
    body_decoder,
    form_decoder,
    is_body_type,
    is_form_type,
    is_list_of_scalars,
    is_scalar,
    list_decoder,
    model_decoder,
    scalar_decoder,
)
from costrel.handling.endpoint import RouteSpec
from costrel.handling.markers import (
    UNSET,
    BodyMarker,
    CookieMarker,
    FileMarker,
    FormMarker,
    HeaderMarker,
    QueryMarker,
    ValueMarker,
)
from costrel.handling.plan import Read
from costrel.handling.signature import Parameter, Signature, strip_annotated, strip_optional
from costrel.messages import BodyStream, Request, Response, State, UploadFile, WebSocket

__all__ = ["BODY_SOURCES", "Role", "find_given", "plan_read"]

Role = Literal["handler", "before", "after", "teardown", "provider"]
BODY_SOURCES = frozenset({"body", "stream"})

_CONVERTED = (int, float, UUID, date)
_MARKED: tuple[tuple[type[ValueMarker], str], ...] = (
    (QueryMarker, "query"),
    (HeaderMarker, "header"),
    (CookieMarker, "cookie"),
    (FormMarker, "form"),
    (FileMarker, "file"),
    (BodyMarker, "body"),
)
_SOCKET_NAMES = ("socket", "websocket", "ws")


def find_given(
    parameter: Parameter, signature: Signature, role: Role, is_websocket: bool, is_first: bool
) -> str | None:
    """Return the variable of what is there without being read: the request, the socket, the response, the failure.

    Raises:
        ConfigurationError: it is a value that does not exist in this place.
    """
    if parameter.is_rest:
        return None
    annotation = parameter.annotation
    name = parameter.name
    if annotation is UNSET:
        if name == "request":
            return "request"
        if is_websocket and role == "handler" and name in _SOCKET_NAMES:
            return "socket"
        if is_first and role == "after":
            return "response"
        return "failure" if is_first and role == "teardown" else None
    bare = strip_annotated(strip_optional(annotation))
    if not isinstance(bare, type):
        is_failure = role == "teardown" and _is_exception_union(bare)
        return "failure" if is_failure else None
    if issubclass(bare, Request):
        return "request"
    if issubclass(bare, WebSocket):
        if is_websocket and role == "handler":
            return "socket"
        raise ConfigurationError(texts.misplaced(signature, name, "a `WebSocket`", "handlers of WebSocket routes"))
    if issubclass(bare, Response):
        if role == "after":
            return "response"
        fix = "Take it away, and return the response:   return Response(…)   or   return value, status, headers"
        raise ConfigurationError(texts.misplaced(signature, name, "a `Response`", "hooks after the handler", fix))
    if issubclass(bare, BaseException):
        if role == "teardown":
            return "failure"
        raise ConfigurationError(texts.misplaced(signature, name, "an exception", "teardown hooks and error handlers"))
    return None


def plan_read(parameter: Parameter, signature: Signature, spec: RouteSpec) -> Read:
    """Decide the source of a parameter and make its reader.

    Raises:
        ConfigurationError: it cannot be read; its mistake may have no place yet.
    """
    source, name = _source_of(parameter, signature, spec)
    marker = parameter.marker if isinstance(parameter.marker, ValueMarker) else None
    if source == "given":
        return Read("", source, name, parameter, as_reader(_given_reader(parameter, signature)))
    if source == "path":
        return _plan_path(parameter, name, marker, spec)
    if source == "stream":
        return Read("", source, name, parameter, read_body_stream(parameter.name))
    action = spec.on_fail.get(source, "reject")
    unique_keys = isinstance(marker, BodyMarker) and marker.unique_keys

    def make() -> Reader:
        return guard_reader(_reader_of(parameter, source, name, spec, unique_keys), source, parameter.default, action)

    reader = spec.shared.once(
        make,
        "reader",
        source,
        name,
        parameter.annotation,
        parameter.default,
        action,
        unique_keys,
        spec.settings,
        spec.body_parsers,
    )
    return Read("", source, name, parameter, reader, can_fail=True, marker=marker)


def _source_of(parameter: Parameter, signature: Signature, spec: RouteSpec) -> tuple[str, str]:
    """Return the source and the name on the wire."""
    name, annotation, marker = parameter.name, parameter.annotation, parameter.marker
    if isinstance(marker, ValueMarker):
        source = next(source for kind, source in _MARKED if isinstance(marker, kind))
        wire_name = name.replace("_", "-") if source == "header" else name
        return source, marker.alias or wire_name
    if parameter.is_rest:
        return "given", name
    in_path = name in spec.path_parameters
    if annotation is UNSET:
        if in_path:
            return "path", name
        if parameter.default is not UNSET:
            return "given", name
        raise ConfigurationError(texts.unreadable_parameter(signature, name, annotation, has_annotation=False))
    if in_path:
        if is_scalar(annotation) or name in spec.custom_path_parameters:
            return "path", name
        raise ConfigurationError(texts.unknown_path_parameter(signature, name, spec.path_parameters))
    bare = strip_annotated(strip_optional(annotation))
    if isinstance(bare, type) and issubclass(bare, State):
        return "given", name
    if bare is BodyStream:
        return "stream", name
    if _is_file(bare):
        return "file", name
    if is_scalar(annotation) or is_list_of_scalars(annotation):
        return "query", name
    if is_body_type(annotation):
        return "body", name
    if parameter.default is not UNSET:
        return "given", name
    raise ConfigurationError(texts.unreadable_parameter(signature, name, annotation, has_annotation=True))


def _given_reader(parameter: Parameter, signature: Signature) -> Callable[[Request], object]:
    """Make the reader of what needs no request: a default, the state, the rest of the path parameters."""
    if parameter.is_rest:
        bound = {other.name for other in signature.parameters}
        return lambda request: {name: value for name, value in request.path_params.items() if name not in bound}
    bare = strip_annotated(strip_optional(parameter.annotation))
    if isinstance(bare, type) and issubclass(bare, State):
        return lambda request: request.state
    default = parameter.default
    return lambda request: default


def _plan_path(parameter: Parameter, name: str, marker: ValueMarker | None, spec: RouteSpec) -> Read:
    annotation, default = parameter.annotation, parameter.default
    # What a converter of the application has made is what it says; there is nothing to decode.
    is_text = annotation is UNSET or annotation is str or name in spec.custom_path_parameters
    if default is UNSET and is_text:
        return Read("", "path", name, parameter, None, marker=marker)
    if is_text:
        return Read(
            "",
            "path",
            name,
            parameter,
            as_reader(lambda request: request.path_params.get(name, default)),
            marker=marker,
        )
    plain = strip_annotated(annotation)
    is_plain = annotation is plain
    exact = plain if is_plain and default is UNSET and isinstance(plain, type) and plain in _CONVERTED else None
    reader = spec.shared.once(lambda: _path_reader(name, annotation, default), "path", name, annotation, default)
    return Read("", "path", name, parameter, reader, can_fail=exact is None, exact_type=exact, marker=marker)


def _path_reader(name: str, annotation: object, default: object) -> Reader:
    decode = scalar_decoder(annotation, "path", name)
    plain = strip_annotated(annotation)
    is_plain = annotation is plain

    def convert(value: object) -> object:
        # What a converter has made is checked for the constraints as its text would be.
        return value if is_plain else decode(_text_of(value))

    return read_path(name, decode, convert, default, is_404=strip_optional(plain) in _CONVERTED)


def _text_of(value: object) -> str:
    isoformat = getattr(value, "isoformat", None)
    return str(isoformat()) if isoformat is not None else str(value)


def _reader_of(parameter: Parameter, source: str, name: str, spec: RouteSpec, unique_keys: bool) -> Reader:
    annotation, default = parameter.annotation, parameter.default
    if annotation is UNSET:
        annotation = str
    bare = strip_annotated(strip_optional(annotation))
    if source == "body":
        if bare in (bytes, str):
            return read_raw_body(bare is str, default)
        decoder = body_decoder(annotation, max_json_depth=spec.settings.max_json_depth, unique_keys=unique_keys)
        fields = form_decoder(annotation, spec.settings) if is_form_type(annotation) else None
        return read_body(annotation, decoder, fields, spec.body_parsers, default)
    if source == "file" or _is_file(bare):
        if get_origin(bare) in (list, tuple):
            return read_list("file", name, None, default)
        return read_scalar("file", name, None, default)
    if is_scalar(annotation):
        return read_scalar(
            source, name, None if annotation is str else scalar_decoder(annotation, source, name), default
        )
    if source != "cookie" and is_list_of_scalars(annotation):
        return read_list(source, name, list_decoder(annotation, source, name), default)
    if source == "form":
        return read_form(form_decoder(annotation, spec.settings).decode)
    return read_model(source, model_decoder(annotation, source).decode)


def _is_file(bare: object) -> bool:
    origin = get_origin(bare)
    if origin in (list, tuple):
        return any(_is_file(strip_annotated(item)) for item in get_args(bare))
    return isinstance(bare, type) and issubclass(bare, UploadFile)


def _is_exception_union(bare: object) -> bool:
    if get_origin(bare) not in (Union, types.UnionType):
        return False
    return all(isinstance(item, type) and issubclass(item, BaseException | types.NoneType) for item in get_args(bare))

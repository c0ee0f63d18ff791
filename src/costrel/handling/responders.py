"""A value to a response by the class of the value: what happens when a handler has no return annotation.

The first object of a class is looked up along its ancestors, once; from then on a dict leads straight to the function
that makes the response. A responder that the application has registered for a class, or for an ancestor, comes before
the rules built in for the same class.

`returning` decides by the annotation where there is one, and comes here for the rest.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import logging
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from costrel.handling.return_mistakes import no_response_value, unencodable
from costrel.handling.type_shapes import is_attrs_class, is_named_tuple, is_pydantic_class
from costrel.http import Headers
from costrel.messages import Response, StreamResponse

__all__ = ["JSON", "Make", "ReturnOptions", "ValueResponders", "apply_responder", "encode", "find_responder"]

Make = Callable[[Any], Response]  # each takes the values of its own type
"""Makes a response of a value."""

JSON = "application/json"

logger: logging.Logger = logging.getLogger("costrel.handling")

_MAX_KNOWN_CLASSES = 1024


@dataclass(frozen=True, slots=True)
class ReturnOptions:
    """How the values of one handler become responses.

    Args:
        status_code: the route's status; `None` is 200, and 204 for nothing.
        text_as: what a `str` is.
        media_type: the route's media type; `None` follows from the value.
        responders: class -> what makes a response of its objects.
        debug: whether returned values are checked completely.
        where: the handler and its line, for messages.
    """

    status_code: int | None = None
    text_as: Literal["html", "json"] = "html"
    media_type: str | None = None
    responders: Mapping[type, Make] = field(default_factory=dict)
    debug: bool = False
    where: str = ""

    @property
    def is_text_json(self) -> bool:
        """Whether a `str` is JSON: where the app says so, unless the route names a media type that is not."""
        media_type = self.media_type
        return self.text_as == "json" and (media_type is None or media_type.partition(";")[0].endswith("json"))


def encode_hook(value: Any) -> Any:
    """Encode what msgspec does not know: pydantic models by their own rules, subclasses of plain types as these.

    Raises:
        TypeError: it has no form in JSON.
    """
    if is_pydantic_class(type(value)):
        return msgspec.Raw(type(value).__pydantic_serializer__.to_json(value))
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int | float):
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, collections.abc.Mapping):
        return dict(value)
    raise TypeError(f"An object of type `{type(value).__name__}` has no form in JSON")


encode: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=encode_hook).encode
"""Encodes a value of any class as JSON."""


def find_responder(type_: type, responders: Mapping[type, Make]) -> Make | None:
    """Find the responder for objects of a class.

    The nearest ancestor counts; one with a built-in rule of its own ends the search, so that a responder for `object`
    serves only what would otherwise be refused.
    """
    for ancestor in type_.__mro__:
        if ancestor in responders and ancestor is not object:
            return responders[ancestor]
        if ancestor in _RULES:
            return None
    return responders.get(object) if not _rule_name(type_) else None


def apply_responder(make: Make, status_code: int | None) -> Make:
    """Give what a responder makes the route's status, unless it has chosen one itself."""
    if status_code is None:
        return make

    def make_with_status(value: Any) -> Response:
        response = make(value)
        if response.status_code == 200:
            response = response.copy()
            response.status_code = status_code
        return response

    return make_with_status


class ValueResponders:
    """Makes responses of values of any class, for one handler.

    Args:
        options: how.
    """

    __slots__ = ("_by_class", "_has_warned", "_options")

    def __init__(self, options: ReturnOptions) -> None:
        self._options = options
        self._by_class: dict[type, Make] = {}
        self._has_warned = False

    def make(self, value: Any) -> Response:
        """Make a response of a value.

        Raises:
            ProgrammerError: COS-HANDLER-205, it is no response; COS-HANDLER-209, it cannot be encoded.
        """
        make = self._by_class.get(type(value))
        if make is None:
            make = self._choose(type(value))
            if len(self._by_class) < _MAX_KNOWN_CLASSES:
                self._by_class[type(value)] = make
        return make(value)

    def _choose(self, type_: type) -> Make:
        options = self._options
        if issubclass(type_, Response):
            return _itself
        responder = find_responder(type_, options.responders)
        if responder is not None:
            return apply_responder(responder, options.status_code)
        makers: dict[str, Make] = {
            "text": self.make_json if options.is_text_json else self.make_text,
            "bytes": self.make_bytes,
            "json": self.make_json,
            "stream": self.make_stream,
            "tuple": self._make_tuple,
            "none": self.make_nothing,
        }
        return makers.get(_rule_name(type_), self._refuse)

    def make_text(self, value: Any) -> Response:
        """Make a page, or text of the route's media type."""
        options = self._options
        return Response(value, options.status_code or 200, None, options.media_type)

    def make_bytes(self, value: Any) -> Response:
        """Make a response of bytes, ``application/octet-stream`` unless the route says otherwise."""
        options = self._options
        return Response(
            bytes(value), options.status_code or 200, None, options.media_type or "application/octet-stream"
        )

    def make_json(self, value: Any) -> Response:
        """Make a response of a value as JSON."""
        options = self._options
        try:
            content = encode(value)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise unencodable(value, options.where, error) from error
        return Response(content, options.status_code or 200, None, options.media_type or JSON)

    def make_stream(self, value: Any) -> Response:
        """Make a response that is pulled from an iterator while it is sent."""
        options = self._options
        return StreamResponse(value, options.status_code or 200, None, options.media_type)

    def make_nothing(self, value: None) -> Response:
        """Make an empty response; without a status of the route it is 204, and the handler is named once in the log."""
        status_code = self._options.status_code
        if status_code is None and not self._has_warned:
            self._has_warned = True
            logger.warning(
                "returned_none handler=%r fix='declare `-> None` if an empty 204 is meant'", self._options.where
            )
        return Response(None, status_code or 204)

    def _make_tuple(self, value: tuple[Any, ...]) -> Response:
        """Make a response of ``(value, status)``, ``(value, headers)`` or ``(value, status, headers)``."""
        content, status_code, headers = _split_tuple(value)
        if content is value or type(content) is tuple:
            raise no_response_value(value, self._options.where)
        response = Response(None, 204) if content is None else self.make(content)
        if status_code is not None or headers is not None:
            response = response.copy()
        if status_code is not None:
            response.status_code = status_code
        if headers is not None:
            _add_headers(response, headers)
        return response

    def _refuse(self, value: Any) -> Response:
        raise no_response_value(value, self._options.where)


def _itself(value: Response) -> Response:
    return value


def _split_tuple(value: tuple[Any, ...]) -> tuple[Any, int | None, Any]:
    """Take a tuple apart; the content is the tuple itself when it is none of the forms."""
    if len(value) == 2:
        content, second = value
        if _is_status(second):
            return content, int(second), None
        if _is_headers(second):
            return content, None, second
    elif len(value) == 3:
        content, status_code, headers = value
        if _is_status(status_code) and (headers is None or _is_headers(headers)):
            return content, int(status_code), headers
    return value, None, None


def _is_status(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599


def _is_headers(value: object) -> bool:
    """Whether a value is header fields: a mapping, or a list of pairs."""
    if isinstance(value, collections.abc.Mapping):
        return True
    return isinstance(value, list) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value)


def _add_headers(response: Response, headers: Any) -> None:
    """Set header fields; a name that a list has twice is sent twice, and cookies set before stay."""
    fields = Headers(headers)
    names = {name for name, _ in fields.raw} - {b"set-cookie"}
    kept = Headers.from_raw([line for line in response.headers.raw if line[0] not in names])
    response.headers.clear()
    response.headers.extend(kept)
    response.headers.extend(fields)


_RULES: Mapping[type, str] = {
    str: "text",
    bytes: "bytes",
    bytearray: "bytes",
    memoryview: "bytes",
    dict: "json",
    list: "json",
    set: "json",
    frozenset: "json",
    msgspec.Struct: "json",
    tuple: "tuple",
    type(None): "none",
    types.GeneratorType: "stream",
    types.AsyncGeneratorType: "stream",
}


def _rule_name(type_: type) -> str:
    """Name the built-in rule for objects of a class; empty when there is none."""
    if is_named_tuple(type_) or dataclasses.is_dataclass(type_) or is_attrs_class(type_) or is_pydantic_class(type_):
        return "json"
    for ancestor in type_.__mro__:
        if ancestor in _RULES:
            return _RULES[ancestor]
    return "stream" if hasattr(type_, "__next__") or hasattr(type_, "__anext__") or hasattr(type_, "__aiter__") else ""

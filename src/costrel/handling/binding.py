"""Reading one value of a request: closures that the plan makes at build and the generated code calls.

Each is ``read(request, errors) -> value``: a value that is wrong or missing adds an entry to `errors` and the answer
is one 422 with all of them. What a source that is allowed to fail does instead is `FailureAction`. Bodies are in
`bodies`; how text becomes a value is in `decoding`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, TypeAlias

from costrel.errors import NotFound, ValidationFailed
from costrel.handling.decoding import ScalarRejected
from costrel.handling.endpoint import FailureAction
from costrel.handling.markers import UNSET
from costrel.messages import Request

__all__ = [
    "MISSING",
    "Errors",
    "Reader",
    "as_reader",
    "guard_reader",
    "read_form",
    "read_list",
    "read_model",
    "read_path",
    "read_scalar",
]

logger: logging.Logger = logging.getLogger("costrel.binding")

Errors: TypeAlias = list[Mapping[str, str]]
Reader: TypeAlias = Callable[[Request, Errors], Any]

MISSING = "A value is required here."

_SECTIONS: Mapping[str, Callable[[Request], Any]] = {
    "query": lambda request: request.query,
    "header": lambda request: request.headers,
    "cookie": lambda request: request.cookies,
    "form": lambda request: request.form,
    "file": lambda request: request.files,
}


def read_scalar(source: str, name: str, decode: Callable[[str], object] | None, default: object) -> Reader:
    """Make the reader of a single value; `decode` is `None` for what needs none."""
    section = _SECTIONS[source]
    is_query = source == "query"

    def read(request: Request, errors: Errors) -> object:
        # An empty query string is not parsed to find nothing in it.
        value = None if is_query and not request.query_string else section(request).get(name)
        if value is None:
            if default is UNSET:
                errors.append({"in": source, "at": name, "message": MISSING})
            return default
        if decode is None:
            return value
        try:
            return decode(value)
        except ScalarRejected as rejected:
            errors.append({"in": source, "at": name, "message": str(rejected)})
            return default

    return read


def read_list(source: str, name: str, decode: Callable[[list[str]], object] | None, default: object) -> Reader:
    """Make the reader of all values of one name; none at all is the default, or an empty list is refused."""
    section = _SECTIONS[source]

    def read(request: Request, errors: Errors) -> object:
        values = section(request).getlist(name)
        if not values:
            if default is UNSET:
                errors.append({"in": source, "at": name, "message": MISSING})
            return copy(default)
        if decode is None:
            return values
        try:
            return decode(values)
        except ScalarRejected as rejected:
            errors.extend(
                {"in": source, "at": f"{name}{place}", "message": message} for place, message in rejected.errors
            )
            return default

    return read


def read_model(source: str, decode: Callable[[Any], object]) -> Reader:
    """Make the reader of a type that is filled from a whole section."""
    section = _SECTIONS[source]

    def read(request: Request, errors: Errors) -> object:
        try:
            return decode(section(request))
        except ValidationFailed as failed:
            errors.extend(failed.errors)
            return None

    return read


def read_form(decode: Callable[[Any, Any], object]) -> Reader:
    """Make the reader of a type that is filled from all fields and files of a form."""

    def read(request: Request, errors: Errors) -> object:
        try:
            return decode(request.form, request.files)
        except ValidationFailed as failed:
            errors.extend(failed.errors)
            return None

    return read


def read_path(
    name: str, decode: Callable[[str], object], convert: Callable[[object], object], default: object, is_404: bool
) -> Reader:
    """Make the reader of a path parameter that is no plain text.

    Args:
        name: its name in the pattern.
        decode: reads the text, when the pattern has no converter for it.
        convert: checks what a converter has made.
        default: for a parameter that the path may leave out.
        is_404: whether a text of another form means that there is no such resource.
    """

    def read(request: Request, errors: Errors) -> object:
        value = request.path_params.get(name, UNSET)
        if value is UNSET:
            if default is UNSET:
                raise NotFound
            return default
        try:
            return decode(value) if isinstance(value, str) else convert(value)
        except ScalarRejected as rejected:
            if is_404 and isinstance(value, str):
                raise NotFound from None
            errors.append({"in": "path", "at": name, "message": str(rejected)})
            return default

    return read


def guard_reader(read: Reader, source: str, default: object, action: FailureAction) -> Reader:
    """Make a reader that lets a wrong value pass as its default, or as `None`, and logs it when asked to."""
    if action == "reject":
        return read
    fallback = None if default is UNSET else default

    def read_leniently(request: Request, errors: Errors) -> object:
        own: Errors = []
        value = read(request, own)
        if not own:
            return value
        if action == "log":
            for error in own:
                logger.warning(
                    "value_rejected path=%r in=%s at=%s message=%r",
                    request.path[:200],
                    source,
                    error["at"],
                    error["message"],
                )
        return fallback

    return read_leniently


def as_reader(read: Callable[[Request], object]) -> Reader:
    """Make a reader of what cannot be wrong."""
    return lambda request, errors: read(request)

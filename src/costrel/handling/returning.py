"""The value of a handler to a response, decided by its return annotation while the app is built.

``-> None`` is an empty 204, ``-> str`` a page (or JSON with ``text_as="json"``), ``-> bytes`` an octet stream, an
iterator streams, a class with a responder becomes what that makes, and everything else is JSON of the declared type:
an object of the class itself is encoded as it is, anything else is first narrowed to what is declared. A union with
`None` is JSON ``null``, and a `Response` is always taken as it is. Without an annotation `responders` decides by the
class of the value.
"""

from __future__ import annotations

import collections.abc
import enum
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Never, NoReturn, TypeVar, get_args, get_origin

from costrel.handling.constraints import list_type, union_type
from costrel.handling.declared_makers import (
    empty_maker,
    first_fit_maker,
    is_anything,
    is_bytes,
    is_stream,
    is_text,
    json_maker,
    response_only_maker,
    value_maker,
)
from costrel.handling.error_collector import ErrorCollector
from costrel.handling.output_filter import Check
from costrel.handling.pydantic_types import adapter_of, contains_pydantic
from costrel.handling.responders import JSON, Make, ReturnOptions, ValueResponders, apply_responder, find_responder
from costrel.handling.return_mistakes import content_without_body, no_response_type
from costrel.handling.sharing import Shared
from costrel.handling.type_shapes import NONE_TYPE, bare_type, is_pydantic_class, objects_as_any, union_members
from costrel.messages import Response

__all__ = ["UNANNOTATED", "ResponseMaker", "response_maker"]

UNANNOTATED: object = inspect.Signature.empty
"""Stands for the annotation of a handler that has none."""

_HTML = "text/html; charset=utf-8"
_OCTET_STREAM = "application/octet-stream"

_BYTES = (bytes, bytearray, memoryview)
_ITERATORS = (
    collections.abc.AsyncGenerator,
    collections.abc.AsyncIterable,
    collections.abc.AsyncIterator,
    collections.abc.Generator,
    collections.abc.Iterator,
)
_PLAIN = (dict, list, set, frozenset, int, float)
_AWAITABLES = (collections.abc.Awaitable, collections.abc.Coroutine)
_BY_VALUE = (UNANNOTATED, Any, object, Never, NoReturn)


@dataclass(frozen=True, slots=True)
class ResponseMaker:
    """How the values of one handler become responses, and what is known of them beforehand.

    Args:
        make: makes a response of a value; it raises `ProgrammerError` for one that is none.
        type_: what the handler is declared to return, `None` when it has no annotation.
        status_code: of a value that does not choose one itself.
        media_type: of the same, `None` when only the value tells.
    """

    make: Make
    type_: object
    status_code: int
    media_type: str | None


@dataclass(frozen=True, slots=True)
class _Way:
    """One way from values to responses: which values take it, and what they become."""

    is_value: Check
    make: Make
    media_type: str | None


def response_maker(
    annotation: object = UNANNOTATED,
    *,
    status_code: int | None = None,
    text_as: Literal["html", "json"] = "html",
    media_type: str | None = None,
    responders: Mapping[type, Make] | None = None,
    debug: bool = False,
    where: str = "",
    shared: Shared | None = None,
) -> ResponseMaker:
    """Decide how the values of a handler become responses, once, while the app is built.

    Args:
        annotation: the evaluated return annotation; `UNANNOTATED`, which is `inspect.Signature.empty`, for none.
        status_code: the route's status; `None` is 200, and 204 for nothing.
        text_as: whether a `str` is a page or JSON.
        media_type: the route's media type; `None` follows from the value.
        responders: class -> what makes a response of its objects; the nearest ancestor counts.
        debug: whether every value is checked completely against the annotation, and a forgotten ``return`` is an error.
        where: the handler and its line, for messages.
        shared: what the handlers of a build have in common; `None` is nothing.

    Raises:
        ConfigurationError: COS-HANDLER-204, of such a type no response can be made; COS-HANDLER-208, the status
            allows no content.
    """
    options = ReturnOptions(status_code, text_as, media_type, responders or {}, debug, where)
    if get_origin(bare_type(annotation)) in _AWAITABLES:
        annotation = get_args(bare_type(annotation))[-1]
    annotation = objects_as_any(annotation)
    by_value = ValueResponders(options)
    members = [member for member in union_members(annotation) if not _is_response_class(member)]
    if any(map(_is_by_value, members)):
        declared = None if annotation is UNANNOTATED else annotation
        return ResponseMaker(by_value.make, declared, status_code or 200, media_type)
    if not members:
        return ResponseMaker(response_only_maker(annotation, options, by_value), annotation, status_code or 200, None)
    if [bare_type(member) for member in members] == [NONE_TYPE]:
        return ResponseMaker(empty_maker(annotation, options), annotation, status_code or 204, None)
    if status_code is not None and (status_code < 200 or status_code in (204, 205, 304)):
        raise content_without_body(annotation, status_code, where)
    ways = _find_ways(members, annotation, options, by_value, shared)
    make = ways[0].make if len(ways) == 1 else first_fit_maker([(way.is_value, way.make) for way in ways])
    media_types = {way.media_type for way in ways}
    return ResponseMaker(
        make, annotation, status_code or 200, media_types.pop() if len(media_types) == 1 else media_type
    )


def _find_ways(
    members: list[object],
    annotation: object,
    options: ReturnOptions,
    by_value: ValueResponders,
    shared: Shared | None,
) -> list[_Way]:
    """Split the members of a return annotation into those with a way of their own and those that are JSON together."""
    ways: list[_Way] = []
    data: list[object] = []
    for member in members:
        way = _way_of(member, annotation, options, by_value)
        if way is not None:
            ways.append(way)
        else:
            data.append(_as_list(member))
    if data:
        declared = union_type(data)
        _check_encodable(declared, annotation, options)
        ways.append(_Way(is_anything, json_maker(declared, options, by_value, shared), options.media_type or JSON))
    return ways


def _way_of(member: object, annotation: object, options: ReturnOptions, by_value: ValueResponders) -> _Way | None:
    """Return the way of values of one type, `None` when they are JSON."""
    bare = bare_type(member)
    class_ = get_origin(bare) or bare
    responder = find_responder(class_, options.responders) if isinstance(class_, type) else None
    if responder is not None:
        is_value, make, media_type = _instance_check(class_), apply_responder(responder, options.status_code), None
    elif _is_text(bare) and not options.is_text_json:
        is_value, make, media_type = is_text, by_value.make_text, _HTML
    elif class_ in _BYTES:
        is_value, make, media_type = is_bytes, by_value.make_bytes, _OCTET_STREAM
    elif class_ in _ITERATORS or (class_ is collections.abc.Iterable and _yields_text(bare)):
        if not _yields_text(bare):
            why = "A stream yields `str` or `bytes`; encode each item before its `yield`."
            raise no_response_type(annotation, options.where, why)
        is_value, make, media_type = is_stream, by_value.make_stream, None
    else:
        return None
    maker = value_maker(is_value, make, annotation, options, by_value)
    return _Way(is_value, maker, options.media_type or media_type)


def _is_by_value(annotation: object) -> bool:
    bare = bare_type(annotation)
    return isinstance(bare, TypeVar) or any(bare is known for known in _BY_VALUE)


def _is_response_class(annotation: object) -> bool:
    bare = bare_type(annotation)
    return isinstance(bare, type) and issubclass(bare, Response)


def _is_text(bare: object) -> bool:
    """Whether a type is text: `str` and its subclasses, and a `Literal` of texts; an enum is data."""
    if get_origin(bare) is Literal:
        return all(isinstance(value, str) for value in get_args(bare))
    return isinstance(bare, type) and issubclass(bare, str) and not issubclass(bare, enum.Enum)


def _yields_text(bare: object) -> bool:
    """Whether what an iterator type yields can be sent: text or bytes, or the type does not say."""
    arguments = get_args(bare)
    if not arguments or _is_by_value(arguments[0]):
        return True
    members = [bare_type(member) for member in union_members(arguments[0])]
    return all(_is_text(member) or member in _BYTES for member in members)


def _as_list(member: object) -> object:
    """Read ``Iterable[Item]`` of data as the list it is sent as."""
    bare = bare_type(member)
    return list_type(get_args(bare)[0]) if get_origin(bare) is collections.abc.Iterable else member


def _instance_check(class_: Any) -> Check:
    return lambda value: isinstance(value, class_)


def _check_encodable(declared: object, annotation: object, options: ReturnOptions) -> None:
    """Refuse a type that has no form in JSON, while the app is built.

    Raises:
        ConfigurationError: COS-HANDLER-204.
    """
    if _is_plain_container(declared):
        return
    if contains_pydantic(declared):
        try:
            adapter_of(declared)
        except Exception as error:  # pydantic has a family of its own for types it cannot build
            raise no_response_type(annotation, options.where, f"pydantic says: {error}") from error
        return
    try:
        foreign = _foreign_classes(declared)
    except NameError as error:
        why = f"One of its annotations names `{error.name}`, which does not exist in its module at run time."
        raise no_response_type(annotation, options.where, why) from error
    except TypeError as error:
        raise no_response_type(annotation, options.where, f"{error}.") from error
    for class_ in foreign:
        if not is_pydantic_class(class_) and not _is_plain_container(class_):
            why = f"It contains `{class_.__name__}`, which has no form in JSON." if class_ is not declared else ""
            raise no_response_type(annotation, options.where, why)


def _foreign_classes(declared: object) -> tuple[type, ...]:
    """Find the classes without a form in JSON; in a union that can only be encoded, member by member.

    Raises:
        TypeError: it is no type.
        NameError: an annotation of a class names something that does not exist.
    """
    try:
        return ErrorCollector(declared).foreign_classes
    except TypeError:
        members = get_args(bare_type(declared))
        if not members:
            raise
        return tuple(class_ for member in members for class_ in _foreign_classes(member))


def _is_plain_container(declared: object) -> bool:
    """Whether a type is a subclass of a plain one, for example `collections.OrderedDict`."""
    class_ = get_origin(declared) or declared
    return isinstance(class_, type) and class_ not in _PLAIN and issubclass(class_, _PLAIN)

"""What a handler returned, made what it has declared: nothing undeclared leaves, nothing right is checked twice.

An object of the declared class is believed; that is one comparison of types. Anything else, for example a dict, a row
of a database or an object of a subclass with more fields, is converted to the declared type first, and what the type
does not name stays behind. In debug mode what was encoded is decoded again as the declared type, so that a wrong value
is found where it was made.
"""

from __future__ import annotations

import collections.abc
import enum
from collections.abc import Callable
from operator import countOf
from typing import Any, Literal, get_args, get_origin, is_typeddict

import msgspec

from costrel.errors import BadRequest, ConfigurationError, ValidationFailed
from costrel.handling.decoding import body_decoder
from costrel.handling.pydantic_types import adapter_of, contains_pydantic, decode_member
from costrel.handling.type_shapes import (
    NONE_TYPE,
    bare_type,
    is_named_tuple,
    is_object_class,
    is_scalar,
    is_union,
    union_members,
)
from costrel.messages import DEFAULT_LIMITS

__all__ = ["Check", "declared_check", "narrow_to", "output_verifier"]

Check = Callable[[Any], bool]
"""Whether a value can be encoded as it is."""

_ITEM_CONTAINERS = {
    list: list,
    set: set,
    frozenset: frozenset,
    collections.abc.Sequence: (list, tuple),
    collections.abc.MutableSequence: list,
    collections.abc.Collection: (list, tuple, set, frozenset),
    collections.abc.Set: (set, frozenset),
    collections.abc.MutableSet: set,
}
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


def declared_check(annotation: object) -> Check | None:
    """Make the function that tells whether a value needs no narrowing; `None` when no value does.

    The cost for a list of a thousand objects is one pass of C over their types.
    """
    if _allows_anything(annotation):
        return None
    types = _exact_types(annotation)
    if types is not None:
        return _check_types(types)
    bare = bare_type(annotation)
    if is_union(bare):
        checks = [declared_check(member) for member in union_members(bare)]
        return _check_any([check for check in checks if check is not None]) if None not in checks else None
    origin = get_origin(bare) or bare
    arguments = get_args(bare)
    if origin is tuple:
        return _check_tuple(arguments)
    if origin in _ITEM_CONTAINERS:
        return _check_items(_ITEM_CONTAINERS[origin], arguments[0] if arguments else Any, _itself)
    if origin in _MAPPINGS:
        return _check_items(dict, arguments[1] if arguments else Any, dict.values)
    # A subclass of a builtin container is sent as it is; msgspec converts nothing to it.
    is_container = isinstance(origin, type) and issubclass(origin, dict | list | set | frozenset)
    return _instance_check(origin) if is_container and not is_typeddict(origin) else _check_nothing


def _allows_anything(annotation: object) -> bool:
    return bare_type(annotation) in (Any, object)


def _exact_types(annotation: object) -> frozenset[type] | None:
    """Return the classes whose objects are believed, or `None` where a class alone does not tell."""
    bare = bare_type(annotation)
    if is_union(bare):
        members = [_exact_types(member) for member in union_members(bare)]
        known = [member for member in members if member is not None]
        return frozenset().union(*known) if len(known) == len(members) else None
    if get_origin(bare) is Literal:
        return frozenset(type(value) for value in get_args(bare))
    origin = get_origin(bare) or bare
    if not isinstance(origin, type):
        return None
    if origin is float:
        return frozenset({float, int})
    if origin is NONE_TYPE or is_scalar(origin) or is_named_tuple(origin) or issubclass(origin, enum.Enum):
        return frozenset({origin})
    # A TypedDict is a dict, and every dict has its class.
    return frozenset({origin}) if is_object_class(origin) and not is_typeddict(origin) else None


def _check_types(types: frozenset[type]) -> Check:
    if len(types) == 1:
        (only,) = types
        return lambda value: type(value) is only
    return lambda value: type(value) in types


def _check_any(checks: list[Check]) -> Check:
    return lambda value: any(check(value) for check in checks)


def _instance_check(class_: Any) -> Check:
    return lambda value: isinstance(value, class_)


def _check_nothing(value: Any) -> bool:
    return False


def _itself(value: Any) -> Any:
    return value


def _check_items(container: Any, item: object, items_of: Callable[[Any], Any]) -> Check:
    """Check the class of a container, then its items."""
    if _allows_anything(item):
        return lambda value: isinstance(value, container)
    types = _exact_types(item)
    if types is not None and len(types) == 1:
        (only,) = types
        # PERF: counted in C, saves 3 ns an item against a set of the types (benchmarks/returning.py::item_check, 3.11)
        return lambda value: isinstance(value, container) and countOf(map(type, items_of(value)), only) == len(value)
    if types is not None:
        return lambda value: isinstance(value, container) and types.issuperset(map(type, items_of(value)))
    check = declared_check(item)
    if check is None:
        return lambda value: isinstance(value, container)
    return lambda value: isinstance(value, container) and all(map(check, items_of(value)))


def _check_tuple(items: tuple[object, ...]) -> Check:
    if not items:
        return lambda value: isinstance(value, tuple)
    if len(items) == 2 and items[1] is Ellipsis:
        return _check_items(tuple, items[0], _itself)
    checks = [declared_check(item) or _allow for item in items]
    return lambda value: (
        isinstance(value, tuple)
        and len(value) == len(checks)
        and all(check(item) for check, item in zip(checks, value, strict=True))
    )


def _allow(value: Any) -> bool:
    return True


def narrow_to(annotation: object) -> Callable[[Any], Any] | None:
    """Make the function that converts a value to the declared type and leaves behind what that does not name.

    Returns:
        A function that raises `ValueError` (msgspec's or pydantic's error of validation) when the value does not fit;
        `None` when the type is one that nothing can be converted to.
    """
    if contains_pydantic(annotation):
        adapter = adapter_of(annotation)
        return lambda value: adapter.validate_python(value, from_attributes=True)
    try:
        msgspec.json.Decoder(annotation, dec_hook=decode_member)
    except (TypeError, NameError):
        return None
    return lambda value: msgspec.convert(value, annotation, from_attributes=True, dec_hook=decode_member)


def output_verifier(annotation: object) -> Callable[[bytes], str] | None:
    """Make the function that finds what is wrong with encoded output, for debug mode.

    Returns:
        A function that returns the errors, one a line, and an empty text for none; `None` when the type can be
        encoded and not decoded, so that there is nothing to compare with.
    """
    try:
        decoder = body_decoder(annotation, max_json_depth=DEFAULT_LIMITS.max_json_depth)
    except ConfigurationError:
        return None

    def verify(content: bytes) -> str:
        try:
            decoder.decode(content)
        except ValidationFailed as failed:
            return "\n".join(f"{error['message']} - at `{error['at']}`" for error in failed.errors)
        except BadRequest:  # it is deeper, or has longer numbers, than a request may have
            return ""
        return ""

    return verify

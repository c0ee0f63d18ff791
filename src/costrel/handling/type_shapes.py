"""What kind of type an annotation is: a scalar, a list of scalars, a body, or none of them.

The signature builder asks these questions to find out where a parameter comes from; the decoders and the response
makers ask them to choose their way. Only the outside of a type is looked at: fields of a class are not, so that a
class whose own annotations are broken is still classified, and its decoder explains what is wrong with it.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import decimal
import enum
import functools
import operator
import sys
import types
import typing
import uuid
from typing import Annotated, Any, Literal, NewType, TypeGuard, Union, get_args, get_origin, is_typeddict

import msgspec

__all__ = [
    "NONE_TYPE",
    "bare_type",
    "is_attrs_class",
    "is_body_type",
    "is_list_of_scalars",
    "is_named_tuple",
    "is_object_class",
    "is_pydantic_class",
    "is_scalar",
    "is_union",
    "objects_as_any",
    "type_text",
    "union_members",
]

NONE_TYPE = type(None)

_SCALARS = frozenset(
    {
        bool,
        bytes,
        datetime.date,
        datetime.datetime,
        datetime.time,
        datetime.timedelta,
        decimal.Decimal,
        float,
        int,
        str,
        uuid.UUID,
    }
)

_ARRAYS = frozenset(
    {
        list,
        set,
        frozenset,
        tuple,
        collections.abc.Collection,
        collections.abc.MutableSequence,
        collections.abc.MutableSet,
        collections.abc.Sequence,
        collections.abc.Set,
    }
)

_MAPPINGS = frozenset({dict, collections.abc.Mapping, collections.abc.MutableMapping})

# Python 3.12 has `type X = ...`; its class is looked up, so that 3.11 can read this module too.
_ALIAS_TYPE = getattr(typing, "TypeAliasType", None)


def bare_type(annotation: object) -> object:
    """Return an annotation without `Annotated`, `NewType` and type aliases around it."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif _ALIAS_TYPE is not None and isinstance(annotation, _ALIAS_TYPE):
            annotation = annotation.__value__
        else:
            return NONE_TYPE if annotation is None else annotation


def type_text(annotation: object) -> str:
    """Write a type as it stands in code.

    >>> type_text(int), type_text(list[int]), type_text(None)
    ('int', 'list[int]', 'None')
    """
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return "None" if annotation is NONE_TYPE else annotation.__name__
    return str(annotation).replace("typing.", "")


def is_union(annotation: object) -> bool:
    """Whether a bare annotation is ``X | Y`` or `Union`."""
    return get_origin(annotation) in (Union, types.UnionType)


def union_members(annotation: object) -> tuple[object, ...]:
    """Return the members of a union, unions inside it flattened; of anything else the type itself.

    `None` comes as its type. Members keep their `Annotated`, because constraints are written there.
    """
    bare = bare_type(annotation)
    if not is_union(bare):
        return (NONE_TYPE if annotation is None else annotation,)
    members: list[object] = []
    for member in get_args(bare):
        members.extend(union_members(member))
    return tuple(members)


def is_attrs_class(type_: object) -> bool:
    """Whether a class was made by attrs, which need not be installed."""
    return isinstance(type_, type) and hasattr(type_, "__attrs_attrs__")


def is_named_tuple(type_: object) -> bool:
    """Whether a class is a named tuple."""
    return isinstance(type_, type) and issubclass(type_, tuple) and hasattr(type_, "_fields")


def is_pydantic_class(type_: object) -> bool:
    """Whether a class validates with pydantic: a model, or one of its dataclasses.

    pydantic is never imported for this: without it in the process no class can be one of its own.
    """
    return "pydantic" in sys.modules and isinstance(type_, type) and "__pydantic_validator__" in vars(type_)


def is_object_class(annotation: object) -> TypeGuard[Any]:
    """Whether a bare annotation is a class with named fields that is one JSON object."""
    origin = get_origin(annotation) or annotation
    return isinstance(origin, type) and (
        issubclass(origin, msgspec.Struct)
        or dataclasses.is_dataclass(origin)
        or is_attrs_class(origin)
        or is_pydantic_class(origin)
        or is_typeddict(origin)
    )


def is_scalar(annotation: object) -> bool:
    """Whether one piece of text can be a value of this type.

    Scalars are `str`, `int`, `float`, `bool`, `bytes` (as base64), `Decimal`, `UUID`, `date`, `datetime`, `time`,
    `timedelta`, enums and `Literal`; with constraints, in unions with each other, and with `None`.

    >>> is_scalar(int | None), is_scalar(list[int]), is_scalar(None)
    (True, False, False)
    """
    bare = bare_type(annotation)
    if isinstance(bare, type) and get_origin(bare) is None:
        return bare in _SCALARS or issubclass(bare, enum.Enum)
    if get_origin(bare) is Literal:
        return True
    members = [member for member in union_members(bare) if bare_type(member) is not NONE_TYPE]
    return is_union(bare) and bool(members) and all(map(is_scalar, members))


def is_list_of_scalars(annotation: object) -> bool:
    """Whether the values of a repeated key can be a value of this type: a list, set or tuple of scalars, or `None`.

    >>> is_list_of_scalars(list[int]), is_list_of_scalars(tuple[str, int] | None), is_list_of_scalars(list)
    (True, True, False)
    """
    members = [member for member in union_members(annotation) if bare_type(member) is not NONE_TYPE]
    if len(members) != 1:
        return False
    bare = bare_type(members[0])
    if get_origin(bare) not in _ARRAYS:
        return False
    items = [item for item in get_args(bare) if item is not Ellipsis]
    return bool(items) and all(map(is_scalar, items))


def is_body_type(annotation: object) -> bool:
    """Whether a parameter of this type is read from the body when nothing else is said.

    These are classes with fields (Struct, dataclass, `TypedDict`, attrs, pydantic models), named tuples, mappings,
    lists that are not lists of scalars, and unions with at least one of them.

    >>> is_body_type(dict[str, int]), is_body_type(list[list[int]]), is_body_type(int), is_body_type(list[int])
    (True, True, False, False)
    """
    bare = bare_type(annotation)
    if is_object_class(bare) or is_named_tuple(bare):
        return True
    if is_union(bare):
        members = [member for member in union_members(bare) if bare_type(member) is not NONE_TYPE]
        return all(map(_is_json_type, members)) and any(map(is_body_type, members))
    origin = get_origin(bare) or bare
    if not isinstance(origin, type) or origin not in _ARRAYS | _MAPPINGS:
        return False
    items = [item for item in get_args(bare) if item is not Ellipsis]
    return all(map(_is_json_type, items)) and not is_list_of_scalars(bare)


def objects_as_any(annotation: Any) -> Any:  # type expressions have no common type
    """Return a type with `Any` where it says ``object``: what encodes and decodes knows no class of that name."""
    if annotation is object:
        return Any
    arguments = get_args(annotation)
    if not arguments or get_origin(annotation) is Literal:
        return annotation
    changed = tuple(objects_as_any(argument) if argument is not Ellipsis else argument for argument in arguments)
    if all(new is old for new, old in zip(changed, arguments, strict=True)):
        return annotation
    if is_union(annotation):
        return functools.reduce(operator.or_, changed)
    return get_origin(annotation)[changed]


def _is_json_type(annotation: object) -> bool:
    """Whether a type may be a part of a body."""
    bare = bare_type(annotation)
    return (
        bare is Any
        or bare is object
        or bare is NONE_TYPE
        or is_scalar(bare)
        or is_list_of_scalars(bare)
        or is_body_type(bare)
    )

"""pydantic models in handlers, if the application uses pydantic; this room never imports it.

A class of pydantic can only exist where pydantic has been imported, so it is found in `sys.modules`. Its errors become
ours: the same paths, the same 422. Its own JSON parser accepts ``NaN`` and numbers without end, so a document is first
read by the strict parser that reads all others; what is malformed is answered alike for every kind of type.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar, get_args, get_origin

from costrel.errors import ValidationFailed
from costrel.handling.error_text import hide_values, member_path
from costrel.handling.type_shapes import bare_type, is_list_of_scalars, is_pydantic_class
from costrel.handling.unique_keys import check_unique_keys
from costrel.messages import decode_json

__all__ = [
    "PydanticBody",
    "adapter_of",
    "contains_pydantic",
    "decode_member",
    "explain_errors",
    "explain_member",
    "field_names",
    "is_pydantic_error",
    "validate_fields",
    "validation_error",
]

T = TypeVar("T")

_MAX_ERRORS = 100
_TYPES_OF_OWN_CHECKS = ("value_error", "assertion_error")


def contains_pydantic(annotation: object) -> bool:
    """Whether a type is a pydantic class, or one is written among its parameters, as in ``list[Model]``."""
    if "pydantic" not in sys.modules:
        return False
    bare = bare_type(annotation)
    if is_pydantic_class(bare) or is_pydantic_class(get_origin(bare)):
        return True
    return any(contains_pydantic(argument) for argument in get_args(bare) if not isinstance(argument, str | bytes))


def adapter_of(annotation: object) -> Any:  # a `pydantic.TypeAdapter`, a name that this module cannot import
    """Return pydantic's adapter for a type, which validates and encodes it."""
    return sys.modules["pydantic"].TypeAdapter(annotation)


def validation_error() -> type[ValueError]:
    """Return the class of pydantic's errors of validation; pydantic is there, or there would be no model."""
    class_: type[ValueError] = sys.modules["pydantic"].ValidationError
    return class_


def is_pydantic_error(error: BaseException) -> bool:
    """Whether an exception is pydantic's `ValidationError`."""
    return "pydantic" in sys.modules and isinstance(error, validation_error())


class PydanticBody(Generic[T]):
    """Decodes JSON to a type that pydantic validates; the twin of the decoder for all other types.

    Args:
        type_: a model, a pydantic dataclass, or a type with one of them among its parameters.
        max_json_depth: nesting of the document; above it 400.
        unique_keys: whether an object with a key twice is refused.
    """

    __slots__ = ("_max_json_depth", "_unique_keys", "_validate", "type_")

    def __init__(self, type_: object, max_json_depth: int, unique_keys: bool) -> None:
        self.type_: object = type_
        self._max_json_depth = max_json_depth
        self._unique_keys = unique_keys
        self._validate = adapter_of(type_).validator.validate_json

    def decode(self, content: bytes) -> T:
        """Decode a document.

        Raises:
            BadRequest: it is not JSON.
            ValidationFailed: it does not fit the type.
        """
        decode_json(content, Any, max_depth=self._max_json_depth)
        if self._unique_keys:
            check_unique_keys(content)
        try:
            value: T = self._validate(content)
        except validation_error() as error:
            raise ValidationFailed(
                [{"in": "body", "at": f"${at}", "message": message} for at, message in explain_errors(error)]
            ) from None
        return value


def explain_errors(error: Any) -> Iterator[tuple[str, str]]:  # pydantic's `ValidationError`
    """Turn pydantic's errors into a path below the document and a message without the value, at most 100."""
    for detail in error.errors(include_url=False, include_context=False)[:_MAX_ERRORS]:
        path = ""
        for step in detail["loc"]:
            path = f"{path}[{step}]" if isinstance(step, int) else member_path(path, step)
        message, value = detail["msg"], detail["input"]
        if detail["type"] in _TYPES_OF_OWN_CHECKS:
            message = hide_values(message, value.values() if isinstance(value, Mapping) else [value])
        yield path, message


def explain_member(class_: type, value: object) -> Iterator[tuple[str, str]]:
    """Say what is wrong with a value inside a document whose class msgspec does not know."""
    try:
        decode_member(class_, value)
    except ValueError as error:
        if is_pydantic_error(error):
            yield from explain_errors(error)
        else:
            yield "", str(error)


def decode_member(class_: Any, value: object) -> object:  # a class of pydantic, or any other
    """Make a value of a class that msgspec does not know; msgspec calls it with what it has decoded.

    Raises:
        ValueError: the value does not fit; msgspec adds the path.
    """
    if isinstance(value, class_):
        return value
    if not is_pydantic_class(class_):
        raise ValueError(f"Expected `{class_.__name__}`, got `{type(value).__name__}`")
    return class_.__pydantic_validator__.validate_python(value)


def field_names(class_: Any) -> Mapping[str, bool]:  # a pydantic class
    """Return the names under which the fields of a class are read, and whether each is a list."""
    fields = getattr(class_, "model_fields", None) or class_.__pydantic_fields__
    return {field.alias or name: is_list_of_scalars(field.annotation) for name, field in fields.items()}


def validate_fields(class_: Any, values: Mapping[str, object]) -> object:  # a pydantic class
    """Make an object of texts, converted as pydantic does in its lax mode.

    Raises:
        ValueError: pydantic's `ValidationError`; `explain_errors` reads it.
    """
    value: object = class_.__pydantic_validator__.validate_python(values)
    return value

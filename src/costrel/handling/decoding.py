"""Bytes of a request body to a value of the declared type: one pass when it is right, all errors when it is not.

A decoder is made once for each parameter while the app is built. Its good path is a single call of msgspec; the errors
of a document that does not fit are collected by `error_collector`, pydantic models are in `pydantic_types`, and how
a malformed text is answered is said in `costrel.messages`.

The names that decode text, forms and models are offered here too, so that the compiler of endpoints has one address:
scalars and lists are in `scalars`, forms and models in `form_models`, the classification in `type_shapes`.
"""

from __future__ import annotations

from typing import Any, Generic, Protocol, TypeVar

import msgspec

from costrel.errors import BadRequest, ConfigurationError, Mistake, ValidationFailed
from costrel.handling.error_collector import ErrorCollector
from costrel.handling.error_text import clean_message
from costrel.handling.form_models import FieldsDecoder, form_decoder, is_form_type, model_decoder
from costrel.handling.pydantic_types import PydanticBody, contains_pydantic, decode_member
from costrel.handling.scalars import ScalarRejected, list_decoder, scalar_decoder
from costrel.handling.type_shapes import (
    is_body_type,
    is_list_of_scalars,
    is_pydantic_class,
    is_scalar,
    objects_as_any,
    type_text,
)
from costrel.handling.unique_keys import check_unique_keys
from costrel.messages import check_json_shape, decode_json, is_bounded_type

__all__ = [
    "BodyDecoder",
    "FieldsDecoder",
    "ScalarRejected",
    "body_decoder",
    "form_decoder",
    "is_body_type",
    "is_form_type",
    "is_list_of_scalars",
    "is_scalar",
    "list_decoder",
    "model_decoder",
    "scalar_decoder",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class BodyDecoder(Protocol[T_co]):
    """What reads a body; there is one adapter for each validation library, and the errors of all look alike."""

    type_: object
    """The declared type."""

    def decode(self, content: bytes) -> T_co:
        """Decode a whole body.

        Raises:
            BadRequest: it is not JSON, too deep, or has a number that no machine holds.
            ValidationFailed: it does not fit the type; it has every error with its path, at most 100.
        """
        ...


def body_decoder(type_: Any, *, max_json_depth: int, unique_keys: bool = False) -> BodyDecoder[Any]:
    """Make the decoder of a JSON body, once, while the app is built.

    Args:
        type_: a type expression: Struct, dataclass, `TypedDict`, attrs class, pydantic model, or builtin types of them.
        max_json_depth: nesting of a document whose type does not bound it (`Any`, untyped containers, recursive
            classes); every other document is as deep as its type.
        unique_keys: whether an object with a key twice is refused with 400; otherwise the last one counts. Ask for it
            where the body decides about access and something else reads it before.

    Raises:
        ConfigurationError: COS-HANDLER-201, no body can be decoded to this type.
    """
    type_ = objects_as_any(type_)
    if contains_pydantic(type_):
        try:
            return PydanticBody(type_, max_json_depth, unique_keys)
        except Exception as error:  # pydantic has a family of its own for types it cannot build
            raise _undecodable(type_, f"pydantic says: {error}") from error
    try:
        collector = ErrorCollector(type_)
        decoder = msgspec.json.Decoder(type_, dec_hook=decode_member)
    except NameError as error:
        raise _undecodable(
            type_,
            f"One of its annotations names `{error.name}`, which does not exist in its module at run time.",
            "Import that name outside `if TYPE_CHECKING:`.",
        ) from error
    except TypeError as error:
        raise _undecodable(type_, f"{error}.") from error
    for class_ in collector.foreign_classes:
        if not is_pydantic_class(class_):
            raise _undecodable(type_, f"It contains `{class_.__name__}`, which has no form in JSON.")
    checks_text = unique_keys or not is_bounded_type(type_)
    return (_CheckedBody if checks_text else _Body)(type_, decoder, collector, max_json_depth, unique_keys)


class _Body(Generic[T]):
    """The decoder of a type that bounds the depth of its documents."""

    __slots__ = ("_collector", "_decode", "_max_json_depth", "_unique_keys", "type_")

    def __init__(
        self,
        type_: object,
        decoder: msgspec.json.Decoder[T],
        collector: ErrorCollector,
        max_json_depth: int,
        unique_keys: bool,
    ) -> None:
        self.type_ = type_
        self._decode = decoder.decode
        self._collector = collector
        self._max_json_depth = max_json_depth
        self._unique_keys = unique_keys

    def decode(self, content: bytes) -> T:
        """Decode a whole body; see `BodyDecoder.decode`."""
        try:
            return self._decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._explain(error, content) from None

    def _explain(self, error: Exception, content: bytes) -> Exception:
        """Find out everything that is wrong, or the one thing that makes the document unreadable."""
        if isinstance(error, RecursionError) and "deserializing" not in str(error):
            return error  # not the document's: code of the class called itself
        if not content.strip():
            return BadRequest("The body is empty, and JSON is expected.")
        try:
            found = self._collector.collect(decode_json(content, Any, max_depth=self._max_json_depth))
        except BadRequest as malformed:
            return malformed
        if not found:  # for example a key that occurs twice, the first time with a wrong value
            found = [(_path_in(str(error)), clean_message(str(error)))]
        return ValidationFailed([{"in": "body", "at": at, "message": message} for at, message in found])


class _CheckedBody(_Body[T]):
    """The decoder of a type that does not bound its documents: the text is looked at first."""

    __slots__ = ()

    def decode(self, content: bytes) -> T:
        """Decode a whole body; see `BodyDecoder.decode`."""
        check_json_shape(content, max_depth=self._max_json_depth)
        if self._unique_keys:
            check_unique_keys(content)
        return super().decode(content)


def _path_in(message: str) -> str:
    """Read the path at the end of a message of msgspec; the document itself when there is none."""
    _, found, path = message.rpartition(" - at `")
    return path.rstrip("`") if found and path.startswith("$") else "$"


def _undecodable(type_: object, why: str, fix: str = "") -> ConfigurationError:
    return ConfigurationError(
        Mistake(
            "COS-HANDLER-201",
            f"A body cannot be decoded to `{type_text(type_)}`.",
            why=why,
            fix=fix
            or "Declare a Struct, a dataclass, a `TypedDict`, an attrs class or a pydantic model whose fields "
            "are such types or plain ones,\nor provide the value as a service:  app.provide(Type, make_it)",
        )
    )

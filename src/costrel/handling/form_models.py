"""A class whose fields are read from texts by name: a form, or the query, header fields or cookies as one model.

Each field is lifted from its text as a scalar is; a key that may be repeated is a list; a field that is neither, for
example a nested Struct, is read as JSON text, and one that is a class unknown to JSON is taken from the files. Then the
whole is converted in one call, and if that fails every error is collected, as for a JSON body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import inspect as shape

from costrel.errors import BadRequest, ConfigurationError, Mistake, ValidationFailed
from costrel.handling.constraints import Node, unwrap_node
from costrel.handling.error_collector import ErrorCollector
from costrel.handling.pydantic_types import (
    decode_member,
    explain_errors,
    field_names,
    validate_fields,
    validation_error,
)
from costrel.handling.scalars import Lift, lift_for
from costrel.handling.type_shapes import bare_type, is_object_class, is_pydantic_class, type_text
from costrel.messages import DEFAULT_LIMITS, MessageLimits, decode_json

__all__ = ["FieldsDecoder", "form_decoder", "is_form_type", "model_decoder"]

T_co = TypeVar("T_co", covariant=True)

Fields = Mapping[str, Any]
"""A multi-dict, whose repeated keys are read with `getlist`, or a plain mapping such as the cookies."""

_Reader = Callable[[Fields, Fields], Any]
"""Reads one field of a model from texts and files; `msgspec.UNSET` when there is nothing to read."""

_SCALARS = (
    shape.BoolType,
    shape.BytesType,
    shape.DateTimeType,
    shape.DateType,
    shape.DecimalType,
    shape.EnumType,
    shape.FloatType,
    shape.IntType,
    shape.LiteralType,
    shape.NoneType,
    shape.StrType,
    shape.TimeDeltaType,
    shape.TimeType,
    shape.UUIDType,
)
_NO_FILES: Fields = {}


class FieldsDecoder(Protocol[T_co]):
    """What makes a value of a declared type of fields."""

    type_: object
    """The declared type."""

    def decode(self, fields: Fields, files: Fields = ..., /) -> T_co:
        """Make a value.

        Args:
            fields: texts by name.
            files: uploaded files by name, for a form.

        Raises:
            ValidationFailed: it does not fit the type; it has every error, at most 100.
        """
        ...


def is_form_type(annotation: object) -> bool:
    """Whether fields by name can be a value of this type: a class with fields, or a dict; not a list.

    >>> is_form_type(dict[str, str]), is_form_type(list[int])
    (True, False)
    """
    bare = bare_type(annotation)
    return is_object_class(bare) or (getattr(bare, "__origin__", None) or bare) is dict


def form_decoder(type_: object, limits: MessageLimits = DEFAULT_LIMITS) -> FieldsDecoder[Any]:
    """Make the decoder of a form, urlencoded or multipart, for a type that could be a JSON body too.

    Args:
        type_: a type for which `is_form_type` is true.
        limits: the depth of JSON text in a field; the form itself has been limited while it was read.

    Raises:
        ConfigurationError: COS-HANDLER-203, fields cannot make a value of this type.
    """
    return _fields_decoder(type_, "form", limits.max_json_depth)


def model_decoder(type_: object, source: str) -> FieldsDecoder[Any]:
    """Make the decoder of a model that is read from the whole query, header or cookies.

    In header fields the name of a field has hyphens where the class has underscores.

    Args:
        type_: a type for which `is_form_type` is true.
        source: ``query``, ``header``, ``cookie`` or ``form``; it stands in the errors.

    Raises:
        ConfigurationError: COS-HANDLER-203, fields cannot make a value of this type.
    """
    return _fields_decoder(type_, source, DEFAULT_LIMITS.max_json_depth)


def _fields_decoder(type_: object, source: str, max_json_depth: int) -> FieldsDecoder[Any]:
    if not is_form_type(type_):
        raise _not_fields(type_, source, "It is no class with fields, and no dict.")
    if is_pydantic_class(bare_type(type_)):
        return _PydanticFields(type_, source)
    try:
        collector = ErrorCollector(type_)
        msgspec.json.Decoder(type_)
    except (TypeError, NameError) as error:
        raise _not_fields(type_, source, f"{error}.") from error
    return _TypedFields(type_, source, collector, max_json_depth)


def _failed(source: str, found: Sequence[tuple[str, str]]) -> ValidationFailed:
    """Make the error; a path below the document begins with the name of a field here."""
    errors = []
    for path, message in found:
        at = path.removeprefix("$").removeprefix(".")
        errors.append({"in": source, "at": _field_name_of(at) if source == "header" else at, "message": message})
    return ValidationFailed(errors)


def _field_name_of(name: str) -> str:
    """Write a name as header fields are written."""
    return name.replace("_", "-").lower()


class _TypedFields:
    """Reads fields for a type of msgspec."""

    __slots__ = ("_collector", "_known", "_read_others", "_readers", "_refuses_unknown", "_source", "type_")

    def __init__(self, type_: object, source: str, collector: ErrorCollector, max_json_depth: int) -> None:
        self.type_ = type_
        self._source = source
        self._collector = collector
        node = unwrap_node(collector.root)
        as_sent = _field_name_of if source == "header" else str
        self._readers: list[tuple[str, _Reader]] = [
            (field.encode_name, _reader_for(field.type, as_sent(field.encode_name), max_json_depth))
            for field in getattr(node, "fields", ())
        ]
        self._known = {as_sent(name) for name, _ in self._readers}
        self._refuses_unknown = isinstance(node, shape.StructType) and node.forbid_unknown_fields
        self._read_others = isinstance(node, shape.DictType)

    def decode(self, fields: Fields, files: Fields = _NO_FILES, /) -> Any:
        """Make a value; see `FieldsDecoder.decode`."""
        values: dict[str, Any] = {}
        for name, read in self._readers:
            value = read(fields, files)
            if value is not msgspec.UNSET:
                values[name] = value
        if self._refuses_unknown:
            values.update({name: fields[name] for name in fields if name not in self._known})
        elif self._read_others:
            values.update(self._read_all(fields))
        try:
            return msgspec.convert(values, self.type_, str_keys=True, dec_hook=decode_member)
        except msgspec.ValidationError as error:
            found = self._collector.collect(values) or [("$", str(error))]
            raise _failed(self._source, found) from None

    def _read_all(self, fields: Fields) -> dict[str, Any]:
        """Read every field there is, for a dict."""
        node = unwrap_node(self._collector.root)
        item = node.value_type if isinstance(node, shape.DictType) else shape.AnyType()
        values = {name: _reader_for(item, name, 1)(fields, _NO_FILES) for name in fields}
        return {name: value for name, value in values.items() if value is not msgspec.UNSET}


class _PydanticFields:
    """Reads fields for a model of pydantic, which converts texts itself."""

    __slots__ = ("_names", "_source", "type_")

    def __init__(self, type_: object, source: str) -> None:
        self.type_ = bare_type(type_)
        self._source = source
        self._names = field_names(self.type_)

    def decode(self, fields: Fields, files: Fields = _NO_FILES, /) -> Any:
        """Make a value; see `FieldsDecoder.decode`."""
        values: dict[str, object] = {}
        for name, is_list in self._names.items():
            as_sent = _field_name_of(name) if self._source == "header" else name
            if as_sent in fields:
                values[name] = _texts_of(fields, as_sent) if is_list else fields[as_sent]
            elif as_sent in files:
                values[name] = files[as_sent]
        try:
            return validate_fields(self.type_, values)
        except validation_error() as error:
            raise _failed(self._source, list(explain_errors(error))) from None


def _texts_of(fields: Fields, name: str) -> list[Any]:
    """Return every value of a field, empty when it is missing."""
    getlist = getattr(fields, "getlist", None)
    if getlist is not None:
        values: list[Any] = getlist(name)
        return values
    return [fields[name]] if name in fields else []


def _reader_for(node: Node, name: str, max_json_depth: int) -> _Reader:
    """Choose how one field is read."""
    members = [unwrap_node(member) for member in getattr(unwrap_node(node), "types", (node,))]
    kinds = [member for member in members if not isinstance(member, shape.NoneType)]
    only = unwrap_node(kinds[0]) if len(kinds) == 1 else None
    if isinstance(only, shape.CustomType):
        return lambda fields, files: files.get(name, msgspec.UNSET)
    if isinstance(only, shape.CollectionType):
        return _list_reader(unwrap_node(only.item_type), name, max_json_depth)
    if isinstance(only, shape.TupleType):
        return _tuple_reader([_item_lift(item, max_json_depth) for item in only.item_types], name)
    lift = _item_lift(node, max_json_depth)
    return lambda fields, files: lift(fields[name]) if name in fields else msgspec.UNSET


def _list_reader(item: Node, name: str, max_json_depth: int) -> _Reader:
    """Read a repeated key; for a list of files the files of that name."""
    if isinstance(item, shape.CustomType):
        return lambda fields, files: _texts_of(files, name) or msgspec.UNSET
    lift = _item_lift(item, max_json_depth)
    return lambda fields, files: list(map(lift, _texts_of(fields, name))) or msgspec.UNSET


def _tuple_reader(lifts: list[Lift], name: str) -> _Reader:
    """Read a repeated key whose values have a type each; one value too many stays text and is refused."""

    def read(fields: Fields, files: Fields) -> Any:
        texts = _texts_of(fields, name)
        lifted = [lift(text) for lift, text in zip(lifts, texts, strict=False)]
        return [*lifted, *texts[len(lifts) :]] or msgspec.UNSET

    return read


def _item_lift(node: Node, max_json_depth: int) -> Lift:
    """Choose how one text is lifted: as a scalar, as it is for `Any`, or as JSON for what has parts."""
    members = [unwrap_node(member) for member in getattr(unwrap_node(node), "types", (unwrap_node(node),))]
    if all(isinstance(member, (*_SCALARS, shape.AnyType)) for member in members):
        return lift_for(node)

    def lift(text: str) -> Any:
        try:
            return decode_json(text.encode("utf-8", "surrogatepass"), Any, max_depth=max_json_depth)
        except BadRequest:
            return text  # and the type says what it had expected

    return lift


def _not_fields(type_: object, source: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        Mistake(
            "COS-HANDLER-203",
            f"`{type_text(type_)}` cannot be read from the fields of the {source}.",
            why=why,
            fix="Declare a Struct, a dataclass, a `TypedDict`, an attrs class or a pydantic model,\n"
            "or read each field as a parameter of its own.",
        )
    )

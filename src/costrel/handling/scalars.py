"""Text to scalars: what a path, a query string, header fields, cookies and form fields hold.

Text is read in two steps. `lift` turns it into the plain value that the type expects in JSON: a number where a number
is declared, ``true`` for ``on``, `None` for nothing; what it cannot read stays text. Then msgspec converts and checks
the constraints, and its message says what was expected. Forms and models lift with the same functions.

Every reader is linear, reads ASCII digits only, and looks at the length before it converts: no ``nan``, no ``1_000``,
no number of a thousand digits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import inspect as shape

from costrel.errors import ConfigurationError, Mistake
from costrel.handling.constraints import Node, unwrap_node
from costrel.handling.error_collector import ErrorCollector
from costrel.handling.type_shapes import NONE_TYPE, is_list_of_scalars, is_scalar, is_union, type_text, union_members

__all__ = ["MAX_DIGITS", "Lift", "ScalarRejected", "lift_for", "list_decoder", "scalar_decoder"]

Lift = Callable[[str], Any]  # from text to a plain value of JSON, which has no narrower type
"""Reads text as the plain value a type expects; what it cannot read is returned as it is."""

MAX_DIGITS = 308
"""The longest number that is read from text, in characters."""

_FLOAT = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)
_TRUE_AND_FALSE: Mapping[str, bool] = {
    "true": True,
    "1": True,
    "on": True,
    "yes": True,
    "false": False,
    "0": False,
    "off": False,
    "no": False,
}
_LONGEST_BOOLEAN = 5
_READ_FIRST = (shape.IntType, shape.FloatType, shape.DecimalType)


class ScalarRejected(Exception):
    """The text of one parameter is not a value of its type.

    Args:
        message: what was expected; never the text that came.
        errors: for each wrong item of a list its place, ``[2]``, and message; for a scalar one, with an empty place.
    """

    def __init__(self, message: str, errors: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.errors: tuple[tuple[str, str], ...] = tuple(errors) or (("", message),)


def scalar_decoder(annotation: object, source: str, name: str) -> Callable[[str], Any]:  # the value of `annotation`
    """Make the function that reads one parameter from its text.

    Args:
        annotation: a type for which `is_scalar` is true.
        source: ``path``, ``query``, ``header``, ``cookie`` or ``form``, for the message when it cannot be made.
        name: the parameter's name, for the same.

    Returns:
        A function of the decoded text; it raises `ScalarRejected`.

    Raises:
        ConfigurationError: COS-HANDLER-202, text cannot be read as this type.
    """
    fast = _fast_decoder(annotation)
    if fast is not None:
        return fast
    if not is_scalar(annotation):
        raise _unreadable(annotation, source, name, "It is not one value, but has parts.")
    collector = _collector_of(annotation, source, name)
    lift = lift_for(collector.root)

    def decode(text: str) -> Any:
        value = lift(text)
        try:
            return msgspec.convert(value, annotation)
        except msgspec.ValidationError:
            raise ScalarRejected(_first_message(collector, value)) from None

    return decode


def list_decoder(annotation: object, source: str, name: str) -> Callable[[Sequence[str]], Any]:
    """Make the function that reads one parameter from the texts of a repeated key, in their order.

    Args:
        annotation: a type for which `is_list_of_scalars` is true.
        source: as for `scalar_decoder`.
        name: as for `scalar_decoder`.

    Returns:
        A function of the decoded texts; it raises `ScalarRejected` with every wrong item.

    Raises:
        ConfigurationError: COS-HANDLER-202, texts cannot be read as this type.
    """
    if not is_list_of_scalars(annotation):
        raise _unreadable(annotation, source, name, "It is not a list, set or tuple of plain values.")
    collector = _collector_of(annotation, source, name)
    lifts = _item_lifts(collector.root)

    def decode(texts: Sequence[str]) -> Any:
        last = len(lifts) - 1
        values = [lifts[min(index, last)](text) for index, text in enumerate(texts)]
        try:
            return msgspec.convert(values, annotation)
        except msgspec.ValidationError:
            found = [(at.removeprefix("$"), message) for at, message in collector.collect(values)]
            place, message = found[0]
            raise ScalarRejected(f"{message} - at `{place}`" if place else message, found) from None

    return decode


def lift_for(node: Node) -> Lift:
    """Choose how text becomes the plain value that a scalar type expects.

    Args:
        node: the type as `msgspec.inspect` describes it.
    """
    node = unwrap_node(node)
    if isinstance(node, shape.UnionType):
        return _lift_union(node)
    if isinstance(node, shape.EnumType):
        return _lift_choice([member.value for member in node.cls])
    if isinstance(node, shape.LiteralType):
        return _lift_choice(list(node.values))
    return _LIFTS.get(type(node), _lift_nothing)


def _item_lifts(node: Node) -> list[Lift]:
    """Choose the lifts of a list's items; the last one serves all further items."""
    node = unwrap_node(node)
    if isinstance(node, shape.UnionType):
        return _item_lifts(next(member for member in node.types if not isinstance(member, shape.NoneType)))
    if isinstance(node, shape.TupleType):
        return [lift_for(item) for item in node.item_types]
    return [lift_for(node.item_type)] if isinstance(node, shape.CollectionType) else [_lift_nothing]


def _lift_nothing(text: str) -> Any:
    return text


def _is_int(text: str) -> bool:
    digits = text[1:] if text[:1] == "-" else text
    return len(digits) <= MAX_DIGITS and digits.isascii() and digits.isdigit()


def _lift_int(text: str) -> Any:
    return int(text) if _is_int(text) else text


def _lift_float(text: str) -> Any:
    if len(text) <= MAX_DIGITS and _FLOAT.fullmatch(text) is not None:
        value = float(text)
        if math.isfinite(value):
            return value
    return text


def _lift_decimal(text: str) -> Any:
    """Let only plain numbers through: `Decimal` itself reads ``NaN``, ``1_000`` and the digits of all scripts."""
    return text if len(text) <= MAX_DIGITS and _FLOAT.fullmatch(text) is not None else ""


def _lift_bool(text: str) -> Any:
    return _TRUE_AND_FALSE.get(text.lower(), text) if len(text) <= _LONGEST_BOOLEAN else text


def _lift_none(text: str) -> Any:
    return text or None


def _lift_choice(choices: list[Any]) -> Lift:
    """Read text as the choice that is written like it; what is none of them is lifted as they are, to be refused."""
    by_text = {str(choice): choice for choice in choices}
    lift_other = _lift_int if any(isinstance(choice, int) for choice in choices) else _lift_nothing

    def lift(text: str) -> Any:
        return by_text[text] if text in by_text else lift_other(text)

    return lift


def _lift_union(node: shape.UnionType) -> Lift:
    """Try the numbers first, then the rest; empty text is `None` only where it cannot be a `str`."""
    members = sorted(map(unwrap_node, node.types), key=lambda member: not isinstance(member, _READ_FIRST))
    has_text = any(isinstance(member, shape.StrType | shape.BytesType) for member in members)
    lifts = [lift_for(member) for member in members if not isinstance(member, shape.NoneType)]
    if not has_text and len(lifts) < len(members):
        lifts.insert(0, _lift_none)

    def lift(text: str) -> Any:
        for attempt in lifts:
            value = attempt(text)
            if value is not text:
                return value
        return text

    return lift


_LIFTS: Mapping[type[Node], Lift] = {
    shape.IntType: _lift_int,
    shape.FloatType: _lift_float,
    shape.BoolType: _lift_bool,
    shape.DecimalType: _lift_decimal,
    shape.NoneType: _lift_none,
}


def _decode_int(text: str) -> int:
    # PERF: the plain case first, without a call, saves 90 ns (benchmarks/decoding.py::scalars, 3.11)
    if (text.isdigit() and text.isascii() and len(text) <= MAX_DIGITS) or _is_int(text):
        return int(text)
    raise ScalarRejected("Expected `int`, got `str`")


def _decode_float(text: str) -> float:
    value = _lift_float(text)
    if type(value) is float:
        return value
    raise ScalarRejected("Expected `float`, got `str`")


def _decode_bool(text: str) -> bool:
    value = _lift_bool(text)
    if type(value) is bool:
        return value
    raise ScalarRejected("Expected `bool`, got `str`")


# PERF: without constraints there is nothing for msgspec to do, saves 450 ns (benchmarks/decoding.py::scalars, 3.11)
_FAST: Mapping[object, Callable[[str], Any]] = {
    str: str,
    int: _decode_int,
    float: _decode_float,
    bool: _decode_bool,
}


def _fast_decoder(annotation: object) -> Callable[[str], Any] | None:
    """Find the reader of a plain type, or of one that may also be `None`; a constrained type has none."""
    if isinstance(annotation, type):
        return _FAST.get(annotation)
    members = [member for member in union_members(annotation) if member is not NONE_TYPE]
    decode = _FAST.get(members[0]) if len(members) == 1 and isinstance(members[0], type) else None
    if decode is None or decode is str or not is_union(annotation):
        return None
    return lambda text: decode(text) if text else None


def _first_message(collector: ErrorCollector, value: object) -> str:
    found = collector.collect(value, max_errors=1)
    return found[0][1] if found else "Invalid value"


def _collector_of(annotation: object, source: str, name: str) -> ErrorCollector:
    try:
        collector = ErrorCollector(annotation)
        msgspec.json.Decoder(annotation)
    except (TypeError, NameError) as error:
        raise _unreadable(annotation, source, name, f"{error}.") from error
    return collector


def _unreadable(annotation: object, source: str, name: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        Mistake(
            "COS-HANDLER-202",
            f"The {source} parameter `{name}` cannot be read from text as `{type_text(annotation)}`.",
            why=why,
            fix="Use str, int, float, bool, Decimal, UUID, date, datetime, time, timedelta, an Enum or a Literal,\n"
            "a union of them, or a list of them for a key that may be repeated.",
        )
    )

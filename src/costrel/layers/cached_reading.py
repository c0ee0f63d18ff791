"""How results are read: JSON, by the return annotation of the function that has made them."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import inspect as kinds

from costrel.errors import ConfigurationError, Mistake

__all__ = ["reader_of"]


def reader_of(function: Callable[..., Any], name: str) -> Callable[[bytes], Any]:
    """Return what reads results by the return annotation.

    Raises:
        ConfigurationError: COS-LAYERS-041, there is none; COS-LAYERS-042, it cannot be read from JSON.
    """
    if "return" not in function.__annotations__:
        raise ConfigurationError(
            Mistake(
                "COS-LAYERS-041",
                f"The cached function `{name}` does not say what it returns.",
                why="What is kept is JSON; the return annotation says what to make of it.",
                fix="@cached(60)\nasync def report(month: str) -> Report: ...",
            )
        )
    try:
        return _make_reader(function, name)
    except NameError:
        # The annotation names something that comes further down in the module.
        pass
    made: Callable[[bytes], Any] | None = None

    def read_later(value: bytes) -> Any:
        nonlocal made
        if made is None:
            made = _make_reader(function, name)
        return made(value)

    return read_later


def _make_reader(function: Callable[..., Any], name: str) -> Callable[[bytes], Any]:
    annotation = typing.get_type_hints(function, include_extras=True)["return"]
    try:
        reader = msgspec.json.Decoder(annotation, dec_hook=_read_foreign)
        for kind in _foreign_kinds(kinds.type_info(annotation), set()):
            if not hasattr(kind, "model_validate"):
                raise TypeError(f"nothing says how a `{kind.__name__}` is made of JSON")
    except TypeError as error:
        raise ConfigurationError(
            Mistake(
                "COS-LAYERS-042",
                f"The result of the cached function `{name}` cannot be read from JSON: {error}.",
                why="It returns what is no plain value, dataclass or `msgspec.Struct`.",
                fix="Return plain values, or give `encode=` and `decode=`.",
            )
        ) from error
    return reader.decode


def _foreign_kinds(info: object, seen: set[int]) -> Iterator[type]:
    """Yield the classes in a description of types that have no form in JSON by themselves."""
    if id(info) in seen:
        return
    seen.add(id(info))
    if isinstance(info, kinds.CustomType):
        yield info.cls
    elif isinstance(info, msgspec.Struct):
        for name in info.__struct_fields__:
            yield from _foreign_kinds(getattr(info, name), seen)
    elif isinstance(info, tuple | list):
        for item in info:
            yield from _foreign_kinds(item, seen)


def _read_foreign(kind: type, value: object) -> object:
    """Read what msgspec does not know: pydantic models, by their own rules."""
    validate = getattr(kind, "model_validate", None)
    if callable(validate):
        return validate(value)
    raise TypeError(f"a `{kind.__name__}` cannot be read from JSON")

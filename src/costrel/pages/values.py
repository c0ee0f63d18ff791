"""Showing a value of any program on a page: never longer than a screen, never raising, never telling a secret.

Containers, dataclasses, Structs and objects without a ``repr`` of their own are walked, so that secrets are found by
the names of keys and attributes. Everything else is asked for its ``repr``, which may be long, wrong or broken.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from costrel.http import FieldSection, MultiDict
from costrel.pages.secrecy import MASK, hide_secrets, is_secret_name, is_secret_type

__all__ = ["MAX_CHARACTERS", "show_value"]

MAX_CHARACTERS = 1500
"""Where a shown value ends."""

_MAX_TEXT = 400
_MAX_ITEMS = 20
_MAX_DEPTH = 4
_MAX_INTEGER_BITS = 1024
_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
    deque: ("deque([", "])"),
}


def show_value(value: object, name: str = "") -> str:
    """Return what a page shows of a value.

    Args:
        value: anything; nothing about it is trusted.
        name: of the variable, key or field that holds it; a secret by its name is masked.
    """
    writer = _Writer()
    writer.write(value, name, 0)
    text = "".join(writer.parts)
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}…"


class _Writer:
    """Collects the text of one value; `room` is how many characters may still come."""

    __slots__ = ("parts", "room")

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.room = MAX_CHARACTERS

    def put(self, text: str) -> None:
        self.parts.append(text)
        self.room -= len(text)

    def write(self, value: object, name: str, depth: int) -> None:
        """Write a value; what goes wrong with it is written instead."""
        if self.room <= 0:
            return
        if name and value is not None and not isinstance(value, bool) and is_secret_name(name):
            self.put(f"'{MASK}'")
            return
        try:
            self._write(value, depth)
        except Exception as error:
            self.put(f"<{type(value).__name__}: showing it raised {type(error).__name__}>")

    def _write(self, value: object, depth: int) -> None:
        class_ = type(value)
        if isinstance(value, str):
            self.put(_text(value))
        elif isinstance(value, bytes | bytearray):
            self.put(_octets(value))
        elif isinstance(value, int) and value.bit_length() > _MAX_INTEGER_BITS:
            self.put(f"<{class_.__name__} of {value.bit_length()} bits>")
        elif is_secret_type(class_):
            self.put(f"{class_.__name__}('{MASK}')")
        elif isinstance(value, ModuleType | FunctionType | BuiltinFunctionType | MethodType | type):
            self.put(_definition(value))
        elif isinstance(value, dict | FieldSection | MultiDict):
            self._write_mapping(value, depth)
        elif class_ in _BRACKETS:
            self._write_items(value, depth)
        elif (pairs := _attributes(value)) is not None:
            self._write_attributes(class_.__name__, pairs, depth)
        else:
            self.put(hide_secrets(repr(value)[: MAX_CHARACTERS + 1]))

    def _write_mapping(self, value: Any, depth: int) -> None:  # a dict, or one of HTTP's own mappings
        plain = type(value) is dict
        pairs = value.items(multi=True) if isinstance(value, MultiDict) else value.items()
        self.put("{" if plain else f"{type(value).__name__}({{")
        self._write_several(pairs, depth, self._write_pair)
        self.put("}" if plain else "})")

    def _write_pair(self, pair: tuple[object, object], depth: int) -> None:
        key, value = pair
        self.write(key, "", depth)
        self.put(": ")
        self.write(value, _name_of(key), depth)

    def _write_items(self, value: Any, depth: int) -> None:  # one of the containers in the table
        opening, closing = _BRACKETS[type(value)]
        if type(value) is tuple and len(value) == 2 and (name := _name_of(value[0])) and is_secret_name(name):
            self.put(f"({_text(name)}, '{MASK}')")
            return
        self.put(opening)
        self._write_several(value, depth, lambda item, inner: self.write(item, "", inner))
        self.put(",)" if type(value) is tuple and len(value) == 1 else closing)

    def _write_attributes(self, class_name: str, pairs: Iterable[tuple[str, object]], depth: int) -> None:
        self.put(f"{class_name}(")
        self._write_several(pairs, depth, self._write_attribute)
        self.put(")")

    def _write_attribute(self, pair: tuple[str, object], depth: int) -> None:
        name, value = pair
        self.put(f"{name}=")
        self.write(value, name, depth)

    def _write_several(self, items: Iterable[Any], depth: int, write: Callable[[Any, int], None]) -> None:
        """Write the items of a container with commas, as many as fit."""
        for index, item in enumerate(items):
            if index:
                self.put(", ")
            if index == _MAX_ITEMS or depth == _MAX_DEPTH or self.room <= 0:
                self.put("…")
                return
            write(item, depth + 1)


def _text(value: str) -> str:
    length = str.__len__(value)
    shown = hide_secrets(str.__repr__(str.__getitem__(value, slice(_MAX_TEXT))))
    return shown if length <= _MAX_TEXT else f"{shown}… ({length:,} characters)"


def _octets(value: bytes | bytearray) -> str:
    shown = hide_secrets(repr(bytes(value[:_MAX_TEXT])))
    return shown if len(value) <= _MAX_TEXT else f"{shown}… ({len(value):,} bytes)"


def _definition(value: Any) -> str:  # a module, function or class
    kind = "class" if isinstance(value, type) else "module" if isinstance(value, ModuleType) else "function"
    return f"<{kind} {getattr(value, '__qualname__', getattr(value, '__name__', '?'))}>"


def _name_of(key: object) -> str:
    """Return a key as a name, so that it is known for a secret."""
    if isinstance(key, str):
        return key
    return key.decode("latin-1") if isinstance(key, bytes) else ""


def _attributes(value: object) -> Iterator[tuple[str, object]] | None:
    """Return the attributes of an object that has no `repr` of its own making, `None` for others.

    SECURITY: the generated `repr` of a record shows every field, a password too; walked, it is masked by its name.
    """
    class_ = type(value)
    if not _is_repr_generated(class_):
        return None
    if dataclasses.is_dataclass(value):
        names: Iterable[str] = [field.name for field in dataclasses.fields(value) if field.repr]
    else:
        names = next(
            (
                [getattr(entry, "name", entry) for entry in found]
                for listing in ("__struct_fields__", "__attrs_attrs__", "model_fields", "_fields")
                if (found := getattr(class_, listing, None)) is not None
            ),
            [name for name in getattr(value, "__dict__", ()) if not name.startswith("_")],
        )
    return ((name, getattr(value, name, None)) for name in islice(names, _MAX_ITEMS + 1))


def _is_repr_generated(class_: type) -> bool:
    """Tell whether nobody wrote the ``__repr__`` of a class by hand."""
    owner = next(ancestor for ancestor in class_.__mro__ if "__repr__" in vars(ancestor))
    if owner is object:
        return not hasattr(class_, "__next__") and hasattr(class_, "__dict__") and class_.__module__ != "builtins"
    if owner.__module__.partition(".")[0] in ("msgspec", "pydantic"):
        return True
    function = vars(owner)["__repr__"]
    # Dataclasses wrap theirs, attrs compiles it under a name of its own, named tuples set it on each class.
    if dataclasses.is_dataclass(owner) and hasattr(function, "__wrapped__"):
        return True
    code = getattr(function, "__code__", None)
    file_name = code.co_filename if code is not None else ""
    return file_name.startswith("<attrs generated") or (hasattr(owner, "_fields") and "collections" in file_name)

"""Import strings: the text that names an application on the command line.

    shop                      the module ``shop``, whose `app`, `application`, `create_app` or `make_app` is taken
    shop.web:app              an attribute, dotted or not
    shop:create_app           a factory, called without arguments
    shop:create_app('dev')    a factory, called with literals
    shop.py, web/shop.py:app  a file, wherever it lies
    web/                      a folder with an ``app.py`` or ``main.py``

It is parsed, never evaluated. Nothing is imported here; see `loading`.
"""

from __future__ import annotations

import ast
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costrel.errors import ConfigurationError, Mistake

__all__ = ["FILE_NAMES", "ImportString", "parse_import_string"]

FILE_NAMES = ("app.py", "main.py")
"""What is looked for when no application is named, in this order."""

_MODULE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_MAX_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class ImportString:
    """A parsed import string.

    Args:
        text: as it was written.
        module: a dotted module name; empty for a file.
        file: a path to a file or folder; `None` for a module.
        attribute: the dotted name after the colon, or empty.
        is_call: whether the attribute is called with what follows.
        arguments: literals, by position.
        keywords: literals, by name.
    """

    text: str
    module: str = ""
    file: Path | None = None
    attribute: str = ""
    is_call: bool = False
    arguments: tuple[Any, ...] = ()  # literals of any type
    keywords: tuple[tuple[str, Any], ...] = ()  # literals of any type


def parse_import_string(text: str) -> ImportString:
    """Parse an import string.

    Raises:
        ConfigurationError: COS-CLI-001, it has none of the forms above.
    """
    drive = len("C:") if _DRIVE.match(text) else 0
    place, colon, expression = text[drive:].partition(":")
    place = text[:drive] + place
    if not place or len(text) > _MAX_LENGTH or "\0" in text or (colon and not expression.strip()):
        raise _malformed(text)
    if place.endswith(".py") or "/" in place or os.sep in place or place in (".", ".."):
        parsed = ImportString(text, file=Path(place))
    elif _MODULE.fullmatch(place):
        parsed = ImportString(text, module=place)
    else:
        raise _malformed(text)
    return _with_expression(parsed, expression.strip()) if colon else parsed


def _with_expression(parsed: ImportString, expression: str) -> ImportString:
    """Add what follows the colon: a dotted name, or a call of one with literals."""
    try:
        node = ast.parse(expression, mode="eval").body
        arguments: tuple[Any, ...] = ()
        keywords: tuple[tuple[str, Any], ...] = ()
        is_call = isinstance(node, ast.Call)
        if isinstance(node, ast.Call):
            arguments = tuple(ast.literal_eval(argument) for argument in node.args)
            keywords = tuple((str(pair.arg), ast.literal_eval(pair.value)) for pair in node.keywords if pair.arg)
            if len(keywords) != len(node.keywords):
                raise _malformed(parsed.text)
            node = node.func
        attribute = _dotted(node)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        raise _malformed(parsed.text) from None
    if not attribute:
        raise _malformed(parsed.text)
    return ImportString(parsed.text, parsed.module, parsed.file, attribute, is_call, arguments, keywords)


def _dotted(node: ast.expr) -> str:
    """Return ``a.b.c`` for names and attributes, an empty text for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (owner := _dotted(node.value)):
        return f"{owner}.{node.attr}"
    return ""


def _malformed(text: str) -> ConfigurationError:
    return ConfigurationError(
        Mistake(
            "COS-CLI-001",
            f"{text!r:.200} does not name an application.",
            why="It is a module or a file, and after a colon the name of the application or of what makes it.",
            fix="shop.py      shop.web:app      shop:create_app      shop:create_app('dev')",
        )
    )

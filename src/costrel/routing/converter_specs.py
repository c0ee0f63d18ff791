"""Converters as they are written in a pattern: ``int``, ``int(min=1)``, ``any(en, de)``, ``regex([a-z]{3})``.

Arguments are literals and are read by a small grammar, never evaluated: integers, floats, strings in single or double
quotes (without escapes), ``true``, ``false`` and ``none``. `Converter.arguments` says how a converter wants them. The
pattern around a converter is read in `pattern_parser`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from costrel.errors import ConfigurationError
from costrel.routing import mistakes
from costrel.routing.conversion import Converter
from costrel.routing.segments import Parameter

__all__ = ["find_end_of_arguments", "make_parameter", "split_spec"]

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_FLOAT = re.compile(r"[+-]?[0-9]{1,18}\.[0-9]{1,18}", re.ASCII)
_ITEM = re.compile(
    r"""\s*(?:(?P<name>[A-Za-z_]\w*)\s*=\s*)?(?P<value>"[^"]*"|'[^']*'|[^\s,"'()=]+)\s*(?:,|\Z)""", re.ASCII
)
_QUOTES = "\"'"
_CONSTANTS: Mapping[str, bool | None] = {"true": True, "false": False, "none": None}


def make_parameter(
    name: str,
    spec: tuple[str, str] | None,
    converters: Mapping[str, type[Converter]],
    pattern_text: str,
    where: str = "",
) -> Parameter:
    """Make a parameter and its converter.

    Args:
        name: the parameter's name, already checked.
        spec: the converter's name and the text of its arguments, or `None` for the default ``str``.
        converters: the application's converters by name.
        pattern_text: the pattern, for messages.
        where: the place in the application's code, for messages.

    Returns:
        The parameter.

    Raises:
        ConfigurationError: the converter does not exist or does not take these arguments.
    """
    converter_name, arguments_text = spec or ("str", "")
    converter_class = converters.get(converter_name)
    if converter_class is None:
        raise ConfigurationError(mistakes.unknown_converter(pattern_text, converter_name, converters, where))
    style = converter_class.arguments
    positional: tuple[object, ...]
    named: dict[str, object] = {}
    try:
        if style == "text":
            positional = (_unquote(arguments_text.strip()),)
        else:
            positional, named = _read_arguments(arguments_text, words=style == "words")
        converter = converter_class(*positional, **named)
    except (TypeError, ValueError) as error:
        if style == "text":
            mistake = mistakes.unsafe_regex(pattern_text, str(positional[0]), str(error), where)
        else:
            mistake = mistakes.wrong_arguments(pattern_text, converter_name, _reason(error), where)
        raise ConfigurationError(mistake) from error
    identity = (converter_class, positional, tuple(sorted(named.items())))
    return Parameter(name, converter, identity, has_converter=spec is not None)


def split_spec(spec: str) -> tuple[str, str]:
    """Split a converter as written into its name and the text of its arguments.

    Args:
        spec: for example ``"int(min=1)"``.

    Returns:
        For example ``("int", "min=1")``; the second is empty without parentheses.
    """
    name, _, rest = spec.partition("(")
    return name, rest.removesuffix(")")


def find_end_of_arguments(text: str, start: int, style: str) -> int | None:
    """Find the parenthesis that closes the arguments of a converter.

    Args:
        text: the pattern.
        start: the position after the opening parenthesis.
        style: the converter's `Converter.arguments`.

    Returns:
        The position of the closing parenthesis, or `None` when there is none.
    """
    first = text[start : start + 1]
    if style == "text" and first not in _QUOTES:
        return _find_end_of_regex(text, start)
    quote = ""
    for position in range(start, len(text)):
        sign = text[position]
        if quote:
            # A quoted expression may contain the quote itself: only one before the parenthesis ends it.
            if sign == quote and (style != "text" or text[position + 1 : position + 2] == ")"):
                quote = ""
        elif sign in _QUOTES:
            quote = sign
        elif sign == ")":
            return position
    return None


def _find_end_of_regex(text: str, start: int) -> int | None:
    """Find the closing parenthesis after an expression without quotes: escapes, classes and groups are skipped."""
    depth = 0
    position = start
    while position < len(text):
        sign = text[position]
        if sign == "\\":
            position += 1
        elif sign == "[":
            # A "]" right after the opening bracket, or after "[^", belongs to the class.
            position += 2 if text[position + 1 : position + 2] == "^" else 1
            position += text[position : position + 1] == "]"
            while position < len(text) and text[position] != "]":
                position += 2 if text[position] == "\\" else 1
        elif sign == "(":
            depth += 1
        elif sign == ")":
            if depth == 0:
                return position
            depth -= 1
        position += 1
    return None


def _read_arguments(text: str, *, words: bool) -> tuple[tuple[object, ...], dict[str, object]]:
    positional: list[object] = []
    named: dict[str, object] = {}
    position = 0
    while position < len(text):
        match = _ITEM.match(text, position)
        if match is None:
            raise ValueError(f"`{text[position:].strip()}` is not a list of literals")
        value = _unquote(match["value"]) if words else _read_literal(match["value"])
        if match["name"] is None:
            if named:
                raise ValueError("an argument without a name stands after one with a name")
            positional.append(value)
        elif words or match["name"] in named:
            raise ValueError(f"`{match['name']}` cannot be given by name here")
        else:
            named[match["name"]] = value
        position = match.end()
    return tuple(positional), named


def _read_literal(text: str) -> object:
    if text[0] in _QUOTES:
        return _unquote(text)
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if text.lower() in _CONSTANTS:
        return _CONSTANTS[text.lower()]
    raise ValueError(f"`{text}` is not a literal")


def _unquote(text: str) -> str:
    is_quoted = len(text) > 1 and text[0] in _QUOTES and text[-1] == text[0]
    return text[1:-1] if is_quoted else text


def _reason(error: Exception) -> str:
    """The message of the constructor, without the name of the method that Python puts before it."""
    return str(error).rpartition("__init__() ")[2].rstrip(".")

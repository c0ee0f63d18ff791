"""Converters: the text of one path parameter to a Python value and back.

A converter is made at build from the arguments in the pattern, for example ``{year:int(fixed_digits=4)}``, and runs
while a path is matched: a `ValueError` from `Converter.parse` means that the pattern does not match, so the client
sees 404 and never a traceback. Every parser here is linear, reads ASCII digits only and has a limit.

There is no registry: `BUILTIN_CONVERTERS` is read-only, and an application copies it and adds its own. What a
converter is says `conversion`; the regular expressions of `RegexConverter` are judged in `regex_safety`.
"""

from __future__ import annotations

import datetime
import math
import re
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal

from costrel.routing.conversion import Converter
from costrel.routing.regex_safety import check_linear, languages_overlap
from costrel.routing.regex_syntax import Automaton, parse_regex

__all__ = [
    "BUILTIN_CONVERTERS",
    "AnyConverter",
    "DateConverter",
    "FloatConverter",
    "IntConverter",
    "PathConverter",
    "RegexConverter",
    "StrConverter",
    "UUIDConverter",
    "converter_for_annotation",
]

_MAX_DIGITS = 18
_MAX_FLOAT_LENGTH = 64
_FLOAT = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class StrConverter(Converter):
    """Any text of one segment.

    Args:
        minlength: the least number of characters, 1 or more.
        maxlength: the greatest number of characters; `None` is no limit.
        length: the exact number of characters; `None` leaves it to the other two.
    """

    def __init__(self, minlength: int = 1, maxlength: int | None = None, length: int | None = None) -> None:
        if length is not None:
            minlength = maxlength = length
        if minlength < 1 or (maxlength is not None and maxlength < minlength):
            raise ValueError("lengths are 1 or more, and `maxlength` is not below `minlength`")
        self.minlength = minlength
        self.maxlength = maxlength
        self.is_limited: bool = minlength > 1 or maxlength is not None
        self.weight = 48 if self.is_limited else 50

    def parse(self, text: str) -> str:
        """Accept the text if its length is within the limits."""
        if self.is_limited and (
            len(text) < self.minlength or (self.maxlength is not None and len(text) > self.maxlength)
        ):
            raise ValueError("the length is out of range")
        return text

    def format(self, value: object) -> str:
        """Accept anything with a `str` of the right length."""
        return self.parse(str(value))

    def overlaps(self, other: Converter) -> bool:
        """Two of them are apart when their lengths are."""
        if not isinstance(other, StrConverter):
            return True
        return (other.maxlength is None or self.minlength <= other.maxlength) and (
            self.maxlength is None or other.minlength <= self.maxlength
        )


class IntConverter(Converter):
    """A decimal integer of 1 to 18 ASCII digits.

    Args:
        fixed_digits: the exact number of digits, padded with zeros; 0 allows any number.
        min: the least value; `None` is 0, or no limit when signed.
        max: the greatest value; `None` is no limit.
        signed: whether a leading ``-`` is allowed.
    """

    weight = 30

    def __init__(
        self, fixed_digits: int = 0, min: int | None = None, max: int | None = None, signed: bool = False
    ) -> None:
        if not 0 <= fixed_digits <= _MAX_DIGITS:
            raise ValueError(f"`fixed_digits` is 0 to {_MAX_DIGITS}")
        largest = 10 ** (fixed_digits or _MAX_DIGITS) - 1
        least = -largest if signed else 0
        self.fixed_digits = fixed_digits
        self.signed = signed
        self.min: int = least if min is None else min
        self.max: int = largest if max is None else max
        if not least <= self.min <= self.max <= largest:
            raise ValueError(f"`min` and `max` are between {least} and {largest}, and `max` is not below `min`")
        self._is_plain = not fixed_digits and self.min == 0 and self.max == largest

    def parse(self, text: str) -> int:
        """Read the digits; length first, so that no long number is ever computed."""
        if self._is_plain and len(text) <= _MAX_DIGITS and text.isascii() and text.isdigit():
            return int(text)
        digits = text[1:] if self.signed and text[:1] == "-" else text
        if len(digits) > _MAX_DIGITS or not (digits.isascii() and digits.isdigit()):
            raise ValueError("not an integer")
        if self.fixed_digits and len(digits) != self.fixed_digits:
            raise ValueError("the wrong number of digits")
        value = int(text)
        if not self.min <= value <= self.max:
            raise ValueError("out of range")
        return value

    def format(self, value: object) -> str:
        """Accept an `int` in range, or text that `parse` accepts."""
        if isinstance(value, str):
            value = self.parse(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("an `int` is needed")
        if not self.min <= value <= self.max:
            raise ValueError(f"an `int` from {self.min} to {self.max} is needed")
        digits = str(abs(value)).zfill(self.fixed_digits)
        return f"-{digits}" if value < 0 else digits

    def overlaps(self, other: Converter) -> bool:
        """Two of them are apart when their ranges or their numbers of digits are."""
        if not isinstance(other, IntConverter):
            return True
        if self.fixed_digits and other.fixed_digits and self.fixed_digits != other.fixed_digits:
            return False
        return self.min <= other.max and other.min <= self.max


class FloatConverter(Converter):
    """A finite decimal number: digits, optionally a fraction and an exponent.

    ``nan``, ``inf`` and numbers that overflow to infinity do not match.

    Args:
        min: the least value; `None` is 0, or no limit when signed.
        max: the greatest value; `None` is no limit.
        signed: whether a leading ``-`` is allowed.
    """

    weight = 35

    def __init__(self, min: float | None = None, max: float | None = None, signed: bool = False) -> None:
        self.signed = signed
        self.min: float = (-math.inf if signed else 0.0) if min is None else float(min)
        self.max: float = math.inf if max is None else float(max)
        if not self.min <= self.max:
            raise ValueError("`max` is below `min`")

    def parse(self, text: str) -> float:
        """Read the number; at most 64 characters."""
        if len(text) > _MAX_FLOAT_LENGTH or _FLOAT.fullmatch(text) is None or (text[0] == "-" and not self.signed):
            raise ValueError("not a number")
        return self._checked(float(text))

    def format(self, value: object) -> str:
        """Accept a finite `float` or `int` in range, or text that `parse` accepts."""
        if isinstance(value, str):
            value = self.parse(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("a `float` is needed")
        text = repr(self._checked(float(value)))
        return text if self.signed else text.removeprefix("-")

    def _checked(self, value: float) -> float:
        if not math.isfinite(value) or not self.min <= value <= self.max:
            raise ValueError("out of range")
        return value


class UUIDConverter(Converter):
    """A UUID in its canonical form: 36 ASCII characters, hexadecimal digits of either case.

    Spec:
        RFC 9562 §4.
    """

    weight = 20

    def parse(self, text: str) -> uuid.UUID:
        """Read the canonical form only: no braces, no ``urn:``, hyphens where they belong."""
        if _UUID.fullmatch(text) is None:
            raise ValueError("not a UUID")
        return uuid.UUID(text)

    def format(self, value: object) -> str:
        """Accept a `uuid.UUID`, or text that `parse` accepts."""
        if isinstance(value, str):
            value = self.parse(value)
        if not isinstance(value, uuid.UUID):
            raise ValueError("a `uuid.UUID` is needed")
        return str(value)


class DateConverter(Converter):
    """A calendar date, ``YYYY-MM-DD``.

    Spec:
        RFC 3339 §5.6 (full-date).
    """

    weight = 25

    def parse(self, text: str) -> datetime.date:
        """Read a date that exists."""
        if _DATE.fullmatch(text) is None:
            raise ValueError("not a date")
        return datetime.date.fromisoformat(text)

    def format(self, value: object) -> str:
        """Accept a `datetime.date` without a time, or text that `parse` accepts."""
        if isinstance(value, str):
            value = self.parse(value)
        if isinstance(value, datetime.datetime) or not isinstance(value, datetime.date):
            raise ValueError("a `datetime.date` is needed")
        return value.isoformat()


class PathConverter(Converter):
    """One or more whole segments with the ``/`` between them; never empty.

    Args:
        leading_slash: whether the text may begin with ``/``. By default it may not, because a file name that
            begins with ``/`` escapes the directory it is joined to; an application mounted under a prefix must
            be given every path and allows it.
    """

    spans_segments = True
    weight = 90

    def __init__(self, leading_slash: bool = False) -> None:
        self.leading_slash = leading_slash

    def parse(self, text: str) -> str:
        """Accept text that is not empty."""
        if not text or (text[0] == "/" and not self.leading_slash):
            raise ValueError("empty, or begins with a slash")
        return text

    def format(self, value: object) -> str:
        """Accept anything whose `str` is not empty."""
        return self.parse(str(value))


class AnyConverter(Converter):
    """One of a few words.

    Args:
        choices: the words, at least one; written bare or in quotes: ``any(en, de, "x,y")``.
    """

    weight = 10
    arguments: ClassVar[Literal["literals", "words", "text"]] = "words"

    def __init__(self, *choices: str) -> None:
        if not choices or not all(choices) or any("/" in choice for choice in choices):
            raise ValueError("at least one word is needed, and a word is not empty and has no `/`")
        self.choices: frozenset[str] = frozenset(choices)

    def parse(self, text: str) -> str:
        """Accept one of the words, exactly."""
        if text not in self.choices:
            raise ValueError("not one of the choices")
        return text

    def format(self, value: object) -> str:
        """Accept anything whose `str` is one of the words."""
        return self.parse(str(value))

    def overlaps(self, other: Converter) -> bool:
        """Try the words; there are only a few."""
        return any(_accepts(other, choice) for choice in self.choices)


class RegexConverter(Converter):
    """Text of one segment that a regular expression matches as a whole.

    ``\\d``, ``\\w`` and ``\\s`` mean ASCII. What is not in the subset of `regex_syntax`, and what could take more than
    linear time, is refused when the pattern is parsed.

    Args:
        expression: the expression, without anchors.
    """

    weight = 40
    arguments: ClassVar[Literal["literals", "words", "text"]] = "text"

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.automaton: Automaton = parse_regex(expression)
        check_linear(self.automaton)
        self._fullmatch = re.compile(expression, re.ASCII).fullmatch

    def parse(self, text: str) -> str:
        """Accept text that matches from its first to its last character."""
        if self._fullmatch(text) is None:
            raise ValueError("does not match")
        return text

    def format(self, value: object) -> str:
        """Accept anything whose `str` matches."""
        return self.parse(str(value))

    def overlaps(self, other: Converter) -> bool:
        """Two of them are apart when no text matches both."""
        return not isinstance(other, RegexConverter) or languages_overlap(self.automaton, other.automaton)


def _accepts(converter: Converter, text: str) -> bool:
    try:
        converter.parse(text)
    except ValueError:
        return False
    return True


BUILTIN_CONVERTERS: Mapping[str, type[Converter]] = MappingProxyType(
    {
        "any": AnyConverter,
        "date": DateConverter,
        "float": FloatConverter,
        "int": IntConverter,
        "path": PathConverter,
        "regex": RegexConverter,
        "str": StrConverter,
        "string": StrConverter,
        "uuid": UUIDConverter,
    }
)
"""The converters every application starts with, by the name that is written in a pattern."""

_BY_ANNOTATION: Mapping[object, str] = MappingProxyType(
    {int: "int", float: "float", uuid.UUID: "uuid", datetime.date: "date"}
)


def converter_for_annotation(annotation: object) -> str | None:
    """Name the converter that an annotation on a path parameter implies.

    Args:
        annotation: the evaluated annotation of the handler's parameter.

    Returns:
        ``"int"``, ``"float"``, ``"uuid"`` or ``"date"`` for exactly those types; `None` for everything else.

    >>> converter_for_annotation(int)
    'int'
    >>> converter_for_annotation(bool) is None
    True
    """
    try:
        return _BY_ANNOTATION.get(annotation)
    except TypeError:  # an annotation may be unhashable, for example Annotated[int, []]
        return None

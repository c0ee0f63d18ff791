"""How patterns are written, and the parser of it.

    /users/{id}                  one segment, as `str`
    /users/{id:int}              with a converter, and with arguments: {id:int(min=1)}
    /users/<int:id>              the same in Flask's notation
    /archive/{year:int?}         the last segment may be left out
    /{a}-{b}.{ext}               several parameters in one segment
    /files/{name:path}           the rest of the path, slashes included

Literal text is written decoded and compared exactly: no case folding, no percent-encoding, no empty segments. All
mistakes are found here or in `Pattern.check`; the messages are in `mistakes`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from keyword import iskeyword
from typing import NoReturn

from costrel.errors import ConfigurationError, Mistake
from costrel.routing import mistakes
from costrel.routing.conversion import Converter
from costrel.routing.converter_specs import find_end_of_arguments, make_parameter
from costrel.routing.converters import BUILTIN_CONVERTERS
from costrel.routing.pattern import Pattern
from costrel.routing.segments import Parameter, Segment

__all__ = ["parse_pattern"]

_LITERAL = re.compile(r"[^/{}<>*?#%]+|%(?![0-9A-Fa-f]{2})")
_NAME_STOPS = ":?{}<>/()"
_CONVERTER_STOPS = "?{}<>/("


def parse_pattern(
    text: str, converters: Mapping[str, type[Converter]] = BUILTIN_CONVERTERS, where: str = ""
) -> Pattern:
    """Parse a pattern.

    Args:
        text: the pattern; the module's docstring has the notation.
        converters: the application's converters by name.
        where: the place in the application's code, ``path/to/file.py:41``, for messages.

    Returns:
        The pattern.

    Raises:
        ConfigurationError: the pattern is wrong; the mistake says how and what to write.

    >>> parse_pattern("/users/{id:int}").parameters
    ('id',)
    """
    if not text.startswith("/"):
        raise ConfigurationError(mistakes.no_leading_slash(text, where))
    pattern = _Parser(text, converters, where).parse()
    pattern.check()
    return pattern


class _Parser:
    """One pass over the text, from left to right."""

    def __init__(self, text: str, converters: Mapping[str, type[Converter]], where: str) -> None:
        self.text = text
        self.converters = converters
        self.where = where
        self.position = 1
        self.segments: list[Segment] = []
        self.pieces: list[str | Parameter] = []
        self.optional_name = ""

    def parse(self) -> Pattern:
        text = self.text
        while self.position < len(text):
            sign = text[self.position]
            if self.optional_name and (sign != "/" or self.position != len(text) - 1):
                self.refuse(mistakes.misplaced_optional(text, self.optional_name, self.where))
            if sign == "/":
                self.end_segment()
                self.position += 1
            elif sign in "{<":
                self.parameter("}" if sign == "{" else ">")
            else:
                self.literal(sign)
        has_trailing_slash = not self.pieces and bool(self.segments)
        if self.pieces:
            self.end_segment()
        return Pattern(text, tuple(self.segments), has_trailing_slash, bool(self.optional_name), self.where)

    def end_segment(self) -> None:
        if not self.pieces:
            self.refuse(mistakes.impossible_text(self.text, "//", self.where))
        if self.optional_name and len(self.pieces) > 1:
            self.refuse(mistakes.misplaced_optional(self.text, self.optional_name, self.where))
        self.segments.append(Segment(tuple(self.pieces)))
        self.pieces = []

    def literal(self, sign: str) -> None:
        if sign in "}>":
            self.refuse(mistakes.unbalanced(self.text, self.position, self.where))
        if sign == ":" and not self.pieces:
            end = self.text.find("/", self.position)
            notation = self.text[self.position : end if end > 0 else None]
            self.refuse(mistakes.foreign_notation(self.text, notation, self.where))
        if sign == "*":
            self.refuse(mistakes.foreign_notation(self.text, sign, self.where))
        match = _LITERAL.match(self.text, self.position)
        if match is None:
            part = self.text[self.position : self.position + 3] if sign == "%" else sign
            self.refuse(mistakes.impossible_text(self.text, part, self.where))
        if self.pieces and isinstance(self.pieces[-1], str):
            self.pieces[-1] += match[0]
        else:
            self.pieces.append(match[0])
        self.position = match.end()

    def parameter(self, closing: str) -> None:
        start = self.position
        self.position += 1
        spec: tuple[str, str] | None = None
        if closing == "}":
            name = self.word(_NAME_STOPS)
            if self.skip(":"):
                spec = self.converter(_CONVERTER_STOPS)
        else:
            name = self.word(_NAME_STOPS)
            if self.text[self.position : self.position + 1] in (":", "("):
                self.position -= len(name)
                spec = self.converter(_NAME_STOPS)
                if not self.skip(":"):
                    self.refuse(mistakes.unbalanced(self.text, start, self.where))
                name = self.word(_NAME_STOPS)
        is_optional = self.skip("?")
        if not self.skip(closing):
            self.refuse(mistakes.unbalanced(self.text, start, self.where))
        if not name.isidentifier() or iskeyword(name):
            self.refuse(mistakes.unusable_name(self.text, name, self.where))
        if is_optional:
            self.optional_name = name
        self.pieces.append(make_parameter(name, spec, self.converters, self.text, self.where))

    def converter(self, stops: str) -> tuple[str, str]:
        name = self.word(stops)
        if name not in self.converters:
            self.refuse(mistakes.unknown_converter(self.text, name, self.converters, self.where))
        if not self.skip("("):
            return name, ""
        start = self.position
        end = find_end_of_arguments(self.text, start, self.converters[name].arguments)
        if end is None:
            self.refuse(mistakes.unbalanced(self.text, start - 1, self.where))
        self.position = end + 1
        return name, self.text[start:end]

    def word(self, stops: str) -> str:
        start = self.position
        while self.position < len(self.text) and self.text[self.position] not in stops:
            self.position += 1
        return self.text[start : self.position]

    def skip(self, sign: str) -> bool:
        found = self.text.startswith(sign, self.position)
        self.position += found
        return found

    def refuse(self, mistake: Mistake) -> NoReturn:
        raise ConfigurationError(mistake)

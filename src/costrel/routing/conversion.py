"""What a converter is: the class that every converter, built in or an application's own, derives from.

A converter turns the percent-decoded text of one path parameter into a value for the handler, and a value back into
text when a URL is built. The built-in ones live in `converters`; how the arguments in a pattern are read, in
`converter_specs`.
"""

from __future__ import annotations

from typing import ClassVar, Literal

__all__ = ["Converter"]


class Converter:
    """The base of all converters; subclass it and add the subclass with ``app.converter("name")``.

    As it stands it hands the text over unchanged. A subclass overrides `parse` and `format` so that
    ``parse(format(value)) == value``; its ``__init__`` takes the arguments written in the pattern.

    >>> class Upper(Converter):
    ...     def parse(self, text: str) -> str:
    ...         if not text.islower():
    ...             raise ValueError("not lower case")
    ...         return text.upper()
    ...
    ...     def format(self, value: object) -> str:
    ...         return str(value).lower()
    >>> Upper().parse("abc")
    'ABC'
    """

    spans_segments: ClassVar[bool] = False
    """Whether the text may contain ``/``: such a parameter takes one or more whole segments."""

    weight: int = 45
    """How specific the converter is, 0 to 99: where several patterns match, the lowest weight wins; `str` has 50."""

    arguments: ClassVar[Literal["literals", "words", "text"]] = "literals"
    """How the arguments in the pattern are read: Python literals, a list of words, or the whole text as one string."""

    def parse(self, text: str) -> object:
        """Convert the percent-decoded text of a parameter.

        Args:
            text: one character or more; it contains ``/`` only when `spans_segments`.

        Returns:
            The value for the handler.

        Raises:
            ValueError: the text is not one of this converter's; the pattern does not match.
        """
        return text

    def format(self, value: object) -> str:
        """Convert a value to the text in a path, before percent-encoding.

        Args:
            value: what the caller of ``url_for`` gave.

        Returns:
            Text that `parse` converts to an equal value.

        Raises:
            ValueError: the value has no text that `parse` would accept.
        """
        return str(value)

    def overlaps(self, other: Converter) -> bool:
        """Say whether some text may be accepted by both; used at build to find ambiguous routes.

        Args:
            other: any other converter.

        Returns:
            `False` only when it is certain that no text is accepted by both.
        """
        return True

"""One segment of a pattern: literal text, one parameter, or literals and parameters in turn.

A segment knows how to read the text between two slashes, how to write it, how specific it is, and whether some text
may be read by it and by another segment. Nothing here knows of whole paths (`pattern`) or of many routes (`tree`).

A segment with several parameters is split from left to right: each parameter takes the shortest text that is not
empty, the last one takes the rest. So ``{name}.{ext}`` reads ``a.b.c`` as ``a`` and ``b.c``, in time linear in the
length.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from costrel.http import encode_path, encode_segment
from costrel.routing.conversion import Converter

__all__ = ["Parameter", "Segment", "SegmentKey", "UnusableValue"]

SegmentKey = tuple[int, ...]
"""How specific a segment is; smaller is more specific. The first number is its kind: 0 literal to 3 path."""

LITERAL, MIXED, SINGLE, SPAN = range(4)


class UnusableValue(ValueError):
    """A value that a URL cannot have in its place; the message names parameter, value and reason.

    Args:
        values: what was given, by parameter; several where only together they do not fit.
        reason: why not.
    """

    def __init__(self, values: Mapping[str, object], reason: str) -> None:
        names = " and ".join(f"`{name}`" for name in values)
        shown = " and ".join(repr(value) for value in values.values())
        super().__init__(f"{names} cannot be {shown}: {reason}")
        self.values: dict[str, object] = dict(values)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a pattern.

    Attributes:
        name: an identifier.
        converter: made from the arguments in the pattern.
        identity: the converter's class and arguments; equal for converters that behave alike.
        has_converter: whether the pattern names the converter; where it does not, an annotation may imply one.
    """

    name: str
    converter: Converter = field(compare=False)
    identity: tuple[object, ...]
    has_converter: bool


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a pattern; two parameters are never next to each other.

    Attributes:
        pieces: literal text and parameters, in order, at least one.
    """

    pieces: tuple[str | Parameter, ...]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters, in order."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Parameter))

    @property
    def literal(self) -> str | None:
        """The text of a segment without parameters, else `None`."""
        first = self.pieces[0]
        return first if isinstance(first, str) and len(self.pieces) == 1 else None

    @property
    def single(self) -> Parameter | None:
        """The parameter of a segment that is nothing else, else `None`."""
        first = self.pieces[0]
        return first if isinstance(first, Parameter) and len(self.pieces) == 1 else None

    @property
    def spans_segments(self) -> bool:
        """Whether its parameter takes several segments of a path."""
        return self.single is not None and self.single.converter.spans_segments

    @property
    def key(self) -> SegmentKey:
        """How specific it is: literal, then mixed with more literal text first, then by the converter's weight."""
        weights = tuple(parameter.converter.weight for parameter in self.parameters)
        if self.literal is not None:
            return (LITERAL,)
        if self.single is None:
            return (MIXED, -sum(len(piece) for piece in self.pieces if isinstance(piece, str)), *weights)
        return (SPAN if self.spans_segments else SINGLE, *weights)

    @property
    def shape(self) -> tuple[object, ...]:
        """The segment without the names of its parameters; equal shapes read the same texts."""
        return tuple(piece if isinstance(piece, str) else piece.identity for piece in self.pieces)

    def parse(self, text: str) -> tuple[object, ...]:
        """Read the text of one segment.

        Args:
            text: the percent-decoded text, not empty.

        Returns:
            The values of the parameters, in order.

        Raises:
            ValueError: the text does not match.
        """
        parts = zip(self.parameters, self.split(text), strict=True)
        return tuple(parameter.converter.parse(part) for parameter, part in parts)

    def format(self, values: Mapping[str, object]) -> str:
        """Write the segment, percent-encoded.

        Args:
            values: at least the values of its parameters.

        Returns:
            Text that, when decoded, `parse` reads as equal values.

        Raises:
            KeyError: a value is missing; its argument is the name.
            UnusableValue: a value does not fit.
        """
        texts = [self._text_of(parameter, values[parameter.name]) for parameter in self.parameters]
        try:
            return self._encode(texts)
        except ValueError as error:
            given = {parameter.name: values[parameter.name] for parameter in self.parameters}
            raise UnusableValue(given, str(error)) from error

    def split(self, text: str) -> list[str]:
        """Split the text of a segment at the literals.

        Args:
            text: the percent-decoded text.

        Returns:
            One text for each parameter, in order, none empty.

        Raises:
            ValueError: the literals are not all there, or a parameter would be empty.
        """
        texts: list[str] = []
        pieces = self.pieces
        position = 0
        last = len(pieces) - 1
        for index, piece in enumerate(pieces):
            if isinstance(piece, str):
                if not text.startswith(piece, position):
                    raise ValueError("the literal text does not match")
                position += len(piece)
                continue
            if index == last:
                end = len(text)
            else:
                separator = str(pieces[index + 1])
                end = len(text) - len(separator) if index + 1 == last else text.find(separator, position + 1)
            if end <= position:
                raise ValueError("a parameter would be empty")
            texts.append(text[position:end])
            position = end
        if position != len(text):
            raise ValueError("text is left over")
        return texts

    def may_overlap(self, other: Segment) -> bool:
        """Say whether some text may be read by both; neither may span segments.

        Args:
            other: any other segment.

        Returns:
            `False` only when it is certain that no text is read by both.
        """
        if other.literal is not None:
            return self._reads(other.literal)
        if self.literal is not None:
            return other._reads(self.literal)
        mine, theirs = self.single, other.single
        if mine is not None and theirs is not None:
            return mine.converter.overlaps(theirs.converter) and theirs.converter.overlaps(mine.converter)
        (head, tail), (other_head, other_tail) = self._ends(), other._ends()
        return (head.startswith(other_head) or other_head.startswith(head)) and (
            tail.endswith(other_tail) or other_tail.endswith(tail)
        )

    def _reads(self, text: str) -> bool:
        try:
            self.parse(text)
        except ValueError:
            return False
        return True

    def _ends(self) -> tuple[str, str]:
        """The literal text at the beginning and at the end."""
        first, last = self.pieces[0], self.pieces[-1]
        return first if isinstance(first, str) else "", last if isinstance(last, str) else ""

    def _text_of(self, parameter: Parameter, value: object) -> str:
        try:
            text = parameter.converter.format(value)
        except ValueError as error:
            raise UnusableValue({parameter.name: value}, str(error)) from error
        if not text:
            raise UnusableValue({parameter.name: value}, "the text is empty")
        # SECURITY: servers decode %2F before they split, so the URL would be that of another route.
        if "/" in text and not parameter.converter.spans_segments:
            raise UnusableValue({parameter.name: value}, "`/` needs the `path` converter")
        return text

    def _encode(self, texts: list[str]) -> str:
        following = iter(texts)
        whole = "".join(piece if isinstance(piece, str) else next(following) for piece in self.pieces)
        # SECURITY: RFC 3986 §5.2.4: clients resolve "." and ".." wherever they stand, and "%2E" is the same to them
        # (§6.2.2.2), so no spelling of the URL would lead here.
        if any(part in (".", "..") for part in whole.split("/")):
            raise ValueError("clients resolve a segment `.` or `..`")
        if self.spans_segments:
            return encode_path(whole)
        if self.split(whole) != texts:
            raise ValueError(f"`{whole}` would be split into other values")
        return encode_segment(whole)

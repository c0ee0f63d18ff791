"""A pattern: the path of a route with its parameters, parsed once and never changed.

A `Pattern` says which parameters it has, how specific it is, and builds paths from values. It does not match paths:
that is done for all routes together in `tree`. How patterns are written is in `pattern_parser`; what stands between
two slashes is a `Segment`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from costrel.errors import ConfigurationError
from costrel.routing import mistakes
from costrel.routing.conversion import Converter
from costrel.routing.converter_specs import make_parameter, split_spec
from costrel.routing.converters import BUILTIN_CONVERTERS
from costrel.routing.segments import Parameter, Segment, SegmentKey, UnusableValue

__all__ = ["MissingValue", "Pattern"]


class MissingValue(KeyError):
    """A value for a parameter was not given; the argument is the parameter's name."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """The parsed path of a route; made by `parse_pattern`.

    Patterns are equal when they are written alike and have the same converters.

    Attributes:
        text: the pattern as written, for example ``/users/{id:int}``.
        segments: what stands between the slashes; empty for ``/``.
        has_trailing_slash: whether it is written with a slash at the end; false for ``/``.
        is_optional: whether the last segment may be left out: ``/archive/{year?}``.
        where: the place in the application's code, for messages.
    """

    text: str
    segments: tuple[Segment, ...]
    has_trailing_slash: bool = False
    is_optional: bool = False
    where: str = field(default="", compare=False)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters, from left to right."""
        return tuple(parameter.name for parameter in self._parameters())

    @property
    def required_parameters(self) -> tuple[str, ...]:
        """The names of the parameters that `format` must be given."""
        return self.parameters[:-1] if self.is_optional else self.parameters

    @property
    def converters(self) -> Mapping[str, Converter]:
        """The converter of each parameter, by name."""
        return MappingProxyType({parameter.name: parameter.converter for parameter in self._parameters()})

    @property
    def template(self) -> str:
        """The path with bare names in braces, whatever the notation: ``/users/{id}``."""
        parts = [
            "".join(piece if isinstance(piece, str) else f"{{{piece.name}}}" for piece in segment.pieces)
            for segment in self.segments
        ]
        return self._join(parts)

    @property
    def specificity(self) -> tuple[SegmentKey, ...]:
        """How specific the pattern is; of two patterns that match a path, the smaller wins.

        Segments are compared from left to right: literal text, then literal text with parameters, then one parameter
        by the weight of its converter, then a parameter that spans segments (with more segments after it first).
        """
        keys = []
        for index, segment in enumerate(self.segments):
            key = segment.key
            if segment.spans_segments:
                following_count = len(self.segments) - index - 1
                key = (key[0], -following_count, self.keeps_slash, *key[1:])
            keys.append(key)
        return tuple(keys)

    @property
    def keeps_slash(self) -> bool:
        """Whether a slash at the end of a path belongs to the value of the last parameter."""
        return bool(self.segments) and self.segments[-1].spans_segments and not self.has_trailing_slash

    @property
    def literal_path(self) -> str | None:
        """The only path it matches when it has no parameters, else `None`."""
        parts = [segment.literal for segment in self.segments]
        return self._join([part for part in parts if part is not None]) if None not in parts else None

    def expand(self) -> tuple[Pattern, ...]:
        """Resolve an optional last segment.

        Returns:
            The pattern itself, or, when its last segment is optional, the pattern with it and the one without.
        """
        if not self.is_optional:
            return (self,)
        return replace(self, is_optional=False), replace(self, segments=self.segments[:-1], is_optional=False)

    def format(self, values: Mapping[str, object]) -> tuple[str, dict[str, object]]:
        """Build a path.

        Args:
            values: by name; what the pattern does not use is handed back.

        Returns:
            The path, percent-encoded once, and the values that are left over.

        Raises:
            MissingValue: a parameter has no value; its argument is the name.
            UnusableValue: a value does not fit its converter, or the path would not lead back to this pattern.

        >>> from costrel.routing.pattern_parser import parse_pattern
        >>> parse_pattern("/users/{name}").format({"name": "a b", "page": 2})
        ('/users/a%20b', {'page': 2})
        """
        for name in self.required_parameters:
            if name not in values:
                raise MissingValue(name)
        segments = self.segments
        if self.is_optional and self.parameters[-1] not in values:
            segments = segments[:-1]
        path = self._join([segment.format(values) for segment in segments])
        # SECURITY: a path that begins with two slashes is read by browsers as another host (RFC 3986 §4.2).
        if path.startswith("//"):
            given = {name: values[name] for name in self.parameters if name in values}
            raise UnusableValue(given, f"`{path}` would lead to another host")
        used = set(self.parameters)
        return path, {name: value for name, value in values.items() if name not in used}

    def with_prefix(self, prefix: Pattern) -> Pattern:
        """Put another pattern before this one, as blueprints do.

        Args:
            prefix: the pattern of the prefix; a slash at its end is dropped.

        Returns:
            The joined pattern; ``/`` after a prefix becomes the prefix with a slash at its end.

        Raises:
            ConfigurationError: a name stands in both, both span segments, or the prefix has an optional segment.
        """
        if not prefix.segments:
            return self
        text = prefix.text.rstrip("/") + self.text
        if prefix.is_optional:
            raise ConfigurationError(mistakes.misplaced_optional(text, prefix.parameters[-1], self.where))
        joined = replace(
            self,
            text=text,
            segments=prefix.segments + self.segments,
            has_trailing_slash=self.has_trailing_slash or not self.segments,
        )
        joined.check()
        return joined

    def with_converters(
        self, overrides: Mapping[str, str], converters: Mapping[str, type[Converter]] = BUILTIN_CONVERTERS
    ) -> Pattern:
        """Give parameters the converters that the handler's annotations imply.

        Args:
            overrides: by name of the parameter, a converter as it is written in a pattern, for example ``"int"``.
                Names that the pattern does not have are ignored, and so are parameters whose converter is written.
            converters: the application's converters by name.

        Returns:
            The pattern with these converters and the same text.

        Raises:
            ConfigurationError: a converter does not exist or does not take its arguments.
        """

        def convert(piece: str | Parameter) -> str | Parameter:
            if isinstance(piece, str) or piece.has_converter or piece.name not in overrides:
                return piece
            return make_parameter(piece.name, split_spec(overrides[piece.name]), converters, self.text, self.where)

        changed = replace(self, segments=tuple(Segment(tuple(map(convert, s.pieces))) for s in self.segments))
        changed.check()
        return changed

    def may_overlap(self, other: Pattern) -> bool:
        """Say whether some path may match both patterns; a slash at the end is not looked at.

        Args:
            other: any other pattern, neither with an optional segment.

        Returns:
            `False` only when it is certain that no path matches both.
        """
        mine, theirs = self.segments, other.segments
        if not any(segment.spans_segments for segment in (*mine, *theirs)):
            return len(mine) == len(theirs) and all(a.may_overlap(b) for a, b in zip(mine, theirs, strict=True))
        # Compared from both ends up to the first segment that spans several: what lies between may be anything.
        for a, b in zip(mine, theirs, strict=False):
            if a.spans_segments or b.spans_segments:
                break
            if not a.may_overlap(b):
                return False
        for a, b in zip(reversed(mine), reversed(theirs), strict=False):
            if a.spans_segments or b.spans_segments:
                break
            if not a.may_overlap(b):
                return False
        return all(
            len(fixed) >= len(spanning)
            for fixed, spanning in ((mine, theirs), (theirs, mine))
            if not any(segment.spans_segments for segment in fixed)
        )

    def check(self) -> None:
        """Check the rules that concern the pattern as a whole.

        Raises:
            ConfigurationError: a name stands twice, two parameters touch, or a parameter that spans segments is not
                alone in its segment or not the only one.
        """
        for name, count in Counter(self.parameters).items():
            if count > 1:
                raise ConfigurationError(mistakes.duplicate_parameter(self.text, name, self.where))
        spanning = 0
        for segment in self.segments:
            for left, right in zip(segment.pieces, segment.pieces[1:], strict=False):
                if isinstance(left, Parameter) and isinstance(right, Parameter):
                    raise ConfigurationError(mistakes.adjacent_parameters(self.text, left.name, right.name, self.where))
            for parameter in segment.parameters:
                if parameter.converter.spans_segments:
                    spanning += 1
                    if spanning > 1 or segment.single is None:
                        raise ConfigurationError(mistakes.misplaced_path(self.text, parameter.name, self.where))

    def _parameters(self) -> list[Parameter]:
        return [parameter for segment in self.segments for parameter in segment.parameters]

    def _join(self, parts: list[str]) -> str:
        return "/" + "/".join(parts) + ("/" if self.has_trailing_slash and parts else "")

"""Header sections: ordered, case-insensitive, and with several lines of one name where HTTP allows them.

A section is a list of ``(lower-case name, value)`` in bytes, as it came or will go over the wire; text is made only
of what is asked for. `RequestHeaders` is what a client sent and cannot be changed; `Headers` is what the application
sends, checked by `fields` as it is set. Both read alike, which is `FieldSection`.

Lines of one name are never joined behind the reader's back: ``h["accept"]`` is the first line, `getlist` gives all,
and `get_combined` joins a list field as RFC 9110 §5.3 says. Set-Cookie cannot be joined at all.

Spec: RFC 9110 §5.2, §5.3, §6.3.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, Mapping, MutableMapping
from typing import Self, TypeAlias, TypeVar, overload

from costrel.http.fields import SENSITIVE_FIELDS, field_name, field_value, lookup_name
from costrel.http.methods import is_token

__all__ = ["FieldLines", "FieldSection", "Headers", "RequestHeaders"]

FieldLines: TypeAlias = "Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]"
"""What a header section can be made of: a mapping, another section, or pairs in order."""

_T = TypeVar("_T")


class FieldSection(Mapping[str, str]):
    """The half of a header section that reads.

    A mapping from field names, in any case, to the first value of each name as latin-1 text. Iterating gives each
    name once, in lower case and in the order of their first lines.

    Args:
        lines: the field lines to check and keep, by default none; another section keeps all of its lines.

    Raises:
        ValueError: a name or a value that cannot be sent, see `field_name` and `field_value`.
    """

    __slots__ = ("_fields", "_first_values")

    def __init__(self, lines: FieldLines | None = None) -> None:
        self._fields: list[tuple[bytes, bytes]] = [] if lines is None else _checked_lines(lines)
        # Name to first value, built by the first lookup.
        self._first_values: dict[bytes, bytes] | None = None

    @classmethod
    def from_raw(cls, pairs: list[tuple[bytes, bytes]]) -> Self:
        """Take over field lines that are known to be good, without checking or copying them.

        Args:
            pairs: names in lower case, values without surrounding whitespace. The list belongs to the section
                from now on: whoever passes it must not change it, and vouches for every byte.
        """
        section = cls.__new__(cls)
        section._fields = pairs
        section._first_values = None
        return section

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """The field lines in order, names in lower case; the section's own list, to be read only."""
        return self._fields

    def get_raw(self, name: bytes) -> bytes | None:
        """Give the first value of a name as bytes, or `None`.

        Args:
            name: in lower case; nothing is converted here, which makes this the fastest look.
        """
        first_values = self._first_values
        if first_values is None:
            # Read backwards, so that the first line of a name is the last to be written.
            first_values = self._first_values = dict(reversed(self._fields))
        return first_values.get(name)

    def getlist(self, name: str) -> list[str]:
        """Give the values of all lines of a name, in order; an empty list when there is none.

        Args:
            name: a field name in any case.
        """
        wanted = lookup_name(name)
        return [value.decode("latin-1") for key, value in self._fields if key == wanted]

    def get_combined(self, name: str) -> str | None:
        """Give all lines of a list field as one value, joined by commas, or `None`.

        Args:
            name: a field name in any case. Cookie lines are joined by semicolons.

        Raises:
            ValueError: the name is Set-Cookie, whose values contain commas; use `getlist`.

        Spec:
            RFC 9110 §5.3; RFC 6265 §5.4.

        >>> RequestHeaders([("Accept", "text/html"), ("Accept", "*/*;q=0.1")]).get_combined("accept")
        'text/html, */*;q=0.1'
        """
        wanted = lookup_name(name)
        if wanted == b"set-cookie":
            raise ValueError("Set-Cookie lines cannot be joined, because their values contain commas; use `getlist`")
        values = [value for key, value in self._fields if key == wanted]
        if not values:
            return None
        return (b"; " if wanted == b"cookie" else b", ").join(values).decode("latin-1")

    def __getitem__(self, name: str) -> str:
        value = self.get_raw(lookup_name(name))
        if value is None:
            raise KeyError(name)
        return value.decode("latin-1")

    @overload
    def get(self, name: str, /) -> str | None: ...

    @overload
    def get(self, name: str, /, default: str | _T) -> str | _T: ...

    def get(self, name: str, /, default: object = None) -> object:
        """Give the first value of a name, or `default` when there is no such line.

        Args:
            name: a field name in any case.
            default: what to give when the name is missing.
        """
        value = self.get_raw(lookup_name(name))
        return default if value is None else value.decode("latin-1")

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get_raw(lookup_name(name)) is not None

    def __iter__(self) -> Iterator[str]:
        return iter([name.decode("latin-1") for name in dict(self._fields)])

    def __len__(self) -> int:
        return len({name for name, _ in self._fields})

    def items(self, *, multi: bool = False) -> ItemsView[str, str]:
        """Give names with their values.

        Args:
            multi: give every line in order, not just the first of each name.
        """
        return _LinesView(self) if multi else ItemsView(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        if not isinstance(other, FieldSection):
            try:
                other = Headers(other)
            except (TypeError, ValueError):
                return False
        return self._values_by_name() == other._values_by_name()

    def _values_by_name(self) -> dict[bytes, list[bytes]]:
        """Group the values; the order of lines has a meaning only among lines of one name."""
        grouped: dict[bytes, list[bytes]] = {}
        for name, value in self._fields:
            grouped.setdefault(name, []).append(value)
        return grouped

    def __repr__(self) -> str:
        shown = [
            (name.decode("latin-1"), "***" if name in SENSITIVE_FIELDS else value.decode("latin-1"))
            for name, value in self._fields
        ]
        return f"{type(self).__name__}({shown!r})"


class RequestHeaders(FieldSection):
    """The header section of a request, which nobody changes.

    >>> headers = RequestHeaders.from_raw([(b"host", b"example.org")])
    >>> headers["Host"], headers.get("Accept"), "HOST" in headers
    ('example.org', None, True)
    """

    __slots__ = ()


class Headers(FieldSection, MutableMapping[str, str]):
    """A header section that is being put together, checked line by line as it grows.

    `update` and ``[...] =`` leave one line of each name; `add` and `extend` put lines beside the ones there are.

    >>> headers = Headers({"Content-Type": "text/html"})
    >>> headers.vary("Cookie")
    >>> headers.add("Set-Cookie", "a=1")
    >>> headers
    Headers([('content-type', 'text/html'), ('vary', 'Cookie'), ('set-cookie', '***')])
    """

    __slots__ = ()

    def __setitem__(self, name: str, value: str) -> None:
        wanted = field_name(name)
        line = (wanted, field_value(value))
        if self.get_raw(wanted) is None:
            self._fields.append(line)
        else:
            self._replace(wanted, line)
        self._first_values = None

    def __delitem__(self, name: str) -> None:
        wanted = lookup_name(name)
        if self.get_raw(wanted) is None:
            raise KeyError(name)
        self._replace(wanted, None)
        self._first_values = None

    def _replace(self, wanted: bytes, line: tuple[bytes, bytes] | None) -> None:
        """Put a line where the first of its name is, and take all others of the name away."""
        fields = self._fields
        start = next(index for index, (name, _) in enumerate(fields) if name == wanted)
        rest = [field for field in fields[start:] if field[0] != wanted]
        fields[start:] = rest if line is None else [line, *rest]

    def add(self, name: str | bytes, value: str | bytes) -> None:
        """Add a line after those that there are, also when the name has one.

        Args:
            name: a field name in any case.
            value: one field value.

        Raises:
            ValueError: the name or the value cannot be sent, see `field_name` and `field_value`.
        """
        self._fields.append((field_name(name), field_value(value)))
        self._first_values = None

    def extend(self, lines: FieldLines) -> None:
        """Add several lines, or none of them when one cannot be sent.

        Args:
            lines: a mapping, another section (all of its lines), or pairs in order.

        Raises:
            ValueError: a name or a value cannot be sent, see `field_name` and `field_value`.
        """
        self._fields.extend(_checked_lines(lines))
        self._first_values = None

    def clear(self) -> None:
        """Take all lines away."""
        self._fields.clear()
        self._first_values = None

    def copy(self) -> Headers:
        """Give a section with the same lines that can be changed on its own."""
        return Headers.from_raw(self._fields.copy())

    def vary(self, *names: str) -> None:
        """Say that the answer depends on these request fields, beside those said before.

        Args:
            names: field names in any case; ``"*"`` for anything at all, which outweighs every name.

        Raises:
            ValueError: a name is no field name.

        Spec:
            RFC 9110 §12.5.5.
        """
        said = [name.strip(" \t") for name in (self.get_combined("Vary") or "").split(",")]
        known = {name.lower(): name for name in said if name}
        for name in names:
            if not is_token(name.encode("ascii", "replace")):
                raise ValueError(f"{name[:100]!r} is not a field name, so nothing can vary by it")
            known.setdefault(name.lower(), name)
        if "*" in known:
            self["Vary"] = "*"
        elif known:
            self["Vary"] = ", ".join(known.values())

    def to_wire(self) -> bytes:
        r"""Format the section as it goes over the wire, without the empty line that ends it.

        >>> Headers({"Allow": "GET", "Age": "0"}).to_wire()
        b'allow: GET\r\nage: 0\r\n'
        """
        return b"".join([b"%b: %b\r\n" % field for field in self._fields])


class _LinesView(ItemsView[str, str]):
    """All lines of a section as pairs of text, in order."""

    __slots__ = ()
    _mapping: FieldSection

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for name, value in self._mapping.raw:
            yield name.decode("latin-1"), value.decode("latin-1")

    def __len__(self) -> int:
        return len(self._mapping.raw)

    def __contains__(self, item: object) -> bool:
        return any(item == line for line in self)


def _checked_lines(lines: FieldLines) -> list[tuple[bytes, bytes]]:
    """Check every line; a section has been checked already and is only copied."""
    if isinstance(lines, FieldSection):
        return lines.raw.copy()
    pairs: Iterable[tuple[str | bytes, str | bytes]] = lines.items() if isinstance(lines, Mapping) else lines
    return [(field_name(name), field_value(value)) for name, value in pairs]

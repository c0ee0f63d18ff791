"""Query strings and urlencoded forms: bytes into a `MultiDict` and values into a query string.

Only ``&`` separates fields and only the first ``=`` separates name and value. Every limit is checked before anything
is decoded. Names are plain data: nothing here sets an attribute, and brackets in a name mean nothing until
`parse_nested` is asked. Multipart forms are read elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from costrel.errors import BadRequest, ContentTooLarge
from costrel.http.multidict import MultiDict, Source
from costrel.http.percent import decode_component, encode_component

__all__ = ["NestedValue", "format_query", "parse_form_urlencoded", "parse_nested", "parse_query_string"]

NestedValue: TypeAlias = "str | list[NestedValue] | dict[str, NestedValue]"

_HEX = b"0123456789abcdefABCDEF"


def parse_query_string(query_string: bytes, *, max_fields: int = 1000, source: Source = "query") -> MultiDict[str]:
    """Parse the query of a request target.

    Args:
        query_string: the bytes after ``?``, without it.
        max_fields: how many fields are accepted; empty ones between two ``&`` do not count.
        source: the name of the place, for the error of a missing key.

    Returns:
        The decoded names and values in the order sent; a field without ``=`` has the value ``""``.

    Raises:
        BadRequest: there are more than `max_fields` fields.

    Spec:
        WHATWG URL §5.1 (``application/x-www-form-urlencoded`` parsing).

    >>> parse_query_string(b"a=1&b=x+y&a=%C3%A9").getlist("a")
    ['1', 'é']
    """
    if not query_string:
        return MultiDict.from_pairs([], source)
    pieces = [piece for piece in query_string.split(b"&") if piece]
    if len(pieces) > max_fields:
        raise BadRequest(f"The query has more than {max_fields} fields.")
    return MultiDict.from_pairs(_decoded(pieces), source)


def parse_form_urlencoded(
    body: bytes, *, max_fields: int, max_field_bytes: int, max_memory_bytes: int
) -> MultiDict[str]:
    """Parse a body of media type ``application/x-www-form-urlencoded``.

    Args:
        body: the whole body.
        max_fields: how many fields are accepted.
        max_field_bytes: how long the decoded name and the decoded value of one field may be, each.
        max_memory_bytes: how long the body may be.

    Returns:
        The decoded names and values in the order sent.

    Raises:
        ContentTooLarge: the body is past one of the limits; the detail says which.

    Spec:
        WHATWG URL §5.1.
    """
    if len(body) > max_memory_bytes:
        raise ContentTooLarge(f"The form is larger than {max_memory_bytes} bytes.")
    pieces = [piece for piece in body.split(b"&") if piece]
    if len(pieces) > max_fields:
        raise ContentTooLarge(f"The form has more than {max_fields} fields.")
    for piece in pieces:
        # Decoding only makes shorter, so a short piece needs no second look.
        if len(piece) > max_field_bytes and _longest_part_bytes(piece) > max_field_bytes:
            raise ContentTooLarge(f"A field of the form is larger than {max_field_bytes} bytes.")
    return MultiDict.from_pairs(_decoded(pieces), "form")


def _longest_part_bytes(piece: bytes) -> int:
    """Return the length that the longer of name and value has once decoded."""
    name, _, value = piece.partition(b"=")
    return max(len(part) - 2 * _escape_count(part) for part in (name, value))


def _escape_count(value: bytes) -> int:
    return sum(len(piece) >= 2 and piece[0] in _HEX and piece[1] in _HEX for piece in value.split(b"%")[1:])


def _decoded(pieces: list[bytes]) -> list[tuple[str, str]]:
    pairs = []
    for piece in pieces:
        name, _, value = piece.partition(b"=")
        pairs.append((decode_component(name, plus_is_space=True), decode_component(value, plus_is_space=True)))
    return pairs


def format_query(fields: Mapping[str, object] | Iterable[tuple[str, object]]) -> str:
    """Format a query string from names and values.

    `None` is left out, `True` and `False` are ``true`` and ``false``, a list or a tuple repeats its name, bytes are
    UTF-8, and everything else is what `str` makes of it.

    Args:
        fields: a mapping (a `MultiDict` with all its values) or pairs, in the order to be written.

    Returns:
        The query without ``?``; empty when there is nothing to write.

    >>> format_query({"q": "a b", "tag": ["x", "y"], "page": 2, "all": True, "none": None})
    'q=a%20b&tag=x&tag=y&page=2&all=true'
    """
    pairs: Iterable[tuple[str, object]]
    if isinstance(fields, MultiDict):
        pairs = fields.items(multi=True)
    elif isinstance(fields, Mapping):
        pairs = fields.items()
    else:
        pairs = fields
    written = []
    for name, value in pairs:
        encoded_name = encode_component(name)
        values = value if isinstance(value, (list, tuple)) else (value,)
        written += [f"{encoded_name}={encode_component(_text_of(one))}" for one in values if one is not None]
    return "&".join(written)


def _text_of(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def parse_nested(
    fields: MultiDict[str], *, max_depth: int = 5, max_items: int = 20, max_key_bytes: int = 1024
) -> dict[str, NestedValue]:
    """Read brackets in names as nesting.

    ``a[b]=1`` is a mapping, ``a[]=1`` appends to a list, ``a[0]=1`` is a list in the order of its positions (gaps
    close), and a name that comes again is a list. A name whose brackets are not of this form is an ordinary name.
    One place is one of these and never two.

    Args:
        fields: what `parse_query_string` or `parse_form_urlencoded` returned.
        max_depth: how many pairs of brackets a name may have.
        max_items: how many members each list and each nested mapping may have; positions are below it.
        max_key_bytes: how long a name may be, in UTF-8.

    Returns:
        A dictionary of strings, lists and dictionaries.

    Raises:
        BadRequest: a limit is passed, or one place is used in two ways.

    >>> parse_nested(parse_query_string(b"user[name]=Ann&user[tags][]=x&user[tags][]=y&page=2"))
    {'user': {'name': 'Ann', 'tags': ['x', 'y']}, 'page': '2'}
    """
    root = _Place()
    for key, value in fields.items(multi=True):
        # A character is at least one byte, so a name that is too long is not even encoded.
        if len(key) > max_key_bytes or len(key.encode("utf-8", "replace")) > max_key_bytes:
            raise BadRequest(f"A name of a field is longer than {max_key_bytes} bytes.")
        name, brackets = _split_brackets(key)
        if len(brackets) > max_depth:
            raise BadRequest(f"A name of a field has more than {max_depth} pairs of brackets.")
        place = root.child("name", name, None)
        for index, bracket in enumerate(brackets):
            place = _step(place, bracket, is_last=index == len(brackets) - 1, max_items=max_items)
        place.add(value, max_items)
    return {str(name): child.value() for name, child in root.children.items()}


def _split_brackets(key: str) -> tuple[str, list[str]]:
    """Split ``a[b][]`` into ``a`` and ``["b", ""]``; anything else is a name without brackets."""
    name, opening, rest = key.partition("[")
    if not opening or not name or "]" in name or not rest.endswith("]"):
        return key, []
    brackets = rest[:-1].split("][")
    if any("[" in bracket or "]" in bracket for bracket in brackets):
        return key, []
    return name, brackets


def _step(place: _Place, bracket: str, *, is_last: bool, max_items: int) -> _Place:
    """Go from a place to the one that a pair of brackets names."""
    if bracket == "":
        if not is_last:
            raise BadRequest("`[]` in a name of a field may only be its end; number the items instead.")
        return place.child("append", len(place.children), max_items)
    if bracket.isascii() and bracket.isdigit():
        # Without the zeros in front, more than nine digits are past every limit and need not be converted.
        digits = bracket.lstrip("0")
        if len(digits) > 9 or int(digits or "0") >= max_items:
            raise BadRequest(f"A position in a name of a field is not below {max_items}.")
        return place.child("position", int(digits or "0"), max_items)
    return place.child("name", bracket, max_items)


class _Place:
    """One place of the nested result: values of its own, or children of one kind."""

    __slots__ = ("children", "kind", "values")

    def __init__(self) -> None:
        self.kind = ""
        self.values: list[str] = []
        self.children: dict[str | int, _Place] = {}

    def child(self, kind: str, key: str | int, max_items: int | None) -> _Place:
        """Return the child of a key, made when it is new."""
        if self.values or self.kind not in ("", kind):
            raise BadRequest("A field is used as a value, a list or a mapping, and as another of them.")
        self.kind = kind
        known = self.children.get(key)
        if known is None:
            if max_items is not None and len(self.children) >= max_items:
                raise BadRequest(f"A field has more than {max_items} items.")
            known = self.children[key] = _Place()
        return known

    def add(self, value: str, max_items: int) -> None:
        """Add a value of the place itself."""
        if self.kind:
            raise BadRequest("A field is used as a value, a list or a mapping, and as another of them.")
        if len(self.values) >= max_items:
            raise BadRequest(f"A field has more than {max_items} items.")
        self.values.append(value)

    def value(self) -> NestedValue:
        """Build the plain value of this place; as deep as `max_depth` at most."""
        if self.kind == "name":
            return {str(key): child.value() for key, child in self.children.items()}
        if self.kind:
            return [self.children[key].value() for key in sorted(self.children, key=int)]
        return self.values[0] if len(self.values) == 1 else list(self.values)

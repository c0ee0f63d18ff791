"""Flask's tagged JSON: JSON that remembers tuples, bytes, dates, UUIDs and markup.

A value that JSON has no form for is written as an object with one member, whose name is a tag: ``{" t": [1, 2]}`` is
the tuple ``(1, 2)``. A dict that looks like that by chance is put into one with the tag ``" di"``. The text is byte for
byte the one that Flask writes, so that both can read the session of the other.

Compressing is in `payload`, signing in `signing`; what a session is, is in `session`.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from costrel.http import format_http_date, parse_http_date
from costrel.sessions.storable import not_storable

__all__ = ["TaggedJSON"]

_DICT: Final = " di"
_TUPLE: Final = " t"
_BYTES: Final = " b"
_MARKUP: Final = " m"
_UUID: Final = " u"
_DATE: Final = " d"

_PLAIN: Final = frozenset((str, int, float, bool, type(None)))
_ENCODE: Final = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode


class TaggedJSON:
    """Writes and reads the content of a session; it has no state."""

    __slots__ = ()

    def dumps(self, value: object, name: str = "session") -> str:
        """Write a value.

        Args:
            value: of the types of JSON, and `tuple`, `bytes`, `datetime.datetime` (kept to the second, in UTC),
                `uuid.UUID` and what has ``__html__``. Keys of dicts become `str`.
            name: what the value is called, for the message.

        Raises:
            ProgrammerError: a value of another type (COS-SESSION-005); the message says where it is.
        """
        try:
            return _ENCODE(_tag(value))
        except TypeError as error:
            raise not_storable(value, error, _has_form, name) from error

    def loads(self, text: str) -> Any:  # JSON values have no common static type
        """Read what `dumps`, or Flask, has written.

        Raises:
            ValueError: it is no JSON, or a tag does not fit what it stands before.
            TypeError: as before.
        """
        return _DECODE(text)


def _tag(value: object) -> object:
    """Give the form of a value that JSON can write; what is left for JSON to refuse comes back as it is."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, dict):
        if len(value) == 1:
            [(key, item)] = value.items()
            if key in _READERS:
                return {_DICT: {f"{key}__": _tag(item)}}
        return {key: _tag(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return {_TUPLE: [_tag(item) for item in value]}
    if isinstance(value, list):
        return [_tag(item) for item in value]
    if isinstance(value, bytes):
        return {_BYTES: b64encode(value).decode("ascii")}
    if callable(to_html := getattr(value, "__html__", None)):
        return {_MARKUP: str(to_html())}
    if isinstance(value, UUID):
        return {_UUID: value.hex}
    if isinstance(value, datetime):
        # A time without a zone is taken to be in UTC, as Flask does.
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value
        return {_DATE: format_http_date(moment.replace(microsecond=0).timestamp()).decode("ascii")}
    return value


def _untag(members: dict[str, Any]) -> object:
    """Turn an object back into what it stands for; JSON calls it for the innermost objects first."""
    if len(members) == 1:
        [(key, value)] = members.items()
        reader = _READERS.get(key)
        if reader is not None:
            return reader(value)
    return members


def _read_dict(value: dict[str, Any]) -> dict[str, Any]:
    [(key, item)] = value.items()
    return {key[:-2]: item}


class _StoredMarkup:
    """Text of a session that was markup when it was put in; the signature says that nobody has changed it since."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __html__(self) -> str:
        return self._text


def _read_markup(value: str) -> object:
    # Imported for the first session that holds markup, which few do.
    from markupsafe import escape

    return escape(_StoredMarkup(value))


def _read_date(value: str) -> datetime | None:
    timestamp = parse_http_date(value)
    return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)


_READERS: Final[Mapping[str, Callable[[Any], object]]] = {
    _DICT: _read_dict,
    _TUPLE: tuple,
    _BYTES: b64decode,
    _MARKUP: _read_markup,
    _UUID: UUID,
    _DATE: _read_date,
}
_DECODE: Final = json.JSONDecoder(object_hook=_untag).decode


def _has_form(value: object) -> bool:
    """Whether a value that JSON does not know has a tag."""
    return _tag(value) is not value

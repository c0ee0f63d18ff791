"""Status and header fields as a WSGI application gives them to `start_response`, checked at once.

A mistake is raised where it is made, inside the application's own call. Fields that belong to the connection are not
the application's, and are left out.

Spec: PEP 3333 "The start_response() Callable", "Other HTTP Features"; RFC 9110 §7.6.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from costrel.http import field_name, field_value
from costrel.mounts.wsgi_mistakes import bad_header, bad_status

__all__ = ["WSGIHead", "read_head"]

_MAX_LENGTH_DIGITS: Final = 19
_CONNECTION_FIELDS: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)


class WSGIHead(NamedTuple):
    """What `start_response` was given."""

    status_code: int
    """200 to 999."""
    fields: list[tuple[bytes, bytes]]
    """Names in lower case and values, in the order given, without those of the connection."""
    content_length: int | None
    """The value of ``Content-Length``, `None` without one that is a number."""


def read_head(status: str, headers: Iterable[tuple[str, str]], name: str) -> WSGIHead:
    """Check and read the arguments of `start_response`.

    Args:
        status: three digits and a reason, which is not sent on.
        headers: pairs of name and value.
        name: of the mount, for messages.

    Raises:
        ProgrammerError: COS-MOUNT-103 or COS-MOUNT-104.
    """
    status_code = _read_status(status, name)
    fields: list[tuple[bytes, bytes]] = []
    content_length: int | None = None
    for pair in headers:
        try:
            key, value = pair
        except (TypeError, ValueError):
            raise bad_header(name, type(pair).__name__, "A header field is a pair of name and value.") from None
        if not isinstance(key, str) or not isinstance(value, str):
            raise bad_header(name, key, "Name and value are `str`; the value may hold characters up to U+00FF.")
        try:
            line = field_name(key), field_value(value)
        except ValueError as error:
            raise bad_header(name, key, f"{error}.") from None
        if line[0] in _CONNECTION_FIELDS:
            continue
        if line[0] == b"content-length" and line[1].isdigit() and len(line[1]) <= _MAX_LENGTH_DIGITS:
            content_length = int(line[1])
        fields.append(line)
    return WSGIHead(status_code, fields, content_length)


def _read_status(status: str, name: str) -> int:
    """Return the status code; a status without a reason is taken too, as all servers do."""
    if not isinstance(status, str) or not status.isprintable():
        raise bad_status(name, status)
    digits, _, _ = status.partition(" ")
    if len(digits) != 3 or not digits.isascii() or not digits.isdigit():
        raise bad_status(name, status)
    status_code = int(digits)
    if status_code < 200:
        raise bad_status(name, status)
    return status_code

"""Conditional requests: the one place that decides about 304, 412 and whether a range applies.

Every response that has a validator asks here, a file as well as JSON, so that the order of RFC 9110 §13.2.2 holds
everywhere: ``If-Match``, ``If-Unmodified-Since``, ``If-None-Match``, ``If-Modified-Since``, and then ``If-Range``.
A date that cannot be read is ignored. Nothing here knows a response; the caller turns the result into one.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from math import floor

from costrel.http.dates import parse_http_date
from costrel.http.etags import ETag, parse_etag, parse_etag_list

__all__ = ["Precondition", "evaluate", "range_applies"]


class Precondition(Enum):
    """What the preconditions of a request come to."""

    PROCEED = auto()
    """Perform the method."""
    NOT_MODIFIED = auto()
    """Answer 304: the client has the selected representation."""
    FAILED = auto()
    """Answer 412: the representation is not the one that the client means."""


def evaluate(
    method: str,
    headers_get: Callable[[bytes], bytes | None],
    *,
    etag: ETag | None,
    last_modified: float | None,
    exists: bool = True,
) -> Precondition:
    """Evaluate the preconditions of a request.

    Call it when the method would otherwise succeed: a failing or redirecting answer ignores preconditions
    (RFC 9110 §13.2.1).

    Args:
        method: the request's method.
        headers_get: returns the value of a field by its lower-case name, or `None`.
        etag: the entity tag of the selected representation, if it has one.
        last_modified: its modification time as a POSIX timestamp, if known; fractions of a second are dropped, as
            they are in ``Last-Modified``.
        exists: whether there is a current representation at all; `False` for a PUT that would create one.

    Returns:
        What to do.

    Spec:
        RFC 9110 §13.1, §13.2.
    """
    if method in ("CONNECT", "OPTIONS", "TRACE"):
        return Precondition.PROCEED
    modified = floor(last_modified) if last_modified is not None and exists else None
    current = etag if exists else None

    if_match = headers_get(b"if-match")
    if if_match is not None:
        if not _is_listed(if_match, current, exists=exists, compare=ETag.strong_matches):
            return Precondition.FAILED
    elif modified is not None:
        unmodified_since = _date(headers_get(b"if-unmodified-since"))
        if unmodified_since is not None and modified > unmodified_since:
            return Precondition.FAILED

    if_none_match = headers_get(b"if-none-match")
    if if_none_match is not None:
        if _is_listed(if_none_match, current, exists=exists, compare=ETag.weak_matches):
            return Precondition.NOT_MODIFIED if method in ("GET", "HEAD") else Precondition.FAILED
    elif modified is not None and method in ("GET", "HEAD"):
        modified_since = _date(headers_get(b"if-modified-since"))
        if modified_since is not None and modified <= modified_since:
            return Precondition.NOT_MODIFIED
    return Precondition.PROCEED


def _is_listed(
    field_value: bytes, current: ETag | None, *, exists: bool, compare: Callable[[ETag, ETag], bool]
) -> bool:
    """Tell whether ``*`` or one of the listed tags stands for the current representation."""
    listed = parse_etag_list(field_value.decode("latin-1"))
    if listed == "*":
        return exists
    return current is not None and any(compare(tag, current) for tag in listed)


def _date(field_value: bytes | None) -> float | None:
    return None if field_value is None else parse_http_date(field_value)


def range_applies(if_range: bytes | None, *, etag: ETag | None, last_modified: float | None) -> bool:
    """Tell whether a ``Range`` field is to be honoured.

    Args:
        if_range: the value of ``If-Range``, or `None` when the request has none.
        etag: the entity tag of the selected representation, if it has one.
        last_modified: its modification time as a POSIX timestamp, if known.

    Returns:
        `True` without ``If-Range`` or when it names exactly this representation; a weak tag, another date and
        everything unreadable is `False`, and the whole representation is sent.

    Spec:
        RFC 9110 §13.1.5.
    """
    if if_range is None:
        return True
    text = if_range.decode("latin-1").strip(" \t")
    if text.startswith(('"', "W/")):
        named = parse_etag(text)
        return named is not None and etag is not None and named.strong_matches(etag)
    date = parse_http_date(text)
    return date is not None and last_modified is not None and date == floor(last_modified)

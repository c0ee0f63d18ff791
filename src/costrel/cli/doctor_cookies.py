"""Comparing the cookies that two answers set: their names, and the attributes that decide who gets them.

SECURITY: values are neither compared nor kept; a session cookie is drawn anew each time, and it is a secret.

Spec: RFC 6265 §5.2; SameSite and Partitioned as in its successor.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from costrel.cli.doctor_difference import Difference, Ignored, cut
from costrel.http import parse_http_date

__all__ = ["compare_cookies"]

_DAY_SECONDS = 86_400
_TOLERANCE_SECONDS = 60.0
_is_max_age = re.compile(r"-?\d{1,18}").fullmatch


@dataclass(frozen=True, slots=True)
class _SetCookie:
    """What one line sets: ``Name=value`` texts of attributes, and how long the cookie lives."""

    attributes: tuple[str, ...]
    lifetime_seconds: float | None  # `None` until the browser closes, 0 to delete it

    def shown(self) -> tuple[str, ...]:
        return (*self.attributes, _shown_lifetime(self.lifetime_seconds))


def compare_cookies(
    old: Iterable[str], new: Iterable[str], ignored: Ignored, old_now: float, new_now: float
) -> list[Difference]:
    """Return the cookies that differ.

    Args:
        old: the values of the Set-Cookie lines of the old application.
        new: those of the new one.
        ignored: by name.
        old_now: when the old application answered, as a timestamp.
        new_now: when the new one did.
    """
    old_cookies, new_cookies = _cookies(old, old_now), _cookies(new, new_now)
    found = []
    for name in dict.fromkeys((*old_cookies, *new_cookies)):
        old_cookie, new_cookie = old_cookies.get(name), new_cookies.get(name)
        shown = cut(name, 60)
        if ignored.covers(name, f"cookie:{name}") or old_cookie == new_cookie:
            continue
        if new_cookie is None and old_cookie is not None:
            found.append(Difference("cookie", shown, "lost", old=cut("; ".join(old_cookie.shown()))))
        elif old_cookie is None and new_cookie is not None:
            found.append(Difference("cookie", shown, "gained", new=cut("; ".join(new_cookie.shown()))))
        elif old_cookie is not None and new_cookie is not None:
            lost = [text for text in old_cookie.attributes if text not in new_cookie.attributes]
            gained = [text for text in new_cookie.attributes if text not in old_cookie.attributes]
            if not _lives_as_long(old_cookie.lifetime_seconds, new_cookie.lifetime_seconds):
                lost.append(_shown_lifetime(old_cookie.lifetime_seconds))
                gained.append(_shown_lifetime(new_cookie.lifetime_seconds))
            if lost or gained:
                found.append(Difference("cookie", shown, "changed", cut("; ".join(lost)), cut("; ".join(gained))))
    return found


def _cookies(values: Iterable[str], now: float) -> dict[str, _SetCookie]:
    """Return what each cookie is set with; the last line of a name counts."""
    found = {}
    for value in values:
        pair, *pieces = value.split(";")
        name, equals, _ = pair.partition("=")
        if equals and name.strip():
            found[name.strip()] = _parse_attributes(pieces, now)
    return found


def _parse_attributes(pieces: Iterable[str], now: float) -> _SetCookie:
    attributes: dict[str, str] = {}
    for piece in pieces:
        key, _, value = piece.partition("=")
        attributes[key.strip().lower()] = value.strip()
    texts = [
        "Secure" if "secure" in attributes else "",
        "HttpOnly" if "httponly" in attributes else "",
        f"SameSite={attributes['samesite'].capitalize()}" if attributes.get("samesite") else "",
        "Partitioned" if "partitioned" in attributes else "",
        f"Path={attributes['path']}" if attributes.get("path") else "",
        f"Domain={attributes['domain'].lower().removeprefix('.')}" if attributes.get("domain") else "",
    ]
    return _SetCookie(tuple(text for text in texts if text), _lifetime(attributes, now))


def _lifetime(attributes: dict[str, str], now: float) -> float | None:
    """Return how long a cookie lives; Max-Age outweighs Expires (RFC 6265 §5.3)."""
    max_age = attributes.get("max-age", "")
    if _is_max_age(max_age):
        return max(float(max_age), 0.0)
    expires = attributes.get("expires", "")
    # Netscape's form of a date has hyphens: Wed, 09-Jun-2021 10:18:14 GMT
    moment = parse_http_date(expires, now=now) or parse_http_date(expires.replace("-", " "), now=now)
    if moment is None and not expires.startswith("Thu, 01 Jan 1970"):
        return None
    return max((moment or 0.0) - now, 0.0)


def _lives_as_long(old: float | None, new: float | None) -> bool:
    """Whether two lifetimes are the same, but for the time that passed between two answers."""
    if old is None or new is None or not old or not new:
        return old == new
    return abs(old - new) <= max(_TOLERANCE_SECONDS, 0.001 * old)


def _shown_lifetime(seconds: float | None) -> str:
    if seconds is None:
        return "until the browser closes"
    if not seconds:
        return "deleted"
    return f"kept {seconds / _DAY_SECONDS:.3g} days" if seconds >= _DAY_SECONDS else f"kept {seconds:.0f} seconds"

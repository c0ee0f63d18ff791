"""Comparing the header fields of two answers: those that protect, and those that say what the content is.

Each field is compared by what it means: directives and members of lists in any order and case, a policy source by
source, a redirect without the own origin. What is drawn anew for each answer, such as the nonce of a policy, is taken
out before. ``Set-Cookie`` is in `doctor_cookies`. A field that is not in `COMPARED_HEADERS` is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from costrel.cli.doctor_difference import Difference, Ignored, cut, mask_query
from costrel.http import Headers

__all__ = ["COMPARED_HEADERS", "compare_headers"]

Normalize = Callable[[str], Iterable[str]]

_NONCE_SOURCE = re.compile(r"'nonce-[^']*'")
_DRAWN_PARAMETER = re.compile(r'\b(nonce|opaque)="[^"]*"', re.IGNORECASE)
_LIST_MEMBER = re.compile(r'(?:[^,"]|"[^"]*")+')
_ORIGIN = re.compile(r"^(?:https?:)?//[^/?#]*", re.IGNORECASE)


def _members(value: str) -> Iterator[str]:
    """Yield the members of a list field in lower case."""
    for member in _LIST_MEMBER.findall(value):
        text = " ".join(member.split())
        if text:
            name, equals, argument = text.partition("=")
            yield f"{name.strip().lower()}{equals}{argument.strip()}"


def _methods(value: str) -> Iterator[str]:
    """Yield the members of a list of methods."""
    yield from (member.strip().upper() for member in value.split(",") if member.strip())


def _directives(value: str) -> Iterator[str]:
    """Yield directives between semicolons in lower case."""
    for directive in value.split(";"):
        text = " ".join(directive.split()).lower()
        if text:
            yield text.replace(" = ", "=")


def _policy(value: str) -> Iterator[str]:
    """Yield each source of a Content-Security-Policy with the name of its directive."""
    for directive in _NONCE_SOURCE.sub("'nonce-…'", value).split(";"):
        name, *sources = directive.split() or [""]
        if name:
            yield from (f"{name.lower()} {source}" for source in sources) if sources else (name.lower(),)


def _media_type(value: str) -> Iterator[str]:
    """Yield type and parameters; the boundary of a multipart body is drawn anew each time."""
    for part in value.split(";"):
        text = part.strip().lower().replace('"', "")
        if text and not text.startswith("boundary="):
            yield text


def _text(value: str) -> Iterator[str]:
    yield " ".join(value.split())


def _word(value: str) -> Iterator[str]:
    yield value.strip().lower()


def _challenge(value: str) -> Iterator[str]:
    yield _DRAWN_PARAMETER.sub(r"\1=…", " ".join(value.split()))


def _location(value: str) -> Iterator[str]:
    yield mask_query(value.strip())


COMPARED_HEADERS: Mapping[str, Normalize] = MappingProxyType(
    {
        "content-security-policy": _policy,
        "content-security-policy-report-only": _policy,
        "strict-transport-security": _directives,
        "x-frame-options": _word,
        "x-content-type-options": _word,
        "referrer-policy": _members,
        "permissions-policy": _members,
        "cross-origin-opener-policy": _word,
        "cross-origin-embedder-policy": _word,
        "cross-origin-resource-policy": _word,
        "clear-site-data": _members,
        "cache-control": _members,
        "vary": _members,
        "www-authenticate": _challenge,
        "access-control-allow-origin": _text,
        "access-control-allow-credentials": _word,
        "access-control-allow-methods": _methods,
        "access-control-allow-headers": _members,
        "access-control-expose-headers": _members,
        "access-control-max-age": _text,
        "location": _location,
        "content-type": _media_type,
        "content-disposition": _text,
        "content-encoding": _members,
        "allow": _methods,
    }
)
"""What is compared, each with what turns its value into parts that are equal when they mean the same."""


def compare_headers(old: Headers, new: Headers, origin: str, ignored: Ignored) -> list[Difference]:
    """Return the fields that differ.

    Args:
        old: of the old application.
        new: of the new one.
        origin: of both, for example ``http://localhost``; a redirect to it is one to a path.
        ignored: by name.
    """
    found = []
    for name, normalize in COMPARED_HEADERS.items():
        old_parts, new_parts = _parts(old, name, normalize, origin), _parts(new, name, normalize, origin)
        if (old_parts is None and new_parts is None) or ignored.covers(name):
            continue
        if new_parts is None:
            found.append(Difference("header", name, "lost", old=_shown(old_parts or ())))
        elif old_parts is None:
            found.append(Difference("header", name, "gained", new=_shown(new_parts)))
        elif set(old_parts) != set(new_parts):
            # Of two long values only what one of them lacks is worth reading.
            lost = [part for part in old_parts if part not in new_parts]
            gained = [part for part in new_parts if part not in old_parts]
            found.append(Difference("header", name, "changed", _shown(lost), _shown(gained)))
    return found


def _parts(headers: Headers, name: str, normalize: Normalize, origin: str) -> tuple[str, ...] | None:
    """Return what a field says, `None` when it is not there; with no parts it is there and says nothing."""
    value = headers.get_combined(name)
    if value is None:
        return None
    if name == "location":
        match = _ORIGIN.match(value)
        if match is not None and match[0].lower() in (origin.lower(), origin.lower().partition(":")[2]):
            value = value[match.end() :] or "/"
    return tuple(dict.fromkeys(normalize(value)))


def _shown(parts: Iterable[str]) -> str:
    return cut(", ".join(parts))

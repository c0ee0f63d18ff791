"""Where a redirect may go: the checks between a text and a ``Location`` field.

Browsers read more as "another site" than RFC 3986 does: a backslash is a slash to them, tabs vanish, ``https:evil``
has a host. These checks are therefore about what browsers do, and they refuse what is only doubtful. Building URLs is
in `urls`; choosing the status code is not done here.
"""

from __future__ import annotations

import re
import unicodedata

from costrel.http.percent import decode_component, encode_path, requote
from costrel.http.urls import is_valid_authority

__all__ = ["check_location", "is_safe_next", "relative_redirect"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_SPACE_OR_BACKSLASH = re.compile(r"[\x00-\x20\x7f\\]")
_CONTROL_OR_BACKSLASH = re.compile(r"[\x00-\x1f\x7f\\]")
# After the dot segments at its beginning are resolved, the path begins with two slashes.
_TWO_SLASHES = re.compile(r"/(?:\.{1,2}/)*/")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*+):")


def is_safe_next(target: str) -> bool:
    """Tell whether a target from a client leads to a path of this very site, for every browser.

    Args:
        target: for example the value of ``?next=``, decoded once as every query value is.

    Returns:
        `True` for a path that begins with exactly one ``/``, with or without query and fragment; `False` for
        everything else, also for what some browser might take to another site.

    >>> is_safe_next("/cart?step=2"), is_safe_next("//evil.example"), is_safe_next("/%5cevil.example")
    (True, False, False)
    """
    if not target.startswith("/") or _CONTROL_SPACE_OR_BACKSLASH.search(target):
        return False
    if not target.isascii() and not _is_plain_beyond_ascii(target):
        return False
    raw_path = re.split("[?#]", target, maxsplit=1)[0]
    path = decode_component(raw_path.encode(), plus_is_space=False)
    if _CONTROL_OR_BACKSLASH.search(path):
        return False
    return not _TWO_SLASHES.match(raw_path) and not _TWO_SLASHES.match(path)


def _is_plain_beyond_ascii(target: str) -> bool:
    """Refuse separators, invisible characters and those that normalisation turns into ``/`` and its like."""
    beyond = [character for character in target if not character.isascii()]
    # SECURITY: U+FF0F is written `／` and becomes `/` under NFKC.
    return not any(
        unicodedata.category(character)[0] in "CZ"
        or any(
            compatible.isascii() and not compatible.isalnum() for compatible in unicodedata.normalize("NFKC", character)
        )
        for character in beyond
    )


def check_location(location: str, *, external: bool) -> str:
    """Check the target of a redirect and encode it for the Location field.

    Args:
        location: a path, a relative reference, or with `external` also an absolute URL.
        external: the application means to send the client to another site.

    Returns:
        The field value: ASCII, with what needs it percent-encoded, and existing escapes kept.

    Raises:
        ValueError: empty, control characters, spaces at an end, a backslash before the query, another scheme than
            http and https, an absolute URL without a host, user information, an authority that is not ASCII or not
            of the grammar, or another site without `external`.

    Spec:
        RFC 9110 §10.2.2.

    >>> check_location("/caf\u00e9?q=a b", external=False)
    '/caf%C3%A9?q=a%20b'
    """
    shown = f"{location[:100]!r}"
    if not location:
        raise ValueError("The location of a redirect is empty.")
    # SECURITY: a line break would begin a header field of the attacker's own; a tab disappears in browsers.
    if _CONTROL.search(location) or location != location.strip():
        raise ValueError(f"The location {shown} has a control character, or a space at its beginning or end.")
    before_query = re.split("[?#]", location, maxsplit=1)[0]
    if "\\" in before_query:
        raise ValueError(f"The location {shown} has a backslash, which browsers read as `/`.")
    scheme = _SCHEME.match(location)
    if scheme is None and not location.startswith("//"):
        return requote(location, "reference")
    if scheme is not None and scheme[1].lower() not in ("http", "https"):
        raise ValueError(f"The location {shown} has a scheme that is not http or https.")
    rest = before_query[scheme.end() if scheme else 0 :]
    authority, slash, path = rest[2:].partition("/")
    if not rest.startswith("//") or not authority:
        raise ValueError(f"The location {shown} has no host.")
    if "@" in authority or not authority.isascii() or not is_valid_authority(authority.encode()):
        raise ValueError(
            f"The location {shown} needs a plain host: no user information, and names beyond ASCII as `xn--…`."
        )
    if not external:
        raise ValueError(f"The location {shown} is on another site; say `external=True` if that is meant.")
    start = location[: len(before_query) - len(slash) - len(path)]
    return start + requote(location[len(start) :], "reference")


def relative_redirect(path: str, query_string: bytes) -> str:
    """Format the Location of a redirect that the framework itself makes, within this site.

    Args:
        path: the decoded path to go to.
        query_string: the query as sent, without ``?``; kept.

    Returns:
        The field value; it begins with exactly one ``/``, so that it never names another host.

    >>> relative_redirect("//evil.example/items/", b"page=2")
    '/evil.example/items/?page=2'
    """
    location = encode_path("/" + path.lstrip("/\\"))
    return f"{location}?{requote(query_string, 'query')}" if query_string else location

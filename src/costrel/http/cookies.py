r"""Cookies on the server's side: reading Cookie, writing Set-Cookie.

The standard library's `http.cookies` is not used: its unquoting was quadratic, and it accepts attributes that
inject others. Reading is linear and looks at a limited number of cookies; it never fails, it ignores what is no cookie.
Writing checks every part and refuses combinations that browsers would drop in silence.

A value that is not made of plain cookie characters is written in double quotes with each other byte as a backslash and
three octal digits, the form that Flask and other Python frameworks read and write as well; `parse_cookies` takes it
off again. Text is UTF-8. The browser's side, for test clients, is in `cookie_jar`.

Spec: RFC 6265 §4; the prefixes and SameSite as in its successor, draft-ietf-httpbis-rfc6265bis.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

from costrel.http.dates import format_http_date
from costrel.http.methods import is_token

__all__ = [
    "MAX_SET_COOKIE_BYTES",
    "Priority",
    "SameSite",
    "decode_cookie_value",
    "encode_cookie_value",
    "format_delete_cookie",
    "format_set_cookie",
    "parse_cookies",
]

SameSite: TypeAlias = Literal["Strict", "Lax", "None"]
"""When a browser sends a cookie along with requests that other sites cause."""

Priority: TypeAlias = Literal["Low", "Medium", "High"]
"""Which cookies a browser keeps when a site has too many; known to Chromium only."""

MAX_SET_COOKIE_BYTES = 4093
"""The longest Set-Cookie value that every browser keeps."""

_ESCAPE = re.compile(rb"\\(?:[0-3][0-7]{2}|.)", re.DOTALL)
_BYTE_OF_ESCAPE: Mapping[bytes, bytes] = MappingProxyType(
    {b"\\%c" % code: bytes([code]) for code in range(256)} | {b"\\%03o" % code: bytes([code]) for code in range(256)}
)

# RFC 6265 §4.1.1: cookie-octet is printable ASCII without space, double quote, comma, semicolon and backslash.
_is_plain_value = re.compile(r"[!#-+\--:<-\[\]-~]*+").fullmatch
_search_control = re.compile(r"[\x00-\x1f\x7f]").search
_OCTET_FORMS: tuple[str, ...] = tuple(
    chr(code) if _is_plain_value(chr(code)) else f"\\{code:03o}" for code in range(256)
)

_is_path = re.compile(r"/[!-:<-~]*+").fullmatch
_is_domain = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?").fullmatch
MAX_DOMAIN_CHARACTERS = 253
"""The longest name that DNS can have."""


def parse_cookies(
    field_values: Iterable[bytes] | bytes, max_cookies: int = 100, *, max_bytes: int = 16_384
) -> dict[str, str]:
    r"""Parse the values of all Cookie lines of a request.

    Args:
        field_values: one value, or those of all lines in order.
        max_cookies: pieces between semicolons that are looked at; the rest is ignored.
        max_bytes: of all lines together; a cookie that goes beyond it is ignored, and what follows too.

    Returns:
        Names with values, decoded as UTF-8 with U+FFFD for broken bytes. The first of two equal names wins, because
        browsers send the more specific one first. A piece without a name is ignored, whatever it looks like.

    Spec:
        RFC 6265 §4.2, §5.4.

    >>> parse_cookies(b'a=1; b="x\\054y"; a=2; =c; d')
    {'a': '1', 'b': 'x,y'}
    """
    cookies: dict[str, str] = {}
    for field_value in (field_values,) if isinstance(field_values, bytes) else field_values:
        if len(field_value) > max_bytes:
            # A cookie that ends just at the limit is whole: the byte behind it is a semicolon.
            field_value = field_value[: max_bytes + 1].rpartition(b";")[0]
            max_bytes = 0
        else:
            max_bytes -= len(field_value)
        pieces = field_value.split(b";", max_cookies)
        # One piece more than was asked for is the rest, unsplit.
        del pieces[max_cookies:]
        max_cookies -= len(pieces)
        for piece in pieces:
            name, equals, value = piece.partition(b"=")
            # SECURITY: only what browsers strip is stripped. Taking off other whitespace would turn a cookie that
            # any subdomain may set into one with the `__Host-` prefix, and so would taking a nameless value apart.
            name = name.strip(b" \t")
            if not equals or not name:
                continue
            key = name.decode("utf-8", "replace")
            if key not in cookies:
                cookies[key] = decode_cookie_value(value.strip(b" \t"))
    return cookies


def decode_cookie_value(value: bytes) -> str:
    r"""Give the text of a cookie value as it was sent.

    Args:
        value: the bytes behind the equals sign, without whitespace around them.

    Returns:
        The value; without quotes and escapes when it is quoted.

    >>> decode_cookie_value(rb'"\303\251"')
    'é'
    """
    if len(value) >= 2 and value.startswith(b'"') and value.endswith(b'"'):
        value = value[1:-1]
        if b"\\" in value:
            value = _ESCAPE.sub(lambda match: _BYTE_OF_ESCAPE[match[0]], value)
    return value.decode("utf-8", "replace")


def encode_cookie_value(value: str) -> str:
    r"""Give the form of a text in which it can stand in a cookie.

    Args:
        value: any text without control characters.

    Returns:
        ASCII: the text itself, or in double quotes with escapes.

    Raises:
        ValueError: a control character or a lone surrogate.

    >>> print(encode_cookie_value("a b"))
    "a\040b"
    """
    if _is_plain_value(value) is not None:
        return value
    refused = _search_control(value)
    if refused is not None:
        raise ValueError(
            "a cookie value must not have control characters: "
            f"{refused[0]!r} at index {refused.start()}; encode the value first, for example as base64"
        )
    try:
        content = value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"a cookie value must not have a lone surrogate: index {error.start}") from None
    return '"' + "".join([_OCTET_FORMS[code] for code in content]) + '"'


def format_set_cookie(
    name: str,
    value: str,
    *,
    max_age_seconds: int | None = None,
    expires: float | None = None,
    path: str | None = "/",
    domain: str | None = None,
    secure: bool = True,
    http_only: bool = True,
    same_site: SameSite | None = "Lax",
    partitioned: bool = False,
    priority: Priority | None = None,
) -> bytes:
    """Format the value of one Set-Cookie line.

    Args:
        name: a token. With the prefix ``__Host-`` or ``__Secure-`` browsers demand attributes, and so does this.
        value: any text without control characters; what needs it is quoted.
        max_age_seconds: how long to keep the cookie, 0 or more; by default until the browser closes.
        expires: the same as a timestamp, for clients older than ``Max-Age``, which wins where both are known.
        path: the cookie goes to this path and those below; `None` is the directory of the request.
        domain: the cookie goes to this domain and those below; by default only to the host that set it.
        secure: send it over HTTPS only.
        http_only: hide it from scripts.
        same_site: ``"Strict"``, ``"Lax"`` or ``"None"``; `None` leaves the choice to the browser.
        partitioned: keep it apart for each top-level site; needs `secure`.
        priority: ``"Low"``, ``"Medium"`` or ``"High"``; by default left out.

    Raises:
        ValueError: a part that cannot stand in a cookie, attributes that browsers refuse together, or more than
            4093 bytes in all.

    Spec:
        RFC 6265 §4.1.

    >>> format_set_cookie("theme", "dark", max_age_seconds=3600)
    b'theme=dark; Max-Age=3600; Path=/; Secure; HttpOnly; SameSite=Lax'
    """
    _check_name(name)
    if path is not None and _is_path(path) is None:
        raise ValueError(
            f"{path[:100]!r} is no path for a cookie: start it with a slash and percent-encode spaces, "
            "semicolons and what is not ASCII"
        )
    if domain is not None and (len(domain) > MAX_DOMAIN_CHARACTERS or _is_domain(domain.removeprefix(".")) is None):
        raise ValueError(f"{domain[:100]!r} is no domain for a cookie: write a host name in ASCII, without a port")
    if same_site not in {"Strict", "Lax", "None", None}:
        raise ValueError(f"`same_site` is 'Strict', 'Lax', 'None' or None, not {same_site!r:.100}")
    if priority not in {"Low", "Medium", "High", None}:
        raise ValueError(f"`priority` is 'Low', 'Medium', 'High' or None, not {priority!r:.100}")
    if max_age_seconds is not None and max_age_seconds < 0:
        raise ValueError(f"`max_age_seconds` is 0 or more, not {max_age_seconds}; 0 deletes the cookie")
    _check_together(name, path, domain, secure, same_site, partitioned)

    attributes = [
        "" if expires is None else f"; Expires={format_http_date(expires).decode('ascii')}",
        "" if max_age_seconds is None else f"; Max-Age={max_age_seconds:d}",
        "" if domain is None else f"; Domain={domain.removeprefix('.')}",
        "" if path is None else f"; Path={path}",
        "; Secure" if secure else "",
        "; HttpOnly" if http_only else "",
        "" if same_site is None else f"; SameSite={same_site}",
        "; Partitioned" if partitioned else "",
        "" if priority is None else f"; Priority={priority}",
    ]
    line = f"{name}={encode_cookie_value(value)}{''.join(attributes)}".encode("ascii")
    if len(line) > MAX_SET_COOKIE_BYTES:
        raise ValueError(
            f"the cookie {name[:100]!r} is {len(line)} bytes with its attributes, and browsers drop one of more than "
            f"{MAX_SET_COOKIE_BYTES}; keep an id in it and the rest in your database"
        )
    return line


def format_delete_cookie(
    name: str,
    path: str | None = "/",
    domain: str | None = None,
    *,
    secure: bool = True,
    http_only: bool = True,
    same_site: SameSite | None = "Lax",
    partitioned: bool = False,
) -> bytes:
    """Format the value of a Set-Cookie line that makes a browser forget a cookie.

    Path and domain must be those that the cookie was set with, and so must `partitioned`; with another `secure` a
    browser may refuse to touch the cookie.

    Args:
        name: as it was set.
        path: as it was set.
        domain: as it was set.
        secure: as it was set.
        http_only: as it was set.
        same_site: as it was set.
        partitioned: as it was set.

    Raises:
        ValueError: as `format_set_cookie`.

    >>> format_delete_cookie("theme", secure=False, http_only=False, same_site=None)
    b'theme=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/'
    """
    return format_set_cookie(
        name,
        "",
        max_age_seconds=0,
        expires=0,
        path=path,
        domain=domain,
        secure=secure,
        http_only=http_only,
        same_site=same_site,
        partitioned=partitioned,
    )


def _check_name(name: str) -> None:
    if not is_token(name.encode("ascii", "replace")):
        raise ValueError(
            f"{name[:100]!r} is no name for a cookie: use ASCII letters, digits and any of !#$%&'*+-.^_`|~, "
            "at least one"
        )


def _check_together(
    name: str, path: str | None, domain: str | None, secure: bool, same_site: str | None, partitioned: bool
) -> None:
    """Refuse attributes that make browsers drop the cookie without a word."""
    # Browsers compare the prefixes without regard to case.
    prefix = name[:9].lower()
    if prefix.startswith("__host-") and not (secure and path == "/" and domain is None):
        raise ValueError(f"the cookie {name[:100]!r} has the prefix `__Host-`: set `secure`, path '/', and no domain")
    if prefix == "__secure-" and not secure:
        raise ValueError(f"the cookie {name[:100]!r} has the prefix `__Secure-`: set `secure`")
    if same_site == "None" and not secure:
        raise ValueError(f"the cookie {name[:100]!r} has `same_site='None'`: set `secure`")
    if partitioned and not secure:
        raise ValueError(f"the cookie {name[:100]!r} is `partitioned`: set `secure`")

"""Cookies on the browser's side: what a test client keeps and sends back.

A jar follows the rules of RFC 6265 that decide where a cookie goes: domain, path, expiry, Secure and host-only.
It has no list of public suffixes, and it does not judge SameSite, because a test client is no third party. It
reads no clock; whoever uses it passes the time.

Loopback hosts count as secure, as they do in browsers, so a Secure cookie comes back over plain http to
``localhost``. The server's side is in `cookies`.

Spec: RFC 6265 §5.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from costrel.http.cookies import decode_cookie_value, encode_cookie_value
from costrel.http.dates import parse_http_date
from costrel.http.methods import is_token

__all__ = ["CookieJar", "StoredCookie"]

MAX_COOKIE_BYTES = 4096
"""A browser ignores a cookie whose name and value together are longer (rfc6265bis §5.6)."""


@dataclass(frozen=True, slots=True)
class StoredCookie:
    """One cookie of a jar.

    Args:
        name: as it was set.
        raw_value: as it was sent, with quotes and escapes if it has any.
        domain: in lower case; empty for a cookie that goes to every host, see `CookieJar.set`.
        path: the path to which, and below which, the cookie goes.
        host_only: whether it goes to `domain` only and not to hosts below it.
        secure: whether it goes over HTTPS only.
        http_only: whether scripts cannot see it.
        expires: a timestamp, or `None` for as long as the jar lives.
        same_site: as it was sent, or empty.
    """

    name: str
    raw_value: bytes
    domain: str
    path: str = "/"
    host_only: bool = True
    secure: bool = False
    http_only: bool = False
    expires: float | None = None
    same_site: str = ""

    @property
    def value(self) -> str:
        """The value as text, without quotes and escapes."""
        return decode_cookie_value(self.raw_value)


_is_max_age = re.compile(rb"-?[0-9]+").fullmatch


class CookieJar:
    """The cookies of one client.

    Iterating gives every cookie in the order of creation, those included that have expired since.

    Args:
        max_cookies: the most cookies that are kept; the oldest make room.

    >>> jar = CookieJar()
    >>> jar.store([b"a=1; Path=/shop; Max-Age=60"], "example.org", "/shop/cart", "https", now=1000)
    >>> jar.header_for("example.org", "/shop", "https", now=1059)
    'a=1'
    >>> jar.header_for("example.org", "/shop", "https", now=1060)
    """

    __slots__ = ("_cookies", "_max_cookies")

    def __init__(self, max_cookies: int = 1000) -> None:
        # By domain, path and name (RFC 6265 §5.3); a dict keeps the place of a cookie that is replaced.
        self._cookies: dict[tuple[str, str, str], StoredCookie] = {}
        self._max_cookies = max_cookies

    def store(self, set_cookie_values: Iterable[bytes], host: str, path: str, scheme: str, now: float) -> None:
        """Keep what a response sets, as far as a browser would.

        Args:
            set_cookie_values: the values of its Set-Cookie lines in order.
            host: the host that answered, without a port.
            path: the path of the request, without the query.
            scheme: ``"https"`` or ``"http"``; ``"wss"`` or ``"ws"`` for a handshake.
            now: the present as a timestamp.

        Spec:
            RFC 6265 §5.3.
        """
        for field_value in set_cookie_values:
            cookie = _accept_cookie(field_value, host.lower(), path, scheme, now)
            if cookie is None:
                continue
            key = (cookie.domain, cookie.path, cookie.name)
            if cookie.expires is not None and cookie.expires <= now:
                self._cookies.pop(key, None)
            else:
                self._keep(key, cookie)

    def header_for(self, host: str, path: str, scheme: str, now: float) -> str | None:
        """Give the value of the Cookie field for a request, or `None` when no cookie goes with it.

        Args:
            host: where the request goes, without a port.
            path: the path of the request, without the query.
            scheme: as for `store`.
            now: the present as a timestamp; what has expired is forgotten.

        Spec:
            RFC 6265 §5.4: longer paths first, then older cookies first.
        """
        host = host.lower()
        secure = _is_secure(scheme, host)
        expired = [key for key, cookie in self._cookies.items() if cookie.expires is not None and cookie.expires <= now]
        for key in expired:
            del self._cookies[key]
        matching = [
            cookie
            for cookie in self._cookies.values()
            if (secure or not cookie.secure) and _goes_to(cookie, host) and _path_matches(path, cookie.path)
        ]
        matching.sort(key=lambda cookie: -len(cookie.path))
        if not matching:
            return None
        return "; ".join(f"{cookie.name}={cookie.raw_value.decode('latin-1')}" for cookie in matching)

    def get(self, name: str, default: str | None = None, *, domain: str | None = None) -> str | None:
        """Give the value of a cookie as text, or `default`.

        Args:
            name: the exact name.
            default: what to give when there is none.
            domain: look only at cookies of this domain; by default the newest of any.
        """
        wanted = None if domain is None else domain.lower()
        for cookie in reversed(self._cookies.values()):
            if cookie.name == name and wanted in {None, cookie.domain}:
                return cookie.value
        return default

    def set(self, name: str, value: str, *, domain: str = "", path: str = "/", secure: bool = False) -> None:
        """Put a cookie into the jar by hand.

        Args:
            name: a token.
            value: any text without control characters; what needs it is quoted.
            domain: the host it goes to and those below; by default every host.
            path: where it goes, and below.
            secure: send it over HTTPS only.

        Raises:
            ValueError: a name or a value that cannot stand in a cookie.
        """
        if not is_token(name.encode("ascii", "replace")):
            raise ValueError(f"{name[:100]!r} is no name for a cookie, because it is no token")
        raw_value = encode_cookie_value(value).encode("ascii")
        host = domain.lower().removeprefix(".")
        self._keep((host, path, name), StoredCookie(name, raw_value, host, path, host_only=False, secure=secure))

    def clear(self) -> None:
        """Forget every cookie."""
        self._cookies.clear()

    def __iter__(self) -> Iterator[StoredCookie]:
        return iter([*self._cookies.values()])

    def __len__(self) -> int:
        return len(self._cookies)

    def _keep(self, key: tuple[str, str, str], cookie: StoredCookie) -> None:
        self._cookies[key] = cookie
        if len(self._cookies) > self._max_cookies:
            del self._cookies[next(iter(self._cookies))]


def _accept_cookie(field_value: bytes, host: str, path: str, scheme: str, now: float) -> StoredCookie | None:
    """Parse one Set-Cookie value and decide whether a browser would take it (RFC 6265 §5.2, §5.3)."""
    pair, *pieces = field_value.split(b";")
    name, equals, value = (part.strip(b" \t") for part in pair.partition(b"="))
    if not equals or not name or len(name) + len(value) > MAX_COOKIE_BYTES:
        return None
    attributes: dict[bytes, bytes] = {}
    for piece in pieces:
        # RFC 6265 §5.3: the last attribute of a name counts.
        key, _, attribute = piece.partition(b"=")
        attributes[key.strip(b" \t").lower()] = attribute.strip(b" \t")

    domain = attributes.get(b"domain", b"").decode("latin-1").lower().removeprefix(".")
    if domain and not _domain_matches(host, domain):
        return None
    cookie_path = attributes.get(b"path", b"").decode("latin-1")
    if not cookie_path.startswith("/"):
        cookie_path = _default_path(path)
    cookie = StoredCookie(
        name.decode("latin-1"),
        value,
        domain or host,
        cookie_path,
        host_only=not domain,
        secure=b"secure" in attributes,
        http_only=b"httponly" in attributes,
        expires=_expiry(attributes, now),
        same_site=attributes.get(b"samesite", b"").decode("latin-1"),
    )
    if cookie.secure:
        if not _is_secure(scheme, host):
            return None
    elif b"partitioned" in attributes or cookie.same_site.lower() == "none":
        return None
    return cookie if _prefix_holds(cookie, b"path" in attributes) else None


def _prefix_holds(cookie: StoredCookie, has_path: bool) -> bool:
    """Say whether a cookie keeps what the prefix of its name promises (rfc6265bis §4.1.3)."""
    prefix = cookie.name[:9].lower()
    if prefix.startswith("__host-"):
        return cookie.secure and cookie.host_only and has_path and cookie.path == "/"
    return cookie.secure or prefix != "__secure-"


def _expiry(attributes: dict[bytes, bytes], now: float) -> float | None:
    """Give the time when a cookie ends; Max-Age outweighs Expires (RFC 6265 §5.3)."""
    max_age = attributes.get(b"max-age", b"")
    if _is_max_age(max_age):
        # More digits than this are more years than anybody counts, and `int` is not linear.
        seconds = int(max_age[:18])
        return now + seconds if seconds > 0 else 0.0
    expires = attributes.get(b"expires", b"")
    moment = parse_http_date(expires, now=now)
    # Netscape's form of a date has hyphens and four digits of year: Wed, 09-Jun-2021 10:18:14 GMT
    return parse_http_date(expires.replace(b"-", b" ")) if moment is None else moment


def _default_path(path: str) -> str:
    """Give the directory of a request's path (RFC 6265 §5.1.4)."""
    return (path.rpartition("/")[0] or "/") if path.startswith("/") else "/"


def _path_matches(path: str, cookie_path: str) -> bool:
    """Say whether a path is the cookie's or below it (RFC 6265 §5.1.4)."""
    if not path.startswith(cookie_path):
        # A request without a path asks for the root.
        return cookie_path == "/"
    return len(path) == len(cookie_path) or cookie_path.endswith("/") or path[len(cookie_path)] == "/"


def _goes_to(cookie: StoredCookie, host: str) -> bool:
    if cookie.host_only:
        return host == cookie.domain
    return not cookie.domain or _domain_matches(host, cookie.domain)


def _domain_matches(host: str, domain: str) -> bool:
    """Say whether a host is the domain or below it; an address has nothing below it (RFC 6265 §5.1.3)."""
    return host == domain or (host.endswith("." + domain) and not _is_address(host))


def _is_secure(scheme: str, host: str) -> bool:
    """Say whether Secure cookies may travel; loopback counts, as in browsers."""
    if scheme in {"https", "wss"} or host == "localhost" or host.endswith(".localhost"):
        return True
    return _is_address(host) and ip_address(host.strip("[]")).is_loopback


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True

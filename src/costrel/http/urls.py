"""URLs, authorities and request targets: RFC 3986 and RFC 9112 §3.2.

A `URL` is text with parts. One that was built from parts keeps exactly those and never reads its own text again, so
that no odd ``Host`` field can move a piece of the authority into the path. What a request target may look like is
decided here for all transports; percent-encoding itself lives in `percent`, and what may stand in ``Location`` in
`redirects`.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple, SupportsIndex, overload

from costrel.http.percent import decode_component, encode_path, requote
from costrel.http.query import format_query, parse_query_string

__all__ = ["URL", "is_valid_authority", "parse_authority", "parse_request_target", "split_target"]

_MAX_AUTHORITY_BYTES = 255
# RFC 3986 §3.2.2: reg-name = *( unreserved / pct-encoded / sub-delims ); an IPv4 address has the same form.
# SECURITY: two Host fields that an intermediary joined read "a,evil", so the comma of sub-delims is not accepted.
_AUTHORITY = re.compile(rb"((?:[A-Za-z0-9._~!$&'()*+;=-]|%[0-9A-Fa-f]{2})+|\[[0-9A-Fa-f:.]++\])(?::([0-9]{1,5}))?")
_NOT_AUTHORITY = re.compile(r"[^A-Za-z0-9._~!$&'()*+,;=:%\[\]-]")
# RFC 3986 §3.1: scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*+):")
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def parse_authority(value: bytes) -> tuple[str, int | None]:
    """Parse the authority of an http URL, as in the Host field.

    Args:
        value: ``host`` or ``host:port``, at most 255 bytes.

    Returns:
        The host in lower case, an IPv6 address in its brackets, and the port or `None`.

    Raises:
        ValueError: empty, user information, a port outside 1 to 65535, or not of the grammar; answer 400.

    Spec:
        RFC 3986 §3.2, RFC 9110 §7.2. The future forms of IP-literal and zone identifiers are refused.

    >>> parse_authority(b"[::1]:8000")
    ('[::1]', 8000)
    """
    match = _AUTHORITY.fullmatch(value) if len(value) <= _MAX_AUTHORITY_BYTES else None
    if match is None:
        raise ValueError("The authority is not a host with an optional port.")
    host = match[1].decode("ascii").lower()
    if host[0] == "[":
        try:
            IPv6Address(host[1:-1])
        except AddressValueError:
            raise ValueError("The authority has brackets around something that is not an IPv6 address.") from None
    if match[2] is None:
        return host, None
    port = int(match[2])
    if not 1 <= port <= 65535:
        raise ValueError("The port of the authority is not from 1 to 65535.")
    return host, port


def is_valid_authority(value: bytes) -> bool:
    """Tell whether `parse_authority` accepts a value."""
    try:
        parse_authority(value)
    except ValueError:
        return False
    return True


def split_target(target: bytes) -> tuple[bytes, bytes]:
    """Split a request target in origin form into its raw path and its query string.

    >>> split_target(b"/a?b=1?2")
    (b'/a', b'b=1?2')
    """
    raw_path, _, query_string = target.partition(b"?")
    return raw_path, query_string


def parse_request_target(method: str, target: bytes, host: bytes | None) -> tuple[bytes, bytes]:
    """Check a request target and return what names the resource in it.

    Control characters and spaces are the parser's to refuse, CONNECT the server's.

    Args:
        method: the request's method.
        target: the request target as sent.
        host: the value of the Host field, or `None` when there is none.

    Returns:
        The raw path, which starts with ``/`` or is ``*``, and the query string.

    Raises:
        ValueError: a fragment, ``*`` with another method than OPTIONS, an absolute form whose scheme is not http or
            https, that has user information or another authority than the Host field, or any other form; answer 400.

    Spec:
        RFC 9112 §3.2.
    """
    if target[:1] == b"/" and b"#" not in target:
        return split_target(target)
    if b"#" in target:
        raise ValueError("The request target has a fragment.")
    if target == b"*":
        if method != "OPTIONS":
            raise ValueError("The request target `*` is for OPTIONS only.")
        return b"*", b""
    scheme, separator, rest = target.partition(b"://")
    if not separator or scheme.lower() not in (b"http", b"https"):
        raise ValueError("The request target does not start with `/`.")
    before_query, mark, query_string = rest.partition(b"?")
    authority, slash, path = before_query.partition(b"/")
    if b"@" in authority:
        raise ValueError("The request target has user information.")
    if not is_valid_authority(authority):
        raise ValueError("The authority of the request target is not a host with an optional port.")
    if host is None or authority.lower() != host.lower():
        raise ValueError("The authority of the request target is not that of the Host field.")
    if not slash and not mark and method == "OPTIONS":
        # RFC 9112 §3.2.4: OPTIONS with an absolute form without a path is about the server as a whole.
        return b"*", b""
    return b"/" + path, query_string


class _Parts(NamedTuple):
    """The parts of a URL; `raw_path` is what its text has for `path`."""

    scheme: str
    authority: str
    path: str
    raw_path: str
    query_string: str
    fragment: str


class URL(str):
    """A URL: text whose parts can be read and that can be copied with other parts.

    `URL(text)` splits the text at the first use of a part. `URL.build` keeps the parts it was given.

    Args:
        text: a URL or a relative reference.

    Spec:
        RFC 3986.

    >>> url = URL("https://shop.example:8443/a%20b?page=2")
    >>> url.host, url.port, url.path, url.query_string
    ('shop.example', 8443, '/a b', 'page=2')
    >>> url.with_query(page=3)
    URL('https://shop.example:8443/a%20b?page=3')
    """

    __slots__ = ("_parts",)
    _parts: _Parts

    @classmethod
    def build(
        cls,
        *,
        scheme: str = "",
        authority: str = "",
        path: str = "",
        raw_path: bytes | None = None,
        query_string: str | bytes = "",
        fragment: str = "",
    ) -> URL:
        """Build a URL from its parts; its text is never parsed again.

        Args:
            scheme: without the colon; empty for a relative reference.
            authority: ``host`` or ``host:port``; characters that an authority must not have are encoded.
            path: the decoded path; the part `path` is exactly this.
            raw_path: the path as a client sent it, when the text is to show that one.
            query_string: without ``?``; what a query must not have is encoded, escapes stay.
            fragment: without ``#``; likewise.
        """
        raw = encode_path(path) if raw_path is None else requote(raw_path, "path")
        parts = _Parts(
            scheme=scheme.lower(),
            # SECURITY: a Host of `a/?` must not end the authority early in the text.
            authority=_NOT_AUTHORITY.sub(_escaped, authority),
            path=path,
            raw_path=raw,
            query_string=requote(query_string, "query"),
            fragment=requote(fragment, "query"),
        )
        return cls._of(parts)

    @classmethod
    def _of(cls, parts: _Parts) -> URL:
        url = cls(_text_of(parts))
        url._parts = parts
        return url

    def _split(self) -> _Parts:
        """Return the parts, read from the text at the first use unless the URL was built from them."""
        try:
            return self._parts
        except AttributeError:
            pass
        rest, _, fragment = self.partition("#")
        rest, _, query_string = rest.partition("?")
        match = _SCHEME.match(rest)
        scheme = match[1] if match else ""
        raw_path = rest[match.end() if match else 0 :]
        authority = ""
        if raw_path.startswith("//"):
            authority, slash, after = raw_path[2:].partition("/")
            raw_path = slash + after
        path = decode_component(raw_path.encode("utf-8", "replace"), plus_is_space=False)
        self._parts = _Parts(scheme.lower(), authority, path, raw_path, query_string, fragment)
        return self._parts

    @property
    def scheme(self) -> str:
        """The scheme in lower case, or empty (RFC 3986 §3.1)."""
        return self._split().scheme

    @property
    def authority(self) -> str:
        """What stands between ``//`` and the path, or empty (RFC 3986 §3.2)."""
        return self._split().authority

    @property
    def host(self) -> str:
        """The host in lower case, an IPv6 address in its brackets, or empty (RFC 3986 §3.2.2)."""
        return self._host_and_port()[0]

    @property
    def port(self) -> int | None:
        """The port that is written, from 1 to 65535, or `None` (RFC 3986 §3.2.3)."""
        return self._host_and_port()[1]

    def _host_and_port(self) -> tuple[str, int | None]:
        host_and_port = self._split().authority.rpartition("@")[2]
        host, colon, digits = host_and_port.rpartition(":")
        if not colon or digits.endswith("]"):
            return host_and_port.lower(), None
        if digits.isascii() and digits.isdigit() and len(digits) <= 5 and 1 <= int(digits) <= 65535:
            return host.lower(), int(digits)
        return host.lower(), None

    @property
    def path(self) -> str:
        """The path, decoded once (RFC 3986 §3.3)."""
        return self._split().path

    @property
    def raw_path(self) -> str:
        """The path as it is written in the text, percent-encoded."""
        return self._split().raw_path

    @property
    def query_string(self) -> str:
        """The query as it is written, without ``?``; text, because a URL is text (RFC 3986 §3.4)."""
        return self._split().query_string

    @property
    def fragment(self) -> str:
        """The fragment as it is written, without ``#`` (RFC 3986 §3.5)."""
        return self._split().fragment

    @property
    def origin(self) -> str:
        """Scheme, host and port as ``Origin`` has them, the scheme's own port left out (RFC 6454 §6.2).

        ``null`` when the scheme is not http, https, ws or wss, or when there is no host.
        """
        default_port = _DEFAULT_PORTS.get(self.scheme)
        host, port = self._host_and_port()
        if default_port is None or not host:
            return "null"
        return f"{self.scheme}://{host}" if port in (None, default_port) else f"{self.scheme}://{host}:{port}"

    @property
    def is_absolute(self) -> bool:
        """Whether the URL has a scheme (RFC 3986 §4.3)."""
        return bool(self._split().scheme)

    @overload
    def replace(self, old: str, new: str, count: SupportsIndex = -1) -> str: ...
    @overload
    def replace(
        self,
        *,
        scheme: str | None = None,
        authority: str | None = None,
        path: str | None = None,
        query_string: str | bytes | None = None,
        fragment: str | None = None,
    ) -> URL: ...
    def replace(
        self,
        old: str | None = None,
        new: str | None = None,
        count: SupportsIndex = -1,
        *,
        scheme: str | None = None,
        authority: str | None = None,
        path: str | None = None,
        query_string: str | bytes | None = None,
        fragment: str | None = None,
    ) -> str:
        """Return a copy with other parts; with two texts it is `str.replace` and returns plain text.

        Args:
            old: the text to look for, as for `str.replace`.
            new: the text to put there.
            count: how often, all by default.
            scheme: the new scheme; `None` keeps a part, ``""`` removes it.
            authority: the new authority.
            path: the new path, decoded.
            query_string: the new query, without ``?``.
            fragment: the new fragment, without ``#``.
        """
        if old is not None and new is not None:
            return super().replace(old, new, count)
        parts = self._split()
        if scheme is not None:
            parts = parts._replace(scheme=scheme.lower())
        if authority is not None:
            parts = parts._replace(authority=_NOT_AUTHORITY.sub(_escaped, authority))
        if path is not None:
            parts = parts._replace(path=path, raw_path=encode_path(path))
        if query_string is not None:
            parts = parts._replace(query_string=requote(query_string, "query"))
        if fragment is not None:
            parts = parts._replace(fragment=requote(fragment, "query"))
        return self._of(parts)

    def with_query(self, **values: object) -> URL:
        """Return a copy in which these query parameters have these values.

        A parameter that is there already keeps its place; the others come last, and `None` removes one.

        Args:
            **values: as for `format_query`; a list repeats its name.
        """
        kept: list[tuple[str, object]] = []
        left = dict(values)
        query = self.query_string.encode("utf-8", "replace")
        for name, value in parse_query_string(query, max_fields=len(query)).items(multi=True):
            if name not in values:
                kept.append((name, value))
            elif name in left:
                kept.append((name, left.pop(name)))
        return self.replace(query_string=format_query([*kept, *left.items()]))

    def __repr__(self) -> str:
        return f"URL({str.__repr__(self)})"


def _text_of(parts: _Parts) -> str:
    """Put the parts together so that reading the text gives the same parts again (RFC 3986 §5.3)."""
    path = parts.raw_path
    if parts.authority:
        if path and path[0] != "/":
            # RFC 9112 §3.3: the target URI of `OPTIONS *` has no path.
            path = "" if path == "*" else f"/{path}"
    elif path[:2] == "//":
        # RFC 3986 §4.2: without an authority, a path must not look like one.
        path = f"/.{path}"
    elif not parts.scheme and ":" in path.partition("/")[0]:
        path = f"./{path}"
    return "".join(
        (
            f"{parts.scheme}:" if parts.scheme else "",
            f"//{parts.authority}" if parts.authority else "",
            path,
            f"?{parts.query_string}" if parts.query_string else "",
            f"#{parts.fragment}" if parts.fragment else "",
        )
    )


def _escaped(match: re.Match[str]) -> str:
    """Percent-encode one character of an authority."""
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "replace"))

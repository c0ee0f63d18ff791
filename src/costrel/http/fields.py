"""Field names and field values: what may stand in a header section, checked when it is set.

Everything that Costrel sends passes through `field_name` and `field_value` at the moment the application sets it, so
a mistake shows where it is made and a newline never reaches the wire. What arrives has been checked by the server's
parser, so reading does not come here; see `headers` for the section as a whole.

Also here: the small grammar that many fields share (tokens, quoted strings) and what is known of single fields,
such as which may occur only once and which carry secrets.

Spec: RFC 9110 §5.1, §5.5, §5.6.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from costrel.http.methods import is_token

__all__ = [
    "QUOTED_STRING",
    "SENSITIVE_FIELDS",
    "SINGLETON_FIELDS",
    "TCHARS",
    "decode_quoted_string",
    "field_name",
    "field_value",
    "format_quoted_string",
    "lookup_name",
]

TCHARS = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
"""A regular expression for a token, one or more tchar (RFC 9110 §5.6.2); possessive, so it never backtracks."""

QUOTED_STRING = r'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
"""A regular expression for a quoted string with its quotes (RFC 9110 §5.6.4).

COMPAT: not possessive, for Python before 3.11.5 matches possessive groups wrongly; a failure costs one pass back.
"""

SINGLETON_FIELDS: frozenset[bytes] = frozenset(
    {
        b"access-control-allow-credentials",
        b"access-control-allow-origin",
        b"access-control-max-age",
        b"access-control-request-method",
        b"age",
        b"authorization",
        b"content-disposition",
        b"content-length",
        b"content-location",
        b"content-range",
        b"content-type",
        b"date",
        b"etag",
        b"expires",
        b"from",
        b"host",
        b"if-modified-since",
        b"if-range",
        b"if-unmodified-since",
        b"last-modified",
        b"location",
        b"max-forwards",
        b"origin",
        b"proxy-authorization",
        b"range",
        b"referer",
        b"retry-after",
        b"sec-websocket-key",
        b"server",
        b"user-agent",
    }
)
"""Fields of which a second line is refused: two readers could believe two different ones.

``transfer-encoding`` is not here: it is a list, and the server's framing rules decide about it.
"""

SENSITIVE_FIELDS: frozenset[bytes] = frozenset(
    {b"authorization", b"cookie", b"proxy-authorization", b"set-cookie", b"x-api-key"}
)
"""Fields whose values are secrets; they are masked wherever fields are shown."""

_COMMON_NAMES = """
    Accept Accept-Charset Accept-Encoding Accept-Language Accept-Ranges Access-Control-Allow-Credentials
    Access-Control-Allow-Headers Access-Control-Allow-Methods Access-Control-Allow-Origin
    Access-Control-Expose-Headers Access-Control-Max-Age Access-Control-Request-Headers
    Access-Control-Request-Method Age Allow Alt-Svc Authorization Cache-Control Connection Content-Disposition
    Content-Encoding Content-Language Content-Length Content-Location Content-Range Content-Security-Policy
    Content-Type Cookie Cross-Origin-Embedder-Policy Cross-Origin-Opener-Policy Cross-Origin-Resource-Policy Date
    ETag Expect Expires Forwarded From Host If-Match If-Modified-Since If-None-Match If-Range If-Unmodified-Since
    Keep-Alive Last-Event-ID Last-Modified Link Location Max-Forwards Origin Permissions-Policy Pragma Priority
    Proxy-Authenticate Proxy-Authorization Range Referer Referrer-Policy Retry-After Sec-Fetch-Dest Sec-Fetch-Mode
    Sec-Fetch-Site Sec-Fetch-User Sec-WebSocket-Accept Sec-WebSocket-Extensions Sec-WebSocket-Key
    Sec-WebSocket-Protocol Sec-WebSocket-Version Server Server-Timing Set-Cookie Strict-Transport-Security TE
    Trailer Transfer-Encoding Upgrade User-Agent Vary Via WWW-Authenticate X-Accel-Buffering X-Api-Key
    X-CSRF-Token X-Content-Type-Options X-Forwarded-For X-Forwarded-Host X-Forwarded-Prefix X-Forwarded-Proto
    X-Frame-Options X-Real-IP X-Request-ID X-Requested-With
"""

# PERF: one dict hit instead of the whole check, saves 205 ns (benchmarks/tricks.py::known_field_name, 3.11)
_KNOWN_NAMES: Mapping[str, bytes] = MappingProxyType(
    {spelling: name.lower().encode("ascii") for name in _COMMON_NAMES.split() for spelling in (name, name.lower())}
)

_KNOWN_LINES = frozenset(_KNOWN_NAMES.values())

_search_refused_byte = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search


def field_name(value: str | bytes) -> bytes:
    """Check a field name and give its lower-case bytes.

    Args:
        value: a token in any case, for example ``"Content-Type"``.

    Returns:
        The name in lower case, the form that all of Costrel compares.

    Raises:
        ValueError: the name is empty or has a character that no field name has.
        TypeError: the name is neither `str` nor `bytes`.

    Spec:
        RFC 9110 §5.1.

    >>> field_name("X-Request-ID")
    b'x-request-id'
    """
    if isinstance(value, str):
        known = _KNOWN_NAMES.get(value)
        if known is not None:
            return known
        # SECURITY: a character outside ASCII becomes `?`, which is in no token, so nothing can be folded into a name.
        name = value.encode("ascii", "replace").lower()
    elif isinstance(value, bytes):
        if value in _KNOWN_LINES:
            return value
        name = value.lower()
    else:
        raise TypeError(f"a field name is `str` or `bytes`, not `{type(value).__name__}`")
    if not is_token(name):
        raise ValueError(
            f"{value[:100]!r} is not a field name: use ASCII letters, digits and any of !#$%&'*+-.^_`|~, at least one"
        )
    return name


def field_value(value: str | bytes) -> bytes:
    r"""Check a field value and give its bytes, without whitespace around it.

    Args:
        value: text of characters up to U+00FF, sent as latin-1; or bytes, sent as they are.

    Returns:
        The bytes for the wire; leading and trailing spaces and tabs are taken away.

    Raises:
        ValueError: CR, LF, NUL or another control character (a tab inside is allowed), or text beyond latin-1.
            The message never quotes the value, which may be a secret.
        TypeError: the value is neither `str` nor `bytes`.

    Spec:
        RFC 9110 §5.5.

    >>> field_value(" text/html; charset=utf-8 ")
    b'text/html; charset=utf-8'
    >>> field_value("a\r\nSet-Cookie: x=1")
    Traceback (most recent call last):
        ...
    ValueError: a field value must not have control characters: '\r' at index 1
    """
    if isinstance(value, str):
        # PERF: printable ASCII needs no search, saves 85 ns (benchmarks/tricks.py::printable_ascii, 3.11)
        if value.isascii() and value.isprintable():
            return value.encode("ascii").strip(b" ")
        try:
            content = value.encode("latin-1")
        except UnicodeEncodeError as error:
            raise ValueError(
                f"a field value holds characters up to U+00FF, not {value[error.start]!r} at index {error.start}; "
                "percent-encode the text, or pass bytes such as `value.encode()` if the recipient expects UTF-8"
            ) from None
    elif isinstance(value, bytes):
        content = value
    else:
        raise TypeError(
            f"a field value is `str` or `bytes`, not `{type(value).__name__}`; "
            "write `str(value)`, or call `add` once for each of several values"
        )
    refused = _search_refused_byte(content)
    if refused is not None:
        raise ValueError(
            "a field value must not have control characters: "
            f"{refused[0].decode('latin-1')!r} at index {refused.start()}"
        )
    return content.strip(b" \t")


def lookup_name(name: str) -> bytes:
    """Give the bytes under which a field name is found, without checking that it could exist.

    Args:
        name: a field name in any case; one that no field can have gives bytes that no field has.
    """
    known = _KNOWN_NAMES.get(name)
    # SECURITY: encoded before it is lowered, because `str.lower` turns the Kelvin sign into an ASCII "k".
    return known if known is not None else name.encode("ascii", "replace").lower()


def format_quoted_string(value: str) -> str:
    r"""Format text as a quoted string.

    Args:
        value: characters up to U+00FF, no control characters but tabs.

    Returns:
        The text in double quotes, with a backslash before each quote and backslash.

    Raises:
        ValueError: a character that no quoted string can have.

    Spec:
        RFC 9110 §5.6.4.

    >>> print(format_quoted_string('say "hi"'))
    "say \"hi\""
    """
    field_value(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def decode_quoted_string(value: str) -> str:
    r"""Take the quotes and backslashes off what `QUOTED_STRING` matched.

    Args:
        value: a quoted string with its quotes.

    >>> decode_quoted_string('"a \\"b\\""')
    'a "b"'
    """
    inner = value[1:-1]
    return _QUOTED_PAIR.sub(r"\1", inner) if "\\" in inner else inner


_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)

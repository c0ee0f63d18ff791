"""Credentials and challenges: the shape of Authorization and WWW-Authenticate.

Only syntax is here. Whether credentials are good is for `costrel.auth` and the application to say; because they come
from strangers, nothing here raises on bad ones, it gives `None`, and the answer is 401.

Spec: RFC 9110 §11; RFC 7617 for Basic.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from dataclasses import dataclass, field

from costrel.http.fields import QUOTED_STRING, TCHARS, decode_quoted_string, format_quoted_string

__all__ = ["Credentials", "format_challenge", "parse_authorization", "parse_basic"]

MAX_PARAMETERS = 32
"""More parameters than this make a value no credentials."""
MAX_BASIC_CHARACTERS = 8192
"""A longer Basic token is refused before it is decoded."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an Authorization field says, not yet checked by anyone.

    The `repr` has the scheme alone, so that credentials do not end in a log.

    Args:
        scheme: in lower case, for example ``bearer``.
        token: what follows the scheme when it is one piece, for example the Bearer token; else empty.
        parameters: what follows the scheme when it is a list: names in lower case, values without quotes.
    """

    scheme: str
    token: str = field(default="", repr=False)
    parameters: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def parameter(self, name: str) -> str | None:
        """Give the value of a parameter, or `None`.

        Args:
            name: the name in lower case, for example ``"nonce"``.
        """
        return next((value for key, value in self.parameters if key == name), None)


_is_token = re.compile(TCHARS).fullmatch
_is_token68 = re.compile(r"[A-Za-z0-9\-._~+/]++=*+").fullmatch
_is_base64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?").fullmatch
_match_parameter = re.compile(rf"({TCHARS})[ \t]*+=[ \t]*+(?:({TCHARS})|({QUOTED_STRING}))[ \t]*+").match
_skip_commas = re.compile(r"[, \t]*+").match


def parse_authorization(field_value: str | None) -> Credentials | None:
    """Parse an Authorization or Proxy-Authorization field value.

    Args:
        field_value: the value without the field name, or `None` when the request has none.

    Returns:
        The credentials, or `None` for bad syntax, a parameter given twice, or more than 32 parameters.

    Spec:
        RFC 9110 §11.4.

    >>> credentials = parse_authorization("Bearer abc.def")
    >>> credentials.scheme, credentials.token
    ('bearer', 'abc.def')
    """
    if field_value is None:
        return None
    scheme, _, rest = field_value.partition(" ")
    if _is_token(scheme) is None:
        return None
    rest = rest.lstrip(" ")
    if not rest:
        return Credentials(scheme.lower())
    if _is_token68(rest):
        return Credentials(scheme.lower(), rest)
    parameters = _parse_parameters(rest)
    return None if parameters is None else Credentials(scheme.lower(), "", parameters)


def _parse_parameters(text: str) -> tuple[tuple[str, str], ...] | None:
    """Parse a comma-separated list of parameters, or give `None`."""
    parameters: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _match_parameter(text, position)
        if match is None or match[1].lower() in parameters or len(parameters) == MAX_PARAMETERS:
            return None
        name, token, quoted = match.groups()
        parameters[name.lower()] = token if quoted is None else decode_quoted_string(quoted)
        position = match.end()
        if position < len(text) and text[position] != ",":
            return None
        separator = _skip_commas(text, position)
        position = separator.end() if separator is not None else position
    return tuple(parameters.items())


def parse_basic(field_value: str | None) -> tuple[str, str] | None:
    """Parse Basic credentials.

    Args:
        field_value: the value of the Authorization field, or `None` when the request has none.

    Returns:
        User name and password; `None` for another scheme and for anything that RFC 7617 forbids: bad base64, no
        colon, text that is not UTF-8, control characters. Never raises.

    Spec:
        RFC 7617 §2.

    >>> parse_basic("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
    ('Aladdin', 'open sesame')
    """
    credentials = parse_authorization(field_value)
    if credentials is None or credentials.scheme != "basic" or len(credentials.token) > MAX_BASIC_CHARACTERS:
        return None
    # Checked here because Python's versions differ in what padding they let pass.
    if _is_base64(credentials.token) is None:
        return None
    try:
        text = a2b_base64(credentials.token).decode("utf-8")
    except UnicodeDecodeError:
        return None
    user, colon, password = text.partition(":")
    # SECURITY: a user name with a newline forges log lines wherever it is logged; RFC 7617 §2 forbids it anyway.
    if not colon or any(character < " " or "\x7f" <= character < "\xa0" for character in text):
        return None
    return user, password


# RFC 7616 §3.3: senders must not quote these two.
_NEVER_QUOTED = frozenset({"algorithm", "stale"})


def format_challenge(scheme: str, **parameters: str) -> str:
    """Format a challenge for WWW-Authenticate or Proxy-Authenticate.

    Args:
        scheme: an authentication scheme, for example ``"Bearer"``.
        parameters: names with values up to U+00FF; values are quoted.

    Raises:
        ValueError: a scheme or name that is no token, or a value with control characters.

    Spec:
        RFC 9110 §11.6.1.

    >>> format_challenge("Basic", realm="Shop", charset="UTF-8")
    'Basic realm="Shop", charset="UTF-8"'
    """
    for name in (scheme, *parameters):
        if _is_token(name) is None:
            raise ValueError(f"{name[:100]!r} cannot stand in a challenge, because it is no token")
    formatted = ", ".join(
        f"{name}={value if name in _NEVER_QUOTED and _is_token(value) else format_quoted_string(value)}"
        for name, value in parameters.items()
    )
    return f"{scheme} {formatted}" if formatted else scheme

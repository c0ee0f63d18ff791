"""What must not be shown on a page, not even to a developer who may share a screenshot: passwords, tokens, cookies.

A value is a secret by the name it has (a variable, a key, a header field) or by the name of its type. A text is
searched for what gives itself away: credentials in a URL, ``password=…``, a bearer token.
"""

from __future__ import annotations

import re

from costrel.http import SENSITIVE_FIELDS

__all__ = ["MASK", "hide_credentials", "hide_secrets", "is_secret_name", "is_secret_type"]

MASK = "***"

_NAME_PARTS = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "api_key",
    "auth_key",
    "access_key",
    "private_key",
    "signing_key",
    "encryption_key",
    "credential",
    "authorization",
    "cookie",
    "csrf",
    "xsrf",
    "database_url",
    "connection_string",
    "sessionid",
    "session_id",
    "card_number",
)
_NAME_WORDS = frozenset({"pwd", "signature", "dsn", "otp", "pin", "pincode", "cvv", "ssn"})
_TYPES = frozenset({"Secret", "SecretStr", "SecretBytes", "SecretValue", "Credentials"})
_SECRET_FIELDS = frozenset(name.decode("latin-1") for name in SENSITIVE_FIELDS)
_MAX_NAME_LENGTH = 200

_URL_PASSWORD = re.compile(r"(://[^\s/:@'\"]{0,256}:)[^\s/@'\"]{1,512}(?=@)")
_ASSIGNED = re.compile(
    r"((?:password|passwd|passphrase|secret|token|api_?key|private_key|credential)[a-z_]{0,20}['\"]?\s{0,4}[=:]\s{0,4})"
    r"(?:b?'[^']{1,512}'|b?\"[^\"]{1,512}\"|[^\s,;&)\]}>'\"]{1,512})",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\b((?:Bearer|Basic|Digest)\s)[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Tell whether what has this name is not to be shown: ``user_password``, ``X-Api-Key``, ``Set-Cookie``."""
    lowered = name[:_MAX_NAME_LENGTH].lower()
    if lowered in _SECRET_FIELDS:
        return True
    underscored = lowered.replace("-", "_").replace(" ", "_")
    return any(part in underscored for part in _NAME_PARTS) or not _NAME_WORDS.isdisjoint(underscored.split("_"))


def is_secret_type(type_: type) -> bool:
    """Tell whether objects of a class keep a secret."""
    return any(ancestor.__name__ in _TYPES for ancestor in type_.__mro__)


def hide_credentials(text: str) -> str:
    """Return a text with stars in place of passwords in URLs and of tokens in ``Authorization`` fields.

    >>> hide_credentials("cannot reach postgres://shop:hunter2@db/shop")
    'cannot reach postgres://shop:***@db/shop'
    """
    return _SCHEME.sub(rf"\1{MASK}", _URL_PASSWORD.sub(rf"\1{MASK}", text))


def hide_secrets(text: str) -> str:
    """Return a `repr` with stars in place of credentials and of what is assigned to a secret name.

    >>> hide_secrets("User(password='x')")
    'User(password=***)'
    """
    return _ASSIGNED.sub(rf"\1{MASK}", hide_credentials(text))

"""Request methods: which ones the standards define, and what each promises.

A method is safe when a client asks for nothing to change, and idempotent when sending the request twice means the
same as sending it once. Retries, caches, CSRF checks and automatic answers ask here instead of keeping lists of
their own. Which methods a *route* has is not known here; see `costrel.routing`.

Methods are case-sensitive: ``get`` is not ``GET``, it is a method that nobody has defined (RFC 9110 §9.1).
"""

from __future__ import annotations

__all__ = ["IDEMPOTENT_METHODS", "SAFE_METHODS", "STANDARD_METHODS", "is_idempotent", "is_safe", "is_token"]

SAFE_METHODS: frozenset[str] = frozenset({"GET", "HEAD", "OPTIONS", "QUERY", "TRACE"})
"""Methods that ask for no change; RFC 9110 §9.2.1, and QUERY."""

IDEMPOTENT_METHODS: frozenset[str] = SAFE_METHODS | {"DELETE", "PUT"}
"""Methods that may be sent again after a lost connection; RFC 9110 §9.2.2."""

STANDARD_METHODS: frozenset[str] = IDEMPOTENT_METHODS | {"CONNECT", "PATCH", "POST"}
"""The methods of RFC 9110 §9.3, PATCH (RFC 5789) and QUERY."""

_TOKEN_BYTES = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def is_token(value: bytes) -> bool:
    """Say whether a value is a token, the grammar of methods and field names.

    Args:
        value: the bytes as sent; an empty value is no token.

    Spec:
        RFC 9110 §5.6.2.

    >>> is_token(b"M-SEARCH"), is_token(b"GET /"), is_token(b"")
    (True, False, False)
    """
    return bool(value) and not value.translate(None, _TOKEN_BYTES)


def is_safe(method: str) -> bool:
    """Say whether a method is defined to change nothing.

    Args:
        method: as sent, so upper-case for every standard method; an unknown method is not safe.

    Spec:
        RFC 9110 §9.2.1.
    """
    return method in SAFE_METHODS


def is_idempotent(method: str) -> bool:
    """Say whether sending a request twice with this method means the same as sending it once.

    Args:
        method: as sent; an unknown method is not idempotent.

    Spec:
        RFC 9110 §9.2.2.
    """
    return method in IDEMPOTENT_METHODS

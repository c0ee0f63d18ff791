"""The answers with a status of 5xx: the request may have been right, and the server did not fulfil it.

Spec: RFC 9110 §15.6; RFC 4918 where a class says so.
"""

from __future__ import annotations

from costrel.errors.http_error import FixedStatus

__all__ = [
    "BadGateway",
    "GatewayTimeout",
    "HTTPVersionNotSupported",
    "InsufficientStorage",
    "InternalServerError",
    "MethodNotImplemented",
    "ServiceUnavailable",
]


class InternalServerError(FixedStatus):
    """500: our fault (RFC 9110 §15.6.1)."""

    fixed_status_code = 500


class MethodNotImplemented(FixedStatus):
    """501: a method or transfer coding that this server does not know (§15.6.2)."""

    fixed_status_code = 501


class BadGateway(FixedStatus):
    """502: an upstream answered nonsense (§15.6.3)."""

    fixed_status_code = 502


class ServiceUnavailable(FixedStatus):
    """503: overloaded or stopping; send ``Retry-After`` with it (§15.6.4)."""

    fixed_status_code = 503


class GatewayTimeout(FixedStatus):
    """504: an upstream did not answer in time (§15.6.5)."""

    fixed_status_code = 504


class HTTPVersionNotSupported(FixedStatus):
    """505: only HTTP/1.0 and HTTP/1.1 are spoken here (§15.6.6)."""

    fixed_status_code = 505


class InsufficientStorage(FixedStatus):
    """507: no room to store what was sent (RFC 4918 §11.5)."""

    fixed_status_code = 507

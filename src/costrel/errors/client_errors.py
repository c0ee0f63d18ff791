"""The answers with a status of 4xx: what the client asked cannot be done as it was asked.

Spec: RFC 9110 §15.5; RFC 4918, RFC 6585, RFC 7725 and RFC 8470 where a class says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from costrel.errors.http_error import FixedStatus

__all__ = [
    "BadRequest",
    "Conflict",
    "ContentTooLarge",
    "ExpectationFailed",
    "FailedDependency",
    "Forbidden",
    "Gone",
    "LengthRequired",
    "Locked",
    "MethodNotAllowed",
    "MisdirectedRequest",
    "NotAcceptable",
    "NotFound",
    "PreconditionFailed",
    "PreconditionRequired",
    "RangeNotSatisfiable",
    "RequestHeaderFieldsTooLarge",
    "RequestTimeout",
    "TooEarly",
    "TooManyRequests",
    "URITooLong",
    "Unauthorized",
    "UnavailableForLegalReasons",
    "UnprocessableContent",
    "UnsupportedMediaType",
    "UpgradeRequired",
    "ValidationFailed",
]


class BadRequest(FixedStatus):
    """400: the request cannot be understood (RFC 9110 §15.5.1)."""

    fixed_status_code = 400


class Unauthorized(FixedStatus):
    """401: credentials are missing or wrong; send ``WWW-Authenticate`` with it (§15.5.2)."""

    fixed_status_code = 401


class Forbidden(FixedStatus):
    """403: understood and refused (§15.5.4)."""

    fixed_status_code = 403


class NotFound(FixedStatus):
    """404: there is no such resource, or it is not to be known (§15.5.5)."""

    fixed_status_code = 404


class MethodNotAllowed(FixedStatus):
    """405: the resource exists, the method is not one of `allowed` (§15.5.6).

    Args:
        allowed: the methods for the ``Allow`` field, in any order.
        detail: one sentence for the client.
    """

    fixed_status_code = 405

    def __init__(self, allowed: Iterable[str] = (), detail: str | None = None) -> None:
        self.allowed: tuple[str, ...] = tuple(sorted(allowed))
        super().__init__(detail, headers={"Allow": ", ".join(self.allowed)})


class NotAcceptable(FixedStatus):
    """406: no representation that the client accepts (§15.5.7)."""

    fixed_status_code = 406


class RequestTimeout(FixedStatus):
    """408: the request did not arrive in time (§15.5.9)."""

    fixed_status_code = 408


class Conflict(FixedStatus):
    """409: at odds with the state of the resource (§15.5.10)."""

    fixed_status_code = 409


class Gone(FixedStatus):
    """410: was here, will not come back (§15.5.11)."""

    fixed_status_code = 410


class LengthRequired(FixedStatus):
    """411: say the length of the content (§15.5.12)."""

    fixed_status_code = 411


class PreconditionFailed(FixedStatus):
    """412: a precondition of the request is false (§15.5.13)."""

    fixed_status_code = 412


class ContentTooLarge(FixedStatus):
    """413: the content is larger than the limit (§15.5.14)."""

    fixed_status_code = 413


class URITooLong(FixedStatus):
    """414: the request target is longer than the limit (§15.5.15)."""

    fixed_status_code = 414


class UnsupportedMediaType(FixedStatus):
    """415: the content's media type or coding is not one that is read here (§15.5.16)."""

    fixed_status_code = 415


class RangeNotSatisfiable(FixedStatus):
    """416: none of the ranges overlaps the representation (§15.5.17)."""

    fixed_status_code = 416


class ExpectationFailed(FixedStatus):
    """417: an ``Expect`` other than ``100-continue`` (§15.5.18)."""

    fixed_status_code = 417


class MisdirectedRequest(FixedStatus):
    """421: this server does not answer for that authority (§15.5.20)."""

    fixed_status_code = 421


class UnprocessableContent(FixedStatus):
    """422: well-formed, and the values are wrong (§15.5.21)."""

    fixed_status_code = 422


class ValidationFailed(UnprocessableContent):
    """422 with every error found in one request.

    Args:
        errors: one mapping an error: ``in`` (``path``, ``query``, ``header``, ``cookie``, ``body``, ``form``,
            ``file``), ``at`` (the place, ``$.items[2].quantity`` or the parameter's name) and ``message``.
    """

    def __init__(self, errors: Sequence[Mapping[str, str]]) -> None:
        self.errors: tuple[Mapping[str, str], ...] = tuple(errors)
        count = len(self.errors)
        super().__init__(
            "One value is wrong." if count == 1 else f"{count} values are wrong.", errors=list(self.errors)
        )


class Locked(FixedStatus):
    """423: the resource is locked (RFC 4918 §11.3)."""

    fixed_status_code = 423


class FailedDependency(FixedStatus):
    """424: an action that this one needed has failed (RFC 4918 §11.4)."""

    fixed_status_code = 424


class TooEarly(FixedStatus):
    """425: not willing to act on early data (RFC 8470 §5.2)."""

    fixed_status_code = 425


class UpgradeRequired(FixedStatus):
    """426: not with this protocol (RFC 9110 §15.5.22)."""

    fixed_status_code = 426


class PreconditionRequired(FixedStatus):
    """428: make the request conditional (RFC 6585 §3)."""

    fixed_status_code = 428


class TooManyRequests(FixedStatus):
    """429: slow down; send ``Retry-After`` with it (RFC 6585 §4)."""

    fixed_status_code = 429


class RequestHeaderFieldsTooLarge(FixedStatus):
    """431: too many or too large header fields (RFC 6585 §5)."""

    fixed_status_code = 431


class UnavailableForLegalReasons(FixedStatus):
    """451: the law forbids it (RFC 7725 §3)."""

    fixed_status_code = 451

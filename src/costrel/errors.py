"""Every exception of Costrel, in one tree.

Whose fault it is shows in the type: an `HTTPError` is an answer to the client, a `ProgrammerError` is a mistake in the
application's code and carries a code with a page in `docs/errors/`, and what derives from `BaseException` directly
is a signal that a handler's ``except Exception`` must not swallow.

    BaseException
    ├── ClientDisconnected          the client is gone; logged as 499, never turned into a response
    ├── RequestAbandoned            the deadline passed; raised into providers so that nothing commits
    └── Exception
        ├── CostrelError
        │   ├── ProgrammerError             a mistake in the application, with a code
        │   │   ├── ConfigurationError      found at start-up
        │   │   │   ├── BuildError          all mistakes of one build together
        │   │   │   └── MissingSecretKey
        │   │   ├── BodyNotRead, BodyStreamed
        │   │   ├── OutsideRequest, RequestEnded
        │   │   └── SessionClosed, SessionTooLarge
        │   ├── Pass                        try the next matching route
        │   └── Disconnect                  a WebSocket was closed by its peer
        └── HTTPError                       becomes a response
            ├── BadRequest … URITooLong     4xx
            └── InternalServerError …       5xx
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import indent
from typing import ClassVar

__all__ = [
    "BadGateway",
    "BadRequest",
    "BodyNotRead",
    "BodyStreamed",
    "BuildError",
    "ClientDisconnected",
    "ConfigurationError",
    "Conflict",
    "ContentTooLarge",
    "CostrelError",
    "Disconnect",
    "ExpectationFailed",
    "FailedDependency",
    "Forbidden",
    "GatewayTimeout",
    "Gone",
    "HTTPError",
    "HTTPVersionNotSupported",
    "InsufficientStorage",
    "InternalServerError",
    "LengthRequired",
    "Locked",
    "MethodNotAllowed",
    "MethodNotImplemented",
    "MisdirectedRequest",
    "MissingSecretKey",
    "Mistake",
    "NotAcceptable",
    "NotFound",
    "OutsideRequest",
    "Pass",
    "PreconditionFailed",
    "PreconditionRequired",
    "ProgrammerError",
    "RangeNotSatisfiable",
    "RequestAbandoned",
    "RequestEnded",
    "RequestHeaderFieldsTooLarge",
    "RequestTimeout",
    "ServiceUnavailable",
    "SessionClosed",
    "SessionTooLarge",
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


class CostrelError(Exception):
    """The root of what Costrel raises and does not mean as an answer to a client."""


# --- signals: not `Exception`, so that `except Exception` in a handler leaves them alone ---


class ClientDisconnected(BaseException):
    """The client closed its connection while the body was read or the response was sent.

    It ends the request: no response is made of it, and the access log shows status 499.
    """


class RequestAbandoned(BaseException):
    """The request's deadline passed; raised into its providers so that none of them commits."""


# --- mistakes of the application ---


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in an application: what happened, where, why it is one, and the fix.

    Args:
        code: ``COS-<ROOM>-<nnn>``; `docs/errors/` has a page of that name.
        what: one sentence with the value, ending with a period.
        where: ``path/to/file.py:41``, or empty when no line is to blame.
        why: the rule that was broken, one or two sentences, or empty.
        fix: what to write instead; code is indented by the caller, one suggestion a line.
    """

    code: str
    what: str
    where: str = ""
    why: str = ""
    fix: str = ""

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        head = f"{self.code}  {self.what}{place}"
        parts = [head, *(indent(text, "    ") for text in (self.why, self.fix) if text)]
        parts.append(indent(f"See docs/errors/{self.code}, or run `costrel explain {self.code}`.", "    "))
        return "\n\n".join(parts)


class ProgrammerError(CostrelError):
    """A mistake in the application's code, with a stable code and the fix.

    Args:
        mistake: what is shown; its ``code`` is also the attribute `code`.
    """

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(mistake)
        self.mistake = mistake

    @property
    def code(self) -> str:
        """The stable code, for example ``COS-HANDLER-004``."""
        return self.mistake.code

    def __str__(self) -> str:
        return str(self.mistake)


class ConfigurationError(ProgrammerError):
    """A mistake that is found while the application is put together, before any request."""


class BuildError(ConfigurationError):
    """All mistakes that one `App.build()` found, so that they can be mended in one go.

    Args:
        mistakes: one or more, in the order found.
    """

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__(mistakes[0])
        self.mistakes: tuple[Mistake, ...] = tuple(mistakes)

    def __str__(self) -> str:
        if len(self.mistakes) == 1:
            return str(self.mistakes[0])
        return "\n\n".join([f"{len(self.mistakes)} mistakes in the application:", *map(str, self.mistakes)])


class MissingSecretKey(ConfigurationError):
    """Something that must be signed was used, and the application has no secret key."""

    def __init__(self, used_for: str) -> None:
        super().__init__(
            Mistake(
                "COS-APP-010",
                f"{used_for} needs a secret key, and the application has none.",
                why="Costrel signs sessions, flashed messages and signed URLs so that clients cannot change them.",
                fix=(
                    "Make a key:        python -c 'import secrets; print(secrets.token_urlsafe(32))'\n"
                    "and set it:        export COSTREL_SECRET_KEY=…\n"
                    "or in code:        App(settings=AppSettings(secret_key=…))\n"
                    "`costrel dev` makes and keeps one by itself."
                ),
            )
        )


class BodyNotRead(ProgrammerError):
    """The body was asked for before it was read; layers run before it is."""

    def __init__(self, name: str) -> None:
        super().__init__(
            Mistake(
                "COS-REQUEST-001",
                f"`request.{name}` was used before the body was read.",
                why="Layers run before the body is read, so that they can refuse an upload early.",
                fix="Write `await request.read()` first; in hooks and handlers it has been done already.",
            )
        )


class BodyStreamed(ProgrammerError):
    """The body is consumed as a `BodyStream`, so it is not kept anywhere to be read again."""

    def __init__(self, name: str) -> None:
        super().__init__(
            Mistake(
                "COS-REQUEST-002",
                f"`request.{name}` was used, but the handler takes the body as a `BodyStream`.",
                why="A streamed body is handed over piece by piece and never kept.",
                fix="Read it from the stream, or take the `BodyStream` parameter away.",
            )
        )


class OutsideRequest(ProgrammerError):
    """A name that stands for the current request was used where there is none."""

    def __init__(self, name: str) -> None:
        super().__init__(
            Mistake(
                "COS-CONTEXT-001",
                f"`{name}` was used outside a request.",
                why=f"`{name}` stands for the request that is being handled, and none is being handled here.",
                fix=(
                    "Take it as a parameter of the handler, pass the value on,\n"
                    "or in tests and scripts:  with app.test_request_context('/'): …"
                ),
            )
        )


class RequestEnded(ProgrammerError):
    """The context of a request that has ended was used, for example by a task it started."""

    def __init__(self, name: str) -> None:
        super().__init__(
            Mistake(
                "COS-CONTEXT-002",
                f"`{name}` was used after its request had ended.",
                why="Something that the request started outlived it; what it would read may belong to nobody.",
                fix="Read what you need before the response is returned and pass the values to the task.",
            )
        )


class SessionClosed(ProgrammerError):
    """The session was touched after the head of the response had been sent."""

    def __init__(self) -> None:
        super().__init__(
            Mistake(
                "COS-SESSION-001",
                "`session` was used after the head of the response had been sent.",
                why="The session travels in a header field, and the header fields are gone.",
                fix="Touch the session before the stream starts, for example before its first `yield`.",
            )
        )


class SessionTooLarge(ProgrammerError):
    """The session does not fit into a cookie."""

    def __init__(self, size_bytes: int, max_bytes: int) -> None:
        super().__init__(
            Mistake(
                "COS-SESSION-002",
                f"The session cookie would be {size_bytes} bytes; browsers keep at most {max_bytes}.",
                why="A cookie that is too large is dropped silently by the browser, and the session with it.",
                fix="Keep an id in the session and the rest in your database.",
            )
        )


class Pass(CostrelError):  # the public name is an imperative, as `raise Pass` reads
    """Raised by a handler of a route with ``fallthrough=True``: try the next route that matches."""


class Disconnect(CostrelError):
    """The peer of a WebSocket closed it.

    Args:
        code: the close code, RFC 6455 §7.4; 1006 when the connection was lost without one.
        reason: the peer's text, at most 123 bytes of UTF-8, often empty.
    """

    def __init__(self, code: int = 1006, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


# --- answers to the client ---


class HTTPError(Exception):
    """An answer with an error status; raise it anywhere below a layer.

    Args:
        status_code: 400 to 599; a subclass has its own and takes none.
        detail: one sentence for the client, or `None` for the phrase of the status.
        headers: further header fields of the answer, for example ``{"Retry-After": "1"}``.
        extra: further members of the problem document; the names of RFC 9457 §3.1 are taken.

    Spec:
        RFC 9110 §15.5, §15.6; RFC 9457.
    """

    status_code: int = 500

    def __init__(
        self,
        status_code: int,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **extra: object,
    ) -> None:
        if not 400 <= status_code <= 599:
            raise ValueError(f"an HTTPError has a status from 400 to 599, not {status_code}")
        super().__init__(status_code, detail)
        self.status_code = status_code
        self.detail = detail
        self.headers: dict[str, str] = dict(headers or {})
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.status_code}: {self.detail}" if self.detail else str(self.status_code)


class _FixedStatus(HTTPError):
    """An `HTTPError` whose class says the status."""

    status_code: int
    fixed_status_code: ClassVar[int] = 500

    def __init__(self, detail: str | None = None, *, headers: Mapping[str, str] | None = None, **extra: object) -> None:
        super().__init__(self.fixed_status_code, detail, headers=headers, **extra)

    def __init_subclass__(cls) -> None:
        # The class attribute makes the status readable without an instance, for tools that list errors.
        cls.status_code = cls.fixed_status_code


class BadRequest(_FixedStatus):
    """400: the request cannot be understood (RFC 9110 §15.5.1)."""

    fixed_status_code = 400


class Unauthorized(_FixedStatus):
    """401: credentials are missing or wrong; send ``WWW-Authenticate`` with it (§15.5.2)."""

    fixed_status_code = 401


class Forbidden(_FixedStatus):
    """403: understood and refused (§15.5.4)."""

    fixed_status_code = 403


class NotFound(_FixedStatus):
    """404: there is no such resource, or it is not to be known (§15.5.5)."""

    fixed_status_code = 404


class MethodNotAllowed(_FixedStatus):
    """405: the resource exists, the method is not one of `allowed` (§15.5.6).

    Args:
        allowed: the methods for the ``Allow`` field, in any order.
        detail: one sentence for the client.
    """

    fixed_status_code = 405

    def __init__(self, allowed: Iterable[str] = (), detail: str | None = None) -> None:
        self.allowed: tuple[str, ...] = tuple(sorted(allowed))
        super().__init__(detail, headers={"Allow": ", ".join(self.allowed)})


class NotAcceptable(_FixedStatus):
    """406: no representation that the client accepts (§15.5.7)."""

    fixed_status_code = 406


class RequestTimeout(_FixedStatus):
    """408: the request did not arrive in time (§15.5.9)."""

    fixed_status_code = 408


class Conflict(_FixedStatus):
    """409: at odds with the state of the resource (§15.5.10)."""

    fixed_status_code = 409


class Gone(_FixedStatus):
    """410: was here, will not come back (§15.5.11)."""

    fixed_status_code = 410


class LengthRequired(_FixedStatus):
    """411: say the length of the content (§15.5.12)."""

    fixed_status_code = 411


class PreconditionFailed(_FixedStatus):
    """412: a precondition of the request is false (§15.5.13)."""

    fixed_status_code = 412


class ContentTooLarge(_FixedStatus):
    """413: the content is larger than the limit (§15.5.14)."""

    fixed_status_code = 413


class URITooLong(_FixedStatus):
    """414: the request target is longer than the limit (§15.5.15)."""

    fixed_status_code = 414


class UnsupportedMediaType(_FixedStatus):
    """415: the content's media type or coding is not one that is read here (§15.5.16)."""

    fixed_status_code = 415


class RangeNotSatisfiable(_FixedStatus):
    """416: none of the ranges overlaps the representation (§15.5.17)."""

    fixed_status_code = 416


class ExpectationFailed(_FixedStatus):
    """417: an ``Expect`` other than ``100-continue`` (§15.5.18)."""

    fixed_status_code = 417


class MisdirectedRequest(_FixedStatus):
    """421: this server does not answer for that authority (§15.5.20)."""

    fixed_status_code = 421


class UnprocessableContent(_FixedStatus):
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


class Locked(_FixedStatus):
    """423: the resource is locked (RFC 4918 §11.3)."""

    fixed_status_code = 423


class FailedDependency(_FixedStatus):
    """424: an action that this one needed has failed (RFC 4918 §11.4)."""

    fixed_status_code = 424


class TooEarly(_FixedStatus):
    """425: not willing to act on early data (RFC 8470 §5.2)."""

    fixed_status_code = 425


class UpgradeRequired(_FixedStatus):
    """426: not with this protocol (RFC 9110 §15.5.22)."""

    fixed_status_code = 426


class PreconditionRequired(_FixedStatus):
    """428: make the request conditional (RFC 6585 §3)."""

    fixed_status_code = 428


class TooManyRequests(_FixedStatus):
    """429: slow down; send ``Retry-After`` with it (RFC 6585 §4)."""

    fixed_status_code = 429


class RequestHeaderFieldsTooLarge(_FixedStatus):
    """431: too many or too large header fields (RFC 6585 §5)."""

    fixed_status_code = 431


class UnavailableForLegalReasons(_FixedStatus):
    """451: the law forbids it (RFC 7725 §3)."""

    fixed_status_code = 451


class InternalServerError(_FixedStatus):
    """500: our fault (RFC 9110 §15.6.1)."""

    fixed_status_code = 500


class MethodNotImplemented(_FixedStatus):
    """501: a method or transfer coding that this server does not know (§15.6.2)."""

    fixed_status_code = 501


class BadGateway(_FixedStatus):
    """502: an upstream answered nonsense (§15.6.3)."""

    fixed_status_code = 502


class ServiceUnavailable(_FixedStatus):
    """503: overloaded or stopping; send ``Retry-After`` with it (§15.6.4)."""

    fixed_status_code = 503


class GatewayTimeout(_FixedStatus):
    """504: an upstream did not answer in time (§15.6.5)."""

    fixed_status_code = 504


class HTTPVersionNotSupported(_FixedStatus):
    """505: only HTTP/1.0 and HTTP/1.1 are spoken here (§15.6.6)."""

    fixed_status_code = 505


class InsufficientStorage(_FixedStatus):
    """507: no room to store what was sent (RFC 4918 §11.5)."""

    fixed_status_code = 507

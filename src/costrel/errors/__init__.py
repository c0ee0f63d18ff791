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
        │   │   ├── SessionClosed, SessionTooLarge
        │   │   └── URLValueError           a `ValueError` too: a URL cannot have that value
        │   ├── Pass                        try the next matching route
        │   └── Disconnect                  a WebSocket was closed by its peer
        └── HTTPError                       becomes a response
            ├── BadRequest … URITooLong     4xx
            └── InternalServerError …       5xx

Read `mistake` first; the answers to the client begin in `http_error`.
"""

from __future__ import annotations

from costrel.errors.client_errors import (
    BadRequest,
    Conflict,
    ContentTooLarge,
    ExpectationFailed,
    FailedDependency,
    Forbidden,
    Gone,
    LengthRequired,
    Locked,
    MethodNotAllowed,
    MisdirectedRequest,
    NotAcceptable,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    RangeNotSatisfiable,
    RequestHeaderFieldsTooLarge,
    RequestTimeout,
    TooEarly,
    TooManyRequests,
    Unauthorized,
    UnavailableForLegalReasons,
    UnprocessableContent,
    UnsupportedMediaType,
    UpgradeRequired,
    URITooLong,
    ValidationFailed,
)
from costrel.errors.foreign_names import explain_foreign_name, is_foreign_name, with_foreign_names
from costrel.errors.http_error import HTTPError
from costrel.errors.mistake import BuildError, ConfigurationError, Mistake, ProgrammerError
from costrel.errors.programmer import (
    BodyNotRead,
    BodyStreamed,
    MissingSecretKey,
    OutsideRequest,
    RequestEnded,
    SessionClosed,
    SessionTooLarge,
    URLValueError,
)
from costrel.errors.root import CostrelError
from costrel.errors.server_errors import (
    BadGateway,
    GatewayTimeout,
    HTTPVersionNotSupported,
    InsufficientStorage,
    InternalServerError,
    MethodNotImplemented,
    ServiceUnavailable,
)
from costrel.errors.signals import ClientDisconnected, Disconnect, Pass, RequestAbandoned

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
    "URLValueError",
    "Unauthorized",
    "UnavailableForLegalReasons",
    "UnprocessableContent",
    "UnsupportedMediaType",
    "UpgradeRequired",
    "ValidationFailed",
    "explain_foreign_name",
    "is_foreign_name",
    "with_foreign_names",
]

# A traceback names an exception by the module from which users import it.
for _name in __all__:
    globals()[_name].__module__ = __name__

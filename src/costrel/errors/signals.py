"""What ends or redirects work without being anybody's mistake: a peer that left, a deadline, a route that passes.

Two of them derive from `BaseException` directly, so that ``except Exception`` in a handler leaves them alone.
"""

from __future__ import annotations

from costrel.errors.root import CostrelError

__all__ = ["ClientDisconnected", "Disconnect", "Pass", "RequestAbandoned"]


class ClientDisconnected(BaseException):
    """The client closed its connection while the body was read or the response was sent.

    It ends the request: no response is made of it, and the access log shows status 499.
    """


class RequestAbandoned(BaseException):
    """The request's deadline passed; raised into its providers so that none of them commits."""


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

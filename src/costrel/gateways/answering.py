"""What gateways do alike, whatever their server speaks: who listens, what an end is told to, and raw paths.

Nothing here sends. How a response is sent is in `costrel.messages`, or in the gateway that knows its server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

from costrel.execution import LoopState
from costrel.http import decode_path, encode_path
from costrel.messages import Application, Request, StartupVariables, emit_finished

__all__ = [
    "INTERNAL_ERROR",
    "MALFORMED_HEAD",
    "WITHOUT_CONTENT",
    "EndedExchange",
    "RunningApplication",
    "emit_end",
    "raw_form",
]

INTERNAL_ERROR = b"Something went wrong on our side."
"""The answer when the application could not make any."""

MALFORMED_HEAD = b"The request target or the Host field is malformed."
"""The answer to a head of which no request can be made."""

WITHOUT_CONTENT = frozenset({204, 205, 304})
"""The statuses whose answers have no content, whatever a handler returned."""


@dataclass(frozen=True, slots=True)
class RunningApplication:
    """An application that was started on a loop.

    Args:
        loop_state: what it has on the loop.
        variables: the context variables that its start has set, `None` when nobody has to set them again.
        listens_finished: whether somebody listens to the end of requests; who does is settled at the start.
        listens_early: whether somebody listens to responses that did not wait for the body of their request.
        has_plain_ends: whether nobody listens to either.
    """

    loop_state: LoopState
    variables: StartupVariables | None
    listens_finished: bool
    listens_early: bool
    has_plain_ends: bool

    @classmethod
    def started(
        cls, application: Application, loop_state: LoopState, variables: StartupVariables | None = None
    ) -> Self:
        """Make it when the application has started, and settle who listens."""
        listens_finished = application.listens("request_finished")
        listens_early = application.listens("early_response")
        return cls(loop_state, variables, listens_finished, listens_early, not (listens_finished or listens_early))


class EndedExchange(Protocol):
    """What is counted of an exchange."""

    status_code: int
    """As sent, 499 when the client left, 0 when nothing was sent."""

    bytes_received: int
    """How much of the request's body the server has given."""

    bytes_sent: int
    """How much of the response's body was given to the server."""

    body_complete: bool
    """Whether the whole body of the request was received."""


def emit_end(
    application: Application, running: RunningApplication, request: Request, exchange: EndedExchange, started_at: float
) -> None:
    """Tell the listeners what became of a request.

    Args:
        application: what answered.
        running: who listens.
        request: the request that has ended.
        exchange: what was sent and received.
        started_at: `time.perf_counter` when the request came.
    """
    if running.listens_early and _left_body(request, exchange):
        application.emit("early_response", {"request": request, "status_code": exchange.status_code})
    if running.listens_finished:
        emit_finished(application, request, exchange.status_code, exchange.bytes_sent, started_at)


def _left_body(request: Request, exchange: EndedExchange) -> bool:
    """Whether some of the body was never received; what a server says after all of it is not waited for."""
    if exchange.body_complete:
        return False
    length = request.content_length
    return "transfer-encoding" in request.headers if length is None else exchange.bytes_received < length


def raw_form(path: str, raw_path: bytes | None) -> bytes:
    """Return the path as it came; whoever stands between the server and us may have changed it, then that is stale.

    Args:
        path: the decoded path.
        raw_path: what the server says that it was, `None` when it says nothing.

    Raises:
        ValueError: it has a backslash, which some readers take for a slash.
    """
    if raw_path is None or decode_path(raw_path) != path:
        raw_path = encode_path(path).encode("ascii")
    if b"\\" in raw_path:
        raise ValueError("the request target has a backslash")
    return raw_path

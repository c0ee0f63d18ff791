"""Messages of a WebSocket as values of a type, and what becomes of those that are none.

Spec: RFC 6455 §7.4.1 for the close codes.
"""

from __future__ import annotations

from typing import Any, Generic, Literal, Protocol, Self, TypeVar

from costrel.errors import BadRequest, Disconnect, HTTPError, ValidationFailed

__all__ = ["OnInvalid", "TypedMessages"]

OnInvalid = Literal["close", "report", "raise"]
T = TypeVar("T")

INVALID_DATA = 1007


class MessageSource(Protocol):
    """What the messages come from; `WebSocket` is it."""

    async def receive_json(self, type: type[T], /) -> T:
        """Wait for the next message and decode it, or raise `Disconnect`, `BadRequest` or `ValidationFailed`."""
        ...

    async def send_json(self, value: object) -> None:
        """Send a value as JSON."""
        ...

    async def close(self, code: int = ..., reason: str = ...) -> None:
        """Close the socket."""
        ...


class TypedMessages(Generic[T]):
    """The messages of a socket, decoded from JSON; made by `WebSocket.messages`.

    It ends when the socket is closed.

    Args:
        source: the socket.
        type_: what each message must be.
        on_invalid: what a message that is none does; see `WebSocket.messages`.
    """

    __slots__ = ("_on_invalid", "_source", "_type")

    def __init__(self, source: MessageSource, type_: type[T], on_invalid: OnInvalid) -> None:
        if on_invalid not in ("close", "report", "raise"):
            raise ValueError(f"on_invalid is 'close', 'report' or 'raise', not {on_invalid!r}")
        self._source = source
        self._type = type_
        self._on_invalid = on_invalid

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        source = self._source
        while True:
            try:
                return await source.receive_json(self._type)
            except Disconnect:
                raise StopAsyncIteration from None
            except (BadRequest, ValidationFailed) as error:
                if self._on_invalid == "raise":
                    raise
                problem = _problem_of(error)
            try:
                if self._on_invalid == "report":
                    await source.send_json(problem)
                    continue
                await source.close(INVALID_DATA, _reason_of(problem))
            except Disconnect:
                pass
            raise StopAsyncIteration


def _problem_of(error: HTTPError) -> dict[str, Any]:
    """Say what is wrong with a message as a problem document does with a request (RFC 9457)."""
    problem: dict[str, Any] = {"type": "about:blank", "status": error.status_code, "detail": error.detail}
    if isinstance(error, ValidationFailed):
        problem["errors"] = [{**found, "in": "message"} for found in error.errors]
    return problem


def _reason_of(problem: dict[str, Any]) -> str:
    """Say the same in a line, for the close frame."""
    for found in problem.get("errors", ()):
        return f"{found.get('at', '')}: {found.get('message', '')}"
    return str(problem["detail"])

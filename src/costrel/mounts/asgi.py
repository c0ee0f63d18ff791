"""A foreign ASGI application as a `Dispatch`: Starlette, FastAPI, Django, any callable of ASGI 3.

What the application's messages mean is in `asgi_http` and `asgi_websocket`, how it is run in `trampoline` and
`child_task`, start and stop in `asgi_lifespan`.

Spec: ASGI 3.0.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from costrel.execution import LoopState, Outcome, run_with_deadline
from costrel.messages import Request, Response
from costrel.mounts.asgi_http import HTTPCall
from costrel.mounts.asgi_lifespan import joined_lifespan
from costrel.mounts.asgi_scope import make_scope
from costrel.mounts.asgi_types import ASGIApplication, Mode
from costrel.mounts.asgi_websocket import WebSocketCall

__all__ = ["ASGIMount"]


class ASGIMount:
    """A foreign ASGI application that answers requests of ours.

    Where it runs is seen in `mode`. ``"trampoline"`` drives it by hand in the request's own task: context variables
    that it sets are seen by the layers around it, and its tracebacks and its cancellation are what they would be
    without us. ``"task"`` gives each request a second task; it is for an application that keeps an AnyIO scope open
    while it sends, below layers that use such scopes too.

    What the application waits for after its response, such as background tasks, and what follows, it does when the
    request has ended; the connection has its next request meanwhile.

    Args:
        application: an ASGI 3 callable.
        mode: where it runs.
        name: for logs; by default what the application calls itself.
    """

    kind: Final = "asgi"

    def __init__(self, application: ASGIApplication, *, mode: Mode = "trampoline", name: str = "") -> None:
        self.application: ASGIApplication = application
        self.mode: Mode = mode
        self.name: str = name or str(getattr(application, "__qualname__", type(application).__qualname__))

    def __repr__(self) -> str:
        return f"<ASGIMount {self.name!r} mode={self.mode!r}>"

    def dispatch(self, request: Request) -> Awaitable[Response]:
        """Answer a request or a handshake; below ``request.mount_prefix`` all of it is the application's.

        Raises:
            DeadlineExceeded: the deadline of the request passed first.
            ClientDisconnected: the client left, and the application returned without a response.
            ProgrammerError: COS-MOUNT-005 and COS-MOUNT-006, the application broke a rule of ASGI.
            Exception: whatever the application raised before its response.
        """
        state: Any = request.exchange.loop_state.values.get(self)
        call = (WebSocketCall if request.is_websocket else HTTPCall)(request, self.name)
        response = call.respond(self.application, make_scope(request, state or {}), self.mode)
        return response if request.deadline_at is None else _in_time(request, request.deadline_at, response)

    def lifespan(self, loop_state: LoopState) -> AbstractAsyncContextManager[None]:
        """Join the application's lifespan; an application that knows none is served without one.

        Raises:
            ConfigurationError: COS-MOUNT-004, its start or its stop has failed.
        """
        return self._live(loop_state)

    @asynccontextmanager
    async def _live(self, loop_state: LoopState) -> AsyncIterator[None]:
        if self in loop_state.values:
            yield
            return
        state: dict[str, Any] = {}
        loop_state.values[self] = state
        stop_seconds = loop_state.settings.graceful_timeout_seconds
        try:
            async with joined_lifespan(self.application, state, self.name, stop_seconds):
                yield
        finally:
            loop_state.values.pop(self, None)


async def _in_time(request: Request, deadline_at: float, response: Coroutine[Any, Any, Response]) -> Response:
    made = await run_with_deadline(request.claim, request.exchange.loop_state.loop, deadline_at, response)
    request.claim.take(Outcome.COMPLETED)
    return made

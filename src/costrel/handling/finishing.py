"""The last step from a value to a response that can be sent: files are opened, streams are started.

Most responses are finished the moment they are made, and `is_finished` is all they see of this module. The first
chunk of a stream is pulled here, under the deadline and the error conversion, so that a generator that fails at once
gets a real error response.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from costrel.execution import hop
from costrel.messages import Request, Resolvable, Response, StreamBody

__all__ = ["is_finished", "start_stream"]

_T = TypeVar("_T")


def is_finished(response: Response) -> bool:
    """Whether nothing has to be opened or started before the response can be sent."""
    return type(response.body) is bytes and not response.needs_resolving


async def start_stream(request: Request, response: Response) -> Response:
    """Open the file of a response or pull the first chunk of its stream; any other response comes back as it is."""
    if response.needs_resolving:
        response = (await cast("Resolvable", response).resolve(request)).owned_by(request.exchange)
    body = response.body
    if isinstance(body, StreamBody):
        loop_state = request.exchange.loop_state

        def run_sync(pull: Callable[[], _T]) -> Awaitable[_T]:
            return hop(loop_state.handlers, request.worker, _call, pull)

        def run_close(close: Callable[[], _T]) -> Awaitable[_T]:
            return hop(loop_state.cleanup, request.worker, _call, close)

        body.attach(run_sync, run_close)
        if not getattr(response, "send_head_first", False):
            try:
                await body.prime()
            except BaseException:
                await body.aclose()
                raise
    return response


def _call(pull: Callable[[], _T]) -> _T:
    return pull()

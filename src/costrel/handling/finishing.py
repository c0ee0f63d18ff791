"""The last step from a value to a response that can be sent: files are opened, streams are started.

Most responses are finished the moment they are made, and `is_finished` is all they see of this module. The first
chunk of a stream is pulled here, under the deadline and the error conversion, so that a generator that fails at once
gets a real error response. One that a ``def`` handler has made is started in the handler's own thread: if it holds a
connection by then, or takes one, it waits for nobody else's thread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from costrel.execution import hop
from costrel.messages import Request, Resolvable, Response, StreamBody, StreamResponse

__all__ = ["is_finished", "start_here", "start_stream", "starts_here"]

_T = TypeVar("_T")


def is_finished(response: Response) -> bool:
    """Whether nothing has to be opened or started before the response can be sent."""
    return type(response.body) is bytes and not response.needs_resolving


def starts_here(response: Response) -> bool:
    """Whether the worker thread that has made a response can pull its first chunk."""
    body = response.body
    if not isinstance(body, StreamBody) or body.is_async or response.needs_resolving:
        return False
    return not (isinstance(response, StreamResponse) and response.send_head_first)


def start_here(request: Request, response: Response) -> Response:
    """Pull the first chunk of a stream in the worker thread that has made it; anything else comes back as it is."""
    if starts_here(response) and not request.ended:
        body = cast("StreamBody", response.body)
        # When the task leaves this thread, nobody else knows of what has been started.
        request.on_end(lambda _: body.aclose())
        pull_first(request, response)
    return response


def pull_first(request: Request, response: Response) -> None:
    """Pull the first chunk of a stream in this thread; it is closed when that fails."""
    body = cast("StreamBody", response.body)
    _attach(request, body)
    request.worker.is_streaming = True
    if isinstance(response, StreamResponse):
        response.prime_here()
    else:
        body.prime_here()


async def start_stream(request: Request, response: Response) -> Response:
    """Open the file of a response or pull the first chunk of its stream; any other response comes back as it is."""
    if response.exchange is not request.exchange:
        response = response.owned_by(request.exchange)
    if response.needs_resolving:
        response = (await cast("Resolvable", response).resolve(request)).owned_by(request.exchange)
    body = response.body
    if isinstance(body, StreamBody):
        _attach(request, body)
        try:
            if isinstance(response, StreamResponse):
                await response.prime()
            else:
                await body.prime()
        except BaseException:
            await body.aclose()
            raise
    return response


def _attach(request: Request, body: StreamBody) -> None:
    """Say in which threads a plain stream is pulled and closed; once it has begun, never behind a handler."""
    loop_state = request.exchange.loop_state

    def run_sync(pull: Callable[[], _T]) -> Awaitable[_T]:
        worker = request.worker
        lane = loop_state.lane_for(worker)
        worker.is_streaming = True
        return hop(lane, worker, _call, pull)

    def run_close(close: Callable[[], _T]) -> Awaitable[_T]:
        return hop(loop_state.cleanup, request.worker, _call, close)

    body.attach(run_sync, run_close)


def _call(pull: Callable[[], _T]) -> _T:
    return pull()

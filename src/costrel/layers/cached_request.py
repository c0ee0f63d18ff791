"""The request as a handler sees it while it makes an answer that is kept, and a request of its own for a refresh.

A handler that makes an answer for others must not answer "you have it already" to one, nor see what is not in the key.
So the conditions of the request and the hidden part of its query are taken away while it runs, and put back. What the
handler wants done to the response when all layers have seen it is done here already, so that it is kept too.

A refresh runs when its request may be over. It gets a request of its own with the same head, on an exchange that leads
nowhere, and is ended as a transport ends requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, cast

from costrel.execution import LoopState
from costrel.http import RequestHeaders
from costrel.layers.cached_key import Asked
from costrel.messages import (
    Dispatch,
    Exchange,
    Request,
    Response,
    ResponseStream,
    current_request,
    end_exchange,
    forget_parsed,
    run_late_work,
    run_response_callbacks,
)

__all__ = ["ask_inside", "drop", "is_asking", "is_partial", "run_detached", "twin_of"]

_CONDITIONS: Final = frozenset((b"if-none-match", b"if-modified-since"))
_PARTIAL: Final = (b"range", b"if-range", b"if-match", b"if-unmodified-since")

_asking: ContextVar[Request] = ContextVar("costrel_cached_asking")


def is_asking(request: Request) -> bool:
    """Whether a cache further out is making the answer of this request already."""
    return _asking.get(None) is request


def is_partial(request: Request) -> bool:
    """Whether the answer may be a part, or depends on which answer the client means."""
    get = request.headers.get_raw
    return any(get(name) is not None for name in _PARTIAL)


@contextmanager
def _shown(request: Request, asked: Asked) -> Iterator[None]:
    """Show of the request what its answer may follow from."""
    raw_headers, query_string = request.raw_headers, request.query_string
    visible = [line for line in raw_headers if line[0] not in _CONDITIONS]
    is_changed = len(visible) != len(raw_headers) or asked.query_string not in (None, query_string)
    if is_changed:
        request.raw_headers = visible
        if asked.query_string is not None:
            request.query_string = asked.query_string
        forget_parsed(request)
    token = _asking.set(request)
    try:
        yield
    finally:
        _asking.reset(token)
        if is_changed:
            request.raw_headers, request.query_string = raw_headers, query_string
            forget_parsed(request)


async def ask_inside(request: Request, call_next: Dispatch, asked: Asked) -> tuple[Response, bool]:
    """Return the answer for everybody who asks the same, and whether nobody will change it later."""

    def divide(request: Request, response: Response) -> None:
        """Stand between the callbacks that run last and those of the handler."""

    count_before = len(request.response_callbacks or ())
    request.on_response(divide)
    with _shown(request, asked):
        response = await call_next(request)
    callbacks = request.response_callbacks or []
    place = callbacks.index(divide)
    inner = callbacks[place + 1 :]
    del callbacks[place:]
    # What goes in front of all others runs last: a session is saved there, which `opened_session` tells too.
    is_final = len(callbacks) == count_before or request.opened_session is not None
    if inner:
        outer, request.response_callbacks = callbacks, inner
        try:
            response = await run_response_callbacks(request, response)
        finally:
            added = request.response_callbacks
            request.response_callbacks = [*outer, *added] if added else outer
    return response, is_final


class _Nowhere:
    """The exchange of a request that no client waits for; see `costrel.messages.Exchange`."""

    def __init__(self, loop_state: LoopState, peer: tuple[str, int] | None) -> None:
        self.loop_state = loop_state
        self.peer = peer
        self.tls = None
        self.status_code = 0
        self.is_disconnected = False
        self.request_trailers: RequestHeaders | None = None
        self.channel = None

    def take_arrived(self, max_bytes: int) -> bytes:
        return b""

    async def read_body(self, max_bytes: int) -> bytes:
        return b""

    async def send_informational(self, status_code: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        return None

    async def wait_disconnected(self) -> None:
        await asyncio.Event().wait()

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        return None

    def abort(self) -> None:
        return None


def twin_of(request: Request) -> Request:
    """Return a request with the same head, a GET without conditions, that no client waits for."""
    exchange = request.exchange
    twin = Request(
        "GET",
        request.path,
        request.raw_path,
        request.query_string,
        [line for line in request.raw_headers if line[0] not in _CONDITIONS],
        cast("Exchange", _Nowhere(exchange.loop_state, exchange.peer)),
        scheme=request.scheme,
        http_version=request.http_version,
        root_path=request.root_path,
        has_content=False,
    )
    twin.app = request.app
    twin.route = request.route
    twin.route_path = request.route_path
    twin.path_params = dict(request.path_params)
    twin.mount = request.mount
    twin.user = request.user
    twin.client = request.client
    twin.session_keeper = request.session_keeper
    twin.max_body_bytes = request.max_body_bytes
    vars(twin.state).update(vars(request.state))
    return twin


async def run_detached(
    request: Request, answer: Callable[[], Awaitable[Response | None]], *, timeout_seconds: float
) -> None:
    """Run what answers a request of our own, and end the request as a transport would.

    Args:
        request: what `twin_of` gave; it is the current one from here on.
        answer: makes the response; `None` if there was nothing to do.
        timeout_seconds: the deadline of the handler.
    """
    current_request.set(request)
    request.deadline_seconds = timeout_seconds
    response: Response | None = None
    try:
        response = await answer()
        if response is not None:
            response = await run_response_callbacks(request, response)
            await drop(response)
    finally:
        await end_exchange(request, response)
        if request.late_work:
            await run_late_work(request.late_work)


async def drop(response: Response) -> None:
    """Let go of a response that nobody gets."""
    if hasattr(response.body, "aclose"):
        await cast("ResponseStream", response.body).aclose()

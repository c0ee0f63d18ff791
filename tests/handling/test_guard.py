"""Bounding an endpoint by its client's patience; deadlines are tested in `test_scope`."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from costrel.errors import ClientDisconnected
from costrel.execution import LoopState, Outcome
from costrel.handling.guard import Guard
from costrel.messages import Request, Response


class Exchange:
    """A client that may leave."""

    tls = peer = channel = request_trailers = None

    def __init__(self, loop_state: LoopState) -> None:
        self.loop_state = loop_state
        self.is_disconnected = False
        self.callbacks: list[Any] = []

    def on_disconnect(self, callback: Any) -> None:
        if self.is_disconnected:
            callback()
        else:
            self.callbacks.append(callback)

    def disconnect(self) -> None:
        self.is_disconnected = True
        for callback in self.callbacks:
            callback()


async def no_conversion(request: Request, error: Exception) -> Response:
    raise error


def guarded(core: Any, *, leaves_first: bool = False) -> tuple[Any, Request]:
    """Run a core under guard; what comes of it, and the request."""

    async def main() -> tuple[Any, Request]:
        loop_state = LoopState.start(asyncio.get_running_loop())
        exchange = Exchange(loop_state)
        request = Request("GET", "/", b"/", b"", [], exchange)
        if leaves_first:
            exchange.disconnect()
        try:
            result: Any = await Guard(no_conversion, cancel_on_disconnect=True)(request, core, None)
        except ClientDisconnected:
            result = ClientDisconnected
        # A cancellation that was left behind would come out here.
        await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await loop_state.aclose(1.0)
        return result, request

    return asyncio.run(main())


def test_a_client_that_has_left_already_is_not_answered() -> None:
    """Nothing is started for it, and the cancellation does not hit what comes after the endpoint."""
    started: list[str] = []

    async def core(request: Request, argument: object) -> Response:
        started.append("handler")
        return Response("late")

    result, request = guarded(core, leaves_first=True)

    assert (ClientDisconnected, [], Outcome.ABANDONED) == (result, started, request.claim.outcome)


@pytest.mark.parametrize("swallows", [False, True])
def test_a_client_that_leaves_cancels_its_handler(swallows: bool) -> None:
    """Whether the handler lets the cancellation through or swallows it, its client is gone."""

    async def core(request: Request, argument: object) -> Response:
        asyncio.get_running_loop().call_soon(request.exchange.disconnect)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if not swallows:
                raise
        return Response("late")

    result, _ = guarded(core)

    assert result is ClientDisconnected


def test_a_client_that_leaves_afterwards_cancels_nothing() -> None:
    """The guard has let go of the task when the endpoint has returned."""
    response = Response("in time")

    async def core(request: Request, argument: object) -> Response:
        return response

    result, request = guarded(core)
    request.exchange.disconnect()

    assert result is response


def test_a_guarded_request_is_no_garbage() -> None:
    """What watches the client holds neither the task nor the request when the endpoint has returned."""

    async def core(request: Request, argument: object) -> Response:
        return Response("in time")

    async def main() -> None:
        loop_state = LoopState.start(asyncio.get_running_loop())
        await Guard(no_conversion, cancel_on_disconnect=True)(
            Request("GET", "/", b"/", b"", [], Exchange(loop_state)), core, None
        )
        await loop_state.aclose(1.0)

    asyncio.run(main())
    gc.collect()
    gc.disable()
    try:
        gc.set_debug(gc.DEBUG_SAVEALL)
        asyncio.run(main())
        gc.collect()
        found = [thing for thing in gc.garbage if isinstance(thing, Request | Exchange)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()

    assert [] == found

"""What becomes of a request when a foreign ASGI application behaves badly, or when it is ended early: a table."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any, NamedTuple

import anyio
import pytest

from costrel import App, Request, Response
from costrel.errors import ClientDisconnected
from costrel.messages import end_exchange, run_late_work, run_response_callbacks, send_response
from costrel.mounts import ASGIMount, child_task, trampoline
from costrel.testing.exchange import MemoryExchange

pytestmark = pytest.mark.pain("P1")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PIECE = bytes(256 * 1024)
GIBIBYTE = 1 << 30
START: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
ENDLESS_SECONDS = 3600

seen: ContextVar[str] = ContextVar("seen", default="nothing")


def body(piece: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": piece, "more_body": more}


async def no_response(scope: Message, receive: Receive, send: Send) -> None:
    seen.set("the application's")


async def start_only(scope: Message, receive: Receive, send: Send) -> None:
    seen.set("the application's")
    await send(START)


async def stream_of_a_gibibyte(scope: Message, receive: Receive, send: Send) -> None:
    seen.set("the application's")
    await send(START)
    for _ in range(GIBIBYTE // len(PIECE)):
        await send(body(PIECE, more=True))
    await send(body(b""))


async def waits_for_disconnect(scope: Message, receive: Receive, send: Send) -> None:
    seen.set("the application's")
    while (await receive())["type"] != "http.disconnect":
        pass


async def streams_until_disconnect(scope: Message, receive: Receive, send: Send) -> None:
    seen.set("the application's")
    await send(START)
    await send(body(b"1", more=True))
    while (await receive())["type"] != "http.disconnect":
        pass


async def holds_an_anyio_scope(scope: Message, receive: Receive, send: Send) -> None:
    seen.set("the application's")
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, 0)
        with anyio.fail_after(ENDLESS_SECONDS):
            await send(START)
            await send(body(b"1", more=True))
            await anyio.lowlevel.checkpoint()
            await send(body(b"2"))


async def raises_after_start(scope: Message, receive: Receive, send: Send) -> None:
    seen.set("the application's")
    await send(START)
    raise LookupError("after the start")


async def raises_in_its_body(scope: Message, receive: Receive, send: Send) -> None:
    seen.set("the application's")
    await send(START)
    await send(body(b"1", more=True))
    raise LookupError("in the body")


async def swallows_cancellation(scope: Message, receive: Receive, send: Send) -> None:
    seen.set("the application's")
    while True:
        try:
            await asyncio.sleep(ENDLESS_SECONDS)
        except asyncio.CancelledError:
            pass


async def swallows_cancellation_in_its_body(scope: Message, receive: Receive, send: Send) -> None:
    await send(START)
    await send(body(b"1", more=True))
    await swallows_cancellation(scope, receive, send)


class Cell(NamedTuple):
    """What became of one request."""

    outcome: str
    bytes_sent: int
    context: str | None
    tasks_left: int


class Case:
    """One request that something happens to.

    Args:
        application: what answers.
        event: what happens.
        mode: where the application runs.
        patience_seconds: how long a request may be silent before it is said to go on.
    """

    def __init__(self, application: Any, event: str, mode: Any, patience_seconds: float) -> None:
        self.event = event
        self.patience_seconds = patience_seconds
        self.context: str | None = None
        self.app = App("outer", use=[self.layer])
        self.app.mount("/m", ASGIMount(application, mode=mode), lifespan=False)

    async def layer(self, request: Request, call_next: Any) -> Response:
        if self.event == "deadline":
            request.deadline_seconds = 0.02
        response = await call_next(request)
        self.context = seen.get()
        if self.event == "layer-drops":
            return Response(b"another", 418)
        return response

    async def serve(self, exchange: MemoryExchange) -> str:
        request = Request("GET", "/m/x", b"/m/x", b"", [(b"host", b"a.example")], exchange)
        response: Response | None = None
        try:
            response = await self.app.dispatch(request)
            if request.response_callbacks is not None:
                response = await run_response_callbacks(request, response)
            await send_response(exchange, request, response)
        except ClientDisconnected:
            return "disconnected"
        except asyncio.CancelledError:
            return "cancelled"
        except Exception as error:
            return f"{exchange.status_code} cut off: {type(error).__name__}"
        finally:
            await end_exchange(request, response)
            await run_late_work(request.late_work or [])
        return f"{exchange.status_code} complete"

    async def run(self) -> Cell:
        loop = asyncio.get_running_loop()
        async with self.app.lifespan() as loop_state:
            exchange = MemoryExchange(b"", None, loop_state, is_streaming=True)
            task = loop.create_task(self.serve(exchange))
            for _ in range(5):
                await asyncio.sleep(0)
            if self.event == "client-leaves":
                exchange.disconnect()
            elif self.event == "shutdown":
                task.cancel()
            outcome = await self.read(exchange, task)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        return Cell(outcome, exchange.bytes_sent, self.context, len(others))

    async def read(self, exchange: MemoryExchange, task: asyncio.Task[str]) -> str:
        """Read all that comes; a request that nothing ends is ended here, as a server does that stops."""
        deadline = asyncio.get_running_loop().time() + self.patience_seconds
        is_ended_here = False
        while not task.done():
            if not exchange.take_piece():
                await asyncio.sleep(0)
            is_silent = exchange.bytes_sent < len(PIECE)
            if is_silent and not is_ended_here and asyncio.get_running_loop().time() > deadline:
                is_ended_here = task.cancel()
        return f"goes on, {task.result()} in the end" if is_ended_here else task.result()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trampoline, "CLOSE_SECONDS", 0.05)
    monkeypatch.setattr(child_task, "CLOSE_SECONDS", 0.05)


DROPPED = ("418 complete", 7)
MISTAKE = ("500 complete", None)

# application: outcome and bytes sent when a layer drops the response, the client leaves, the deadline passes, and the
# server stops; `None` is any number of bytes.
TABLE: dict[Any, tuple[tuple[str, int | None], ...]] = {
    no_response: (DROPPED, MISTAKE, MISTAKE, MISTAKE),
    start_only: (DROPPED, MISTAKE, MISTAKE, MISTAKE),
    # A deadline is one of the answer; this one is in time, and its body may take longer.
    stream_of_a_gibibyte: (
        DROPPED,
        ("disconnected", len(PIECE)),
        ("200 complete", GIBIBYTE),
        ("cancelled", len(PIECE)),
    ),
    waits_for_disconnect: (
        ("goes on, cancelled in the end", 0),
        ("disconnected", 0),
        ("503 complete", None),
        ("cancelled", 0),
    ),
    streams_until_disconnect: (
        DROPPED,
        ("disconnected", 1),
        ("goes on, cancelled in the end", 1),
        ("cancelled", 1),
    ),
    holds_an_anyio_scope: (DROPPED, ("disconnected", 1), ("200 complete", 2), ("cancelled", 1)),
    raises_after_start: (DROPPED, MISTAKE, MISTAKE, MISTAKE),
    raises_in_its_body: (
        DROPPED,
        ("200 cut off: LookupError", 1),
        ("200 cut off: LookupError", 1),
        ("200 cut off: LookupError", 1),
    ),
    swallows_cancellation: (
        ("goes on, cancelled in the end", 0),
        ("goes on, cancelled in the end", 0),
        ("503 complete", None),
        ("cancelled", 0),
    ),
    swallows_cancellation_in_its_body: (
        DROPPED,
        ("disconnected", 1),
        ("goes on, cancelled in the end", 1),
        ("cancelled", 1),
    ),
}
EVENTS = ("layer-drops", "client-leaves", "deadline", "shutdown")


@pytest.mark.parametrize("mode", ["trampoline", "task"])
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("application", [pytest.param(item, id=item.__name__.replace("_", "-")) for item in TABLE])
def test_every_request_ends_as_the_table_says_and_leaves_no_task(application: Any, event: str, mode: str) -> None:
    """Whatever the application does, the outcome is known, layers see its context in one task, and no task is left."""
    outcome, bytes_sent = TABLE[application][EVENTS.index(event)]

    # Who is expected to go on for ever is not waited for as long as who has to end.
    patience_seconds = 0.15 if outcome.startswith("goes on") else 5
    cell = asyncio.run(Case(application, event, mode, patience_seconds).run())

    # What is raised out of the layer as a signal, and no response, it does not see.
    is_seen = outcome.startswith(("2", "4", "5")) or cell.bytes_sent
    context = ("the application's" if mode == "trampoline" else "nothing") if is_seen else None
    expected = Cell(outcome, cell.bytes_sent if bytes_sent is None else bytes_sent, context, 0)
    if application is swallows_cancellation_in_its_body:
        expected = expected._replace(context="nothing")
    assert expected == cell

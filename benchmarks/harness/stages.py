"""The stages of one request, each run by itself or on top of the one before, in this process and without a socket.

A stage is a function that runs a batch. What it runs is the real thing: the server's parser and connection on a
transport that forgets what is written, the table, the compiled endpoint, the handler. Requests that a stage needs are
made before its time begins.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, TypeVar, cast

from costrel import App
from costrel.execution import LoopState
from costrel.messages import Dispatch, Request, Response
from costrel.server import ServerSettings
from costrel.server.connection import Connection
from costrel.server.core import ServerCore
from costrel.server.exchange import Carrier, NativeExchange
from costrel.server.parser_state import ParserLimits
from costrel.server.parsing import RequestParser
from harness.answers import Answer, difference
from harness.cases import Case
from harness.load import VARIANTS

__all__ = ["BATCH", "Bench", "Forgetful", "wire_bytes"]

T = TypeVar("T")

BATCH = 4096
CONNECTIONS = 64


def wire_bytes(case: Case) -> list[bytes]:
    """Return the bytes of a request as the load sends them; several when it varies."""
    fields = {"Host": "127.0.0.1:8000", **dict(case.fields)}
    if case.body:
        fields["Content-Length"] = str(len(case.body))
    requests = []
    for number in range(VARIANTS if case.varies else 1):
        if case.varies:
            fields["Cookie"] = f"{dict(case.fields)['Cookie']}; turn={number:02d}"
        lines = [f"{case.method} {case.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        requests.append("\r\n".join([*lines, "", ""]).encode() + case.body)
    return requests


class Forgetful:
    """A transport that counts what is written and keeps nothing."""

    def __init__(self) -> None:
        self.written = 0

    def write(self, data: bytes) -> None:
        """Count an answer."""
        self.written += 1

    def writelines(self, pieces: Sequence[bytes]) -> None:
        """Count an answer in pieces."""
        self.written += 1

    def get_extra_info(self, name: str) -> object:
        """Know the client."""
        return ("127.0.0.1", 50000) if name == "peername" else None

    def get_write_buffer_size(self) -> int:
        """Hold nothing."""
        return 0

    def set_write_buffer_limits(self, high: int, low: int) -> None:
        """Need no limits."""

    def pause_reading(self) -> None:
        """Read nothing anyway."""

    def resume_reading(self) -> None:
        """Read nothing anyway."""

    def close(self) -> None:
        """End."""


@dataclass
class Standing:
    """What a parser asks of a connection that nobody reads."""

    loop_state: LoopState
    peer: tuple[str, int] | None = ("127.0.0.1", 50000)

    def body_arrived(self, byte_count: int) -> None:
        """Count nothing."""

    def body_taken(self, byte_count: int) -> None:
        """Count nothing."""


def drive(step: Awaitable[object]) -> object:
    """Run a coroutine that waits for nothing and return its value.

    Raises:
        SystemExit: it did wait.
    """
    try:
        cast("Coroutine[Any, Any, object]", step).send(None)
    except StopIteration as finished:
        return finished.value
    raise SystemExit("a stage waited for something")


class Bench:
    """Runs the stages of one case.

    Args:
        app: the application, built and running on this loop.
        case: what is asked.
        loop_state: of the application.
    """

    def __init__(self, app: App, case: Case, loop_state: LoopState) -> None:
        self.app = app
        self._case = case
        self._inputs = cycle(wire_bytes(case))
        self._loop_state = loop_state
        self._settings = ServerSettings()
        self._parser = RequestParser(cast("Carrier", Standing(loop_state)), ParserLimits.of(self._settings))

    def _data(self) -> list[bytes]:
        return list(islice(self._inputs, CONNECTIONS))

    def _exchanges(self) -> list[NativeExchange]:
        found = []
        for data in self._data():
            self._parser.feed(data)
            found.append(self._parser.waiting.popleft())
        return found

    def _requests(self) -> list[Request]:
        return [make_request(exchange) for exchange in self._exchanges()]

    def _matched(self) -> list[tuple[Dispatch, Request]]:
        frozen, found = self.app.frozen, []
        for request in self._requests():
            target = frozen.find(request) or frozen.answer_unmatched(request)
            request.app = self.app
            request.route = target.route
            found.append((target.dispatch, request))
        return found

    def check(self) -> None:
        """See that an answer is the one of the case, so that the stages take the way that the server takes.

        Raises:
            SystemExit: it is not.
        """
        response = drive(self.app.dispatch(self._requests()[0]))
        if not isinstance(response, Response) or not isinstance(response.body, bytes):
            raise SystemExit(f"{self._case.name} answers {response!r}")
        media_type = (response.media_type or "").partition(";")[0]
        if wrong := difference(self._case, Answer(response.status_code, media_type, response.body)):
            raise SystemExit(f"{self._case.name}: {wrong}")

    def parse(self) -> float:
        """Run the parser; return CPU seconds, as all stages do."""

        def run(inputs: list[bytes]) -> None:
            for data in inputs:
                parser.feed(data)
                parser.waiting.popleft()

        parser = self._parser
        return timed(self._data, run)

    def request(self) -> float:
        """Make requests of what was parsed."""

        def run(exchanges: list[NativeExchange]) -> None:
            for exchange in exchanges:
                make_request(exchange)

        return timed(self._exchanges, run)

    def match(self) -> float:
        """Find the target of requests."""

        def run(requests: list[Request]) -> None:
            for request in requests:
                find(request)

        find = self.app.frozen.find
        return timed(self._requests, run)

    def dispatch(self) -> float:
        """Answer requests by the whole application: context, match, endpoint, handler, response."""

        def run(requests: list[Request]) -> None:
            for request in requests:
                drive(dispatch(request))

        dispatch = self.app.dispatch
        return timed(self._requests, run)

    def endpoint(self) -> float:
        """Answer requests by their compiled endpoint alone, or by the one of 404."""

        def run(matched: list[tuple[Dispatch, Request]]) -> None:
            for dispatch, request in matched:
                drive(dispatch(request))

        return timed(self._matched, run)

    def calls(self, step: Callable[[], object]) -> float:
        """Call something so many times."""

        def run(count: range) -> None:
            for _ in count:
                step()

        return timed(lambda: range(CONNECTIONS), run)

    async def task(self) -> float:
        """Start tasks that end at once, each in a context of its own, and let the loop run them."""
        loop, base = asyncio.get_running_loop(), self._loop_state.base_context or copy_context()

        async def nothing() -> None:
            pass

        seconds = 0.0
        for _ in range(BATCH // CONNECTIONS):
            begin = time.process_time()
            for _ in range(CONNECTIONS):
                loop.create_task(nothing(), context=base.copy())
            await asyncio.sleep(0)
            seconds += time.process_time() - begin
        return seconds

    async def connection(self) -> float:
        """Feed connections of the server, and let the loop run what they start."""
        core = ServerCore(self.app, self._settings, self._loop_state, lambda code: None)
        transport = Forgetful()
        connections = [Connection(core) for _ in range(CONNECTIONS)]
        for connection in connections:
            connection.connection_made(cast("asyncio.Transport", transport))
        seconds = 0.0
        # The first turn is not like the others: there nothing is known of any connection.
        for number in range(-1, BATCH // CONNECTIONS):
            inputs = self._data()
            begin = time.process_time()
            for connection, data in zip(connections, inputs, strict=True):
                connection.data_received(data)
            await asyncio.sleep(0)
            seconds += time.process_time() - begin if number >= 0 else 0.0
        if transport.written != BATCH + CONNECTIONS:
            raise SystemExit(f"{transport.written} answers to {BATCH + CONNECTIONS} requests")
        for connection in connections:
            connection.connection_lost(None)
        return seconds


def timed(prepare: Callable[[], T], run: Callable[[T], None]) -> float:
    """Return the CPU seconds of a batch.

    It is prepared and run by the handful, as a loop with as many busy connections does it: a whole batch of requests
    would not fit into the processor's cache, where a request is in life.
    """
    seconds = 0.0
    for _ in range(BATCH // CONNECTIONS):
        prepared = prepare()
        begin = time.process_time()
        run(prepared)
        seconds += time.process_time() - begin
    return seconds


def make_request(exchange: NativeExchange) -> Request:
    """Make a request of an exchange, with the arguments that a connection gives."""
    return Request(
        exchange.method,
        exchange.path,
        exchange.raw_path,
        exchange.query_string,
        exchange.raw_headers,
        exchange,
        "http",
        exchange.version,
        "",
        False,
        exchange.body is not None or exchange.arrived is not None,
    )

"""An application and a transport for tests of the server, real but small."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from costrel.errors import HTTPError
from costrel.execution import LoopState
from costrel.messages import AppSettings, Request, Response
from costrel.server.connection import Connection
from costrel.server.core import ServerCore
from costrel.server.settings import ServerSettings

Handler = Callable[[Request], Awaitable[Response]]


async def echo(request: Request) -> Response:
    """Answer with method, path and body."""
    await request.read()
    return Response(f"{request.method} {request.path} ".encode() + request.body, media_type="text/plain")


class SmallApplication:
    """An `Application` of one handler that turns an `HTTPError` into its status and remembers its events."""

    name = "small"
    settings = AppSettings()
    debug = False

    def __init__(self, handler: Handler = echo, *, listens: bool = False) -> None:
        self.handler = handler
        self.has_listeners = listens
        self.events: list[tuple[str, Mapping[str, object]]] = []
        self.requests: list[str] = []

    async def dispatch(self, request: Request) -> Response:
        self.requests.append(request.path)
        try:
            return await self.handler(request)
        except HTTPError as error:
            return Response(b"", error.status_code)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[LoopState]:
        state = LoopState.start(asyncio.get_running_loop())
        try:
            yield state
        finally:
            await state.aclose(1.0)

    def listens(self, event: str) -> bool:
        return self.has_listeners

    def emit(self, event: str, fields: Mapping[str, object]) -> None:
        self.events.append((event, fields))

    def url_for(self, name: str, /, **values: object) -> str:
        raise LookupError(name)

    def make_globals(self) -> object:
        return object()


class MemoryTransport(asyncio.Transport):
    """A transport that keeps what is written; `is_slow` makes it look like a client that reads nothing."""

    def __init__(self, protocol: Connection) -> None:
        super().__init__()
        self.protocol = protocol
        self.sent = bytearray()
        self.unsent_bytes = 0
        self.socket: Any = None
        self.is_slow = self.is_paused = self.is_over = self.was_aborted = self.has_eof = False

    def write(self, data: Any) -> None:
        self.sent += data
        if self.is_slow:
            self.unsent_bytes += len(data)
            if self.unsent_bytes > 65536:
                self.protocol.pause_writing()

    def writelines(self, pieces: Any) -> None:
        for piece in pieces:
            self.write(piece)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("192.0.2.1", 40000), "socket": self.socket}.get(name) or default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.has_eof = True

    def is_closing(self) -> bool:
        return self.is_over

    def close(self) -> None:
        if not self.is_over:
            self.is_over = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        self.was_aborted = True
        self.close()


class Wire:
    """One connection of a server without sockets: bytes in, bytes out."""

    def __init__(self, core: ServerCore) -> None:
        self.core = core
        self.connection = Connection(core)
        self.transport = MemoryTransport(self.connection)
        self.connection.connection_made(self.transport)

    async def send(self, *pieces: bytes) -> None:
        """Deliver pieces as a loop would: not while reading is paused, at most 256 KiB at once."""
        for piece in pieces:
            for start in range(0, len(piece), 262144):
                for _ in range(2000):
                    if not self.transport.is_paused:
                        break
                    await asyncio.sleep(0)
                if self.transport.is_over or self.transport.is_paused:
                    return
                self.transport.protocol.data_received(piece[start : start + 262144])
        await self.settle()

    async def settle(self, turns: int = 40) -> None:
        """Let the loop run until nothing more is written."""
        quiet = 0
        while quiet < turns:
            before = len(self.transport.sent)
            await asyncio.sleep(0)
            quiet = 0 if len(self.transport.sent) != before else quiet + 1

    @property
    def text(self) -> bytes:
        return bytes(self.transport.sent)

    @property
    def statuses(self) -> list[int]:
        """The statuses of all final answers."""
        return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", self.transport.sent) if code != b"100"]

    @property
    def is_closed(self) -> bool:
        return self.transport.is_over or self.transport.has_eof


class Kit:
    """What the tests of a connection need, in one place."""

    Application = SmallApplication
    Response = Response

    @staticmethod
    @asynccontextmanager
    async def wire(
        handler: Handler = echo, *, application: SmallApplication | None = None, **settings: Any
    ) -> AsyncIterator[Wire]:
        application = application or SmallApplication(handler)
        async with application.lifespan() as state:
            exits: list[int] = []
            core = ServerCore(application, ServerSettings(**settings), state, exits.append)
            wire = Wire(core)
            wire.application = application
            wire.exits = exits
            yield wire
            if not wire.transport.is_over:
                wire.transport.close()
            await wire.settle(5)


@pytest.fixture
def kit() -> type[Kit]:
    return Kit

"""An in-memory exchange that plays a script, and a loop to run it on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from costrel.errors import ClientDisconnected
from costrel.execution import LoopState


class ScriptedExchange:
    """A real, small `Exchange`: hands out its pieces, in smaller ones when less is asked for."""

    def __init__(
        self, pieces: Sequence[bytes | BaseException] = (), loop_state: LoopState | None = None, peer: Any = None
    ) -> None:
        self.loop_state: Any = loop_state
        self.peer = peer
        self.tls = None
        self.is_disconnected = False
        self.request_trailers = None
        self.channel = None
        self.pieces = deque(pieces)
        self.read_count = 0
        self.asked: list[int] = []
        self.informational: list[tuple[int, list[tuple[bytes, bytes]]]] = []
        self.is_aborted = False
        self._callbacks: list[Callable[[], None]] = []

    def take_arrived(self, max_bytes: int) -> bytes | None:
        """Return `None`: a piece is always waited for."""
        return None

    async def read_body(self, max_bytes: int) -> bytes:
        assert max_bytes >= 1
        self.read_count += 1
        self.asked.append(max_bytes)
        if self.is_disconnected:
            raise ClientDisconnected
        if not self.pieces:
            return b""
        piece = self.pieces.popleft()
        if isinstance(piece, BaseException):
            raise piece
        if len(piece) > max_bytes:
            self.pieces.appendleft(piece[max_bytes:])
        return piece[:max_bytes]

    async def send_informational(self, status_code: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.informational.append((status_code, list(headers)))

    async def wait_disconnected(self) -> None:
        while not self.is_disconnected:
            await asyncio.sleep(0)

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        if self.is_disconnected:
            callback()
        else:
            self._callbacks.append(callback)

    def disconnect(self) -> None:
        self.is_disconnected = True
        while self._callbacks:
            self._callbacks.pop()()

    def abort(self) -> None:
        self.is_aborted = True


@pytest.fixture(scope="session")
def scripted() -> type[ScriptedExchange]:
    return ScriptedExchange


@pytest.fixture(scope="session")
def run() -> Callable[[Callable[[LoopState], Awaitable[Any]]], Any]:
    """Run ``main(loop_state)`` on a loop of its own."""

    def run(main: Callable[[LoopState], Awaitable[Any]]) -> Any:
        async def outer() -> Any:
            loop_state = LoopState.start(asyncio.get_running_loop())
            try:
                return await main(loop_state)
            finally:
                await loop_state.aclose(1.0)

        return asyncio.run(outer())

    return run

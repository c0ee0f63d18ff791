"""`AsyncTestClient`: send requests to an application from an ``async def`` test, in the loop of the test.

The application runs on the caller's loop, so that a connection pool, a lock or a task of the test is also the
application's. A request starts in a copy of the caller's context, with the variables that the application's start-up
has set, as under a foreign server; what it changes is not seen outside.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Self, Unpack

from costrel.messages import SessionView
from costrel.testing.any_client import AnyTestClient
from costrel.testing.outgoing import RequestOptions
from costrel.testing.response import TestResponse
from costrel.testing.session_editing import edit_session
from costrel.testing.websocket import AsyncTestWebSocket

__all__ = ["AsyncTestClient"]


class AsyncTestClient(AnyTestClient[Coroutine[object, object, TestResponse]]):
    """A client that runs the application on the running loop.

    Args:
        application: what is tested.
        options: see `ClientSettings`.
    """

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self.aclose()
        except TimeoutError:
            # What hung in the block hangs at the stop too; the first error tells more.
            if error is None:
                raise

    async def start(self) -> None:
        """Start the application; the first request does it too.

        Raises:
            BaseException: whatever the start-up raised.
        """
        await self._core.start()

    async def aclose(self) -> None:
        """Stop the application; a later call starts it anew.

        Raises:
            BaseException: whatever the stop raised.
        """
        await self._core.stop()

    async def request(self, method: str, url: str, /, **options: Unpack[RequestOptions]) -> TestResponse:
        """Send a request in the caller's loop; see `AnyTestClient.request`.

        When the caller is cancelled, the application's work on the request is cancelled too. Its teardown is waited
        for, a second at most.
        """
        core = self._core
        await core.start()
        return await core.request(method, url, options, core.context_of_caller)

    @asynccontextmanager
    async def stream(self, method: str, url: str, /, **options: Unpack[RequestOptions]) -> AsyncIterator[TestResponse]:
        """Send a request and read its response piece by piece, with ``aiter_bytes`` or ``aiter_lines``.

        The application waits until its pieces are taken. Leaving the block early is a client that goes away.

        Raises:
            BaseException: as `request` does; while the content is read, what broke it off.
        """
        core = self._core
        await core.start()
        response, call = await core.open_stream(method, url, options, core.context_of_caller)
        is_cancelled = False
        try:
            yield response
        except asyncio.CancelledError:
            is_cancelled = True
            raise
        finally:
            await core.close_stream(response, call, at_once=is_cancelled)

    def websocket(
        self, url: str, /, *, subprotocols: Iterable[str] = (), **options: Unpack[RequestOptions]
    ) -> AbstractAsyncContextManager[AsyncTestWebSocket]:
        """Open a WebSocket for a block; leaving the block closes it and waits for its handler.

        Args:
            url: a path, or a URL.
            subprotocols: what the client offers, its favourite first.
            options: see `RequestOptions`; ``headers``, ``cookies``, ``params`` and ``timeout_seconds`` mean something.

        Raises:
            WebSocketRefused: the application answered with another response.
            BaseException: what the application raised and nobody handled.
        """
        return AsyncTestWebSocket.opened(self._core, url, subprotocols, options)

    @asynccontextmanager
    async def session_transaction(self) -> AsyncIterator[SessionView]:
        """Edit the session between two requests: ``async with client.session_transaction() as session: …``.

        What was changed is in the client's cookies after the block; a block that raises changes nothing.

        Raises:
            ProgrammerError: the application keeps no sessions.
        """
        await self._core.start()
        with edit_session(self._core) as session:
            yield session

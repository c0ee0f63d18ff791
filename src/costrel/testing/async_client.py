"""`AsyncTestClient`: send requests to an application from an ``async def`` test, in the loop of the test.

The application runs on the caller's loop, so that a connection pool, a lock or a task of the test is also the
application's. A request starts in a copy of the caller's context, with the variables that the application's start-up
has set, as under a foreign server; what it changes is not seen outside.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from types import TracebackType
from typing import Self, Unpack

from costrel.http import CookieJar, Headers
from costrel.messages import Application, SessionView
from costrel.testing.capture import CapturedEvent, capture_events
from costrel.testing.core import ClientCore
from costrel.testing.outgoing import RequestOptions
from costrel.testing.response import TestResponse
from costrel.testing.session_editing import edit_session
from costrel.testing.settings import ClientOptions, ClientSettings
from costrel.testing.websocket import AsyncTestWebSocket

__all__ = ["AsyncTestClient"]


class AsyncTestClient:
    """A client that runs the application on the running loop.

    Args:
        application: what is tested.
        options: see `ClientSettings`.
    """

    def __init__(self, application: Application, **options: Unpack[ClientOptions]) -> None:
        self._core = ClientCore(application, ClientSettings.of(options))

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

    @property
    def application(self) -> Application:
        """What is tested."""
        return self._core.application

    @property
    def cookies(self) -> CookieJar:
        """The cookies that responses have set, and those put in by hand: ``client.cookies.set("name", "value")``."""
        return self._core.jar

    @property
    def headers(self) -> Headers:
        """Header fields that every request gets, to read and to change."""
        return self._core.headers

    async def request(self, method: str, url: str, /, **options: Unpack[RequestOptions]) -> TestResponse:
        """Send a request and wait for the whole response and for what was left to be done after it.

        Args:
            method: in any case.
            url: a path, or a URL.
            options: see `RequestOptions`.

        Raises:
            BaseException: what the application raised and nobody handled, with its own traceback.
            TimeoutError: it took too long; the message names where the application waits.
        """
        core = self._core
        await core.start()
        return await core.request(method, url, options, core.context_of_caller)

    async def get(self, url: str, /, **options: Unpack[RequestOptions]) -> TestResponse:
        """Send a GET request; see `request`."""
        return await self.request("GET", url, **options)

    async def head(self, url: str, /, **options: Unpack[RequestOptions]) -> TestResponse:
        """Send a HEAD request; see `request`."""
        return await self.request("HEAD", url, **options)

    async def options(self, url: str, /, **options: Unpack[RequestOptions]) -> TestResponse:
        """Send an OPTIONS request; see `request`."""
        return await self.request("OPTIONS", url, **options)

    async def post(self, url: str, /, **options: Unpack[RequestOptions]) -> TestResponse:
        """Send a POST request; see `request`."""
        return await self.request("POST", url, **options)

    async def put(self, url: str, /, **options: Unpack[RequestOptions]) -> TestResponse:
        """Send a PUT request; see `request`."""
        return await self.request("PUT", url, **options)

    async def patch(self, url: str, /, **options: Unpack[RequestOptions]) -> TestResponse:
        """Send a PATCH request; see `request`."""
        return await self.request("PATCH", url, **options)

    async def delete(self, url: str, /, **options: Unpack[RequestOptions]) -> TestResponse:
        """Send a DELETE request; see `request`."""
        return await self.request("DELETE", url, **options)

    async def query(self, url: str, /, **options: Unpack[RequestOptions]) -> TestResponse:
        """Send a QUERY request; see `request`."""
        return await self.request("QUERY", url, **options)

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
        try:
            yield response
        finally:
            await core.close_stream(response, call)

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

    def capture_events(self, *names: str) -> AbstractContextManager[list[CapturedEvent]]:
        """Collect events of the application in a block: ``with client.capture_events("message_flashed") as events``.

        Raises:
            ConfigurationError: there is no event of a name.
        """
        return capture_events(self._core.application, *names)

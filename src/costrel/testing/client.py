"""`TestClient`: send requests to an application from a plain test function.

The client has one event loop and runs it in the caller's thread, only while a call waits: there is no second thread,
so what a test sees between two calls does not change under it. The application is started with the first call, or by
``with``, and stopped by ``close`` or the end of the block.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import copy_context
from types import TracebackType
from typing import Self, TypeVar, Unpack

from costrel.errors import Mistake, ProgrammerError
from costrel.messages import Application, SessionView
from costrel.testing.any_client import AnyTestClient
from costrel.testing.core import ClientCore
from costrel.testing.outgoing import RequestOptions
from costrel.testing.response import TestResponse
from costrel.testing.session_editing import edit_session
from costrel.testing.settings import ClientOptions
from costrel.testing.waiting import wait_for
from costrel.testing.websocket import TestWebSocket

__all__ = ["TestClient"]

T = TypeVar("T")


class TestClient(AnyTestClient[TestResponse]):
    """A client that runs the application on its own loop, in the caller's thread.

    Args:
        application: what is tested.
        options: see `ClientSettings`.

    Raises:
        ProgrammerError: a call inside a running event loop; `AsyncTestClient` is for that.
    """

    __test__ = False  # pytest would collect it by its name

    def __init__(self, application: Application, **options: Unpack[ClientOptions]) -> None:
        super().__init__(application, **options)
        self._runner: asyncio.Runner | None = None
        self._finalizer: weakref.finalize[[asyncio.Runner, ClientCore], TestClient] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.close()
        except TimeoutError:
            # What hung in the block hangs at the stop too; the first error tells more.
            if error is None:
                raise

    def start(self) -> None:
        """Start the application; the first request does it too.

        Raises:
            BaseException: whatever the start-up raised.
        """
        self._run(_nothing)

    def close(self) -> None:
        """Stop the application and close the loop; a later call starts both anew.

        Raises:
            BaseException: whatever the stop raised.
        """
        if self._finalizer is not None:
            self._finalizer.detach()
            self._finalizer = None
        runner, self._runner = self._runner, None
        if runner is not None:
            with runner:
                runner.run(self._core.stop())

    def request(self, method: str, url: str, /, **options: Unpack[RequestOptions]) -> TestResponse:
        """Send a request from the caller's thread; see `AnyTestClient.request`."""
        core = self._core
        return self._run(lambda: core.request(method, url, options, core.context_of_start))

    @contextmanager
    def stream(self, method: str, url: str, /, **options: Unpack[RequestOptions]) -> Iterator[TestResponse]:
        """Send a request and read its response piece by piece.

        The application waits until its pieces are taken. Leaving the block early is a client that goes away.

        Raises:
            BaseException: as `request` does; while the content is read, what broke it off.
        """
        core = self._core
        response, call = self._run(lambda: core.open_stream(method, url, options, core.context_of_start))
        response.drive_with(self._drive)
        is_interrupted = False
        try:
            yield response
        except KeyboardInterrupt:
            is_interrupted = True
            raise
        finally:
            self._run(lambda: core.close_stream(response, call, at_once=is_interrupted))

    def websocket(
        self, url: str, /, *, subprotocols: Iterable[str] = (), **options: Unpack[RequestOptions]
    ) -> AbstractContextManager[TestWebSocket]:
        """Open a WebSocket for a block; leaving the block closes it and waits for its handler.

        Args:
            url: a path, or a URL.
            subprotocols: what the client offers, its favourite first.
            options: see `RequestOptions`; ``headers``, ``cookies``, ``params`` and ``timeout_seconds`` mean something.

        Raises:
            WebSocketRefused: the application answered with another response.
            BaseException: what the application raised and nobody handled.
        """
        return TestWebSocket.opened(self._core, self._run, url, subprotocols, options)

    def run(self, awaitable: Awaitable[T], /, *, timeout_seconds: float | None = None) -> T:
        """Run a coroutine of the test on the application's loop, with the application started.

        Args:
            awaitable: for example ``pool.execute("…")``.
            timeout_seconds: how long it may take; the client's setting unless given, `math.inf` is for ever.

        Raises:
            BaseException: whatever it raises.
            TimeoutError: it took too long; the message names where it waits.
        """
        limit = self._core.settings.timeout_seconds if timeout_seconds is None else timeout_seconds
        return self._run(lambda: _run_limited(awaitable, limit))

    @contextmanager
    def session_transaction(self) -> Iterator[SessionView]:
        """Edit the session between two requests: ``with client.session_transaction() as session: …``.

        What was changed is in the client's cookies after the block; a block that raises changes nothing.

        Raises:
            ProgrammerError: the application keeps no sessions.
        """
        self.start()
        with edit_session(self._core) as session:
            yield session

    def _run(self, make: Callable[[], Awaitable[T]]) -> T:
        """Start the application if it does not run, and run what `make` returns to its end."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            raise _loop_runs()
        runner = self._runner
        if runner is None:
            runner = self._runner = asyncio.Runner()
            self._finalizer = weakref.finalize(self, _close_forgotten, runner, self._core)
        return runner.run(_started(self._core, make), context=copy_context())

    def _drive(self, awaitable: Awaitable[bytes]) -> bytes:
        return self._run(lambda: awaitable)


async def _started(core: ClientCore, make: Callable[[], Awaitable[T]]) -> T:
    await core.start()
    return await make()


async def _nothing() -> None:
    """Do nothing."""


async def _run_limited(awaitable: Awaitable[T], timeout_seconds: float) -> T:
    """Await something of the test, with a limit."""
    task = asyncio.ensure_future(awaitable)
    try:
        await wait_for((task,), timeout_seconds, "has not finished what `run` was given", task)
    except BaseException:
        task.cancel()
        raise
    return task.result()


def _close_forgotten(runner: asyncio.Runner, core: ClientCore) -> None:
    """Stop the application of a client that nobody closed, when the client is collected."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        with runner:
            runner.run(core.stop())
    else:
        # Collected while another loop runs in this thread: nothing can be run here.
        runner.get_loop().close()


def _loop_runs() -> ProgrammerError:
    return ProgrammerError(
        Mistake(
            "COS-TESTING-001",
            "`TestClient` was used while an event loop runs.",
            why="It runs a loop of its own in the caller's thread, and a thread runs one loop at a time.",
            fix="async with app.async_test_client() as client:\n    response = await client.get('/')",
        )
    )

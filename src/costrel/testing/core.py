"""What both test clients do: run the application on one event loop, send requests to it, keep cookies.

Everything here is a coroutine for the loop on which the application runs. `AsyncTestClient` awaits it in the caller's
loop; `TestClient` runs a loop of its own for it, in the caller's thread. The life of one request is in `calls`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from contextvars import Context, copy_context
from typing import cast

from costrel.errors import CostrelError
from costrel.execution import LoopState
from costrel.http import URL, CookieJar, Headers
from costrel.messages import Application, Request, Response, StartupVariables, current_request
from costrel.testing.calls import Call
from costrel.testing.capture import listening
from costrel.testing.channel import MemoryChannel
from costrel.testing.exchange import DetachedExchange, MemoryExchange
from costrel.testing.outgoing import OutgoingRequest, RequestOptions, build_request, join_url
from costrel.testing.requests import find_trusted_proxies, new_request
from costrel.testing.response import RenderedTemplate, TestResponse
from costrel.testing.settings import ClientSettings
from costrel.testing.waiting import cancel, wait_for

__all__ = ["ClientCore", "WebSocketRefused"]

MAX_REDIRECTS = 20


class WebSocketRefused(CostrelError):
    """The application answered the handshake of a WebSocket with another response.

    Args:
        response: the answer.
    """

    def __init__(self, response: TestResponse) -> None:
        super().__init__(response)
        self.response = response

    def __str__(self) -> str:
        return f"The WebSocket was refused with {self.response.status_code}: {self.response.text[:200]}"


class ClientCore:
    """The part of a test client that runs on the application's loop.

    Args:
        application: what is tested.
        settings: how requests are sent.

    Attributes:
        jar: the cookies.
        headers: the fields of every request.
        is_started: whether the application runs.
    """

    def __init__(self, application: Application, settings: ClientSettings) -> None:
        self.application = application
        self.settings = settings
        self.jar: CookieJar = CookieJar()
        for name, value in settings.cookies.items():
            self.jar.set(name, value)
        self.headers: Headers = Headers(settings.headers)
        self.base_url: URL = URL(settings.base_url)
        self._trusted = find_trusted_proxies(application.settings)
        self._calls: dict[object, Call] = {}
        self._ears = ExitStack()
        self._lifespan: asyncio.Task[None] | None = None
        self._stop: asyncio.Future[None] | None = None
        self._started: tuple[LoopState, StartupVariables] | None = None

    # The application's life.

    @property
    def is_started(self) -> bool:
        """Whether the application runs."""
        return self._started is not None

    @property
    def loop_state(self) -> LoopState:
        """What the application has on the loop.

        Raises:
            RuntimeError: it does not run.
        """
        if self._started is None:
            raise RuntimeError("The application of this test client does not run.")
        return self._started[0]

    async def start(self) -> None:
        """Start the application, once; its lifespan has a task of its own, so that it ends where it began.

        Raises:
            BaseException: whatever the start-up raised.
            TimeoutError: it took too long.
        """
        if self._started is not None:
            return
        loop = asyncio.get_running_loop()
        started: asyncio.Future[tuple[LoopState, StartupVariables]] = loop.create_future()
        self._stop = loop.create_future()
        self._lifespan = loop.create_task(self._live(started, self._stop))
        try:
            await wait_for((self._lifespan, started), self.settings.timeout_seconds, "has not started", self._lifespan)
            if not started.done():
                await self._lifespan
                raise RuntimeError("The lifespan of the application ended before it had begun.")
        except BaseException:
            await cancel(self._lifespan)
            self._lifespan = self._stop = None
            raise
        self._started = started.result()
        self._ears.enter_context(listening(self.application, "template_rendered", self._note_template))

    async def _live(
        self, started: asyncio.Future[tuple[LoopState, StartupVariables]], stop: asyncio.Future[None]
    ) -> None:
        before = copy_context()
        async with self.application.lifespan() as loop_state:
            after = loop_state.base_context
            if after is None:
                after = loop_state.base_context = copy_context()
            started.set_result((loop_state, StartupVariables(before, after)))
            await stop

    async def stop(self) -> None:
        """End what still runs, and stop the application.

        Raises:
            BaseException: whatever the stop raised.
            TimeoutError: it took too long.
        """
        lifespan, stop = self._lifespan, self._stop
        if lifespan is None or stop is None:
            return
        for call in list(self._calls.values()):
            await call.cancel()
        self._calls.clear()
        self._ears.close()
        self._lifespan = self._stop = self._started = None
        if not stop.done():
            stop.set_result(None)
        try:
            await wait_for((lifespan,), self.settings.timeout_seconds, "has not stopped", lifespan)
        except BaseException:
            await cancel(lifespan)
            raise
        await lifespan

    def context_of_start(self) -> Context:
        """Return a copy of the context after start-up, as a server gives each request one."""
        base = self.loop_state.base_context
        return base.copy() if base is not None else copy_context()

    def context_of_caller(self) -> Context:
        """Return a copy of the caller's context, with the variables that start-up has set."""
        context = copy_context()
        if self._started is not None:
            context.run(self._started[1].set)
        return context

    # Requests.

    async def request(
        self, method: str, url: str, options: RequestOptions, make_context: Callable[[], Context]
    ) -> TestResponse:
        """Send a request and read the whole response, following redirects if that is asked for."""
        response, _ = await self._send_following(method, url, options, make_context, is_streaming=False)
        return response

    async def open_stream(
        self, method: str, url: str, options: RequestOptions, make_context: Callable[[], Context]
    ) -> tuple[TestResponse, Call]:
        """Send a request and return when the head of the response is there."""
        return await self._send_following(method, url, options, make_context, is_streaming=True)

    async def close_stream(self, response: TestResponse, call: Call, *, at_once: bool) -> None:
        """End a streamed request: a client that has not read everything leaves.

        Args:
            response: what was streamed.
            call: its request.
            at_once: whether the test was interrupted, so that nobody waits until the application has noticed.
        """
        if at_once:
            await call.cancel()
        else:
            await (call.wait_end() if call.exchange.is_complete else call.leave())
        self._forget(call)
        response.templates = list(call.templates)

    async def open_websocket(
        self,
        url: str,
        subprotocols: Iterable[str],
        options: RequestOptions,
        make_context: Callable[[], Context],
    ) -> tuple[Call, MemoryChannel]:
        """Send a handshake and return when it was accepted.

        Raises:
            WebSocketRefused: the application answered with another response.
        """
        target = join_url(self.base_url, url.replace("ws", "http", 1) if url.startswith(("ws://", "wss://")) else url)
        outgoing = build_request("GET", target, self.headers, options)
        headers = outgoing.headers
        headers["connection"] = "Upgrade"
        headers["upgrade"] = "websocket"
        headers["sec-websocket-version"] = "13"
        headers["sec-websocket-key"] = "dGhlIHNhbXBsZSBub25jZQ=="
        offered = ", ".join(subprotocols)
        if offered:
            headers["sec-websocket-protocol"] = offered
        call = self._send(outgoing, options, make_context(), is_websocket=True)
        try:
            response = await call.wait_head()
            self._store_cookies(response)
            if call.channel is not None:
                return call, call.channel
            await call.read_content(response)
        except BaseException as error:
            await self._end_failed(call, error)
            raise
        self._forget(call)
        raise WebSocketRefused(response)

    async def close_websocket(self, call: Call, *, raises: bool, at_once: bool) -> None:
        """Leave a socket if it is open, and wait for its handler.

        Args:
            call: its handshake.
            raises: whether what the handler raised is raised here.
            at_once: whether the test was interrupted, so that nobody waits until the handler has noticed.
        """
        await (call.cancel() if at_once else call.leave())
        self._forget(call)
        if raises:
            call.raise_failure()

    async def _send_following(
        self,
        method: str,
        url: str,
        options: RequestOptions,
        make_context: Callable[[], Context],
        *,
        is_streaming: bool,
    ) -> tuple[TestResponse, Call]:
        follow = options.get("follow_redirects", self.settings.follow_redirects)
        outgoing = build_request(method, join_url(self.base_url, url), self.headers, options)
        history: list[TestResponse] = []
        while True:
            call = self._send(outgoing, options, make_context(), is_streaming=is_streaming)
            try:
                response = await call.wait_head()
                response.history = list(history)
                self._store_cookies(response)
                redirected = follow and response.is_redirect
                if not is_streaming or redirected:
                    await call.read_content(response)
                    self._forget(call)
            except BaseException as error:
                await self._end_failed(call, error)
                raise
            if not redirected:
                return response, call
            history.append(response)
            if len(history) > MAX_REDIRECTS:
                raise RuntimeError(f"{outgoing.method} {url} was redirected more than {MAX_REDIRECTS} times.")
            outgoing = _redirected(outgoing, response)

    def _send(
        self,
        outgoing: OutgoingRequest,
        options: RequestOptions,
        context: Context,
        *,
        is_streaming: bool = False,
        is_websocket: bool = False,
    ) -> Call:
        settings = self.settings
        self._add_cookies(outgoing)
        exchange = MemoryExchange(outgoing.content, settings.peer, self.loop_state, is_streaming=is_streaming)
        request = new_request(outgoing, exchange, settings.root_path, self._trusted, is_websocket=is_websocket)
        timeout_seconds = options.get("timeout_seconds", settings.timeout_seconds)
        call = Call(self.application, outgoing, request, exchange, timeout_seconds, settings.raise_app_exceptions)
        self._calls[call] = call
        call.start(context)
        return call

    async def _end_failed(self, call: Call, error: BaseException) -> None:
        """End a request that has failed in the test; a test that was cancelled does not wait for the application."""
        await (call.cancel() if isinstance(error, asyncio.CancelledError) else call.settle())
        self._forget(call)

    def _forget(self, call: Call) -> None:
        """Let go of a request that has ended; one that goes on nevertheless is cancelled when the application stops."""
        if call.has_ended:
            self._calls.pop(call, None)

    # Cookies and what happens beside the response.

    def _add_cookies(self, outgoing: OutgoingRequest) -> None:
        """Add what the jar has for a request; cookies that the request brings itself come first and so count."""
        url = outgoing.url
        kept = self.jar.header_for(url.host, self._path_of(outgoing), url.scheme, self.settings.clock())
        if kept is not None:
            own = outgoing.headers.get("cookie")
            outgoing.headers["cookie"] = f"{own}; {kept}" if own else kept

    def _store_cookies(self, response: TestResponse) -> None:
        values = [value for name, value in response.headers.raw if name == b"set-cookie"]
        if values:
            url, now = response.url, self.settings.clock()
            path = self._path_of(response.sent)
            self.jar.store(values, url.host, path, url.scheme, now)
            own = CookieJar()
            own.store(values, url.host, path, url.scheme, now)
            response.cookies = {cookie.name: cookie.value for cookie in own}

    def bare_request(self) -> Request:
        """Make a request for the root with the client's cookies, for what is done without sending one."""
        outgoing = build_request("GET", join_url(self.base_url, "/"), self.headers, {})
        self._add_cookies(outgoing)
        exchange = DetachedExchange(b"", self.settings.peer)
        request = new_request(outgoing, exchange, self.settings.root_path, self._trusted)
        request.app = self.application
        return request

    def take_cookies(self, response: Response) -> None:
        """Keep the cookies of a response that answers `bare_request`."""
        values = [value for name, value in response.headers.raw if name == b"set-cookie"]
        path = f"{self.settings.root_path}/"
        self.jar.store(values, self.base_url.host, path, self.base_url.scheme, self.settings.clock())

    def _path_of(self, outgoing: OutgoingRequest) -> str:
        return self.settings.root_path + outgoing.raw_path.decode("ascii")

    def _note_template(self, fields: Mapping[str, object]) -> None:
        """Give a rendered template to the request during which it was rendered."""
        request = current_request.get(None)
        for call in self._calls.values():
            if call.request is request:
                template = cast("RenderedTemplate", fields["template"])
                call.templates.append((template, dict(cast("Mapping[str, object]", fields["context"]))))


def _redirected(outgoing: OutgoingRequest, response: TestResponse) -> OutgoingRequest:
    """Return the request that a browser makes of a redirect (RFC 9110 §15.4).

    Raises:
        RuntimeError: the body would have to be sent again, and it was an iterator.
    """
    url = join_url(outgoing.url, response.headers["location"])
    headers = outgoing.headers.copy()
    headers.pop("cookie", None)
    headers["host"] = url.authority
    if url.origin != outgoing.url.origin:
        headers.pop("authorization", None)
    method, content = outgoing.method, outgoing.content
    keeps_method = response.status_code in (307, 308) or method in ("GET", "HEAD")
    if not keeps_method and (response.status_code == 303 or method == "POST"):
        method, content = "GET", b""
        for name in ("content-type", "content-length", "transfer-encoding"):
            headers.pop(name, None)
    if not isinstance(content, bytes):
        raise RuntimeError(f"{method} {outgoing.url} was redirected to {url}, and its body cannot be sent twice.")
    return OutgoingRequest(method, URL(url.partition("#")[0]), headers, content)

"""`App`: what a user makes first. It records, builds once, and hands requests on; it does no work of its own.

The verbs of registration come from `registration`, the rest of what is recorded from `assembly`; the build is in
`build`, what it leaves behind in `frozen`. An `App` is a `Dispatch`: a transport gives it a `Request` and gets a
`Response` back.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, MutableMapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack, asynccontextmanager
from contextvars import copy_context
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast, overload

from costrel.app.assembly import Assembly
from costrel.app.blueprint import folder_of_module
from costrel.app.execution_view import ExecutionView, execution_settings
from costrel.app.extensions import DEFAULT_EXTENSIONS
from costrel.app.lifecycle import current_loop_state
from costrel.app.namespaces import hidden_by_class, hidden_by_values, unread_values
from costrel.app.registration import AnyLayer
from costrel.app.request_globals import Globals
from costrel.errors import Mistake, with_foreign_names

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    import click

    from costrel.app.mounting import Mount
    from costrel.app.scheduling_start import Schedule
    from costrel.execution import LoopState
    from costrel.gateways import (
        ASGIGateway,
        RSGIGateway,
        RSGIProtocol,
        RSGIScope,
        RSGISocketProtocol,
        StartResponse,
        WSGIGateway,
    )
    from costrel.messages import AppSettings, Extension, Request, Response, State, TextAs
    from costrel.testing import AsyncTestClient, TestClient

__all__ = ["App"]

F = TypeVar("F", bound=Callable[..., object])
Rewrite: TypeAlias = "Callable[[Request], str | None]"
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@with_foreign_names
class App(Assembly):
    """A web application.

    Args:
        name: for logs and for the salts of what it signs; the module's name unless given.
        settings: an `AppSettings`; read from ``COSTREL_*`` unless given.
        use: layers around everything, outermost first.
        extensions: extensions, or import strings of them, installed by the build; sessions, templates, static files
            and error pages unless given.
        rewrite: called with the head of each request before the match; a returned path is matched instead of the
            one that came, `Request.raw_path` stays.
        text_as: what a returned `str` is, ``html`` or ``json``.
        g: the class of `g`, for typed attributes.
        state: the values of the running application, for example connections; typed by subclassing `State`.

    Raises:
        BuildError: a setting from the environment that cannot be read.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        settings: AppSettings | None = None,
        use: Sequence[AnyLayer] = (),
        extensions: Sequence[Extension | str] = DEFAULT_EXTENSIONS,
        rewrite: Rewrite | None = None,
        text_as: TextAs | None = None,
        g: type[Globals] = Globals,
        state: State | None = None,
    ) -> None:
        # Not before: an import of `App` alone is quick, and everything is there before the first request.
        from costrel.app.context import globals_of
        from costrel.app.naming import url_for
        from costrel.handling import Provider
        from costrel.messages import AppSettings, State, current_request

        module = sys._getframe(1).f_globals
        super().__init__(
            name or _plain_name(module),
            root_folder=folder_of_module(module.get("__file__")),
            settings=settings if settings is not None else AppSettings.from_environment(),
            use=use,
            extensions=extensions,
            text_as=text_as,
        )
        self.execution: ExecutionView = ExecutionView()
        self._set_current, self._find_current = current_request.set, current_request.get
        self._url_for = url_for
        self._globals_class = g
        self._initial_state = state if state is not None else State()
        self._rewrite = rewrite
        self._is_watched = self._rewrites = rewrite is not None
        self._cli: click.Group | None = None
        self._gateway: ASGIGateway | None = None
        self._gateway_lock = Lock()
        self._wsgi_gateway: WSGIGateway | None = None
        self._rsgi_gateway: RSGIGateway | None = None
        # Servers ask whether this is a coroutine function to tell ASGI 3 from ASGI 2; what they call is the method.
        vars(self)["__call__"] = self._serve_asgi
        self._own_providers += [
            Provider(App, lambda: self, inline=True),
            Provider(type(self), lambda: self, inline=True),
            Provider(AppSettings, lambda: self.settings, inline=True),
            Provider(type(self._initial_state), lambda: self.state, inline=True),
            Provider(g, globals_of, inline=True),
        ]
        self._own_names = frozenset(vars(self))

    def __repr__(self) -> str:
        return f"<App {self.name!r}>"

    def dispatch(self, request: Request) -> Awaitable[Response]:
        """Answer a request: match it and run its endpoint in the caller's task."""
        frozen = self._frozen
        if frozen is None:
            frozen = self.build()
        request.app = self
        self._set_current(request)
        if self._is_watched:
            return self._dispatch_watched(request)
        try:
            target = frozen.find(request)
        except Exception as error:
            # A predicate or a converter is the application's own and may fail.
            return frozen.answer_failure(request, error)
        if target is None:
            target = frozen.answer_unmatched(request)
        request.route = target.route
        return frozen.pass_on(request) if target.fallthrough else target.dispatch(request)

    async def answer_error(self, request: Request, error: Exception) -> Response:
        """Make the response of an exception that no layer can see any more, by the application's error handlers."""
        return await self.frozen.converter.convert(request, error)

    async def _dispatch_watched(self, request: Request) -> Response:
        """Dispatch where middleware stands around, the path may be rewritten or a listener wants to see the steps."""
        emit = self.events.emit
        emit("request_started", {"request": request})
        response = await (self._outermost or self._dispatch_inside)(request)
        emit("response_ready", {"request": request, "response": response})
        return response

    async def _dispatch_inside(self, request: Request) -> Response:
        """Match a request as middleware and the rewriting leave it, and run its endpoint."""
        frozen = self.frozen
        try:
            if self._rewrite is not None and (path := self._rewrite(request)) is not None:
                request.route_path = path
            target = frozen.find(request)
        except Exception as error:
            return await frozen.answer_failure(request, error)
        if target is None:
            target = frozen.answer_unmatched(request)
        request.route = target.route
        self.events.emit("request_matched", {"request": request, "route": target.route})
        return await (frozen.pass_on(request) if target.fallthrough else target.dispatch(request))

    @overload
    def lifespan(self) -> AbstractAsyncContextManager[LoopState]: ...

    @overload
    def lifespan(self, factory: F, /) -> F: ...

    def lifespan(self, factory: Callable[..., object] | None = None) -> object:
        """Register a lifespan, or, without an argument, start the application on the running loop.

        Args:
            factory: a generator function or a context manager factory, async or not; entered at start and left at
                stop, in one list with `on_start` and `on_stop`. It is called with the app when it takes a parameter.

        Returns:
            The factory, so that this is a decorator; without one a context manager for transports.
        """
        if factory is None:
            return self._run()
        self.check_open("lifespan")
        self._lifecycle.add_lifespan(factory, self)
        return factory

    @asynccontextmanager
    async def _run(self) -> AsyncIterator[LoopState]:
        """Start on the running loop: providers and lifespans, then the mounted applications; stop in reverse."""
        import asyncio

        from costrel.execution import LoopState, Watchdog

        self.build()
        loop_state = LoopState.start(asyncio.get_running_loop(), execution_settings(self.settings))
        current_loop_state.set(loop_state)
        watchdog = Watchdog() if self.debug else None
        try:
            async with self._started(loop_state):
                loop_state.base_context = copy_context()
                schedule = self._schedule(loop_state)
                if watchdog is not None:
                    watchdog.start(loop_state.loop)
                try:
                    yield loop_state
                finally:
                    self._announce_stop()
                    loop_state.begin_stopping()
                await loop_state.supervisor.drain(loop_state.settings.graceful_timeout_seconds)
                if schedule is not None:
                    await schedule.aclose()
        finally:
            if watchdog is not None:
                watchdog.stop()
            await loop_state.aclose(loop_state.settings.graceful_timeout_seconds)

    @asynccontextmanager
    async def _started(self, loop_state: LoopState) -> AsyncIterator[None]:
        """Enter this application's own part of a start, then that of each mounted application, each once."""
        from costrel.handling import start_app_providers

        if self in loop_state.values:
            yield
            return
        loop_state.values[self] = self._initial_state.copy()
        self._running.append(loop_state)
        async with AsyncExitStack() as stack:
            stack.callback(self._running.remove, loop_state)
            for table in self.frozen.providers:
                values = await start_app_providers(table, loop_state)
                stack.push_async_callback(values.aclose)
            await stack.enter_async_context(self._lifecycle.run(loop_state))
            for mount in self._mounts:
                await self._start_mounted(mount, loop_state, stack)
            self.emit("app_started", {"app": self})
            yield
        self.emit("app_stopped", {"app": self})

    @staticmethod
    async def _start_mounted(mount: Mount, loop_state: LoopState, stack: AsyncExitStack) -> None:
        """Start what is mounted, unless it runs on this loop already; one that fails is named."""
        from costrel.app.mounting import foreign_lifespan

        try:
            if isinstance(mount.app, App):
                await stack.enter_async_context(mount.app._started(loop_state))
            elif mount.adapter is not None and mount.joins_lifespan:
                await stack.enter_async_context(foreign_lifespan(mount.adapter, loop_state))
        except Exception as error:
            error.add_note(f"It happened while the mount `{mount.name}` at `{mount.path}` ({mount.where}) was started.")
            raise

    def _schedule(self, loop_state: LoopState) -> Schedule | None:
        """Prepare what is run by the clock, here and in mounted applications; `None` when there is nothing."""
        apps = [app for app in self._all_apps() if app.scheduled]
        if not apps:
            return None
        from costrel.app.scheduling_start import Schedule

        return Schedule(apps, loop_state)

    def _announce_stop(self) -> None:
        """Tell the listeners of this application and of those mounted in it that the end begins."""
        self.emit("app_stopping", {"app": self})
        for mount in self._mounts:
            if isinstance(mount.app, App):
                mount.app._announce_stop()

    @property
    def state(self) -> State:
        """The values of the running application; before it runs, those it will start with."""
        loop_state = current_loop_state.get(None)
        if loop_state is not None and self in loop_state.values:
            return cast("State", loop_state.values[self])
        return self._initial_state

    def _hidden_names(self) -> list[Mistake]:
        from costrel.messages import State

        state = self._initial_state
        return [
            *hidden_by_class(self._globals_class, Globals),
            *hidden_by_class(type(state), State),
            *hidden_by_values(state, State),
            *hidden_by_class(type(self), App, self._own_names),
            *hidden_by_values(self, App),
            *unread_values(self, App),
        ]

    def make_globals(self) -> Globals:
        """Make an empty `g`."""
        return self._globals_class()

    def url_for(
        self,
        name: str,
        /,
        *,
        external: bool = False,
        anchor: str | None = None,
        scheme: str | None = None,
        **values: Any,  # whatever the converters of the pattern take
    ) -> str:
        """Build the URL of a route, correct under every prefix.

        Args:
            name: of the route, ``blueprint.name`` inside a blueprint, ``.name`` for one of the same blueprint, and
                with the name of its mount before it for one of a mounted application.
            external: with scheme and host.
            anchor: what follows ``#``.
            scheme: of an external URL, that of the request unless given.
            values: the parameters of the pattern; the rest becomes the query string, lists as repeated keys.

        Raises:
            ProgrammerError: no such route (the nearest names are offered), a missing value, or an external URL
                outside a request without `AppSettings.base_url`.
            URLValueError: a value that cannot stand in its place, for example ``..`` as a segment.
        """
        return self._url_for(
            self, self._find_current(None), name, values, external=external, anchor=anchor, scheme=scheme
        )

    def app_context(self) -> AbstractContextManager[Request]:
        """Make `current_app`, `g` and `url_for` usable in a block without a request, for scripts and commands."""
        from costrel.app.context import entered
        from costrel.testing import make_request

        subject = make_request(self, "", "/")
        subject.app = self
        return entered(subject)

    def test_request_context(self, path: str = "/", /, **options: Any) -> AbstractContextManager[Request]:
        """Make a request of the given shape current for a block; no handler runs.

        Args:
            path: with a query string if you like.
            options: ``method``, ``headers``, ``json``, ``data``, as for the test client.
        """
        from costrel.app.context import entered
        from costrel.testing import make_request

        self.build()
        subject = make_request(self, options.pop("method", "GET"), path, **options)
        subject.app = self
        target = self.frozen.routes.find(subject)
        subject.route = target.route if target is not None else None
        return entered(subject)

    def test_client(self, **options: Any) -> TestClient:
        """Make a test client for this application; see `costrel.testing.TestClient`."""
        from costrel.testing import TestClient

        return TestClient(self, **options)

    def async_test_client(self, **options: Any) -> AsyncTestClient:
        """Make a test client that runs in the caller's loop; see `costrel.testing.AsyncTestClient`."""
        from costrel.testing import AsyncTestClient

        return AsyncTestClient(self, **options)

    @property
    def cli(self) -> click.Group:
        """The application's own commands: ``@app.cli.command()``; `costrel` runs them."""
        if self._cli is None:
            import click

            self._cli = click.Group(self.name)
        return self._cli

    @overload
    def __call__(self, scope: Scope, receive: Receive, send: Send, /) -> Coroutine[None, None, None]: ...

    @overload
    def __call__(self, environ: dict[str, Any], start_response: StartResponse, /) -> Iterable[bytes]: ...

    def __call__(self, given: Any, answer: Any, send: Send | None = None, /) -> object:
        """Serve what a server brings, by whichever protocol it calls.

        With three arguments it is one ASGI connection: HTTP, WebSocket or lifespan (ASGI 3). With two it is one request
        of a WSGI server, which is given the body (PEP 3333); see `costrel.gateways.WSGIGateway`.
        """
        if send is None:
            return (self._wsgi_gateway or self._make_wsgi_gateway())(given, answer)
        if self._gateway is None:
            from costrel.gateways import ASGIGateway

            self._gateway = ASGIGateway(self)
        return self._gateway(given, answer, send)

    def _make_wsgi_gateway(self) -> WSGIGateway:
        """Make the gateway once, although the first requests may come in several threads."""
        from costrel.gateways import WSGIGateway

        with self._gateway_lock:
            if self._wsgi_gateway is None:
                self._wsgi_gateway = WSGIGateway(self)
            return self._wsgi_gateway

    async def _serve_asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self(scope, receive, send)

    def __rsgi__(self, scope: RSGIScope, protocol: RSGIProtocol | RSGISocketProtocol) -> Coroutine[None, None, None]:
        """Serve one HTTP request or WebSocket of an RSGI server."""
        return self._find_rsgi_gateway()(scope, protocol)

    def __rsgi_init__(self, loop: AbstractEventLoop) -> None:
        """Start; an RSGI server calls it before it takes connections."""
        self._find_rsgi_gateway().start(loop)

    def __rsgi_del__(self, loop: AbstractEventLoop) -> None:
        """Stop; an RSGI server calls it after the last connection."""
        self._find_rsgi_gateway().stop(loop)

    def _find_rsgi_gateway(self) -> RSGIGateway:
        if self._rsgi_gateway is None:
            from costrel.gateways import RSGIGateway

            self._rsgi_gateway = RSGIGateway(self)
        return self._rsgi_gateway


def _plain_name(module: dict[str, Any]) -> str:
    """Name an application after its module, or after its file when it is run as a script."""
    name = str(module.get("__name__", "app"))
    if name == "__main__":
        return Path(str(module.get("__file__", "app"))).stem
    return name

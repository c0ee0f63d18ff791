"""Calling the handler of a scheduled job: its parameters are bound as those of a provider, on a stand-in for a request.

The handler is compiled as what an endpoint ``Depends`` on, so everything that holds for providers holds for it: their
lifetimes, their threads, their exits and who sees which exception. The stand-in has no method, as that of
`App.app_context`, so `current_app`, `g` and `url_for` are there, and ``request`` says that there is none.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, cast

from costrel.app.scopes import Scope
from costrel.errors import Mistake, ProgrammerError
from costrel.execution import LoopState, Outcome
from costrel.handling import Depends, Provider, ProviderTable, RouteSpec, compile_endpoint
from costrel.messages import AppView, Dispatch, MessageLimits, Request, Response, current_request
from costrel.scheduling import RunTimedOut, ScheduledRun
from costrel.testing import make_request

__all__ = ["JobCall", "compile_call"]


class _Execution:
    """What one run of a job leaves behind; it stands in the state of its stand-in for a request."""

    def __init__(self, run: ScheduledRun, loop: asyncio.AbstractEventLoop) -> None:
        self.run = run
        self.result: object = None
        self.failure: Exception | None = None
        self._loop = loop
        self._left = loop.create_future()
        self._is_in_thread = False

    def call(self, function: Callable[..., object], *args: object, **kwargs: object) -> object:
        """Call the handler; the thread's side."""
        self._is_in_thread = True
        try:
            return function(*args, **kwargs)
        finally:
            try:
                self._loop.call_soon_threadsafe(self._leave)
            except RuntimeError:
                # The loop is closed, and nobody waits any more.
                pass

    def lingering(self) -> asyncio.Future[None] | None:
        """Return what is done when the thread has left the handler; `None` when it is in none."""
        return self._left if self._is_in_thread and not self._left.done() else None

    def _leave(self) -> None:
        if not self._left.done():
            self._left.set_result(None)


class JobCall:
    """Calls one handler.

    Args:
        app: the application.
        name: of the job.
        dispatch: the compiled call.
        running: the application's loops.
        timeout_seconds: how long it may take, `None` for as long as it likes.
    """

    def __init__(
        self,
        app: AppView,
        name: str,
        dispatch: Dispatch,
        running: Sequence[LoopState],
        timeout_seconds: float | None,
    ) -> None:
        self._app = app
        self._name = name
        self._dispatch = dispatch
        self._running = running
        self._timeout_seconds = timeout_seconds

    async def __call__(self, run: ScheduledRun) -> object:
        """Call the handler on the running loop and return what it returned.

        Raises:
            ProgrammerError: COS-SCHEDULE-008, the application does not run on this loop.
            RunTimedOut: it took too long.
            Exception: what the handler raised, or a provider.
        """
        loop_state = self._find_loop_state()
        request = make_request(self._app, "", "/")
        request.exchange.loop_state = loop_state
        execution = request.state.scheduled = _Execution(run, loop_state.loop)
        if self._timeout_seconds is not None:
            request.deadline_seconds = self._timeout_seconds
        token = current_request.set(request)
        try:
            await self._dispatch(request)
        finally:
            try:
                await request.finish()
            finally:
                current_request.reset(token)
        if request.claim.outcome is Outcome.ABANDONED:
            raise RunTimedOut(execution.lingering())
        if execution.failure is not None:
            raise execution.failure
        return execution.result

    def _find_loop_state(self) -> LoopState:
        loop = asyncio.get_running_loop()
        for loop_state in self._running:
            if loop_state.loop is loop:
                return loop_state
        raise ProgrammerError(
            Mistake(
                "COS-SCHEDULE-008",
                f"The scheduled job `{self._name}` was run where its application does not run.",
                why="Its handler needs what the application has on the loop: providers, threads, state.",
                fix=(
                    f'with app.test_client() as client:\n    client.run(app.scheduled["{self._name}"].run())\n'
                    f'async with app.lifespan():\n    await app.scheduled["{self._name}"].run()'
                ),
            )
        )


def compile_call(
    handler: Callable[..., object], name: str, where: str, table: ProviderTable, scope: Scope, settings: MessageLimits
) -> tuple[Dispatch | None, list[Mistake]]:
    """Compile the call of a handler.

    Args:
        handler: the function.
        name: of the job.
        where: file and line of the handler.
        table: the providers that hold for it.
        scope: the app or blueprint that it was registered on.
        settings: of the application.

    Returns:
        What `JobCall` dispatches to, or `None` and everything that is wrong with the parameters.
    """

    def finish(request: Request, result: object) -> None:
        _execution_of(request).result = result

    wanted_result = Annotated[object, Depends(_traced(handler))]
    finish.__annotations__ = {"request": Request, "result": wanted_result, "return": None}
    spec = RouteSpec(
        handler=finish,
        path=name,
        methods=frozenset({"JOB"}),
        name=name,
        path_parameters=(),
        where=where,
        inline=False,
        reads_body=False,
        text_as=scope.text_as(),
        providers=ProviderTable([Provider(ScheduledRun, _find_run, inline=True)], table),
        convert=_keep_failure,
        settings=settings,
    )
    endpoint, mistakes = compile_endpoint(spec)
    if endpoint is None:
        return None, [_without_request(mistake) for mistake in mistakes]
    wanted = [parameter.name for parameter in endpoint.info.parameters if parameter.required]
    if endpoint.info.body is not None:
        wanted.append("the body")
    return endpoint.dispatch, [_needs_request(name, parameter, where) for parameter in wanted]


def _execution_of(request: Request) -> _Execution:
    return cast("_Execution", request.state.scheduled)


def _find_run(request: Request) -> ScheduledRun:
    return _execution_of(request).run


async def _keep_failure(request: Request, error: Exception) -> Response:
    """Keep what the handler raised for whoever runs the job; the response goes nowhere."""
    _execution_of(request).failure = error
    return Response(None, 500)


def _traced(handler: Callable[..., object]) -> Callable[..., object]:
    """Return a handler that tells when its thread leaves it; one that needs no thread stays as it is."""
    if _is_async(handler):
        return handler

    @functools.wraps(handler)
    def call(*args: Any, **kwargs: Any) -> object:  # whatever the handler takes
        return _execution_of(current_request.get()).call(handler, *args, **kwargs)

    return call


def _is_async(handler: Callable[..., object]) -> bool:
    inner: Any = handler
    while isinstance(inner, functools.partial):
        inner = inner.func
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(type(inner).__call__)


def _without_request(mistake: Mistake) -> Mistake:
    """Say of a parameter that cannot be read from the request that there is none."""
    if mistake.code != "COS-HANDLER-004":
        return mistake
    return replace(
        mistake,
        code="COS-SCHEDULE-006",
        what=mistake.what.replace(" cannot be read from the request.", " cannot be filled."),
        why="A scheduled job has no request to read anything from.",
        fix="Provide its type:     app.provide(Database, connect)\nor give it a default.",
    )


def _needs_request(name: str, parameter: str, where: str) -> Mistake:
    return _without_request(
        Mistake("COS-HANDLER-004", f"Parameter `{parameter}` of `{name}` cannot be read from the request.", where)
    )

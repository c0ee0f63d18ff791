"""Applications inside applications: where one is mounted, and how a request gets into it.

A mounted `App` keeps its own settings, errors, layers and lifespan; an application of another framework keeps all it
has. The layers of the application around it stand around it too, in the same task. The request is the same object all
the way; what changes is `request.mount` and `request.route_path`, and in an `App` `request.app`. What a foreign
application is, is in `foreign`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, cast

from costrel.app.foreign import ForeignMount, adapter_of, is_adapter, label_of
from costrel.app.mount_stats import MountCounter, MountStats
from costrel.errors import ConfigurationError, Mistake
from costrel.execution import LoopState
from costrel.handling import is_finished, start_stream
from costrel.messages import AppView, Dispatch, MountView, Request, Response, SessionKeeper

__all__ = ["Mount", "MountableApp", "MountedApp", "foreign_lifespan", "make_mount", "way_into"]

_FIRST_SERVER_ERROR = 500

Convert = Callable[[Request, Exception], Awaitable[Response]]


class MountableApp(AppView, Protocol):
    """What can be mounted without an adapter: another `App`."""

    def dispatch(self, request: Request) -> Awaitable[Response]:
        """Answer one request."""
        ...


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Mount:
    """A mount as it was written: ``app.mount(path, application, name=…)``.

    Attributes:
        path: the prefix.
        name: before the names of its routes, and for reports.
        where: file and line of the call.
        host: the pattern of the hosts it answers for, `None` for every host.
        is_fallback: whether it answers what no route and no other mount matches.
        application: what was mounted.
        app: the same if it is an `App`, else `None`.
        adapter: what calls it if it is none, else `None`.
        joins_lifespan: whether it starts and stops with the application around it.
    """

    path: str
    name: str
    where: str
    host: str | None
    is_fallback: bool
    application: object
    app: MountableApp | None
    adapter: ForeignMount | None
    joins_lifespan: bool
    counter: MountCounter = field(default_factory=MountCounter, repr=False)

    @property
    def prefix(self) -> str:
        """The path without a final slash, empty for ``/``."""
        return self.path.rstrip("/")

    @property
    def kind(self) -> str:
        """``"app"``, ``"asgi"`` or ``"wsgi"``."""
        return "app" if self.adapter is None else str(self.adapter.kind)

    @property
    def mode(self) -> str:
        """How it is driven: ``"direct"`` for an `App`, else what its adapter says, for example ``"trampoline"``."""
        return "direct" if self.adapter is None else str(self.adapter.mode)

    @property
    def application_label(self) -> str:
        """Module and name of the function or class of what was mounted, for example ``flask.app.Flask``."""
        return label_of(self.application)

    def stats(self) -> MountStats:
        """Return what was counted in this process, of all event loops together."""
        return self.counter.read()


def make_mount(
    path: str,
    application: object,
    inner: MountableApp | None,
    *,
    name: str | None,
    host: str | None,
    is_fallback: bool,
    mode: Literal["trampoline", "task"] | None,
    threads: int | None,
    joins_lifespan: bool,
    where: str,
) -> Mount:
    """Make what `App.mount` records; see there.

    Args:
        path: as written.
        application: as given.
        inner: the same if it is an `App`, else `None`.
        name, host, is_fallback, mode, threads, joins_lifespan: the options.
        where: file and line of the call.

    Raises:
        ConfigurationError: COS-MOUNT-001 or COS-MOUNT-002.
        ValueError: a name with a dot.
    """
    if name is not None and ("." in name or not name):
        raise ValueError(f"the name of a mount has no dot and is not empty: {name!r}")
    adapter = None
    if inner is None:
        chosen = name or _name_of_path(path) or _name_of(application)
        adapter = adapter_of(application, name=chosen, mode=mode, threads=threads, where=where)
        application = adapter.application
    else:
        chosen = name or _name_of_path(path) or inner.name.replace(".", "_")
        for option, value in (("mode", mode), ("threads", threads), ("lifespan", None if joins_lifespan else False)):
            if value is not None:
                raise ConfigurationError(_not_for_an_app(option, value, where))
    return Mount(
        path=path,
        name=chosen,
        where=where,
        host=host,
        is_fallback=is_fallback,
        application=application,
        app=inner,
        adapter=adapter,
        # A WSGI application has none; what its adapter starts are threads, and it needs them.
        joins_lifespan=joins_lifespan or (adapter is not None and adapter.kind == "wsgi"),
    )


def _name_of_path(path: str) -> str:
    return path.strip("/").rpartition("/")[2].replace(".", "_")


def _name_of(application: Any) -> str:  # anything that somebody mounts
    """Name an application after its function, or after its class: ``flask``, ``fastapi``."""
    named = application.application if is_adapter(application) else application
    return label_of(named).rpartition(".")[2].lower()


def _not_for_an_app(option: str, value: object, where: str) -> Mistake:
    return Mistake(
        "COS-MOUNT-002",
        f"`mount` was given `{option}={value!r}` for an `App`.",
        where,
        "An `App` is called as it is, in the same task, and its providers live as long as it runs.",
        f"Leave `{option}` out.",
    )


class MountedApp:
    """A mount on the way of one request: the prefix from the outermost application, and the mounts passed before.

    `app` is `None` for an application of another framework, whose requests belong to `outer_app`.
    """

    __slots__ = ("app", "name", "outer_app", "parent", "prefix")

    def __init__(
        self, app: AppView | None, name: str, prefix: str, parent: MountedApp | MountView | None, outer_app: AppView
    ) -> None:
        self.app: AppView | None = app
        self.name: str = name
        self.prefix: str = prefix
        self.parent: MountedApp | MountView | None = parent
        self.outer_app: AppView = outer_app

    @property
    def full_name(self) -> str:
        """The names of all mounts on the way, with dots between them."""
        return self.name if self.parent is None else f"{self.parent.full_name}.{self.name}"


def way_into(mount: Mount, outer_app: AppView, convert: Convert) -> Dispatch:
    """Return what hands a request to a mounted application, and counts it; it raises no `Exception`.

    Args:
        mount: the mount.
        outer_app: the application that it stands in.
        convert: makes the response of what an application of another framework raises.
    """
    if mount.app is None:
        return _into_foreign(mount, outer_app, convert)
    inside = _into_app(mount.app, mount, outer_app)
    counter = mount.counter

    async def enter(request: Request) -> Response:
        counter.begun += 1
        response = await inside(request)
        _count_answer(counter, request, response)
        return response

    return enter


def _count_answer(counter: MountCounter, request: Request, response: Response) -> None:
    """Count what was answered, and when it ends: a complete one has ended for its mount."""
    counter.note_answer(response.status_code)
    if type(response.body) is bytes:
        counter.ended += 1
    else:
        request.on_end(counter.end)


def _into_app(app: MountableApp, mount: Mount, outer_app: AppView) -> Dispatch:
    prefix, length = mount.prefix, len(mount.prefix)

    def enter(request: Request) -> Awaitable[Response]:
        request.mount = MountedApp(app, mount.name, request.mount_prefix + prefix, request.mount, outer_app)
        request.route_path = request.route_path[length:] or "/"
        request.path_params = {}
        outer_keeper = request.session_keeper
        if outer_keeper is None:
            outer_keeper = request.session_keeper = _keeper_of(outer_app)
        inner_keeper = _keeper_of(app)
        if inner_keeper is None or inner_keeper.keeps_same_session(outer_keeper):
            return app.dispatch(request)
        return _dispatch_with_own_session(app, request, inner_keeper)

    return enter


def _into_foreign(mount: Mount, outer_app: AppView, convert: Convert) -> Dispatch:
    prefix, length = mount.prefix, len(mount.prefix)
    dispatch = cast("ForeignMount", mount.adapter).dispatch
    counter = mount.counter
    directly = MountedApp(None, mount.name, prefix, None, outer_app)

    async def enter(request: Request) -> Response:
        counter.begun += 1
        outer = request.mount
        request.mount = (
            directly if outer is None else MountedApp(None, mount.name, outer.prefix + prefix, outer, outer_app)
        )
        # What was asked for is the prefix and this, to the letter: whether an empty path is one with a slash, or is
        # redirected to it, the application decides.
        request.route_path = request.route_path[length:]
        request.path_params = {}
        # The frame that converts an exception holds no response, so there is no cycle.
        try:
            response = await dispatch(request)
            if response.exchange is not request.exchange:
                response = response.owned_by(request.exchange)
            if type(response.body) is bytes and response.status_code < _FIRST_SERVER_ERROR:
                # The usual answer: it is complete, and nobody waits for its end.
                counter.ended += 1
                return response
            if not is_finished(response):
                response = await start_stream(request, response)
        except Exception as error:
            return await _counted(counter, request, convert(request, error))
        _count_answer(counter, request, response)
        return response

    return enter


async def _counted(counter: MountCounter, request: Request, answer: Awaitable[Response]) -> Response:
    response = await answer
    _count_answer(counter, request, response)
    return response


def _keeper_of(app: AppView) -> SessionKeeper | None:
    return cast("SessionKeeper | None", app.extensions.get("sessions"))


async def _dispatch_with_own_session(app: MountableApp, request: Request, keeper: SessionKeeper) -> Response:
    """Hand the request on with the session of the mounted application; layers around it see their own again."""
    outer_keeper, outer_session = request.session_keeper, request.opened_session
    request.session_keeper, request.opened_session = keeper, None
    try:
        return await app.dispatch(request)
    finally:
        request.session_keeper, request.opened_session = outer_keeper, outer_session


@dataclass(frozen=True, slots=True)
class _Running:
    """The key of an ASGI application that runs on a loop; such an object may have no hash of its own."""

    application_id: int


@asynccontextmanager
async def foreign_lifespan(adapter: ForeignMount, loop_state: LoopState) -> AsyncIterator[None]:
    """Start an application of another framework, once on each loop however often it is mounted.

    An adapter keeps what it has started under itself in `LoopState.values`; the state of an ASGI application is the
    same in all its mounts.
    """
    values = loop_state.values
    key = _Running(id(adapter.application))
    running = values.get(key) if adapter.kind == "asgi" else None
    if running is not None:
        if running is not adapter and running in values:
            values[adapter] = values[running]
        yield
        return
    values[key] = adapter
    async with adapter.lifespan(loop_state):
        yield

"""Applications inside applications: where one is mounted, and how a request gets into it.

A mounted application keeps its own settings, errors, layers and lifespan. The layers of the application around it
stand around it too, in the same task. The request is the same object all the way; what changes is `request.app`,
`request.mount` and `request.route_path`, which is what the routes of the mounted application are matched against.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol, cast

from costrel.messages import AppView, MountView, Request, Response, SessionKeeper

__all__ = ["Mount", "MountableApp", "MountedApp"]


class MountableApp(AppView, Protocol):
    """What can be mounted: another `App`."""

    def dispatch(self, request: Request) -> Awaitable[Response]:
        """Answer one request."""
        ...


@dataclass(frozen=True, slots=True)
class Mount:
    """A mount as it was written: `app.mount(path, child, name=…)`."""

    path: str
    app: MountableApp
    name: str
    where: str


class MountedApp:
    """A mount on the way of one request: the prefix from the outermost application, and the mounts passed before."""

    __slots__ = ("app", "name", "outer_app", "parent", "prefix")

    def __init__(
        self, app: AppView, name: str, prefix: str, parent: MountedApp | MountView | None, outer_app: AppView
    ) -> None:
        self.app: AppView = app
        self.name: str = name
        self.prefix: str = prefix
        self.parent: MountedApp | MountView | None = parent
        self.outer_app: AppView = outer_app


def enter_mount(mount: Mount, outer_app: AppView, request: Request) -> Awaitable[Response]:
    """Hand the request to the mounted application; `request.path` stays whole."""
    prefix = mount.path.rstrip("/")
    whole = request.mount_prefix + prefix
    request.mount = MountedApp(mount.app, mount.name, whole, request.mount, outer_app)
    request.route_path = request.route_path[len(prefix) :] or "/"
    request.path_params = {}
    outer_keeper = request.session_keeper
    if outer_keeper is None:
        outer_keeper = request.session_keeper = _keeper_of(outer_app)
    inner_keeper = _keeper_of(mount.app)
    if inner_keeper is None or inner_keeper.keeps_same_session(outer_keeper):
        return mount.app.dispatch(request)
    return _dispatch_with_own_session(mount.app, request, inner_keeper)


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

"""What stands in and around an application: others under a path, blueprints of one host, middleware of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, cast

from costrel.app.blueprint import Blueprint, Group
from costrel.app.registration import AnyLayer, caller_where
from costrel.errors import ConfigurationError, Mistake

if TYPE_CHECKING:
    from costrel.app.foreign import ForeignMount
    from costrel.app.mounting import Mount, MountableApp
    from costrel.messages import TextAs, TrailingSlash
    from costrel.mounts import ASGIWrapping

__all__ = ["Composition"]

P = ParamSpec("P")


class Composition(Group):
    """The verbs that put applications together; `App` inherits them."""

    def __init__(
        self, *, use: Sequence[AnyLayer], text_as: TextAs | None, trailing_slash: TrailingSlash | None
    ) -> None:
        super().__init__(use=use, text_as=text_as, trailing_slash=trailing_slash)
        self._mounts: list[Mount] = []
        self._wrappings: list[ASGIWrapping] = []

    def mount(
        self,
        path: str,
        application: MountableApp | Callable[..., object] | ForeignMount,
        /,
        *,
        name: str | None = None,
        host: str | None = None,
        fallback: bool = False,
        mode: Literal["trampoline", "task"] | None = None,
        threads: int | None = None,
        lifespan: bool = True,
    ) -> None:
        """Answer everything under `path` with another application, whose lifespan joins this one's.

        It may be an `App`, or an ASGI 3 or WSGI application of any framework, as it is. Layers stand around it as
        around a route; hooks and error handlers of this application do not, but what an application of another
        framework raises becomes a response here. A route of this application that matches comes first.

        **A fallback** answers what nothing else answers, so that routes move over one by one:

        - a path that no route and no other mount matches, and a method that no route of the path has;
        - not ``OPTIONS`` of a path that has a route here: that answer stays automatic. ``HEAD`` follows ``GET``;
        - not what a handler here has answered with a 404, and not what it passed on with `Pass`;
        - a path where a route here would only redirect to the other spelling of its final slash.

        Args:
            path: a prefix, without parameters; ``/`` is everything.
            application: an `App`, a callable of ASGI 3 or WSGI, or an `ASGIMount` or `WSGIMount` where it cannot be
                told from its parameters which of the two it is.
            name: before the names of its routes in `url_for`, and in reports; no dot in it. The last part of `path`
                unless given, and for ``/`` the name of the `App`, the function or the class.
            host: answer only for this host, which may have parameters: ``{tenant}.example.com``. All of the host is
                the mount's then: routes of this application that have no host come after it, unless it is a fallback.
            fallback: whether it answers what nothing else does; one for each host.
            mode: how an ASGI application is driven: ``trampoline``, in the request's own task, unless given, or
                ``task``, in a task of its own.
            threads: how many threads a WSGI application may occupy; as many as there are unless given.
            lifespan: whether an ASGI application is started and stopped with this one.

        Raises:
            ConfigurationError: it cannot be told what it is (COS-MOUNT-001), an option is not for it (COS-MOUNT-002),
                it contains this application, or this application was built.
            ValueError: a name with a dot.
        """
        self.check_open("mount")
        where = caller_where()
        composed: object = application
        inner = cast("MountableApp", composed) if isinstance(composed, Composition) else None
        if inner is not None and self._is_within(composed):
            raise ConfigurationError(
                Mistake(
                    "COS-APP-039",
                    f"`{inner.name}` cannot be mounted at `{path}`, because it would contain itself.",
                    where=where,
                    why="A request would go round for ever.",
                    fix="Make a second `App`, or register a blueprint with both.",
                )
            )
        from costrel.app.mounting import make_mount

        mount = make_mount(
            path,
            application,
            inner,
            name=name,
            host=host,
            is_fallback=fallback,
            mode=mode,
            threads=threads,
            joins_lifespan=lifespan,
            where=where,
        )
        self._mounts.append(mount)

    def _is_within(self, other: object) -> bool:
        """Whether this is another application, or mounted in it."""
        return isinstance(other, Composition) and (other is self or other.mounts_within(self))

    def mounts_within(self, other: Composition) -> bool:
        """Whether another application is mounted in this one, at any depth."""
        inner: list[object] = [mount.app for mount in self._mounts]
        return any(isinstance(app, Composition) and (app is other or app.mounts_within(other)) for app in inner)

    @property
    def mounts(self) -> Mapping[str, Mount]:
        """The mounted applications by name."""
        return {mount.name: mount for mount in self._mounts}

    def host(
        self, pattern: str, blueprint: Blueprint, /, *, prefix: str | None = None, name: str | None = None
    ) -> None:
        """Register a blueprint for one host, for example ``api.example.com`` or ``{tenant}.example.com``."""
        self.check_open("host")
        self._register(blueprint, prefix, name, pattern)

    def wrap_asgi(
        self, middleware: Callable[Concatenate[Any, P], object], /, *args: P.args, **options: P.kwargs
    ) -> None:
        """Put pure ASGI middleware of others around everything, for HTTP and WebSocket, on every transport.

        It stands outside all layers, those of extensions too, and outside the match: a path that it writes into the
        scope is the one that is matched. The last call is the outermost. It is made once, by the build. What it
        changes in the scope, the request has; what else it puts there, a user or a session, handlers find in
        ``request.state.asgi_scope``. An exception that became a 500 is raised into it when that response was sent, so
        that it can be reported. Cookies of our sessions are added outside of it.

        It sees requests and handshakes, no lifespan: start and stop are the application's.

        Args:
            middleware: its class, or what else makes it of an ASGI application.
            args: further arguments for it.
            options: further arguments by name.

        Raises:
            ConfigurationError: the application was built. What cannot be made is reported by the build
                (COS-MOUNT-009).
        """
        from costrel.app.wrapping import make_wrapping

        self.check_open("wrap_asgi")
        self._wrappings.append(make_wrapping(middleware, args, options, caller_where()))

    @property
    def middleware_names(self) -> list[str]:
        """What `wrap_asgi` has put around the application, outermost first."""
        return [wrapping.name for wrapping in reversed(self._wrappings)]

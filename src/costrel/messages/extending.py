"""What an extension is, and what it may do to an application.

An `Extension` is an object with a name and an `install` method. It gets the application as an `AppSetup`: the public
verbs of registration, the same for our own batteries and everybody else's. The extension points are five: a layer, a
provider, a responder (a type and what makes a response of it), an extension, and events with the lifecycle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, Unpack, runtime_checkable

from costrel.messages.dispatch import BindableLayer, Layer
from costrel.messages.response import Response
from costrel.messages.route_options import RouteOptions
from costrel.messages.schedule_options import ScheduleOptions
from costrel.messages.views import AppView

__all__ = ["AppSetup", "Extension", "Responder"]

Responder = Callable[[Any], Response]
"""Makes a response of a value; registered for the value's type with `App.responder`."""


class AppSetup(AppView, Protocol):
    """An application that is being put together, as an extension sees it; `App` is one."""

    @property
    def root_folder(self) -> Path:
        """The folder of the module that made the application; relative folders are below it."""
        ...

    def blueprint_folders(self, attribute: str) -> list[tuple[str, Path]]:
        """Return the URL prefix and the folder of each blueprint that has one.

        Args:
            attribute: ``template_folder`` or ``static_folder``.
        """
        ...

    def context_of(self, blueprint: str) -> Mapping[str, object]:
        """Return what the context processors of the app and of a blueprint add to a template's context."""
        ...

    def add_layer(self, layer: Layer | BindableLayer, /) -> None:
        """Put a layer around every route, outside those of ``use=``; the last added is the outermost."""
        ...

    def add_route(
        self,
        path: str,
        handler: Callable[..., object],
        /,
        *,
        methods: Iterable[str] = ("GET",),
        **options: Unpack[RouteOptions],
    ) -> None:
        """Register a route; the options are those of `App.route`."""
        ...

    def provide(self, type_: type, factory: Callable[..., object], *, lifetime: Any = None) -> None:
        """Make values of a type for handler parameters; see `App.provide`."""
        ...

    def responder(self, type_: type, make: Responder) -> None:
        """Make responses of values of `type_` with `make`."""
        ...

    def errorhandler(self, key: int | type[Exception], /) -> Callable[[Any], Any]:
        """Answer a status or an exception class, and what derives from it, with the decorated function."""
        ...

    def on(self, event: str, listener: Callable[[Mapping[str, object]], Any], /) -> None:
        """Listen to an event."""
        ...

    def declare_event(self, event: str) -> None:
        """Add an event of its own, with a namespace in its name."""
        ...

    def every(self, interval: float | str, /, **options: Unpack[ScheduleOptions]) -> Callable[[Any], Any]:
        """Run the decorated function every so often while the application serves; see `App.every`."""
        ...

    def cron(self, line: str, /, *, timezone: str = "UTC", **options: Unpack[ScheduleOptions]) -> Callable[[Any], Any]:
        """Run the decorated function at the times of a line of crontab; see `App.cron`."""
        ...

    def on_start(self, function: Any) -> Any:
        """Call a function at start."""
        ...

    def on_stop(self, function: Any) -> Any:
        """Call a function at stop."""
        ...


@runtime_checkable
class Extension(Protocol):
    """Something that adds a capability to an application."""

    @property
    def name(self) -> str:
        """Its key in `App.extensions`; two extensions of one name are a mistake."""
        ...

    @property
    def requires(self) -> tuple[str, ...]:
        """Names of extensions that must be installed too, each optionally with a version: ``sessions>=0.1``."""
        ...

    def install(self, app: AppSetup) -> None:
        """Register what it adds; called once, before the build."""
        ...

"""Serving an application of another framework: it becomes the only, fallback mount of a bare `App`.

So it has the server's limits, the same stop, the same events and the same log. The `App` around it has no extensions,
no routes and no layers, and nothing of it shows in an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard

from costrel.app import App, Mount, is_foreign

__all__ = ["carried_by", "describe_carried", "is_foreign_application", "wrap_foreign"]


def is_foreign_application(value: object) -> TypeGuard[Callable[..., object]]:
    """Whether a value can be served although it is no `App`."""
    return not isinstance(value, App) and is_foreign(value)


def wrap_foreign(application: Any, name: str) -> App:  # whatever another framework has made
    """Return an `App` that hands everything to an application of another framework.

    Args:
        application: an ASGI 3 or WSGI callable, or one of the adapters of `costrel.mounts`.
        name: of the module that it was found in, for reports.
    """
    app = App(name, extensions=())
    app.mount("/", application, fallback=True)
    return app


def carried_by(app: App) -> Mount | None:
    """Return the mount to which an `App` hands everything, `None` when it does something itself."""
    mounts = list(app.mounts.values())
    if len(mounts) != 1 or app.endpoints or mounts[0].app is not None or not mounts[0].is_fallback:
        return None
    return mounts[0]


def describe_carried(app: App, mount: Mount) -> str:
    """Return the beginning of a sentence about an application of another framework."""
    return f"{app.name}: {mount.application_label}, {'an ASGI' if mount.kind == 'asgi' else 'a WSGI'} application"

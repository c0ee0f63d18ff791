"""The whole of a built application as plain values, for tools, tests and people.

What routes take and answer is in `EndpointInfo`, which is included; this adds what stands around them. Nothing secret
is in it: no settings, no values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from costrel.app.mounting import Mount
from costrel.app.scopes import Scope
from costrel.handling import HookSpec

__all__ = ["describe"]


def describe(app: Any) -> dict[str, object]:  # an App; typed so because App itself stands above this module
    """Describe an application; see `App.describe`."""
    frozen = app.frozen
    root = frozen.blueprints[""]
    return {
        "name": app.name,
        "routes": [endpoint.to_dict() for endpoint in frozen.endpoints],
        "middleware": app.middleware_names,
        "layers": [_name(layer) for layer in frozen.layers],
        **_scope(root),
        "blueprints": [
            {"name": scope.name, "prefix": scope.prefix, "host": scope.host, "where": scope.where, **_scope(scope)}
            for scope in frozen.blueprints.values()
            if scope is not root
        ],
        "extensions": [
            {"name": name, "class": _name(type(extension)), "requires": list(extension.requires)}
            for name, extension in app.extensions.items()
        ],
        "mounts": [_mount(mount) for mount in app.mounts.values()],
        "events": {event: [_name(listener) for listener in found] for event, found in app.events.listeners.items()},
        "lifecycle": app.lifecycle_names,
        "schedule": [
            {"name": job.name, "when": str(job.timing), "once": job.once, "where": job.where}
            for job in app.scheduled.values()
        ],
    }


def _scope(scope: Scope) -> dict[str, object]:
    """Describe what is registered on one app or blueprint itself."""
    recorded = scope.group.recorded
    return {
        "use": [_name(layer) for layer in scope.group.layers],
        "before_request": _hooks(recorded.before),
        "after_request": _hooks(recorded.after),
        "teardown_request": _hooks(recorded.teardown),
        "error_handlers": [
            {
                "for": handler.key if isinstance(handler.key, int) else _name(handler.key),
                "handler": _name(handler.function),
            }
            for handler in recorded.error_handlers
        ],
        "providers": [
            {"type": _name(provider.type), "factory": _name(provider.factory), "lifetime": provider.lifetime}
            for provider in recorded.providers
        ],
        "context_processors": _names(recorded.context_processors),
    }


def _mount(mount: Mount) -> dict[str, object]:
    """Describe a mount; of an application of another framework only its class or function is known."""
    told: dict[str, object] = {
        "path": mount.path,
        "name": mount.name,
        "where": mount.where,
        "host": mount.host,
        "fallback": mount.is_fallback,
        "kind": mount.kind,
        "mode": mount.mode,
        "application": mount.application_label,
    }
    return told if mount.app is None else {**told, "app": describe(mount.app)}


def _hooks(hooks: Iterable[HookSpec]) -> list[dict[str, str]]:
    return [{"handler": _name(hook.function), "where": hook.where} for hook in hooks]


def _names(functions: Iterable[Callable[..., object]]) -> list[str]:
    return [_name(function) for function in functions]


def _name(subject: object) -> str:
    """Return module and name of a function or class, or of the class of an object."""
    if not hasattr(subject, "__qualname__"):
        subject = type(subject) if not isinstance(getattr(subject, "__origin__", None), type) else str(subject)
    if isinstance(subject, str):
        return subject
    return f"{getattr(subject, '__module__', '')}.{getattr(subject, '__qualname__', subject)}"

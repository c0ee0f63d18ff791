"""The application: what users make, how it is put together, and what stands for the current request.

Read `registration` for the verbs, `application` for what a request goes through, `build` for how one becomes the other.
The parts it assembles are rooms of the floors below. Users import from this room too, so it is a door like the front
door: what registering does not need comes when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from costrel.app.application import App
from costrel.app.blueprint import Blueprint
from costrel.app.events import EVENTS, EventHub
from costrel.app.execution_view import ExecutionView
from costrel.app.extensions import DEFAULT_EXTENSIONS
from costrel.app.request_globals import Globals
from costrel.app.resource import Resource

if TYPE_CHECKING:
    from costrel.app.context import current_app, g, has_request_context, request, session, websocket
    from costrel.app.conversion import problem_response
    from costrel.app.foreign import is_foreign
    from costrel.app.frozen import FrozenApp
    from costrel.app.mount_stats import MountStats
    from costrel.app.mounting import Mount
    from costrel.app.shortcuts import abort, after_response, redirect, safe_next, url_for
    from costrel.app.user_settings import Secret, Settings, read_env_file
    from costrel.handling import EndpointInfo, Provider
    from costrel.messages import AppSettings, AppSetup, Extension, Responder, RouteOptions, State

__all__ = [
    "DEFAULT_EXTENSIONS",
    "EVENTS",
    "App",
    "AppSettings",
    "AppSetup",
    "Blueprint",
    "EndpointInfo",
    "EventHub",
    "ExecutionView",
    "Extension",
    "FrozenApp",
    "Globals",
    "Mount",
    "MountStats",
    "Provider",
    "Resource",
    "Responder",
    "RouteOptions",
    "Secret",
    "Settings",
    "State",
    "abort",
    "after_response",
    "current_app",
    "g",
    "has_request_context",
    "is_foreign",
    "problem_response",
    "read_env_file",
    "redirect",
    "request",
    "safe_next",
    "session",
    "url_for",
    "websocket",
]

_HOMES = {
    "costrel.app.context": ("current_app", "g", "has_request_context", "request", "session", "websocket"),
    "costrel.app.conversion": ("problem_response",),
    "costrel.app.foreign": ("is_foreign",),
    "costrel.app.frozen": ("FrozenApp",),
    "costrel.app.mount_stats": ("MountStats",),
    "costrel.app.mounting": ("Mount",),
    "costrel.app.shortcuts": ("abort", "after_response", "redirect", "safe_next", "url_for"),
    "costrel.app.user_settings": ("Secret", "Settings", "read_env_file"),
    "costrel.handling": ("EndpointInfo", "Provider"),
    "costrel.messages": ("AppSettings", "AppSetup", "Extension", "Responder", "RouteOptions", "State"),
}
_LATER = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a name that registering routes does not need when it is first asked for."""
    home = _LATER.get(name)
    if home is None:
        raise AttributeError(f"module 'costrel.app' has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value

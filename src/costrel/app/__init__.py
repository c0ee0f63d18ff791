"""The application: what users make, how it is put together, and what stands for the current request.

Read `registration` for the verbs, `application` for what a request goes through, `build` for how one becomes the other.
The parts it assembles are rooms of the floors below.
"""

from __future__ import annotations

from costrel.app.application import App
from costrel.app.blueprint import Blueprint
from costrel.app.context import Globals, current_app, g, has_request_context, request, session, websocket
from costrel.app.conversion import problem_response
from costrel.app.events import EVENTS, EventHub
from costrel.app.execution_view import ExecutionView
from costrel.app.extensions import DEFAULT_EXTENSIONS
from costrel.app.frozen import FrozenApp
from costrel.app.mounting import Mount
from costrel.app.resource import Resource
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
    "problem_response",
    "read_env_file",
    "redirect",
    "request",
    "safe_next",
    "session",
    "url_for",
    "websocket",
]

"""Other servers: `costrel run --server uvicorn`, `hypercorn` or `granian` serve the application through ASGI.

They bring HTTP/2 and TLS. Where to listen, the access log and the times that they have too are passed on; the limits of
our own server are not theirs, and who sets one is told so.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import importlib.util
import os
from collections.abc import Callable, Mapping
from typing import Any

from costrel.app import App
from costrel.cli.plan import ServePlan
from costrel.cli.serving import load_for
from costrel.server import START_FAILED, ServerSettings

__all__ = ["ENGINES", "ignored_settings", "is_installed", "run_engine"]

_COMMON = frozenset({"host", "port", "backlog", "access_log"})
_TIMES = frozenset({"keep_alive_timeout_seconds", "graceful_timeout_seconds"})
_PASSED_ON: Mapping[str, frozenset[str]] = {
    "uvicorn": _COMMON | _TIMES | {"uds", "fd"},
    "hypercorn": _COMMON | _TIMES | {"uds", "fd"},
    "granian": _COMMON,
}
_GRANIAN_PLAN = "COSTREL_GRANIAN_PLAN"


def is_installed(name: str) -> bool:
    """Whether the engine's package can be imported."""
    return importlib.util.find_spec(name) is not None


def ignored_settings(engine: str, settings: ServerSettings) -> list[str]:
    """Return the names of the settings that differ from their defaults and mean nothing to an engine."""
    plain = ServerSettings()
    names = [field.name for field in dataclasses.fields(settings) if field.name not in _PASSED_ON[engine]]
    return [name for name in names if getattr(settings, name) != getattr(plain, name)]


def run_engine(name: str, app: App, plan: ServePlan) -> int:
    """Serve a built application with another server until it is stopped; return the exit code."""
    try:
        return ENGINES[name](app, plan)
    except KeyboardInterrupt:  # Ctrl+C is how one stops it, and the engine has stopped in order before it says so
        return 0


def _run_uvicorn(app: App, plan: ServePlan) -> int:
    settings = plan.settings
    uvicorn = importlib.import_module("uvicorn")
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        uds=settings.uds,
        fd=settings.fd,
        backlog=settings.backlog,
        access_log=settings.access_log,
        timeout_keep_alive=int(settings.keep_alive_timeout_seconds),
        timeout_graceful_shutdown=int(settings.graceful_timeout_seconds),
        interface="asgi3",
        lifespan="on",
        proxy_headers=False,  # who is believed says `AppSettings.trusted_proxies`
        server_header=False,
    )
    server = uvicorn.Server(config)
    server.run()
    return 0 if server.started else START_FAILED


def _run_hypercorn(app: App, plan: ServePlan) -> int:
    settings = plan.settings
    config: Any = importlib.import_module("hypercorn.config").Config()
    if settings.uds is not None:
        config.bind = [f"unix:{settings.uds}"]
    elif settings.fd is not None:
        config.bind = [f"fd://{settings.fd}"]
    else:
        config.bind = [
            f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"
        ]
    config.backlog = settings.backlog
    config.accesslog = "-" if settings.access_log else None
    config.errorlog = "-"
    config.keep_alive_timeout = settings.keep_alive_timeout_seconds
    config.graceful_timeout = settings.graceful_timeout_seconds
    config.include_server_header = False
    serve: Callable[..., Any] = importlib.import_module("hypercorn.asyncio").serve
    asyncio.run(serve(app, config))
    return 0


def _run_granian(_app: App, plan: ServePlan) -> int:
    """Granian imports the application itself, in a process of its own."""
    settings = plan.settings
    os.environ[_GRANIAN_PLAN] = plan.to_json()
    granian: Any = importlib.import_module("granian").Granian
    granian(
        f"{__name__}:granian_app",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface="asgi",
        backlog=settings.backlog,
        log_access=settings.access_log,
    ).serve()
    return 0


def granian_app() -> App:
    """Import the application in a process of granian's."""
    return load_for(ServePlan.from_json(os.environ[_GRANIAN_PLAN]))


ENGINES: Mapping[str, Callable[[App, ServePlan], int]] = {
    "uvicorn": _run_uvicorn,
    "hypercorn": _run_hypercorn,
    "granian": _run_granian,
}
"""What runs each engine."""

"""Other servers: `costrel run --server uvicorn`, `hypercorn` or `granian` serve the application through ASGI.

They bring what our own server does not speak: hypercorn and granian HTTP/2, hypercorn HTTP/3 too. The command and its
flags stay the same. Each flag that a server has a word for is passed on in that word; who sets one that it cannot
honour is told so, in one sentence.

With several workers a server imports the application itself, in processes of its own; granian always does.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import importlib.util
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costrel.app import App
from costrel.cli.plan import ServePlan
from costrel.cli.serving import load_for
from costrel.server import START_FAILED, ServerSettings

__all__ = ["ENGINES", "Engine", "engine_app", "ignored_settings", "is_installed", "run_engine"]

_PLAN_VARIABLE = "COSTREL_ENGINE_PLAN"
_TARGET = f"{__name__}:engine_app"


@dataclass(frozen=True)
class Engine:
    """Another server.

    Args:
        words: its names for our settings; those that need more than another name are `special`.
        special: settings that it honours in a way of its own.
        run: serves a built application until it is stopped and returns the exit code.
    """

    words: Mapping[str, str]
    special: frozenset[str]
    run: Callable[[Engine, App, ServePlan], int]

    def options(self, settings: ServerSettings) -> dict[str, Any]:
        """Return the settings in its words."""
        return {word: getattr(settings, name) for name, word in self.words.items()}


def is_installed(name: str) -> bool:
    """Whether the engine's package can be imported."""
    return importlib.util.find_spec(name) is not None


def ignored_settings(name: str, settings: ServerSettings) -> list[str]:
    """Return the names of the settings that differ from their defaults and mean nothing to an engine."""
    engine, plain = ENGINES[name], ServerSettings()
    names = [field.name for field in dataclasses.fields(settings)]
    unknown = [each for each in names if each not in engine.words and each not in engine.special]
    return [each for each in unknown if getattr(settings, each) != getattr(plain, each)]


def run_engine(name: str, app: App, plan: ServePlan) -> int:
    """Serve a built application with another server until it is stopped; return the exit code."""
    engine = ENGINES[name]
    os.environ[_PLAN_VARIABLE] = plan.to_json()
    try:
        return engine.run(engine, app, plan)
    except KeyboardInterrupt:  # Ctrl+C is how one stops it, and the engine has stopped in order before it says so
        return 0


def engine_app() -> App:
    """Import the application in a process of an engine's."""
    return load_for(ServePlan.from_json(os.environ[_PLAN_VARIABLE]))


def _run_uvicorn(engine: Engine, app: App, plan: ServePlan) -> int:
    settings = plan.settings
    uvicorn = importlib.import_module("uvicorn")
    options = {
        **engine.options(settings),
        "limit_max_requests": settings.max_requests or None,
        "ws_per_message_deflate": settings.ws_compression == "deflate",
        "interface": "asgi3",
        "lifespan": "on",
        "proxy_headers": False,  # who is believed says `AppSettings.trusted_proxies`
        "server_header": False,
    }
    if settings.workers > 1:
        uvicorn.run(_TARGET, factory=True, **options)
        return 0
    server = uvicorn.Server(uvicorn.Config(app, **options))
    server.run()
    return 0 if server.started else START_FAILED


def _run_hypercorn(engine: Engine, app: App, plan: ServePlan) -> int:
    settings = plan.settings
    config: Any = importlib.import_module("hypercorn.config").Config()
    for name, value in engine.options(settings).items():
        setattr(config, name, value)
    config.bind = [_hypercorn_address(settings)]
    config.accesslog = "-" if settings.access_log else None
    config.errorlog = "-"
    config.include_server_header = False
    config.max_requests = settings.max_requests or None
    if settings.tls_certificate_path is not None:
        config.keyfile = settings.tls_key_path or settings.tls_certificate_path
    if settings.workers > 1:
        config.application_path = f"{_TARGET}()"
        exit_code: int = importlib.import_module("hypercorn.run").run(config)
        return exit_code
    serve: Callable[..., Any] = importlib.import_module("hypercorn.asyncio").serve
    asyncio.run(serve(app, config))
    return 0


def _hypercorn_address(settings: ServerSettings) -> str:
    if settings.uds is not None:
        return f"unix:{settings.uds}"
    if settings.fd is not None:
        return f"fd://{settings.fd}"
    return f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"


def _run_granian(engine: Engine, _app: App, plan: ServePlan) -> int:
    settings = plan.settings
    options = engine.options(settings)
    if settings.uds is not None:
        options["uds"] = Path(settings.uds)
    if settings.tls_certificate_path is not None:
        options["ssl_cert"] = Path(settings.tls_certificate_path)
        options["ssl_key"] = Path(settings.tls_key_path or settings.tls_certificate_path)
    http = importlib.import_module("granian.http")
    granian: Any = importlib.import_module("granian").Granian
    granian(
        _TARGET,
        factory=True,
        interface="asgi",
        workers_kill_timeout=max(int(settings.graceful_timeout_seconds), 1),
        http1_settings=http.HTTP1Settings(header_read_timeout=int(settings.header_timeout_seconds * 1000)),
        **options,
    ).serve()
    return 0


ENGINES: Mapping[str, Engine] = {
    "uvicorn": Engine(
        words={
            "host": "host",
            "port": "port",
            "uds": "uds",
            "fd": "fd",
            "workers": "workers",
            "backlog": "backlog",
            "access_log": "access_log",
            "keep_alive_timeout_seconds": "timeout_keep_alive",
            "graceful_timeout_seconds": "timeout_graceful_shutdown",
            "max_requests_jitter": "limit_max_requests_jitter",
            "tls_certificate_path": "ssl_certfile",
            "tls_key_path": "ssl_keyfile",
            "tls_key_password": "ssl_keyfile_password",
            "ws_max_message_bytes": "ws_max_size",
            "ws_max_queue_count": "ws_max_queue",
            "ws_ping_interval_seconds": "ws_ping_interval",
            "ws_ping_timeout_seconds": "ws_ping_timeout",
        },
        special=frozenset({"max_requests", "ws_compression"}),
        run=_run_uvicorn,
    ),
    "hypercorn": Engine(
        words={
            "workers": "workers",
            "backlog": "backlog",
            "keep_alive_timeout_seconds": "keep_alive_timeout",
            "graceful_timeout_seconds": "graceful_timeout",
            "max_requests_jitter": "max_requests_jitter",
            "tls_certificate_path": "certfile",
            "tls_key_password": "keyfile_password",
            "tls_handshake_timeout_seconds": "ssl_handshake_timeout",
            "ws_max_message_bytes": "websocket_max_message_size",
            "ws_ping_interval_seconds": "websocket_ping_interval",
        },
        special=frozenset({"host", "port", "uds", "fd", "access_log", "max_requests", "tls_key_path"}),
        run=_run_hypercorn,
    ),
    "granian": Engine(
        words={
            "host": "address",
            "port": "port",
            "workers": "workers",
            "backlog": "backlog",
            "access_log": "log_access",
            "tls_key_password": "ssl_key_password",
        },
        special=frozenset(
            {"uds", "graceful_timeout_seconds", "header_timeout_seconds", "tls_certificate_path", "tls_key_path"}
        ),
        run=_run_granian,
    ),
}
"""The servers by the name of their package."""

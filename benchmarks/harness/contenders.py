"""Who is compared: how each is started, in which environment, and which cases it has.

Each is started as its documentation says for production: one process, no access log, no reload, no debug mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CARRIED", "CONTENDERS", "FLOOR", "LAYERED", "OURS", "Contender"]

Home = Literal["ours", "python", "node"]

_ASYNC = ("text", "json", "typed", "headers", "changing", "not_found")
_ALL = ("text", "json", "typed", "def", "headers", "changing", "not_found")


@dataclass(frozen=True)
class Contender:
    """One that is compared.

    Attributes:
        name: how it is called on the command line and in the results.
        title: how it is called in tables and charts.
        home: whose environment it runs in; ours is the one that runs the benchmark.
        command: what starts it; ``{port}`` is the port, ``{bin}`` the folder of programs of its environment.
        packages: the packages whose versions are told, in the names of the registry.
        cases: what it is asked; `def` only where a plain function runs in a thread.
        asgi_module: the module with its ASGI `app`, empty when it has none.
        validates: whether it looks at what it is sent, which all but the floor must.
    """

    name: str
    title: str
    home: Home
    command: str
    packages: tuple[str, ...]
    cases: tuple[str, ...] = _ASYNC
    asgi_module: str = ""
    validates: bool = True


def on_uvicorn(name: str, title: str, *packages: str, cases: tuple[str, ...] = _ASYNC) -> Contender:
    """Describe an ASGI application on uvicorn with uvloop and httptools."""
    module = f"peers.{name}"
    options = "--loop uvloop --http httptools --no-access-log --log-level warning"
    command = f"{{bin}}/python -m uvicorn {module}:app --port {{port}} {options}"
    uvicorn = ("uvicorn", "uvloop", "httptools")
    return Contender(name, title, "python", command, (*packages, *uvicorn), cases, module)


def on_node(name: str, title: str, *packages: str) -> Contender:
    """Describe an application on Node."""
    return Contender(name, title, "node", f"node {name}.mjs {{port}}", ("node", *packages))


FLOOR = "floor"
OURS = "costrel"

_COSTREL = "{bin}/python -m costrel run peers.costrel:app --port {port} --no-access-log"
_GRANIAN = "{bin}/granian --interface wsgi --workers 1 --port {port} --log-level warning peers.falcon_wsgi:app"
_GUNICORN = "{bin}/gunicorn --worker-class gthread --workers 1 --threads 40 --log-level warning --bind 127.0.0.1:{port}"
_SANIC = "{bin}/sanic peers.sanic:app --port {port} --workers 1 --no-access-logs --no-motd"

CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender(
            FLOOR,
            "floor: uvloop + httptools",
            "ours",
            "{bin}/python -m floor {port}",
            ("uvloop", "httptools"),
            _ALL,
            validates=False,
        ),
        Contender(
            OURS, "Costrel", "ours", _COSTREL, ("costrel", "uvloop", "httptools", "msgspec"), _ALL, "peers.costrel"
        ),
        on_uvicorn("bare_asgi", "bare ASGI function, uvicorn"),
        on_uvicorn("starlette", "Starlette, uvicorn", "starlette", "msgspec", cases=_ALL),
        on_uvicorn("fastapi", "FastAPI, uvicorn", "fastapi", "starlette", "pydantic", cases=_ALL),
        on_uvicorn("litestar", "Litestar, uvicorn", "litestar", "msgspec", cases=_ALL),
        on_uvicorn("blacksheep", "BlackSheep, uvicorn", "blacksheep", "pydantic"),
        on_uvicorn("falcon_asgi", "Falcon ASGI, uvicorn", "falcon", "msgspec"),
        Contender("falcon_wsgi", "Falcon WSGI, granian", "python", _GRANIAN, ("falcon", "granian", "msgspec"), _ALL),
        Contender(
            "flask",
            "Flask, gunicorn gthread",
            "python",
            f"{_GUNICORN} peers.flask:app",
            ("flask", "werkzeug", "gunicorn", "msgspec"),
            _ALL,
        ),
        Contender("sanic", "Sanic", "python", _SANIC, ("sanic", "uvloop", "httptools", "msgspec")),
        Contender(
            "socketify",
            "socketify (C++)",
            "python",
            "{bin}/python -m peers.socketify {port}",
            ("socketify", "msgspec"),
        ),
        on_node("fastify", "Fastify, Node", "fastify"),
        on_node("express", "Express, Node", "express", "ajv"),
        on_node("node_http", "Node http", "ajv"),
    )
}

_MOUNTED = "{bin}/python -m costrel run peers.%s:app --port {port} --no-access-log"
_UVICORN = "{bin}/python -m uvicorn peers.starlette:app --port {port} --loop uvloop --http httptools"
_CARRIED_CASES = ("text", "json", "typed")

CARRIED = {
    contender.name: contender
    for contender in (
        Contender(
            "starlette_mounted",
            "Starlette mounted in Costrel",
            "ours",
            _MOUNTED % "mounted_starlette",
            ("starlette", "costrel", "msgspec"),
            _CARRIED_CASES,
        ),
        Contender(
            "starlette_uvicorn",
            "the same on uvicorn",
            "ours",
            f"{_UVICORN} --no-access-log --log-level warning",
            ("starlette", "uvicorn", "uvloop", "httptools", "msgspec"),
            _CARRIED_CASES,
        ),
        Contender(
            "flask_mounted",
            "Flask mounted in Costrel",
            "ours",
            _MOUNTED % "mounted_flask",
            ("flask", "werkzeug", "costrel", "msgspec"),
            _CARRIED_CASES,
        ),
        Contender(
            "flask_gunicorn",
            "the same on gunicorn gthread",
            "ours",
            f"{_GUNICORN} peers.flask:app",
            ("flask", "werkzeug", "gunicorn", "msgspec"),
            _CARRIED_CASES,
        ),
    )
}
"""Applications of others, mounted in ours and on the servers they would have otherwise."""

LAYERED = {
    contender.name: contender
    for contender in (
        Contender(
            "layered_costrel",
            "Costrel",
            "ours",
            f"{_COSTREL.replace('peers.costrel', 'peers.layered_costrel')}",
            ("costrel",),
        ),
        on_uvicorn("layered_starlette", "Starlette, slowapi, uvicorn", "starlette", "slowapi", "itsdangerous"),
        on_node(
            "layered_fastify",
            "Fastify and its plugins, Node",
            "fastify",
            "@fastify/compress",
            "@fastify/cors",
            "@fastify/rate-limit",
            "@fastify/secure-session",
        ),
    )
}
"""The same stack of layers around the same answer."""

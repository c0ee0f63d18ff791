"""Starlette with middleware of its own: a session, a header of a `BaseHTTPMiddleware`, streams and static files."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

seen: ContextVar[str] = ContextVar("seen", default="nothing")


class Stamp(BaseHTTPMiddleware):
    """Sets a variable before the endpoint and a field after it."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        seen.set(request.headers.get("x-stamp", "none"))
        if request.url.path.endswith("/stopped"):
            return PlainTextResponse("stopped by middleware", 403)
        response = await call_next(request)
        response.headers["x-stamped"] = "yes"
        return response


async def count(request: Request) -> Response:
    """Count the visits of a browser in its session."""
    request.session["visits"] = request.session.get("visits", 0) + 1
    return JSONResponse({"visits": request.session["visits"], "seen": seen.get()})


async def forget(request: Request) -> Response:
    request.session.clear()
    return RedirectResponse(request.url_for("count"), 303)


async def stream(request: Request) -> Response:
    """Send pieces one by one, the last after something was waited for."""

    async def pieces() -> AsyncIterator[str]:
        for number in range(5):
            yield f"piece {number}\n"
            await asyncio.sleep(0.001)

    return StreamingResponse(pieces(), media_type="text/plain", background=BackgroundTask(done, request))


async def done(request: Request) -> None:
    request.app.state.log.append("streamed")


async def digest(request: Request) -> Response:
    """Read the pieces of the body as they come."""
    found = hashlib.sha256()
    async for piece in request.stream():
        found.update(piece)
    return PlainTextResponse(found.hexdigest())


def place(request: Request) -> Response:
    """Say, from a thread, what the application believes of where it is."""
    return JSONResponse(
        {
            "root_path": request.scope["root_path"],
            "path": request.url.path,
            "file": str(request.url_for("static", path="site.css")),
            "host": request.headers["host"],
            "started": request.state.started,
        }
    )


def broken(request: Request) -> Response:
    raise ValueError("broken")


def make_app(folder: Path) -> Starlette:
    """Make the application with a folder of static files."""
    static = folder / "static"
    static.mkdir()
    (static / "site.css").write_text("body { color: black }\n" * 100)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        app.state.log.append("start")
        yield {"started": True}
        app.state.log.append("stop")

    app = Starlette(
        routes=[
            Route("/", count, name="count"),
            Route("/forget", forget, methods=["POST"]),
            Route("/stream", stream),
            Route("/digest", digest, methods=["POST"]),
            Route("/broken", broken),
            Route("/stopped", count),
            Mount("/inner", routes=[Route("/place", place)]),
            Mount("/static", StaticFiles(directory=static), name="static"),
        ],
        middleware=[
            Middleware(GZipMiddleware, minimum_size=1000),
            Middleware(SessionMiddleware, secret_key="a key for the tests alone", session_cookie="visits"),
            Middleware(Stamp),
        ],
        lifespan=lifespan,
    )
    app.state.log = []
    return app

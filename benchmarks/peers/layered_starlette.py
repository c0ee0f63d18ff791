"""Starlette with the layers that its documentation has, and `slowapi` for limits, which it has not."""

from __future__ import annotations

from typing import Any

from slowapi import Limiter
from slowapi.middleware import SlowAPIASGIMiddleware
from slowapi.util import get_remote_address
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from peers.layered_rows import KEY, LIMIT, MINIMUM_BYTES, ORIGIN, ROWS


async def login(request: Request) -> Response:
    """Begin a session."""
    request.session["user_id"] = 42
    return PlainTextResponse("hello")


async def rows(request: Request) -> Response:
    """Answer with 600 bytes of JSON, for whoever has a session."""
    return JSONResponse({"user_id": request.session["user_id"], "rows": ROWS})


app: Any = Starlette(
    routes=[Route("/login", login), Route("/rows", rows)],
    middleware=[
        Middleware(CORSMiddleware, allow_origins=[ORIGIN], allow_credentials=True),
        Middleware(GZipMiddleware, minimum_size=MINIMUM_BYTES, compresslevel=6),
        Middleware(SessionMiddleware, secret_key=KEY),
        Middleware(SlowAPIASGIMiddleware),
    ],
)
app.state.limiter = Limiter(key_func=get_remote_address, default_limits=[LIMIT], headers_enabled=True)

"""Calls an ASGI application as a server would, but without a socket and without a task of its own for each request."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["Application", "Message", "drop", "receive_nothing", "scope_of", "start"]

Message = MutableMapping[str, Any]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


def scope_of(path: str, query_string: bytes = b"") -> Message:
    """Make the scope that uvicorn would make of a GET."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
        "scheme": "http",
        "method": "GET",
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query_string,
        "headers": [(b"host", b"127.0.0.1:8000")],
        "state": {},
    }


async def receive_nothing() -> Message:
    """Say that the request has no body."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def drop(message: Message) -> None:
    """Take what is sent."""


async def start(application: Application) -> asyncio.Task[None]:
    """Let an application start as a server would; the task ends with the process."""
    started = asyncio.get_running_loop().create_future()
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if asked:
            await asyncio.Event().wait()
        asked = True
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        started.set_result(message["type"])

    async def live() -> None:
        await application({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)

    task = asyncio.create_task(live())
    # An application without a lifespan ends or raises, and a server goes on.
    await asyncio.wait([task, started], return_when=asyncio.FIRST_COMPLETED)
    if task.done() and task.exception():
        print(task.exception(), file=sys.stderr)
    return task

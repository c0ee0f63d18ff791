"""python-socketio's ASGI application: a room that answers, tells everybody, and keeps a session for each client."""

from __future__ import annotations

from typing import Any

import socketio


def make_app(log: list[str], prefix: str = "") -> Any:
    """Make the application.

    Args:
        log: who came and went.
        prefix: where it is mounted. Its package compares the whole path and does not take ``root_path`` into account,
            so it must be told, as under any other framework.
    """
    server = socketio.AsyncServer(async_mode="asgi", ping_interval=5, ping_timeout=5)

    @server.event
    async def connect(sid: str, environ: dict[str, Any], auth: Any) -> bool:
        await server.save_session(sid, {"name": (auth or {}).get("name", "nobody")})
        log.append(f"connect {environ['asgi.scope']['type']}")
        return (auth or {}).get("name") != "mallory"

    @server.event
    async def disconnect(sid: str, reason: str) -> None:
        log.append("disconnect")

    @server.event
    async def double(sid: str, number: int) -> int:
        return number * 2

    @server.event
    async def say(sid: str, text: str) -> None:
        session = await server.get_session(sid)
        await server.emit("said", {"name": session["name"], "text": text})

    return socketio.ASGIApp(
        server,
        socketio_path=f"{prefix}/socket.io",
        static_files={f"{prefix}/about.txt": {"content_type": "text/plain", "filename": __file__}},
    )

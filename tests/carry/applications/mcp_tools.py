"""FastMCP over streamable HTTP: its sessions live in a task group that only its lifespan opens."""

from __future__ import annotations

from typing import Any

from fastmcp import Context, FastMCP


def make_server() -> Any:
    """Make a server of two tools; ``http_app()`` is its ASGI application."""
    server: Any = FastMCP("Tools")

    @server.tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool
    async def count(upto: int, context: Context) -> str:
        """Count, and tell about it on the way."""
        for number in range(1, upto + 1):
            await context.report_progress(number, upto)
        return "done"

    return server

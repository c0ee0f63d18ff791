"""The application that Autobahn talks to: it sends every message back as it came.

`make autobahn` serves it with room for the long messages of the suite and with compression, and nothing else changed.
"""

from __future__ import annotations

from costrel import App, WebSocket

app = App("autobahn", extensions=())


@app.websocket("/")
async def echo(socket: WebSocket) -> None:
    """Send back what comes."""
    async for message in socket:
        await socket.send(message)

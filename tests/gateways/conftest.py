"""The other side of the ASGI gateway: a server made of two lists."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from types import SimpleNamespace
from typing import Any

import pytest

Message = MutableMapping[str, Any]


class ScriptedServer:
    """Gives the messages of a script to an application and keeps what it sends.

    Args:
        messages: what `receive` gives; when they are over it waits, as for a client that keeps silent.
    """

    def __init__(self, *messages: Message) -> None:
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        for message in messages:
            self.incoming.put_nowait(message)
        self.sent: list[Message] = []
        self.receive_count = 0
        self.send_error: Exception | None = None

    async def receive(self) -> Message:
        """Give the next message."""
        self.receive_count += 1
        return await self.incoming.get()

    async def send(self, message: Message) -> None:
        """Keep a message, or fail as a server does whose client is gone."""
        await asyncio.sleep(0)
        if self.send_error is not None:
            raise self.send_error
        self.sent.append(message)

    @property
    def types(self) -> list[str]:
        """The types of what was sent."""
        return [message["type"] for message in self.sent]

    @property
    def body(self) -> bytes:
        """The body of the response that was sent."""
        return b"".join(message.get("body", b"") for message in self.sent)


def body_message(body: bytes = b"", *, more: bool = False) -> Message:
    """Make a message with a piece of a body."""
    return {"type": "http.request", "body": body, "more_body": more}


def http_scope(path: str = "/", **fields: Any) -> Message:
    """Make the scope of a request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"a.example")],
        "client": ("192.0.2.1", 1234),
        "server": ("127.0.0.1", 80),
        **fields,
    }


def websocket_scope(path: str = "/", **fields: Any) -> Message:
    """Make the scope of a handshake."""
    scope = http_scope(path, **{"type": "websocket", "scheme": "ws", "subprotocols": [], **fields})
    del scope["method"]
    return scope


@pytest.fixture
def asgi() -> SimpleNamespace:
    """Give the server's side: `Server`, `http`, `websocket` and `body`."""
    return SimpleNamespace(Server=ScriptedServer, http=http_scope, websocket=websocket_scope, body=body_message)

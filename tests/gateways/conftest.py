"""The other side of the ASGI gateway: a server made of two lists."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from io import BytesIO
from types import SimpleNamespace
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from costrel.gateways import WSGIGateway

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


@dataclass
class WSGIAnswer:
    """What a WSGI server was given."""

    status: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def status_code(self) -> int:
        """The number of the status."""
        return int(self.status[:3])

    @property
    def headers(self) -> dict[str, str]:
        """The header fields; of several of one name the last."""
        return dict(self.fields)


class WSGICalls:
    """Calls a WSGI application as a server does, with the checks of the standard library around it."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def environ(self, path: str = "/", method: str = "GET", body: bytes = b"", **more: Any) -> dict[str, Any]:
        """Make an environment; a value of `None` takes a variable away."""
        path, _, query = path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path.encode().decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "a.example",
            "REMOTE_ADDR": "192.0.2.1",
            "wsgi.input": BytesIO(body),
        }
        if body:
            environ["CONTENT_LENGTH"] = str(len(body))
        environ |= more
        setup_testing_defaults(environ)
        return {key: value for key, value in environ.items() if value is not None}

    def open(self, environ: dict[str, Any]) -> tuple[WSGIAnswer, Any]:
        """Call the application and return its answer so far, and what is to be sent."""
        answer = WSGIAnswer()

        def start_response(status: str, fields: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., None]:
            answer.status, answer.fields = status, fields
            return lambda _: None

        return answer, validator(self.app)(environ, start_response)

    def ask(self, path: str = "/", method: str = "GET", body: bytes = b"", **more: Any) -> WSGIAnswer:
        """Send a request and take the whole answer."""
        answer, pieces = self.open(self.environ(path, method, body, **more))
        try:
            answer.body = b"".join(pieces)
        finally:
            pieces.close()
        return answer


@pytest.fixture
def wsgi() -> Iterator[Callable[[Any], WSGICalls]]:
    """Make the server's side of an application, or of a gateway; what runs is stopped at the end."""
    gateways: list[WSGIGateway] = []

    def make(app: Any) -> WSGICalls:
        gateway = app if isinstance(app, WSGIGateway) else WSGIGateway(app)
        gateways.append(gateway)
        return WSGICalls(gateway)

    yield make
    for gateway in gateways:
        gateway.stop()


class ScriptedStream:
    """Keeps the pieces of a streamed response, or fails as a server does whose client is gone."""

    def __init__(self, protocol: ScriptedProtocol) -> None:
        self._protocol = protocol

    async def send_bytes(self, data: bytes) -> None:
        """Keep a piece."""
        await asyncio.sleep(0)
        if self._protocol.is_lost:
            raise RuntimeError("the transport is closed")
        self._protocol.body += data


class ScriptedProtocol:
    """The protocol object of one RSGI request.

    Args:
        pieces: what the body gives, the empty pieces of its end included.
    """

    def __init__(self, *pieces: bytes) -> None:
        self.incoming: asyncio.Queue[bytes | None] = asyncio.Queue()
        for piece in (*pieces, None):
            self.incoming.put_nowait(piece)
        self.gone = asyncio.Event()
        self.is_lost = False
        self.kind = ""
        self.status_code = 0
        self.fields: list[tuple[str, str]] = []
        self.body = b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (piece := await self.incoming.get()) is not None:
            yield piece

    async def client_disconnect(self) -> None:
        """Wait until the client is gone."""
        await self.gone.wait()

    def _begin(self, kind: str, status_code: int, fields: list[tuple[str, str]]) -> None:
        assert not self.kind
        self.kind, self.status_code, self.fields = kind, status_code, fields

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Keep a response without content."""
        self._begin("empty", status, headers)

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Keep a whole response."""
        self._begin("bytes", status, headers)
        self.body = body

    def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> None:
        """Keep the name of a file."""
        self._begin("file", status, headers)
        self.body = file.encode()

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> ScriptedStream:
        """Begin a response in pieces."""
        self._begin("stream", status, headers)
        return ScriptedStream(self)


class ScriptedSocket:
    """The socket of one RSGI handshake, and the handshake.

    Args:
        messages: what the peer sends, `None` for its close; when they are over the connection is lost.
    """

    def __init__(self, *messages: str | bytes | None) -> None:
        self.incoming: list[str | bytes | None] = list(messages)
        self.sent: list[str | bytes] = []
        self.closed_with: list[int | None] = []
        self.is_accepted = False
        self.is_lost = False
        self.waits: asyncio.Event | None = None
        self._is_busy = False

    async def accept(self) -> ScriptedSocket:
        """Accept, unless the client has left."""
        if self.is_lost:
            raise RuntimeError("the transport is closed")
        self.is_accepted = True
        return self

    def close(self, status: int | None = None) -> None:
        """Refuse or close."""
        self.closed_with.append(status)

    async def receive(self) -> SimpleNamespace:
        """Give the next message."""
        if self.waits is not None:
            await self.waits.wait()
        if not self.incoming:
            raise RuntimeError("the transport is closed")
        message = self.incoming.pop(0)
        if message is None:
            return SimpleNamespace(kind=0)
        return SimpleNamespace(kind=1 if isinstance(message, bytes) else 2, data=message)

    async def send_bytes(self, data: bytes) -> None:
        """Send, but not while it sends something else."""
        await self._send(data)

    async def send_str(self, data: str) -> None:
        """Send, but not while it sends something else."""
        await self._send(data)

    async def _send(self, data: str | bytes) -> None:
        if self._is_busy or self.is_lost:
            raise RuntimeError("the transport is closed")
        self._is_busy = True
        await asyncio.sleep(0)
        self._is_busy = False
        self.sent.append(data)


def rsgi_scope(path: str = "/", headers: tuple[tuple[str, str], ...] = (), **fields: Any) -> SimpleNamespace:
    """Make the scope of a request."""
    lines = [("host", "a.example"), *headers]
    values: dict[str, Any] = {
        "proto": "http",
        "http_version": "1.1",
        "server": "127.0.0.1:80",
        "client": "192.0.2.1:1234",
        "scheme": "http",
        "method": "GET",
        "path": path,
        "query_string": "",
        "authority": None,
        **fields,
    }
    return SimpleNamespace(headers=SimpleNamespace(items=lambda: lines), **values)


@pytest.fixture
def rsgi() -> SimpleNamespace:
    """Give the server's side: `Protocol`, `Socket` and `scope`."""
    return SimpleNamespace(Protocol=ScriptedProtocol, Socket=ScriptedSocket, scope=rsgi_scope)

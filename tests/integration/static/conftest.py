"""A server in the place of Vite's: it answers in the ways that matter to whoever stands in front of it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve

from costrel.app import App, AppSettings
from costrel.static import Vite

TOKEN = "kn2Gij_iZV2L"
LARGE_BYTES = 300_000


@dataclass
class DevServer:
    """What listens, and what it was asked.

    Attributes:
        port: where.
        seen: method, target and header fields of each request.
        messages: what its sockets were sent.
        closed: set when a socket was closed.
    """

    port: int = 0
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    messages: list[str | bytes] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    dev_server: DevServer

    def do_GET(self) -> None:
        fields = {name.lower(): value for name, value in self.headers.items()}
        self.dev_server.seen.append((self.command, self.path, fields))
        name = self.path.partition("?")[0].rpartition("/")[2]
        if name == "broken":
            self.wfile.write(b"nonsense\r\n\r\n")
            self.close_connection = True
        elif fields.get("if-none-match") == '"1"':
            self._answer(304, b"", {"ETag": '"1"'})
        elif name == "none.js":
            self._answer(404, b"", {})
        elif name == "large":
            self._answer(200, b"x" * LARGE_BYTES, {"Content-Type": "text/javascript"})
        elif name == "chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        elif name == "short":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"abc")
            self.close_connection = True
        else:
            kept_back = {"Set-Cookie": "a=1", "Keep-Alive": "timeout=5"}
            self._answer(200, b"import 'x'", {"Content-Type": "text/javascript", "ETag": '"1"', **kept_back})

    do_HEAD = do_GET

    def _answer(self, status_code: int, content: bytes, fields: dict[str, str]) -> None:
        self.send_response(status_code)
        for name, value in fields.items():
            self.send_header(name, value)
        if status_code != 304:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def http_server() -> Iterator[DevServer]:
    """Serve files as Vite does."""
    dev_server = DevServer()
    handler = type("Handler", (_Handler,), {"dev_server": dev_server})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        dev_server.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield dev_server
        server.shutdown()
        thread.join()


@pytest.fixture
def socket_server() -> Iterator[DevServer]:
    """Serve Vite's WebSocket: a page has to know the token, and is told what has changed."""
    dev_server = DevServer()

    def talk(connection: ServerConnection) -> None:
        request = connection.request
        assert request is not None
        dev_server.seen.append(("GET", request.path, {name.lower(): value for name, value in request.headers.items()}))
        connection.send('{"type":"connected"}')
        for message in connection:
            dev_server.messages.append(message)
            if message == "close":
                connection.close(4000, "enough")
                break
            connection.send(message)
        dev_server.closed.set()

    def check(connection: ServerConnection, request: Any) -> Any:
        if "Origin" in request.headers and f"token={TOKEN}" not in request.path:
            return connection.respond(400, "no token")
        return None

    with serve(talk, "127.0.0.1", 0, process_request=check, subprotocols=["vite-hmr", "vite-ping"]) as server:
        dev_server.port = server.socket.getsockname()[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield dev_server
        server.shutdown()
        thread.join()


@pytest.fixture
def dead_port() -> Iterator[int]:
    """Hold a port on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def app_before(port: int, *, debug: bool = True) -> App:
    """Make an application whose dev server listens on a port."""
    return App(extensions=[Vite(dev_server=f"http://127.0.0.1:{port}")], settings=AppSettings(debug=debug))


@pytest.fixture
def make_app() -> Any:
    """Give tests the application."""
    return app_before

"""Sending a request of a table over a socket and by the test clients, and what came of it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import h11

TRANSPORT_FIELDS = {"connection", "date", "keep-alive", "server", "transfer-encoding"}
LIMIT_SECONDS = 10.0


@dataclass(frozen=True)
class Sent:
    """A request of a table."""

    method: str
    target: str
    status_code: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    is_chunked: bool = False
    is_cut: bool = False
    is_read: bool = True  # what is left unread is seen as soon as it is there, and not every server says when


@dataclass
class Got:
    """What came of it."""

    status_code: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    is_cut: bool = False
    events: list[object] = field(default_factory=list)


def shown(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave out the fields that belong to the transport."""
    return sorted((name, value) for name, value in headers if name not in TRANSPORT_FIELDS)


def send_raw(port: int, sent: Sent) -> Got:
    """Send a request on a connection of its own and read the answer as h11 understands it."""
    lines = [f"{sent.method} {sent.target} HTTP/1.1", "host: testserver"]
    lines += [f"{name}: {value}" for name, value in sent.headers]
    body = sent.body
    if sent.is_chunked:
        lines.append("transfer-encoding: chunked")
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    elif body or sent.method == "POST":
        lines.append(f"content-length: {len(body)}")
    got = Got()
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=sent.method, target=sent.target, headers=[("host", "testserver")]))
    client.send(h11.EndOfMessage())
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_SECONDS) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        while True:
            try:
                event = client.next_event()
                if event is h11.NEED_DATA:
                    client.receive_data(connection.recv(65_536))
                    continue
            except (ConnectionResetError, h11.RemoteProtocolError):
                event = h11.ConnectionClosed()
            if isinstance(event, h11.Response):
                got.status_code = event.status_code
                got.headers = shown([(name.decode(), value.decode("latin-1")) for name, value in event.headers])
            elif isinstance(event, h11.Data):
                got.body += bytes(event.data)
            else:
                got.is_cut = not isinstance(event, h11.EndOfMessage)
                return got


def options_of(sent: Sent) -> dict[str, Any]:
    """Return what the test clients call it."""
    options: dict[str, Any] = {"headers": list(sent.headers)}
    if sent.is_chunked:
        options["content"] = iter([sent.body])
    elif sent.body or sent.method == "POST":
        options["content"] = sent.body
    return options


def begin(got: Got, response: Any) -> None:
    """Take the head of a test client's response."""
    got.status_code = response.status_code
    got.headers = shown([(name.decode(), value.decode("latin-1")) for name, value in response.headers.raw])


@contextlib.contextmanager
def noting_cuts(got: Got) -> Iterator[None]:
    """Note that a test client has raised what broke a response off."""
    try:
        yield
    except RuntimeError:
        got.is_cut = True

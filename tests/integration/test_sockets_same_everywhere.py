"""The same WebSocket application behaves the same on every transport: ours, foreign servers and the test client.

What a protocol or a server cannot do is in `expected_on`: RSGI has no subprotocol, no header fields for either answer,
no content of a refusal, and no close codes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import websockets
from transports.clients import LIMIT_SECONDS, Sent
from transports.running import NATIVE, SOCKET_SERVERS, TEST_CLIENT, WSGI_TRANSPORTS, Running, running
from websockets.sync.client import connect

from costrel import Disconnect
from costrel.testing import TestClient, WebSocketRefused

pytestmark = pytest.mark.integration
TRANSPORTS = (*SOCKET_SERVERS, TEST_CLIENT)
SHOWN_FIELDS = {"x-layer", "set-cookie", "x-refused", "content-type"}
TELLING_PATHS = ("/echo", "/closes", "/typed")
NO_STATUS_RECEIVED = (1005, "")


@dataclass
class Talk:
    """What one client does: the path, what it offers and sends; and how it ends."""

    path: str
    headers: dict[str, str] = field(default_factory=dict)
    subprotocols: tuple[str, ...] = ()
    sends: tuple[str | bytes, ...] = ()
    receives: int = 0
    closes: tuple[int, str] | None = None


@dataclass
class Got:
    """What the client got, and what the handler saw."""

    status_code: int = 101
    subprotocol: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""
    messages: list[str | bytes] = field(default_factory=list)
    closed: tuple[int, str] | None = None
    seen: list[Any] = field(default_factory=list)


TALKS = {
    "echo": Talk("/echo", sends=("text", b"bytes", "", "é" * 70_000), receives=4, closes=(1000, "")),
    "a-subprotocol": Talk("/echo", subprotocols=("other", "v1", "v2"), closes=(1000, "")),
    "no-common-subprotocol": Talk("/echo", subprotocols=("other",), closes=(1000, "")),
    "cookies-and-fields": Talk("/cookie", headers={"cookie": "a=1"}, receives=1, closes=(1000, "")),
    "the-client-closes": Talk("/echo", closes=(4001, "enough")),
    "the-client-goes-away": Talk("/echo", closes=(1001, "")),
    "the-handler-returns": Talk("/returns", receives=1),
    "the-handler-closes": Talk("/closes", receives=1),
    "the-handler-forbids": Talk("/forbids", receives=1),
    "the-handler-fails": Talk("/fails", receives=1),
    "json": Talk("/json", sends=('{"a": [1, 2]}', "{"), receives=1),
    "typed": Talk("/typed", sends=("1", '"x"'), receives=1),
    "the-wrong-kind": Talk("/text", sends=("a", b"b"), receives=1),
    "refused-by-a-guard": Talk("/echo", headers={"x-stranger": "1"}),
    "refused-by-a-layer": Talk("/layered"),
    "refused-by-an-exception": Talk("/refuses"),
    "refused-for-its-origin": Talk("/echo", headers={"origin": "http://evil.example"}),
    "no-route": Talk("/nowhere"),
}


def by_client(port: int, talk: Talk) -> Got:
    """Talk over a real socket."""
    got = Got()
    origin = talk.headers.get("origin")
    headers = {name: value for name, value in talk.headers.items() if name != "origin"}
    try:
        client = connect(
            f"ws://127.0.0.1:{port}{talk.path}",
            additional_headers=headers,
            subprotocols=list(talk.subprotocols) or None,
            origin=origin,
            open_timeout=LIMIT_SECONDS,
            close_timeout=LIMIT_SECONDS,
        )
    except websockets.InvalidStatus as refused:
        response = refused.response
        got.status_code, got.body = response.status_code, response.body.decode()
        got.headers = shown(list(response.headers.raw_items()))
        return got
    with client:
        got.subprotocol = client.subprotocol or ""
        got.headers = shown(list(client.response.headers.raw_items()))
        for message in talk.sends:
            client.send(message)
        for _ in range(talk.receives):
            got.messages.append(client.recv(timeout=LIMIT_SECONDS))
        if talk.closes is not None:
            client.close(*talk.closes)
        else:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                client.recv(timeout=LIMIT_SECONDS)
            frame = closed.value.rcvd
            got.closed = (int(frame.code), frame.reason) if frame is not None else None
    return got


def by_test_client(client: TestClient, talk: Talk) -> Got:
    """Talk in memory."""
    got = Got()
    try:
        with client.websocket(talk.path, headers=talk.headers, subprotocols=talk.subprotocols) as opened:
            got.subprotocol = opened.subprotocol
            got.headers = shown(list(opened.headers.items(multi=True)))
            for message in talk.sends:
                opened.send_text(message) if isinstance(message, str) else opened.send_bytes(message)
            for _ in range(talk.receives):
                got.messages.append(opened.receive())
            if talk.closes is not None:
                opened.close(*talk.closes)
            else:
                with pytest.raises(Disconnect) as closed:
                    opened.receive()
                got.closed = (closed.value.code, closed.value.reason)
    except WebSocketRefused as refused:
        response = refused.response
        got.status_code, got.body = response.status_code, response.text
        got.headers = shown(list(response.headers.items(multi=True)))
    return got


def shown(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave out the fields that belong to the transport."""
    return sorted((name.lower(), value) for name, value in headers if name.lower() in SHOWN_FIELDS)


def run(application: Running, talk: Talk) -> Got:
    """Talk to a running application, and add what its handler has told."""
    if application.client is not None:
        got = by_test_client(application.client, talk)
    else:
        got = by_client(application.port, talk)
    tells = got.status_code == 101 and talk.path in TELLING_PATHS
    got.seen = application.ears.wait(lambda facts: bool(facts) or not tells)
    return got


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Got]]:
    """What comes of each talk on each transport."""
    found: dict[str, dict[str, Got]] = {}
    folder = tmp_path_factory.mktemp("talks")
    for transport in TRANSPORTS:
        with running(transport, "talking", folder) as application:
            found[transport] = {case: run(application, talk) for case, talk in TALKS.items()}
    return found


def expected_on(transport: str, case: str, native: Got) -> Got:
    """Return what a transport has to give: what our server gives, but for what it cannot."""
    is_open = native.status_code == 101
    has_closed = TALKS[case].closes is not None
    if transport == "hypercorn" and has_closed:
        # It tells no application with which code its client has closed.
        return replace(native, seen=[[1006, "", True] for _ in native.seen])
    if transport == "granian-asgi" and is_open:
        # It sends no header fields with an acceptance, and keeps the reason of a close to itself.
        return replace(
            native, headers=[], seen=[[fact[0], "", True] for fact in native.seen] if has_closed else native.seen
        )
    if transport == "granian-rsgi":
        return replace(
            native,
            subprotocol="",
            headers=[],
            body="",
            closed=NO_STATUS_RECEIVED if native.closed is not None else None,
            seen=[[*NO_STATUS_RECEIVED, True] for _ in native.seen] if has_closed else native.seen,
        )
    return native


@pytest.mark.capability("C108")
@pytest.mark.capability("C109")
@pytest.mark.parametrize("case", TALKS)
def test_every_transport_has_the_same_sockets(case: str, answers: dict[str, dict[str, Got]]) -> None:
    """Acceptance, refusal, subprotocol, fields, messages, close codes and what handlers see are those of our server."""
    native = answers[NATIVE][case]

    for transport in TRANSPORTS:
        assert (transport, expected_on(transport, case, native)) == (transport, answers[transport][case])


@pytest.mark.parametrize("transport", WSGI_TRANSPORTS)
def test_a_handshake_is_refused_where_there_are_no_sockets(transport: str, tmp_path: Path) -> None:
    """WSGI has none, so the client is told that this is not implemented here."""
    handshake = (
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    )

    with running(transport, "talking", tmp_path) as application:
        got = application.send(Sent("GET", "/echo", 501, handshake))

    assert 501 == got.status_code


def test_the_talks_are_what_they_say(answers: dict[str, dict[str, Got]]) -> None:
    """The comparison would pass if nothing worked, so the ends are written down."""
    native = answers[NATIVE]

    assert {
        "the-handler-returns": (1000, ""),
        "the-handler-closes": (3333, "own"),
        "the-handler-forbids": (4403, "Not here."),
        "the-handler-fails": (1011, ""),
        "typed": (1007, "$: Expected `int`, got `str`"),
        "the-wrong-kind": (1003, "Text was expected, not bytes."),
    } == {name: native[name].closed for name, got in native.items() if got.closed and name != "json"}
    assert 4400 == (native["json"].closed or (0,))[0]
    assert {"no-route": 404, "refused-by-a-layer": 429} == {
        name: native[name].status_code for name in ("no-route", "refused-by-a-layer")
    }
    assert [403] * 3 == [got.status_code for name, got in native.items() if got.status_code == 403]
    assert [[4001, "enough", True]] == native["the-client-closes"].seen

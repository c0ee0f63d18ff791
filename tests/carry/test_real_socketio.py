"""python-socketio: alone, and carried; its protocols, Engine.IO 4 and Socket.IO 5, are spoken by hand.

Its own client needs further packages. What is spoken here is the same: a handshake by polling, an upgrade to a
WebSocket, or a WebSocket from the beginning.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from costrel import App

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]
PLACES = ["path", "host", "fallback"]
END_OF_PACKET = "\x1e"
QUERY = {"EIO": "4", "transport": "polling"}


class Polling:
    """A client that polls; `ask` and `post` send a request and return the text of its answer."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser
        self.params = QUERY
        self.waiting: list[str] = []
        self.params = {**QUERY, "sid": json.loads(self.receive().removeprefix("0"))["sid"]}

    def receive(self) -> str:
        """Return the next packet."""
        while not self.waiting:
            answer = self.browser.get(self.browser.at("/socket.io/"), params=self.params)
            assert 200 == answer.status_code, answer.text
            self.waiting = answer.text.split(END_OF_PACKET)
        return self.waiting.pop(0)

    def send(self, packet: str) -> None:
        answer = self.browser.post(self.browser.at("/socket.io/"), content=packet, params=self.params)
        assert (200, "OK") == (answer.status_code, answer.text.upper())


def talk(client: Any, name: str) -> None:
    """Enter the room, have a number doubled, and say something that is told to everybody."""
    client.send(f"40{json.dumps({'name': name})}")
    assert client.receive().startswith('40{"sid":')
    client.send('421["double",21]')
    assert "431[42]" == client.receive()
    client.send('42["say","hello"]')
    assert f'42["said",{{"name":"{name}","text":"hello"}}]' == client.receive()


def test_alone(carrier: Any) -> None:
    """Without Costrel the application answers a handshake, and refuses what is no request of its protocol."""
    log: list[str] = []
    app = carrier.load("socketio_room", "socketio").make_app(log)

    async def ask() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://room.example") as client:
            opened = await client.get("/socket.io/", params=QUERY)
            assert opened.text.startswith('0{"sid":')
            params = {**QUERY, "sid": json.loads(opened.text[1:])["sid"]}
            await client.post("/socket.io/", params=params, content='40{"name":"ann"}')
            assert (await client.get("/socket.io/", params=params)).text.startswith('40{"sid":')
            await client.post("/socket.io/", params=params, content='421["double",21]')
            assert "431[42]" == (await client.get("/socket.io/", params=params)).text
            await client.post("/socket.io/", params=params, content="1")
            assert 400 == (await client.get("/socket.io/", params={"EIO": "3"})).status_code
            assert "socketio_room" not in (await client.get("/nowhere")).text

    asyncio.run(asyncio.wait_for(ask(), 10))
    assert ["connect http", "disconnect"] == log


@pytest.fixture(scope="module", params=["native", "uvicorn"])
def carried(request: pytest.FixtureRequest, carrier: Any) -> Iterator[Any]:
    """The application, carried by one of the servers, with the port: below a path that it was told, and elsewhere."""
    module = carrier.load("socketio_room", "socketio")
    log: list[str] = []
    app = App()
    app.mount("/shop", module.make_app(log, "/shop"))
    app.mount("/", module.make_app(log), name="by_host", host="shop.example")
    app.mount("/", module.make_app(log), name="fallback", fallback=True)
    with carrier.serve(app, request.param) as port:
        yield log, port


@pytest.fixture(autouse=True)
def _empty(request: pytest.FixtureRequest) -> None:
    if "carried" in request.fixturenames:
        request.getfixturevalue("carried")[0].clear()


@pytest.mark.parametrize("place", PLACES)
def test_polling_carried(carrier: Any, carried: Any, place: str) -> None:
    """Polls wait for what is told, and files that it serves are there."""
    log, port = carried
    with carrier.browsers(port)[place] as browser:
        client = Polling(browser)
        talk(client, "ann")
        client.send("1")
        carrier.wait_for(lambda: "disconnect" in log)
        assert ["connect http", "disconnect"] == log
        assert "python-socketio" in browser.get(browser.at("/about.txt")).text
        assert 404 == browser.get(browser.at("/nowhere")).status_code


class Socket:
    """A client that has a WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.send = connection.send

    def receive(self) -> str:
        """Return the next packet that is not the one that says nothing, which ends a poll."""
        while (packet := self.connection.recv(10)) == "6":
            pass
        return str(packet)


@contextmanager
def open_socket(address: str, sid: str | None = None) -> Iterator[Socket]:
    """Open a WebSocket, from the beginning or in the place of polling."""
    upgraded = f"&sid={sid}" if sid else ""
    with connect(f"{address}/socket.io/?EIO=4&transport=websocket{upgraded}") as connection:
        yield Socket(connection)


@pytest.mark.parametrize("path", ["/shop", ""])
def test_a_socket_carried(carrier: Any, carried: Any, path: str) -> None:
    """A WebSocket from the beginning, and a client that goes away is noticed."""
    log, port = carried
    with open_socket(f"ws://127.0.0.1:{port}{path}") as client:
        assert client.receive().startswith('0{"sid":')
        talk(client, "bo")
    carrier.wait_for(lambda: "disconnect" in log)
    assert ["connect websocket", "disconnect"] == log


@pytest.mark.parametrize("path", ["/shop", ""])
def test_an_upgrade_carried(carrier: Any, carried: Any, path: str) -> None:
    """What begins by polling goes on in a WebSocket, and both of them hear what one says."""
    log, port = carried
    with carrier.Browser(path, base_url=f"http://127.0.0.1:{port}") as browser:
        polling = Polling(browser)
        talk(polling, "ann")
        with open_socket(f"ws://127.0.0.1:{port}{path}", polling.params["sid"]) as client:
            client.send("2probe")
            assert "3probe" == client.receive()
            client.send("5")
            client.send('422["double",4]')
            assert "432[8]" == client.receive()
            with open_socket(f"ws://127.0.0.1:{port}{path}") as other:
                assert other.receive().startswith('0{"sid":')
                talk(other, "bo")
                assert '42["said",{"name":"bo","text":"hello"}]' == client.receive()
        carrier.wait_for(lambda: 2 == log.count("disconnect"))


def test_a_refusal_carried(carrier: Any, carried: Any) -> None:
    """Who is not let in is told so by the protocol."""
    log, port = carried
    with open_socket(f"ws://127.0.0.1:{port}/shop") as client:
        client.receive()
        client.send('40{"name":"mallory"}')
        assert client.receive().startswith("44{")

from __future__ import annotations

import logging
from collections import deque
from typing import Any

import msgspec
import pytest

from costrel.errors import Disconnect, Forbidden, HTTPError, ProgrammerError
from costrel.messages import Request
from costrel.messages.websocket import SocketHandler, WebSocket, switching_response


class Channel:
    """A real, small `WebSocketChannel` that plays a script and remembers what was sent."""

    def __init__(self, *messages):
        self.messages = deque(messages)
        self.sent = []
        self.closed = None

    async def receive(self):
        if not self.messages:
            raise Disconnect(1001, "bye")
        return self.messages.popleft()

    async def send(self, message):
        self.sent.append(message)

    async def close(self, code, reason):
        if self.closed is None:
            self.closed = (code, reason)


@pytest.fixture
def talk(run, scripted):
    """Run a handler on a channel; return the channel."""

    def talk(handler, *messages):
        async def main(loop_state):
            request = Request("GET", "/chat", b"/chat", b"a=1", [], scripted([], loop_state), is_websocket=True)
            socket = WebSocket(request, "json")
            channel = Channel(*messages)
            await SocketHandler(socket, lambda: handler(socket)).run(channel)
            return channel

        return run(main)

    return talk


@pytest.mark.capability("C108")
def test_a_handler_echoes_until_the_peer_leaves(talk):
    """Iterating gives the messages and ends when the peer closes; what is returned from closes with 1000."""

    async def echo(socket):
        await socket.accept()
        async for message in socket:
            await socket.send(message)

    channel = talk(echo, "a", b"b")

    assert ["a", b"b"] == channel.sent
    assert channel.closed is None

    async def short(socket):
        await socket.send_json({"sub": socket.subprotocol, "a": socket.query["a"]})

    channel = talk(short)

    assert (['{"sub":"json","a":"1"}'], (1000, "")) == (channel.sent, channel.closed)


@pytest.mark.capability("C108")
@pytest.mark.parametrize(
    ("error", "closed", "level"),
    [
        pytest.param(Forbidden("Not here."), (4403, "Not here."), "INFO", id="answer"),
        pytest.param(HTTPError(499, "é" * 100), (4499, "é" * 61), "INFO", id="long-detail"),
        pytest.param(ValueError("secret"), (1011, ""), "ERROR", id="failure"),
        pytest.param(Disconnect(1006), (1011, ""), "ERROR", id="disconnect-of-something-else"),
    ],
)
def test_an_exception_closes_and_is_logged_once(talk, caplog, error, closed, level):
    """An `HTTPError` closes with 4000 and its status, anything else with 1011 and no detail."""

    async def fail(socket):
        raise error

    with caplog.at_level(logging.INFO, "costrel.websocket"):
        channel = talk(fail)

    assert closed == channel.closed
    assert [level] == [record.levelname for record in caplog.records]


def test_the_peer_going_away_is_no_failure(talk, caplog):
    """A `Disconnect` that a handler lets through is an ordinary end."""

    async def wait(socket):
        await socket.receive()

    with caplog.at_level(logging.INFO, "costrel.websocket"):
        channel = talk(wait)

    assert (None, []) == (channel.closed, caplog.records)


@pytest.mark.security("J12")
def test_a_closed_socket_says_so(talk):
    """After a close, by either side, receiving and sending raise `Disconnect`, and closing does nothing."""
    codes = []

    async def handler(socket):
        await socket.close(4000, "enough")
        await socket.close(1000)
        for step in (socket.receive, lambda: socket.send("a")):
            with pytest.raises(Disconnect) as caught:
                await step()
            codes.append((caught.value.code, caught.value.reason))

    channel = talk(handler, "a")

    assert [(4000, "enough")] * 2 == codes
    assert ((4000, "enough"), []) == (channel.closed, channel.sent)


@pytest.mark.security("J12")
def test_a_socket_is_not_used_before_its_handshake(run, scripted):
    """Receiving in a layer or hook is a mistake that explains itself."""

    async def main(loop_state):
        socket = WebSocket(Request("GET", "/", b"/", b"", [], scripted([], loop_state), is_websocket=True))
        with pytest.raises(ProgrammerError) as caught:
            await socket.receive()
        return caught.value.code

    assert "COS-WEBSOCKET-001" == run(main)


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2000, 2999, 5000])
def test_close_codes_that_must_not_be_sent_are_refused(talk, code):
    """RFC 6455 §7.4 reserves some codes."""

    async def handler(socket):
        with pytest.raises(ValueError, match=str(code)):
            await socket.close(code)

    talk(handler)


def test_a_message_of_the_wrong_kind_closes(talk):
    """Bytes where text is expected, and the reverse, close with 1003."""

    async def text(socket):
        assert "a" == await socket.receive_text()
        await socket.receive_text()

    async def binary(socket):
        assert b"a" == await socket.receive_bytes()
        await socket.receive_bytes()

    assert 1003 == talk(text, "a", b"b").closed[0]
    assert 1003 == talk(binary, b"a", "b").closed[0]


class Move(msgspec.Struct):
    x: int


@pytest.mark.parametrize(
    ("message", "code"),
    [
        pytest.param("{", 4400, id="syntax"),
        pytest.param('{"x": "a"}', 4422, id="type"),
        pytest.param('"\ud800"', 4400, id="lone-surrogate"),
    ],
)
def test_json_messages_are_checked_as_bodies_are(talk, message, code):
    """A message that is no JSON, or does not fit, closes with the status of a body that would be."""

    async def handler(socket):
        assert Move(1) == await socket.receive_json(Move)
        assert {"x": 1} == await socket.receive_json()
        await socket.receive_json(Move if code == 4422 else Any)

    assert code == talk(handler, '{"x": 1}', b'{"x": 1}', message).closed[0]


def test_only_text_and_bytes_are_sent(talk):
    """Anything else is a mistake that names `send_json`."""

    async def handler(socket):
        with pytest.raises(TypeError, match="send_json"):
            await socket.send({"a": 1})

    talk(handler)


def test_names_of_others_are_explained(talk):
    """An attribute of another framework says what it is called here."""

    async def handler(socket):
        with pytest.raises(AttributeError, match="socket.receive_json|await socket.send"):
            socket.send_text
        assert (socket.headers, socket.cookies, socket.path_params) == (socket.request.headers, {}, {})
        assert (socket.url.path, socket.client, socket.user) == ("/chat", None, None)
        assert socket.state is socket.request.state
        assert socket.app is socket.request.app

    talk(handler)


@pytest.mark.capability("C108")
def test_a_switching_response_has_the_handler_as_its_body(scripted):
    """Status 101, the chosen subprotocol, and the handler; layers may still change it."""
    socket = WebSocket(Request("GET", "/", b"/", b"", [], scripted(), is_websocket=True))
    handler = SocketHandler(socket, lambda: None)
    response = switching_response(handler, "json")

    assert (101, "json") == (response.status_code, response.headers["sec-websocket-protocol"])
    assert handler is response.body
    assert "sec-websocket-protocol" not in switching_response(handler).headers

"""Tests of messages of a type: what fits is a value, and what does not is dealt with as was asked for."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from costrel import App, WebSocket
from costrel.errors import BadRequest, Disconnect, ValidationFailed
from costrel.messages.typed_messages import OnInvalid


class Move(msgspec.Struct, tag="move"):
    x: int
    y: int = 0


class Say(msgspec.Struct, tag="say"):
    text: str


def make_app(on_invalid: OnInvalid, seen: list[Any]) -> App:
    app = App("typed", extensions=())

    @app.websocket("/")
    async def play(socket: WebSocket) -> None:
        async for message in socket.messages(Move | Say, on_invalid=on_invalid):
            seen.append(message)
            await socket.send_json({"seen": len(seen)})
        seen.append("end")

    return app


@pytest.mark.capability("C110")
def test_messages_are_values_of_the_type() -> None:
    """A union of tagged structs takes messages of several kinds, text and binary alike, until the peer leaves."""
    seen: list[Any] = []
    with make_app("close", seen).test_client() as client, client.websocket("/") as socket:
        socket.send_text('{"type":"move","x":1}')
        socket.send_bytes(b'{"type":"say","text":"hi"}')

        assert [{"seen": 1}, {"seen": 2}] == [socket.receive_json(), socket.receive_json()]

    assert [Move(1), Say("hi"), "end"] == seen


@pytest.mark.capability("C110")
@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param('{"type":"move","x":"a"}', "$.x: Expected `int`, got `str`", id="a-wrong-type"),
        pytest.param('{"type":"jump"}', "$.type: ", id="an-unknown-kind"),
        pytest.param("{", "The body is not valid JSON", id="no-json"),
    ],
)
def test_an_invalid_message_closes_unless_told_otherwise(message: str, reason: str) -> None:
    """1007, with the place of the mistake; the loop of the handler ends."""
    seen: list[Any] = []
    with make_app("close", seen).test_client() as client, client.websocket("/") as socket:
        socket.send_text(message)
        with pytest.raises(Disconnect) as found:
            socket.receive()

    assert 1007 == found.value.code
    assert found.value.reason.startswith(reason)
    assert ["end"] == seen


@pytest.mark.capability("C110")
def test_an_invalid_message_is_reported() -> None:
    """A problem document comes back, and the conversation goes on."""
    seen: list[Any] = []
    with make_app("report", seen).test_client() as client, client.websocket("/") as socket:
        socket.send_text('{"type":"move","x":"a"}')

        assert {
            "type": "about:blank",
            "status": 422,
            "detail": "One value is wrong.",
            "errors": [{"in": "message", "at": "$.x", "message": "Expected `int`, got `str`"}],
        } == socket.receive_json()

        socket.send_text("nonsense")

        assert 400 == socket.receive_json()["status"]

        socket.send_json({"type": "move", "x": 2})

        assert {"seen": 1} == socket.receive_json()

    assert [Move(2), "end"] == seen


@pytest.mark.parametrize(
    ("message", "error", "code"),
    [pytest.param("1", ValidationFailed, 4422, id="invalid"), pytest.param("{", BadRequest, 4400, id="no-json")],
)
def test_an_invalid_message_is_raised(message: str, error: type[Exception], code: int) -> None:
    """Whoever catches it goes on with the same iterator; left alone, it closes with 4000 and the status."""
    app = App("typed", extensions=())
    caught: list[type[Exception]] = []

    @app.websocket("/caught")
    async def catch(socket: WebSocket) -> None:
        moves = socket.messages(Move, on_invalid="raise")
        try:
            await anext(moves)
        except (BadRequest, ValidationFailed) as problem:
            caught.append(type(problem))
        await socket.send_json((await anext(moves)).x)

    @app.websocket("/left", name="left")
    async def leave(socket: WebSocket) -> None:
        async for _ in socket.messages(Move, on_invalid="raise"):
            pass

    with app.test_client() as client:
        with client.websocket("/caught") as socket:
            socket.send_text(message)
            socket.send_text('{"type":"move","x":7}')

            assert 7 == socket.receive_json()

        with client.websocket("/left") as socket:
            socket.send_text(message)
            with pytest.raises(Disconnect) as found:
                socket.receive()

    assert ([error], code) == (caught, found.value.code)


def test_another_policy_is_refused_at_once() -> None:
    """A slip in the option does not wait for the first bad message."""

    async def main() -> None:
        with pytest.raises(ValueError, match="on_invalid"):
            WebSocket.messages(WebSocket.__new__(WebSocket), Move, on_invalid="ignore")

    asyncio.run(main())

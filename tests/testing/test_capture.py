"""Listening for a while."""

from __future__ import annotations

from collections.abc import Mapping

from costrel.app import App
from costrel.testing.capture import CapturedEvent, capture_events, listening


def test_a_listener_hears_in_the_block_alone() -> None:
    """An application that was built can be listened to as well."""
    app = App("tested", extensions=())
    app.build()
    heard: list[Mapping[str, object]] = []
    app.emit("message_flashed", {"message": "before"})
    with listening(app, "message_flashed", heard.append):
        app.emit("message_flashed", {"message": "in"})
        app.emit("template_rendered", {})
    app.emit("message_flashed", {"message": "after"})

    assert [{"message": "in"}] == heard


def test_several_names_are_captured_in_order() -> None:
    """The events stand in the order in which they happened."""
    app = App("tested", extensions=())
    with capture_events(app, "message_flashed", "app_built") as events:
        app.emit("message_flashed", {"message": "a"})
        app.build()
        app.emit("message_flashed", {"message": "b"})

    assert ["message_flashed", "app_built", "message_flashed"] == [event.name for event in events]
    assert CapturedEvent("message_flashed", {"message": "b"}) == events[-1]
    assert "b" == events[-1]["message"]


def test_mounted_applications_are_heard_too() -> None:
    """What a mounted application tells is part of what happened."""
    app, inner = App("outer", extensions=()), App("inner", extensions=())
    app.mount("/inner", inner)
    with capture_events(app, "message_flashed") as events:
        inner.emit("message_flashed", {"message": "deep"})

    assert ["deep"] == [event["message"] for event in events]

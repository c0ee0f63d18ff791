"""Events: what the framework tells, to whom, and that a listener harms nobody."""

from __future__ import annotations

import re

import pytest

from costrel.app import EVENTS, App, EventHub
from costrel.errors import ConfigurationError
from costrel.testing import TestClient


@pytest.mark.capability("C069")
def test_there_are_at_least_twelve_named_events_and_each_takes_both_kinds_of_listener() -> None:
    """Every name can be listened to with a ``def`` and an ``async def``."""
    app = App("test", extensions=())

    async def async_listener(fields: object) -> None: ...

    for event in EVENTS:
        app.on(event, lambda fields: None)
        app.on(event, async_listener)

    assert len(EVENTS) >= 12
    assert set(EVENTS) == set(app.events.listeners)


@pytest.mark.capability("C069")
def test_listeners_hear_of_a_request_in_order() -> None:
    """The head was read, a route was found, the layers have returned, the last byte was sent."""
    app = App("test", extensions=())
    heard: list[str] = []

    async def finished(fields) -> None:
        heard.append(f"async {fields['route']}")

    for event in ("request_started", "request_matched", "response_ready", "request_finished"):
        app.on(event, lambda fields, event=event: heard.append(event))
    app.on("request_finished", finished)
    app.add_route("/x/{id}", lambda id: "x", name="x")

    with TestClient(app) as client:
        client.get("/x/1")

    assert ["request_started", "request_matched", "response_ready", "request_finished", "async /x/{id}"] == heard


def test_a_listener_that_fails_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Its error is logged, the listeners after it are called, the request is answered."""
    app = App("test", extensions=())
    heard: list[str] = []

    def fails(fields: object) -> None:
        raise RuntimeError("metrics are down")

    async def fails_later(fields: object) -> None:
        raise RuntimeError("tracing is down")

    app.on("request_started", fails)
    app.on("request_started", fails_later)
    app.on("request_started", lambda fields: heard.append("second"))
    app.add_route("/", lambda: "x", name="index")

    with TestClient(app) as client:
        assert 200 == client.get("/").status_code

    assert ["second"] == heard
    assert "metrics are down" in caplog.text
    assert "tracing is down" in caplog.text


@pytest.mark.parametrize(
    ("event", "code", "fix"),
    [
        pytest.param("request_finnished", "COS-APP-021", "Did you mean `request_finished`?", id="misspelt"),
        pytest.param("qwertz", "COS-APP-021", "The events are in the reference, page Events.", id="nothing-near"),
    ],
)
def test_an_event_that_does_not_exist_is_refused(event: str, code: str, fix: str) -> None:
    """A listener of a misspelt event would wait for ever."""
    with pytest.raises(ConfigurationError) as caught:
        EventHub().add(event, lambda fields: None)

    assert (code, fix) == (caught.value.code, caught.value.mistake.fix)


def test_an_extension_has_events_in_its_namespace() -> None:
    """A declared name can be listened to; one without a dot is the framework's."""
    hub = EventHub()
    heard: list[object] = []
    hub.declare("auth.login")
    hub.add("auth.login", lambda fields: heard.append(fields["user"]))

    hub.emit("auth.login", {"user": "ann"})

    assert ["ann"] == heard
    with pytest.raises(ConfigurationError, match=re.escape('app.declare_event("myextension.login")')):
        hub.declare("login")


def test_a_listener_can_be_taken_away_while_the_application_runs() -> None:
    """What nobody hears any more costs nothing again."""
    app = App("test", extensions=())
    heard: list[str] = []

    def listener(fields: object) -> None:
        heard.append("started")

    app.add_route("/", lambda: "x", name="index")
    with TestClient(app) as client:
        client.get("/")
        app.events.add("request_started", listener)
        client.get("/")
        app.events.remove("request_started", listener)
        app.events.remove("request_started", listener)
        client.get("/")

    assert ["started"] == heard
    assert not app.listens("request_started")


def test_an_async_listener_outside_a_running_application_is_skipped(caplog: pytest.LogCaptureFixture) -> None:
    """There is no loop it could run on, and the log says so."""

    async def listener(fields: object) -> None:
        raise AssertionError

    hub = EventHub()
    hub.add("app_built", listener)

    hub.emit("app_built", {})

    assert "listener_skipped event=app_built" in caplog.text


def test_an_async_listener_of_what_a_thread_tells_runs_on_the_loop() -> None:
    """Events of a sync handler are told from its thread."""
    app = App("test", extensions=())
    app.declare_event("shop.sold")
    heard: list[object] = []

    class Listener:
        async def __call__(self, fields) -> None:
            heard.append(fields["item"])

    app.on("shop.sold", Listener())

    @app.get("/")
    def sell() -> str:
        app.emit("shop.sold", {"item": "tea"})
        return "x"

    with TestClient(app) as client:
        client.get("/")

    assert ["tea"] == heard

from __future__ import annotations

from typing import Any

import pytest
from markupsafe import Markup

from costrel.app import App
from costrel.errors import OutsideRequest, RequestEnded
from costrel.messages import AppSettings, Request, current_request
from costrel.sessions import SignedCookieSessions, flash, get_flashed_messages
from costrel.testing import make_request


@pytest.fixture
def app():
    app = App(settings=AppSettings(secret_key="k" * 32), extensions=(SignedCookieSessions(),))

    @app.get("/flash")
    def keep() -> str:
        flash("Saved.")
        flash("No such user.", "error")
        flash(Markup("<b>Bold</b>"), "error")
        return "x"

    @app.get("/show")
    async def show(request: Request) -> list[Any]:
        return [
            get_flashed_messages(),
            get_flashed_messages(with_categories=True),
            get_flashed_messages(category_filter=["error"]),
            get_flashed_messages(True, {"message"}),
        ]

    return app


@pytest.mark.capability("C087")
def test_flashed_messages_are_shown_once(app):
    """All calls of one request return the same messages, and the next request has none."""
    with app.test_client() as client:
        client.get("/flash")
        shown = client.get("/show").json()
        again = client.get("/show").json()

    assert [
        ["Saved.", "No such user.", "<b>Bold</b>"],
        [["message", "Saved."], ["error", "No such user."], ["error", "<b>Bold</b>"]],
        ["No such user.", "<b>Bold</b>"],
        [["message", "Saved."]],
    ] == shown
    assert [[], [], [], []] == again


def test_messages_pile_up_until_they_are_shown(app):
    """A second request adds to what is there."""
    with app.test_client() as client:
        client.get("/flash")
        client.get("/flash")

        assert 6 == len(client.get("/show").json()[0])


def test_markup_stays_markup():
    """A template must not escape what was markup, and must escape what was not."""
    app = App(settings=AppSettings(secret_key="k" * 32), extensions=(SignedCookieSessions(),))
    types = []

    @app.get("/flash")
    async def keep() -> str:
        flash(Markup("<b>"))
        flash("<b>")
        return "x"

    @app.get("/show")
    async def show() -> str:
        types.extend(type(message) for message in get_flashed_messages())
        return "x"

    with app.test_client() as client:
        client.get("/flash")
        client.get("/show")

    assert [Markup, str] == types


def test_the_form_in_the_session_is_that_of_flask(app):
    """Messages survive the way from one framework to the other."""
    seen = []

    @app.get("/raw")
    async def raw(request: Request) -> str:
        seen.append(request.session["_flashes"])
        return "x"

    with app.test_client() as client:
        client.get("/flash")
        client.get("/raw")

    assert [[("message", "Saved."), ("error", "No such user."), ("error", "<b>Bold</b>")]] == seen


def test_flashing_tells_the_listeners(app):
    """`message_flashed` has the message and its category."""
    heard = []
    app.on("message_flashed", lambda fields: heard.append(dict(fields)))
    with app.test_client() as client:
        client.get("/flash")

    assert {"message": "No such user.", "category": "error"} == heard[1]
    assert 3 == len(heard)


@pytest.mark.parametrize("function", [lambda: flash("x"), get_flashed_messages], ids=["flash", "get-flashed-messages"])
def test_messages_need_a_request(function):
    """Outside a request there is no session to keep them in, and after its end there is none any more."""
    with pytest.raises(OutsideRequest):
        function()
    request = make_request(App(extensions=()), "GET", "/")
    request.ended = True
    token = current_request.set(request)
    try:
        with pytest.raises(RequestEnded):
            function()
    finally:
        current_request.reset(token)

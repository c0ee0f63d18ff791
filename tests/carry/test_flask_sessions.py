from __future__ import annotations

from collections.abc import Callable

import flask
import pytest
from flask.sessions import SecureCookieSessionInterface

from costrel.app import App
from costrel.carry.flask_sessions import SharedSession, can_share_session, cookie_name_of, share_sessions
from costrel.messages import AppSettings, Request
from costrel.sessions import SignedCookieSessions, StarletteCookie
from costrel.testing import make_request

KEY = "the-key-of-both-applications"


def request_of(extension: object | None = None, **settings: object) -> Request:
    """Make a request of an application with a key."""
    extensions = (extension or SignedCookieSessions(),)
    app = App(settings=AppSettings(**{"secret_key": KEY, **settings}), extensions=extensions)
    app.build()
    return make_request(app, "GET", "/")


def old_app(**config: object) -> flask.Flask:
    """Make a Flask application whose session can be shared."""
    old = flask.Flask("old")
    old.secret_key = KEY
    old.config.update(config)
    share_sessions(old)
    return old


def test_a_shared_session_is_a_dict_that_writes_into_ours() -> None:
    """It reads and changes our session, and has the names that Flask asks for."""
    ours = request_of().session
    shared = SharedSession(ours)
    shared["a"], shared["b"] = 1, 2
    del shared["a"]
    shared.permanent = True
    shared.setdefault("c", []).append(3)
    shared.modified = True

    assert {"b": 2, "_permanent": True, "c": [3]} == shared.copy() == dict(ours.items())
    assert (3, True, True, True) == (len(shared), shared.new, shared.modified, shared.permanent)
    assert 2 == shared.pop("b")
    assert "b" not in ours
    assert "SharedSession of <session" in repr(shared)

    shared.clear()
    assert [] == list(ours)


def test_a_session_is_shared_where_both_keep_it_in_one_cookie() -> None:
    """Flask's key has to be among ours, as text or bytes."""
    request = request_of(secret_key=("a-newer-key-that-is-long-enough", KEY))
    old = old_app()

    assert can_share_session(old, request)
    old.secret_key = KEY.encode()
    assert can_share_session(old, request)


class Elsewhere(SecureCookieSessionInterface):
    """An interface of somebody else's."""


def with_salt(old: flask.Flask) -> None:
    setattr(old.session_interface, "salt", "another")


def with_interface(old: flask.Flask) -> None:
    old.session_interface = Elsewhere()


@pytest.mark.parametrize(
    ("change", "request_"),
    [
        pytest.param(lambda old: setattr(old, "secret_key", "another key of the old one"), request_of, id="key"),
        pytest.param(lambda old: setattr(old, "secret_key", None), request_of, id="no-key"),
        pytest.param(lambda old: old.config.update(SESSION_COOKIE_NAME="theirs"), request_of, id="name"),
        pytest.param(lambda old: old.config.update(SESSION_COOKIE_PATH="/old"), request_of, id="path"),
        pytest.param(lambda old: old.config.update(SESSION_COOKIE_DOMAIN="a.example"), request_of, id="domain"),
        pytest.param(with_salt, request_of, id="salt"),
        pytest.param(with_interface, request_of, id="interface"),
        pytest.param(
            lambda old: None, lambda: request_of(SignedCookieSessions(codec=StarletteCookie())), id="another-codec"
        ),
        pytest.param(lambda old: None, lambda: make_request(App(extensions=()), "GET", "/"), id="no-sessions-of-ours"),
        pytest.param(lambda old: None, lambda: request_of(secret_key=None), id="no-key-of-ours"),
    ],
)
def test_a_session_is_not_shared_where_they_differ(
    change: Callable[[flask.Flask], None], request_: Callable[[], Request]
) -> None:
    """Each difference makes two sessions of them."""
    old = old_app()
    change(old)

    assert not can_share_session(old, request_())


def test_a_salt_that_was_set_before_is_kept() -> None:
    """An interface that was only given a salt is still Flask's own."""
    old = flask.Flask("old")
    old.secret_key = KEY
    old.session_interface = interface = SecureCookieSessionInterface()
    interface.salt = "our-salt"
    share_sessions(old)

    assert can_share_session(old, request_of(session_cookie_salt="our-salt"))


def test_flask_applications_that_do_not_move_keep_their_interface() -> None:
    """The interface is one object of Flask's class, so it must not be changed itself."""
    before = flask.Flask("other").session_interface
    old_app()

    assert before is flask.Flask("another").session_interface


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param(lambda: request_of(session_cookie_name="ours"), "ours", id="of-our-sessions"),
        pytest.param(lambda: make_request(App(extensions=()), "GET", "/"), "session", id="without-sessions"),
    ],
)
def test_the_name_of_our_cookie(request_: Callable[[], Request], expected: str) -> None:
    """The settings have it."""

    assert expected == cookie_name_of(request_())

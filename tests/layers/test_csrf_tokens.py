from __future__ import annotations

from typing import Any

import pytest

from costrel.app import App, AppSettings
from costrel.layers.csrf_refusal import Refusal
from costrel.layers.csrf_secret import encode_secret, seal
from costrel.layers.csrf_tokens import SESSION_KEY, FormTokens, KnownSecret, bound_secret, find_session

KEY = "a key for the tests alone"
NOW = 1_000_000
SECRET = bytes(range(16))
OTHER = bytes(16)
TOKENS = FormTokens("csrf", "csrf_token", lambda: float(NOW))


def app_of(**settings: Any) -> App:
    app = App("shop", settings=AppSettings(secret_key=KEY, session_lifetime_seconds=1000, **settings))
    app.build()
    return app


def sealed(app: App, secret: bytes = SECRET, age_seconds: int = 0) -> str:
    return seal(secret, [KEY], TOKENS.purpose(app), NOW - age_seconds)


@pytest.mark.parametrize(
    ("age_seconds", "expected"),
    [
        pytest.param(0, KnownSecret(SECRET, NOW), id="new"),
        pytest.param(1000, KnownSecret(SECRET, NOW - 1000), id="as-old-as-may-be"),
        pytest.param(1001, Refusal.BAD_COOKIE, id="older"),
        pytest.param(-5, KnownSecret(SECRET, NOW + 5), id="by-a-clock-that-is-ahead"),
    ],
)
def test_a_cookie_has_an_age(age_seconds: int, expected: object) -> None:
    """It ends when a session of that age would."""
    app = app_of()
    with app.test_request_context("https://a.example/", cookies={"__Host-csrf": sealed(app, SECRET, age_seconds)}) as r:
        assert expected == TOKENS.read_cookie(r, app)


@pytest.mark.security("G11")
def test_over_https_only_the_prefix_counts() -> None:
    """A cookie without it can be planted by any neighbouring host."""
    app = app_of()
    with app.test_request_context("https://a.example/", cookies={"csrf": sealed(app)}) as request:
        assert Refusal.NO_COOKIE is TOKENS.read_cookie(request, app)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({}, SECRET, id="no-session"),
        pytest.param({SESSION_KEY: encode_secret(SECRET)}, SECRET, id="its-secret"),
        pytest.param({SESSION_KEY: encode_secret(OTHER)}, Refusal.OTHER_SESSION, id="another-secret"),
        pytest.param({"user": "ann"}, Refusal.OTHER_SESSION, id="no-secret"),
        pytest.param({SESSION_KEY: 5}, Refusal.OTHER_SESSION, id="no-text"),
        pytest.param({SESSION_KEY: "A" * 23}, Refusal.OTHER_SESSION, id="no-secret-by-its-form"),
    ],
)
def test_a_session_says_which_secret_is_its(values: dict[str, Any], expected: object) -> None:
    """With a session, the secret of the cookie is the one that stands in it."""
    app = app_of()
    with app.test_request_context("https://a.example/", cookies={"__Host-csrf": sealed(app)}) as request:
        request.session.update(values)

        assert expected == TOKENS.expected_secret(request, app)


def test_a_session_without_a_secret_has_none() -> None:
    """Nothing is made of another value."""
    app = app_of()
    with app.test_request_context("/") as request:
        session = find_session(request)
        assert session is not None
        found = [bound_secret(session)]
        session[SESSION_KEY] = encode_secret(SECRET)
        found.append(bound_secret(session))

    assert [None, SECRET] == found


def test_an_application_may_keep_no_sessions() -> None:
    """Then none is looked for."""
    app = App("shop", extensions=[])
    app.build()
    with app.test_request_context("/") as request:
        assert find_session(request) is None

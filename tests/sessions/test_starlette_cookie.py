from __future__ import annotations

from base64 import b64encode

import pytest
from itsdangerous import TimestampSigner

from costrel.app import App
from costrel.errors import ProgrammerError
from costrel.messages import AppSettings, Request
from costrel.sessions import DecodedSession, SessionCodec, SignedCookieSessions, StarletteCookie
from costrel.testing import FrozenClock

KEY = "key-key-key-key-key"
NOW = 1_700_000_000
CODEC = StarletteCookie()


def signed(payload: bytes) -> str:
    """Sign any payload as only who has the key can."""
    maker = TimestampSigner(KEY)
    maker.get_timestamp = lambda: NOW
    return maker.sign(payload).decode()


def test_it_is_a_codec():
    """It has what the extension asks of a codec, and all of them are one."""

    assert isinstance(CODEC, SessionCodec)
    assert StarletteCookie() == CODEC
    assert hash(StarletteCookie()) == hash(CODEC)
    assert "StarletteCookie()" == repr(CODEC)


def test_the_text_is_the_one_that_the_middleware_makes():
    """JSON with its spaces, in base64 with its padding, signed by the plain signer of itsdangerous."""
    expected = signed(b64encode(b'{"user": 7, "name": "Zo\\u00eb"}'))

    assert expected == CODEC.encode({"user": 7, "name": "Zoë"}, [KEY], NOW)
    assert DecodedSession({"user": 7, "name": "Zoë"}, 5.0) == CODEC.decode(expected, [KEY], 10, NOW + 5)


@pytest.mark.security("D5")
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("null", id="as-the-middleware-deletes-it"),
        pytest.param(signed(b64encode(b"{}"))[:-2], id="truncated"),
        pytest.param(signed(b64encode(b"[1]")), id="signed-but-no-dict"),
        pytest.param(signed(b64encode(b"{")), id="signed-but-no-json"),
        pytest.param(signed(b"x"), id="signed-but-no-base64"),
        pytest.param(signed(b64encode(b"[" * 20_000)), id="signed-but-bottomless"),
    ],
)
def test_any_other_cookie_is_none(text):
    """A cookie that was changed, or is not a session, never raises."""

    assert CODEC.decode(text, [KEY], 10, NOW) is None


def test_a_value_that_json_does_not_know_is_named():
    """Tags are Flask's; here JSON is all there is."""
    with pytest.raises(ProgrammerError, match=r"`session\['a'\]` is of type `bytes`"):
        CODEC.encode({"a": b""}, [KEY], NOW)


def test_the_cookie_of_every_session_outlives_the_browser_and_is_renewed():
    """The middleware has one lifetime for all, and so have we."""
    clock = FrozenClock()
    sessions = SignedCookieSessions(codec=CODEC, clock=clock)
    app = App(settings=AppSettings(secret_key=KEY, session_lifetime_seconds=100), extensions=(sessions,))

    @app.get("/{user}")
    async def visit(request: Request, user: str) -> str:
        if user != "-":
            request.session["user"] = user
        return str(request.session.get("user"))

    with app.test_client() as client:
        made = client.get("/ann").headers["set-cookie"]
        young = client.get("/-")
        clock.advance(20)
        old = client.get("/-").headers["set-cookie"]

    assert "Max-Age=100" in made
    assert "ann" == young.text
    assert "set-cookie" not in young.headers
    assert "Max-Age=100" in old
    assert "SignedCookieSessions(codec=StarletteCookie())" == repr(sessions)

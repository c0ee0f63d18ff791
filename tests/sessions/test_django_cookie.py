from __future__ import annotations

import hashlib
import zlib

import pytest
from itsdangerous import Signer
from itsdangerous.encoding import base64_encode

from costrel.errors import ProgrammerError
from costrel.sessions import DecodedSession, DjangoCookie, SessionCodec
from costrel.sessions.payload import MAX_PAYLOAD_BYTES

KEY = "key-key-key-key-key"
NOW = 1_700_000_000
CODEC = DjangoCookie()


def signed(payload: bytes, stamp: bytes = b"1r2xWW") -> str:
    """Sign any payload as only who has the key can."""
    salt = b"django.contrib.sessions.backends.signed_cookies"
    return Signer(KEY, salt=salt, sep=b":", digest_method=hashlib.sha256).sign(payload + b":" + stamp).decode()


def test_it_is_a_codec():
    """It has what the extension asks of a codec, and all of them are one."""

    assert isinstance(CODEC, SessionCodec)
    assert DjangoCookie() == CODEC
    assert hash(DjangoCookie()) == hash(CODEC)
    assert "DjangoCookie()" == repr(CODEC)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"_auth_user_id": "7", "name": "Zoë"}, id="short"),
        pytest.param({"text": "a" * 3000}, id="compressed"),
    ],
)
@pytest.mark.parametrize("now", [NOW, 0, 61, 62])
def test_what_is_signed_is_read_back(values, now):
    """Whatever the time, whose digits are of base 62."""
    text = CODEC.encode(values, [KEY], now)

    assert DecodedSession(values, 5.0) == CODEC.decode(text, [KEY], 10, now + 5)


@pytest.mark.security("D5")
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("::", id="nothing-but-separators"),
        pytest.param(signed(base64_encode(b"{}"))[:-2], id="truncated"),
        pytest.param(signed(base64_encode(b"{}"), b"-!"), id="signed-but-no-time"),
        pytest.param(signed(base64_encode(b"[1]")), id="signed-but-no-dict"),
        pytest.param(signed(base64_encode(b"{")), id="signed-but-no-json"),
        pytest.param(signed(base64_encode(b"[" * 20_000)), id="signed-but-bottomless"),
        pytest.param(signed(b"." + base64_encode(b"x")), id="signed-but-not-compressed"),
        pytest.param(
            signed(b"." + base64_encode(zlib.compress(b'{"a":"' + b"a" * MAX_PAYLOAD_BYTES + b'"}'))),
            id="signed-but-a-bomb",
        ),
    ],
)
def test_any_other_cookie_is_none(text):
    """A cookie that was changed, or is not a session, never raises."""

    assert CODEC.decode(text, [KEY], 10**9, NOW) is None


def test_a_clock_that_is_ahead_logs_nobody_out():
    """Django's reader takes a time in the future, and so do we."""
    text = CODEC.encode({"a": 1}, [KEY], NOW + 2)

    assert DecodedSession({"a": 1}, 0.0) == CODEC.decode(text, [KEY], 10, NOW)


def test_a_value_that_json_does_not_know_is_named():
    """Tags are Flask's; here JSON is all there is."""
    with pytest.raises(ProgrammerError, match=r"`session\['a'\]` is of type `bytes`"):
        CODEC.encode({"a": b""}, [KEY], NOW)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({}, 100, id="the-setting"),
        pytest.param({"_session_expiry": 30}, 30, id="seconds-of-its-own"),
        pytest.param({"_session_expiry": 0}, None, id="until-the-browser-closes"),
        pytest.param({"_session_expiry": "2030-01-01T00:00:00"}, 100, id="a-date-is-the-setting"),
    ],
)
def test_the_lifetime_is_what_set_expiry_was_given(values, expected):
    """Django keeps it in the session."""

    assert expected == CODEC.cookie_lifetime_seconds(values, 100)

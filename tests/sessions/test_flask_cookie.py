from __future__ import annotations

import zlib
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st
from itsdangerous import TimestampSigner
from itsdangerous.encoding import base64_encode
from markupsafe import Markup

from costrel.errors import ProgrammerError
from costrel.sessions import DecodedSession, SessionCodec
from costrel.sessions.flask_cookie import FlaskCookie
from costrel.sessions.payload import MAX_PAYLOAD_BYTES

NEW_KEY = "new-key-new-key-new-key"
OLD_KEY = "old-key-old-key-old-key"
NOW = 1_700_000_000

# Made by Flask 3.1.3 with SECRET_KEY = NEW_KEY at NOW.
FROM_FLASK = [
    pytest.param(
        ".eJwNi8EKwyAQBX-lvPMSlFJS9lOahGDqHkKtgnFP4r9nL3OZmY4c_gLGp6zqnByPVeP7GY3iHAhZriYR3BHAi6eOw-ovxjZMlmxv1pQI5QduVYVQQzs"
        "L2E8vgl5S99P-edwDGyFV.ZVPxAA.WWMjYanlTggFy88oMIw-ZLVZ2iM",
        {
            "user_id": 7,
            "name": "Zoë \U0001f600",
            "ok": True,
            "none": None,
            "ratio": 1.5,
            "nested": {"a": [1, {"b": "c"}]},
        },
        id="what-json-has-compressed",
    ),
    pytest.param(
        "eyJ0Ijp7IiB0IjpbMSx7IiB0IjpbImEiLDJdfV19fQ.ZVPxAA.SMhpq8BWsIpV4-nAD3UjPq6sHQY",
        {"t": (1, ("a", 2))},
        id="tuples",
    ),
    pytest.param(
        ".eJyrVipVsqpWUgCSSoZGxiamZuYWuGil2loABOwKyw.ZVPxAA.2rCmnHyxlMxHt6xNR2fLWMbSpE4",
        {"u": UUID("12345678-1234-5678-1234-567812345678")},
        id="a-uuid",
    ),
    pytest.param(
        "eyJiIjp7IiBiIjoiQVA4Z1pHRjBZUT09In19.ZVPxAA.W9U0OvKER14Mf_-6IO4h7coGCmY", {"b": b"\x00\xff data"}, id="bytes"
    ),
    pytest.param(
        "eyJtIjp7IiBtIjoiPGI-aGk8L2I-ICYgbW9yZSJ9fQ.ZVPxAA.T6b0AwJQ06eAqq0I-J631bJ9Vug",
        {"m": Markup("<b>hi</b> & more")},
        id="markup",
    ),
    pytest.param(
        "eyJkIjp7IiBkIjoiVGh1LCAyOSBGZWIgMjAyNCAxMjozNDo1NiBHTVQifX0.ZVPxAA.kC0K-cfSKC2UpXN2Ay3p3UIogbo",
        {"d": datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC)},
        id="a-time",
    ),
    pytest.param(
        ".eJyrVqpQsqpWUkjJBFMl8fFKVtGGOkaxtbU6SpXIUimZILlqpSolK8NaIAAA57cRKQ.ZVPxAA.7hRoKrDKUXg67tLyuLsHpBKzuk8",
        {"x": {" t": [1, 2]}, "y": {" di": {"z": 1}}},
        id="dicts-that-look-like-tags",
    ),
    pytest.param(
        "eyIgZGkiOnsiIHVfXyI6ImFiYyJ9fQ.ZVPxAA.j7Xf065p9nzna-97EbID0rFFxus",
        {" u": "abc"},
        id="a-session-that-looks-like-a-tag",
    ),
    pytest.param(
        ".eJyrVopPy0kszkgtVrKKrlZSKAFSSqlFRflFSjpKfvl6SrG1OjDh3NTi4sT0VCWQQK6SlZJNpl2FjX6mnVJtbG2sjlJ8QWpRbmJeah5QcUlRaWotAD"
        "yCHYk.ZVPxAA.ThqYhB5OXkTMVwJlqMa2StQfYXc",
        {"_flashes": [("error", "No."), ("message", Markup("<i>x</i>"))], "_permanent": True},
        id="flashed-messages",
    ),
]
FROM_FLASK_WITH_OLD_KEY = "eyJrIjoxfQ.ZVPxAA.8S54H3kXdNvnwusphqY6G-Xpn4M"


def encode(values, *keys: str, salt: str = "cookie-session") -> str:
    return FlaskCookie(salt=salt).encode(values, keys or (NEW_KEY,), NOW)


def decode(text: str, max_age_seconds: int = 10, *keys: str, at: float = NOW) -> DecodedSession | None:
    return FlaskCookie().decode(text, keys or (NEW_KEY,), max_age_seconds, at)


def test_it_is_a_codec():
    """It has what the extension asks of a codec, and one with another salt is another one."""

    assert isinstance(FlaskCookie(), SessionCodec)
    assert FlaskCookie() == FlaskCookie(salt="cookie-session")
    assert hash(FlaskCookie()) == hash(FlaskCookie(salt="cookie-session"))
    assert FlaskCookie() != FlaskCookie(salt="other")
    assert "FlaskCookie(salt='other')" == repr(FlaskCookie(salt="other"))


@pytest.mark.capability("C082")
@pytest.mark.parametrize(("cookie", "values"), FROM_FLASK)
def test_a_cookie_of_flask_is_read(cookie, values):
    """What Flask has signed with the same key comes back with its types."""
    read = decode(cookie)

    assert DecodedSession(values, 0.0) == read
    assert {key: type(value) for key, value in values.items()} == {
        key: type(value) for key, value in read.values.items()
    }


@pytest.mark.parametrize(("cookie", "values"), [param for param in FROM_FLASK if not param.values[0].startswith(".")])
def test_a_cookie_is_the_very_one_that_flask_makes(cookie, values):
    """Where nothing is compressed, which depends on the version of zlib, the bytes are the same."""

    assert cookie == encode(values)


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=8), st.text(max_size=2000) | st.binary(max_size=20), max_size=4))
def test_what_is_signed_is_read_back(values):
    """Signing and reading is the identity, compressed or not, and the text needs no quoting in a cookie."""
    cookie = encode(values)

    assert cookie.isascii()
    assert not set(cookie) & set(' ",;\\')
    assert DecodedSession(values, 0.0) == decode(cookie)


def flip(text: str, index: int) -> str:
    return text[:index] + ("A" if text[index] != "A" else "B") + text[index + 1 :]


def signed_raw(payload: bytes, key: str = NEW_KEY) -> str:
    """Sign any payload as only who has the key can."""
    maker = TimestampSigner(key, salt="cookie-session", key_derivation="hmac")
    maker.get_timestamp = lambda: NOW
    return maker.sign(payload).decode()


GOOD = encode({"user_id": 7})
BOMB = base64_encode(zlib.compress(b'{"a":"' + b"a" * 10_000_000 + b'"}', 9))


@pytest.mark.security("D5")
@pytest.mark.parametrize(
    "cookie",
    [
        pytest.param("", id="empty"),
        pytest.param(flip(GOOD, 3), id="payload-changed"),
        pytest.param(flip(GOOD, GOOD.index(".") + 2), id="timestamp-changed"),
        pytest.param(flip(GOOD, len(GOOD) - 5), id="signature-changed"),
        pytest.param(GOOD.rpartition(".")[0], id="signature-stripped"),
        pytest.param(GOOD.partition(".")[0], id="payload-alone"),
        pytest.param(GOOD[:-4], id="truncated"),
        pytest.param(GOOD + "x", id="prolonged"),
        pytest.param("." * 8192, id="nothing-but-dots"),
        pytest.param("é" * 100, id="beyond-ascii"),
        pytest.param("\x00", id="a-control-character"),
        pytest.param("!!!!.????.####", id="no-base64"),
        pytest.param(encode({"user_id": 7}, OLD_KEY), id="another-key"),
        pytest.param(encode({"user_id": 7}, salt="other"), id="another-salt"),
        pytest.param(signed_raw(b"!"), id="signed-but-no-base64"),
        pytest.param(signed_raw(base64_encode(b"[1]")), id="signed-but-no-dict"),
        pytest.param(signed_raw(base64_encode(b'{" t":[1]}')), id="signed-but-a-tuple"),
        pytest.param(signed_raw(base64_encode(b'{"u":{" u":"x"}}')), id="signed-but-a-wrong-tag"),
        pytest.param(signed_raw(base64_encode(b"[" * 20_000)), id="signed-but-bottomless"),
        pytest.param(signed_raw(b"." + base64_encode(b"x")), id="signed-but-not-compressed"),
        pytest.param(signed_raw(b"." + base64_encode(zlib.compress(b'{"a":1}')[:-3])), id="signed-but-cut-off"),
        pytest.param(signed_raw(b"." + BOMB), id="signed-but-a-bomb"),
    ],
)
def test_any_other_cookie_is_none(cookie):
    """A cookie that was changed, or is not a session, never raises."""

    assert decode(cookie) is None


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_no_text_raises(text):
    """Whatever a client sends is read or refused."""

    assert decode(text) is None


@pytest.mark.security("D5")
@pytest.mark.parametrize(("excess", "is_read"), [(-1, True), (0, True), (1, False)])
def test_a_session_is_decompressed_up_to_the_limit(excess, is_read):
    """64 KiB is the most that a cookie may become."""
    text = b'{"a":"%b"}' % (b"a" * (MAX_PAYLOAD_BYTES + excess - len('{"a":""}')))
    cookie = signed_raw(b"." + base64_encode(zlib.compress(text)))

    assert is_read == (decode(cookie) is not None)


@pytest.mark.security("D6")
@pytest.mark.parametrize(
    ("age_seconds", "expected"), [(-1, None), (0, 0.0), (59, 59.0), (60, 60.0), (61, None), (10**12, None)]
)
def test_a_session_ends_with_its_lifetime(age_seconds, expected):
    """A cookie is read until it is older than its lifetime, and never before it was signed."""
    read = decode(GOOD, 60, at=NOW + age_seconds)

    assert expected == (None if read is None else read.age_seconds)


@pytest.mark.security("D8")
def test_the_newest_key_signs_and_every_key_is_accepted():
    """After a rotation old cookies are read, and new ones need the old key no more."""
    made = encode({"k": 1}, NEW_KEY, OLD_KEY)

    assert {"k": 1} == decode(FROM_FLASK_WITH_OLD_KEY, 10, NEW_KEY, OLD_KEY).values
    assert {"k": 1} == decode(made, 10, NEW_KEY).values
    assert decode(made, 10, OLD_KEY) is None


def test_a_value_that_the_cookie_cannot_keep_is_named():
    """The error of the tagged JSON comes through."""
    with pytest.raises(ProgrammerError, match=r"session\['price'\]"):
        encode({"price": object()})


@pytest.mark.parametrize(
    ("values", "expected"),
    [({}, None), ({"_permanent": False}, None), ({"_permanent": True}, 60)],
    ids=["plain", "not-permanent", "permanent"],
)
def test_a_permanent_session_outlives_the_browser(values, expected):
    """The lifetime of the cookie follows from the session's own flag."""

    assert expected == FlaskCookie().cookie_lifetime_seconds(values, 60)

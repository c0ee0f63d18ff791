from __future__ import annotations

from base64 import urlsafe_b64decode
from uuid import UUID

import pytest

from costrel.app import App
from costrel.messages import AppSettings, Request
from costrel.sessions import DecodedSession, EncryptedCookie, SessionCodec, SignedCookieSessions
from costrel.sessions.sealing import seal_text

KEY = "k" * 32
OLD = "o" * 32
NOW = 1_700_000_000


def test_it_is_a_codec():
    """Two with one purpose keep the same cookie."""

    assert isinstance(EncryptedCookie(), SessionCodec)
    assert EncryptedCookie() == EncryptedCookie(purpose="session") != EncryptedCookie(purpose="admin")
    assert 1 == len({EncryptedCookie(), EncryptedCookie()})
    assert "EncryptedCookie(purpose='session')" == repr(EncryptedCookie())


def test_a_session_comes_back_with_its_age():
    """And with the types that a session keeps."""
    values = {"user": 7, "id": UUID(int=1), "t": (1, b"x")}
    text = EncryptedCookie().encode(values, [KEY], NOW)

    assert DecodedSession(values, 5.0) == EncryptedCookie().decode(text, [KEY], 10, NOW + 5)
    assert EncryptedCookie().decode(text, [KEY], 10, NOW + 11) is None
    assert EncryptedCookie(purpose="admin").decode(text, [KEY], 10, NOW) is None


@pytest.mark.capability("C085")
@pytest.mark.security("D8")
def test_the_newest_key_encrypts_and_all_decrypt():
    """A cookie of an older key is read, and not one of a key that is gone."""
    codec = EncryptedCookie()
    old, new = codec.encode({"a": 1}, [OLD], NOW), codec.encode({"a": 1}, [KEY, OLD], NOW)

    assert codec.decode(old, [KEY, OLD], 10, NOW) is not None
    assert codec.decode(new, [KEY], 10, NOW) is not None
    assert codec.decode(old, [KEY], 10, NOW) is None


@pytest.mark.parametrize("text", ["[1]", "{"], ids=["no-dict", "no-json"])
def test_what_is_encrypted_and_no_session_is_refused(text):
    """Only who has a key can make one, and it is no session all the same."""

    assert (
        EncryptedCookie().decode(seal_text(text, [KEY], "\x00session cookie\x00session", NOW), [KEY], 10, NOW) is None
    )


@pytest.mark.security("D12")
def test_what_an_application_seals_is_no_session():
    """Not even for a purpose of the same name."""

    assert EncryptedCookie().decode(seal_text('{"user":1}', [KEY], "session", NOW), [KEY], 10, NOW) is None


@pytest.mark.parametrize(("values", "expected"), [({"_permanent": True}, 99), ({}, None)])
def test_a_permanent_session_outlives_the_browser(values, expected):
    """As Flask's does."""

    assert expected == EncryptedCookie().cookie_lifetime_seconds(values, 99)


@pytest.mark.capability("C083")
def test_the_client_cannot_read_an_encrypted_session():
    """Neither its values nor their names are in the cookie, and the next request has them."""
    app = App(settings=AppSettings(secret_key=KEY), extensions=[SignedCookieSessions(codec=EncryptedCookie())])

    @app.get("/set")
    async def set_values(request: Request) -> str:
        request.session["email"] = "ann@shop.example"
        return ""

    @app.get("/see")
    async def see(request: Request) -> dict[str, object]:
        return dict(request.session)

    with app.test_client() as client:
        cookie = client.get("/set").headers["set-cookie"].partition("=")[2].partition(";")[0]
        seen = client.get("/see").json()
        changed = client.get("/see", cookies={"session": cookie[:-4] + "AAAA"})
    raw = urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4))

    assert {"email": "ann@shop.example"} == seen
    assert not [part for part in (b"email", b"ann", b"shop") if part in raw or part.decode() in cookie]
    assert ({}, True) == (changed.json(), "Max-Age=0" in changed.headers["set-cookie"])

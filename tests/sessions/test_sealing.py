from __future__ import annotations

import subprocess
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings, strategies as st

from costrel.app import App
from costrel.errors import MissingSecretKey, OutsideRequest, ProgrammerError
from costrel.messages import AppSettings
from costrel.sessions import InvalidSeal, seal, unseal
from costrel.sessions.sealing import MAX_TOKEN_CHARACTERS, open_text, seal_text

KEY = "k" * 32
OLD = "o" * 32
NOW = 1_700_000_000.5


def raw_of(token: str) -> bytes:
    return urlsafe_b64decode(token + "=" * (-len(token) % 4))


def token_of(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"user": 7, "name": "Zoë", "list": [1, None, True, 1.5]}, id="json"),
        pytest.param(("a", b"\x00", UUID(int=5), datetime(2024, 2, 29, tzinfo=UTC)), id="tagged"),
        pytest.param("", id="empty-text"),
        pytest.param(None, id="none"),
        pytest.param("\ud800", id="half-a-surrogate-pair"),
    ],
)
def test_a_sealed_value_is_opened(value):
    """It comes back as it was, with its types."""

    assert value == unseal(seal(value, purpose="p", keys=[KEY]), purpose="p", max_age_seconds=60, keys=[KEY])


@settings(max_examples=50)
@given(st.text(), st.text(max_size=20))
def test_any_text_goes_round(text, purpose):
    """Whatever the text and the purpose, and the token needs no quoting."""
    token = seal_text(text, [KEY], purpose, NOW)

    assert (text, 0.5) == open_text(token, [KEY], purpose, 10, NOW)
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_the_bytes_are_those_of_the_standards():
    """HKDF-SHA-256, HMAC-SHA-256 and AES-256-GCM as another implementation computes them open the token."""
    raw = raw_of(seal_text("secret", [KEY], "purpose", NOW))
    hkdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=b"costrel seal 1", info=b"purpose").derive(KEY.encode())
    step = HMAC(hkdf, hashes.SHA256())
    step.update(raw[1:13])
    content = AESGCM(step.finalize()).decrypt(raw[13:25], raw[25:], b"\x01")

    assert int(NOW).to_bytes(8, "big") + b"secret" == content
    assert 1 == raw[0]


def test_no_two_tokens_are_alike():
    """The same value is sealed under another key and nonce each time."""
    tokens = [raw_of(seal("a", purpose="p", keys=[KEY])) for _ in range(20)]

    assert 20 == len({raw[1:13] for raw in tokens}) == len({raw[13:25] for raw in tokens})


@pytest.mark.capability("X27")
@pytest.mark.security("D8")
def test_a_sealed_value_opens_with_an_older_key():
    """The newest key seals, all of them open, and one that is gone does not."""
    old = seal("a", purpose="p", keys=[OLD])
    new = seal("b", purpose="p", keys=[KEY, OLD])

    assert "a" == unseal(old, purpose="p", max_age_seconds=60, keys=[KEY, OLD])
    assert "b" == unseal(new, purpose="p", max_age_seconds=60, keys=[KEY])
    with pytest.raises(InvalidSeal):
        unseal(old, purpose="p", max_age_seconds=60, keys=[KEY])


@pytest.mark.security("D5")
def test_a_token_that_was_changed_anywhere_is_refused():
    """Each byte is changed, in turn, and each cut is tried."""
    raw = raw_of(seal_text("secret", [KEY], "p", NOW))
    changed = [token_of(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]) for place in range(len(raw))]
    cut = [token_of(raw[:length]) for length in range(len(raw))]

    assert {None} == {open_text(token, [KEY], "p", None, NOW) for token in [*changed, *cut]}


@pytest.mark.security("D5")
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda token: token + "=", id="padding"),
        pytest.param(lambda token: token[:5] + "!" + token[5:], id="what-base64-passes-over"),
        pytest.param(lambda token: token + "\n", id="a-line-end"),
        pytest.param(lambda token: token.replace(token[0], "é", 1), id="not-ascii"),
        pytest.param(lambda token: "", id="nothing"),
        pytest.param(lambda token: "." * 8192, id="periods"),
        pytest.param(lambda token: "A" * (MAX_TOKEN_CHARACTERS + 1), id="too-long"),
        pytest.param(lambda token: "\ud800", id="half-a-surrogate-pair"),
    ],
)
def test_a_token_is_written_in_one_way(change):
    """Another spelling of the same bytes is no token."""

    assert open_text(change(seal_text("a", [KEY], "p", NOW)), [KEY], "p", None, NOW) is None


@pytest.mark.security("D12")
def test_a_token_opens_for_its_purpose_alone():
    """A token for one thing is good for nothing else."""
    token = seal(1, purpose="invitation", keys=[KEY])

    with pytest.raises(InvalidSeal) as caught:
        unseal(token, purpose="password-reset", max_age_seconds=60, keys=[KEY])
    assert 400 == caught.value.status_code


@pytest.mark.parametrize(
    ("age_seconds", "max_age_seconds", "opens"),
    [(10, 10, True), (11, 10, False), (10**9, None, True), (-60, 10, True), (-62, 10, False), (-62, None, False)],
)
def test_a_token_is_opened_for_its_time(age_seconds, max_age_seconds, opens):
    """A clock may be ahead of ours by a minute."""
    opened = open_text(seal_text("a", [KEY], "p", NOW), [KEY], "p", max_age_seconds, int(NOW) + age_seconds)

    assert (("a", float(max(age_seconds, 0))) if opens else None) == opened


@pytest.mark.parametrize("text", ["{", '{" u":"x"}'], ids=["no-json", "a-tag-that-does-not-fit"])
def test_what_is_sealed_and_no_value_is_refused(text):
    """Who has a key can seal anything; it is answered like any other token that is none."""
    import time

    with pytest.raises(InvalidSeal):
        unseal(seal_text(text, [KEY], "p", time.time()), purpose="p", max_age_seconds=60, keys=[KEY])


def test_the_keys_are_those_of_the_application():
    """In a handler nobody says which."""
    app = App("test", settings=AppSettings(secret_key=(KEY, OLD)), extensions=())

    @app.get("/")
    async def index() -> str:
        return seal([1], purpose="p")

    @app.get("/open/{token}")
    async def open_token(token: str) -> object:
        return unseal(token, purpose="p", max_age_seconds=60)

    with app.test_client() as client:
        token = client.get("/").text
        assert [1] == client.get(f"/open/{token}").json()
        assert 400 == client.get("/open/nonsense").status_code
    assert [1] == unseal(token, purpose="p", max_age_seconds=60, keys=[KEY])


def test_without_an_application_or_a_key_it_says_so():
    """Nothing is ever sealed with an empty key."""
    with pytest.raises(OutsideRequest):
        seal(1, purpose="p")
    with pytest.raises(MissingSecretKey, match="`unseal` needs a secret key"):
        unseal("x", purpose="p", max_age_seconds=1, keys=())
    with pytest.raises(TypeError, match="a list of keys"):
        seal(1, purpose="p", keys=KEY)
    with pytest.raises(ProgrammerError, match=r"`value\['a'\]` is of type `complex`"):
        seal({"a": 1j}, purpose="p", keys=[KEY])


def test_without_the_package_it_names_the_extra():
    """What is encrypted needs `cryptography`; importing the framework does not."""
    code = (
        "import sys\n"
        "from costrel.sessions import InvalidSeal, seal, EncryptedCookie\n"
        "print('cryptography' in sys.modules)\n"
        "sys.modules['cryptography'] = None\n"
        "sys.modules['cryptography.exceptions'] = None\n"
        "for use in (lambda: seal(1, purpose='p', keys=['k' * 32]), EncryptedCookie):\n"
        "    try:\n"
        "        use()\n"
        "    except Exception as error:\n"
        "        print(error.code, 'costrel[seal]' in str(error))\n"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert "False\nCOS-SESSION-010 True\nCOS-SESSION-010 True\n" == printed

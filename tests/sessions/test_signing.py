from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings, strategies as st
from itsdangerous import Signer, TimestampSigner
from itsdangerous.encoding import base64_decode, base64_encode, bytes_to_int, int_to_bytes

from costrel.sessions.signing import Scheme, bytes_from_int, int_from_bytes, sign, unsign

NOW = 1_700_000_000.75
SCHEME = Scheme(b".", "hmac", hashlib.sha1, bytes_from_int, int_from_bytes)
LENIENT = Scheme(b":", "django-concat", hashlib.sha256, lambda number: b"%d" % number, int, allows_future=True)
KEY = "key-key-key-key-key"


def test_a_signed_text_is_the_one_of_itsdangerous():
    """The same payload, key, salt and time make the same bytes."""
    signer = TimestampSigner(KEY, salt="purpose", key_derivation="hmac")
    signer.get_timestamp = lambda: int(NOW)

    assert signer.sign(b"payload").decode() == sign(b"payload", SCHEME, (KEY,), "purpose", NOW)


def theirs(scheme, keys, salt) -> Signer:
    """Make a signer of itsdangerous, which wants the oldest key first."""
    return Signer(
        list(reversed(keys)),
        salt=salt,
        sep=scheme.separator,
        key_derivation=scheme.key_derivation,
        digest_method=scheme.digest_method,
    )


payloads = st.binary(max_size=40).map(base64_encode)
some_keys = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20), min_size=1, max_size=3)
salts = st.text(st.characters(codec="utf-8"), max_size=10)


@settings(max_examples=80)
@given(st.sampled_from([SCHEME, LENIENT]), payloads, some_keys, salts, st.integers(0, 2**40))
def test_every_signature_is_the_one_of_itsdangerous(scheme, payload, keys, salt, now):
    """The same bytes for any payload, keys and salt, and each side reads what the other has signed."""
    text = sign(payload, scheme, keys, salt, now)
    timed = payload + scheme.separator + scheme.write_time(now)
    old = theirs(scheme, keys[-1:], salt).sign(timed).decode()

    assert theirs(scheme, keys, salt).sign(timed) == text.encode()
    assert (payload, 0.0) == unsign(text, scheme, keys, salt, 10, now) == unsign(old, scheme, keys, salt, 10, now)


@pytest.mark.security("D5")
@settings(max_examples=80)
@given(st.sampled_from([SCHEME, LENIENT]), payloads, st.integers(0, 200), st.integers(1, 127))
def test_a_text_with_one_character_changed_is_refused(scheme, payload, place, change):
    """In payload, time or signature: none is accepted, whatever base64 passes over."""
    text = bytearray(sign(payload, scheme, (KEY,), "salt", NOW).encode())
    text[place % len(text)] ^= change

    assert unsign(text.decode("latin-1"), scheme, (KEY,), "salt", 10, NOW) is None


@given(st.integers(0, 2**64 - 1))
def test_a_time_is_written_as_itsdangerous_does(seconds):
    """And read."""
    written = bytes_from_int(seconds)

    assert base64_encode(int_to_bytes(seconds)) == written
    assert seconds == int_from_bytes(written) == bytes_to_int(base64_decode(written))


@pytest.mark.parametrize("scheme", [SCHEME, LENIENT], ids=["a-period", "a-colon"])
def test_a_payload_comes_back_with_its_age(scheme):
    """The payload may contain the separator, and the age counts from the whole second of signing."""
    text = sign(b"a.b:c", scheme, (KEY,), "purpose", NOW)

    assert (b"a.b:c", 2.5) == unsign(text, scheme, (KEY,), "purpose", 10, NOW + 1.75)


@pytest.mark.parametrize(
    ("scheme", "age_seconds", "is_accepted"),
    [
        (SCHEME, -1, False),
        (SCHEME, 0, True),
        (SCHEME, 10, True),
        (SCHEME, 11, False),
        (LENIENT, -1, True),
        (LENIENT, 11, False),
    ],
)
def test_a_signature_is_accepted_for_its_time(scheme, age_seconds, is_accepted):
    """One of the future only where the scheme says so, and then it is as new as can be."""
    read = unsign(sign(b"p", scheme, (KEY,), "s", NOW), scheme, (KEY,), "s", 10, int(NOW) + age_seconds)

    assert ((b"p", float(max(age_seconds, 0))) if is_accepted else None) == read


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"no-time", id="no-separator"),
        pytest.param(b"payload:x", id="no-number"),
    ],
)
def test_what_is_signed_without_a_time_is_refused(value):
    """Who has the key can sign anything, and what has no time is no session."""
    text = TimestampSigner.__mro__[1](KEY, salt="s", sep=b":", digest_method=hashlib.sha256).sign(value).decode()

    assert unsign(text, LENIENT, (KEY,), "s", 10, NOW) is None


@pytest.mark.parametrize("text", ["", ":", "a:1:b", "é" * 9, "\x00"])
def test_what_is_not_signed_is_refused(text):
    """Nothing raises."""

    assert unsign(text, LENIENT, (KEY,), "s", 10, NOW) is None


@pytest.mark.security("D8")
def test_the_first_key_signs_and_all_are_accepted():
    """Keys come newest first."""
    text = sign(b"p", SCHEME, ("new-key", "old-key"), "s", NOW)

    assert unsign(text, SCHEME, ("new-key",), "s", 10, NOW) is not None
    assert unsign(text, SCHEME, ("newest-key", "new-key"), "s", 10, NOW) is not None
    assert unsign(text, SCHEME, ("old-key",), "s", 10, NOW) is None

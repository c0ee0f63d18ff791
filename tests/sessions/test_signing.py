from __future__ import annotations

import hashlib

import pytest
from itsdangerous import TimestampSigner

from costrel.sessions.signing import Scheme, bytes_from_int, int_from_bytes, sign, unsign

NOW = 1_700_000_000.75
SCHEME = Scheme(b".", "hmac", hashlib.sha1, bytes_from_int, int_from_bytes)
LENIENT = Scheme(b":", "django-concat", hashlib.sha256, lambda number: b"%d" % number, int, allows_future=True)
KEY = "key-key-key-key-key"


def test_a_signed_text_is_the_one_of_itsdangerous():
    """The same payload, key, salt and time make the same bytes."""
    theirs = TimestampSigner(KEY, salt="purpose", key_derivation="hmac")
    theirs.get_timestamp = lambda: int(NOW)

    assert theirs.sign(b"payload").decode() == sign(b"payload", SCHEME, (KEY,), "purpose", NOW)


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

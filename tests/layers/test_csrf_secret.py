from __future__ import annotations

import base64

import pytest
from hypothesis import given, strategies as st

from costrel.layers.csrf_secret import mask, open_seal, seal, unmask

KEYS = ("new key of the tests", "old key of the tests")
SECRET = bytes(range(16))
NOW = 1_700_000_000.5


@given(st.binary(min_size=16, max_size=16))
def test_a_mask_comes_off(secret: bytes) -> None:
    """What was masked is the same when it is unmasked."""

    assert secret == unmask(mask(secret))


@pytest.mark.security("G13")
def test_no_two_tokens_of_a_secret_are_alike() -> None:
    """What compressing a page tells of one token says nothing of the next (BREACH)."""
    tokens = {mask(SECRET) for _ in range(100)}
    contents = [base64.urlsafe_b64decode(token + "=") for token in tokens]

    assert 100 == len(tokens)
    assert [] == [content for content in contents if SECRET in content]
    assert [100, 100] == [len({content[half] for content in contents}) for half in (slice(16), slice(16, 32))]


@given(st.text(max_size=60))
def test_any_text_is_a_token_or_none(text: str) -> None:
    """Nothing raises, and a secret has its length."""
    found = unmask(text)

    assert found is None or len(found) == 16


@pytest.mark.parametrize("text", ["", "A" * 42, "A" * 44, "A" * 42 + "=", "A" * 42 + "+", "A" * 43 + "\n", "é" * 43])
def test_a_token_has_one_form(text: str) -> None:
    """Forty-three characters of URL-safe base64."""

    assert unmask(text) is None


@given(st.binary(min_size=16, max_size=16), st.integers(0, 10**11))
def test_a_seal_opens(secret: bytes, now: int) -> None:
    """The secret and its time come back."""

    assert (secret, now) == open_seal(seal(secret, KEYS, "test", now), KEYS, "test")


@pytest.mark.parametrize(
    ("signing", "reading", "is_known"),
    [
        pytest.param(KEYS, KEYS, True, id="the-newest"),
        pytest.param(KEYS[1:], KEYS, True, id="an-older-one"),
        pytest.param(KEYS, KEYS[1:], False, id="a-newer-one"),
        pytest.param(KEYS, (), False, id="none"),
    ],
)
def test_keys_rotate(signing: tuple[str, ...], reading: tuple[str, ...], is_known: bool) -> None:
    """The newest key signs and every key is accepted."""

    assert is_known == (open_seal(seal(SECRET, signing, "test", NOW), reading, "test") is not None)


@pytest.mark.security("D12")
def test_a_seal_has_one_purpose() -> None:
    """Another application with the same key has another purpose."""

    assert open_seal(seal(SECRET, KEYS, "test", NOW), KEYS, "other") is None


def test_a_seal_that_was_changed_is_none() -> None:
    """Every character of the secret, the time and the signature counts, but for the bits that base64 leaves over."""
    sealed = seal(SECRET, KEYS, "test", NOW)
    changed = []
    for index, character in enumerate(sealed):
        for other in ("A", "B", "7", ".", "é"):
            text = sealed[:index] + other + sealed[index + 1 :]
            if other != character and open_seal(text, KEYS, "test") is not None:
                changed.append(text)

    assert [] == changed


@given(st.text(max_size=100))
def test_any_text_is_no_seal(text: str) -> None:
    """Nothing raises, and nothing that was not signed is accepted."""

    assert open_seal(text, KEYS, "test") is None


@pytest.mark.parametrize(
    "text",
    ["", "..", "A" * 22 + ".1." + "A" * 43, "A" * 22 + ".٣." + "A" * 43, "A" * 22 + "." + "9" * 5000 + "." + "A" * 43],
)
def test_a_seal_has_one_form(text: str) -> None:
    """What is none by its grammar is not even compared."""

    assert open_seal(text, KEYS, "test") is None

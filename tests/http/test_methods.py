"""Request methods: which are standard, safe, idempotent, and what a token is."""

from __future__ import annotations

import string

import pytest

from costrel.http.methods import (
    IDEMPOTENT_METHODS,
    SAFE_METHODS,
    STANDARD_METHODS,
    is_idempotent,
    is_safe,
    is_token,
)


def test_the_tables_hold_the_methods_of_rfc_9110_with_patch_and_query() -> None:
    """Safe methods are idempotent, and both are standard."""
    assert {"GET", "HEAD", "OPTIONS", "QUERY", "TRACE"} == SAFE_METHODS
    assert SAFE_METHODS | {"PUT", "DELETE"} == IDEMPOTENT_METHODS
    assert IDEMPOTENT_METHODS | {"POST", "PATCH", "CONNECT"} == STANDARD_METHODS


@pytest.mark.parametrize(
    ("method", "safe", "idempotent"),
    [
        pytest.param("GET", True, True, id="get-changes-nothing"),
        pytest.param("PUT", False, True, id="put-changes-but-may-be-repeated"),
        pytest.param("POST", False, False, id="post-may-not-be-repeated"),
        pytest.param("PATCH", False, False, id="patch-may-not-be-repeated"),
        pytest.param("get", False, False, id="methods-are-case-sensitive"),
        pytest.param("FOOBAR", False, False, id="unknown-methods-promise-nothing"),
    ],
)
def test_what_a_method_promises(method: str, safe: bool, idempotent: bool) -> None:
    """Only what is defined to be safe or idempotent is treated so."""
    actual = (is_safe(method), is_idempotent(method))

    assert (safe, idempotent) == actual


def test_every_byte_is_a_token_exactly_when_rfc_9110_says_so() -> None:
    """A tchar is a letter, a digit or one of fifteen marks."""
    allowed = set((string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~").encode())

    actual = {code for code in range(256) if is_token(bytes([code]))}

    assert allowed == actual


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"GET ", id="space-at-the-end"),
        pytest.param(b"G(T", id="delimiter-in-the-middle"),
        pytest.param(b"GET\n", id="newline-at-the-end"),
    ],
)
def test_one_bad_byte_anywhere_makes_no_token(value: bytes) -> None:
    """A token has at least one byte and no other than tchars."""
    assert not is_token(value)

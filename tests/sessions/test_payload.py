from __future__ import annotations

import zlib
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given, strategies as st

from costrel.sessions.payload import MAX_PAYLOAD_BYTES, read_payload, write_payload


@given(st.binary(max_size=2000) | st.integers(0, 2000).map(bytes))
def test_content_comes_back(content):
    """Whether it was compressed or not."""

    assert content == read_payload(write_payload(content))


@pytest.mark.parametrize(
    ("content", "is_compressed"), [(b"abc", False), (b"a" * 100, True)], ids=["short", "repetitive"]
)
def test_content_is_compressed_where_that_is_shorter(content, is_compressed):
    """A period tells."""

    assert is_compressed == write_payload(content).startswith(b".")


@pytest.mark.security("D5")
@pytest.mark.parametrize("excess", [-1, 0, 1])
def test_content_is_decompressed_up_to_the_limit(excess):
    """One byte more than the limit is refused."""
    payload = write_payload(bytes(MAX_PAYLOAD_BYTES + excess))

    if excess > 0:
        with pytest.raises(ValueError, match="larger than 65536 bytes"):
            read_payload(payload)
    else:
        assert MAX_PAYLOAD_BYTES + excess == len(read_payload(payload))


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        pytest.param(b"." + urlsafe_b64encode(b"xxxx"), "not compressed", id="not-compressed"),
        pytest.param(b"." + urlsafe_b64encode(zlib.compress(b"abc")[:-3]), "cut off", id="cut-off"),
        pytest.param(b"a", "base64|[Pp]adding", id="no-base64"),
    ],
)
def test_what_is_no_payload_is_an_error(payload, message):
    """A `ValueError` says so."""
    with pytest.raises(ValueError, match=message):
        read_payload(payload)

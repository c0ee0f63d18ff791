"""Keys that occur twice."""

from __future__ import annotations

import pytest

from costrel.errors import BadRequest
from costrel.handling.unique_keys import check_unique_keys


@pytest.mark.security("C26")
@pytest.mark.capability("C060")
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b'{"a":1,"a":2}', id="at-the-top"),
        pytest.param(b'[{"b":{"a":1,"a":1}}]', id="deep-inside-with-equal-values"),
        pytest.param(b'{"a":1,"\\u0061":2}', id="once-escaped"),
    ],
)
def test_a_key_that_occurs_twice_is_refused(content: bytes) -> None:
    """Two readers could choose different values of such a key."""
    with pytest.raises(BadRequest) as caught:
        check_unique_keys(content)

    assert "The body has a JSON object with a key that occurs twice." == caught.value.detail


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b'{"a":1,"b":{"a":2}}', id="equal-keys-of-two-objects"),
        pytest.param(b'{"a":' + b"9" * 5000 + b"}", id="a-number-of-many-digits"),
        pytest.param(b'{"a":', id="malformed"),
        pytest.param(b"\xff", id="not-utf-8"),
        pytest.param(b"[" * 100_000, id="nested-too-deeply"),
        pytest.param(b"5", id="no-object"),
    ],
)
def test_everything_else_passes(content: bytes) -> None:
    """What is malformed in another way is the decoder's business."""

    assert check_unique_keys(content) is None

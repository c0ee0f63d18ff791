from __future__ import annotations

import time
from dataclasses import replace

import pytest

from costrel.errors import BadRequest
from costrel.messages import DEFAULT_LIMITS, check_json_shape, parse_form

pytestmark = pytest.mark.integration


@pytest.mark.security("C12")
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\r" * 2_000_000, id="carriage-returns"),
        pytest.param(b"\r\n--an" * 300_000, id="look-alikes-of-the-boundary"),
        pytest.param(b"\r\n--" * 500_000, id="halves-of-the-boundary"),
    ],
)
def test_hostile_multipart_costs_linear_time(content):
    """Content made to look like boundaries is searched once."""
    limits = replace(DEFAULT_LIMITS, max_multipart_bytes=10_000_000)
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n'
    started_at = time.process_time()
    form = parse_form(head + content + b"\r\n--b--", "multipart/form-data; boundary=b", limits)

    assert len(content) == form.files["f"].size_bytes
    assert time.process_time() - started_at < 1.0


@pytest.mark.security("C25")
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"[" * 1_000_000, id="open-brackets"),
        pytest.param(b"[]" * 500_000, id="pairs"),
        pytest.param(b"[" * 65 + b'"\\"' * 300_000, id="escaped-quotes-without-an-end"),
        pytest.param(b"[" * 65 + b'""' * 400_000, id="empty-strings"),
        pytest.param(b"[" * 65 + b"1" * 308 + b"," * 1_000 + b"1" * 900_000, id="digits"),
        pytest.param((b"[" * 64 + b"]" * 64 + b",") * 7_000, id="as-deep-as-allowed-everywhere"),
    ],
)
def test_hostile_json_costs_linear_time(content):
    """The look at depth and digits of 1 MB takes a fraction of a second, whatever it is."""
    started_at = time.process_time()
    try:
        check_json_shape(content, max_depth=64)
    except BadRequest:
        pass

    assert time.process_time() - started_at < 0.5

"""The parsers of header fields stay within a budget of CPU time on hostile input.

What they answer is tested beside each module; here only the time counts, so this file reads a clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from costrel.http import (
    essence_of,
    negotiate_charset,
    negotiate_encoding,
    negotiate_language,
    negotiate_media_type,
    parse_accept,
    parse_authorization,
    parse_basic,
    parse_cookies,
    parse_http_date,
)

pytestmark = pytest.mark.integration

SIZE_BYTES = 65_536


def cpu_milliseconds(call: Callable[[], object]) -> float:
    """Give the least CPU time of five calls, which leaves out what the machine does besides."""
    times = []
    for _ in range(5):
        start = time.process_time_ns()
        call()
        times.append(time.process_time_ns() - start)
    return min(times) / 1e6


PARSERS: list[Callable[[str], object]] = [
    essence_of,
    parse_accept,
    lambda value: negotiate_media_type(value, ["text/html", "application/json"]),
    lambda value: negotiate_language(value, ["en", "de"]),
    lambda value: negotiate_encoding(value, ["br", "gzip"]),
    lambda value: negotiate_charset(value, ["utf-8"]),
    parse_authorization,
    lambda value: parse_authorization(f"Digest {value}"),
    lambda value: parse_basic(f"Basic {value}"),
    parse_http_date,
]


@pytest.mark.security("L16")
@pytest.mark.parametrize("start", ["", "a/b", 'a/b;c="', "a=b,"])
@pytest.mark.parametrize("piece", ["*/*,", ";q=0", ";", ",", " ", '"', '"\\', "\\", "a-a-", "x=y;", "a=", 'a="b",'])
def test_every_field_parser_answers_64_kib_within_20_ms(piece: str, start: str) -> None:
    """Whatever is repeated, no parser of a field takes longer than its budget."""
    value = start + piece * (SIZE_BYTES // len(piece))

    slowest = max(cpu_milliseconds(lambda parser=parser: parser(value)) for parser in PARSERS)

    assert slowest <= 20


@pytest.mark.security("D1")
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b'a="' + b"\\1" * (SIZE_BYTES // 2) + b'"', id="one-cookie-of-escapes"),
        pytest.param(b'a="' + b"\\1" * 7000 + b'";' + b"b" * SIZE_BYTES, id="escapes-just-below-the-limit"),
        pytest.param(b'a="' + b"\\" * SIZE_BYTES + b'"', id="backslashes"),
        pytest.param(b";" * SIZE_BYTES, id="semicolons"),
        pytest.param(b"a=b;" * (SIZE_BYTES // 4), id="pairs"),
        pytest.param(b",=;" * 5000, id="junk"),
    ],
)
def test_cookies_of_64_kib_are_read_within_5_ms(value: bytes) -> None:
    """The limits on bytes and cookies bound the time."""
    assert cpu_milliseconds(lambda: parse_cookies(value)) <= 5

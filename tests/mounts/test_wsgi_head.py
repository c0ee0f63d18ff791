"""What `start_response` takes and refuses."""

from __future__ import annotations

from typing import Any

import pytest

from costrel.errors import ProgrammerError
from costrel.mounts.wsgi_head import read_head


@pytest.mark.parametrize(
    ("status", "code"),
    [
        pytest.param("200 OK", 200, id="plain"),
        pytest.param("418 I'm a teapot", 418, id="unusual"),
        pytest.param("599 My Own Reason", 599, id="reason-of-its-own"),
        pytest.param("404", 404, id="no-reason"),
        pytest.param("404 ", 404, id="empty-reason"),
        pytest.param("404 Pas trouv\u00e9", 404, id="latin-1-reason"),
        pytest.param("999 Blocked", 999, id="last"),
    ],
)
def test_status(status: str, code: int) -> None:
    """Three digits and any reason are a status."""
    assert code == read_head(status, [], "app").status_code


@pytest.mark.parametrize(
    "status",
    [
        pytest.param("OK", id="no-number"),
        pytest.param("20 OK", id="two-digits"),
        pytest.param("2000", id="four-digits"),
        pytest.param("200OK", id="no-space"),
        pytest.param("100 Continue", id="not-final"),
        pytest.param("200 OK\r\nSet-Cookie: a=b", id="line-break"),
        pytest.param("\u0662\u0660\u0660 OK", id="digits-of-another-script"),
        pytest.param(b"200 OK", id="bytes"),
        pytest.param(200, id="number"),
        pytest.param("", id="empty"),
    ],
)
def test_bad_status(status: Any) -> None:
    """What is no final status is a mistake with a code."""
    with pytest.raises(ProgrammerError) as caught:
        read_head(status, [], "app")

    assert "COS-MOUNT-103" == caught.value.code


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([("X-A", "a\r\nSet-Cookie: b=c")], id="line-break-in-value"),
        pytest.param([("X-A\n", "a")], id="line-break-in-name"),
        pytest.param([("X A", "a")], id="space-in-name"),
        pytest.param([("", "a")], id="empty-name"),
        pytest.param([("X-A", "\0")], id="nul"),
        pytest.param([("X-A", "\u20ac")], id="beyond-latin-1"),
        pytest.param([(b"X-A", "a")], id="bytes-name"),
        pytest.param([("X-A", b"a")], id="bytes-value"),
        pytest.param([("X-A", 5)], id="number"),
        pytest.param([("X-A",)], id="no-value"),
        pytest.param([("a", "b", "c")], id="three-items"),
        pytest.param([None], id="no-pair"),
    ],
)
def test_bad_header(headers: Any) -> None:
    """What cannot be sent is a mistake with a code, and its value is not shown."""
    with pytest.raises(ProgrammerError) as caught:
        read_head("200 OK", headers, "app")

    assert "COS-MOUNT-104" == caught.value.code
    assert "Set-Cookie" not in str(caught.value)


def test_fields_keep_their_order_and_lines() -> None:
    """Names are lowered, several lines of one name stay, and the length is known."""
    head = read_head("200 OK", [("Set-Cookie", "a=1"), ("Content-Length", "5"), ("Set-Cookie", "b=2")], "app")

    assert [(b"set-cookie", b"a=1"), (b"content-length", b"5"), (b"set-cookie", b"b=2")] == head.fields
    assert 5 == head.content_length


@pytest.mark.parametrize("value", ["", "five", "-1", "5.0", "9" * 20])
def test_length_that_is_none(value: str) -> None:
    """A length that is no number is no length."""
    assert read_head("200 OK", [("Content-Length", value)], "app").content_length is None


def test_fields_of_the_connection_are_left_out() -> None:
    """Hop-by-hop fields are the server's (PEP 3333, RFC 9110 §7.6.1)."""
    names = ["Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "X-A"]

    assert [(b"x-a", b"1")] == read_head("200 OK", [(name, "1") for name in names], "app").fields

"""What the doctor asks for: lists that people write, and access logs."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from costrel.cli.doctor_requests import ReplayRequest, Skipped, plan_replay, read_request_log, read_requests
from costrel.errors import ConfigurationError
from costrel.server.access_log import format_access_json


def write(path: Path, *lines: str) -> str:
    """Write lines and return the path."""
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return str(path)


def logged(method: str = "GET", path: str = "/", status_code: int = 200) -> str:
    """A line of an access log."""
    return format_access_json({"method": method, "path": path, "status_code": status_code}, 0)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("GET /a?b=1", ReplayRequest("GET", "/a?b=1"), id="a-method-and-a-path"),
        pytest.param("  head   /a  ", ReplayRequest("HEAD", "/a"), id="white-space-and-case"),
        pytest.param("/a", ReplayRequest("GET", "/a"), id="a-path-alone"),
        pytest.param('{"path": "/a"}', ReplayRequest("GET", "/a"), id="json-with-a-path"),
        pytest.param(
            '{"method": "PUT", "path": "/a", "headers": {"Accept": "text/html"}, "body": "text"}',
            ReplayRequest("PUT", "/a", (("Accept", "text/html"),), b"text"),
            id="json-with-everything",
        ),
        pytest.param(
            '{"method": "POST", "path": "/a", "body": {"item": "tea"}}',
            ReplayRequest("POST", "/a", (("Content-Type", "application/json"),), b'{"item": "tea"}'),
            id="a-json-body",
        ),
        pytest.param(
            '{"method": "POST", "path": "/a", "headers": {"content-type": "application/merge-patch+json"}, "body": []}',
            ReplayRequest("POST", "/a", (("content-type", "application/merge-patch+json"),), b"[]"),
            id="a-json-body-with-its-own-type",
        ),
    ],
)
def test_a_line_is_a_request(tmp_path: Path, line: str, expected: ReplayRequest) -> None:
    """Empty lines and comments are none."""
    path = write(tmp_path / "requests.txt", "# what people look at", "", line, "   ")

    assert [expected] == read_requests(path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("GET", "The path begins with a slash", id="no-path"),
        pytest.param("GET https://shop.example/", "The path begins with a slash", id="a-whole-url"),
        pytest.param("GET /a b", "has no spaces", id="a-space"),
        pytest.param("G:T /a", "'G:T' is no method", id="no-method"),
        pytest.param('{"path": 1}', "The path begins with a slash", id="a-path-that-is-no-text"),
        pytest.param('{"path": "/"', "cannot be read", id="broken-json"),
        pytest.param("{" * 100_000, "cannot be read", id="deep-json"),
        pytest.param('{"path": "/", "url": "x", "verb": "y"}', "has no `url` or `verb`", id="unknown-members"),
        pytest.param('{"path": "/", "headers": {"A": 1}}', "`headers` is an object", id="a-header-that-is-no-text"),
        pytest.param('{"path": "/", "headers": {"A": "secret\\n"}}', "'A' cannot be sent", id="a-header-of-two-lines"),
    ],
)
def test_a_line_that_is_no_request_is_named(tmp_path: Path, line: str, said: str) -> None:
    """With its place, and without the values of its headers."""
    path = write(tmp_path / "requests.txt", "GET /", line)
    with pytest.raises(ConfigurationError, match="COS-CLI-007") as caught:
        read_requests(path)

    assert f"{path}:2" in str(caught.value)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_of_a_log_each_path_is_asked_for_once(tmp_path: Path) -> None:
    """The most asked first, with how often; what cannot be sent again says why."""
    lines = [logged(path="/a"), logged(path="/b c"), logged(path="/b c"), logged("HEAD", "/a")]
    lines += [
        logged("POST", "/orders"),
        logged(path="/chat", status_code=101),
        logged(path="/" + "x" * 2000),
        "nonsense",
    ]
    requests, skipped, broken_count = read_request_log(write(tmp_path / "access.jsonl", *lines))

    assert [("GET", "/b%20c", 2), ("GET", "/a", 1), ("HEAD", "/a", 1)] == [
        (request.method, request.target, request.count) for request in requests
    ]
    assert ["a log has no bodies", "it was a WebSocket", "the log has cut it"] == [item.why for item in skipped]
    assert 1 == broken_count


@pytest.mark.parametrize(
    ("is_unsafe", "sent", "skipped"),
    [
        pytest.param(False, ["GET"], [Skipped("POST", "/", "it may change something")], id="only-what-changes-nothing"),
        pytest.param(True, ["GET", "POST"], [], id="everything"),
    ],
)
def test_what_may_change_something_is_sent_when_told_to(
    tmp_path: Path, is_unsafe: bool, sent: list[str], skipped: list[Skipped]
) -> None:
    """Otherwise it is listed."""
    path = write(tmp_path / "requests.txt", "GET /", "POST /")
    plan = plan_replay(path, None, is_unsafe=is_unsafe, max_requests=10)

    assert sent == [request.method for request in plan.requests]
    assert skipped == list(plan.skipped)


@pytest.mark.parametrize("max_requests", [2, 3, 4])
def test_no_more_than_the_limit_is_sent(tmp_path: Path, max_requests: int) -> None:
    """The list comes before the log, and what is left out is counted."""
    requests = write(tmp_path / "requests.txt", "GET /1", "GET /2")
    log = write(tmp_path / "access.jsonl", logged(path="/3"))
    plan = plan_replay(requests, log, is_unsafe=False, max_requests=max_requests)

    assert ["/1", "/2", "/3"][:max_requests] == [request.target for request in plan.requests]
    assert max(3 - max_requests, 0) == plan.left_out_count


def test_a_list_may_come_from_another_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the standard input."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"path": "/a"})))

    assert [ReplayRequest("GET", "/a")] == read_requests("-")

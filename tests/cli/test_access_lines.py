"""Reading access logs: the forms that are known, and files of any size and state."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from costrel.cli.access_lines import MAX_LINE_CHARACTERS, AccessLine, AccessLogReader, parse_access_line
from costrel.server.access_log import format_access_json, format_access_line

FIELDS: dict[str, object] = {
    "client": "192.0.2.1",
    "method": "GET",
    "path": "/caf\u00e9 au lait",
    "status_code": 200,
    "bytes_sent": 12,
    "duration_seconds": 0.25,
    "route": "/{name}",
    "handler": "shop.show",
    "mount": "outer.legacy",
    "request_id": "3f6a",
}
EXPECTED = AccessLine("GET", "/caf\u00e9 au lait", "", 200, 0.25, "/{name}", "outer.legacy")
COMMON = '192.0.2.1 - ann [22/Nov/2026:20:00:00 +0000] "GET /caf%C3%A9?page=2&q=a%20b HTTP/1.1" 404 12'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            format_access_json(FIELDS, 0),
            AccessLine(
                "GET", "/caf\u00e9 au lait", "", 200, 0.25, "/{name}", "outer.legacy", "1970-01-01T00:00:00.000Z"
            ),
            id="json",
        ),
        pytest.param(format_access_line(FIELDS), EXPECTED, id="pairs"),
        pytest.param(f"2026-11-22T20:00:00.000Z INFO costrel.access {format_access_line(FIELDS)}", EXPECTED, id="log"),
        pytest.param(
            COMMON,
            AccessLine("GET", "/caf\u00e9", "page=2&q=a%20b", 404, time="22/Nov/2026:20:00:00 +0000"),
            id="common",
        ),
        pytest.param(
            f'{COMMON} "https://shop.example/" "Mozilla/5.0 (X11)"',
            AccessLine("GET", "/caf\u00e9", "page=2&q=a%20b", 404, time="22/Nov/2026:20:00:00 +0000"),
            id="combined",
        ),
        pytest.param('{"method": "GET", "path": "/", "status_code": 0}', AccessLine("GET", "/"), id="nothing-was-sent"),
        pytest.param('{"method": "GET", "path": 1, "status_code": 0}', None, id="a-path-that-is-no-text"),
        pytest.param('{"method": "GET"', None, id="cut-in-the-middle"),
        pytest.param("[1]", None, id="another-json"),
        pytest.param('1 - - [x] "GET http://other.example/ HTTP/1.1" 200 1', None, id="a-proxy-request"),
        pytest.param('1 - - [x] "\\x16\\x03" 400 0', None, id="no-http-at-all"),
        pytest.param('1 - - [x] "GET /%zz HTTP/1.1" 400 0', None, id="a-broken-escape"),
        pytest.param("request client=- method=GET path=/ status_code=many", None, id="a-status-that-is-no-number"),
        pytest.param("worker_started pid=1", None, id="another-line-of-the-log"),
    ],
)
def test_a_line_is_read_in_each_form(text: str, expected: AccessLine | None) -> None:
    """What is none of them is nothing."""

    assert expected == parse_access_line(text)


@given(path=st.text(min_size=1, max_size=200).map(lambda text: f"/{text}"), is_json=st.booleans())
def test_what_the_server_writes_comes_back(path: str, is_json: bool) -> None:
    """Whatever a client has sent as its path."""
    fields = {**FIELDS, "path": path}
    try:
        path.encode()
    except UnicodeEncodeError:
        return
    line = parse_access_line(format_access_json(fields, 0) if is_json else format_access_line(fields))

    assert line is not None
    assert path == line.path


@given(st.text(max_size=300))
def test_no_line_breaks_the_reader(text: str) -> None:
    """A line that somebody else has written is told apart, whatever it is."""
    line = parse_access_line(text)

    assert line is None or line.method


def test_a_path_that_was_cut_is_known() -> None:
    """It is only the beginning of what was asked for."""
    line = parse_access_line(format_access_json({**FIELDS, "path": "/" + "a" * 3000}, 0))

    assert line is not None
    assert line.is_cut


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(AccessLine("GET", "/a b"), "/a%20b", id="encoded-again"),
        pytest.param(AccessLine("GET", "/a", "b=%20"), "/a?b=%20", id="with-its-query"),
    ],
)
def test_a_line_can_be_asked_for_again(line: AccessLine, expected: str) -> None:
    """The target is what a client sends."""

    assert expected == line.target


@pytest.mark.parametrize("is_packed", [pytest.param(False, id="plain"), pytest.param(True, id="gzip")])
def test_a_file_is_read_with_its_broken_lines_counted(tmp_path: Path, is_packed: bool) -> None:
    """Empty lines are not broken, lines without an end are; one that is far too long is skipped to its end."""
    good = format_access_json(FIELDS, 0)
    text = f"{good}\n\nnonsense\n{'x' * (2 * MAX_LINE_CHARACTERS + 5)}\n{good}\n{good[:40]}"
    path = tmp_path / ("access.jsonl.gz" if is_packed else "access.jsonl")
    path.write_bytes(gzip.compress(text.encode()) if is_packed else text.encode())
    reader = AccessLogReader(str(path))

    assert 2 == len(list(reader))
    assert 3 == reader.broken_count


def test_a_packed_file_that_was_cut_is_an_error_of_reading(tmp_path: Path) -> None:
    """What came before it was read."""
    path = tmp_path / "access.jsonl.gz"
    path.write_bytes(gzip.compress(f"{format_access_json(FIELDS, 0)}\n".encode() * 1000)[:-10])

    with pytest.raises(OSError, match="ended before"):
        list(AccessLogReader(str(path)))


def test_the_standard_input_is_a_log_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a pipe can choose the lines."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{COMMON}\n"))

    assert ["/caf\u00e9"] == [line.path for line in AccessLogReader("-")]

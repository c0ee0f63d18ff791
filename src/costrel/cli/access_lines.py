"""Reading access logs, line by line: how often what was asked for, and who answered it.

Three forms are known: Costrel's own, as JSON or as ``name=value`` pairs, and the common log format that nginx, Apache
and gunicorn write, with or without what the combined format adds. Nothing is kept of a line but the `AccessLine`, so a
log of any size is read in the same memory. A line that is none of these is counted and left out.

What Costrel writes is described in `server.access_log`.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from costrel.http import decode_path, encode_path, is_token

__all__ = ["AccessLine", "AccessLogReader", "parse_access_line"]

MAX_LINE_CHARACTERS = 65_536
"""A longer line is counted as broken and skipped without being kept."""

_CUT = "~"  # the last character of a value that the log has cut
_CUT_LENGTH = 1024
_STARTS_PAIRS = re.compile(r"\brequest (?=client=)")
_COMMON = re.compile(
    r'\S+ \S+ \S+ \[(?P<time>[^\]]{1,64})\] "(?P<method>[A-Z]{1,32}) (?P<target>\S+)(?: HTTP/[\d.]{1,4})?" '
    r"(?P<status>\d{3}) "
)


@dataclass(frozen=True, slots=True)
class AccessLine:
    """What one line of an access log tells.

    Args:
        method: as it was sent.
        path: decoded, without the query.
        query: behind the question mark, as it was sent; empty when the log does not keep it.
        status_code: of the response; 0 when nothing was sent.
        duration_seconds: `None` when the log does not say.
        route: the template that matched, `None` without one.
        mount: the dotted name of the mounted application that answered, `None` for the outermost.
        time: as it stands in the line, `None` without one.
        is_cut: whether the path is only its beginning.
    """

    method: str
    path: str
    query: str = ""
    status_code: int = 0
    duration_seconds: float | None = None
    route: str | None = None
    mount: str | None = None
    time: str | None = None
    is_cut: bool = False

    @property
    def target(self) -> str:
        """The path and the query as a client sends them."""
        return f"{encode_path(self.path)}?{self.query}" if self.query else encode_path(self.path)


def parse_access_line(text: str) -> AccessLine | None:
    """Return what a line tells, or `None` when it is none of an access log.

    Args:
        text: a line, with or without its end.

    >>> parse_access_line('::1 - - [22/Nov/2026:20:00:00 +0000] "GET /a%20b?c=1 HTTP/1.1" 200 12').path
    '/a b'
    """
    text = text.strip()
    try:
        if text.startswith("{"):
            return _from_json(text)
        pairs = _STARTS_PAIRS.search(text)
        return _from_pairs(text[pairs.end() :]) if pairs is not None else _from_common(text)
    except (ValueError, TypeError, RecursionError):
        return None


def _from_json(text: str) -> AccessLine | None:
    found = json.loads(text)
    return _from_fields(found) if isinstance(found, dict) else None


def _from_pairs(text: str) -> AccessLine | None:
    fields: dict[str, object] = {}
    for pair in text.split(" "):
        name, _, value = pair.partition("=")
        if value != "-":
            fields[name] = value.encode("ascii").decode("unicode_escape") if "\\" in value else value
    fields["status_code"] = int(str(fields.get("status_code", 0)))
    if "duration_seconds" in fields:
        fields["duration_seconds"] = float(str(fields["duration_seconds"]))
    return _from_fields(fields)


def _from_fields(fields: dict[str, object]) -> AccessLine | None:
    """Take what is needed of the fields of ``request_finished``."""
    method, path, status_code = fields.get("method"), fields.get("path"), fields.get("status_code")
    duration = fields.get("duration_seconds")
    if not isinstance(method, str) or not isinstance(path, str) or not isinstance(status_code, int):
        return None
    return AccessLine(
        method=method,
        path=path,
        status_code=status_code,
        duration_seconds=float(duration) if isinstance(duration, int | float) and duration >= 0 else None,
        route=_text(fields.get("route")),
        mount=_text(fields.get("mount")),
        time=_text(fields.get("time")),
        is_cut=len(path) >= _CUT_LENGTH and path.endswith(_CUT),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value not in ("", "-") else None


def _from_common(text: str) -> AccessLine | None:
    match = _COMMON.match(text)
    if match is None or not is_token(match["method"].encode("ascii")):
        return None
    raw_path, _, query = match["target"].partition("?")
    if not raw_path.startswith("/"):
        return None
    path = decode_path(raw_path.encode("ascii"))
    return AccessLine(match["method"], path, query, int(match["status"]), time=match["time"])


class AccessLogReader:
    """Reads a file line by line; iterate it once.

    Args:
        path: of the log; one that ends in ``.gz`` is unpacked while it is read, ``-`` is the standard input.

    Attributes:
        broken_count: lines so far that are none of an access log; empty ones are not counted.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.broken_count: int = 0

    def __iter__(self) -> Iterator[AccessLine]:
        """Yield what the lines tell.

        Raises:
            OSError: the file cannot be read, or what is packed in it is broken.
        """
        if self.path == "-":
            yield from self._read(sys.stdin)
            return
        with self._open() as lines:
            try:
                yield from self._read(lines)
            except EOFError as error:
                raise OSError(str(error)) from error

    def _open(self) -> IO[str]:
        if self.path.endswith(".gz"):
            return cast("IO[str]", gzip.open(self.path, "rt", encoding="utf-8", errors="replace"))
        return Path(self.path).open(encoding="utf-8", errors="replace")

    def _read(self, lines: IO[str]) -> Iterator[AccessLine]:
        while text := lines.readline(MAX_LINE_CHARACTERS):
            if len(text) == MAX_LINE_CHARACTERS and not text.endswith("\n"):
                _skip_line(lines)
                self.broken_count += 1
                continue
            line = parse_access_line(text)
            if line is not None:
                yield line
            elif text.strip():
                self.broken_count += 1


def _skip_line(lines: IO[str]) -> None:
    """Read to the end of a line without keeping it."""
    while text := lines.readline(MAX_LINE_CHARACTERS):
        if text.endswith("\n"):
            return

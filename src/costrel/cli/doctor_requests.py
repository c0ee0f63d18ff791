"""What `costrel doctor` asks for: a list that somebody wrote, and what an access log says was asked for most.

A line of a list is a method and a path, or an object of JSON:

    GET /orders?page=2
    {"method": "POST", "path": "/orders", "headers": {"Accept": "application/json"}, "body": {"item": "tea"}}

Empty lines and those that begin with ``#`` are skipped. Of an access log each path is asked for once, the most asked
first; it has no bodies, so what is neither GET nor HEAD in it cannot be sent.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from costrel.cli.access_lines import AccessLine, AccessLogReader
from costrel.errors import ConfigurationError, Mistake
from costrel.http import is_token

__all__ = ["READ_METHODS", "ReplayPlan", "ReplayRequest", "Skipped", "plan_replay", "read_request_log", "read_requests"]

READ_METHODS = ("GET", "HEAD")
"""What is sent without being told to: both have no effect (RFC 9110 §9.2.1)."""

MAX_LOG_TARGETS = 100_000
"""Of a log at most so many different requests are counted; what comes first later than that is left out."""

_MEMBERS = frozenset({"method", "path", "headers", "body"})


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """One request, sent to both applications alike.

    Args:
        method: upper-case.
        target: path and query, as a client sends them.
        headers: beside those of every request.
        content: the body.
        count: how often an access log has it.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    content: bytes = b""
    count: int = 1


@dataclass(frozen=True, slots=True)
class Skipped:
    """A request that is not sent.

    Args:
        method: of it.
        target: path and query.
        why: for the report.
        count: how often an access log has it.
    """

    method: str
    target: str
    why: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What is sent, in order, and what is not.

    Args:
        requests: to both applications.
        skipped: for the report.
        left_out_count: requests beyond the limit.
        broken_count: lines of the access log that could not be read.
    """

    requests: tuple[ReplayRequest, ...]
    skipped: tuple[Skipped, ...] = ()
    left_out_count: int = 0
    broken_count: int = 0


def plan_replay(requests: str | None, log: str | None, *, is_unsafe: bool, max_requests: int) -> ReplayPlan:
    """Read the list, the access log or both, and decide what is sent.

    Args:
        requests: path of a list, ``-`` for the standard input.
        log: path of an access log.
        is_unsafe: whether methods of the list other than GET and HEAD are sent.
        max_requests: how many at most.

    Raises:
        ConfigurationError: COS-CLI-007, a line of the list is no request.
        OSError: a file cannot be read.
    """
    wanted = [] if requests is None else read_requests(requests)
    logged, skipped, broken_count = ([], [], 0) if log is None else read_request_log(log)
    sent: list[ReplayRequest] = []
    for request in (*wanted, *logged):
        if is_unsafe or request.method in READ_METHODS:
            sent.append(request)
        else:
            skipped.append(Skipped(request.method, request.target, "it may change something", request.count))
    return ReplayPlan(
        tuple(sent[:max_requests]), tuple(skipped), max(len(sent) - max_requests, 0), broken_count=broken_count
    )


def read_requests(path: str) -> list[ReplayRequest]:
    """Read a list of requests.

    Raises:
        ConfigurationError: COS-CLI-007, a line is no request.
        OSError: the file cannot be read.
    """
    text = sys.stdin.read() if path == "-" else Path(path).read_text("utf-8", "replace")
    shown = "standard input" if path == "-" else path
    return [
        _parse_request(line.strip(), f"{shown}:{number}")
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]


def read_request_log(path: str) -> tuple[list[ReplayRequest], list[Skipped], int]:
    """Read an access log.

    Returns:
        What can be asked for again, the most asked first; what cannot; and the number of lines that are broken.

    Raises:
        OSError: the file cannot be read.
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    reader = AccessLogReader(path)
    for line in reader:
        key = (line.method, line.target, _why_not(line))
        if key in counts or len(counts) < MAX_LOG_TARGETS:
            counts[key] += 1
    requests: list[ReplayRequest] = []
    skipped: list[Skipped] = []
    for (method, target, why), count in counts.most_common():
        if why:
            skipped.append(Skipped(method, target, why, count))
        else:
            requests.append(ReplayRequest(method, target, count=count))
    return requests, skipped, reader.broken_count


def _why_not(line: AccessLine) -> str:
    """Say why a request of a log cannot be sent again, or nothing."""
    if line.status_code == 101:
        return "it was a WebSocket"
    if line.method not in READ_METHODS:
        return "a log has no bodies"
    return "the log has cut it" if line.is_cut else ""


def _parse_request(line: str, where: str) -> ReplayRequest:
    """Parse a line of a list."""
    if line.startswith("{"):
        return _from_json(line, where)
    method, _, target = ("GET", "", line) if line.startswith("/") else line.partition(" ")
    return _checked(method, target.strip(), (), b"", where)


def _from_json(line: str, where: str) -> ReplayRequest:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _wrong(where, f"The object of JSON cannot be read: {error}.") from None
    unknown = sorted(found.keys() - _MEMBERS)
    if unknown:
        raise _wrong(where, f"A request has no {' or '.join(f'`{name}`' for name in unknown)}.")
    headers = found.get("headers", {})
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise _wrong(where, "`headers` is an object whose values are texts.")
    pairs, content = _with_body(list(headers.items()), found.get("body"))
    return _checked(found.get("method", "GET"), found.get("path"), pairs, content, where)


def _with_body(headers: list[tuple[str, str]], body: object) -> tuple[Iterable[tuple[str, str]], bytes]:
    """Return the headers and the content: a text as it is, anything else as JSON."""
    if body is None:
        return headers, b""
    if isinstance(body, str):
        return headers, body.encode("utf-8", "surrogatepass")
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    return headers, json.dumps(body).encode()


def _checked(
    method: object, target: object, headers: Iterable[tuple[str, str]], content: bytes, where: str
) -> ReplayRequest:
    """Make the request, when its parts can be sent."""
    if not isinstance(method, str) or not is_token(method.encode("utf-8", "replace")):
        raise _wrong(where, f"{method!r:.100} is no method.")
    if not isinstance(target, str) or not target.startswith("/") or any(letter <= " " for letter in target):
        raise _wrong(where, "The path begins with a slash and has no spaces.")
    pairs = tuple(headers)
    for name, value in pairs:
        if not is_token(name.encode("utf-8", "replace")) or not value.isprintable():
            # SECURITY: the value may be a secret, so it is not shown.
            raise _wrong(where, f"The header {name!r:.100} cannot be sent.")
    return ReplayRequest(method.upper(), target, pairs, content)


def _wrong(where: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        Mistake(
            "COS-CLI-007",
            "A line of the list of requests is no request.",
            where=where,
            why=why,
            fix='GET /orders?page=2      or      {"method": "POST", "path": "/orders", "body": {"item": "tea"}}',
        )
    )

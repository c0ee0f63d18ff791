"""Compares what a contender answers with what it must answer; who answers otherwise is not timed."""

from __future__ import annotations

import gzip
import http.client
import json
from dataclasses import dataclass

from harness.cases import Case
from harness.serving import Server

__all__ = ["Answer", "difference", "differences", "fetch"]

TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Answer:
    """What came back; the content is decoded."""

    status_code: int
    media_type: str
    content: bytes
    set_cookie: str = ""


def fetch(server: Server, case: Case, body: bytes | None = None) -> Answer:
    """Ask once, as the load will; `body` replaces the one of the case."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(case.method, case.path, body or case.body or None, dict(case.fields))
        response = connection.getresponse()
        media_type = (response.getheader("content-type") or "").partition(";")[0].strip().lower()
        content = response.read()
        if response.getheader("content-encoding") == "gzip":
            content = gzip.decompress(content)
        return Answer(response.status, media_type, content, response.getheader("set-cookie") or "")
    finally:
        connection.close()


def difference(case: Case, answer: Answer) -> str:
    """Say what is wrong with an answer; empty when nothing is."""
    if answer.status_code != case.status_code:
        return f"status {answer.status_code} instead of {case.status_code}"
    if case.media_type and answer.media_type != case.media_type:
        return f"media type {answer.media_type or 'missing'} instead of {case.media_type}"
    if case.expected is None:
        return ""
    try:
        text = answer.content.decode()
        content = json.loads(text) if case.media_type == "application/json" else text
    except ValueError as error:
        return f"unreadable content: {error}"
    return "" if content == case.expected else f"content {text[:80]!r}"


def differences(server: Server, case: Case, *, validates: bool = True) -> str:
    """Ask a contender for all that belongs to a case and say what is wrong; empty when nothing is.

    Args:
        server: where it listens.
        case: what it is asked.
        validates: whether it must refuse a body that does not fit.
    """
    try:
        wrong = difference(case, fetch(server, case))
        if not wrong and case.refused and validates:
            status_code = fetch(server, case, case.refused).status_code
            if not 400 <= status_code < 500:
                wrong = f"status {status_code} for a body that does not fit the model"
    except (OSError, http.client.HTTPException) as error:
        wrong = f"no answer: {error!r}"
    return wrong

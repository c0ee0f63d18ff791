"""One application, all transports: what a client gets and what listeners hear is the same on all of them.

Each request below is sent to our own server, to uvicorn, hypercorn and granian through the ASGI gateway, to granian
through the RSGI gateway, to gunicorn, waitress and a validating wsgiref through the WSGI gateway, and to both test
clients. Fields that belong to the transport (`date`, `server`, `connection`, how a body without a length is framed)
are left out; everything else must agree, but for what `DIFFERENCES` says of a protocol or a server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from transports.clients import Got, Sent
from transports.ears import has_finished
from transports.running import NATIVE, RSGI_TRANSPORTS, TRANSPORTS, WSGI_TRANSPORTS, running

pytestmark = pytest.mark.integration

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "gateways.md"

REQUEST_ID = re.compile(rb'"request_id":"[0-9a-f]{16}"')

FORM = b"a=1&a=2&b=%C3%BC"
MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="t"\r\n\r\ntext\r\n'
    b'--x\r\nContent-Disposition: form-data; name="f"; filename="n.txt"\r\nContent-Type: text/plain\r\n\r\nfile\r\n'
    b"--x--\r\n"
)
JSON = (("content-type", "application/json"),)
URLENCODED = (("content-type", "application/x-www-form-urlencoded"),)
PARTS = (("content-type", "multipart/form-data; boundary=x"),)
FORWARDED = (
    ("x-forwarded-for", "192.0.2.7"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "shop.example"),
    ("x-forwarded-prefix", "/shop"),
)
FORGED = (("x-forwarded-for", "198.51.100.66, 192.0.2.7"), ("x-forwarded-proto", "http, https"))

TABLE: dict[str, Sent] = {
    "text-is-html": Sent("GET", "/text", 200),
    "a-dict-is-json": Sent("GET", "/json?id=7", 200),
    "bytes": Sent("GET", "/bytes", 200),
    "none-is-204": Sent("GET", "/none", 204),
    "status-and-fields": Sent("GET", "/tuple", 201),
    "a-def-handler": Sent("GET", "/def", 200),
    "a-body-of-300-kilobytes": Sent("GET", "/large", 200),
    "one-response-for-all-requests": Sent("GET", "/constant", 200),
    "a-response-that-is-changed-before-it-is-sent": Sent("GET", "/on-response", 202),
    "two-cookies": Sent("GET", "/cookies", 200),
    "a-redirect": Sent("GET", "/redirect", 303),
    "fields-of-the-transport-set-by-the-application": Sent("GET", "/transport-fields", 200),
    "head-of-text": Sent("HEAD", "/text", 200),
    "head-of-a-stream": Sent("HEAD", "/stream", 200),
    "head-of-a-file": Sent("HEAD", "/file", 200),
    "head-of-what-is-not-there": Sent("HEAD", "/nothing", 404),
    "automatic-options": Sent("OPTIONS", "/text", 204),
    "not-found": Sent("GET", "/nothing", 404),
    "not-found-as-a-page": Sent("GET", "/nothing", 404, (("accept", "text/html"),)),
    "method-not-allowed": Sent("DELETE", "/text", 405),
    "not-valid": Sent("GET", "/json?id=x", 422),
    "an-http-error-with-fields": Sent("GET", "/forbidden", 403),
    "an-error-handler": Sent("GET", "/conflict", 409),
    "an-unexpected-exception": Sent("GET", "/broken", 500),
    "an-unexpected-exception-in-a-thread": Sent("GET", "/broken-def", 500),
    "a-layer-that-raises": Sent("GET", "/layer/raises", 500),
    "an-after-hook-that-raises": Sent("GET", "/hooks/after", 500),
    "a-204-with-a-body": Sent("GET", "/status/204", 204),
    "a-205-with-a-body": Sent("GET", "/status/205", 205),
    "a-304-with-a-body": Sent("GET", "/status/304", 304),
    "a-status-that-nobody-knows": Sent("GET", "/status/599", 599),
    "a-status-that-is-not-final": Sent("GET", "/status/150", 500),
    "a-101-that-is-no-handshake": Sent("GET", "/status/101", 500),
    "a-field-with-a-line-break": Sent("GET", "/split", 500),
    "a-field-with-a-line-break-set-behind-its-back": Sent("GET", "/split-raw", 500),
    "a-body-longer-than-its-length": Sent("GET", "/length/3", 200),
    "a-body-shorter-than-its-length": Sent("GET", "/length/7", 500),
    "a-stream": Sent("GET", "/stream", 200),
    "a-stream-of-a-generator": Sent("GET", "/generator", 200),
    "an-empty-stream": Sent("GET", "/stream/empty", 200),
    "a-stream-with-a-length": Sent("GET", "/stream/length", 200),
    "a-stream-that-is-too-short": Sent("GET", "/stream/short", 200, is_cut=True),
    "a-stream-that-is-too-long": Sent("GET", "/stream/long", 200),
    "a-stream-that-fails-at-once": Sent("GET", "/stream/fails-first", 500),
    "a-stream-that-fails-later": Sent("GET", "/stream/fails-later", 200, is_cut=True),
    "a-stream-whose-commit-fails": Sent("GET", "/stream/commit", 200, is_cut=True),
    "a-commit-that-fails": Sent("GET", "/commit", 500),
    "server-sent-events": Sent("GET", "/events", 200),
    "a-deadline": Sent("GET", "/layer/deadline", 503),
    "a-file": Sent("GET", "/file", 200),
    "a-range-of-a-file": Sent("GET", "/file", 206, (("range", "bytes=1-3"),)),
    "two-ranges-past-the-end": Sent("GET", "/file", 416, (("range", "bytes=9000000-"),)),
    "a-file-that-has-not-changed": Sent("GET", "/file", 304, (("if-none-match", "*"),)),
    "a-long-file": Sent("GET", "/file/long", 200),
    "a-file-of-a-layer": Sent("GET", "/layer/file", 200),
    "head-of-a-file-of-a-layer": Sent("HEAD", "/layer/file", 200),
    "a-file-of-a-layer-that-is-not-there": Sent("GET", "/layer/no-file", 404),
    "a-file-of-a-before-hook": Sent("GET", "/hooks/file", 200),
    "a-file-of-an-error-handler": Sent("GET", "/errors/file", 200),
    "a-stream-of-a-layer": Sent("GET", "/layer/generator", 200),
    "a-stream-of-an-error-handler": Sent("GET", "/errors/generator", 200),
    "json": Sent("POST", "/echo/json", 200, JSON, b'{"a": [1, 2]}'),
    "json-in-chunks": Sent("POST", "/echo/json", 200, JSON, b'{"a": [1, 2]}', is_chunked=True),
    "malformed-json": Sent("POST", "/echo/json", 400, JSON, b'{"a":'),
    "no-json": Sent("POST", "/echo/json", 415, (), b"a"),
    "a-form": Sent("POST", "/echo/form", 200, URLENCODED, FORM),
    "a-form-with-a-file": Sent("POST", "/echo/form", 200, PARTS, MULTIPART),
    "a-broken-form": Sent("POST", "/echo/form", 400, PARTS, b"--x\r\nbroken"),
    "a-body-as-a-stream": Sent("POST", "/echo/stream", 200, (), b"x" * 100_000),
    "a-body-that-is-too-large": Sent("POST", "/echo/small", 413, (), b"x" * 11, is_read=False),
    "a-body-in-chunks-that-is-too-large": Sent(
        "POST", "/echo/small", 413, (), b"x" * 11, is_chunked=True, is_read=False
    ),
    "a-compressed-body": Sent("POST", "/echo/small", 415, (("content-encoding", "gzip"),), b"x", is_read=False),
    "a-body-that-nobody-reads": Sent("POST", "/ignore", 200, (), b"x" * 1000, is_read=False),
    "an-empty-body": Sent("POST", "/echo/small", 200),
    "a-body-of-a-get": Sent("GET", "/echo/get", 200, (), b"body"),
    "the-head-as-it-came": Sent("GET", "/head/a%20b?x=1&x=%C3%BC&y", 200, (("x-a", "1"), ("x-b", "a, b"))),
    "two-fields-of-one-name": Sent("GET", "/head/a", 200, (("x-a", "1"), ("x-a", "3"), ("x-b", "2"))),
    "a-field-with-an-underscore": Sent("GET", "/head/a", 200, (("x-a", "1"), ("x_b", "2"))),
    "what-a-trusted-proxy-says": Sent("GET", "/origin", 200, FORWARDED),
    "what-a-client-says-before-the-proxy": Sent("GET", "/origin", 200, FORGED),
    "a-double-slash": Sent("GET", "/head//a", 404),
    "a-path-that-is-not-ascii": Sent("GET", "/head/%C3%BC", 200),
    "a-path-that-is-not-utf-8": Sent("GET", "/head/%FF", 200),
    "a-slash-that-is-encoded": Sent("GET", "/head/a%2Fb", 404),
    "a-response-field-that-is-not-ascii": Sent("GET", "/latin", 200),
}


@dataclass(frozen=True)
class Difference:
    """What is not the same, in the words of the documentation."""

    text: str
    transports: tuple[str, ...]
    names: tuple[str, ...]
    instead: Mapping[str, Any] = field(default_factory=dict)  # fields of `Got` as they are there
    free: tuple[str, ...] = ()  # fields of `Got` that are anything
    is_certain: bool = True


HEAD_AND_BODY = ("headers", "body", "events")  # what follows when the body is another: its length, and what is told
ANYTHING = ("status_code", *HEAD_AND_BODY, "is_cut")
GRANIAN = ("granian-asgi", "granian-rsgi")
WSGIREF = ("wsgiref",)
BROKEN_STREAMS = ("a-stream-that-fails-later", "a-stream-whose-commit-fails")

DIFFERENCES = (
    # What a protocol cannot say.
    Difference(
        "Only the decoded path is handed over, so bytes that are no UTF-8 are lost.",
        (*RSGI_TRANSPORTS, *WSGIREF),
        ("a-path-that-is-not-utf-8",),
        free=HEAD_AND_BODY,
    ),
    Difference(
        "Response fields that are not ASCII are sent as UTF-8.",
        RSGI_TRANSPORTS,
        ("a-response-field-that-is-not-ascii",),
        free=("headers",),
    ),
    Difference(
        "A stream that breaks off is cut at once, and pieces that the server still holds are lost.",
        RSGI_TRANSPORTS,
        BROKEN_STREAMS,
        free=("status_code", "headers", "body"),
        is_certain=False,
    ),
    Difference(
        "Request fields of one name come as one line, joined by commas.",
        WSGI_TRANSPORTS,
        ("two-fields-of-one-name",),
        free=HEAD_AND_BODY,
    ),
    # What a server does of its own accord.
    Difference(
        "An empty stream gets a Content-Length.",
        GRANIAN,
        ("an-empty-stream",),
        free=("headers",),
    ),
    Difference(
        "An empty answer gets a Content-Length.",
        WSGIREF,
        ("none-is-204", "head-of-a-stream", "automatic-options", "an-empty-stream", "a-file-that-has-not-changed"),
        free=("headers",),
    ),
    Difference(
        "It answers in HTTP/1.0, where the end of the connection is the end of a stream.",
        WSGIREF,
        BROKEN_STREAMS,
        instead={"is_cut": False},
    ),
    Difference(
        "It does not read chunked bodies.",
        WSGIREF,
        ("json-in-chunks", "a-body-in-chunks-that-is-too-large"),
        free=ANYTHING,
    ),
    Difference(
        "A body without a media type is taken for text.",
        WSGIREF,
        ("no-json",),
        free=HEAD_AND_BODY,
    ),
    Difference(
        "An underscore in the name of a field is not told from a hyphen.",
        WSGIREF,
        ("a-field-with-an-underscore",),
        free=HEAD_AND_BODY,
    ),
    Difference(
        "Its validator asks for a media type where HTTP does not, and refuses one where HTTP does not.",
        WSGIREF,
        ("a-redirect", "a-204-with-a-body", "a-304-with-a-body"),
        free=ANYTHING,
    ),
)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Got]]:
    """What each transport makes of each request."""
    found: dict[str, dict[str, Got]] = {}
    folder = tmp_path_factory.mktemp("files")
    for transport in TRANSPORTS:
        found[transport] = {}
        with running(transport, "answering", folder) as application:
            for name, sent in TABLE.items():
                got = application.send(sent)
                got.body = REQUEST_ID.sub(b"", got.body)
                heard = application.ears.wait(has_finished)
                got.events = [event for event in heard if sent.is_read or event[0] != "early_response"]
                found[transport][name] = got
    return found


def expected_on(transport: str, name: str, native: Got, got: Got) -> Got:
    """Return what a transport has to give: what our server gives, but for what it cannot or need not."""
    expected = native
    for difference in DIFFERENCES:
        if transport in difference.transports and name in difference.names:
            expected = replace(
                expected, **difference.instead, **{field: getattr(got, field) for field in difference.free}
            )
    return expected


@pytest.mark.capability("C177")
@pytest.mark.parametrize("name", TABLE)
def test_every_transport_gives_the_same_answer(name: str, answers: dict[str, dict[str, Got]]) -> None:
    """Status, header fields, body, where it breaks off, and what listeners hear do not depend on the transport."""
    native = answers[NATIVE][name]
    sent = TABLE[name]

    assert (sent.status_code, sent.is_cut) == (native.status_code, native.is_cut)
    for transport in TRANSPORTS:
        got = answers[transport][name]
        assert (transport, expected_on(transport, name, native, got)) == (transport, got)


@pytest.mark.parametrize("difference", DIFFERENCES, ids=[each.text for each in DIFFERENCES])
def test_a_difference_is_there_and_is_documented(difference: Difference, answers: dict[str, dict[str, Got]]) -> None:
    """Where a transport has become like the others, its difference has to go."""
    assert f"| {difference.text} |" in PAGE.read_text("utf-8")
    if difference.is_certain:
        for transport in difference.transports:
            for name in difference.names:
                assert (transport, answers[NATIVE][name]) != (transport, answers[transport][name])

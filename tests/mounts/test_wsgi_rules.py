"""The rules of PEP 3333 through a mount: `start_response`, `write`, the content and its length."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from wsgi_programs import PLAIN, Counted, Environ, Start, answering, mounted

from costrel.errors import ProgrammerError
from costrel.messages import Dispatch, Request, Response
from costrel.testing import TestClient


def error_code(application: Any, method: str = "GET") -> str:
    """Return the code of the mistake that a request to the application ends with."""
    with TestClient(mounted(application)) as client, pytest.raises(ProgrammerError) as caught:
        client.request(method, "/old/")
    return caught.value.code


async def drops(request: Request, call_next: Dispatch) -> Response:
    await call_next(request)
    return Response("dropped")


def test_start_response_may_come_with_the_first_piece() -> None:
    """A generator calls `start_response` when it is first asked for content."""

    def application(environ: Environ, start_response: Start) -> Iterator[bytes]:
        start_response("203 Late", PLAIN)
        yield b""
        yield b"content"

    with TestClient(mounted(application)) as client:
        assert (203, b"content") == (client.get("/old/").status_code, client.get("/old/").content)


def no_start(environ: Environ, start_response: Start) -> list[bytes]:
    return [b"content"]


def no_start_and_nothing(environ: Environ, start_response: Start) -> Iterator[bytes]:
    yield from ()


def no_start_in_time(environ: Environ, start_response: Start) -> Iterator[bytes]:
    yield b"content"
    start_response("200 OK", PLAIN)


def starts_twice(environ: Environ, start_response: Start) -> list[bytes]:
    start_response("200 OK", PLAIN)
    start_response("200 OK", PLAIN)
    return []


def writes_text(environ: Environ, start_response: Start) -> list[bytes]:
    start_response("200 OK", PLAIN)(cast("bytes", "text"))
    return []


def exits(environ: Environ, start_response: Start) -> list[bytes]:
    sys.exit(1)


@pytest.mark.parametrize(
    ("application", "code"),
    [
        pytest.param(no_start, "COS-MOUNT-101", id="no-start"),
        pytest.param(no_start_and_nothing, "COS-MOUNT-101", id="no-start-and-no-content"),
        pytest.param(no_start_in_time, "COS-MOUNT-101", id="start-after-content"),
        pytest.param(starts_twice, "COS-MOUNT-102", id="started-twice"),
        pytest.param(answering([], "OK"), "COS-MOUNT-103", id="bad-status"),
        pytest.param(answering([], headers=[("A", "b\r\nc")]), "COS-MOUNT-104", id="bad-header"),
        pytest.param(answering(["text"]), "COS-MOUNT-105", id="text-in-a-list"),
        pytest.param(answering(iter(["text"])), "COS-MOUNT-105", id="text-from-an-iterator"),
        pytest.param(answering("text"), "COS-MOUNT-105", id="text-itself"),
        pytest.param(writes_text, "COS-MOUNT-105", id="text-written"),
        pytest.param(answering(None), "COS-MOUNT-106", id="nothing-returned"),
        pytest.param(answering(5), "COS-MOUNT-106", id="no-iterable"),
        pytest.param(exits, "COS-MOUNT-107", id="exits"),
    ],
)
def test_broken_rules_are_mistakes_with_a_code(application: Any, code: str) -> None:
    """What PEP 3333 forbids ends in 500, and the log says what, why and the fix."""
    assert code == error_code(application)


def test_start_response_replaces_the_head_for_an_exception() -> None:
    """With `exc_info` and before any content, the later status and fields count."""

    def application(environ: Environ, start_response: Start) -> list[bytes]:
        start_response("200 OK", [("X-First", "1")])
        try:
            raise ValueError("broken")
        except ValueError:
            start_response("500 Broken", PLAIN, sys.exc_info())
        return [b"broken"]

    with TestClient(mounted(application)) as client:
        answer = client.get("/old/")

    assert (500, b"broken", None) == (answer.status_code, answer.content, answer.headers.get("x-first"))


@pytest.mark.parametrize("sends_by", ["write", "yield"])
def test_start_response_raises_again_after_content(sends_by: str) -> None:
    """With `exc_info` after content was sent, the exception comes back, and the response is cut off."""
    raised: list[str] = []

    def application(environ: Environ, start_response: Start) -> Iterator[bytes]:
        write = start_response("200 OK", PLAIN)
        if sends_by == "write":
            write(b"content")
        else:
            yield b"content"
        try:
            raise ValueError("broken")
        except ValueError:
            try:
                start_response("500 Broken", PLAIN, sys.exc_info())
            except ValueError:
                raised.append("again")
                raise
        yield b"never"

    with TestClient(mounted(application)) as client, pytest.raises(ValueError, match="broken"):
        client.get("/old/")

    assert ["again"] == raised


def test_what_was_written_comes_first() -> None:
    """Content of the `write` callable is sent before that of the iterable, as it is written."""

    def application(environ: Environ, start_response: Start) -> list[bytes]:
        write = start_response("200 OK", PLAIN)
        write(b"")
        write(b"one ")
        write(b"two ")
        return [b"three"]

    with TestClient(mounted(application)) as client:
        assert b"one two three" == client.get("/old/").content


def test_what_is_written_is_sent_before_the_call_returns() -> None:
    """The client has the first piece while the application is still inside its call, and holds it back."""
    client_has_read = threading.Event()
    written: list[int] = []

    def application(environ: Environ, start_response: Start) -> list[bytes]:
        write = start_response("200 OK", PLAIN)
        write(b"first")
        assert client_has_read.wait(5)
        for _ in range(32):
            write(b"x" * 65536)
            written.append(1)
        return [b"end"]

    with TestClient(mounted(application)) as client, client.stream("GET", "/old/") as answer:
        pieces = answer.iter_bytes()
        first = next(pieces)
        client_has_read.set()
        next(pieces)
        held_back = len(written)
        rest = b"".join(pieces)

    assert (b"first", True, 32) == (first, rest.endswith(b"end"), len(written))
    assert held_back < 8


def test_pieces_are_not_held_back() -> None:
    """A piece is sent while the application makes the next, however quickly the ones before came."""
    client_has_read = threading.Event()

    def application(environ: Environ, start_response: Start) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        for number in range(5):
            yield b"%d" % number
        assert client_has_read.wait(5)
        yield b"last"

    with TestClient(mounted(application)) as client, client.stream("GET", "/old/") as answer:
        pieces = answer.iter_bytes()
        seen = b""
        while seen != b"01234":
            seen += next(pieces)
        client_has_read.set()
        assert b"last" == b"".join(pieces)


@pytest.mark.parametrize(
    ("declared", "pieces", "outcome"),
    [
        pytest.param(3, [b"Hello"], b"Hel", id="longer-is-cut"),
        pytest.param(3, [b"He", b"llo", b"x" * 100_000], b"Hel", id="much-longer-is-cut"),
        pytest.param(0, [b"Hello"], b"", id="none-declared"),
        pytest.param(9, [b"Hello"], ValueError, id="shorter-is-an-error"),
    ],
)
def test_declared_length_holds(declared: int, pieces: list[bytes], outcome: Any) -> None:
    """A response is never longer than its Content-Length, and one that is shorter is never complete."""
    content = Counted(pieces)
    app = mounted(answering(content, headers=[("Content-Length", str(declared))]))
    with TestClient(app) as client:
        if outcome is ValueError:
            with pytest.raises(ValueError, match="Content-Length"):
                client.get("/old/")
        else:
            assert outcome == client.get("/old/").content

    assert 1 == content.closed


def test_fields_of_the_connection_do_not_pass() -> None:
    """`Connection` and its like are left out, `Set-Cookie` keeps its lines."""
    headers = [("Connection", "close"), ("Transfer-Encoding", "chunked"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    with TestClient(mounted(answering([b"x"], headers=headers))) as client:
        answer = client.get("/old/")

    assert (None, None) == (answer.headers.get("connection"), answer.headers.get("transfer-encoding"))
    assert ["a=1", "b=2"] == answer.headers.getlist("set-cookie")
    assert answer.headers.get("content-type") is None


def test_file_wrapper() -> None:
    """A file that is returned in the file wrapper is sent and closed."""
    files: list[io.BytesIO] = []

    def application(environ: Environ, start_response: Start) -> Any:
        start_response("200 OK", PLAIN)
        files.append(io.BytesIO(b"x" * 200_000))
        return environ["wsgi.file_wrapper"](files[0], 8192)

    with TestClient(mounted(application)) as client:
        assert b"x" * 200_000 == client.get("/old/").content
    assert files[0].closed


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("is_dropped", [False, True])
def test_large_file_is_closed_whatever_happens(tmp_path: Path, method: str, is_dropped: bool) -> None:
    """A file that is sent without being pulled is closed when it was sent, was not wanted, or was dropped."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 200_000)
    files: list[Any] = []

    def application(environ: Environ, start_response: Start) -> Any:
        start_response("200 OK", [("Content-Length", "200000")])
        files.append(path.open("rb"))
        return environ["wsgi.file_wrapper"](files[0])

    with TestClient(mounted(application, use=[drops] if is_dropped else [])) as client:
        answer = client.request(method, "/old/")

    assert files[0].closed
    if not is_dropped:
        assert ("200000", 200_000 if method == "GET" else 0) == (answer.headers["content-length"], len(answer.content))

"""What an application may rely on when it answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from costrel import App, FileResponse, Request, Response, StreamResponse, after_response, g, request
from costrel.gateways import ASGIGateway
from costrel.messages import Dispatch, FileBody
from costrel.testing import TestClient

LARGE = 100_000


@pytest.mark.capability("X13")
@pytest.mark.parametrize("kind", ["async", "thread"])
def test_a_stream_still_has_its_request(kind: str) -> None:
    """A generator reads `request` and `g` after its handler has returned, up to the last piece and in its `finally`."""
    app = App("test", extensions=())
    log: list[str] = []

    async def pieces() -> AsyncIterator[str]:
        try:
            for number in range(3):
                await asyncio.sleep(0)
                yield f"{request.path} {g.name} {number}\n"
        finally:
            log.append(request.path)

    def sync_pieces() -> Iterator[str]:
        try:
            for number in range(3):
                yield f"{request.path} {g.name} {number}\n"
        finally:
            log.append(request.path)

    @app.get("/{name}")
    async def show(name: str) -> StreamResponse:
        g.name = name
        return StreamResponse(pieces() if kind == "async" else sync_pieces(), media_type="text/plain")

    with TestClient(app) as client:
        assert "".join(f"/a a {number}\n" for number in range(3)) == client.get("/a").text
        assert "".join(f"/b b {number}\n" for number in range(3)) == client.get("/b").text
    assert ["/a", "/b"] == log


def app_with_file(path: Path, **options: Any) -> App:
    """Make an application that sends one file."""
    app = App("test", extensions=())

    @app.get("/")
    async def download() -> FileResponse:
        return FileResponse(path, **options)

    return app


def serve(app: App, *, extensions: dict[str, object], method: str = "GET", **headers: str) -> list[dict[str, Any]]:
    """Serve one request to a scripted ASGI server, and return what that was sent."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"host", b"a"), *((name.encode(), value.encode()) for name, value in headers.items())],
        "extensions": extensions,
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(ASGIGateway(app)(scope, receive, send))
    return sent


PATHSEND = {"http.response.pathsend": {}}


@pytest.mark.capability("X14")
@pytest.mark.parametrize(
    ("extensions", "method", "headers", "options", "is_by_path"),
    [
        pytest.param(PATHSEND, "GET", {}, {}, True, id="the-server-sends-it"),
        pytest.param({}, "GET", {}, {}, False, id="a-server-that-cannot"),
        pytest.param(PATHSEND, "HEAD", {}, {}, False, id="a-head-has-no-body"),
        pytest.param(PATHSEND, "GET", {"range": "bytes=0-9"}, {}, False, id="a-range-is-not-the-file"),
        pytest.param(PATHSEND, "GET", {}, {"follow_symlinks": False}, False, id="a-path-that-could-change-its-target"),
    ],
)
def test_a_server_that_can_is_given_the_path_of_a_file(
    tmp_path: Path,
    extensions: dict[str, object],
    method: str,
    headers: dict[str, str],
    options: dict[str, Any],
    is_by_path: bool,
) -> None:
    """A whole file goes out by its absolute path; the head is the same as without."""
    path = tmp_path / "large.bin"
    path.write_bytes(b"x" * LARGE)
    events: list[object] = []
    app = app_with_file(path, **options)
    app.on("request_finished", lambda fields: events.append((fields["status_code"], fields["bytes_sent"])))
    head, *rest = serve(app, extensions=extensions, method=method, **headers)

    size = 10 if headers else LARGE

    assert str(size).encode() == dict(head["headers"])[b"content-length"]
    if is_by_path:
        assert [{"type": "http.response.pathsend", "path": str(path)}] == rest
    else:
        assert {"http.response.body"} == {message["type"] for message in rest}
    assert [(head["status"], 0 if method == "HEAD" else size)] == events


@pytest.mark.capability("X14")
def test_a_proxy_in_front_is_told_which_file_to_send(tmp_path: Path) -> None:
    """A layer turns a whole file into a header field; ranges and 304 are still answered here."""
    path = tmp_path / "large.bin"
    path.write_bytes(b"x" * LARGE)

    async def offload(request: Request, call_next: Dispatch) -> Response:
        response = await call_next(request)
        body = response.body
        if isinstance(body, FileBody) and body.whole_path is not None:
            response.headers["x-accel-redirect"] = f"/protected/{Path(body.whole_path).relative_to(tmp_path)}"
            await body.aclose()
            response.body = b""
        return response

    app = App("test", extensions=(), use=[offload])

    @app.get("/")
    def download() -> FileResponse:
        return FileResponse(path, filename="report.bin")

    with TestClient(app) as client:
        whole = client.get("/")
        part = client.get("/", headers={"range": "bytes=0-9"})
        known = client.get("/", headers={"if-none-match": whole.headers["etag"]})

    assert ("/protected/large.bin", b"") == (whole.headers["x-accel-redirect"], whole.content)
    assert 'attachment; filename="report.bin"' == whole.headers["content-disposition"]
    assert [(206, b"x" * 10), (304, b"")] == [(response.status_code, response.content) for response in (part, known)]
    assert ["x-accel-redirect" in response.headers for response in (part, known)] == [False, False]


@pytest.mark.capability("X19")
@pytest.mark.capability("C119")
def test_work_after_the_response_begins_when_it_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    """The client has the whole body before; one that fails is logged and stops none of the others."""
    app = App("test", extensions=())
    log: list[str] = []

    def fail() -> None:
        log.append("fails")
        raise RuntimeError("after the response")

    @app.get("/")
    def index() -> StreamResponse:
        after_response(log.append, "first")
        after_response(fail)
        after_response(log.append, "last")

        def pieces() -> Iterator[str]:
            for number in range(3):
                log.append(f"piece {number}")
                yield str(number)

        return StreamResponse(pieces())

    with TestClient(app) as client:
        assert "012" == client.get("/").text
    assert ["piece 0", "piece 1", "piece 2"] == log[:3]
    assert {"first", "fails", "last"} == set(log[3:])
    assert 1 == sum("after the response" in str(record.exc_info) for record in caplog.records)


class Table:
    """Rows with the names of their columns, in no format yet."""

    def __init__(self, names: list[str], rows: list[list[object]]) -> None:
        self.names = names
        self.rows = rows


FORMATS = {
    "application/json": lambda table: msgspec.json.encode([dict(zip(table.names, row)) for row in table.rows]),
    "text/csv": lambda table: "\n".join(",".join(map(str, row)) for row in [table.names, *table.rows]).encode(),
    "text/html": lambda table: f"<table>{len(table.rows)}</table>".encode(),
    "application/vnd.msgpack": lambda table: msgspec.msgpack.encode(table.rows),
}


@pytest.mark.capability("X20")
@pytest.mark.parametrize("is_async", [True, False], ids=["async", "thread"])
@pytest.mark.parametrize(
    ("accept", "status_code", "media_type", "body"),
    [
        pytest.param("application/json", 200, "application/json", b'[{"a":1}]', id="json"),
        pytest.param("text/csv", 200, "text/csv", b"a\n1", id="csv"),
        pytest.param("text/html, */*;q=0.1", 200, "text/html", b"<table>1</table>", id="html"),
        pytest.param("application/vnd.msgpack", 200, "application/vnd.msgpack", b"\x91\x91\x01", id="msgpack"),
        pytest.param("text/csv;q=0.1, text/html;q=0.2", 200, "text/html", b"<table>1</table>", id="by-quality"),
        pytest.param("image/png", 406, "application/problem+json", None, id="none-of-them"),
    ],
)
def test_one_handler_answers_in_many_formats(
    is_async: bool, accept: str, status_code: int, media_type: str, body: bytes | None
) -> None:
    """A responder for a class picks the format by `Accept`, for every handler that returns such an object."""
    app = App("test", extensions=())

    def respond(table: object) -> Response:
        chosen = request.accepts(*FORMATS)
        if chosen is None:
            return Response(b"{}", 406, media_type="application/problem+json")
        response = Response(FORMATS[chosen](table), media_type=chosen)
        response.vary("Accept")
        return response

    app.responder(Table, respond)

    async def show() -> Table:
        return Table(["a"], [[1]])

    def show_in_thread() -> Table:
        return Table(["a"], [[1]])

    app.add_route("/", show if is_async else show_in_thread)

    with TestClient(app) as client:
        response = client.get("/", headers={"accept": accept})

    assert (status_code, media_type) == (response.status_code, response.headers["content-type"])
    if body is not None:
        assert (body, "accept") == (response.content, response.headers["vary"].lower())


@pytest.mark.capability("C148")
@pytest.mark.capability("N01")
@pytest.mark.parametrize("kind", ["async", "thread"])
def test_a_route_has_a_deadline(kind: str) -> None:
    """A layer sets it: then the client has 503, the handler is cancelled or left behind, its provider rolls back."""
    log: list[str] = []

    async def soon(request: Request, call_next: Dispatch) -> Response:
        request.deadline_seconds = 0.05
        return await call_next(request)

    async def handler(db: Transaction) -> str:
        try:
            await asyncio.sleep(30)
        finally:
            log.append("left")
        return "late"

    def in_thread(db: Transaction) -> str:
        time.sleep(0.15)
        log.append("left")
        return "late"

    def transaction() -> Iterator[Transaction]:
        try:
            yield Transaction()
            log.append("commit")
        except BaseException as error:
            log.append(f"rollback {type(error).__name__}")
            raise

    app = App("test", extensions=())
    app.provide(Transaction, transaction)
    app.add_route("/", handler if kind == "async" else in_thread, use=[soon])

    with TestClient(app) as client:
        response = client.get("/")

    assert (503, "1") == (response.status_code, response.headers["retry-after"])
    assert ["left", "rollback RequestAbandoned"] == log


class Transaction:
    """Committed or rolled back."""

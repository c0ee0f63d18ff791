"""The application that answers the table of requests; see `test_same_everywhere.py`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from costrel import App, Blueprint, BodyStream, EventStream, FileResponse, Request, Response, StreamResponse
from costrel.app import AppSettings
from costrel.errors import Conflict, Forbidden
from costrel.messages import Dispatch, RedirectResponse


class Transaction:
    """What a provider whose exit fails gives."""


def make_answering(folder: Path) -> App:
    """The application that answers the table."""
    (folder / "small.txt").write_bytes(b"0123456789")
    (folder / "long.bin").write_bytes(b"x" * 1_000_000)
    for name in ("small.txt", "long.bin"):
        os.utime(folder / name, (1_000_000_000, 1_000_000_000))
    app = App("same", settings=AppSettings(trusted_proxies=("127.0.0.1",)))
    constant = Response("constant", headers={"x-a": "1"})

    @app.get("/text")
    async def text() -> str:
        return "<p>text</p>"

    @app.get("/on-response")
    async def on_response(request: Request) -> str:
        def change(request: Request, response: Response) -> None:
            response.status_code = 202
            response.headers["x-changed"] = "1"

        request.on_response(change)
        return "text"

    @app.get("/json")
    async def json(id: int) -> dict[str, int]:
        return {"id": id}

    @app.get("/bytes")
    async def some_bytes() -> bytes:
        return b"\0\1"

    @app.get("/none")
    async def none() -> None:
        return None

    @app.get("/tuple")
    async def made_of_a_tuple():
        return {"a": 1}, 201, {"x-a": "1"}

    @app.get("/def")
    def def_handler() -> str:
        return "def"

    @app.get("/large")
    async def large() -> bytes:
        return b"x" * 300_000

    @app.get("/constant")
    async def always_the_same() -> Response:
        return constant

    @app.get("/cookies")
    async def cookies() -> Response:
        response = Response("cookies")
        response.set_cookie("a", "1")
        response.set_cookie("b", "2", path="/b", secure=False)
        return response

    @app.get("/redirect")
    async def elsewhere() -> Response:
        return RedirectResponse("/a b")

    @app.get("/transport-fields")
    async def transport_fields() -> Response:
        fields = {"transfer-encoding": "chunked", "keep-alive": "timeout=1", "x-a": "1"}
        return Response("abc", headers=fields)

    @app.get("/forbidden")
    async def forbidden() -> str:
        raise Forbidden("No.", headers={"x-a": "1"})

    @app.get("/conflict")
    async def conflict() -> str:
        raise Conflict

    @app.errorhandler(Conflict)
    def on_conflict(error: Conflict) -> dict[str, str]:
        return {"handled": "yes"}

    @app.get("/broken")
    async def broken() -> str:
        raise ValueError("broken")

    @app.get("/broken-def")
    def broken_def() -> str:
        raise ValueError("broken")

    @app.get("/status/{code}")
    async def status(code: int) -> Response:
        return Response("body", code)

    @app.get("/split")
    async def split() -> Response:
        return Response("a", headers={"x-a": "1\r\nx-b: 2"})

    @app.get("/split-raw")
    async def split_raw() -> Response:
        response = Response("a")
        response.headers.raw.append((b"x-a", b"1\r\nx-b: 2"))
        return response

    @app.get("/length/{length}")
    async def length(length: int) -> Response:
        return Response(b"12345", headers={"content-length": str(length)})

    async def pieces() -> AsyncIterator[str]:
        yield "one "
        yield ""
        yield "two"

    def plain_pieces() -> Iterator[bytes]:
        yield b"one "
        yield b"two"

    async def failing(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"piece"
            await asyncio.sleep(0)
        raise ValueError("the stream failed")

    async def nothing() -> AsyncIterator[str]:
        return
        yield ""

    @app.get("/stream")
    async def stream() -> Response:
        return StreamResponse(pieces())

    @app.get("/generator")
    def generator() -> Iterator[bytes]:
        yield b"one "
        yield b"two"

    @app.get("/stream/empty")
    async def empty() -> Response:
        return StreamResponse(nothing())

    @app.get("/stream/length")
    async def with_length() -> Response:
        return StreamResponse(pieces(), content_length=7)

    @app.get("/stream/short")
    async def too_short() -> Response:
        return StreamResponse(pieces(), content_length=8)

    @app.get("/stream/long")
    async def too_long() -> Response:
        return StreamResponse(pieces(), content_length=5)

    @app.get("/stream/fails-first")
    async def fails_first() -> Response:
        return StreamResponse(failing(0))

    @app.get("/stream/fails-later")
    async def fails_later() -> Response:
        return StreamResponse(failing(2))

    async def transaction() -> AsyncIterator[Transaction]:
        yield Transaction()
        raise ValueError("the commit failed")

    app.provide(Transaction, transaction)

    @app.get("/stream/commit")
    async def stream_commit(transaction: Transaction) -> Response:
        return StreamResponse(pieces())

    @app.get("/commit")
    async def commit(transaction: Transaction) -> str:
        return "never"

    @app.get("/events")
    async def events() -> Response:
        return EventStream(pieces())

    @app.get("/file")
    async def file() -> Response:
        return FileResponse(folder / "small.txt")

    @app.get("/file/long")
    async def long_file() -> Response:
        return FileResponse(folder / "long.bin")

    async def raising_layer(request: Request, call_next: Dispatch) -> Response:
        await call_next(request)
        raise ValueError("the layer failed")

    async def deadline_layer(request: Request, call_next: Dispatch) -> Response:
        request.deadline_seconds = 0.02
        return await call_next(request)

    async def file_layer(request: Request, call_next: Dispatch) -> Response:
        return FileResponse(folder / "small.txt")

    async def no_file_layer(request: Request, call_next: Dispatch) -> Response:
        return FileResponse(folder / "missing.txt")

    async def generator_layer(request: Request, call_next: Dispatch) -> Response:
        return StreamResponse(plain_pieces())

    async def small_body_layer(request: Request, call_next: Dispatch) -> Response:
        request.max_body_bytes = 10
        return await call_next(request)

    async def never() -> str:
        await asyncio.sleep(5)
        return "never"

    for name, layer in {
        "raises": raising_layer,
        "deadline": deadline_layer,
        "file": file_layer,
        "no-file": no_file_layer,
        "generator": generator_layer,
    }.items():
        handler = never if name == "deadline" else text
        app.add_route(f"/layer/{name}", handler, name=f"layer-{name}", use=[layer])

    hooks = Blueprint("hooks")

    @hooks.before_request
    def before(request: Request) -> Response | None:
        return FileResponse(folder / "small.txt") if request.path == "/hooks/file" else None

    @hooks.after_request
    async def after(request: Request) -> None:
        if request.path == "/hooks/after":
            raise ValueError("the hook failed")

    hooks.add_route("/file", text, name="file")
    hooks.add_route("/after", text, name="after")
    app.register(hooks, prefix="/hooks")

    errors = Blueprint("errors")

    @errors.errorhandler(LookupError)
    async def file_of_an_error(error: LookupError) -> Response:
        return FileResponse(folder / "small.txt")

    @errors.errorhandler(ArithmeticError)
    async def stream_of_an_error(error: ArithmeticError) -> Response:
        return StreamResponse(plain_pieces())

    @errors.get("/file")
    async def look_up() -> str:
        raise LookupError

    @errors.get("/generator")
    async def calculate() -> str:
        raise ArithmeticError

    app.register(errors, prefix="/errors")

    @app.post("/echo/json")
    async def echo_json(request: Request) -> Response:
        return Response(repr(request.json()).encode())

    @app.post("/echo/form")
    async def echo_form(request: Request) -> dict[str, Any]:
        files = [(name, file.filename, file.read().decode()) for name, file in request.files.items(multi=True)]
        return {"fields": list(request.form.items(multi=True)), "files": files}

    @app.post("/echo/stream")
    async def echo_stream(body: BodyStream) -> Response:
        return StreamResponse(body)

    @app.post("/echo/small", use=[small_body_layer])
    async def echo_small(request: Request) -> dict[str, str]:
        return {"body": request.text}

    @app.post("/ignore", use=[file_layer])
    async def ignore() -> str:
        return "never"

    @app.get("/echo/get")
    async def echo_get(request: Request) -> dict[str, str]:
        await request.read()
        return {"body": request.text}

    @app.get("/origin")
    async def origin(request: Request) -> dict[str, Any]:
        return {
            "client": request.client[0] if request.client is not None else None,
            "scheme": request.scheme,
            "host": request.host,
            "root_path": request.root_path,
            "url": request.url_for("origin", external=True),
        }

    @app.get("/latin")
    async def latin() -> Response:
        return Response("latin", headers={"x-a": "caf\u00e9"})

    @app.get("/head/{rest}")
    async def head(request: Request, rest: str) -> dict[str, Any]:
        seen = [(name.decode(), value.decode()) for name, value in request.raw_headers if name.startswith(b"x")]
        return {
            "rest": rest,
            "method": request.method,
            "path": request.path,
            "raw_path": request.raw_path.decode(),
            "query": list(request.query.items(multi=True)),
            "query_string": request.query_string.decode(),
            "headers": seen,
            "url": str(request.url),
            "http_version": request.http_version,
            "content_length": request.content_length,
        }

    return app

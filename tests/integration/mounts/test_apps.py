"""Flask and Starlette mounted by path, by host and as the fallback, behind the sockets of two servers."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import flask
import pytest
import websockets.sync.client
from served import on_our_server, on_uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket as StarletteSocket

from costrel import App
from costrel.app import MountStats

pytestmark = pytest.mark.integration
LARGE_BYTES = 1024 * 1024


def make_flask() -> flask.Flask:
    old = flask.Flask("old")
    old.secret_key = "a key of the old application alone"

    @old.get("/session/<word>")
    def remember(word: str) -> dict[str, Any]:
        before = flask.session.get("word")
        flask.session["word"] = word
        return {"before": before, "url": flask.url_for("remember", word="next", _external=True)}

    @old.post("/length")
    def length() -> dict[str, int]:
        return {"length": len(flask.request.get_data())}

    @old.get("/large")
    def large() -> flask.Response:
        return flask.Response(bytes(8192) for _ in range(LARGE_BYTES // 8192))

    return old


def make_starlette() -> Starlette:
    async def told(request: StarletteRequest) -> JSONResponse:
        return JSONResponse({"url": str(request.url_for("told")), "client": request.client is not None})

    async def large(request: StarletteRequest) -> StreamingResponse:
        return StreamingResponse(bytes(8192) for _ in range(LARGE_BYTES // 8192))

    async def length(request: StarletteRequest) -> JSONResponse:
        return JSONResponse({"length": sum([len(piece) async for piece in request.stream()])})

    async def echo(socket: StarletteSocket) -> None:
        await socket.accept()
        await socket.send_text(f"{socket.scope['root_path']} {await socket.receive_text()}")
        await socket.close()

    return Starlette(
        routes=[
            Route("/told", told),
            Route("/large", large),
            Route("/length", length, methods=["POST"]),
            WebSocketRoute("/echo", echo),
        ]
    )


def make_app() -> App:
    app = App("new", extensions=())
    app.add_route("/own", lambda: "own", name="own")
    app.mount("/star", make_starlette())
    app.mount("/", make_starlette(), host="star.example", name="hosted")
    app.mount("/", make_flask(), name="legacy", fallback=True)
    return app


@pytest.fixture(params=[on_our_server, on_uvicorn], ids=["our-server", "uvicorn"])
def served(request: pytest.FixtureRequest) -> Iterator[tuple[App, int]]:
    app = make_app()
    with request.param(app) as port:
        yield app, port


@pytest.mark.capability("C017")
def test_foreign_applications_answer_on_a_real_server(served: tuple[App, int]) -> None:
    """Sessions, URLs, large bodies in both directions, on one kept connection."""
    app, port = served
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)

    def ask(method: str, path: str, body: bytes | None = None, **headers: str) -> http.client.HTTPResponse:
        connection.request(method, path, body, {"Host": "new.example", **headers})
        return connection.getresponse()

    first = ask("GET", "/session/a")
    cookie = str(first.headers["set-cookie"]).partition(";")[0]
    first.read()
    second = json.loads(ask("GET", "/session/b", Cookie=cookie).read())

    assert {"before": "a", "url": "http://new.example/session/next"} == second
    assert b"own" == ask("GET", "/own").read()
    assert "http://new.example/star/told" == json.loads(ask("GET", "/star/told").read())["url"]
    assert "http://star.example/told" == json.loads(ask("GET", "/told", Host="star.example").read())["url"]
    for prefix in ("", "/star"):
        assert LARGE_BYTES == len(ask("GET", f"{prefix}/large").read())
        assert {"length": LARGE_BYTES} == json.loads(ask("POST", f"{prefix}/length", bytes(LARGE_BYTES)).read())
    connection.close()

    assert [4, 3, 1] == [app.mounts[name].stats().requests for name in ("legacy", "star", "hosted")]


def test_a_websocket_of_a_mount(served: tuple[App, int]) -> None:
    """The handshake goes through, with the prefix in its scope, and is counted until its end."""
    app, port = served
    with websockets.sync.client.connect(f"ws://127.0.0.1:{port}/star/echo", open_timeout=5) as client:
        client.send("hello")
        told = client.recv(timeout=5)

    assert "/star hello" == told

    ended = threading.Event()
    for _ in range(500):
        if app.mounts["star"].stats().in_flight == 0:
            break
        ended.wait(0.01)

    assert MountStats(requests=1, websockets=1) == app.mounts["star"].stats()

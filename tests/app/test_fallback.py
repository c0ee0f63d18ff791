"""The fall-through: what no route of ours answers goes to the old application, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from costrel.app import App, AppSettings, Blueprint
from costrel.errors import BuildError, NotFound, Pass
from costrel.messages import Dispatch, Request, Response, WebSocket
from costrel.testing import TestClient

Start = Callable[[str, list[tuple[str, str]]], object]


def old(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    """Say what was asked for."""
    text = f"old {environ['REQUEST_METHOD']} {environ['SCRIPT_NAME']}|{environ['PATH_INFO']}"
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Asked", text)])
    return [text.encode()]


async def old_asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Say which side of it was asked."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": f"old {scope['path']}"})
        await send({"type": "websocket.close", "code": 1000})
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"old asgi"})


async def text(name: str) -> str:
    return name


def new_app(**options: Any) -> App:
    """An application with a route of each kind, and the old one behind it."""
    app = App("new", extensions=(), **options)
    shop = Blueprint("shop", prefix="/shop")

    @app.get("/own")
    async def own() -> str:
        return "own"

    @app.get("/own/missing")
    async def missing() -> str:
        raise NotFound

    @app.get("/own/passed", fallthrough=True)
    async def passed() -> str:
        raise Pass

    @app.get("/slashed/", trailing_slash="redirect")
    async def slashed() -> str:
        return "slashed"

    @app.websocket("/socket")
    async def socket(socket: WebSocket) -> None:
        await socket.send("own")

    @shop.get("/item/{id:int}")
    async def item(id: int) -> str:
        return f"item {id}"

    app.register(shop)
    app.mount("/other", _other())
    app.mount("/", old, fallback=True)
    return app


def _other() -> App:
    other = App("other", extensions=())
    other.add_route("/", lambda: "other", name="index")
    return other


@pytest.mark.capability("C017")
@pytest.mark.parametrize(
    ("method", "path", "status_code", "expected"),
    [
        pytest.param("GET", "/own", 200, "own", id="a-route-of-ours"),
        pytest.param("GET", "/own/", 200, "own", id="its-other-spelling"),
        pytest.param("GET", "/", 200, "old GET |/", id="the-root"),
        pytest.param("GET", "/else/where", 200, "old GET |/else/where", id="a-path-of-nobody"),
        pytest.param("GET", "/else//x/", 200, "old GET |/else//x/", id="an-odd-path"),
        pytest.param("POST", "/own", 200, "old POST |/own", id="a-method-that-our-route-lacks"),
        pytest.param("BREW", "/own", 200, "old BREW |/own", id="a-method-of-nobody"),
        pytest.param("GET", "/own/missing", 404, None, id="a-404-of-our-handler"),
        pytest.param("GET", "/own/passed", 404, None, id="what-our-handler-passed-on"),
        pytest.param("GET", "/slashed/", 200, "slashed", id="the-right-slash"),
        pytest.param("GET", "/slashed", 200, "old GET |/slashed", id="no-redirect-steals-a-path"),
        pytest.param("GET", "/shop/item/7", 200, "item 7", id="a-route-of-a-blueprint"),
        pytest.param("GET", "/shop/item/x", 200, "old GET |/shop/item/x", id="a-value-that-does-not-fit"),
        pytest.param("GET", "/shop", 200, "old GET |/shop", id="a-prefix-of-a-blueprint"),
        pytest.param("GET", "/socket", 200, "old GET |/socket", id="the-path-of-a-websocket"),
        pytest.param("GET", "/other/", 200, "other", id="another-mount"),
        pytest.param("GET", "/other/x", 404, None, id="a-404-of-another-mount"),
        pytest.param("OPTIONS", "/else", 200, "old OPTIONS |/else", id="options-of-a-path-of-nobody"),
        pytest.param("OPTIONS", "/own", 204, "", id="options-of-our-path"),
        pytest.param("HEAD", "/own", 200, "", id="head-follows-get"),
    ],
)
def test_who_answers(method: str, path: str, status_code: int, expected: str | None) -> None:
    """Ours is what a route of ours matches, by path and method; the rest is the old application's."""
    with TestClient(new_app()) as client:
        response = client.request(method, path)

    assert status_code == response.status_code
    assert expected is None or expected == response.text
    assert ("x-asked" in response.headers) is (expected is not None and expected.startswith("old"))


def test_head_of_a_path_of_nobody_is_the_old_ones() -> None:
    """A route is needed for the automatic answer."""
    with TestClient(new_app()) as client:
        asked = client.request("HEAD", "/else").headers["x-asked"]

    assert "old HEAD |/else" == asked


@pytest.mark.parametrize(
    ("path", "expected"),
    [pytest.param("/socket", "own", id="ours"), pytest.param("/own", "old /own", id="not-a-socket-of-ours")],
)
def test_a_websocket_falls_through(path: str, expected: str) -> None:
    """A handshake that no WebSocket route matches goes there too."""
    app = App("new", extensions=())
    app.add_route("/own", lambda: "own", name="own")

    @app.websocket("/socket")
    async def own_socket(socket: WebSocket) -> None:
        await socket.send("own")

    app.mount("/", old_asgi, fallback=True)

    with TestClient(app) as client, client.websocket(path) as socket:
        assert expected == socket.receive_text()


def test_layers_of_the_application_stand_around_it() -> None:
    """Hooks and error handlers do not: they belong to routes."""
    seen: list[str] = []

    async def layer(request: Request, call_next: Dispatch) -> Response:
        response = await call_next(request)
        response.headers["x-layer"] = "yes"
        return response

    app = new_app(use=[layer])
    app.before_request(lambda: seen.append("hook"))

    with TestClient(app) as client:
        assert "yes" == client.get("/else").headers["x-layer"]
    assert [] == seen


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        pytest.param("legacy.example", "/own", "legacy", id="a-host-of-its-own"),
        pytest.param("shop.example", "/own", "own", id="our-route-on-a-host-with-a-fallback"),
        pytest.param("shop.example", "/else", "shop", id="the-fallback-of-that-host"),
        pytest.param("a.tenant.example", "/else", "tenant", id="the-fallback-of-a-pattern"),
        pytest.param("localhost", "/else", "every", id="the-fallback-of-every-host"),
    ],
)
def test_one_fallback_for_each_host(host: str, path: str, expected: str) -> None:
    """A mount with a host owns all of the host; a fallback with a host still comes after our routes."""

    def answering(name: str) -> Callable[..., Iterable[bytes]]:
        def application(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
            start_response("200 OK", [])
            return [name.encode()]

        return application

    app = App("new", extensions=())
    app.add_route("/own", lambda: "own", name="own")
    app.mount("/", answering("legacy"), host="legacy.example", name="legacy")
    app.mount("/", answering("shop"), host="shop.example", name="shop", fallback=True)
    app.mount("/", answering("tenant"), host="{name}.tenant.example", name="tenant", fallback=True)
    app.mount("/", answering("every"), name="every", fallback=True)

    with TestClient(app) as client:
        assert expected == client.get(path, headers={"host": host}).text


@pytest.mark.parametrize("hosts", [(None, None), ("a.example", "A.example"), ("{a}.example", "{b}.example")])
def test_a_second_fallback_of_a_host_is_a_mistake(hosts: tuple[str | None, str | None]) -> None:
    """It would never be asked."""
    app = App("new", extensions=())
    for index, host in enumerate(hosts):
        app.mount(f"/{index}", old, host=host, fallback=True)

    with pytest.raises(BuildError) as caught:
        app.build()

    assert ["COS-MOUNT-003"] == [mistake.code for mistake in caught.value.mistakes]


def test_an_app_can_be_a_fallback() -> None:
    """Its own 404 and 405 are the last word."""
    app, inner = App("new", extensions=()), App("inner", extensions=())
    inner.add_route("/a", lambda: "inner", name="a")
    inner.add_route("/own", lambda: "inner", name="own", methods=["PUT"])
    app.add_route("/own", lambda: "own", name="own")
    app.mount("/", inner, fallback=True)

    with TestClient(app) as client:
        answers = [client.request(method, path) for method, path in (("GET", "/a"), ("PUT", "/own"), ("GET", "/b"))]

    assert [(200, "inner"), (200, "inner")] == [(answer.status_code, answer.text) for answer in answers[:2]]
    assert 404 == answers[2].status_code


def test_a_fallback_may_have_a_prefix() -> None:
    """What lies elsewhere is answered as without it."""
    app = App("new", extensions=(), settings=AppSettings())
    app.add_route("/old/own", lambda: "own", name="own")
    app.mount("/old", old, fallback=True)

    with TestClient(app) as client:
        own, below, other = (client.get(path) for path in ("/old/own", "/old/x", "/x"))

    assert ("own", "old GET /old|/x", 404) == (own.text, below.text, other.status_code)

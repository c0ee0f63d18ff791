"""Mounts: whole paths, lifespans in order, one task, bodies that two sides read, and URLs that lead back."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import flask
import httpx
import pytest
import werkzeug.test
from hypothesis import given, settings, strategies as st
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from costrel import App, Request, Response
from costrel.app import AppSettings
from costrel.errors import ConfigurationError
from costrel.messages import Dispatch
from costrel.testing import TestClient

PREFIXES = ["/a", "/aa", "/a/a", "/auth", "/auth/auth", "/b", "/b/a"]
ROOT_PATHS = ["", "/a", "/auth", "/api/v1"]
LEAVES = ["costrel", "flask", "starlette"]


# P16: whole paths and URLs.


def make_leaf(kind: str) -> Any:
    """An application whose one route tells its own URL and where it is."""
    if kind == "flask":
        old = flask.Flask("leaf")

        @old.route("/item/<int:id>", endpoint="item")
        def flask_item(id: int) -> Any:
            prefix, local = flask.request.script_root, flask.request.path
            return {"url": flask.url_for("item", id=id), "whole": prefix + local, "local": local}

        return old
    if kind == "starlette":

        def starlette_item(request: StarletteRequest) -> JSONResponse:
            root, path = request.scope["root_path"], request.scope["path"]
            url = request.url_for("item", id=request.path_params["id"]).path
            return JSONResponse({"url": url, "whole": path, "local": path.removeprefix(root)})

        return Starlette(routes=[Route("/item/{id:int}", starlette_item, name="item")])
    leaf = App("leaf", extensions=())

    @leaf.get("/item/{id:int}")
    async def item(id: int, request: Request) -> dict[str, str]:
        whole = request.root_path + request.mount_prefix + request.route_path
        return {"url": request.url_for("item", id=id), "whole": whole, "local": request.route_path}

    return leaf


def make_tree(kind: str, prefixes: list[str]) -> App:
    """A leaf under one mount inside the other, the outermost first; beside each stands one that begins alike."""
    inner, application = make_leaf(kind), None
    for number, prefix in enumerate(reversed(prefixes)):
        application = App(f"app{number}", extensions=(), settings=AppSettings(trusted_proxies=("127.0.0.1",)))
        application.mount(prefix, inner, name="in")
        application.mount(f"{prefix}x", App("other", extensions=()), name="other")
        inner = application
    assert application is not None
    return application


def ask_native(app: App, root_path: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    with TestClient(app, root_path=root_path) as client:
        response = client.get(path, headers=headers)
    return response.status_code, response.text


def ask_asgi(app: App, root_path: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, root_path=root_path)
        async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(root_path + path, headers=headers)

    response = asyncio.run(ask())
    return response.status_code, response.text


def ask_wsgi(app: App, root_path: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    response = werkzeug.test.Client(app).get(
        path,
        base_url=f"http://localhost{root_path}/",
        headers=headers,
        environ_overrides={"REMOTE_ADDR": "127.0.0.1"},
    )
    return response.status_code, response.text


@pytest.mark.pain("P16")
@pytest.mark.parametrize("ask", [ask_native, ask_asgi, ask_wsgi], ids=["native", "asgi", "wsgi"])
@given(
    kind=st.sampled_from(LEAVES),
    prefixes=st.lists(st.sampled_from(PREFIXES), min_size=1, max_size=3),
    root_path=st.sampled_from(ROOT_PATHS),
    forwarded=st.sampled_from(["", "/proxy", "/a"]),
    number=st.integers(0, 99),
)
@settings(max_examples=15, deadline=None)
def test_what_is_built_leads_back(
    ask: Callable[..., tuple[int, str]], kind: str, prefixes: list[str], root_path: str, forwarded: str, number: int
) -> None:
    """Under any prefixes, from any server, behind any proxy: the URL of a route is the path that reaches it."""
    app = make_tree(kind, prefixes)
    name = ".".join([*["in"] * len(prefixes), "item"])
    path = app.url_for(name, id=number)
    headers = {"X-Forwarded-Prefix": forwarded, "X-Forwarded-For": "192.0.2.1"} if forwarded else {}

    assert "".join(prefixes) + f"/item/{number}" == path

    status_code, text = ask(app, root_path, path, headers)
    whole = forwarded + root_path + path

    assert 200 == status_code
    assert {"url": whole, "whole": whole, "local": f"/item/{number}"} == json.loads(text)


@pytest.mark.pain("P16")
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/m", (308, "/m/"), id="the-prefix-alone"),
        pytest.param("/m/", (200, "home"), id="with-a-slash"),
        pytest.param("/m//", (200, "home"), id="with-two-which-flask-takes-for-one"),
        pytest.param("/mx", (404, None), id="another-name-that-begins-alike"),
    ],
)
def test_the_end_of_a_prefix_is_the_applications(path: str, expected: tuple[int, str | None]) -> None:
    """Flask redirects what has no slash, as it does under any other server."""
    old = flask.Flask("old")
    old.add_url_rule("/", "home", lambda: "home")
    app = App("new", extensions=())
    app.mount("/m", old)

    with TestClient(app) as client:
        response = client.get(path)

    told = response.headers["location"].removeprefix("http://localhost") if "location" in response.headers else None
    if response.status_code == 200:
        told = response.text

    assert expected == (response.status_code, told)


# P13: lifespans.


def living(name: str, log: list[str], *, fails: bool = False, **children: Any) -> Starlette:
    """A Starlette application that tells of its start and stop, and whose requests see the state of its start."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, str]]:
        if fails:
            raise RuntimeError(f"{name} has no database")
        log.append(f"+{name}")
        yield {"told": name}
        log.append(f"-{name}")

    def tell(request: StarletteRequest) -> PlainTextResponse:
        return PlainTextResponse(request.state.told)

    return Starlette(routes=[Route("/", tell)], lifespan=lifespan)


def app_of(name: str, log: list[str]) -> App:
    app = App(name, extensions=())

    @app.lifespan
    async def life() -> AsyncIterator[None]:
        log.append(f"+{name}")
        yield
        log.append(f"-{name}")

    return app


@pytest.mark.pain("P13")
@pytest.mark.capability("C073")
@pytest.mark.capability("N02")
def test_lifespans_are_nested_as_the_mounts_are() -> None:
    """Grandchildren start after and stop before their parents, whatever they are, and find their state."""
    log: list[str] = []
    outer, middle = app_of("outer", log), app_of("middle", log)
    middle.mount("/grandchild", living("grandchild", log))
    outer.mount("/middle", middle)
    outer.mount("/child", living("child", log))

    with TestClient(outer) as client:
        told = [client.get(path).text for path in ("/middle/grandchild/", "/child/")]

    assert ["grandchild", "child"] == told
    assert ["+outer", "+middle", "+grandchild", "+child", "-child", "-grandchild", "-middle", "-outer"] == log


@pytest.mark.pain("P13")
@pytest.mark.capability("N02")
def test_a_child_that_fails_stops_its_parents() -> None:
    """What has started is left in reverse, and the failure names the mount."""
    log: list[str] = []
    outer, middle = app_of("outer", log), app_of("middle", log)
    middle.mount("/broken", living("broken", log, fails=True))
    outer.mount("/first", living("first", log))
    outer.mount("/middle", middle)

    with pytest.raises(ConfigurationError) as caught, TestClient(outer):
        pass

    assert ["+outer", "+first", "+middle", "-middle", "-first", "-outer"] == log
    assert "broken has no database" in str(caught.value)
    notes = caught.value.__notes__
    assert "the mount `broken` at `/broken`" in notes[0]
    assert "the mount `middle` at `/middle`" in notes[1]


@pytest.mark.pain("P13")
def test_an_application_that_is_mounted_twice_lives_once() -> None:
    """On each loop, with one state for all its mounts, also in different applications."""
    log: list[str] = []
    child = living("child", log)
    outer, middle = App("outer", extensions=()), App("middle", extensions=())
    middle.mount("/inner", child)
    outer.mount("/one", child)
    outer.mount("/two", child, mode="task")
    outer.mount("/middle", middle)

    for _ in range(2):
        with TestClient(outer) as client:
            told = {client.get(path).text for path in ("/one/", "/two/", "/middle/inner/")}

        assert {"child"} == told
    assert ["+child", "-child"] * 2 == log


@pytest.mark.pain("P13")
def test_a_lifespan_can_be_left_out() -> None:
    """Somebody else starts the application; WSGI applications have nothing to start."""
    log: list[str] = []

    async def silent(scope: dict[str, Any], receive: Any, send: Any) -> None:
        log.append(scope["type"])
        await PlainTextResponse("ok")(scope, receive, send)

    def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [b"ok"]

    app = App("new", extensions=())
    app.mount("/asgi", silent, lifespan=False)
    app.mount("/wsgi", wsgi, lifespan=False, threads=1)

    with TestClient(app) as client:
        assert ["ok", "ok"] == [client.get(path).text for path in ("/asgi/", "/wsgi/")]
    assert ["http"] == log


# P1: layers around a mount.

seen_inside: ContextVar[str] = ContextVar("seen_inside", default="nothing")


@pytest.mark.pain("P1")
@pytest.mark.capability("C017")
def test_a_flask_and_a_starlette_application_answer_under_prefixes() -> None:
    """With the layers of ours around them, in the same task, so that what they set is seen there."""

    async def layer(request: Request, call_next: Dispatch) -> Response:
        before = asyncio.current_task()
        response = await call_next(request)
        response.headers["x-seen"] = f"{seen_inside.get()} {asyncio.current_task() is before}"
        return response

    old = flask.Flask("old")

    @old.route("/hello")
    def hello() -> str:
        seen_inside.set("flask")
        return "Hello from Flask"

    async def greet(request: StarletteRequest) -> PlainTextResponse:
        seen_inside.set("starlette")
        return PlainTextResponse("Hello from Starlette")

    app = App("new", extensions=(), use=[layer])
    app.mount("/flask", old)
    app.mount("/starlette", Starlette(routes=[Route("/hello", greet)]))

    with TestClient(app) as client:
        answers = [client.get(f"/{kind}/hello") for kind in ("flask", "starlette")]

    assert ["Hello from Flask", "Hello from Starlette"] == [answer.text for answer in answers]
    assert ["flask True", "starlette True"] == [answer.headers["x-seen"] for answer in answers]


@pytest.mark.pain("P18")
@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
def test_what_a_mount_raises_is_answered_and_logged_once(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """By the error handlers of the application, inside its layers."""

    async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            raise LookupError("no such thing")

    def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        raise LookupError("no such thing")

    async def layer(request: Request, call_next: Dispatch) -> Response:
        response = await call_next(request)
        response.headers["x-layer"] = type(response.exception).__name__
        return response

    app = App("new", extensions=(), use=[layer])
    app.mount("/m", asgi if kind == "asgi" else wsgi)

    with caplog.at_level(logging.ERROR), TestClient(app, raise_app_exceptions=False) as client:
        plain = client.get("/m/x")
    app = App("new", extensions=())
    app.errorhandler(LookupError)(lambda error: (f"handled: {error.args[0]}", 409))
    app.mount("/m", asgi if kind == "asgi" else wsgi)
    with TestClient(app) as client:
        handled = client.get("/m/x")

    assert (500, "LookupError") == (plain.status_code, plain.headers["x-layer"])
    assert "no such thing" not in plain.text
    assert 1 == sum(record.exc_info is not None for record in caplog.records)
    assert (409, "handled: no such thing") == (handled.status_code, handled.text)


# P12: the body belongs to everybody.


@pytest.mark.pain("P12")
@pytest.mark.parametrize("kind", ["flask", "starlette"])
@pytest.mark.parametrize("reads_first", [False, True], ids=["unread", "read-by-a-layer"])
def test_a_layer_and_a_mount_read_the_same_body(kind: str, reads_first: bool) -> None:
    """Whether a layer has read it or not, the mounted application gets all of it."""

    async def layer(request: Request, call_next: Dispatch) -> Response:
        if reads_first:
            await request.read()
            await request.read()
        response = await call_next(request)
        response.headers["x-length"] = str(len(request.body)) if reads_first else "-"
        return response

    old = flask.Flask("old")

    @old.post("/")
    def post() -> dict[str, Any]:
        return {"form": flask.request.form["name"], "again": flask.request.form["name"]}

    async def star_post(request: StarletteRequest) -> JSONResponse:
        body = await request.body()
        form = await request.form()
        return JSONResponse({"form": form["name"], "again": dict(form)["name"], "length": len(body)})

    app = App("new", extensions=(), use=[layer])
    app.mount("/m", old if kind == "flask" else Starlette(routes=[Route("/", star_post, methods=["POST"])]))

    with TestClient(app, timeout_seconds=1) as client:
        response = client.post("/m/", data={"name": "x" * 100_000})

    assert 200 == response.status_code
    assert ("x" * 100_000, "x" * 100_000) == (response.json()["form"], response.json()["again"])
    assert ("100005" if reads_first else "-") == response.headers["x-length"]


@pytest.mark.pain("P44")
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/own", ("/own", "", True), id="a-route-of-ours"),
        pytest.param("/middle/here", ("/here", "middle", True), id="a-mounted-app"),
        pytest.param("/middle/deep/x", ("-", "middle.deep", False), id="a-mount-in-a-mount"),
        pytest.param("/else", ("-", "legacy", False), id="a-fallback"),
    ],
)
def test_the_end_of_a_request_names_its_mount(path: str, expected: tuple[str, str, bool]) -> None:
    """And the route if it is one of ours, so that a log tells what is left to move."""
    told: list[tuple[Any, ...]] = []
    app, middle = App("outer", extensions=()), App("middle", extensions=())
    app.add_route("/own", lambda: "own", name="own")
    middle.add_route("/here", lambda: "here", name="here")
    middle.mount("/deep", flask.Flask("deep"))
    app.mount("/middle", middle)
    app.mount("/", flask.Flask("legacy"), name="legacy", fallback=True)
    app.on(
        "request_finished",
        lambda fields: told.append((fields["route"], fields["mount"], fields["handler"] != "-")),
    )

    with TestClient(app) as client:
        client.get(path)

    assert [expected] == told

"""`App.wrap_asgi`: where middleware of others stands, what it changes of the way of a request, and its mistakes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from costrel import App, NotFound, Pass, Request, Response
from costrel.app.wrapping import make_all, make_wrapping
from costrel.errors import BuildError, ConfigurationError
from costrel.messages import Dispatch, Layer
from costrel.mounts import ASGIApplication, Message, Receive, Scope, Send


class Mark:
    """Middleware that notes in header fields that it was passed, on both ways."""

    def __init__(self, app: ASGIApplication, mark: str = "wrapped") -> None:
        self.app = app
        self.mark = mark.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"].endswith(".start"):
                message["headers"].append((b"x-way", self.mark))
            await send(message)

        await self.app({**scope, "headers": [*scope["headers"], (b"x-in", self.mark)]}, receive, sending)


class Rewrite:
    """Middleware that changes parts of the scope."""

    def __init__(self, app: ASGIApplication, **changes: Any) -> None:
        self.app = app
        self.changes = changes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, **self.changes}, receive, send)


def marking(mark: str) -> Layer:
    async def layer(request: Request, call_next: Dispatch) -> Response:
        came = request.headers.get_combined("x-in")
        response = await call_next(request)
        response.headers.add("x-way", f"{mark} after {came}")
        return response

    return layer


def way(response: Any) -> list[str]:
    found: list[str] = response.headers.getlist("x-way")
    return found


def make_app() -> App:
    app = App("wrapped", use=[marking("use")])
    app.add_layer(marking("extension"))
    app.wrap_asgi(Mark, mark="first")
    app.wrap_asgi(Mark, "last")

    @app.get("/")
    async def index(request: Request) -> str:
        return request.headers.get_combined("x-in") or ""

    @app.get("/crash")
    async def crash() -> str:
        raise LookupError

    return app


def test_the_last_is_outermost_and_all_stand_outside_layers() -> None:
    """On the way in the last call comes first; layers of extensions lie within, those of `use=` within these."""
    with make_app().test_client() as client:
        response = client.get("/")

    assert "last, first" == response.text
    assert ["use after last, first", "extension after last, first", "first", "last"] == way(response)


@pytest.mark.parametrize(
    ("method", "path", "status_code"),
    [
        pytest.param("GET", "/nowhere", 404, id="not-found"),
        pytest.param("POST", "/", 405, id="method-not-allowed"),
        pytest.param("OPTIONS", "/", 204, id="options"),
        pytest.param("GET", "/crash", 500, id="crash"),
        pytest.param("GET", "/asgi/x", 200, id="mounted-asgi"),
        pytest.param("GET", "/wsgi/x", 200, id="mounted-wsgi"),
        pytest.param("GET", "/app/", 200, id="mounted-app"),
        pytest.param("GET", "/app/nowhere", 404, id="not-found-in-a-mounted-app"),
    ],
)
def test_every_answer_goes_through(method: str, path: str, status_code: int) -> None:
    """Automatic answers, errors and mounts of every kind are within."""

    async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"asgi"})

    def wsgi(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"wsgi"]

    inner = App("inner")
    inner.add_route("/", lambda: "inner")
    app = make_app()
    app.mount("/asgi", asgi, lifespan=False)
    app.mount("/wsgi", wsgi)
    app.mount("/app", inner)
    with app.test_client(raise_app_exceptions=False) as client:
        response = client.request(method, path)

    assert (status_code, ["first", "last"]) == (response.status_code, way(response)[-2:])


def test_a_mounted_application_has_its_own() -> None:
    """What is wrapped around it stands within what is wrapped around the application that it is mounted in."""
    inner = App("inner")
    inner.wrap_asgi(Mark, mark="inner")

    @inner.get("/")
    async def index(request: Request) -> str:
        scope: Any = request.state.asgi_scope
        return f"{request.headers.get_combined('x-in')} {scope['root_path']} {request.url.path}"

    outer = App("outer")
    outer.wrap_asgi(Mark, mark="outer")
    outer.mount("/inner", inner)
    with outer.test_client() as client:
        response = client.get("/inner/")

    assert ("outer, inner /inner /inner/", ["inner", "outer"]) == (response.text, way(response))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"path": "/other"}, "GET /other", id="path"),
        pytest.param({"method": "PUT"}, "PUT /", id="method"),
        pytest.param({"root_path": "/api"}, "GET /api/", id="root-path"),
        pytest.param({"headers": [(b"host", b"shop.example")]}, "GET / of the shop", id="host"),
    ],
)
def test_what_it_changes_is_what_is_matched(changes: dict[str, Any], expected: str) -> None:
    """It stands outside the match, so path, method and host are those that it leaves."""
    app = App()
    app.wrap_asgi(Rewrite, **changes)
    for host in (None, "shop.example"):

        async def answer(request: Request, host: str | None = host) -> str:
            return f"{request.method} {request.path}{' of the shop' if host else ''}"

        for path in ("/", "/other"):
            app.add_route(path, answer, methods=["GET", "PUT"], name=f"{host}{path}", when=_asks_for(host))
    with app.test_client() as client:
        response = client.get("/")

    assert expected == response.text


def _asks_for(host: str | None) -> Any:
    return lambda request: (request.host == "shop.example") == (host is not None)


def test_a_route_that_passes_on_is_asked_within() -> None:
    """`Pass` leads to the next route and is nothing that middleware sees."""
    app = App()
    app.wrap_asgi(Mark)

    @app.get("/{name}", fallthrough=True)
    async def first(name: str) -> str:
        raise Pass

    with app.test_client() as client:
        response = client.get("/x")

    assert (404, ["wrapped"]) == (response.status_code, way(response))


def test_the_events_tell_of_one_request() -> None:
    """Each event comes once, with what the middleware has left and made."""
    app = make_app()
    told: list[tuple[str, object]] = []
    app.on("request_started", lambda fields: told.append(("started", fields["request"])))
    app.on("request_matched", lambda fields: told.append(("matched", getattr(fields["route"], "path", None))))
    app.on("response_ready", lambda fields: told.append(("ready", getattr(fields["response"], "status_code", None))))
    app.on("request_failed", lambda fields: told.append(("failed", type(fields["exception"]))))
    with app.test_client(raise_app_exceptions=False) as client:
        response = client.get("/crash")

    assert [
        ("started", response.request),
        ("matched", "/crash"),
        ("failed", LookupError),
        ("ready", 500),
    ] == told


def test_cookies_and_sessions_of_ours_are_kept() -> None:
    """What is added when all layers have seen the response is added outside of middleware."""
    app = App()
    app.wrap_asgi(Mark)

    @app.get("/")
    async def index(request: Request) -> Response:
        request.on_response(lambda _, response: response.headers.add("x-way", "on response"))
        response = Response("x")
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    with app.test_client() as client:
        response = client.get("/")

    assert ["a", "b"] == [value.partition("=")[0] for value in response.headers.getlist("set-cookie")]
    assert ["wrapped", "on response"] == way(response)


def test_an_error_raised_again_is_answered_as_the_middleware_has_left_it(caplog: pytest.LogCaptureFixture) -> None:
    """A layer around the application that raises it gets the same response, logged once."""

    async def again(request: Request, call_next: Dispatch) -> Response:
        response = await call_next(request)
        response.raise_for_exception()
        return response

    inner = make_app()
    outer = App("outer", use=[again])
    outer.mount("/inner", inner)
    with outer.test_client(raise_app_exceptions=False) as client:
        response = client.get("/inner/crash")

    assert (500, ["first", "last"]) == (response.status_code, way(response)[-2:])
    assert 1 == len(caplog.records)


def test_an_error_handler_of_the_application_answers_for_middleware() -> None:
    """What the middleware raises before its response is the application's to answer."""

    def refuse(app: ASGIApplication) -> ASGIApplication:
        async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
            raise NotFound("not for you")

        return middleware

    app = App()
    app.wrap_asgi(refuse)

    @app.errorhandler(404)
    async def answer(error: NotFound) -> str:
        return f"our own: {error.detail}"

    with app.test_client() as client:
        response = client.get("/")

    assert (404, "our own: not for you") == (response.status_code, response.text)


def test_a_deadline_of_a_layer_holds_within() -> None:
    """The handler is abandoned, and the 503 goes through the middleware."""

    async def hurry(request: Request, call_next: Dispatch) -> Response:
        request.deadline_seconds = 0.01
        return await call_next(request)

    app = App(use=[hurry])
    app.wrap_asgi(Mark)

    @app.get("/")
    async def wait() -> None:
        await asyncio.Event().wait()

    with app.test_client() as client:
        response = client.get("/")

    assert (503, ["wrapped"]) == (response.status_code, way(response))


def test_it_comes_too_late_after_the_build() -> None:
    """The usual error says so, and where."""
    app = App()
    app.build()
    with pytest.raises(ConfigurationError, match="`wrap_asgi` was called after") as caught:
        app.wrap_asgi(Mark)

    assert "COS-APP-001" == caught.value.mistake.code
    assert "test_wrap_asgi.py" in (caught.value.mistake.where or "")


def test_all_mistakes_are_reported_together() -> None:
    """Middleware that cannot be made stands in the report beside other mistakes, with file and line."""
    app = App()
    wrap: Any = app.wrap_asgi
    wrap(Mark, colour="red")
    wrap(42)

    @app.get("/{id}")
    async def handler(other: object) -> str:
        return ""

    with pytest.raises(BuildError) as caught:
        app.build()

    codes = [mistake.code for mistake in caught.value.mistakes]
    assert 2 == codes.count("COS-MOUNT-009")
    assert 3 == len(codes)
    assert "test_wrap_asgi.py" in str(caught.value)


def test_an_application_that_was_reopened_takes_more() -> None:
    """What is made stays, what is added is outermost; what is wrong is taken back."""
    app = make_app()
    made: list[object] = []

    def count(inner: ASGIApplication) -> ASGIApplication:
        made.append(inner)
        return inner

    app.wrap_asgi(count)
    app.build()
    with app.reopen():
        app.wrap_asgi(Mark, mark="added")
    wrap: Any = app.wrap_asgi
    with pytest.raises(BuildError), app.reopen():
        wrap(Mark, colour="red")
    with app.test_client() as client:
        response = client.get("/")

    assert (["first", "last", "added"], 1) == (way(response)[-3:], len(made))


def test_an_override_keeps_it() -> None:
    """Tables that stand in for a block are within the same middleware."""
    app = make_app()
    app.provide(int, lambda: 1)

    @app.get("/number")
    async def number(value: int) -> str:
        return str(value)

    with app.override(int, lambda: 2), app.test_client() as client:
        response = client.get("/number")

    assert ("2", ["first", "last"]) == (response.text, way(response)[-2:])


def test_the_description_names_it() -> None:
    """Tools see it, outermost first."""
    app = make_app()
    app.wrap_asgi(Rewrite)

    assert ["Rewrite", "Mark", "Mark"] == app.describe()["middleware"]


def test_what_cannot_be_made_is_returned_as_mistakes() -> None:
    """The build puts them with the others."""
    good, bad = make_wrapping(Mark, (), {}, "a.py:1"), make_wrapping(Mark, (), {"colour": "red"}, "a.py:2")

    assert [("COS-MOUNT-009", "a.py:2")] == [(mistake.code, mistake.where) for mistake in make_all([good, bad])]

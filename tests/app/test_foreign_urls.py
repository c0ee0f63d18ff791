"""URLs into mounted applications of other frameworks, built by these and put below the prefix."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import flask
import pytest
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route

from costrel.app import App
from costrel.errors import ProgrammerError
from costrel.messages import Dispatch, Request, Response
from costrel.testing import TestClient


def make_flask() -> flask.Flask:
    app, admin = flask.Flask("shop"), flask.Blueprint("admin", __name__, url_prefix="/admin")

    @app.route("/items/<int:id>")
    def item(id: int) -> str:
        return flask.url_for("item", id=id)

    @app.route("/<lang>/about")
    def about(lang: str) -> str:
        return flask.url_for("about")

    @app.url_defaults
    def add_language(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "about":
            values.setdefault("lang", "en")

    @admin.route("/<path:page>")
    def page(page: str) -> str:
        return page

    app.register_blueprint(admin)
    return app


def show(request: StarletteRequest) -> PlainTextResponse:
    return PlainTextResponse(str(request.url_for("item", id=7).path))


def make_starlette() -> Starlette:
    inner = [Route("/{name}", show, name="show"), Route("/{name}/{part:int}", show, name="show")]
    return Starlette(
        routes=[
            Route("/items/{id:int}", show, name="item"),
            Mount("/users/{group}", routes=inner, name="users"),
            Mount("/plain", routes=[Route("/x", show, name="plain")]),
            Host("api.example", app=Starlette(routes=[Route("/h", show, name="h")]), name="api"),
        ]
    )


def nameless(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b""]


def make_app() -> App:
    app, middle = App("outer", extensions=()), App("middle", extensions=())
    app.mount("/old shop", make_flask(), name="legacy")
    app.mount("/s", make_starlette(), name="star")
    app.mount("/nameless", nameless)
    app.mount("/elsewhere", make_flask(), name="there", host="legacy.example")
    app.mount("/tenants", make_flask(), name="tenant", host="{tenant}.example.com")
    middle.mount("/deep", make_flask())
    app.mount("/middle", middle)

    @app.get("/ask")
    async def ask(request: Request) -> str:
        return request.url_for("middle.deep.item", id=7)

    return app


@pytest.mark.pain("P16")
@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        pytest.param("legacy.item", {"id": 7}, "/old%20shop/items/7", id="flask"),
        pytest.param("legacy.item", {"id": 7, "q": ["a b", "c"]}, "/old%20shop/items/7?q=a+b&q=c", id="a-query"),
        pytest.param("legacy.item", {"id": 7, "q": None}, "/old%20shop/items/7", id="none-is-not-given"),
        pytest.param("legacy.about", {}, "/old%20shop/en/about", id="defaults-of-flask"),
        pytest.param("legacy.admin.page", {"page": "a b/ü"}, "/old%20shop/admin/a%20b/%C3%BC", id="a-flask-blueprint"),
        pytest.param("legacy.item", {"id": 7, "anchor": "x"}, "/old%20shop/items/7#x", id="an-anchor"),
        pytest.param("star.item", {"id": 7}, "/s/items/7", id="starlette"),
        pytest.param("star.item", {"id": 7, "q": "a b"}, "/s/items/7?q=a%20b", id="a-query-for-starlette"),
        pytest.param("star.users:show", {"group": "a b", "name": "ü"}, "/s/users/a%20b/%C3%BC", id="a-mount-inside"),
        pytest.param("star.users:show", {"group": "a", "name": "b", "part": 3}, "/s/users/a/b/3", id="more-values"),
        pytest.param("star.plain", {}, "/s/plain/x", id="a-mount-without-a-name"),
        pytest.param("star.api:h", {}, "/s/h", id="a-host-of-starlette"),
        pytest.param("middle.deep.item", {"id": 7}, "/middle/deep/items/7", id="a-mount-in-a-mount"),
    ],
)
def test_a_url_is_that_of_the_application_below_its_prefix(name: str, values: dict[str, Any], expected: str) -> None:
    """By the name of the mount and the name that the application itself uses."""
    assert expected == make_app().url_for(name, **values)


@pytest.mark.pain("P16")
@pytest.mark.parametrize("root_path", ["", "/api"])
def test_both_sides_build_the_same(root_path: str) -> None:
    """From outside and from inside a request the URL leads to the same place."""
    with TestClient(make_app(), root_path=root_path) as client:
        ours = client.get("/ask").text
        inside = client.get("/middle/deep/items/7").text
        star = client.get("/s/items/7").text

    assert f"{root_path}/middle/deep/items/7" == ours == inside
    assert f"{root_path}/s/items/7" == star


def test_around_a_mount_names_are_those_of_the_application_that_it_stands_in() -> None:
    """Layers, error handlers and listeners build the URLs that a handler there would build."""
    built: list[str] = []

    async def layer(request: Request, call_next: Dispatch) -> Response:
        response = await call_next(request)
        built.extend(request.url_for(name) for name in ("own", "top", "old.static"))
        return response

    outer, inner = App("outer", extensions=()), App("inner", extensions=(), use=[layer])
    outer.add_route("/top", lambda: "top", name="top")
    inner.add_route("/own", lambda: "own", name="own")
    inner.mount("/old", flask.Flask("old", static_url_path="/files"))
    outer.mount("/inner", inner)

    with TestClient(outer) as client, pytest.raises(ProgrammerError, match="Could not build url for endpoint 'static'"):
        client.get("/inner/old/x")

    assert ["/inner/own", "/top"] == built


@pytest.mark.parametrize(
    ("name", "values", "asked_at", "expected"),
    [
        pytest.param("there.item", {"id": 7}, "localhost", "http://legacy.example/elsewhere/items/7", id="host"),
        pytest.param("there.item", {"id": 7}, "legacy.example", "/elsewhere/items/7", id="this-host"),
        pytest.param(
            "tenant.item", {"id": 7, "tenant": "a"}, "localhost", "http://a.example.com/tenants/items/7", id="a-pattern"
        ),
        pytest.param("tenant.item", {"id": 7}, "b.example.com", "/tenants/items/7", id="the-tenant-of-the-request"),
    ],
)
def test_a_mount_with_a_host_names_it(name: str, values: dict[str, Any], asked_at: str, expected: str) -> None:
    """A path alone would lead to another application."""
    app = make_app()
    with app.test_request_context("/", headers={"host": asked_at}):
        assert expected == app.url_for(name, **values)


@pytest.mark.parametrize(
    ("name", "values", "code", "said"),
    [
        pytest.param("legacy.itm", {}, "COS-ROUTE-015", "Did you mean `legacy.item`", id="a-name-of-flask-misspelt"),
        pytest.param("star.users:shw", {}, "COS-ROUTE-015", "`star.users:show`", id="a-name-of-starlette-misspelt"),
        pytest.param("nameless.index", {}, "COS-ROUTE-015", "", id="an-application-without-names"),
        pytest.param("legacy.item", {}, "COS-MOUNT-010", "Could not build url for endpoint 'item'", id="no-value"),
        pytest.param("star.item", {}, "COS-MOUNT-010", "it needs the values id", id="no-value-for-starlette"),
        pytest.param("star.item", {"id": -1}, "COS-MOUNT-010", "it says: ", id="a-value-that-starlette-refuses"),
        pytest.param("tenant.item", {"id": 7}, "COS-ROUTE-016", "tenant", id="no-value-for-the-host"),
    ],
)
def test_what_cannot_be_built_is_told(name: str, values: dict[str, Any], code: str, said: str) -> None:
    """An unknown name with the nearest ones, a missing value in the words of the application."""
    with pytest.raises(ProgrammerError) as caught:
        make_app().url_for(name, **values)

    assert code == caught.value.code
    assert said in str(caught.value)


def test_an_argument_of_flask_is_no_query() -> None:
    """Of url_for as Flask has it; it would become a part of the URL."""
    with pytest.raises(TypeError, match="here `_external` is `external`"):
        make_app().url_for("legacy.item", id=7, _external=True)

"""Putting an application together: once, then frozen; reopened and overridden on purpose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest

from costrel.app import App, Blueprint
from costrel.errors import BuildError, ConfigurationError
from costrel.handling import Depends
from costrel.messages import Request, Response
from costrel.routing import Converter
from costrel.testing import TestClient


class Database:
    """What a provider makes."""

    name = "real"


class Fake(Database):
    """What a test puts in its place."""

    name = "fake"


def user() -> str:
    """What `Depends` asks for."""
    return "real"


VERBS: dict[str, Callable[[App], object]] = {
    "add_route": lambda app: app.add_route("/x", lambda: "x"),
    "get": lambda app: app.get("/x")(lambda: "x"),
    "add_redirect": lambda app: app.add_redirect("/x", "/y"),
    "before_request": lambda app: app.before_request(lambda: None),
    "after_request": lambda app: app.after_request(lambda response: response),
    "teardown_request": lambda app: app.teardown_request(lambda: None),
    "errorhandler": lambda app: app.errorhandler(404)(lambda: "x"),
    "provide": lambda app: app.provide(Database, Database),
    "url_value_preprocessor": lambda app: app.url_value_preprocessor(lambda name, values: None),
    "url_defaults": lambda app: app.url_defaults(lambda name, values: None),
    "context_processor": lambda app: app.context_processor(dict),
    "register": lambda app: app.register(Blueprint("x")),
    "host": lambda app: app.host("x.example", Blueprint("x")),
    "mount": lambda app: app.mount("/x", App("x", extensions=())),
    "converter": lambda app: app.converter("x")(Converter),
    "responder": lambda app: app.responder(Database, lambda value: Response("x")),
    "body_parser": lambda app: app.body_parser("text/x", bytes),
    "on": lambda app: app.on("app_started", print),
    "on_start": lambda app: app.on_start(print),
    "on_stop": lambda app: app.on_stop(print),
    "lifespan": lambda app: app.lifespan(print),
    "add_layer": lambda app: app.add_layer(print),
    "template_filter": lambda app: app.template_filter()(print),
}


@pytest.mark.capability("C074")
@pytest.mark.parametrize("verb", VERBS)
def test_registering_after_the_build_is_refused(verb: str) -> None:
    """What came too late would have no effect, so every verb says so and how to do it on purpose."""
    app = App("test", extensions=())
    app.build()

    with pytest.raises(ConfigurationError) as caught:
        VERBS[verb](app)

    assert "COS-APP-001" == caught.value.code
    assert "with app.reopen(): …" in caught.value.mistake.fix


@pytest.mark.capability("C074")
def test_a_built_application_is_reopened_on_purpose() -> None:
    """What the block registers is answered after it, not during it."""
    app = App("test", extensions=())
    app.add_route("/old", lambda: "old", name="old", inline=True)

    with TestClient(app) as client:
        assert 404 == client.get("/new").status_code
        with app.reopen():
            app.add_route("/new", lambda: "new", name="new", inline=True)
            during = client.get("/new").status_code
        after = client.get("/new")

    assert (404, 200, "new") == (during, after.status_code, after.text)
    with pytest.raises(ConfigurationError):
        app.get("/late")(lambda: "x")


def test_a_block_that_fails_is_taken_back() -> None:
    """A mistake in what was added leaves the application as it was, nested blueprints included."""
    app, part = App("test", extensions=()), Blueprint("part", prefix="/part")
    part.add_route("/a", lambda: "a", name="a", inline=True)
    app.register(part)

    def add_with_mistake() -> None:
        with app.reopen():
            part.add_route("/b", lambda: "b", name="b")
            app.add_route("wrong", lambda: "x", name="wrong")
            app.mount("/c", App("c", extensions=()))

    def add_and_fail() -> None:
        with app.reopen():
            app.add_route("/d", lambda: "d", name="d")
            raise ZeroDivisionError

    with TestClient(app) as client:
        with pytest.raises(BuildError):
            add_with_mistake()
        with pytest.raises(ZeroDivisionError):
            add_and_fail()
        with app.reopen():
            app.add_route("/e", lambda: "e", name="e", inline=True)
        statuses = [client.get(path).status_code for path in ("/part/a", "/part/b", "/c", "/d", "/e")]

    assert [200, 404, 404, 404, 200] == statuses


def test_a_build_that_failed_may_be_tried_again() -> None:
    """Nothing is half built."""
    app = App("test", extensions=())
    app.add_route("wrong", lambda: "x")

    for _ in range(2):
        with pytest.raises(BuildError):
            app.build()


@pytest.mark.capability("C064")
@pytest.mark.pain("P24")
@pytest.mark.parametrize("lifetime", [None, "response", "app"])
@pytest.mark.parametrize("is_running", [True, False], ids=["while-it-runs", "before-it-starts"])
def test_a_provider_is_overridden_for_a_block(lifetime: str | None, is_running: bool) -> None:
    """Whatever its lifetime; the real one is back after the block."""
    app = App("test", extensions=())
    app.provide(Database, Database, lifetime=lifetime)

    @app.get("/")
    async def index(db: Database) -> str:
        return db.name

    if is_running:
        with TestClient(app) as client:
            names = [client.get("/").text]
            with app.override(Database, Fake):
                names.append(client.get("/").text)
            names.append(client.get("/").text)
    else:
        names = ["real"]
        with app.override(Database, Fake), TestClient(app) as client:
            names.append(client.get("/").text)
        with TestClient(app) as client:
            names.append(client.get("/").text)

    assert ["real", "fake", "real"] == names


@pytest.mark.capability("C064")
def test_a_function_of_depends_is_overridden_and_overrides_nest() -> None:
    """``Depends(f)`` is overridden by `f`; the inner block counts."""

    app = App("test", extensions=())

    @app.get("/")
    def index(a: Annotated[str, Depends(user)], b: str = Depends(user)) -> str:
        return f"{a} {b}"

    with TestClient(app) as client:
        with app.override(user, lambda: "outer"):
            outer = client.get("/").text
            with app.override(user, lambda: "inner"):
                inner = client.get("/").text
            again = client.get("/").text
        real = client.get("/").text

    assert ["outer outer", "inner inner", "outer outer", "real real"] == [outer, inner, again, real]


def test_an_override_that_cannot_be_made_now_says_so() -> None:
    """A value that lives as long as the application is not made by a generator while it runs."""
    app = App("test", extensions=())
    app.provide(Database, Database, lifetime="app")

    @app.get("/")
    async def index(db: Database) -> str:
        return db.name

    def fake():
        yield Fake()

    with TestClient(app) as client:
        with pytest.raises(ConfigurationError) as caught, app.override(Database, fake):
            pass
        assert "real" == client.get("/").text

    assert "COS-APP-043" == caught.value.code
    with app.override(Database, fake), TestClient(app) as client:
        assert "fake" == client.get("/").text


@pytest.mark.capability("C067")
@pytest.mark.capability("C014")
def test_what_is_registered_on_a_blueprint_is_not_seen_outside() -> None:
    """Hooks, error handlers, layers and providers hold for it and its children, never for its siblings."""
    app = App("test", extensions=())
    a, child, b = Blueprint("a", prefix="/a"), Blueprint("child", prefix="/child"), Blueprint("b", prefix="/b")
    log: list[str] = []
    app.provide(Database, Database)
    a.provide(Database, Fake)

    @a.before_request
    async def hook() -> None:
        log.append("hook")

    @a.errorhandler(KeyError)
    async def on_key() -> tuple[str, int]:
        return "handled", 418

    async def layer(request: Request, call_next: Callable) -> Response:
        response = await call_next(request)
        response.headers["x-a"] = "1"
        return response

    a.layers.append(layer)

    async def show(db: Database) -> str:
        return db.name

    async def fail() -> str:
        raise KeyError("x")

    for part in (a, child, b):
        part.add_route("/show", show)
        part.add_route("/fail", fail)
    a.register(child)
    app.register(a)
    app.register(b)

    with TestClient(app, raise_app_exceptions=False) as client:
        answers = [
            (response.status_code, response.text if response.status_code != 500 else "", "x-a" in response.headers)
            for response in map(
                client.get, ["/a/show", "/a/child/show", "/b/show", "/a/fail", "/a/child/fail", "/b/fail"]
            )
        ]

    assert [
        (200, "fake", True),
        (200, "fake", True),
        (200, "real", False),
        (418, "handled", True),
        (418, "handled", True),
        (500, "", False),
    ] == answers
    assert ["hook"] * 4 == log


def test_an_app_lifetime_value_of_a_blueprint_is_made_at_start() -> None:
    """Where a provider is registered decides who may ask for it, not whether it is made."""
    app, part = App("test", extensions=()), Blueprint("part")
    log: list[str] = []

    def make():
        log.append("made")
        yield Database()
        log.append("ended")

    part.provide(Database, make, lifetime="app")

    @part.get("/")
    async def index(db: Database) -> str:
        return db.name

    app.register(part)

    with TestClient(app) as client:
        log.append(client.get("/").text)

    assert ["made", "real", "ended"] == log


def test_folders_of_blueprints_are_told_to_extensions() -> None:
    """With the URL prefix, relative to the module that makes the blueprint."""
    app = App("test", extensions=())
    part = Blueprint("part", prefix="/part", template_folder="pages", static_folder="files")
    app.register(part, prefix="/p")
    app.register(Blueprint("none"))
    here = Path(__file__).parent

    assert [("/p", here / "pages")] == app.blueprint_folders("template_folder")
    assert [("/p", here / "files")] == app.blueprint_folders("static_folder")


def test_context_processors_add_to_templates_of_their_blueprint() -> None:
    """The app's first, a blueprint's own after them."""
    app, part = App("test", extensions=()), Blueprint("part")
    app.context_processor(lambda: {"a": 1, "b": 1})
    part.context_processor(lambda: {"b": 2})
    app.register(part)

    assert ({"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 1}) == (
        app.context_of(""),
        app.context_of("part"),
        app.context_of("unknown"),
    )


def test_responders_and_body_parsers_of_the_application() -> None:
    """A type becomes a response, and a media type becomes a body, by the application's own functions."""
    app = App("test", extensions=())
    app.responder(Database, lambda db: Response(f"<{db.name}>"))
    app.body_parser("Text/CSV", lambda data: {"cells": data.decode().split(",")})

    @app.get("/")
    async def index():
        return Fake()

    @app.post("/")
    async def create(body: dict[str, list[str]]) -> list[str]:
        return body["cells"]

    with TestClient(app) as client:
        assert "<fake>" == client.get("/").text
        assert ["a", "b"] == client.post("/", content=b"a,b", headers={"content-type": "text/csv"}).json()

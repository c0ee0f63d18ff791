"""Applications inside applications: who answers, with what around it, and what the request says of its place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import flask
import pytest
from hypothesis import given, settings, strategies as st
from starlette.applications import Starlette

from costrel.app import App, AppSettings, Blueprint, current_app
from costrel.errors import BuildError, ConfigurationError, NotFound
from costrel.messages import Dispatch, Request, Response
from costrel.mounts import WSGIMount
from costrel.testing import TestClient


@pytest.mark.capability("C016")
def test_a_mounted_application_keeps_its_own() -> None:
    """Settings, error handlers, hooks and lifespan are the child's; the layers of the parent stand around it."""
    log: list[str] = []

    async def marking(request: Request, call_next: Dispatch) -> Response:
        response = await call_next(request)
        response.headers["x-parent"] = request.app.name
        return response

    parent = App("parent", extensions=(), use=[marking])
    child = App("child", extensions=(), settings=AppSettings(max_body_bytes=3))
    parent.mount("/child", child)

    @child.lifespan
    async def life() -> AsyncIterator[None]:
        log.append("started")
        yield

    @child.errorhandler(404)
    async def missing(error: NotFound) -> str:
        return "the child's page"

    @parent.before_request
    async def never() -> None:
        log.append("a hook of the parent")

    @child.post("/")
    async def index() -> str:
        return current_app.name

    with TestClient(parent) as client:
        found, missed, large = client.post("/child"), client.get("/child/x"), client.post("/child/", content=b"1234")

    assert [(200, "child"), (404, "the child's page")] == [(r.status_code, r.text) for r in (found, missed)]
    assert (413, ["child"] * 3) == (large.status_code, [r.headers["x-parent"] for r in (found, missed, large)])
    assert ["started"] == log


@pytest.mark.pain("P16")
def test_the_whole_path_is_prefix_and_local_path() -> None:
    """`path` never changes; `mount_prefix` and `route_path` are its parts, through every mount."""
    inner, middle, outer = (App(name, extensions=()) for name in ("inner", "middle", "outer"))
    outer.mount("/a", middle)
    middle.mount("/b", inner)

    @inner.get("/{rest:path}")
    async def show(request: Request) -> list[str]:
        return [request.root_path, request.mount_prefix, request.route_path, request.path, str(request.base_url)]

    with TestClient(outer, root_path="/root") as client:
        assert ["/root", "/a/b", "/x/y", "/root/a/b/x/y", "http://localhost/root/a/b/"] == client.get("/a/b/x/y").json()


@pytest.mark.pain("P16")
@given(
    prefixes=st.lists(st.sampled_from(["/a", "/aa", "/a/a", "/auth", "/b"]), min_size=0, max_size=3),
    root_path=st.sampled_from(["", "/a", "/auth", "/api/v1"]),
    blueprint=st.sampled_from(["", "/a", "/auth"]),
)
@settings(max_examples=40, deadline=None)
def test_a_built_url_leads_back_to_its_route(prefixes: list[str], root_path: str, blueprint: str) -> None:
    """Whatever the prefixes and however they overlap, `url_for` builds what matches."""
    leaf = App("leaf", extensions=())
    part = Blueprint("part", prefix=blueprint)

    @part.get("/item/{id}")
    async def item(id: int, request: Request) -> list[str]:
        return [request.url_for("part.item", id=id), request.url_for(".item", id=id), request.path]

    leaf.register(part)
    app = leaf
    for index, prefix in enumerate(prefixes):
        outer = App(f"outer{index}", extensions=())
        outer.mount(prefix, app, name="inner")
        app = outer

    whole = "".join(reversed(prefixes)) + blueprint + "/item/7"

    with TestClient(app, root_path=root_path) as client:
        assert [f"{root_path}{whole}"] * 3 == client.get(whole).json()
    assert whole == app.url_for(".".join(["inner"] * len(prefixes) + ["part.item"]), id=7)


@pytest.mark.pain("P16")
def test_names_are_found_outwards_and_inwards() -> None:
    """From inside a mount the names of the applications around it are known, and theirs of what they mount."""
    inner, sibling, outer = (App(name, extensions=()) for name in ("inner", "sibling", "outer"))
    outer.mount("/in", inner)
    outer.mount("/side", sibling)
    sibling.add_route("/s", lambda: "s", name="s")
    outer.add_route("/top", lambda: "top", name="top")

    @inner.get("/")
    async def index(request: Request) -> list[str]:
        names = ("index", "top", "sibling.s" if "sibling" in outer.mounts else "side.s", "in.index")
        return [*(request.url_for(name) for name in names), outer.url_for("top"), sibling.url_for("s")]

    with TestClient(outer) as client:
        assert ["/in/", "/top", "/side/s", "/in/", "/top", "/s"] == client.get("/in").json()


@pytest.mark.pain("P35")
def test_a_mount_hides_neither_routes_nor_wrong_methods() -> None:
    """Routes of the parent come first; below the prefix 404 and 405 are the child's."""
    parent, child = App("parent", extensions=()), App("child", extensions=())
    parent.add_route("/m/own", lambda: "own", name="own")
    child.add_route("/post", lambda: "x", name="post", methods=["POST"])
    parent.mount("/m", child)

    with TestClient(parent) as client:
        own, wrong, missing, other = (client.get(path) for path in ("/m/own", "/m/post", "/m/x", "/mx"))

    assert "own" == own.text
    assert (405, "OPTIONS, POST") == (wrong.status_code, wrong.headers["allow"])
    assert [404, 404] == [missing.status_code, other.status_code]


def test_a_mount_at_the_root_is_asked_last() -> None:
    """Everything that has no route of its own goes to it."""
    parent, child = App("parent", extensions=()), App("child", extensions=())
    parent.add_route("/own", lambda: "own", name="own")
    child.add_route("/", lambda: "child", name="root")
    child.add_route("/deep/path", lambda: "deep", name="deep")
    parent.mount("/", child)

    with TestClient(parent) as client:
        assert ["own", "child", "deep"] == [client.get(path).text for path in ("/own", "/", "/deep/path")]


def test_the_innermost_app_is_current_until_the_end() -> None:
    """Also in outer layers after `call_next`, and in a stream."""
    seen: list[str] = []

    async def layer(request: Request, call_next: Dispatch) -> Response:
        seen.append(current_app.name)
        response = await call_next(request)
        seen.append(current_app.name)
        return response

    parent, child = App("parent", extensions=(), use=[layer]), App("child", extensions=())
    parent.mount("/c", child)

    @child.get("/")
    async def index() -> AsyncIterator[str]:
        yield current_app.name

    @child.teardown_request
    async def teardown() -> None:
        seen.append(current_app.name)

    with TestClient(parent) as client:
        assert "child" == client.get("/c").text

    assert ["parent", "child", "child"] == seen


@pytest.mark.parametrize(
    ("register", "code"),
    [
        pytest.param(lambda app: app.mount("/x", object()), "COS-MOUNT-001", id="not-an-app"),
        pytest.param(lambda app: app.mount("/x", app), "COS-APP-039", id="itself"),
    ],
)
def test_what_cannot_be_mounted_is_refused_at_once(register, code: str) -> None:
    """The line that mounts it is in the traceback."""
    with pytest.raises(ConfigurationError) as caught:
        register(App("test", extensions=()))

    assert code == caught.value.code


def test_applications_do_not_contain_each_other() -> None:
    """A request would go round for ever."""
    one, two, three = (App(name, extensions=()) for name in ("one", "two", "three"))
    one.mount("/2", two)
    two.mount("/3", three)

    with pytest.raises(ConfigurationError, match="`one` cannot be mounted at `/1`, because it would contain itself"):
        three.mount("/1", one)


def mount_with_parameter(app: App) -> None:
    app.mount("/{tenant}/x", App("child", extensions=()))


def mount_twice(app: App) -> None:
    app.mount("/a/x", App("child", extensions=()))
    app.mount("/b/x", App("child", extensions=()))


def mount_like_a_blueprint(app: App) -> None:
    app.register(Blueprint("x"))
    app.mount("/x", App("child", extensions=()))


@pytest.mark.parametrize(
    ("register", "expected"),
    [
        pytest.param(mount_with_parameter, ["COS-APP-037"], id="a-parameter-in-the-path"),
        pytest.param(mount_twice, ["COS-APP-038"] * 2, id="two-of-one-name"),
        pytest.param(mount_like_a_blueprint, ["COS-APP-038"], id="the-name-of-a-blueprint"),
    ],
)
def test_mounts_that_do_not_fit_are_found_at_build(register, expected: list[str]) -> None:
    """Each with its line."""
    app = App("test", extensions=())
    register(app)

    with pytest.raises(BuildError) as caught:
        app.build()

    assert expected == [mistake.code for mistake in caught.value.mistakes]
    assert all("test_mounting.py:" in mistake.where for mistake in caught.value.mistakes)


def old(environ: object, start_response: object) -> list[bytes]:
    return []


@pytest.mark.parametrize(
    ("path", "application", "name", "expected"),
    [
        pytest.param("/x/old", old, None, "old", id="the-end-of-the-path"),
        pytest.param("/v1.0/", old, None, "v1_0", id="a-path-with-a-dot"),
        pytest.param("/", old, None, "old", id="a-function"),
        pytest.param("/", WSGIMount(old), None, "old", id="an-adapter"),
        pytest.param("/", flask.Flask("shop.web"), None, "flask", id="a-class"),
        pytest.param("/", App("shop.web", extensions=()), None, "shop_web", id="an-app"),
        pytest.param("/x", old, "legacy", "legacy", id="as-given"),
    ],
)
def test_a_mount_has_a_name_without_dots(path: str, application: Any, name: str | None, expected: str) -> None:
    """It stands before the names of routes, and a dot ends it."""
    app = App("test", extensions=())
    app.mount(path, application, name=name)

    assert [expected] == list(app.mounts)


@pytest.mark.parametrize("name", ["a.b", ""])
def test_a_name_that_could_not_be_asked_for_is_refused(name: str) -> None:
    """Of a mount, as of a blueprint."""
    with pytest.raises(ValueError, match="the name of a mount has no dot and is not empty"):
        App("test", extensions=()).mount("/x", old, name=name)


@pytest.mark.parametrize(
    ("application", "expected"),
    [
        pytest.param(App("x", extensions=()), ("app", "direct"), id="an-app"),
        pytest.param(old, ("wsgi", "thread"), id="wsgi"),
        pytest.param(Starlette(), ("asgi", "trampoline"), id="asgi"),
    ],
)
def test_kind_and_mode_can_be_seen(application: Any, expected: tuple[str, str]) -> None:
    """And what was mounted, as it was given."""
    app = App("test", extensions=())
    app.mount("/x", application)
    mount = app.mounts["x"]

    assert (*expected, application) == (mount.kind, mount.mode, mount.application)
    assert (expected[0] == "asgi") is app.has_websockets

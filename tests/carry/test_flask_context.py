"""A moved handler inside the world of its old Flask application: what it sees, and what runs around it."""

from __future__ import annotations

import asyncio
import gc
import io
import sqlite3
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import flask
import pytest
from werkzeug.exceptions import Conflict

from costrel.app import App, Blueprint, url_for
from costrel.carry import FlaskResponses, flask_context
from costrel.errors import Pass, ProgrammerError, RequestAbandoned
from costrel.messages import AppSettings, BindableLayer, BodyStream, LayerInfo, Request, Response, WebSocket

KEY = "the-key-of-both-applications"
LIMIT_SECONDS = 5


class Old:
    """A Flask application whose routes have moved, with a record of what of it has run."""

    def __init__(self) -> None:
        self.app = flask.Flask("old")
        self.app.secret_key = KEY
        self.events: list[object] = []
        self.ended = threading.Event()
        for method in ("GET", "POST", "PUT"):
            self.app.add_url_rule("/<path:path>", method, self.old_view, methods=[method])
        self.app.teardown_appcontext(self.note_teardown)

    def old_view(self, path: str) -> str:
        """Stand for the views that have moved."""
        raise AssertionError("the old view was asked")

    def note_teardown(self, error: BaseException | None) -> None:
        self.events.append(("teardown", error if error is None else type(error)))
        self.ended.set()


@pytest.fixture
def old() -> Old:
    return Old()


@pytest.fixture
def app() -> App:
    app = App(settings=AppSettings(secret_key=KEY))
    app.install(FlaskResponses())
    return app


def handler(kind: str, function: Callable[[], object]) -> Callable[..., object]:
    """Make a handler of one kind that returns what the function does."""

    def plain() -> object:
        return function()

    async def asynchronous() -> object:
        await asyncio.sleep(0)
        return function()

    return plain if kind == "def" else asynchronous


KINDS = pytest.mark.parametrize("kind", ["def", "async def"])


@KINDS
@pytest.mark.parametrize("place", ["app", "blueprint", "route"])
def test_a_moved_handler_has_the_old_world(old: Old, kind: str, place: str) -> None:
    """`g`, `request`, `current_app` and `url_for` are those of the Flask application, wherever the layer is."""

    @old.app.before_request
    def load() -> None:
        flask.g.user = flask.request.args["user"]

    def show() -> dict[str, object]:
        return {
            "user": flask.g.user,
            "path": flask.request.path,
            "method": flask.request.method,
            "header": flask.request.headers["X-Header"],
            "address": flask.request.remote_addr,
            "app": flask.current_app.name,
            "url": flask.url_for("GET", path="x"),
            "view_args": flask.request.view_args,
        }

    layer = flask_context(old.app)
    app = App(use=[layer] if place == "app" else [])
    blueprint = Blueprint("moved", use=[layer] if place == "blueprint" else [])
    blueprint.add_route("/a b/{name}", handler(kind, show), use=[layer] if place == "route" else [])
    app.register(blueprint)

    with app.test_client(peer=("10.0.0.9", 4000)) as client:
        found = client.get("/a%20b/ü?user=ann", headers={"X-Header": "yes"}).json()

    assert {
        "user": "ann",
        "path": "/a b/ü",
        "method": "GET",
        "header": "yes",
        "address": "10.0.0.9",
        "app": "old",
        "url": "/x",
        "view_args": {"path": "a b/ü"},
    } == found
    assert [("teardown", None)] == old.events


@KINDS
def test_the_body_is_read_by_flask_and_by_us(old: Old, app: App, kind: str) -> None:
    """Forms, files, JSON and plain content are there for Flask's functions, for `flask.request` and for ours."""
    seen = []

    @old.app.before_request
    def look() -> None:
        seen.append(flask.request.get_data(cache=True, as_text=True) if flask.request.is_json else "")

    def show() -> dict[str, object]:
        files = {name: file.read().decode() for name, file in flask.request.files.items()}
        return {"form": flask.request.form.to_dict(), "files": files, "json": flask.request.get_json(silent=True)}

    app.add_route("/body", handler(kind, show), methods=["POST"], use=[flask_context(old.app)])

    with app.test_client() as client:
        form = client.post("/body", data={"a": "1"}).json()
        upload = client.post("/body", data={"a": "1"}, files={"f": ("f.txt", b"x" * 300_000)}).json()
        document = client.post("/body", json={"a": 1}).json()

    assert {"form": {"a": "1"}, "files": {}, "json": None} == form
    assert {"form": {"a": "1"}, "files": {"f": "x" * 300_000}, "json": None} == upload
    assert {"form": {}, "files": {}, "json": {"a": 1}} == document
    assert '{"a":1}' == seen[2].replace(" ", "")


def test_a_body_stream_gets_a_body_that_was_kept(old: Old, app: App) -> None:
    """Flask's functions may read it first, so it is not taken from them."""

    @app.put("/upload", use=[flask_context(old.app)])
    async def upload(body: BodyStream) -> dict[str, int]:
        return {"ours": sum([len(piece) async for piece in body]), "flask": len(flask.request.get_data())}

    with app.test_client() as client:
        assert {"ours": 1000, "flask": 1000} == client.put("/upload", content=b"x" * 1000).json()


@KINDS
def test_functions_run_in_flasks_order(old: Old, app: App, kind: str) -> None:
    """Before in order, after in reverse, teardown at the end; all of them in worker threads."""
    events, threads = old.events, []

    def note(event: str) -> None:
        events.append(event)
        threads.append(threading.current_thread() is threading.main_thread())

    old.app.before_request(lambda: note("before 1"))
    old.app.before_request(lambda: note("before 2"))

    @old.app.after_request
    def after_1(response: flask.Response) -> flask.Response:
        note("after 1")
        response.headers["X-After"] = response.get_data(as_text=True)
        return response

    @old.app.after_request
    def after_2(response: flask.Response) -> flask.Response:
        note("after 2")
        response.status_code = 201
        response.set_data("changed")
        return response

    def answer() -> str:
        events.append("handler")

        @flask.after_this_request
        def after_this(response: flask.Response) -> flask.Response:
            note("after this")
            response.set_cookie("a", "1")
            response.set_cookie("b", "2")
            response.call_on_close(lambda: note("closed"))
            return response

        return "made"

    app.add_route("/x", handler(kind, answer), use=[flask_context(old.app)])
    old.app.teardown_request(lambda error: note("teardown request"))

    with app.test_client() as client:
        response = client.get("/x")

    assert (201, "changed", "changed") == (response.status_code, response.text, response.headers["x-after"])
    assert {"a": "1", "b": "2"} == response.cookies
    assert "text/html; charset=utf-8" == response.headers["content-type"]
    assert [
        "before 1",
        "before 2",
        "handler",
        "after this",
        "after 2",
        "after 1",
        "closed",
        "teardown request",
        ("teardown", None),
    ] == events
    assert not any(threads)


@pytest.mark.pain("P27")
def test_what_is_kept_by_thread_is_found_again(old: Old, app: App) -> None:
    """A connection of SQLite and a thread-local registry serve the functions and the ``def`` handler of one request."""
    registry = threading.local()

    @old.app.before_request
    def connect() -> None:
        flask.g.database = sqlite3.connect(":memory:")
        registry.user = flask.request.args["user"]

    @old.app.after_request
    def after(response: flask.Response) -> flask.Response:
        response.headers["X-User"] = flask.g.database.execute("SELECT upper(?)", [registry.user]).fetchone()[0]
        return response

    @old.app.teardown_request
    def close(error: BaseException | None) -> None:
        flask.g.pop("database").close()
        old.events.append(registry.user)
        del registry.user

    @app.get("/x", use=[flask_context(old.app)])
    def read() -> str:
        if flask.request.args["user"] == "none":
            flask.abort(404)
        return str(flask.g.database.execute("SELECT ?", [registry.user]).fetchone()[0])

    async def ask() -> list[tuple[str, str]]:
        users = [f"user-{number}" for number in range(20)] + ["none"]
        async with app.async_test_client() as client:
            responses = await asyncio.gather(*[client.get(f"/x?user={user}") for user in users])
        assert 404 == responses.pop().status_code
        return [(response.text, response.headers["x-user"]) for response in responses]

    assert [(f"user-{number}", f"USER-{number}") for number in range(20)] == asyncio.run(ask())
    assert 21 == len({event for event in old.events if isinstance(event, str)})


def test_a_function_before_the_request_may_answer(old: Old, app: App) -> None:
    """The handler is not asked; functions after the request are."""
    old.app.before_request(lambda: flask.redirect("/login"))

    @old.app.after_request
    def after(response: flask.Response) -> flask.Response:
        response.headers["X-After"] = "yes"
        return response

    @app.get("/x", use=[flask_context(old.app)])
    def never() -> str:
        raise AssertionError

    with app.test_client() as client:
        response = client.get("/x")

    assert (302, "/login", "yes") == (response.status_code, response.headers["location"], response.headers["x-after"])
    assert [("teardown", None)] == old.events


def test_an_error_before_the_request_is_answered_by_flask_if_it_can(old: Old, app: App) -> None:
    """Flask's error handlers see what its own functions raise; the rest is ours to convert."""

    @old.app.before_request
    def refuse() -> None:
        raise {"conflict": Conflict, "lookup": LookupError, "value": ValueError}[flask.request.args["kind"]]

    @old.app.errorhandler(LookupError)
    def found_nothing(error: LookupError) -> tuple[str, int]:
        return "Flask knows", 410

    app.errorhandler(ValueError)(lambda error: ("we know", 422))

    @app.get("/x", use=[flask_context(old.app)])
    def never() -> str:
        raise AssertionError

    with app.test_client() as client:
        conflict, lookup, value = (client.get(f"/x?kind={kind}") for kind in ("conflict", "lookup", "value"))

    assert 409 == conflict.status_code
    assert "<title>409 Conflict</title>" in conflict.text
    assert (410, "Flask knows") == (lookup.status_code, lookup.text)
    assert (422, "we know") == (value.status_code, value.text)
    assert [("teardown", None), ("teardown", None), ("teardown", ValueError)] == old.events


@KINDS
def test_teardown_gets_the_exception_of_the_handler(old: Old, app: App, kind: str) -> None:
    """A session of a database is rolled back by it; what is an answer, such as 404, is no exception."""

    def fail() -> None:
        if flask.request.args:
            flask.abort(404)
        raise ZeroDivisionError

    app.add_route("/x", handler(kind, fail), use=[flask_context(old.app)])

    with app.test_client(raise_app_exceptions=False) as client:
        assert 500 == client.get("/x").status_code
        assert 404 == client.get("/x?abort=1").status_code

    assert [("teardown", ZeroDivisionError), ("teardown", None)] == old.events


def test_a_teardown_that_fails_changes_no_answer(old: Old, app: App, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and what else is to be ended is."""
    old.app.teardown_request(lambda error: 1 / 0)

    @app.get("/x", use=[flask_context(old.app)])
    def answer() -> str:
        return "made"

    with app.test_client() as client:
        assert "made" == client.get("/x").text

    assert "flask_teardown_failed application=old" in caplog.text
    assert [("teardown", None)] == old.events
    assert not flask.has_app_context()


def test_functions_can_be_left_out(old: Old, app: App) -> None:
    """With ``hooks=False`` the world is there, without what runs before and after; what must be closed is."""
    old.app.before_request(lambda: "never")
    old.app.after_request(lambda response: 1 / 0)

    @app.get("/new", use=[flask_context(old.app, hooks=False)])
    def answer() -> str:
        return flask.current_app.name

    with app.test_client() as client:
        assert "old" == client.get("/new").text

    assert [("teardown", None)] == old.events


class Guarded:
    """A Flask application with a blueprint that lets nobody in."""

    def __init__(self) -> None:
        self.app = flask.Flask("old")
        admin = flask.Blueprint("admin", __name__)
        admin.before_request(lambda: ("closed", 403))
        admin.add_url_rule("/users", "users", lambda: "old", methods=["GET"])
        self.app.register_blueprint(admin, url_prefix="/admin")


@pytest.mark.parametrize(
    ("path", "options", "expected"),
    [
        pytest.param("/admin/users", {}, (403, "closed"), id="the-route-that-flask-has"),
        pytest.param("/admin/users/", {}, (403, "closed"), id="with-a-final-slash"),
        pytest.param("/people", {"endpoint": "admin.users"}, (403, "closed"), id="an-endpoint-that-is-named"),
        pytest.param("/people", {"endpoint": ""}, (200, "new"), id="no-endpoint"),
        pytest.param("/people", {"hooks": False}, (200, "new"), id="no-functions"),
    ],
)
def test_the_functions_of_the_old_blueprint_run(path: str, options: dict[str, Any], expected: object) -> None:
    """Flask finds them by the old route, or by the endpoint that is given."""
    app = App()
    layer = flask_context(Guarded().app, **options)
    app.add_route("/admin/users", lambda: "new", use=[layer], name="users")
    app.add_route("/people", lambda: "new", use=[layer], name="people")

    with app.test_client() as client:
        response = client.get(path)

    assert expected == (response.status_code, response.text)


@pytest.mark.security("D14")
def test_a_route_that_flask_does_not_know_is_a_mistake() -> None:
    """A guard of its old blueprint would be left out silently."""
    app = App(use=[flask_context(Guarded().app)])

    @app.get("/people")
    def people() -> str:
        raise AssertionError

    with app.test_client() as client:
        with pytest.raises(ProgrammerError, match="no route for GET `/people`") as caught:
            client.get("/people")
        assert 404 == client.get("/unknown").status_code

    assert "COS-CARRY-002" == caught.value.code


@KINDS
def test_one_session_for_both(old: Old, app: App, kind: str) -> None:
    """What either writes the other reads at once, and the cookie is written once."""

    def change() -> dict[str, object]:
        request = flask.request.environ["costrel.request"]
        flask.session["theirs"] = flask.session.get("theirs", 0) + 1
        request.session["ours"] = request.session["theirs"] * 10
        flask.session.permanent = True
        return {**flask.session, "new": flask.session.new, "kept": request.session.permanent}

    app.add_route("/x", handler(kind, change), use=[flask_context(old.app)])

    with app.test_client() as client:
        first = client.get("/x")
        second = client.get("/x")
        with client.session_transaction() as kept:
            values = dict(kept)

    assert {"theirs": 1, "ours": 10, "_permanent": True, "new": True, "kept": True} == first.json()
    assert {"theirs": 2, "ours": 20, "_permanent": True, "new": False, "kept": True} == second.json()
    assert {"theirs": 2, "ours": 20, "_permanent": True} == values
    assert 1 == len(first.headers.getlist("set-cookie"))
    assert "HttpOnly" in first.headers["set-cookie"]
    assert "Cookie" == first.headers["vary"]


def test_the_shared_session_is_read_by_flask_alone(old: Old, app: App) -> None:
    """The cookie is Flask's own; the old application, asked by itself, keeps its sessions as it did."""
    old.app.add_url_rule("/alone", "alone", lambda: dict(flask.session, n=flask.session.setdefault("n", 1)))

    @app.get("/x", use=[flask_context(old.app)])
    def change() -> str:
        flask.session["user"] = "ann"
        return ""

    with app.test_client() as client:
        cookie = client.get("/x").cookies["session"]
    theirs = old.app.test_client()
    theirs.set_cookie("session", cookie)
    answer = theirs.get("/alone")

    assert {"user": "ann", "n": 1} == answer.json
    assert "session=" in answer.headers["set-cookie"]


@pytest.mark.parametrize("hooks", [True, False])
def test_a_session_in_another_cookie_stays_flasks_own(old: Old, app: App, hooks: bool) -> None:
    """Both are written, each into its own cookie."""
    old.app.config["SESSION_COOKIE_NAME"] = "theirs"

    @app.get("/x", use=[flask_context(old.app, hooks=hooks)])
    def change(request: Request) -> dict[str, object]:
        request.session["n"] = request.session.get("n", 0) + 1
        flask.session["n"] = flask.session.get("n", 0) + 10
        return {"ours": request.session["n"], "theirs": flask.session["n"]}

    with app.test_client() as client:
        client.get("/x")
        response = client.get("/x")

    assert {"ours": 2, "theirs": 20} == response.json()
    assert {"session", "theirs"} == set(response.cookies)


@pytest.mark.parametrize("changes", ["both", "flask", "ours"])
def test_two_sessions_in_one_cookie_are_a_mistake(old: Old, app: App, changes: str) -> None:
    """With another salt they are not the same; whoever changes one is well, whoever changes both is told."""
    old.app.session_interface = interface = flask.sessions.SecureCookieSessionInterface()
    interface.salt = "another-salt"

    @app.get("/x", use=[flask_context(old.app)])
    def change(request: Request) -> str:
        if changes != "flask":
            request.session["ours"] = 1
        if changes != "ours":
            flask.session["theirs"] = 1
        return ""

    with app.test_client() as client:
        if changes == "both":
            with pytest.raises(ProgrammerError, match="both are kept in the cookie `session`") as caught:
                client.get("/x")
            assert "COS-CARRY-001" == caught.value.code
        else:
            assert 1 == len(client.get("/x").headers.getlist("set-cookie"))


def test_an_application_without_a_key_has_no_session(app: App) -> None:
    """Flask's null session is what the handler sees, as in Flask; nothing is saved."""
    old = flask.Flask("old")

    @app.get("/x", use=[flask_context(old, endpoint="", hooks=False)])
    def read() -> str:
        return str(flask.session.get("a"))

    with app.test_client() as client:
        response = client.get("/x")

    assert "None" == response.text
    assert "set-cookie" not in response.headers


def test_a_session_interface_of_its_own_is_left_alone(old: Old) -> None:
    """Sessions that are kept elsewhere are kept there."""

    class Elsewhere(flask.sessions.SecureCookieSessionInterface):
        pass

    old.app.session_interface = elsewhere = Elsewhere()
    flask_context(old.app)

    assert elsewhere is old.app.session_interface


@KINDS
def test_a_stream_keeps_the_world_until_its_end(old: Old, app: App, kind: str) -> None:
    """The pieces may use `g` and the request; teardown comes after the last one."""

    @old.app.after_request
    def after(response: flask.Response) -> flask.Response:
        response.headers["X-After"] = "yes"
        with pytest.raises(RuntimeError, match="direct passthrough"):
            response.get_data()
        return response

    def pieces() -> Iterator[str]:
        for number in range(3):
            yield f"{flask.g.name} {flask.request.path} {number};"
        old.events.append("last piece")

    async def async_pieces() -> AsyncIterator[str]:
        for piece in pieces():
            yield piece

    def answer() -> object:
        flask.g.name = "ann"
        return async_pieces() if kind == "async def" else pieces()

    app.add_route("/x", handler(kind, answer), use=[flask_context(old.app)])

    with app.test_client() as client:
        response = client.get("/x")

    assert "ann /x 0;ann /x 1;ann /x 2;" == response.text
    assert "yes" == response.headers["x-after"]
    assert ["last piece", ("teardown", None)] == old.events


def test_a_function_after_the_request_may_replace_a_stream(old: Old, app: App) -> None:
    """The stream that is not sent is closed."""
    closed = []

    @old.app.after_request
    def after(response: flask.Response) -> flask.Response:
        return flask.Response("instead", 202)

    @app.get("/x", use=[flask_context(old.app)])
    async def answer() -> AsyncIterator[str]:
        try:
            yield "never"
        finally:
            closed.append(True)

    with app.test_client() as client:
        response = client.get("/x")

    assert (202, "instead") == (response.status_code, response.text)
    assert [True] == closed
    assert [("teardown", None)] == old.events


@pytest.mark.parametrize(
    ("options", "path", "root_path", "expected"),
    [
        pytest.param({}, "/x", "", "/x /target", id="at-the-root"),
        pytest.param({"mounted_at": "/old/"}, "/old/x", "", "/x /old/target", id="a-path-inside-the-mount"),
        pytest.param({"mounted_at": "/old"}, "/x", "", "/x /old/target", id="a-path-outside-of-it"),
        pytest.param({}, "/x", "/api", "/x /api/target", id="below-a-prefix-of-the-server"),
        pytest.param({"mounted_at": "/old"}, "/old/x", "/api", "/x /api/old/target", id="both"),
    ],
)
def test_urls_of_the_old_application_are_right(
    old: Old, options: dict[str, Any], path: str, root_path: str, expected: str
) -> None:
    """`url_for` begins with where the Flask application is, and the path is as it knows it."""
    app = App()

    @app.get(path, use=[flask_context(old.app, **options)])
    def show() -> str:
        return f"{flask.request.path} {flask.url_for('GET', path='target')}"

    with app.test_client(root_path=root_path) as client:
        assert expected == client.get(path).text


def test_requests_do_not_mix(old: Old, app: App) -> None:
    """A hundred at a time, half of them ``def``, half ``async def``: each has its own `g` from first to last."""

    @old.app.before_request
    def load() -> None:
        flask.g.number = flask.request.args["number"]

    @old.app.after_request
    def after(response: flask.Response) -> flask.Response:
        response.headers["X-Number"] = flask.g.number
        return response

    @old.app.teardown_request
    def teardown(error: BaseException | None) -> None:
        old.events.append(flask.g.number)

    layer = flask_context(old.app)

    @app.get("/thread", use=[layer])
    def in_thread() -> str:
        threading.Event().wait(0.002)
        return f"{flask.g.number} {flask.request.args['number']}"

    @app.get("/loop", use=[layer])
    async def on_loop() -> str:
        await asyncio.sleep(0.002)
        return f"{flask.g.number} {flask.request.args['number']}"

    async def ask() -> list[tuple[str, str]]:
        async with app.async_test_client() as client:
            paths = [f"/{'thread' if n % 2 else 'loop'}?number={n}" for n in range(100)]
            responses = await asyncio.gather(*[client.get(path) for path in paths])
            return [(response.text, response.headers["x-number"]) for response in responses]

    answers = asyncio.run(ask())

    assert [(f"{n} {n}", f"{n}") for n in range(100)] == answers
    assert {f"{n}" for n in range(100)} == {event for event in old.events if isinstance(event, str)}
    assert 100 == sum(event == ("teardown", None) for event in old.events)


def test_no_more_requests_are_inside_than_there_are_threads(old: Old) -> None:
    """The others wait, and are refused when it takes too long."""
    app = App(settings=AppSettings(threads=2, thread_queue_timeout_seconds=0.05))
    inside, go_on = [], asyncio.Event()

    @app.get("/x", use=[flask_context(old.app)])
    async def wait() -> str:
        inside.append(1)
        await go_on.wait()
        return ""

    async def ask() -> list[int]:
        async with app.async_test_client() as client:
            waiting = [asyncio.create_task(client.get("/x")) for _ in range(3)]
            done, _ = await asyncio.wait(waiting, timeout=LIMIT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            assert 2 == len(inside)
            go_on.set()
            responses = await asyncio.gather(*waiting)
            assert "1" == next(iter(done)).result().headers["retry-after"]
            return sorted(response.status_code for response in responses)

    assert [200, 200, 503] == asyncio.run(ask())


def test_a_handler_that_was_left_behind_keeps_its_world_until_it_returns(old: Old, app: App) -> None:
    """After a deadline the answer is 503 at once; teardown waits for the thread, and learns that all is off."""
    go_on, seen = threading.Event(), []
    old.app.after_request(lambda response: old.events.append("never"))
    app.errorhandler(503)(lambda error: ("in another thread", 503))

    async def deadline(request: Request, call_next) -> Response:
        request.deadline_seconds = 0.05
        return await call_next(request)

    @app.get("/x", use=[deadline, flask_context(old.app)])
    def slow() -> str:
        flask.g.name = "ann"
        go_on.wait(LIMIT_SECONDS)
        seen.append((flask.g.name, list(old.events)))
        return ""

    async def ask() -> int:
        async with app.async_test_client() as client:
            response = await client.get("/x")
            assert "in another thread" == response.text
            assert [] == old.events
            go_on.set()
            assert await asyncio.to_thread(old.ended.wait, LIMIT_SECONDS)
            return response.status_code

    assert 503 == asyncio.run(ask())
    assert [("ann", [])] == seen
    assert [("teardown", RequestAbandoned)] == old.events


def test_a_cancelled_request_leaves_the_world(old: Old, app: App) -> None:
    """Whatever ends a request early, the functions of teardown run, and learn that all is off."""

    @app.get("/x", use=[flask_context(old.app)], cancel_on_disconnect=True)
    async def wait() -> str:
        started.set()
        await asyncio.sleep(LIMIT_SECONDS)
        return ""

    async def ask() -> None:
        async with app.async_test_client() as client:
            task = asyncio.create_task(client.get("/x"))
            await asyncio.wait_for(started.wait(), LIMIT_SECONDS)
            task.cancel()
            await asyncio.wait([task], timeout=LIMIT_SECONDS)
            assert await asyncio.to_thread(old.ended.wait, LIMIT_SECONDS)

    started = asyncio.Event()
    asyncio.run(ask())

    assert [("teardown", RequestAbandoned)] == old.events


@pytest.mark.parametrize("path", ["/text", "/stream", "/coroutine"])
def test_a_visit_leaves_no_cycle(old: Old, app: App, path: str) -> None:
    """What a request held is gone when it has ended, without the garbage collector."""
    layer, kept = flask_context(old.app), []

    def keep() -> str:
        kept.extend([weakref.ref(flask.g._get_current_object()), weakref.ref(flask.request._get_current_object())])
        return "x"

    async def keep_on_loop() -> str:
        return keep()

    app.add_route("/text", keep, use=[layer])
    app.add_route("/stream", lambda: iter([keep()]), use=[layer], name="stream")
    app.add_route("/coroutine", keep_on_loop, use=[layer])

    with app.test_client() as client:
        client.get(path)
        kept.clear()
        gc.collect()
        gc.disable()
        try:
            assert "x" == client.get(path).text
            alive = [reference for reference in kept if reference() is not None]
        finally:
            gc.enable()

    assert [] == alive
    assert 2 == len(kept)


def test_the_layer_inside_itself_does_nothing(old: Old) -> None:
    """A route inside a blueprint that has it may name it too."""
    count = []
    old.app.before_request(lambda: count.append(1))
    layer = flask_context(old.app)
    app = App(use=[layer])

    @app.get("/x", use=[flask_context(old.app)])
    def answer() -> str:
        return flask.current_app.name

    with app.test_client() as client:
        assert "old" == client.get("/x").text

    assert [1] == count
    assert [("teardown", None)] == old.events


def test_a_route_that_passes_leaves_the_world_before_the_next_one_enters(old: Old, app: App) -> None:
    """Each has a visit of its own."""
    layer = flask_context(old.app)

    @app.get("/{name}", use=[layer], fallthrough=True)
    def first(name: str) -> str:
        flask.g.name = name
        raise Pass

    @app.get("/{rest:path}", use=[layer])
    def second(rest: str) -> str:
        return str("name" in flask.g)

    with app.test_client() as client:
        assert "False" == client.get("/x").text

    assert [("teardown", None)] * 2 == old.events


def test_a_websocket_has_no_flask_context(old: Old) -> None:
    """Flask has none either, so the layer is left out."""
    app = App(use=[flask_context(old.app)])

    @app.websocket("/x")
    async def talk(socket: WebSocket) -> None:
        await socket.send(str(flask.has_request_context()))

    with app.test_client() as client, client.websocket("/x") as socket:
        assert "False" == socket.receive_text()


def test_the_layer_says_what_it_is(old: Old) -> None:
    """It is a layer that is specialised for each route, and describes itself."""
    layer = flask_context(old.app)

    assert isinstance(layer, BindableLayer)
    assert isinstance(layer.describe(), LayerInfo)
    assert {503} == layer.describe().status_codes.keys()
    assert "flask_context(<Flask 'old'>)" == repr(layer)


def test_a_handler_may_use_both_frameworks(old: Old, app: App) -> None:
    """Our own names mean our own application, Flask's the other."""

    @app.get("/both", use=[flask_context(old.app)])
    def both() -> str:
        return f"{url_for('both')} {flask.url_for('GET', path='old')}"

    with app.test_client() as client:
        assert "/both /old" == client.get("/both").text


def test_the_room_is_imported_without_flask() -> None:
    """Who does not move from Flask need not have it."""
    code = (
        "import sys; sys.modules['flask'] = sys.modules['werkzeug'] = None; import costrel.carry as c; print(c.__all__)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert "flask_context" in printed


def test_an_upload_that_was_spooled_is_read_from_its_file(old: Old, app: App) -> None:
    """A large body is on disk, and Flask reads it from there."""

    @app.post("/x", use=[flask_context(old.app)])
    def answer() -> str:
        return str(len(flask.request.get_data()))

    with app.test_client() as client:
        assert "600000" == client.post("/x", content=io.BytesIO(b"x" * 600_000).read()).text

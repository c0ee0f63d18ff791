"""From an exception to a response, as an application's clients and layers see it."""

from __future__ import annotations

import gc
import logging
import weakref
from pathlib import Path

import pytest

from costrel.app import App, AppSettings, Blueprint, abort, session
from costrel.errors import Conflict, HTTPError, NotFound, ServiceUnavailable
from costrel.http import Problem
from costrel.messages import Dispatch, Failure, FileResponse, HTMLResponse, Request, Response
from costrel.testing import TestClient, make_request


async def marking(request: Request, call_next: Dispatch) -> Response:
    """A layer in the place of CORS: it marks everything that goes out."""
    response = await call_next(request)
    response.headers["x-mark"] = "here"
    return response


def client_of(app: App) -> TestClient:
    return TestClient(app, raise_app_exceptions=False)


@pytest.mark.pain("P18")
@pytest.mark.parametrize(
    ("method", "path", "status_code"),
    [
        pytest.param("GET", "/boom", 500, id="unhandled-exception"),
        pytest.param("GET", "/sync-boom", 500, id="unhandled-exception-in-a-thread"),
        pytest.param("GET", "/nothing", 404, id="no-route"),
        pytest.param("PUT", "/boom", 405, id="wrong-method"),
        pytest.param("POST", "/upload", 413, id="body-too-large"),
        pytest.param("GET", "/page?page=x", 422, id="invalid-value"),
        pytest.param("GET", "/layered", 500, id="crash-in-a-layer-inside"),
        pytest.param("GET", "/hooked", 500, id="crash-in-an-after-hook"),
        pytest.param("GET", "/predicate", 500, id="crash-in-a-predicate"),
        pytest.param("OPTIONS", "/boom", 204, id="automatic-options"),
    ],
)
def test_every_answer_passes_the_layers(method: str, path: str, status_code: int) -> None:
    """What a layer adds is on errors of every origin, a crash in a layer inside it included."""
    app = App("test", extensions=(), use=[marking], settings=AppSettings(max_body_bytes=10))

    async def crashing(request: Request, call_next: Dispatch) -> Response:
        await call_next(request)
        raise RuntimeError("layer")

    async def crashing_hook(response: Response) -> Response:
        raise RuntimeError("hook")

    def crashing_predicate(request: Request) -> bool:
        raise RuntimeError("predicate")

    async def boom() -> str:
        raise RuntimeError("handler")

    def sync_boom() -> str:
        raise RuntimeError("handler")

    async def fine(page: int = 1) -> str:
        return "fine"

    app.add_route("/boom", boom)
    app.add_route("/sync-boom", sync_boom)
    app.add_route("/upload", fine, methods=["POST"], name="upload")
    app.add_route("/page", fine, name="page")
    app.add_route("/layered", fine, use=[crashing], name="layered")
    app.add_route("/hooked", fine, after=[crashing_hook], name="hooked")
    app.add_route("/predicate", fine, when=crashing_predicate, name="predicate")

    with client_of(app) as client:
        response = client.request(method, path, content=b"x" * 11 if path == "/upload" else b"")

    assert (status_code, "here") == (response.status_code, response.headers["x-mark"])


@pytest.mark.capability("N07")
@pytest.mark.capability("C078")
@pytest.mark.capability("X26")
def test_an_error_is_a_problem_document() -> None:
    """RFC 9457: media type, type, title, status, detail, and the members of the application."""
    app = App("test", extensions=())

    @app.get("/")
    async def index() -> str:
        raise Conflict("The order was changed.", order=7)

    with TestClient(app) as client:
        response = client.get("/")

    assert (409, "application/problem+json") == (response.status_code, response.headers["content-type"])
    assert {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "The order was changed.",
        "order": 7,
    } == response.json()


@pytest.mark.capability("C079")
def test_a_500_tells_an_id_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """The cause is in the log, once, under the same id."""
    app = App("test", extensions=())

    @app.get("/")
    async def index() -> str:
        raise RuntimeError("the password is tea")

    with caplog.at_level(logging.ERROR), client_of(app) as client:
        response = client.get("/")

    problem = response.json()
    records = [record for record in caplog.records if record.name == "costrel.error"]

    assert "tea" not in response.text
    assert {"type", "title", "status", "request_id"} == set(problem)
    assert [True] == [problem["request_id"] in record.getMessage() for record in records]
    assert records[0].exc_info is not None
    assert "the password is tea" == str(records[0].exc_info[1])


@pytest.mark.capability("C076")
def test_errors_of_a_blueprint_are_answered_by_its_handlers() -> None:
    """The same error is JSON in one blueprint and a page elsewhere, also where no route matched."""
    app, api = App("test", extensions=()), Blueprint("api", prefix="/api")

    @app.errorhandler(404)
    async def page(error: NotFound) -> str:
        return "<p>not here</p>"

    @api.errorhandler(404)
    async def data(error: NotFound) -> dict[str, str]:
        return {"error": "not here"}

    @api.get("/item")
    async def item() -> str:
        raise NotFound

    app.register(api)

    with TestClient(app) as client:
        responses = [client.get(path) for path in ("/x", "/api/item", "/api/x")]

    assert [404] * 3 == [response.status_code for response in responses]
    assert ["text/html; charset=utf-8", "application/json", "application/json"] == [
        response.headers["content-type"] for response in responses
    ]


@pytest.mark.capability("C077")
@pytest.mark.capability("X25")
@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param("text/html", "text/html", id="a-browser-gets-a-page"),
        pytest.param("application/json", "application/problem+json", id="a-program-gets-a-problem"),
        pytest.param("*/*", "application/problem+json", id="anything-is-a-problem"),
        pytest.param("text/html;q=0.5, application/json", "application/problem+json", id="the-better-quality"),
    ],
)
def test_the_body_of_an_error_is_negotiated(accept: str, expected: str) -> None:
    """HTML only when Accept names it at a quality not below JSON's."""
    with TestClient(App("test")) as client:
        response = client.get("/nothing", headers={"accept": accept})

    assert (404, expected) == (response.status_code, response.headers["content-type"].partition(";")[0])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("page", (405, "page", "GET, HEAD, OPTIONS"), id="plain-value-keeps-status-and-fields"),
        pytest.param(("page", 200), (200, "page", "GET, HEAD, OPTIONS"), id="tuple-says-the-status"),
        pytest.param(None, (405, "", "GET, HEAD, OPTIONS"), id="nothing-keeps-the-status"),
        pytest.param(Response("own", 400), (400, "own", None), id="response-is-sent-as-it-is"),
    ],
)
def test_what_an_error_handler_returns(value: object, expected: tuple[int, str, str | None]) -> None:
    """A plain value becomes the body of the error it answers; a 405 keeps its ``Allow`` (RFC 9110 §15.5.6)."""
    app = App("test", extensions=())
    app.add_route("/", lambda: "x", name="index")

    @app.errorhandler(405)
    def refused() -> object:
        return value

    with TestClient(app) as client:
        response = client.post("/")

    assert expected == (response.status_code, response.text, response.headers.get("allow"))


def test_text_of_an_error_handler_is_what_text_is_there() -> None:
    """A blueprint with ``text_as="json"`` answers errors in JSON too."""
    app, api = App("test", extensions=()), Blueprint("api", text_as="json")

    @api.errorhandler(KeyError)
    async def missing() -> str:
        return "missing"

    @api.get("/")
    async def index() -> str:
        raise KeyError("x")

    app.register(api)

    with client_of(app) as client:
        assert '"missing"' == client.get("/").text


def test_a_handler_for_500_answers_what_nobody_expected() -> None:
    """It gets an `InternalServerError`, whose cause is the exception; the log has it all the same."""
    app = App("test", extensions=())

    @app.errorhandler(500)
    async def sorry(error: HTTPError) -> str:
        return f"sorry: {type(error.__cause__).__name__}"

    @app.get("/")
    async def index() -> str:
        raise RuntimeError("x")

    with client_of(app) as client:
        response = client.get("/")

    assert (500, "sorry: RuntimeError") == (response.status_code, response.text)


@pytest.mark.parametrize("key", [500, KeyError])
def test_an_error_handler_that_fails_is_a_500(key: int | type[Exception], caplog: pytest.LogCaptureFixture) -> None:
    """Even the last handler may fail; the client gets one plain answer."""
    app = App("test", extensions=())

    @app.errorhandler(key)
    def fails(error: Exception) -> str:
        raise ZeroDivisionError("in the handler")

    @app.get("/")
    async def index() -> str:
        raise KeyError("x")

    with client_of(app) as client:
        response = client.get("/")

    assert (500, "Internal Server Error") == (response.status_code, response.json()["title"])
    assert isinstance(response.exception, ZeroDivisionError)
    assert "in the handler" in caplog.text


@pytest.mark.parametrize("is_async", [True, False])
def test_the_log_of_a_failing_error_handler_has_the_first_exception_too(
    is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever reads the log finds what went wrong first, also when the error handler ran in a thread."""
    app = App("test", extensions=())

    def fails(error: Exception) -> str:
        raise ZeroDivisionError("in the handler")

    async def fails_on_the_loop(error: Exception) -> str:
        raise ZeroDivisionError("in the handler")

    app.errorhandler(LookupError)(fails_on_the_loop if is_async else fails)

    @app.get("/")
    def index() -> str:
        raise KeyError("what went wrong first")

    with client_of(app) as client:
        client.get("/")

    assert "what went wrong first" in caplog.text


def test_an_error_handler_that_raises_what_it_was_given_is_no_circle() -> None:
    """The exception is reported as it came, and its chain has an end."""
    app = App("test", extensions=())

    @app.errorhandler(LookupError)
    def passes_on(error: LookupError) -> str:
        raise error

    @app.get("/")
    def index() -> str:
        raise KeyError("x")

    with client_of(app) as client:
        error = client.get("/").exception

    assert (KeyError, None) == (type(error), error.__context__)


def test_an_error_handler_may_refuse_with_another_error() -> None:
    """An `HTTPError` or `abort` inside a handler is the answer; no handler is asked a second time."""
    app = App("test", extensions=())

    @app.errorhandler(KeyError)
    async def refuse(error: KeyError) -> str:
        if error.args[0] == "response":
            abort(Response("made", 418))
        raise ServiceUnavailable(headers={"Retry-After": "3"})

    @app.get("/{key}")
    async def index(key: str) -> str:
        raise KeyError(key)

    with client_of(app) as client:
        unavailable, made = client.get("/x"), client.get("/response")

    assert (503, "3") == (unavailable.status_code, unavailable.headers["retry-after"])
    assert (418, "made") == (made.status_code, made.text)


def test_a_page_that_fails_becomes_a_problem_document(caplog: pytest.LogCaptureFixture) -> None:
    """A responder for `Failure` is the application's own, and an error in it must not lose the answer."""
    app = App("test", extensions=())

    def make(failure: Failure) -> Response:
        raise RuntimeError("template missing")

    app.responder(Failure, make)

    with client_of(app) as client:
        response = client.get("/nothing")

    assert (404, "application/problem+json") == (response.status_code, response.headers["content-type"])
    assert "error_page_failed status_code=404" in caplog.text


def test_a_responder_makes_the_page_of_every_failure() -> None:
    """Error pages are nothing else than a responder."""
    app = App("test", extensions=())
    seen: list[Problem] = []

    def make(failure: Failure) -> Response:
        seen.append(failure.problem)
        return HTMLResponse(f"<h1>{failure.problem.status}</h1>", failure.problem.status)

    app.responder(Failure, make)

    with client_of(app) as client:
        response = client.post("/nothing")

    assert (404, "<h1>404</h1>", [404]) == (response.status_code, response.text, [item.status for item in seen])


def test_a_group_with_one_exception_is_that_exception() -> None:
    """What a task group raises finds the handler of what went wrong in it."""
    app = App("test", extensions=())

    @app.get("/")
    async def index() -> str:
        raise ExceptionGroup("tasks", [ExceptionGroup("inner", [NotFound("nobody")])])

    with TestClient(app) as client:
        assert (404, "nobody") == ((response := client.get("/")).status_code, response.json()["detail"])


def test_a_missing_key_of_the_request_is_400() -> None:
    """``request.query["page"]`` names the key and where it is missing."""
    app = App("test", extensions=())

    @app.get("/")
    async def index(request: Request) -> str:
        return request.query["page"]

    with TestClient(app) as client:
        response = client.get("/")

    assert (400, "`page` is missing in the query of the request.") == (
        response.status_code,
        response.json()["detail"],
    )


def test_an_exception_raised_again_is_handled_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """A layer that needs the exception raises it again and gets the same response sent."""
    app = App("test", extensions=())
    seen: list[str] = []

    async def transaction(request: Request, call_next: Dispatch) -> Response:
        response = await call_next(request)
        try:
            response.raise_for_exception()
        except KeyError as error:
            seen.append(repr(error))
            raise
        return response

    handled: list[str] = []

    @app.errorhandler(KeyError)
    async def on_key(error: KeyError) -> tuple[str, int]:
        handled.append("handler")
        return "handled", 418

    async def missing() -> str:
        raise KeyError("x")

    async def broken() -> str:
        raise RuntimeError("y")

    app.add_route("/missing", missing, use=[transaction])
    app.add_route("/broken", broken, use=[transaction])

    with client_of(app) as client:
        answers = [client.get(path).status_code for path in ("/missing", "/broken")]

    assert ([418, 500], ["KeyError('x')"], ["handler"]) == (answers, seen, handled)
    assert 1 == caplog.text.count("request_failed")


def test_an_error_object_that_is_shared_answers_each_request_anew() -> None:
    """What an exception was made into holds for one request, although the exception is raised in the next again."""
    app = App("test", extensions=())
    shared = NotFound("shared")
    count = 0

    @app.errorhandler(404)
    async def page() -> str:
        nonlocal count
        count += 1
        return str(count)

    @app.get("/")
    async def index() -> str:
        raise shared

    with TestClient(app) as client:
        assert ["1", "2"] == [client.get("/").text, client.get("/").text]


def test_a_shared_response_does_not_keep_the_exception_of_one_request() -> None:
    """An error handler may return the same `Response` each time; what belongs to one request is on a copy."""
    app = App("test", extensions=())
    page = Response("gone", 410)
    app.errorhandler(404)(lambda error: page)

    with TestClient(app) as client:
        first, second = client.get("/a"), client.get("/b")

    assert [410, 410] == [first.status_code, second.status_code]
    assert first.exception is not second.exception


@pytest.mark.pain("P47")
def test_a_failed_request_leaves_nothing_behind() -> None:
    """Exception, response and request are freed by counting references, once the response was sent."""
    app = App("test", extensions=())
    alive: list[weakref.ref[object]] = []

    class Failed(Exception):
        """Can be watched."""

    @app.errorhandler(Failed)
    async def page(error: Failed) -> str:
        return "failed"

    @app.get("/")
    async def index(request: Request) -> str:
        error = Failed()
        alive.append(weakref.ref(error))
        try:
            raise error
        finally:
            del error

    async def answer() -> None:
        request = make_request(app, "GET", "/")
        response = await app.dispatch(request)
        await request.finish()
        response.exception = None  # as every transport does when the head was sent

    with client_of(app) as client:
        client.run(answer())
        gc.collect()
        gc.disable()
        try:
            client.run(answer())
            still_there = alive[1]()
        finally:
            gc.enable()

    assert still_there is None


def test_failed_requests_are_told_to_listeners_once() -> None:
    """`request_failed` has the request and the exception; errors that are answers are none."""
    app = App("test", extensions=())

    @app.get("/{kind}")
    async def index(kind: str) -> str:
        if kind == "answer":
            raise NotFound
        raise RuntimeError(kind)

    with client_of(app) as client, client.capture_events("request_failed") as events:
        client.get("/answer")
        client.get("/crash")

    assert ["crash"] == [str(event["exception"]) for event in events]


@pytest.mark.security("E1")
@pytest.mark.parametrize("path", ["/raised", "/returned", "/raised-again"])
def test_a_response_for_many_requests_collects_nothing_of_any(path: str) -> None:
    """A response that is kept in a module and raised by every request brings nobody the session of another."""
    app = App(settings=AppSettings(secret_key="k" * 32))
    denied = Response("denied", 403)

    @app.errorhandler(KeyError)
    def returns(error: KeyError) -> Response:
        return denied

    @app.errorhandler(IndexError)
    def raises(error: IndexError) -> Response:
        abort(denied)

    @app.get(path)
    async def handler(user: str) -> str:
        session["user"] = user
        if path == "/raised":
            abort(denied)
        raise KeyError if path == "/returned" else IndexError

    answers = []
    for user in ("alice", "bob", "carol"):
        with client_of(app) as client:
            answers.append(client.get(path, params={"user": user}).headers.getlist("set-cookie"))

    assert [1, 1, 1] == [len(cookies) for cookies in answers]
    assert 3 == len({cookies[0] for cookies in answers})


@pytest.mark.parametrize("path", ["/raised", "/returned"])
def test_a_file_answers_an_error(tmp_path: Path, path: str) -> None:
    """A file of an error handler, or one that is raised, is opened; one that is missing is a 404."""
    (tmp_path / "there").write_bytes(b"content")
    app = App(extensions=())

    @app.errorhandler(FileNotFoundError)
    async def file_of(error: FileNotFoundError) -> Response:
        return FileResponse(tmp_path / str(error))

    @app.get(f"{path}/{{name}}")
    async def handler(name: str) -> str:
        if path == "/raised":
            abort(FileResponse(tmp_path / name))
        raise FileNotFoundError(name)

    with client_of(app) as client:
        there, missing = client.get(f"{path}/there"), client.get(f"{path}/missing")

    assert (200, b"content") == (there.status_code, there.content)
    assert (404, "application/problem+json") == (missing.status_code, missing.headers["content-type"])


@pytest.mark.pain("P18")
def test_an_error_that_a_layer_replaces_is_no_garbage() -> None:
    """The response of an exception and the exception do not keep each other when a layer sends something else."""

    async def replacing(request: Request, call_next: Dispatch) -> Response:
        await call_next(request)
        return Response("replaced")

    app = App(extensions=(), use=[replacing])

    @app.get("/")
    async def handler() -> str:
        raise Conflict

    with client_of(app) as client:
        client.get("/")
        gc.collect()
        gc.disable()
        try:
            gc.set_debug(gc.DEBUG_SAVEALL)
            client.get("/")
            gc.collect()
            found = [thing for thing in gc.garbage if isinstance(thing, Conflict | Request | Response)]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()

    assert [] == found

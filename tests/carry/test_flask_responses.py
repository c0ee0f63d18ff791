"""What a moved handler may still return and raise in Flask's way."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
import werkzeug
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from costrel.app import App, Extension
from costrel.carry import FlaskResponses, flask_context
from costrel.errors import NotFound as OurNotFound
from costrel.messages import Request

ALPHABET = b"abcdefghij"


def carrying(old: flask.Flask, function: Callable[..., object], *, is_async: bool = False) -> App:
    """Make an application whose handler for ``/x`` is inside the world of a Flask application."""
    app = App()
    app.install(FlaskResponses())

    async def asynchronous() -> object:
        return function()

    def plain() -> object:
        return function()

    handler = asynchronous if is_async else plain
    app.add_route("/x", handler, methods=["GET", "POST"], use=[flask_context(old, endpoint="")])
    return app


@pytest.fixture
def old() -> flask.Flask:
    old = flask.Flask("old")
    old.add_url_rule("/target/<int:id>", "target", lambda id: "")
    return old


def test_it_is_an_extension() -> None:
    """It has what the applications ask of extensions."""

    assert isinstance(FlaskResponses(), Extension)
    assert ("flask_responses", ()) == (FlaskResponses.name, FlaskResponses.requires)


def made() -> flask.Response:
    """Make a response with fields of its own."""
    response = flask.make_response("made", 202, {"X-Made": "yes"})
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async-def"])
@pytest.mark.parametrize(
    ("function", "expected"),
    [
        pytest.param(
            lambda: flask.redirect(flask.url_for("target", id=3)), (302, None, {"location": "/target/3"}), id="redirect"
        ),
        pytest.param(
            lambda: flask.jsonify(a=1), (200, '{"a":1}\n', {"content-type": "application/json"}), id="jsonify"
        ),
        pytest.param(made, (202, "made", {"x-made": "yes", "set-cookie": "a=1; Path=/"}), id="make-response"),
        pytest.param(
            lambda: (made(), 203, {"X-More": "yes"}), (203, "made", {"x-made": "yes", "x-more": "yes"}), id="tuple"
        ),
        pytest.param(
            lambda: flask.render_template_string("<p>{{ word }}", word="<&>"),
            (200, "<p>&lt;&amp;&gt;", {"content-type": "text/html; charset=utf-8"}),
            id="a-template",
        ),
        pytest.param(
            lambda: werkzeug.Response(b"\x00", content_type="image/x"),
            (200, "\x00", {"content-type": "image/x"}),
            id="of-werkzeug",
        ),
        pytest.param(lambda: flask.Response(status=204), (204, "", {}), id="nothing"),
        pytest.param(lambda: NotFound("gone"), (404, None, {}), id="an-exception-that-is-returned"),
    ],
)
def test_values_of_flask_become_responses(
    old: flask.Flask, is_async: bool, function: Callable[[], object], expected: tuple[int, str | None, dict[str, str]]
) -> None:
    """Status, fields and content arrive as Flask would have sent them."""
    status_code, text, fields = expected

    with carrying(old, function, is_async=is_async).test_client() as client:
        response = client.get("/x")

    assert status_code == response.status_code
    assert text is None or text == response.text
    assert fields == {name: response.headers[name] for name in fields}


def test_a_response_without_a_media_type_has_none(old: flask.Flask) -> None:
    """Nothing is added to what Flask would have sent."""

    def bare() -> flask.Response:
        response = flask.Response(b"x")
        del response.headers["Content-Type"]
        return response

    with carrying(old, bare).test_client() as client:
        response = client.get("/x")

    assert "content-type" not in response.headers
    assert "1" == response.headers["content-length"]


def test_an_annotation_may_name_the_response(old: flask.Flask) -> None:
    """A handler with a return type keeps it."""
    app = App()
    app.install(FlaskResponses())

    @app.get("/x", use=[flask_context(old, endpoint="")])
    def annotated() -> flask.Response:
        return flask.jsonify(1)

    @app.get("/either", use=[flask_context(old, endpoint="")])
    def either() -> str | werkzeug.Response:
        return flask.redirect("/x")

    with app.test_client() as client:
        assert "1\n" == client.get("/x").text
        assert 302 == client.get("/either").status_code


def test_a_stream_is_pulled_inside_and_closed(old: flask.Flask) -> None:
    """A generator has the context with `stream_with_context` and without, and `call_on_close` comes at the end."""
    events: list[str] = []

    @flask.stream_with_context
    def pieces() -> Iterator[str]:
        yield flask.request.path
        yield flask.g.word
        events.append("exhausted")

    def answer() -> flask.Response:
        flask.g.word = "!"
        response = flask.Response(pieces(), mimetype="text/plain")
        response.call_on_close(lambda: events.append("closed"))
        return response

    old.teardown_request(lambda error: events.append("teardown"))

    with carrying(old, answer).test_client() as client:
        response = client.get("/x")

    assert "/x!" == response.text
    assert "text/plain; charset=utf-8" == response.headers["content-type"]
    assert ["exhausted", "closed", "teardown"] == events


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, (200, ALPHABET, "10"), id="whole"),
        pytest.param({"Range": "bytes=2-4"}, (206, b"cde", "3"), id="a-range"),
    ],
)
@pytest.mark.parametrize("source", ["file", "memory"])
def test_a_file_that_flask_sends_is_sent(
    old: flask.Flask, tmp_path: Path, source: str, fields: dict[str, str], expected: tuple[int, bytes, str]
) -> None:
    """`send_file` answers ranges and validators by itself, and its file is closed."""
    path = tmp_path / "file.txt"
    path.write_bytes(ALPHABET)

    def answer() -> flask.Response:
        given: Any = path if source == "file" else io.BytesIO(ALPHABET)
        return flask.send_file(given, mimetype="text/plain", conditional=True, etag="tag")

    with carrying(old, answer).test_client() as client:
        response = client.get("/x", headers=fields)
        assert 304 == client.get("/x", headers={"If-None-Match": '"tag"'}).status_code

    assert expected == (response.status_code, response.content, response.headers["content-length"])


@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async-def"])
def test_abort_is_answered_as_flask_does(old: flask.Flask, is_async: bool) -> None:
    """Its error handlers first, else its plain page with its fields."""

    @old.errorhandler(404)
    def missing(error: NotFound) -> tuple[str, int]:
        return f"{flask.request.path}: {error.description}", 404

    def answer() -> None:
        kind = flask.request.args["kind"]
        if kind == "missing":
            flask.abort(404, "nothing there")
        if kind == "response":
            flask.abort(flask.Response("finished", 418))
        if kind == "key":
            flask.request.form["name"]
        raise MethodNotAllowed(["GET", "PUT"])

    with carrying(old, answer, is_async=is_async).test_client() as client:
        missing_, finished, key, method = (
            client.get(f"/x?kind={kind}") for kind in ("missing", "response", "key", "method")
        )

    assert (404, "/x: nothing there") == (missing_.status_code, missing_.text)
    assert (418, "finished") == (finished.status_code, finished.text)
    assert 400 == key.status_code
    assert (405, "GET, PUT") == (method.status_code, method.headers["allow"])
    assert "<title>405 Method Not Allowed</title>" in method.text


def test_an_error_handler_of_ours_for_a_subclass_comes_first(old: flask.Flask) -> None:
    """Page by page a team takes errors over; our own errors were ours from the beginning."""

    def answer() -> None:
        if flask.request.args:
            raise OurNotFound("ours")
        flask.abort(404)

    app = carrying(old, answer)
    app.errorhandler(NotFound)(lambda error: ("taken over", 410))
    app.errorhandler(404)(lambda error: "our own")

    with app.test_client() as client:
        assert (404, "our own") == (client.get("/x?ours=1").status_code, client.get("/x?ours=1").text)
        assert (410, "taken over") == (client.get("/x").status_code, client.get("/x").text)


def test_outside_of_a_flask_context_werkzeug_answers() -> None:
    """A handler without the layer may raise and return the same, without error handlers of Flask's."""
    app = App()
    app.install(FlaskResponses())

    @app.get("/x")
    def refuse(request: Request) -> HTTPException:
        if request.query.get("return"):
            return NotFound()
        raise NotFound

    @app.get("/response")
    async def respond() -> werkzeug.Response:
        return werkzeug.Response("plain", 201)

    with app.test_client() as client:
        raised, returned = client.get("/x"), client.get("/x?return=1")
        assert (201, "plain") == (client.get("/response").status_code, client.get("/response").text)

    assert "<title>404 Not Found</title>" in raised.text
    assert (404, raised.text) == (returned.status_code, returned.text)

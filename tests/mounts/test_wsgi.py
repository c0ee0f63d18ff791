"""WSGI applications mounted in an `App`: what they see, what comes back, and what stands around them."""

from __future__ import annotations

import contextvars
import io
import threading
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.validate import validator

import flask
import pytest
from wsgi_programs import PLAIN, Counted, Environ, Start, answering, mounted

from costrel.app import App
from costrel.errors import ProgrammerError
from costrel.gateways import WSGIGateway
from costrel.messages import Dispatch, Request, Response
from costrel.mounts import WSGIMount
from costrel.testing import TestClient, WebSocketRefused


@pytest.fixture
def flask_app() -> flask.Flask:
    app = flask.Flask("old")
    app.config["TESTING"] = True

    @app.route("/")
    def index() -> str:
        return "Hello"

    @app.route("/url")
    def url() -> str:
        return flask.url_for("url", _external=True)

    @app.route("/echo", methods=["POST"])
    def echo() -> bytes:
        return flask.request.get_data()

    @app.route("/upload", methods=["POST"])
    def upload() -> str:
        file = flask.request.files["file"]
        return f"{file.filename} {len(file.read())} {flask.request.form['name']}"

    @app.route("/stream")
    def stream() -> flask.Response:
        def pieces() -> Iterator[str]:
            for number in range(3):
                yield f"{number} {flask.request.path}\n"

        return flask.Response(flask.stream_with_context(pieces()), mimetype="text/plain")

    @app.route("/broken")
    def broken() -> str:
        raise ValueError("broken")

    return app


@pytest.mark.capability("C017")
@pytest.mark.pain("P29")
def test_a_flask_application_answers_under_its_prefix(flask_app: flask.Flask) -> None:
    """Its routes, its 404 and its URLs are those that it has by itself, below the prefix."""
    with TestClient(mounted(flask_app)) as client:
        found, missing, url = client.get("/old/"), client.get("/old/nothing"), client.get("/old/url")

    assert (200, "Hello", "text/html; charset=utf-8") == (found.status_code, found.text, found.headers["content-type"])
    assert (404, True) == (missing.status_code, "Not Found" in missing.text)
    assert "http://localhost/old/url" == url.text


def test_prefix_without_its_slash_is_redirected_by_flask(flask_app: flask.Flask) -> None:
    """`/old` is an empty PATH_INFO, so relative links of the page at `/old/` stay right."""
    with TestClient(mounted(flask_app)) as client:
        answer = client.get("/old")

    assert (308, "http://localhost/old/") == (answer.status_code, answer.headers["location"])


@pytest.mark.parametrize("root_path", ["", "/proxy"])
def test_script_name_is_exact(root_path: str) -> None:
    """SCRIPT_NAME and PATH_INFO are the whole path, cut where the application is mounted, through nested mounts."""
    seen: list[tuple[str, str]] = []

    def application(environ: Environ, start_response: Start) -> list[bytes]:
        seen.append((environ["SCRIPT_NAME"], environ["PATH_INFO"]))
        start_response("204 No Content", [])
        return []

    inner = App("inner", extensions=())
    inner.mount("/b", application)
    outer = App("outer", extensions=())
    outer.mount("/a", inner)

    with TestClient(outer, root_path=root_path) as client:
        for path in ("/a/b", "/a/b/", "/a/b/c/d", "/a/b/caf%C3%A9"):
            assert 204 == client.get(path).status_code

    assert [(f"{root_path}/a/b", path) for path in ("", "/", "/c/d", "/caf\u00c3\u00a9")] == seen


@pytest.mark.pain("P29")
def test_bodies_go_both_ways(flask_app: flask.Flask) -> None:
    """A raw body, a form with a file and a stream pass through unchanged."""
    content = bytes(range(256)) * 2000
    with TestClient(mounted(flask_app)) as client:
        echoed = client.post("/old/echo", content=content)
        chunked = client.post("/old/echo", content=iter([b"a" * 100_000, b"b", b"c" * 70_000]))
        upload = client.post("/old/upload", files={"file": ("a.txt", b"x" * 300_000)}, data={"name": "n"})
        stream = client.get("/old/stream")

    assert content == echoed.content
    assert b"a" * 100_000 + b"b" + b"c" * 70_000 == chunked.content
    assert "a.txt 300000 n" == upload.text
    assert "0 /stream\n1 /stream\n2 /stream\n" == stream.text


def test_what_flask_raises_is_answered_by_flask(flask_app: flask.Flask) -> None:
    """An application that answers its own errors does so; one that does not gets the answer of the outer app."""
    with TestClient(mounted(flask_app), raise_app_exceptions=False) as client:
        raised = client.get("/old/broken")
        flask_app.config["TESTING"] = False
        answered = client.get("/old/broken")

    assert (500, "application/problem+json") == (raised.status_code, raised.headers["content-type"])
    assert (500, "text/html; charset=utf-8") == (answered.status_code, answered.headers["content-type"])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param([b"Hello"], id="list"),
        pytest.param((b"Hel", b"lo"), id="tuple"),
        pytest.param([b"", b"Hel", b"", b"lo", b""], id="empty-pieces"),
        pytest.param([bytearray(b"Hel"), memoryview(b"lo")], id="other-bytes"),
    ],
)
@pytest.mark.parametrize("kind", ["as-it-is", "generator", "iterator", "validated"])
def test_content_arrives_whatever_it_is_made_of(content: Any, kind: str) -> None:
    """A list, a tuple, an iterator and a generator give the same response."""

    def generator(environ: Environ, start_response: Start) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        yield from content

    applications = {
        "as-it-is": answering(content),
        "generator": generator,
        "iterator": lambda environ, start_response: iter(answering(content)(environ, start_response)),
        "validated": WSGIMount(validator(answering([bytes(piece) for piece in content]))),
    }
    with TestClient(mounted(applications[kind])) as client:
        answer = client.get("/old/")

    assert (200, "text/plain", b"Hello") == (answer.status_code, answer.headers["content-type"], answer.content)


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "DELETE"])
def test_validator_finds_nothing(method: str) -> None:
    """`wsgiref.validate` around an application that reads and streams has nothing to complain about."""

    def application(environ: Environ, start_response: Start) -> Iterator[bytes]:
        environ["wsgi.errors"].write("called\n")
        size = len(environ["wsgi.input"].read(100)) + len(environ["wsgi.input"].readline())
        lines = list(environ["wsgi.input"])
        start_response("200 OK", PLAIN)
        return iter([b"%d " % size, b"%d" % len(lines)] if method != "HEAD" else [])

    with TestClient(mounted(WSGIMount(validator(application)))) as client:
        answer = client.request(method, "/old/x?y=z", content=b"x" * 100 + b"yz\n1\n2\n" if method == "POST" else b"")

    assert {"GET": b"0 0", "DELETE": b"0 0", "HEAD": b"", "POST": b"103 2"}[method] == answer.content


def test_no_content_at_all() -> None:
    """A generator that never yields, and an empty list, are responses without content."""

    def generator(environ: Environ, start_response: Start) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        yield from ()

    with TestClient(mounted(generator)) as client:
        answer = client.get("/old/")
        assert (200, b"") == (answer.status_code, answer.content)
    with TestClient(mounted(answering([], "304 Not Modified", [("ETag", '"a"')]))) as client:
        assert 304 == client.get("/old/").status_code


@pytest.mark.parametrize(
    ("headers", "length"),
    [pytest.param([("Content-Length", "5")], "5", id="given"), pytest.param([], None, id="unknown")],
)
def test_head_has_the_length_of_get_or_none(headers: list[tuple[str, str]], length: str | None) -> None:
    """A HEAD response without content never says that a GET would have none (RFC 9110 §8.6)."""
    with TestClient(mounted(answering([], headers=headers))) as client:
        answer = client.head("/old/")

    assert (b"", length) == (answer.content, answer.headers.get("content-length"))


def test_layers_stand_around_it(flask_app: flask.Flask) -> None:
    """A layer sees the response, adds to it and replaces it."""

    async def layer(request: Request, call_next: Dispatch) -> Response:
        response = await call_next(request)
        response.headers["x-layer"] = str(response.status_code)
        return response

    with TestClient(mounted(flask_app, use=[layer])) as client:
        assert ["200", "404", "200"] == [
            client.get(path).headers["x-layer"] for path in ("/old/", "/old/nothing", "/old/stream")
        ]


@pytest.mark.pain("P12")
@pytest.mark.parametrize("size", [10, 2_000, 400_000])
@pytest.mark.parametrize("kind", ["raw", "form"])
def test_content_that_a_layer_has_read_is_replayed(flask_app: flask.Flask, size: int, kind: str) -> None:
    """A body that was read before the mount, in memory or on disk, is read again by the application."""
    seen: list[int] = []

    async def layer(request: Request, call_next: Dispatch) -> Response:
        await request.read()
        seen.append(len(request.body))
        response = await call_next(request)
        seen.append(len(request.body))
        return response

    with TestClient(mounted(flask_app, use=[layer])) as client:
        if kind == "raw":
            answer = client.post("/old/echo", content=b"x" * size)
            assert b"x" * size == answer.content
        else:
            answer = client.post("/old/upload", files={"file": ("a", b"x" * size)}, data={"name": "n"})
            assert f"a {size} n" == answer.text

    assert (2, seen[0]) == (len(seen), seen[1])


def test_content_that_the_application_has_read_cannot_be_read_again() -> None:
    """A layer that asks too late is told, and never waits."""

    def application(environ: Environ, start_response: Start) -> list[bytes]:
        content = environ["wsgi.input"].read()
        start_response("200 OK", PLAIN)
        return [content]

    async def layer(request: Request, call_next: Dispatch) -> Response:
        await call_next(request)
        await request.read()
        raise AssertionError("it was read again")

    with TestClient(mounted(application, use=[layer])) as client, pytest.raises(ProgrammerError) as caught:
        client.post("/old/", content=b"x")

    assert "COS-REQUEST-002" == caught.value.code


def test_content_that_a_layer_has_streamed_is_gone() -> None:
    """Content that somebody took as a stream is a mistake where the application reads it, not an empty body."""

    def application(environ: Environ, start_response: Start) -> list[bytes]:
        environ["wsgi.input"].read()
        return []

    async def layer(request: Request, call_next: Dispatch) -> Response:
        request.take_stream("layer")
        return await call_next(request)

    with TestClient(mounted(application, use=[layer])) as client, pytest.raises(ProgrammerError) as caught:
        client.post("/old/", content=b"x")

    assert "COS-REQUEST-002" == caught.value.code


@pytest.mark.parametrize("catches", [True, False], ids=["caught-by-the-application", "not-caught"])
@pytest.mark.parametrize(
    "content", [pytest.param(b"12345", id="declared"), pytest.param([b"123", b"45"], id="in-chunks")]
)
def test_limit_that_a_layer_has_set_holds(content: Any, catches: bool) -> None:
    """Over `request.max_body_bytes` the answer is 413, whatever the application makes of it."""

    async def layer(request: Request, call_next: Dispatch) -> Response:
        request.max_body_bytes = 4
        return await call_next(request)

    def application(environ: Environ, start_response: Start) -> list[bytes]:
        start_response("200 OK", PLAIN)
        try:
            return [environ["wsgi.input"].read()]
        except OSError:
            if not catches:
                raise
            return [b"caught"]

    with TestClient(mounted(application, use=[layer])) as client:
        assert 413 == client.post("/old/", content=iter(content) if isinstance(content, list) else content).status_code
        assert b"1234" == client.post("/old/", content=b"1234").content


def test_without_a_limit_the_settings_do_not_count() -> None:
    """The application has limits of its own; those of the settings are for handlers."""

    def application(environ: Environ, start_response: Start) -> list[bytes]:
        start_response("200 OK", PLAIN)
        return [b"%d" % len(environ["wsgi.input"].read())]

    with TestClient(mounted(application)) as client:
        assert "3000000" == client.post("/old/", content=b"x" * 3_000_000).text
        assert "5" == client.post("/old/", content=b"12345", headers={"Content-Encoding": "gzip"}).text


VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nobody")


@pytest.mark.pain("P29")
@pytest.mark.parametrize("kind", ["list", "generator"])
def test_context_variables_go_both_ways(kind: str) -> None:
    """What a layer sets is seen in the application, what that sets is seen in the layer, its stream and its close."""
    seen: list[str] = []

    async def layer(request: Request, call_next: Dispatch) -> Response:
        VARIABLE.set("layer")
        response = await call_next(request)
        seen.append(VARIABLE.get())
        return response

    class Content(Counted):
        def __next__(self) -> bytes:
            seen.append(VARIABLE.get())
            return super().__next__()

        def close(self) -> None:
            seen.append(f"close {VARIABLE.get()}")

    def application(environ: Environ, start_response: Start) -> Any:
        seen.append(VARIABLE.get())
        VARIABLE.set("application")
        start_response("200 OK", PLAIN)
        return [b"x"] if kind == "list" else Content([b"a", b"b"])

    with TestClient(mounted(application, use=[layer])) as client:
        client.get("/old/")

    # The first piece belongs to the answer; the rest and the close come after the layer.
    assert {
        "list": ["layer", "application"],
        "generator": ["layer", "application", "application", "application", "application", "close application"],
    }[kind] == seen


def test_request_is_in_the_environ() -> None:
    """The application reaches the request of the app around it, and what layers have put on it."""

    async def layer(request: Request, call_next: Dispatch) -> Response:
        request.user = "ada"
        return await call_next(request)

    def application(environ: Environ, start_response: Start) -> list[bytes]:
        start_response("200 OK", PLAIN)
        return [environ["costrel.request"].user.encode()]

    with TestClient(mounted(application, use=[layer])) as client:
        assert "ada" == client.get("/old/").text


def test_websocket_is_refused() -> None:
    """WSGI knows no WebSocket: the handshake gets a plain answer, and the application is not called."""
    with (
        TestClient(mounted(answering([b"called"]))) as client,
        pytest.raises(WebSocketRefused) as caught,
        client.websocket("/old/"),
    ):
        pass

    assert (400, "text/plain; charset=utf-8") == (
        caught.value.response.status_code,
        caught.value.response.headers["content-type"],
    )


def test_errors_of_the_application_are_logged_under_its_name(caplog: pytest.LogCaptureFixture) -> None:
    """What it writes to `wsgi.errors` is in our log."""

    def application(environ: Environ, start_response: Start) -> list[bytes]:
        print("something is wrong", file=environ["wsgi.errors"])
        start_response("200 OK", PLAIN)
        return []

    with TestClient(mounted(application)) as client:
        client.get("/old/")

    assert ("costrel.mount.old", "something is wrong") in [(r.name, r.message) for r in caplog.records]


def call_gateway(gateway: WSGIGateway, path: str, content: bytes) -> tuple[str, list[bytes]]:
    """Call a gateway as a server does, in this thread."""
    heads: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "CONTENT_LENGTH": str(len(content)),
        "wsgi.input": io.BytesIO(content),
        "wsgi.url_scheme": "http",
    }
    answer: Any = gateway(environ, lambda status, headers, exc_info=None: heads.append(status))
    pieces = list(answer)
    if hasattr(answer, "close"):
        answer.close()
    return heads[0], pieces


@pytest.mark.pain("P29")
@pytest.mark.parametrize("kind", ["whole", "stream", "write"])
def test_under_a_wsgi_server_it_runs_in_the_calling_thread(kind: str) -> None:
    """The thread that called us runs the application, reads for it from its server, and sends each piece at once."""
    threads: set[threading.Thread] = set()

    def stream(environ: Environ) -> Iterator[bytes]:
        while piece := environ["wsgi.input"].read(100_000):
            threads.add(threading.current_thread())
            yield b"%d " % len(piece)

    def application(environ: Environ, start_response: Start) -> Iterable[bytes]:
        threads.add(threading.current_thread())
        write = start_response("200 OK", PLAIN)
        if kind == "stream":
            return stream(environ)
        size = b"%d" % len(environ["wsgi.input"].read())
        if kind == "write":
            write(size)
        return [size] if kind == "whole" else []

    gateway = WSGIGateway(mounted(application))
    try:
        status, pieces = call_gateway(gateway, "/old/", b"x" * 250_000)
    finally:
        gateway.stop()

    assert ("200 OK", {threading.current_thread()}) == (status, threads)
    assert (b"100000 100000 50000 " if kind == "stream" else b"250000") == b"".join(pieces)
    assert (3 if kind == "stream" else 1) == len(pieces)

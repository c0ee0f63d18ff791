"""What leaks, and to whom: error answers, the debug page, log lines, consoles that are not there."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from costrel import App, Disconnect, NotFound, Query, Request, Response, WebSocket, render
from costrel.app import AppSettings
from costrel.messages import Dispatch
from costrel.testing import TestClient

KEY = "a long enough key of tests"
SECRET = "hunter2-in-the-exception"
BROWSER = {"Accept": "text/html"}
KINDS = ["handler", "thread", "template", "layer", "error-handler", "repr", "group", "stream", "before", "after"]


class Broken:
    """An object that cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError(SECRET)


async def failing_layer(request: Request, call_next: Dispatch) -> Response:
    if request.path == "/layer":
        raise ValueError(SECRET)
    return await call_next(request)


def make_app(folder: Path, *, debug: bool = False) -> App:
    """An application that fails in one of many places, with a secret in the exception and in its frames."""
    app = App("shop", settings=AppSettings(debug=debug, secret_key=KEY), use=[failing_layer])
    app.root_folder = folder

    @app.get("/handler")
    async def handler() -> str:
        password = SECRET
        raise ValueError(password)

    @app.get("/thread")
    def thread() -> str:
        raise ValueError(SECRET)

    @app.get("/template")
    def template() -> str:
        return render("broken.html", value=SECRET)

    @app.get("/error-handler")
    async def error_handler() -> str:
        raise LookupError(SECRET)

    @app.errorhandler(LookupError)
    async def answer(error: LookupError) -> str:
        raise RuntimeError(SECRET)

    @app.get("/repr")
    async def shown() -> str:
        broken = Broken()
        raise ValueError(broken)

    @app.get("/group")
    async def group() -> str:
        raise ExceptionGroup(SECRET, [ValueError(SECRET), TypeError(SECRET)])

    @app.get("/stream")
    async def stream() -> Iterator[str]:
        def pieces() -> Iterator[str]:
            raise ValueError(SECRET)
            yield "x"

        return pieces()

    @app.get("/before")
    @app.get("/after")
    @app.get("/layer")
    async def fine() -> str:
        return "fine"

    @app.before_request
    async def before(request: Request) -> None:
        if request.path == "/before":
            raise ValueError(SECRET)

    @app.after_request
    async def after(request: Request, response: Response) -> Response:
        if request.path == "/after":
            raise ValueError(SECRET)
        return response

    return app


def client_of(folder: Path, *, debug: bool = False, **options: object) -> TestClient:
    (folder / "templates").mkdir(exist_ok=True)
    (folder / "templates" / "broken.html").write_text("{{ value.missing.attribute }}", "utf-8")
    app = make_app(folder, debug=debug)
    return app.test_client(raise_app_exceptions=False, **options)


@pytest.mark.security("L6")
@pytest.mark.parametrize("accept", ["text/html", "application/json", "*/*"])
@pytest.mark.parametrize("kind", KINDS)
def test_production_says_nothing_of_the_inside(tmp_path: Path, kind: str, accept: str) -> None:
    """Wherever it failed, the answer is a fixed text and an identifier; nothing names what runs here."""
    with client_of(tmp_path) as client:
        response = client.get(f"/{kind}", headers={"Accept": accept})

    text = f"{response.text} {response.headers.raw}".lower()
    assert 500 == response.status_code
    for word in (SECRET, "traceback", "valueerror", ".py", "costrel", "python", "site-packages", str(tmp_path)):
        assert word.lower() not in text
    assert "server" not in response.headers
    assert "x-powered-by" not in response.headers


@pytest.mark.security("L6")
@pytest.mark.parametrize(
    ("base_url", "peer", "headers", "is_shown"),
    [
        pytest.param("http://localhost:8000", ("127.0.0.1", 1), {}, True, id="at-home"),
        pytest.param("http://evil.example", ("127.0.0.1", 1), {}, False, id="dns-rebinding"),
        pytest.param("http://localhost", ("192.0.2.7", 1), {}, False, id="from-elsewhere"),
        pytest.param(
            "http://localhost", ("127.0.0.1", 1), {"X-Forwarded-For": "127.0.0.1"}, False, id="through-a-proxy"
        ),
        pytest.param("http://localhost", None, {}, False, id="unknown-peer"),
    ],
)
def test_debug_shows_the_inside_to_this_machine_alone(
    tmp_path: Path, base_url: str, peer: tuple[str, int] | None, headers: dict[str, str], is_shown: bool
) -> None:
    """The page with the traceback needs debug mode, a local peer and a local host, all three."""
    with client_of(tmp_path, debug=True, base_url=base_url, peer=peer) as client:
        response = client.get("/handler", headers={**BROWSER, **headers})

    assert 500 == response.status_code
    assert is_shown == ("ValueError" in response.text)


@pytest.mark.security("L6")
def test_the_debug_page_runs_nothing_of_what_it_shows(tmp_path: Path) -> None:
    """An exception full of markup is shown as text, under a policy that allows no other script (CVE-2016-10516)."""
    app = make_app(tmp_path, debug=True)

    @app.get("/markup")
    async def markup() -> str:
        value = "<script>alert(1)</script>"
        raise ValueError(value)

    with app.test_client(raise_app_exceptions=False) as client:
        response = client.get("/markup?<script>alert(2)</script>=1", headers={**BROWSER, "X-A": "<script>alert(3)"})

    assert 500 == response.status_code
    assert not re.search(r"<script>alert", response.text)
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "unsafe" not in response.headers["content-security-policy"]


CONSOLES = [
    "/?__debugger__=yes&cmd=resource&f=debugger.js",
    "/?__debugger__=yes&cmd=pinauth&pin=123-456-789&s=x",
    "/?__debugger__=yes&cmd=1%2B1&frm=0&s=x",
    "/handler?__debugger__=yes&cmd=1%2B1&frm=0&s=x",
    "/console",
    "/__debug__",
    "/_debug",
    "/debug",
    "/debug/console",
    "/__costrel__",
    "/_costrel",
    "/.costrel/secret_key",
    "/docs",
    "/openapi.json",
    "/redoc",
    "/admin",
    "/metrics",
    "/server-status",
]


@pytest.mark.security("L7")
@pytest.mark.parametrize("debug", [False, True], ids=["production", "debug"])
@pytest.mark.parametrize("path", CONSOLES)
def test_no_address_opens_a_console(tmp_path: Path, path: str, debug: bool) -> None:
    """There is nothing to find: an application has its own routes and none that evaluate anything."""
    with client_of(tmp_path, debug=debug) as client:
        for method in ("GET", "POST"):
            for headers in ({}, {"X-Debug": "1"}, {"Cookie": "__wzd=1|x"}, {"X-Costrel-Debug": "1"}):
                response = client.request(method, path, headers={**BROWSER, **headers})

                assert response.status_code in (404, 405, 500)
                assert "<input" not in response.text
                assert "<textarea" not in response.text


@pytest.mark.security("L7")
def test_a_built_application_has_its_own_routes_only(tmp_path: Path) -> None:
    """Debug mode adds no route, and nothing that evaluates text is imported to serve or to show an error."""
    paths = []
    for debug in (False, True):
        app = make_app(tmp_path, debug=debug)
        app.build()
        paths.append(sorted(endpoint.path for endpoint in app.endpoints))
    with client_of(tmp_path, debug=True) as client:
        client.get("/handler", headers=BROWSER)

    assert paths[0] == paths[1]
    assert sorted(f"/{kind}" for kind in KINDS) == paths[0]


@pytest.mark.security("L7")
def test_no_module_that_serves_evaluates_text() -> None:
    """Only the compiler of handlers, at start-up, and the shell of a developer turn text into code."""
    source = Path(sys.modules["costrel"].__file__ or "").parent
    evaluating = {
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        if re.search(r"(?<![\w.])(?:eval|exec)\(|\bcode\.(?:interact|Interactive)|\bpdb\b", path.read_text("utf-8"))
    }

    assert {"cli/shell_command.py", "handling/compile.py"} == evaluating


@pytest.mark.security("L8")
@pytest.mark.parametrize("debug", [False, True], ids=["production", "debug"])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize(
    "path",
    ["/<script>alert(1)</script>", "/Your+account+was+hacked+visit+evil.example", "/'onload=alert(1)", "/x?<script>"],
)
def test_a_missing_page_does_not_repeat_its_address(tmp_path: Path, path: str, accept: str, debug: bool) -> None:
    """Nobody can put words into the mouth of this site (CVE-2019-3498)."""
    with client_of(tmp_path, debug=debug) as client:
        for method in ("GET", "PUT"):
            response = client.request(method, path, headers={"Accept": accept})

            assert response.status_code in (404, 405)
            assert "<script" not in response.text
            assert "hacked" not in response.text
            assert "onload" not in response.text


@pytest.mark.security("L9")
@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/handler?x=%0d%0aINFO+fake", id="line-break-in-the-query"),
        pytest.param("/boom/%0d%0aINFO%20fake", id="line-break"),
        pytest.param("/boom/%1b[2J%1b[31m", id="escape-sequence"),
        pytest.param("/boom/%e2%80%ae", id="right-to-left"),
        pytest.param("/boom/%c2%85%e2%80%a8fake", id="line-breaks-of-unicode"),
        pytest.param("/boom/" + "y" * 7000, id="long"),
    ],
)
def test_a_client_writes_no_log_line(tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str) -> None:
    """What a client chose stands in a log line escaped and cut, in every logger of the framework."""
    app = make_app(tmp_path)

    @app.get("/boom/{path:path}")
    async def boom(path: str) -> str:
        raise ValueError("boom")

    caplog.set_level(logging.DEBUG)
    with app.test_client(raise_app_exceptions=False) as client:
        assert 500 == client.get(path, headers={"User-Agent": "x" * 8000}).status_code

    messages = [record.getMessage() for record in caplog.records if record.name.startswith("costrel")]
    assert 1 == len(messages)
    assert all(message.isprintable() and len(message) < 1024 for message in messages)


@pytest.mark.security("L10")
@pytest.mark.parametrize(
    ("headers", "content"),
    [
        pytest.param({"Cookie": ",=;" * 5000}, b"", id="bad-cookies"),
        pytest.param({"Cookie": "session=" + "." * 8000}, b"", id="bad-session"),
        pytest.param(
            {"Content-Type": "multipart/form-data; boundary=b"}, b"--b\r\nX: y\r\n\r\n\r\n" * 10_000, id="bad-parts"
        ),
        pytest.param({"Content-Type": "multipart/form-data; boundary=b"}, b"\r\n" * 500_000, id="preamble"),
        pytest.param({"Content-Type": "application/json"}, b"[" * 100_000, id="bad-json"),
        pytest.param({"Host": "a/?"}, b"", id="bad-host"),
        pytest.param({"If-None-Match": '"a",' * 4000, "Range": "bytes=" + "0-0," * 4000}, b"", id="bad-conditions"),
    ],
)
def test_one_request_is_at_most_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, headers: dict[str, str], content: bytes
) -> None:
    """However much is wrong with a request, it does not fill the disk (CVE-2025-47287)."""
    app = make_app(tmp_path)

    @app.post("/read")
    async def read(request: Request) -> str:
        return f"{len(request.cookies)} {request.session.get('x')} {len(request.form)} {request.host} {request.url}"

    with app.test_client(raise_app_exceptions=False) as client:
        client.get("/missing")
        caplog.clear()
        caplog.set_level(logging.DEBUG)
        response = client.post("/read", headers=headers, content=content)

    assert response.status_code < 500
    assert len([record for record in caplog.records if record.name.startswith("costrel")]) <= 1


class Login(msgspec.Struct):
    """What a client sends to log in."""

    name: Annotated[str, msgspec.Meta(max_length=5)]
    password: Annotated[str, msgspec.Meta(min_length=100)]
    pin: int


@pytest.mark.security("L11")
@pytest.mark.parametrize("debug", [False, True], ids=["production", "debug"])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_validation_error_does_not_repeat_what_was_sent(tmp_path: Path, accept: str, debug: bool) -> None:
    """A password that was too short, or a number that was none, is not sent back, and not logged."""
    app = make_app(tmp_path, debug=debug)

    @app.post("/login")
    async def login(body: Login) -> str:
        return "in"

    @app.get("/token")
    async def token(token: Annotated[int, Query()]) -> str:
        return "in"

    with app.test_client(base_url="http://shop.example") as client:
        wrong = {"name": "hunter2-name", "password": "hunter2-password", "pin": "hunter2-pin"}
        sent = client.post("/login", json=wrong, headers={"Accept": accept})
        asked = client.get("/token?token=hunter2-token", headers={"Accept": accept})

    assert (422, 422) == (sent.status_code, asked.status_code)
    assert "hunter2" not in sent.text + asked.text


@pytest.mark.security("L6")
def test_a_detail_that_the_application_wrote_is_escaped(tmp_path: Path) -> None:
    """What a handler says to the client may hold what the client said."""
    app = make_app(tmp_path)

    @app.get("/find")
    async def find(q: str) -> str:
        raise NotFound(f"Nothing is named {q}.")

    with app.test_client() as client:
        response = client.get("/find", params={"q": "<script>alert(1)</script>"}, headers=BROWSER)

    assert 404 == response.status_code
    assert "<script>alert" not in response.text
    assert "nosniff" == response.headers["x-content-type-options"]


@pytest.mark.security("L6")
def test_a_socket_that_fails_tells_its_peer_nothing(tmp_path: Path) -> None:
    """The close of a WebSocket whose handler failed has a code and no reason from inside."""
    app = make_app(tmp_path)

    @app.websocket("/socket")
    async def socket(socket: WebSocket) -> None:
        await socket.receive()
        raise ValueError(SECRET)

    with app.test_client(raise_app_exceptions=False) as client, client.websocket("/socket") as peer:
        peer.send_text("x")
        with pytest.raises(Disconnect) as end:
            peer.receive()

    assert 1011 == end.value.code
    assert SECRET not in end.value.reason

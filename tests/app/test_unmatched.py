"""What is answered where no route matches, whatever stands in the place of a path."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from costrel.app import App, AppSettings, Blueprint
from costrel.messages import Request, Response, WebSocket
from costrel.testing import TestClient, WebSocketRefused, make_request


def ask(app: App, method: str, target: str) -> Response:
    """Dispatch a request whose target no client would send."""
    with TestClient(app) as client:
        request = make_request(app, method, "/")
        request.path = request.route_path = target

        async def dispatch() -> Response:
            return await app.dispatch(request)

        return client.run(dispatch())


def new() -> App:
    app = App("test", extensions=())
    app.add_route("/", lambda: "x", name="index", inline=True)
    app.add_route("/orders", lambda: "x", name="orders", methods=["POST"], inline=True)
    return app


@pytest.mark.parametrize("target", ["//", "//x", "///x/", "/x//y", "", "x", "*", "\x00", "/%", "/orders//"])
def test_every_target_is_answered(target: str) -> None:
    """Empty segments, no slash at all, nothing: 404, and never an exception."""
    assert 404 == ask(new(), "GET", target).status_code


def test_options_of_everything_lists_the_methods_of_the_server() -> None:
    """RFC 9110 §9.3.7: an asterisk asks about the server in general."""
    response = ask(new(), "OPTIONS", "*")

    assert (204, "GET, HEAD, OPTIONS, POST") == (response.status_code, response.headers["allow"])


def test_the_answer_belongs_to_the_prefix() -> None:
    """Below a blueprint's prefix its hooks and layers run, those of its siblings do not."""
    app, part, other = new(), Blueprint("part", prefix="/{lang}/part"), Blueprint("other", prefix="/other")
    log: list[object] = []

    @part.before_request
    async def of_part(request: Request) -> None:
        log.append(request.path_params["lang"])

    @other.before_request
    async def of_other() -> None:
        log.append("other")

    app.register(part)
    app.register(other)

    with TestClient(app) as client:
        statuses = [client.get(path).status_code for path in ("/en/part/x", "/en/part", "/other//", "/partx")]

    assert ([404] * 4, ["en", "en", "other"]) == (statuses, log)


def test_debug_mode_names_the_routes_that_are_near() -> None:
    """A misspelt path is seen at once; in production nobody is told."""
    for debug, expected in ((True, ["/orders"]), (False, None)):
        app = App("test", extensions=(), settings=AppSettings(debug=debug))
        app.add_route("/orders", lambda: "x", name="orders")

        with TestClient(app) as client:
            assert expected == client.get("/ordesr").json().get("near")


def test_a_websocket_address_wants_an_upgrade() -> None:
    """A plain request gets 426 with the protocol (RFC 9110 §15.5.22)."""
    app = new()

    @app.websocket("/chat")
    async def chat(socket: WebSocket) -> None: ...

    with TestClient(app) as client:
        response = client.get("/chat")
        with pytest.raises(WebSocketRefused) as caught, client.websocket("/nothing"):
            pass

    assert (426, "websocket") == (response.status_code, response.headers["upgrade"])
    assert 404 == caught.value.response.status_code


def test_the_body_of_an_unmatched_request_is_not_read() -> None:
    """An upload to nowhere is refused before it comes."""
    app = App("test", extensions=(), settings=AppSettings(max_multipart_bytes=1, max_body_bytes=1))

    with TestClient(app) as client:
        assert 404 == client.post("/nothing", content=b"x" * 100).status_code


def test_a_hook_of_the_application_may_need_a_thread() -> None:
    """A hook around everything may take what a plain generator provides, and stands around 404 and OPTIONS too."""
    app = new()
    log: list[str] = []

    def connect() -> Iterator[float]:
        yield 1.5

    @app.before_request
    def check(connection: float) -> None:
        log.append(f"checked with {connection}")

    app.provide(float, connect)

    with TestClient(app) as client:
        assert 404 == client.get("/nowhere").status_code
        assert 204 == client.options("/orders").status_code
        assert 200 == client.get("/").status_code
    assert ["checked with 1.5"] * 3 == log

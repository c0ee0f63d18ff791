"""What both clients do: start, redirects, cookies, prefixes."""

from __future__ import annotations

from contextvars import ContextVar
from pathlib import Path

import pytest

from costrel.app import App, AppSettings, redirect
from costrel.messages import Request, Response, WebSocket
from costrel.templating import Templates, render
from costrel.testing import FrozenClock

tenant: ContextVar[str] = ContextVar("tenant", default="nobody")


def make_app() -> App:
    """Make an application without extensions."""
    return App("tested", extensions=())


def test_a_failing_start_is_raised_and_can_be_repeated() -> None:
    """The exception of the start-up comes out of the call that started it; nothing of it is left."""
    app = make_app()
    failures = [OSError("no database")]

    @app.on_start
    def connect() -> None:
        if failures:
            raise failures.pop()

    @app.get("/")
    async def index() -> str:
        return "up"

    client = app.test_client()
    with pytest.raises(OSError, match="no database"):
        client.get("/")
    with client:
        text = client.get("/").text

    assert "up" == text


@pytest.mark.pain("P2")
def test_a_request_starts_from_the_context_after_start_up() -> None:
    """Variables of the lifespan are seen; those that a request sets are not seen by the next, nor by the test."""
    app = make_app()

    @app.on_start
    def start() -> None:
        tenant.set("acme")

    @app.get("/{name}")
    async def visit(name: str) -> str:
        before = tenant.get()
        tenant.set(name)
        return before

    with app.test_client() as client:
        seen = [client.get("/one").text, client.get("/two").text, tenant.get()]

    assert ["acme", "acme", "nobody"] == seen


@pytest.mark.capability("C159")
def test_cookies_are_kept_and_sent_back() -> None:
    """The jar follows the rules of browsers: path, deletion, and safe defaults on localhost."""
    app = make_app()

    @app.get("/set")
    async def set_cookies() -> Response:
        response = Response("")
        response.set_cookie("a", "1 2")
        response.set_cookie("deep", "x", path="/deep")
        return response

    @app.get("/delete")
    async def delete() -> Response:
        response = Response("")
        response.delete_cookie("a")
        return response

    @app.get("/show")
    @app.get("/deep/show", name="deep")
    async def show(request: Request) -> dict[str, str]:
        return dict(request.cookies)

    with app.test_client(cookies={"own": "c"}) as client:
        response = client.get("/set")
        seen = [client.get("/show").json(), client.get("/deep/show").json()]
        client.get("/delete")
        seen.append(client.get("/show", cookies={"one": "time", "own": "other"}).json())

    assert {"a": "1 2", "deep": "x"} == response.cookies
    assert [
        {"own": "c", "a": "1 2"},
        {"own": "c", "a": "1 2", "deep": "x"},
        {"own": "other", "one": "time"},
    ] == seen


@pytest.mark.capability("C163")
def test_cookies_expire_by_the_clock_of_the_client() -> None:
    """A frozen clock that is moved lets a cookie expire."""
    app = make_app()
    clock = FrozenClock()

    @app.get("/set")
    async def set_cookie() -> Response:
        response = Response("")
        response.set_cookie("a", "1", max_age_seconds=60)
        return response

    @app.get("/")
    async def show(request: Request) -> dict[str, str]:
        return dict(request.cookies)

    with app.test_client(clock=clock) as client:
        client.get("/set")
        clock.advance(59)
        before = client.get("/").json()
        clock.advance(1)

        assert ({"a": "1"}, {}) == (before, client.get("/").json())


@pytest.mark.capability("C159")
def test_redirects_are_followed_when_asked_for() -> None:
    """The last response has the earlier ones in its history, and the cookies set on the way."""
    app = make_app()

    @app.post("/form")
    async def form() -> Response:
        response = redirect("/second")
        response.set_cookie("a", "1")
        return response

    @app.get("/second")
    async def second() -> Response:
        return redirect("/end?x=1", 307)

    @app.get("/end")
    async def end(request: Request) -> dict[str, str]:
        return {"method": request.method, "a": request.cookies["a"], "x": request.query["x"]}

    with app.test_client() as client:
        plain = client.post("/form", json={})
        followed = client.post("/form", json={}, follow_redirects=True)

    assert (303, []) == (plain.status_code, plain.history)
    assert {"method": "GET", "a": "1", "x": "1"} == followed.json()
    assert [303, 307] == [response.status_code for response in followed.history]
    assert "http://localhost/end?x=1" == followed.url


@pytest.mark.parametrize(
    ("status_code", "expected"),
    [
        pytest.param(301, ("GET", ""), id="301-of-a-post"),
        pytest.param(302, ("GET", ""), id="302-of-a-post"),
        pytest.param(303, ("GET", ""), id="303"),
        pytest.param(307, ("POST", "body"), id="307"),
        pytest.param(308, ("POST", "body"), id="308"),
    ],
)
def test_a_redirect_keeps_the_method_or_not(status_code: int, expected: tuple[str, str]) -> None:
    """307 and 308 send the request again, the others ask for the result (RFC 9110 §15.4)."""
    app = make_app()

    @app.post("/from")
    async def leave() -> Response:
        return Response("", status_code, {"location": "/to"})

    @app.route("/to", methods=["GET", "POST"])
    async def arrive(request: Request) -> list[str]:
        return [request.method, request.text]

    with app.test_client(follow_redirects=True) as client:
        assert list(expected) == client.post("/from", content=b"body").json()


def test_redirects_end() -> None:
    """A circle of redirects is an error."""
    app = make_app()

    @app.get("/")
    async def again() -> Response:
        return redirect("/")

    with app.test_client() as client, pytest.raises(RuntimeError, match="more than 20"):
        client.get("/", follow_redirects=True)


@pytest.mark.pain("P16")
def test_a_root_path_is_a_prefix_of_every_path() -> None:
    """Requests name paths inside the application, and it sees and builds them with the prefix."""
    app = make_app()

    @app.get("/users/{id}", name="show")
    async def show(request: Request, id: int) -> list[str]:
        return [request.path, request.route_path, request.url_for("show", id=id)]

    with app.test_client(root_path="/api") as client:
        assert ["/api/users/3", "/users/3", "/api/users/3"] == client.get("/users/3").json()


@pytest.mark.security("F4")
@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        pytest.param(("127.0.0.1", 50000), "192.0.2.7 https shop.example", id="a-trusted-peer"),
        pytest.param(("198.51.100.1", 50000), "198.51.100.1 http localhost", id="somebody-else"),
        pytest.param(None, "- http localhost", id="nobody-known"),
    ],
)
def test_a_trusted_peer_may_say_who_the_client_is(peer: tuple[str, int] | None, expected: str) -> None:
    """The settings of the application hold in tests too, for requests and for handshakes."""
    app = App("tested", extensions=(), settings=AppSettings(trusted_proxies=("127.0.0.1",)))
    headers = {"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https", "x-forwarded-host": "shop.example"}

    def describe(request: Request) -> str:
        return f"{request.client[0] if request.client else '-'} {request.scheme} {request.host}"

    @app.get("/")
    async def index(request: Request) -> str:
        return describe(request)

    @app.websocket("/socket")
    async def socket(socket: WebSocket, request: Request) -> None:
        await socket.send(describe(request))

    with app.test_client(peer=peer, headers=headers) as client:
        seen = [client.get("/").text]
        with client.websocket("/socket") as opened:
            seen.append(opened.receive_text())

    assert [expected, expected] == seen


@pytest.mark.security("F4")
def test_a_session_is_edited_behind_the_same_proxies() -> None:
    """In debug mode on this machine, whether its cookie is for TLS only depends on the scheme that the proxy names."""
    app = App("tested", settings=AppSettings(debug=True, secret_key="k" * 16, trusted_proxies=("127.0.0.1",)))
    said: list[str] = []

    for scheme in ("http", "https"):
        headers = {"x-forwarded-proto": scheme}
        with app.test_client(base_url="https://localhost", headers=headers) as client:
            with client.session_transaction() as session:
                session["role"] = "admin"
            said += [f"{scheme} {cookie.secure}" for cookie in client.cookies]

    assert ["http False", "https True"] == said


@pytest.mark.capability("X31")
def test_the_template_of_a_response_can_be_looked_at(tmp_path: Path) -> None:
    """Name and context of what was rendered are with the response, in the order of rendering."""
    (tmp_path / "page.html").write_text("Hello {{ name }}", "utf-8")
    app = App("tested", extensions=[Templates(tmp_path)])

    @app.get("/page")
    def page() -> str:
        return render("page.html", name="Ann")

    @app.get("/plain")
    def plain() -> str:
        return "plain"

    with app.test_client() as client:
        response, bare = client.get("/page"), client.get("/plain")

    assert response.template is not None
    assert ("Hello Ann", "page.html", "Ann") == (response.text, response.template.name, response.context["name"])
    assert (None, {}) == (bare.template, bare.context)

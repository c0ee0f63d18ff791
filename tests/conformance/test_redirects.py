"""Where clients can be sent: by a handler, by what a client says comes next, and by the framework itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from costrel import App, Request, Response, redirect, safe_next
from costrel.testing import TestClient

ELSEWHERE = [
    pytest.param("//evil.example", id="two-slashes"),
    pytest.param("///evil.example", id="three-slashes"),
    pytest.param("/\\evil.example", id="slash-and-backslash"),
    pytest.param("\\/evil.example", id="backslash-and-slash"),
    pytest.param("/%5cevil.example", id="encoded-backslash"),
    pytest.param("/%2fevil.example", id="encoded-slash"),
    pytest.param("/.//evil.example", id="dot-between"),
    pytest.param("/\t/evil.example", id="tab-between"),
    pytest.param("\thttps://evil.example", id="tab-before"),
    pytest.param(" //evil.example", id="space-before"),
    pytest.param("https://evil.example", id="absolute"),
    pytest.param("https:evil.example", id="no-slashes"),
    pytest.param("https:/evil.example", id="one-slash"),
    pytest.param("http:\\\\evil.example", id="backslashes"),
    pytest.param("https://localhost@evil.example", id="user-information"),
    pytest.param("https://localhost.evil.example", id="longer-host"),
    pytest.param("javascript:alert(1)", id="javascript"),
    pytest.param("data:text/html,x", id="data"),
    pytest.param("/x\r\nSet-Cookie: a=b", id="line-break"),
    pytest.param("/%0d%0aSet-Cookie:a=b", id="encoded-line-break"),
    pytest.param("/\0", id="nul"),
    pytest.param("/\u2028/evil.example", id="line-separator"),
    pytest.param("/\uff0fevil.example", id="fullwidth-slash"),
    pytest.param("", id="empty"),
]


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = App()

    @app.get("/login")
    async def login(request: Request) -> Response:
        return redirect(safe_next(request, default="/home"))

    @app.post("/login")
    async def log_in(request: Request) -> Response:
        return redirect(safe_next(request, default="/home"))

    @app.get("/go")
    async def go(to: str, external: bool = False) -> Response:
        return redirect(to, external=external)

    @app.get("/items/", trailing_slash="redirect")
    async def items() -> str:
        return "items"

    with app.test_client(raise_app_exceptions=False) as client:
        yield client


@pytest.mark.security("E1")
@pytest.mark.parametrize("target", ELSEWHERE)
def test_what_comes_next_is_on_this_site(client: TestClient, target: str) -> None:
    """Whatever some browser might take to another site becomes the default, from a query and from a form."""
    asked = client.get("/login", params={"next": target})
    sent = client.post("/login", data={"next": target})

    assert (303, "/home") == (asked.status_code, asked.headers["location"])
    assert (303, "/home") == (sent.status_code, sent.headers["location"])


@pytest.mark.security("E1")
@pytest.mark.parametrize("target", ["/", "/cart?step=2#top", "/a/b/../c", "/caf%C3%A9"])
def test_a_path_of_this_site_comes_next(client: TestClient, target: str) -> None:
    """What is plainly a path of this site is kept."""

    assert target == client.get("/login", params={"next": target}).headers["location"]


@pytest.mark.security("E1")
@pytest.mark.parametrize("external", [False, True], ids=["internal", "external"])
@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "https:evil.example",
        "https:/evil.example",
        "http:\\\\evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "https://localhost@evil.example",
        "///evil.example",
        "\thttps://evil.example",
        "/\t/evil.example",
        "/x\r\nSet-Cookie: a=b",
        "/x\0",
        "",
    ],
)
def test_a_redirect_that_is_never_meant_is_refused(client: TestClient, target: str, external: bool) -> None:
    """Control characters, other schemes and what only a browser reads as a host are errors, external or not."""
    response = client.get("/go", params={"to": target, "external": external})

    assert 500 == response.status_code
    assert {"location", "set-cookie"}.isdisjoint(response.headers)


@pytest.mark.security("E1")
@pytest.mark.parametrize("target", ["https://shop.example/x", "//shop.example/x"])
def test_another_site_has_to_be_meant(client: TestClient, target: str) -> None:
    """A redirect leaves the site with `external=True` alone."""
    kept, left = (client.get("/go", params={"to": target, "external": external}) for external in (False, True))

    assert (500, None) == (kept.status_code, kept.headers.get("location"))
    assert (303, target) == (left.status_code, left.headers["location"])


@pytest.mark.security("E2")
@pytest.mark.parametrize(
    ("path", "status_code", "location"),
    [
        pytest.param("/items", 308, "/items/", id="plain"),
        pytest.param("/items?page=2&q=%2F%2Fevil", 308, "/items/?page=2&q=%2F%2Fevil", id="query-is-kept"),
        pytest.param("/items?x=%0d%0aA", 308, "/items/?x=%0d%0aA", id="line-break-stays-encoded"),
        pytest.param("//evil.example/items", 404, None, id="host"),
        pytest.param("/\\evil.example/items", 404, None, id="backslash-host"),
        pytest.param("/%5cevil.example/items", 404, None, id="encoded-backslash-host"),
        pytest.param("//items", 404, None, id="two-slashes"),
    ],
)
def test_the_slash_redirect_stays_on_the_site(
    client: TestClient, path: str, status_code: int, location: str | None
) -> None:
    """The router redirects to an absolute path that begins with exactly one slash, or not at all."""
    response = client.get(f"http://localhost{path}")

    assert (status_code, location) == (response.status_code, response.headers.get("location"))


@pytest.mark.security("E2")
@pytest.mark.parametrize(
    "path", ["//evil.example", "/%2fevil.example", "/\\evil.example", "/%5cevil.example", "/x/..//e"]
)
def test_the_slash_redirect_of_a_route_that_takes_anything(path: str) -> None:
    """A pattern that matches any path must not turn the first segment into a host."""
    app = App(extensions=())
    app.add_route("/{path:path}/", lambda path: "x", name="page", trailing_slash="redirect")
    with app.test_client() as client:
        response = client.get(f"http://localhost{path}")

    location = response.headers.get("location", "/x")
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\", "/%5c", "/%5C", "/%2f", "/%2F"))


@pytest.mark.security("E4")
@pytest.mark.parametrize(
    ("path", "location"),
    [
        pytest.param("/caf%C3%A9", "/caf%C3%A9/", id="not-ascii"),
        pytest.param("/a%20b", "/a%20b/", id="space"),
        pytest.param("/100%25", "/100%25/", id="percent"),
        pytest.param("/a%2541", "/a%2541/", id="encoded-twice-by-the-client"),
        pytest.param("/a%3Fb%23c", "/a%3Fb%23c/", id="marks-of-a-url"),
        pytest.param("/x%0d%0aSet-Cookie:a=b", "/x%0D%0ASet-Cookie:a=b/", id="line-break"),
        pytest.param("/%5cevil.example", "/evil.example/", id="backslash"),
    ],
)
def test_the_slash_redirect_is_encoded_once(path: str, location: str) -> None:
    """Who follows it arrives: what was encoded stays encoded, and is not encoded again."""
    app = App(extensions=())
    app.add_route("/{path:path}/", lambda path: "x", name="page", trailing_slash="redirect")
    with app.test_client() as client:
        response, followed = client.get(path), client.get(path, follow_redirects=True)

    assert (308, location, 200) == (response.status_code, response.headers["location"], followed.status_code)


@pytest.mark.security("E2")
@pytest.mark.security("E4")
@pytest.mark.parametrize(
    ("path", "status_code", "location"),
    [
        pytest.param("/old/x?q=1", 308, "/x?q=1", id="plain"),
        pytest.param("/old/caf%C3%A9", 308, "/caf%C3%A9", id="not-ascii"),
        pytest.param("/old/a%2541", 308, "/a%2541", id="encoded-twice-by-the-client"),
        pytest.param("/old/%5cevil.example", 308, "/%5Cevil.example", id="backslash-stays-encoded"),
        pytest.param("/old/https://evil.example", 308, "/https://evil.example", id="url-is-a-path"),
        pytest.param("/old/x?q=%0d%0aSet-Cookie:a=b", 308, "/x?q=%0d%0aSet-Cookie:a=b", id="line-break"),
        pytest.param("/old//evil.example", 404, None, id="empty-segment"),
        pytest.param("/old/%2fevil.example", 404, None, id="encoded-slash"),
        pytest.param("/old/..", 404, None, id="dots"),
        pytest.param("/old/.//evil.example", 404, None, id="dots-before-a-host"),
        pytest.param("/old/%2e%2e/evil.example", 404, None, id="encoded-dots"),
    ],
)
def test_a_moved_route_stays_on_the_site(path: str, status_code: int, location: str | None) -> None:
    """What a client puts into a parameter is part of a path, or there is no such address."""
    app = App(extensions=())
    app.add_redirect("/old/{path:path}", "/{path:path}")
    with app.test_client() as client:
        response = client.get(path)

    assert (status_code, location) == (response.status_code, response.headers.get("location"))


@pytest.mark.security("E3")
@pytest.mark.parametrize("target", ['/"><script>alert(1)</script>', "/'onload=x", "/<img src=x>"])
@pytest.mark.parametrize("accept", ["text/html", "*/*"])
def test_a_redirect_shows_nothing_of_its_target(client: TestClient, target: str, accept: str) -> None:
    """The body of a redirect holds no markup of the target, and its type is not guessed."""
    response = client.get("/go", params={"to": target}, headers={"Accept": accept})

    assert 303 == response.status_code
    assert "<script" not in response.text
    assert "<img" not in response.text
    assert b"" == response.content or "nosniff" == response.headers["x-content-type-options"]


@pytest.mark.security("E4")
@pytest.mark.parametrize(
    ("target", "location"),
    [
        pytest.param("/caf\u00e9", "/caf%C3%A9", id="not-ascii"),
        pytest.param("/a b?q=c d", "/a%20b?q=c%20d", id="spaces"),
        pytest.param("/caf%C3%A9?q=%26", "/caf%C3%A9?q=%26", id="encoded-already"),
        pytest.param("/100%", "/100%25", id="lone-percent"),
        pytest.param('/"<>', "/%22%3C%3E", id="markup"),
    ],
)
def test_a_location_is_encoded_once(client: TestClient, target: str, location: str) -> None:
    """What must not stand in a field is percent-encoded, and what is encoded stays."""

    assert location == client.get("/go", params={"to": target}).headers["location"]


@pytest.mark.security("E4")
@pytest.mark.parametrize("value", ["/x\r\nSet-Cookie: a=b", "/x\n", "/x\r", "/x\0"])
def test_a_location_set_by_hand_has_no_line_breaks(value: str) -> None:
    """A field that would begin another one is refused when it is set, not when it is sent."""
    app = App(extensions=())

    @app.get("/")
    async def index() -> Response:
        response = Response(None, 303)
        response.headers["location"] = value
        return response

    with app.test_client(raise_app_exceptions=False) as client:
        response = client.get("/")

    assert 500 == response.status_code
    assert {"location", "set-cookie"}.isdisjoint(response.headers)


@pytest.mark.security("E5")
@pytest.mark.parametrize(
    ("status_code", "method", "content"),
    [(303, "GET", b""), (307, "POST", b"a=1"), (308, "POST", b"a=1"), (None, "GET", b"")],
)
def test_the_method_after_a_redirect(status_code: int | None, method: str, content: bytes) -> None:
    """A redirect without a status is 303, so a form that was sent is not sent again; 307 and 308 keep it."""
    app = App(extensions=())

    @app.post("/form")
    async def form() -> Response:
        return redirect("/next") if status_code is None else redirect("/next", status_code)

    @app.route("/next", methods=["GET", "POST"])
    async def after(request: Request) -> str:
        return f"{request.method} {request.text}"

    with app.test_client() as client:
        first = client.post("/form", content=b"a=1", headers={"Content-Type": "application/x-www-form-urlencoded"})
        followed = client.post("/form", content=b"a=1", follow_redirects=True)

    assert (status_code or 303) == first.status_code
    assert f"{method} {content.decode()}" == followed.text

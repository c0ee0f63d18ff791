"""What is shown of a request."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from costrel.app import App
from costrel.messages import Request
from costrel.pages.facts import MAX_BODY_BYTES, MAX_ROWS, describe_request


def rows_of(request: Request, title: str) -> dict[str, str]:
    """Return one table as a dict, empty when it is not there."""
    return next((dict(section.rows) for section in describe_request(request) if section.title == title), {})


def test_an_empty_request_has_few_tables(request_of: Callable[..., Request]) -> None:
    """Tables without rows are left out."""
    titles = [section.title for section in describe_request(request_of())]

    assert ["Request", "Session and user", "Header fields", "Application"] == [
        title for title in titles if title != "Cookies"
    ]


def test_the_route_is_named(make_app: Callable[[bool], App]) -> None:
    """Pattern, name, handler, place, execution and layers of the route are there."""
    app = make_app(True)

    async def quiet(request: Request, call_next: Callable[[Request], object]) -> object:
        return await call_next(request)

    @app.get("/orders/{id}", use=[quiet], name="order")
    async def show(id: int) -> str:
        return ""

    with app.test_request_context("/orders/7") as request:
        request.path_params = {"id": 7, "token": "x"}
        route, parameters = rows_of(request, "Route"), rows_of(request, "Path parameters")

    assert ("/orders/{id}", "order") == (route["pattern"], route["name"])
    assert route["handler"].endswith("show")
    assert "test_facts.py" in route["registered at"]
    assert "async" == route["runs"]
    assert route["layers"].endswith("quiet")
    assert {"id": "7", "token": "'***'"} == parameters


@pytest.mark.security("L11")
def test_secrets_of_a_request_are_masked(request_of: Callable[..., Request]) -> None:
    """Fields of header, query and body are masked by name, cookies always."""
    request = request_of(
        "/?token=a&page=2",
        method="POST",
        headers={"authorization": "Bearer abcdefgh", "x-api-key": "a", "accept": "x", "cookie": "theme=dark"},
        json={"password": "hunter2", "user": "ada"},
    )

    assert {"token": "'***'", "page": "'2'"} == rows_of(request, "Query")
    assert {"theme": "4 characters"} == rows_of(request, "Cookies")
    fields = rows_of(request, "Header fields")
    assert ["'***'", "'***'", "'***'", "'x'"] == [
        fields[name] for name in ("authorization", "x-api-key", "cookie", "accept")
    ]
    assert "{'password': '***', 'user': 'ada'}" == rows_of(request, "Body")["content"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({"data": {"user": "ada", "password": "x"}}, {"user": "'ada'", "password": "'***'"}, id="form"),
        pytest.param({"files": {"photo": ("a.png", b"123")}}, {"photo": "<UploadFile 'a.png' 3 bytes>"}, id="file"),
        pytest.param({"content": b"plain"}, {"content": "b'plain'"}, id="bytes"),
        pytest.param(
            {"content": b"{", "headers": {"content-type": "application/json"}},
            {"…": "cannot be shown: JSONDecodeError"},
            id="broken-json",
        ),
        pytest.param({"content": b"x" * (MAX_BODY_BYTES + 1)}, {"length": "16,385 bytes"}, id="too-long"),
    ],
)
def test_a_body_is_shown_as_what_it_is(
    request_of: Callable[..., Request], options: dict[str, object], expected: dict[str, str]
) -> None:
    """Forms by field, JSON as a value, bytes as bytes, and what is long by its length."""
    rows = rows_of(request_of("/", method="POST", **options), "Body")

    assert expected.items() <= rows.items()
    assert ("content" in rows) is ("content" in expected)


def test_looking_changes_nothing(request_of: Callable[..., Request]) -> None:
    """A session that was not touched stays so."""
    request = request_of(headers={"cookie": "session=abc"})

    assert {"session": "<session, not read yet>"} == rows_of(request, "Session and user")
    assert not request.session.accessed


def test_what_the_application_kept_is_shown(request_of: Callable[..., Request]) -> None:
    """`g`, the request's state and the user are there."""
    request = request_of()
    request.g.cart = [1]
    request.state.api_key = "x"
    request.user = {"id": 1}

    assert {"cart": "[1]"} == rows_of(request, "g")
    assert {"api_key": "'***'"} == rows_of(request, "State")
    assert "{'id': 1}" == rows_of(request, "Session and user")["user"]


def test_where_it_came_in_is_shown(request_of: Callable[..., Request]) -> None:
    """A request may have no peer, be a handshake, or have come through a mount."""

    class Mounted:
        name, prefix = "shop", "/shop"

    request = request_of("/a")
    request.client = None
    request.is_websocket = True
    request.mount = Mounted()
    rows = rows_of(request, "Request")

    assert ("GET", "/a", "unknown", "/shop") == (rows["method"], rows["path"], rows["client"], rows["mounted at"])
    assert "HTTP/1.1, WebSocket handshake" == rows["version"]


@pytest.mark.parametrize("count", [MAX_ROWS - 1, MAX_ROWS, MAX_ROWS + 1])
def test_a_table_ends(request_of: Callable[..., Request], count: int) -> None:
    """A query with a thousand fields shows its first."""
    request = request_of("/?" + "&".join(f"f{number}=1" for number in range(count)))
    rows = rows_of(request, "Query")

    assert min(count, MAX_ROWS) == len([name for name in rows if name != "…"])
    assert ("…" in rows) is (count >= MAX_ROWS)


def test_a_table_that_cannot_be_read_says_so(request_of: Callable[..., Request]) -> None:
    """A broken request has a page too."""
    request = request_of("/?" + "&".join(f"f{number}=1" for number in range(1100)))

    assert {"…": "cannot be shown: BadRequest"} == rows_of(request, "Query")

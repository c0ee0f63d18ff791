"""Requests without a server."""

from __future__ import annotations

import pytest

from costrel.app import App, AppSettings, current_app, g, request, url_for
from costrel.errors import ContentTooLarge, OutsideRequest
from costrel.testing import make_request

MIB = 1024 * 1024


def test_a_request_is_made_without_a_loop() -> None:
    """Its body has been read, so everything about it is there."""
    app = App("tested", extensions=())
    made = make_request(app, "post", "/a%20b?x=1", json={"k": 1}, headers={"X-A": "b"}, cookies={"c": "d"})

    assert ("POST", "/a b", "1", {"k": 1}, "b", "d", app) == (
        made.method,
        made.path,
        made.query["x"],
        made.json(),
        made.headers["x-a"],
        made.cookies["c"],
        made.app,
    )


def test_a_form_is_read() -> None:
    """Files are there too."""
    made = make_request(App("tested", extensions=()), "POST", "/", data={"a": "1"}, files={"f": ("n", b"abc")})

    assert ("1", b"abc") == (made.form["a"], made.files["f"].read())


def test_the_limits_of_the_application_hold() -> None:
    """A body over the limit is refused as a server does."""
    app = App("tested", extensions=(), settings=AppSettings(max_body_bytes=10))

    assert b"x" * 10 == make_request(app, "POST", "/", content=b"x" * 10).body
    with pytest.raises(ContentTooLarge):
        make_request(app, "POST", "/", content=b"x" * 11)


def test_a_body_for_the_disk_is_refused() -> None:
    """There is no loop whose threads could write it."""
    app = App("tested", extensions=())
    with pytest.raises(ValueError, match="spooled to disk"):
        make_request(app, "POST", "/", content=b"x" * MIB)


def test_what_needs_a_running_application_says_so() -> None:
    """The exchange of such a request leads nowhere."""
    made = make_request(App("tested", extensions=()), "GET", "/")
    with pytest.raises(OutsideRequest):
        made.deadline_seconds = 5
    assert not made.is_disconnected


def test_it_serves_the_contexts_of_the_application() -> None:
    """`App.test_request_context` and `App.app_context` make such requests current."""
    app = App("tested", extensions=())

    @app.get("/users/{id}", name="show")
    def show(id: int) -> str:
        return ""

    with app.test_request_context("/users/3?x=1", method="POST", json=[1]):
        seen = [request.method, request.query["x"], request.json()]
    with app.app_context():
        g.value = 1
        seen += [current_app.name, url_for("show", id=4), g.value]

    assert ["POST", "1", [1], "tested", "/users/4", 1] == seen


@pytest.mark.security("F4")
@pytest.mark.parametrize(
    ("trusted", "expected"),
    [
        pytest.param(("127.0.0.1",), ("192.0.2.7", "https", "shop.example", "/shop"), id="trusted"),
        pytest.param(("10.0.0.0/8",), ("127.0.0.1", "http", "localhost", ""), id="another-proxy"),
        pytest.param((), ("127.0.0.1", "http", "localhost", ""), id="nobody"),
    ],
)
def test_what_trusted_proxies_say_is_believed(trusted: tuple[str, ...], expected: tuple[str, ...]) -> None:
    """As with a server, the settings decide, and the peer is this machine."""
    app = App("tested", extensions=(), settings=AppSettings(trusted_proxies=trusted))
    headers = {
        "X-Forwarded-For": "192.0.2.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "shop.example",
        "X-Forwarded-Prefix": "/shop",
    }

    with app.test_request_context("/", headers=headers):
        assert request.client is not None
        assert expected == (request.client[0], request.scheme, request.host, request.root_path)

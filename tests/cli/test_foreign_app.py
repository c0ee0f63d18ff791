"""An application of another framework in a bare `App`, and how one is told from an `App` that does something itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from costrel import App
from costrel.cli.foreign_app import carried_by, describe_carried, is_foreign_application, wrap_foreign
from costrel.mounts import ASGIMount
from costrel.testing import TestClient


def old(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    content = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Path", environ["PATH_INFO"])])
    return [f"{environ['REQUEST_METHOD']} {len(content)}".encode()]


async def star(scope: Any, receive: Any, send: Any) -> None: ...


@pytest.mark.parametrize(
    ("method", "path", "size_bytes"),
    [
        pytest.param("GET", "/", 0, id="the-root"),
        pytest.param("OPTIONS", "/a//b/", 0, id="options"),
        pytest.param("POST", "/upload", 2 * 1024 * 1024, id="a-body-over-the-limit-for-ours"),
    ],
)
def test_everything_goes_to_the_application(method: str, path: str, size_bytes: int) -> None:
    """Every method and path, and no limit for bodies stands before it."""
    with TestClient(wrap_foreign(old, "shop")) as client:
        response = client.request(method, path, content=bytes(size_bytes))

    assert (200, path, f"{method} {size_bytes}") == (response.status_code, response.headers["x-path"], response.text)


def with_route(app: App) -> None:
    app.add_route("/", lambda: "", name="index")
    app.mount("/", old, fallback=True)


def with_two_mounts(app: App) -> None:
    app.mount("/a", old)
    app.mount("/", old, name="b", fallback=True)


@pytest.mark.parametrize(
    "register",
    [
        pytest.param(lambda app: None, id="an-empty-app"),
        pytest.param(with_route, id="a-route"),
        pytest.param(with_two_mounts, id="two-mounts"),
        pytest.param(lambda app: app.mount("/", old), id="a-mount-that-is-no-fallback"),
        pytest.param(lambda app: app.mount("/", App("x", extensions=()), fallback=True), id="an-app-as-the-fallback"),
    ],
)
def test_an_app_that_does_something_is_carried_by_nobody(register: Callable[[App], None]) -> None:
    """Then the commands look at it as at any other."""
    app = App("shop", extensions=())
    register(app)

    assert carried_by(app) is None


@pytest.mark.parametrize(
    ("application", "expected"),
    [
        pytest.param(old, f"shop: {__name__}.old, a WSGI application", id="wsgi"),
        pytest.param(ASGIMount(star), f"shop: {__name__}.star, an ASGI application", id="asgi"),
    ],
)
def test_an_application_is_described(application: Any, expected: str) -> None:
    """By what it is called and what it speaks."""
    app = wrap_foreign(application, "shop")
    mount = carried_by(app)

    assert mount is not None
    assert expected == describe_carried(app, mount)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(old, True), (star, True), (ASGIMount(star), True), (App("x", extensions=()), False), (App, False), (7, False)],
)
def test_an_app_is_not_foreign(value: object, expected: bool) -> None:
    """Although servers call it by ASGI too."""
    assert expected is is_foreign_application(value)

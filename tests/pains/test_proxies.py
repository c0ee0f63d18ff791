"""Behind a proxy that ends TLS, nothing the framework says names the wrong scheme."""

from __future__ import annotations

import pytest

from costrel import App, Blueprint, Request, Response, abort, redirect, url_for
from costrel.app import AppSettings
from costrel.testing import TestClient


def make_app(**settings: object) -> App:
    """Make an application that redirects and refuses in every way it can."""
    app = App("shop", settings=AppSettings(secret_key="k" * 16, **settings))  # type: ignore[arg-type]
    part, child = Blueprint("part", prefix="/part"), App("child", extensions=())

    @app.get("/page")
    async def page(n: int = 1) -> str:
        return "page"

    @app.get("/folder/", name="folder", trailing_slash="redirect")
    def folder() -> str:
        return f"<a href={url_for('page')}>page</a>"

    @app.get("/go")
    async def go() -> Response:
        return redirect(url_for("page"))

    @app.get("/go/{status_code}")
    def go_with(status_code: int) -> Response:
        return redirect("/page?x=1", status_code=status_code)

    @part.post("/form")
    async def form(request: Request) -> Response:
        return redirect(request.url_for("part.thanks"))

    @part.get("/thanks/")
    async def thanks() -> str:
        return "thanks"

    @app.get("/broken")
    async def broken() -> str:
        abort(500)

    @child.get("/inner")
    async def inner() -> Response:
        return redirect(url_for("inner"))

    app.add_redirect("/old", "/page")
    app.register(part)
    app.mount("/child", child)
    return app


REQUESTS = [
    ("GET", "/page"),
    ("GET", "/folder"),
    ("GET", "/folder?x=1"),
    ("GET", "/go"),
    ("GET", "/go/301"),
    ("GET", "/go/307"),
    ("GET", "/old?x=1"),
    ("POST", "/part/form"),
    ("GET", "/part/thanks"),
    ("GET", "/child/inner"),
    ("GET", "/broken"),
    ("GET", "/missing"),
    ("GET", "/page?n=x"),
    ("PUT", "/page"),
    ("OPTIONS", "/page"),
]


@pytest.mark.pain("P17")
@pytest.mark.parametrize("accept", ["text/html", "*/*"])
@pytest.mark.parametrize("policy", ["ignore", "strict", "redirect"])
def test_no_response_names_the_scheme_of_the_hop(policy: str, accept: str) -> None:
    """With default settings the application thinks it is on plain http, and still never says so."""
    app = make_app() if policy == "ignore" else make_app(trailing_slash=policy)
    headers = {"x-forwarded-proto": "https", "x-forwarded-host": "shop.example", "accept": accept}
    said: dict[str, str] = {}
    locations: list[str] = []

    with TestClient(app, headers=headers, raise_app_exceptions=False) as client:
        for method, path in REQUESTS:
            response = client.request(method, path)
            text = response.text + repr(response.headers.raw)
            said |= {f"{method} {path}": text} if "http://" in text else {}
            locations += [response.headers["location"]] if "location" in response.headers else []

    assert {} == said
    assert len(locations) >= 7
    assert all(location.startswith("/") and not location.startswith("//") for location in locations)

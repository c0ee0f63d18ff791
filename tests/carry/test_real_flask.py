"""Flask with Flask-Login, Flask-WTF, Flask-SQLAlchemy and Flask-Admin: alone, and carried."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from costrel import App

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]
PACKAGES = ["flask", "flask_login", "flask_wtf", "flask_sqlalchemy", "flask_admin"]
PLACES = ["path", "host", "fallback"]


@pytest.fixture
def desk(carrier: Any, tmp_path: Path) -> Iterator[Any]:
    module = carrier.load("flask_desk", *PACKAGES)
    application = module.make_app(tmp_path)
    yield application
    module.close(application)


def use(browser: Any) -> None:
    """Log in, add a book by a form, change it in the administration, read it in a stream, and log out."""
    assert "Books" in browser.get(browser.at("/")).text

    # Flask-Login sends to its login page, and back
    refused = browser.get(browser.at("/new"))
    assert "/login" == browser.place(refused)
    assert "Please log in to access this page." in refused.text
    assert "The CSRF token is missing." in browser.post(browser.at("/login"), data={"name": "Ann"}).text
    welcome = browser.form(browser.get(browser.at("/login")), name="Ann", password="correct horse")
    assert "/" == browser.place(welcome)
    assert '<p class="flash">Welcome</p>' in welcome.text
    assert '<p class="user">Ann</p>' in welcome.text

    # Flask-WTF checks, Flask-SQLAlchemy keeps
    assert (
        "<b>Field must be at least 3 characters long.</b>"
        in browser.form(browser.get(browser.at("/new")), title="Em").text
    )
    assert "<li>Emma</li>" in browser.form(browser.get(browser.at("/new")), title="Emma").text

    # Flask-Admin: its list, its files, its forms
    listing = browser.get(browser.at("/admin/book/"))
    assert "Emma" in listing.text
    # The name in its bar links to `Admin(url=…)` as it was written, under no server with the prefix.
    links = re.findall(r'(?<!navbar-brand" )(?:src|href)="(/[^"#]*)"', listing.text)
    assert [] == [link for link in links if not link.startswith(browser.at("/"))]
    files = [link for link in links if "/static/" in link]
    assert files
    for link in files:
        assert (link, 200) == (link, browser.get(link).status_code)
    created = browser.form(browser.get(browser.at("/admin/book/new/")), title="Persuasion")
    assert "/admin/book/" == browser.place(created)
    assert "Persuasion" in created.text
    edited = browser.form(browser.get(browser.at("/admin/book/edit/?id=2")), title="Sanditon")
    assert "/admin/book/" == browser.place(edited)
    assert "Sanditon" in edited.text
    assert "Persuasion" not in edited.text
    found = browser.get(browser.at("/admin/book/"), params={"search": "Emm"}).text
    assert "Emma" in found
    assert "Sanditon" not in found

    assert f"{browser.prefix} Emma\n{browser.prefix} Sanditon\n" == browser.get(browser.at("/list.txt")).text
    assert 404 == browser.get(browser.at("/nowhere")).status_code
    assert 405 == browser.get(browser.at("/logout")).status_code
    assert 400 == browser.post(browser.at("/logout")).status_code


def test_alone(desk: Any) -> None:
    """With its own test client the application does what it should, and so it does for our browser."""
    with desk.test_client() as client:
        with client.get("/login") as page:
            token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
        assert token is not None
        fields = {"csrf_token": token[1], "name": "Ann", "password": "correct horse"}
        with client.post("/login", data=fields, follow_redirects=True) as welcome:
            assert "Welcome" in welcome.text
        with client.get("/admin/book/") as listing:
            assert 200 == listing.status_code


def test_alone_by_the_same_steps(carrier: Any, desk: Any) -> None:
    """The steps below hold without Costrel."""
    with carrier.Browser(base_url="http://desk.example", transport=httpx.WSGITransport(desk)) as browser:
        use(browser)


@pytest.fixture(scope="module", params=["native", "uvicorn"])
def port(request: pytest.FixtureRequest, carrier: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Three of them with a database each, carried by one of the servers: the port."""
    module = carrier.load("flask_desk", *PACKAGES)
    desks = [module.make_app(tmp_path_factory.mktemp("desk")) for _ in PLACES]
    app = App("carrier")
    app.mount("/shop", desks[0])
    app.mount("/", desks[1], name="by_host", host="shop.example")
    app.mount("/", desks[2], name="fallback", fallback=True)

    @app.get("/ours")
    async def ours() -> str:
        return "ours"

    with carrier.serve(app, request.param) as port:
        yield port
    for desk in desks:
        module.close(desk)


@pytest.mark.pain("P19")
@pytest.mark.capability("C017")
@pytest.mark.capability("N26")
@pytest.mark.parametrize("place", PLACES)
def test_carried(carrier: Any, port: int, place: str) -> None:
    """The same steps hold under a path, for a host and as what answers the rest, on our server and on uvicorn."""
    with carrier.browsers(port)[place] as browser:
        use(browser)
        assert 500 == browser.get(browser.at("/broken")).status_code
        assert (404 if place == "host" else 200) == browser.get("/ours").status_code

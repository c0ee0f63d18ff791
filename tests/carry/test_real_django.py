"""Django with its administration and the REST framework, as WSGI and as ASGI: alone, and carried."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(60),
    # Django says this of its own files whenever it is an ASGI application.
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators:Warning"),
]
PLACES = ["path", "host", "fallback"]


@pytest.fixture(scope="module")
def office(carrier: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return carrier.load("django_office", "django", "rest_framework")


def use(browser: Any) -> None:
    """Log in to the administration, add a user there, and find that user in the API."""
    name = f"user-{uuid4().hex[:8]}"
    login = browser.get(browser.at("/admin/"))
    assert "/admin/login/" == browser.place(login)
    wrong = browser.form(login, username="ann", password="wrong horse")
    assert "Please enter the correct username and password" in wrong.text
    home = browser.form(login, username="ann", password="correct horse")
    assert "/admin/" == browser.place(home)
    assert "Site administration" in home.text
    links = re.findall(r'(?:src|href)="(/[^"#]*)"', home.text)
    assert [] == [link for link in links if not f"{link}/".startswith(browser.at("/"))]
    files = [link for link in links if "/static/" in link]
    assert files
    for link in files:
        assert (link, 200) == (link, browser.get(link).status_code)

    form = browser.get(browser.at("/admin/auth/user/add/"))
    secret = "a long way to go"
    added = browser.form(form, username=name, password1=secret, password2=secret, usable_password="true")
    assert re.fullmatch(r"/admin/auth/user/\d+/change/", browser.place(added)), added.text
    assert "was added successfully" in added.text
    assert name in browser.get(browser.at("/admin/auth/user/"), params={"q": name}).text
    refused = browser.post(browser.at("/admin/auth/user/add/"), data={"username": name})
    assert 403 == refused.status_code
    assert "CSRF" in refused.text

    origin = f"{browser.base_url}".rstrip("/")
    assert {
        "home": browser.at("/where"),
        "path": browser.at("/where"),
        "absolute": f"{origin}/x",
    } == browser.get(browser.at("/where")).json()
    assert "".join(f"piece {number}\n" for number in range(5)) == browser.get(browser.at("/stream")).text
    assert "ann" == browser.get(browser.at("/later")).text
    assert 404 == browser.get(browser.at("/nowhere")).status_code
    assert 500 == browser.get(browser.at("/broken")).status_code

    users = browser.get(browser.at("/api/users"), headers={"accept": "application/json"}).json()
    found = next(user for user in users if user["username"] == name)
    assert found["url"].startswith(f"{origin}{browser.at('/api/users/')}")
    assert found == browser.get(found["url"], headers={"accept": "application/json"}).json()
    twice = browser.post(browser.at("/api/users"), json={"username": name})
    assert (400, ["username"]) == (twice.status_code, list(twice.json()))
    sent = {"text": "ä" * 100_000}
    assert {"data": sent, "type": "application/json"} == browser.post(browser.at("/api/echo"), json=sent).json()
    assert "Django REST framework" in browser.get(browser.at("/api/users"), headers={"accept": "text/html"}).text


def test_alone(office: Any) -> None:
    """With its own test client the application does what it should."""
    from django.test import Client

    client = Client()
    assert client.login(username="ann", password="correct horse")
    assert "Site administration" in client.get("/admin/").content.decode()
    assert "ann" == client.get("/later").content.decode()
    assert 200 == client.get("/api/users").status_code


def test_alone_by_the_same_steps(carrier: Any, office: Any) -> None:
    """The steps below hold without Costrel."""
    import httpx

    transport = httpx.WSGITransport(office.make_wsgi(), raise_app_exceptions=False)
    with carrier.Browser(base_url="http://office.example", transport=transport) as browser:
        use(browser)


@pytest.fixture(scope="module", params=["wsgi", "asgi"])
def face(request: pytest.FixtureRequest, office: Any) -> Any:
    """The application as WSGI and as ASGI."""
    return office.make_wsgi() if request.param == "wsgi" else office.make_asgi()


@pytest.fixture(scope="module", params=["native", "uvicorn"])
def carried(request: pytest.FixtureRequest, carrier: Any, face: Any) -> Iterator[int]:
    """The application, carried by one of the servers: the port."""
    with carrier.serve(carrier.carry(face), request.param) as port:
        yield port


@pytest.mark.parametrize("place", PLACES)
def test_carried(carrier: Any, carried: int, place: str) -> None:
    """The same steps hold under a path, for a host and as what answers the rest."""
    from django.test import override_settings

    # Django keeps the URL of its static files for the whole process, with the prefix of the first request.
    with override_settings(STATIC_URL="static/"), carrier.browsers(carried)[place] as browser:
        use(browser)

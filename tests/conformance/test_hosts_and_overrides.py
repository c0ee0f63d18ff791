"""What clients say about where they are and what they meant: Host, methods and URLs in header fields."""

from __future__ import annotations

import pytest

from costrel import App, Request
from costrel.testing import make_request

FORGED = {
    "X-Original-URL": "/admin",
    "X-Rewrite-URL": "/admin",
    "X-Original-Host": "evil.example",
    "X-Host": "evil.example",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-For": "127.0.0.1",
    "Forwarded": "for=127.0.0.1;host=evil.example;proto=https",
    "Proxy": "http://evil.example",
}


def make_app() -> App:
    """An application that shows what it takes a request to be."""
    app = App(extensions=())

    @app.route("/{path:path}", methods=["GET", "POST", "DELETE"])
    async def show(request: Request, path: str) -> list[object]:
        client = request.client[0] if request.client is not None else None
        return [request.method, request.path, str(request.url), request.root_path, request.host, client]

    return app


@pytest.mark.security("B16")
@pytest.mark.parametrize("host", ["x/?", "x/#", "u@evil.example", "x\\evil", "a b", "x:99999999", "", "a,b"])
@pytest.mark.parametrize("path", ["/admin", "/a%20b", "/@evil.example", "//evil.example/x"])
def test_no_host_moves_the_path_of_the_url(host: str, path: str) -> None:
    """The URL is put together from its parts, so its path is that of the request whatever the Host is."""
    request = make_request(make_app(), "GET", f"http://localhost{path}?q=1", headers={"Host": host})

    assert request.path == request.url.path
    assert "q=1" == request.url.query_string
    assert request.path == type(request.url)(f"http://a{request.url.raw_path}").path


@pytest.mark.security("F9")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_field_does_not_change_the_method(method: str, name: str) -> None:
    """What is sent as a POST stays one, for whoever has checked it as such."""
    with make_app().test_client() as client:
        response = client.request(method, "/x?_method=DELETE", headers={name: "DELETE"})

    assert method == response.json()[0]


@pytest.mark.security("F9")
def test_a_form_field_does_not_change_the_method() -> None:
    """``_method`` is a field like any other."""
    with make_app().test_client() as client:
        urlencoded = client.post("/x", data={"_method": "DELETE"})
        multipart = client.post("/x", data={"_method": "DELETE"}, files={"f": b"x"})

    assert ["POST", "POST"] == [urlencoded.json()[0], multipart.json()[0]]


@pytest.mark.security("F10")
@pytest.mark.parametrize("name", FORGED)
def test_a_field_does_not_change_what_was_asked_for(name: str) -> None:
    """URLs, hosts and addresses in fields of an untrusted client change nothing."""
    with make_app().test_client() as client:
        plain, forged = client.get("/public?q=1"), client.get("/public?q=1", headers={name: FORGED[name]})

    assert plain.json() == forged.json()


@pytest.mark.security("F10")
def test_no_field_becomes_a_variable_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """``Proxy: …`` must not reach what libraries read as HTTP_PROXY (CVE-2016-5385)."""
    import os
    import urllib.request

    monkeypatch.delenv("HTTP_PROXY", raising=False)
    monkeypatch.delenv("http_proxy", raising=False)
    app = App(extensions=())

    @app.get("/")
    def index() -> dict[str, str]:
        return {**urllib.request.getproxies(), **{name: "" for name in os.environ if "HTTP_PROXY" == name.upper()}}

    with app.test_client() as client:
        found = client.get("/", headers={"Proxy": "http://evil.example"}).json()

    assert "http://evil.example" not in found.values()
    assert "HTTP_PROXY" not in found

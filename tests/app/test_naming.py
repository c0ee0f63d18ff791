"""`url_for`: the URL of a route, correct under every prefix, inside and outside requests."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from costrel.app import App, AppSettings, Blueprint, url_for
from costrel.errors import ProgrammerError, URLValueError
from costrel.http import TrustedProxies
from costrel.messages import Request, apply_forwarded
from costrel.testing import TestClient


def app_with(settings: AppSettings | None = None) -> App:
    app = App("test", extensions=(), settings=settings or AppSettings())
    app.add_route("/users/{id}", lambda id: id, name="user")
    app.host("{tenant}.example.com", _tenant_pages())

    @app.get("/ask")
    async def ask(request: Request) -> str:
        values = dict(request.query)
        return request.url_for(str(values.pop("name")), external=values.pop("external", "") == "1", **values)

    return app


def _tenant_pages() -> Blueprint:
    pages = Blueprint("tenant")
    pages.add_route("/home", lambda tenant: tenant, name="home")
    return pages


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({"id": 3}, "/users/3", id="a-parameter"),
        pytest.param({"id": "a bü"}, "/users/a%20b%C3%BC", id="percent-encoded-once"),
        pytest.param({"id": 3, "q": "x y", "tag": ["a", "b"]}, "/users/3?q=x%20y&tag=a&tag=b", id="rest-is-the-query"),
        pytest.param({"id": 3, "anchor": "a b"}, "/users/3#a%20b", id="anchor"),
    ],
)
@pytest.mark.capability("C008")
def test_a_url_without_a_request(values: Mapping[str, object], expected: str) -> None:
    """Scripts and templates of mails build the same paths."""
    assert expected == app_with().url_for("user", **values)


@pytest.mark.capability("X04")
@pytest.mark.parametrize(
    ("base_url", "allowed", "client", "query", "expected"),
    [
        pytest.param(None, (), {}, "external=1", "http://localhost/users/3", id="from-the-request"),
        pytest.param(
            None, (), {"root_path": "/api"}, "external=1", "http://localhost/api/users/3", id="under-a-root-path"
        ),
        pytest.param(
            None,
            (),
            {"base_url": "https://shop.example:8443"},
            "external=1",
            "https://shop.example:8443/users/3",
            id="scheme-and-port-of-the-request",
        ),
        pytest.param(
            "https://shop.example/s/", (), {}, "external=1", "https://shop.example/s/users/3", id="base-url-with-prefix"
        ),
        pytest.param(
            "https://shop.example/api",
            (),
            {"root_path": "/api"},
            "external=1",
            "https://shop.example/api/users/3",
            id="base-url-stands-for-the-root-path",
        ),
        pytest.param(
            "https://shop.example",
            (),
            {"root_path": "/api"},
            "external=1",
            "https://shop.example/api/users/3",
            id="base-url-without-path-keeps-the-root-path",
        ),
        pytest.param(None, (), {"root_path": "/api"}, "", "/api/users/3", id="not-external"),
        pytest.param(None, (), {}, "scheme=wss", "wss://localhost/users/3", id="a-scheme-is-external"),
    ],
)
def test_an_external_url(
    base_url: str | None, allowed: tuple[str, ...], client: dict[str, str], query: str, expected: str
) -> None:
    """From `base_url`, else from the request; prefixes are there once."""
    app = app_with(AppSettings(base_url=base_url, allowed_hosts=allowed))

    with TestClient(app, **client) as test_client:
        assert expected == test_client.get(f"/ask?name=user&id=3&{query}").text


@pytest.mark.capability("X04")
@pytest.mark.parametrize(
    ("proxies", "expected"),
    [
        pytest.param(("127.0.0.1",), "https://shop.example/users/3", id="trusted"),
        pytest.param(("10.0.0.1",), "http://localhost/users/3", id="not-trusted"),
    ],
)
def test_behind_a_proxy(proxies: tuple[str, ...], expected: str) -> None:
    """What a trusted proxy tells of the client's side is in external URLs; from others it is not believed."""
    app = app_with()
    fields = {"x-forwarded-proto": "https", "x-forwarded-host": "shop.example", "x-forwarded-for": "192.0.2.1"}

    with app.test_request_context("/", headers=fields) as request:
        apply_forwarded(request, TrustedProxies(proxies))
        assert expected == app.url_for("user", id=3, external=True)


def test_a_host_that_is_not_allowed_is_not_repeated() -> None:
    """A link made of a forged Host field would lead the reader of a mail away."""
    app = app_with(AppSettings(allowed_hosts=("shop.example",)))

    with TestClient(app, raise_app_exceptions=False) as client:
        good = client.get("/ask?name=user&id=3&external=1", headers={"host": "shop.example"})
        forged = client.get("/ask?name=user&id=3&external=1", headers={"host": "evil.example"})

    assert ("http://shop.example/users/3", 500) == (good.text, forged.status_code)


@pytest.mark.capability("X05")
@pytest.mark.parametrize(
    ("host", "tenant", "expected"),
    [
        pytest.param("acme.example.com", "acme", "/home", id="the-host-of-the-request-needs-no-name"),
        pytest.param("localhost", "acme", "http://acme.example.com/home", id="another-host-is-named"),
        pytest.param("localhost:8000", "acme", "http://acme.example.com:8000/home", id="the-port-stays"),
    ],
)
def test_a_route_of_a_host_names_it(host: str, tenant: str, expected: str) -> None:
    """A path alone would lead to the wrong host."""
    with TestClient(app_with()) as client:
        assert expected == client.get(f"/ask?name=tenant.home&tenant={tenant}", headers={"host": host}).text


@pytest.mark.parametrize(
    ("name", "values", "code"),
    [
        pytest.param("usr", {}, "COS-ROUTE-015", id="unknown-name"),
        pytest.param("user", {}, "COS-ROUTE-016", id="missing-value"),
        pytest.param("user", {"id": 3, "external": True}, "COS-APP-030", id="external-without-a-base"),
    ],
)
def test_what_cannot_be_built(name: str, values: dict[str, object], code: str) -> None:
    """The error says which name or value, and what is near."""
    with pytest.raises(ProgrammerError) as caught:
        app_with().url_for(name, **values)

    assert code == caught.value.code


def test_a_name_of_a_mounted_application_is_offered() -> None:
    """The name of the mount is easily forgotten, or taken for that of the application."""
    app, shop, cart = App("test", extensions=()), App("shop", extensions=()), App("cart", extensions=())
    cart.get("/items", name="items")(lambda: "x")
    shop.mount("/basket", cart)
    app.mount("/shop", shop)

    with pytest.raises(ProgrammerError) as caught:
        app.url_for("shop.cart.items")

    assert "Did you mean `shop.basket.items`?" == caught.value.mistake.fix


@pytest.mark.parametrize("name", ["_external", "_anchor", "_scheme"])
def test_an_argument_of_flask_is_no_query(name: str) -> None:
    """It would be a part of the URL that nobody wanted; the error says what it is called here."""
    with pytest.raises(TypeError, match=f"here `{name}` is `{name[1:]}`"):
        app_with().url_for("user", id=3, **{name: "x"})


@pytest.mark.capability("C009")
def test_defaults_do_not_reach_the_query() -> None:
    """What `url_defaults` adds fills the pattern and nothing else."""
    app = App("test", extensions=())
    app.url_defaults(lambda name, values: values.setdefault("lang", "en"))
    app.add_route("/{lang}/a", lambda lang: lang, name="a")
    app.add_route("/b", lambda: "b", name="b")

    assert ("/en/a", "/de/a", "/b", "/b?lang=fr") == (
        app.url_for("a"),
        app.url_for("a", lang="de"),
        app.url_for("b"),
        app.url_for("b", lang="fr"),
    )


@pytest.mark.parametrize("text", [".", "..", "%2e", ""])
def test_a_value_of_a_client_can_be_guarded(text: str) -> None:
    """No spelling of a dot segment leads to the route, so the handler is told and can link elsewhere."""
    app = App("tested", extensions=())

    @app.get("/tags/{name}")
    async def tag(name: str) -> str:
        return name

    @app.get("/search")
    async def search(q: str) -> str:
        try:
            return url_for("tag", name=q)
        except URLValueError as error:
            return f"{error.route} {error.values}"

    with app.test_client() as client:
        said = client.get("/search", params={"q": text}).text

    assert ("/tags/%252e" if text == "%2e" else f"tag {{'name': {text!r}}}") == said

"""Which language a request gets."""

from __future__ import annotations

from typing import Any

import pytest
from tests.templating.conftest import MakeSite

from costrel.app import App, Blueprint
from costrel.errors import BadRequest, ConfigurationError
from costrel.messages import Request, Response
from costrel.templating import Locales, current_locale, render_string, set_locale


def user_language(request: Request) -> str | None:
    """Stand for what an application knows of its user."""
    return request.query.get("user")


@pytest.fixture
def app(make_site: MakeSite) -> App:
    app = make_site()
    locales = Locales(["en", "fr", "pt-BR"], choose=user_language)
    app.install(locales)
    app.url_defaults(locales.url_defaults)
    pages = Blueprint("pages", prefix=locales.prefix)

    @pages.get("/tea")
    def tea() -> str:
        return render_string("{{ locale() }} {{ url_for('pages.tea') }} {{ url_for('pages.tea', locale='fr') }}")

    @app.get("/")
    async def index() -> str:
        return current_locale()

    @app.get("/plain")
    async def plain() -> str:
        return "-"

    @app.get("/set/{name}")
    def choose(name: str) -> str:
        set_locale(name)
        return current_locale()

    app.register(pages)
    return app


@pytest.mark.capability("C107")
@pytest.mark.parametrize(
    ("path", "headers", "expected", "vary"),
    [
        pytest.param("/fr/tea", {"accept-language": "en"}, "fr", None, id="path"),
        pytest.param("/pt-BR/tea?user=fr", {"cookie": "locale=fr"}, "pt-BR", None, id="path-before-all"),
        pytest.param("/?user=fr", {"accept-language": "en", "cookie": "locale=en"}, "fr", None, id="choose"),
        pytest.param("/?user=xx", {"accept-language": "fr"}, "fr", "Cookie, Accept-Language", id="choose-unknown"),
        pytest.param("/", {"cookie": "locale=pt_br", "accept-language": "fr"}, "pt-BR", "Cookie", id="cookie"),
        pytest.param("/", {"cookie": "locale=../../etc"}, "en", "Cookie, Accept-Language", id="cookie-with-a-path"),
        pytest.param("/", {"cookie": f"locale={'f' * 3000}"}, "en", "Cookie, Accept-Language", id="long-cookie"),
        pytest.param("/", {"accept-language": "fr-CH, en;q=0.5"}, "fr", "Cookie, Accept-Language", id="header"),
        pytest.param(
            "/", {"accept-language": "pt-BR;q=0.9,fr;q=0.8"}, "pt-BR", "Cookie, Accept-Language", id="weights"
        ),
        pytest.param("/", {"accept-language": "de"}, "en", "Cookie, Accept-Language", id="none-of-ours"),
        pytest.param("/", {"accept-language": "\x80;;,q="}, "en", "Cookie, Accept-Language", id="garbage"),
        pytest.param("/", {}, "en", "Cookie, Accept-Language", id="default"),
    ],
)
def test_the_language_is_found(app: App, path: str, headers: dict[str, str], expected: str, vary: str | None) -> None:
    """Path, application, cookie, header, default; and the answer says what decided."""
    with app.test_client() as client:
        answer = client.get(path, headers=headers)

    assert expected == answer.text.split(" ")[0]
    assert (expected, vary) == (answer.headers["content-language"], answer.headers.get("vary"))


@pytest.mark.parametrize("path", ["/de/tea", "/en%2F..%2Fx/tea", "/EN../tea"])
def test_a_path_in_no_language_is_missing(app: App, path: str) -> None:
    """What is no language of the site is no page of it."""
    with app.test_client() as client:
        assert 404 == client.get(path).status_code


def test_links_stay_in_the_language(app: App) -> None:
    """A URL that wants a language gets the current one, unless another is given."""
    with app.test_client() as client:
        assert "pt-BR /pt-BR/tea /fr/tea" == client.get("/pt-BR/tea").text


def test_an_answer_without_texts_says_nothing_of_languages(app: App) -> None:
    """Who does not ask pays nothing, and caches are not split."""
    with app.test_client() as client:
        headers = client.get("/plain", headers={"accept-language": "fr"}).headers

    assert (None, None) == (headers.get("content-language"), headers.get("vary"))


def test_a_choice_is_kept_in_a_cookie(app: App) -> None:
    """The page that sets it has it already, and so have those that follow."""
    with app.test_client(base_url="https://localhost") as client:
        answer = client.get("/set/FR", headers={"accept-language": "en"})
        after = client.get("/", headers={"accept-language": "en"})

    assert ("fr", "fr") == (answer.text, answer.headers["content-language"])
    assert "locale=fr; " in answer.headers["set-cookie"]
    assert "fr" == after.text


def test_a_choice_of_nothing_is_refused(app: App) -> None:
    """What a client sends is looked up and not repeated."""
    with app.test_client() as client:
        answer = client.get("/set/%3Cscript%3E")

    assert (400, False) == (answer.status_code, "script" in answer.text)
    assert "set-cookie" not in answer.headers


def test_a_handler_may_say_another_language(make_site: MakeSite) -> None:
    """A page that quotes a text of another language can say so."""
    app = make_site()
    app.install(Locales(["en", "fr"], cookie_name=None))

    @app.get("/")
    def index() -> Response:
        return Response(current_locale().encode(), headers={"content-language": "la"})

    @app.get("/set")
    def choose() -> str:
        set_locale("fr")
        return current_locale()

    with app.test_client() as client:
        answer = client.get("/")
        chosen = client.get("/set")

    assert ("la", "Accept-Language") == (answer.headers["content-language"], answer.headers["vary"])
    assert ("fr", None) == (chosen.text, chosen.headers.get("set-cookie"))


def test_a_command_has_the_default(app: App) -> None:
    """Without a request there is nobody to ask."""
    app.build()
    with app.app_context():
        assert "en" == current_locale()
        with pytest.raises(BadRequest):
            set_locale("xx")
        set_locale("fr")
        assert "fr" == current_locale()


def test_a_tag_is_listed_once() -> None:
    """Two spellings of one language are one."""
    locales = Locales(["en", "EN", "pt_br"])

    assert ("en", "pt-BR") == locales.tags
    assert "/{locale:any(en, pt-BR)}" == locales.prefix
    assert "Locales(['en', 'pt-BR'])" == repr(locales)


@pytest.mark.parametrize("given", [[], "en", ["en", "../x"], [None]], ids=["none", "a-text", "a-path", "no-text"])
def test_a_wrong_list_is_a_mistake(given: Any) -> None:
    """It is found when the program starts."""
    with pytest.raises(ConfigurationError) as caught:
        Locales(given)

    assert "COS-TEMPLATE-007" == caught.value.code

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from costrel.app import App, AppSettings
from costrel.errors import MissingSecretKey, OutsideRequest, ProgrammerError
from costrel.layers import CSRF, csrf_field, csrf_token
from costrel.layers.csrf_secret import mask, unmask
from costrel.messages import Request, Response, StreamResponse
from costrel.sessions import flash
from costrel.templating import Templates, render_string, stream_render
from costrel.testing import TestClient

SITE = "https://shop.example"
KEY = "a key for the tests alone"
FIELD = re.compile(r'<input type="hidden" name="csrf_token" value="([\w-]{43})">')


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def make_app(layer: CSRF | None = None, **settings: Any) -> App:
    app = App("test", use=[layer or CSRF()], settings=AppSettings(**{"secret_key": KEY, **settings}))

    @app.get("/")
    async def index() -> str:
        return "no form"

    @app.get("/token")
    async def token() -> str:
        return csrf_token()

    @app.get("/cached/{control}")
    async def cached(control: str) -> Response:
        return Response(csrf_token(), headers={"Cache-Control": control, "Vary": "Accept"})

    @app.get("/begin/{when}")
    async def begin(request: Request, when: str) -> str:
        if when == "before":
            request.session["user"] = "ann"
        made = csrf_token()
        if when == "after":
            request.session["user"] = "ann"
        return made

    @app.get("/session/{user}")
    async def session(request: Request, user: str) -> str:
        request.session["user"] = user
        return user

    @app.get("/leave")
    async def leave(request: Request) -> str:
        request.session.clear()
        return "out"

    @app.post("/change")
    async def change(request: Request) -> str:
        return "changed"

    return app


def client_of(layer: CSRF | None = None, base_url: str = SITE, **settings: Any) -> TestClient:
    return make_app(layer, **settings).test_client(base_url=base_url)


def send(client: TestClient, token: str, cookie: str | None = None) -> str:
    """Return what becomes of a request with a token: ``changed``, or why it was refused."""
    planted = {} if cookie is None else {"__Host-csrf": cookie}
    answer = client.post("/change", headers={"x-csrf-token": token}, cookies=planted)
    return answer.text if answer.status_code == 200 else str(answer.json()["reason"])


def fields_of(answer: Any) -> tuple[str | None, str | None, bool]:
    return answer.headers.get("cache-control"), answer.headers.get("vary"), "set-cookie" in answer.headers


def test_only_who_asks_for_a_token_gets_a_cookie() -> None:
    """A page without one stays as it is, for every cache."""
    with client_of() as client:
        assert (None, None, False) == fields_of(client.get("/"))


@pytest.mark.security("G11")
@pytest.mark.parametrize(
    ("base_url", "settings", "name", "is_secure"),
    [
        pytest.param(SITE, {}, "__Host-csrf", True, id="https"),
        pytest.param("http://localhost", {}, "csrf", False, id="http"),
        pytest.param("http://10.0.0.1", {"session_cookie_secure": True}, "__Host-csrf", True, id="https-is-certain"),
    ],
)
def test_the_cookie_is_of_this_host_alone(base_url: str, settings: dict[str, Any], name: str, is_secure: bool) -> None:
    """Over https no neighbouring host can plant it, for it has the prefix `__Host-`."""
    with client_of(base_url=base_url, **settings) as client:
        cookie = client.get("/token").headers["set-cookie"]
    secure = "; Secure" if is_secure else ""

    assert cookie.startswith(f"{name}=")
    assert {"Path=/", "HttpOnly", "SameSite=Lax", "Max-Age=1209600", *([secure[2:]] if is_secure else [])} == set(
        cookie.split("; ")[1:]
    )


@pytest.mark.security("D9")
def test_a_page_with_a_token_is_private() -> None:
    """The first has the cookie and is kept by nobody; a later one may be kept by its browser."""
    with client_of() as client:
        found = [fields_of(client.get("/token")) for _ in range(2)]

    assert [("no-store", "Cookie", True), ("private", "Cookie", False)] == found


@pytest.mark.parametrize(
    ("said", "first", "later"),
    [
        ("public, max-age=60", "no-store", "private"),
        ("max-age=60", "no-store", "private"),
        ("private, max-age=60", "private, max-age=60", "private, max-age=60"),
        ("no-store", "no-store", "no-store"),
    ],
)
def test_nobody_shares_a_page_with_a_token(said: str, first: str, later: str) -> None:
    """A page that was to be public is not, once it has a token; what is stricter stays."""
    with client_of() as client:
        answers = [client.get(f"/cached/{said}") for _ in range(2)]

    assert [first, later] == [answer.headers["cache-control"] for answer in answers]
    assert ["Accept, Cookie"] * 2 == [answer.headers["vary"] for answer in answers]


@pytest.mark.security("G13")
def test_a_token_is_masked_for_each_response() -> None:
    """The secret stays, so that all windows of a browser go on, and never looks the same twice."""
    with client_of() as client:
        tokens = [client.get("/token").text for _ in range(3)]

        assert 3 == len(set(tokens))
        assert 1 == len({unmask(token) for token in tokens})
        assert ["changed"] * 3 == [send(client, token) for token in tokens]


def test_all_calls_of_one_request_return_the_same() -> None:
    """A page with five forms has one token."""
    app = make_app()

    @app.get("/twice")
    async def twice() -> str:
        return f"{csrf_token()} {csrf_field()} {csrf_token()}"

    with app.test_client(base_url=SITE) as client:
        text = client.get("/twice").text

    assert 1 == len(set(re.findall(r"[\w-]{43}", text)))


@pytest.mark.security("G9")
@pytest.mark.security("G11")
def test_the_token_of_somebody_else_is_refused() -> None:
    """Neither alone, nor with his cookie planted beside a session."""
    app = make_app()
    with app.test_client(base_url=SITE) as eve, app.test_client(base_url=SITE) as ann:
        token = eve.get("/token").text
        ann.get("/session/ann")
        alone = send(ann, token)
        planted = eve.cookies.get("__Host-csrf")
        before_rendering = send(ann, token, planted)
        own = ann.get("/token").text
        after_rendering = send(ann, token, planted)

        assert ["no-cookie", "other-session", "other-session"] == [alone, before_rendering, after_rendering]
        assert unmask(own) != unmask(token)
        assert "changed" == send(ann, own)


@pytest.mark.security("G9")
def test_a_token_of_another_session_is_refused() -> None:
    """Each session has its secret, also with the same browser; a form from before it began is too old."""
    with client_of() as client:
        before = client.get("/token").text
        client.get("/session/ann")
        without = send(client, before)
        in_first = client.get("/token").text
        good = send(client, in_first)
        client.get("/leave")
        client.get("/session/bea")
        in_second = client.get("/token").text

        assert ("other-session", "changed") == (without, good)
        assert ["wrong-token", "changed"] == [send(client, in_first), send(client, in_second)]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_session_that_begins_with_the_page_is_bound(when: str) -> None:
    """Whether the session or the token was there first, the form is of that session."""
    with client_of() as client:
        token = client.get(f"/begin/{when}").text

        assert "changed" == send(client, token)


def test_a_session_that_begins_behind_a_planted_secret_is_not_bound() -> None:
    """The secret of a cookie from before the session could be an attacker's."""
    with client_of() as client:
        planted = client.get("/token").text
        rendered = client.get("/begin/after").text
        refused = [send(client, token) for token in (planted, rendered)]
        fresh = client.get("/token").text

        assert ["other-session"] * 2 == refused
        assert "changed" == send(client, fresh)


def test_flashed_messages_do_not_disturb() -> None:
    """A session that is there for one page is one like any other."""
    app = make_app()

    @app.get("/flash")
    async def flashed() -> str:
        flash("hello")
        return csrf_token()

    with app.test_client(base_url=SITE) as client:
        assert "changed" == send(client, client.get("/flash").text)


@pytest.mark.security("G9")
def test_a_cookie_grows_old_and_is_renewed() -> None:
    """It lives as long as a session does; a page within that time begins its life anew."""
    clock = Clock()
    with client_of(CSRF(clock=clock), session_lifetime_seconds=1000) as client:
        first = client.get("/token").text
        found = []
        for seconds in (1000, 1):
            clock.now += seconds
            found.append(send(client, first))
        renewed = [client.get("/token")]
        for seconds in (99, 1):
            clock.now += seconds
            renewed.append(client.get("/token"))

        assert ["changed", "bad-cookie"] == found
        assert [True, False, True] == ["set-cookie" in answer.headers for answer in renewed]
        assert "changed" == send(client, renewed[0].text)


def test_keys_rotate() -> None:
    """A form that was signed with an older key is good; without that key it is not."""
    clock = Clock()
    with client_of(CSRF(clock=clock)) as client:
        token = client.get("/token").text
        cookie = client.cookies.get("__Host-csrf")
    found = []
    for keys in ((KEY,), ("a newer key of the tests", KEY), ("a newer key of the tests",)):
        with client_of(CSRF(clock=clock), secret_key=keys) as client:
            found.append(send(client, token, cookie))

    assert ["changed", "changed", "bad-cookie"] == found


@pytest.mark.security("D12")
def test_two_applications_with_one_key_have_tokens_of_their_own() -> None:
    """The name of the application is in the signature."""
    with client_of() as client:
        token = client.get("/token").text
        cookie = client.cookies.get("__Host-csrf")
    other = App("other", use=[CSRF()], settings=AppSettings(secret_key=KEY))

    @other.post("/change")
    async def change() -> str:
        return "changed"

    with other.test_client(base_url=SITE) as client:
        assert "bad-cookie" == send(client, token, cookie)


def test_an_application_without_sessions_has_tokens() -> None:
    """Nothing is asked of a session that cannot be."""
    app = App("test", use=[CSRF()], extensions=[], settings=AppSettings(secret_key=KEY))

    @app.get("/token")
    async def token() -> str:
        return csrf_token()

    @app.post("/change")
    async def change() -> str:
        return "changed"

    with app.test_client(base_url=SITE) as client:
        assert "changed" == send(client, client.get("/token").text)


def test_a_mounted_application_renders_the_token_of_the_outer_layer() -> None:
    """The layer's application signs, whichever application renders."""
    outer = make_app()
    inner = App("inner", settings=AppSettings(secret_key="another key of the tests"))

    @inner.get("/token")
    async def token() -> str:
        return csrf_token()

    outer.mount("/inner", inner)
    with outer.test_client(base_url=SITE) as client:
        assert "changed" == send(client, client.get("/inner/token").text)


FIELD_OF: dict[str, Callable[[], Any]] = {
    "global": lambda: render_string("<form>{{ csrf_field() }}</form>"),
    "token": lambda: render_string(
        '<form><input type="hidden" name="csrf_token" value="{{ csrf_token() }}"></form>',
    ),
}


@pytest.mark.parametrize(
    ("way", "page"),
    [
        pytest.param("global", "global", id="layer-and-global"),
        pytest.param("install", "global", id="extension"),
        pytest.param("install", "token", id="extension-token"),
    ],
)
def test_templates_have_the_field(way: str, page: str) -> None:
    """By its name, where it was installed as an extension or registered."""
    app = App("test", use=[] if way == "install" else [CSRF()], settings=AppSettings(secret_key=KEY))
    if way == "install":
        app.install(CSRF())
    elif way == "global":
        app.template_global("csrf_field")(csrf_field)

    @app.route("/", methods=["GET", "POST"])
    def index() -> str:
        return str(FIELD_OF[page]())

    with app.test_client(base_url=SITE) as client:
        text = client.get("/").text
        found = FIELD.search(text)
        assert found is not None
        statuses = [client.post("/", data=form).status_code for form in ({"csrf_token": found[1]}, {})]

    assert f"<form>{found[0]}</form>" == text
    assert [200, 403] == statuses


def test_a_layer_around_one_request_is_none_around_the_next() -> None:
    """Two requests of one connection share their context, and each has its own layers."""
    app = App("test", settings=AppSettings(secret_key=KEY))

    @app.get("/inside", use=[CSRF()])
    async def inside() -> str:
        return csrf_token()

    @app.get("/outside")
    async def outside() -> str:
        try:
            return csrf_token()
        except ProgrammerError as error:
            return str(error.code)

    with app.test_client(base_url=SITE) as client:
        assert [43, 14] == [len(client.get(path).text) for path in ("/inside", "/outside")]


def test_a_streamed_page_has_its_cookie(tmp_path: Any) -> None:
    """A template that is streamed asks for its token before the head is sent."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "form.html").write_text("<p>a</p><form>{{ csrf_field() }}</form>")
    app = App("test", settings=AppSettings(secret_key=KEY), extensions=[Templates(tmp_path / "templates")])
    app.install(CSRF())

    @app.get("/")
    def index() -> Any:
        return stream_render("form.html")

    with app.test_client(base_url=SITE) as client:
        answer = client.get("/")

    assert FIELD.search(answer.text)
    assert ("no-store", "Cookie", True) == fields_of(answer)


def test_markup_in_the_name_of_a_field_is_escaped() -> None:
    """Whatever it is called, it is one attribute."""
    app = App("test", use=[CSRF(field_name='a"><script>')], settings=AppSettings(secret_key=KEY))

    @app.get("/")
    async def index() -> str:
        return csrf_field()

    with app.test_client(base_url=SITE) as client:
        assert '<input type="hidden" name="a&quot;&gt;&lt;script&gt;" value="' in client.get("/").text


@pytest.mark.parametrize("function", [csrf_token, csrf_field])
def test_without_a_request_there_is_no_token(function: Callable[[], str]) -> None:
    """It belongs to one response."""
    with pytest.raises(OutsideRequest):
        function()


@pytest.mark.parametrize(
    ("layers", "settings", "code"),
    [
        pytest.param([], {"secret_key": KEY}, "COS-LAYERS-021", id="no-layer"),
        pytest.param([CSRF()], {}, "COS-APP-010", id="no-key"),
    ],
)
def test_what_a_token_needs_is_said(layers: list[CSRF], settings: dict[str, Any], code: str) -> None:
    """A layer around the handler, and a key."""
    app = App("test", use=layers, settings=AppSettings(**settings))

    @app.get("/")
    async def index() -> str:
        return csrf_field()

    with app.test_client(base_url=SITE) as client, pytest.raises((ProgrammerError, MissingSecretKey)) as caught:
        client.get("/")

    assert code == caught.value.code


def test_without_a_key_no_token_can_be_right() -> None:
    """Nothing was signed, so nothing is accepted, and what needs no token passes."""
    with client_of(secret_key=None) as client:
        assert "bad-cookie" == send(client, mask(bytes(16)), "A" * 22 + ".1." + "A" * 43)
        assert 200 == client.post("/change", headers={"sec-fetch-site": "same-origin"}).status_code


def test_a_token_that_comes_too_late_is_a_mistake() -> None:
    """In a stream the head has gone, and with it the place for the cookie; a token that was made before is there."""
    app = make_app()
    seen: list[str] = []

    def pieces() -> Iterator[str]:
        yield "begin"
        try:
            seen.append(csrf_token())
        except ProgrammerError as error:
            seen.append(str(error.code))

    @app.get("/late")
    def late() -> StreamResponse:
        return StreamResponse(pieces())

    @app.get("/early")
    def early() -> StreamResponse:
        seen.append(csrf_token())
        return StreamResponse(pieces())

    with app.test_client(base_url=SITE) as client:
        client.get("/late")
        client.get("/early")

    assert "COS-LAYERS-022" == seen[0]
    assert seen[1] == seen[2]

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from typing import Any

import pytest

from costrel.app import App, Blueprint
from costrel.errors import MissingSecretKey, ProgrammerError, SessionClosed
from costrel.messages import AppSettings, Extension, Request, Response, StreamResponse, WebSocket
from costrel.sessions import DecodedSession, FlaskCookie, SignedCookieSessions
from costrel.testing import FrozenClock, WebSocketRefused, make_request

KEY = "k" * 32


def app_with(extension=None, extensions=None, **settings) -> App:
    settings = {"secret_key": KEY, **settings}
    if extensions is None:
        extensions = (extension or SignedCookieSessions(),)
    return App(settings=AppSettings(**settings), extensions=extensions)


def set_cookies(response) -> list[str]:
    return response.headers.getlist("set-cookie")


def test_it_is_an_extension():
    """It has what the applications ask of extensions."""

    assert isinstance(SignedCookieSessions(), Extension)
    assert ("sessions", ()) == (SignedCookieSessions.name, SignedCookieSessions.requires)
    assert "SignedCookieSessions()" == repr(SignedCookieSessions())


def test_it_shows_how_the_cookie_is_kept():
    """The settings and the codec are there for whoever shares the cookie, once it is installed."""
    app = app_with(sessions := SignedCookieSessions(), session_cookie_salt="purpose")
    app.build()

    assert "purpose" == sessions.settings.session_cookie_salt
    assert FlaskCookie(salt="purpose") == sessions.codec
    with pytest.raises(ProgrammerError, match="before their extension had been installed"):
        _ = SignedCookieSessions().settings
    app_with(keyless := SignedCookieSessions(), secret_key=None).build()
    with pytest.raises(MissingSecretKey):
        _ = keyless.codec


def test_a_codec_decides_what_the_cookie_looks_like():
    """Any object with the three methods is one; applications with equal ones keep the same session."""

    class Plain:
        def encode(self, values, keys, now):
            return "-".join(values)

        def decode(self, text, keys, max_age_seconds, now):
            return None if text == "bad" else DecodedSession(dict.fromkeys(text.split("-"), 1), 0.0)

        def cookie_lifetime_seconds(self, values, lifetime_seconds):
            return len(values)

    app = app_with(SignedCookieSessions(codec=(plain := Plain())))

    @app.get("/{name}")
    async def visit(request: Request, name: str) -> list[str]:
        request.session[name] = 1
        return list(request.session)

    with app.test_client(cookies={"session": "a-b"}) as client:
        response = client.get("/c")
        assert ["a", "b", "c"] == response.json()
        assert response.headers["set-cookie"].startswith("session=a-b-c; Max-Age=3;")
        assert ["x"] == client.get("/x", cookies={"session": "bad"}).json()

    same, other = SignedCookieSessions(codec=plain), SignedCookieSessions()
    for sessions in (same, other):
        app_with(sessions).build()
    assert app.extensions["sessions"].keeps_same_session(same)
    assert not app.extensions["sessions"].keeps_same_session(other)


@pytest.mark.capability("C082")
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_session_lives_from_request_to_request(kind):
    """What one handler keeps, in whatever thread, the next finds."""
    app = app_with()
    if kind == "def":

        @app.get("/count")
        def count(request: Request) -> dict[str, int]:
            request.session["count"] = request.session.get("count", 0) + 1
            return {"count": request.session["count"]}
    else:

        @app.get("/count")
        async def count(request: Request) -> dict[str, int]:
            request.session["count"] = request.session.get("count", 0) + 1
            return {"count": request.session["count"]}

    with app.test_client() as client:
        counts = [client.get("/count").json()["count"] for _ in range(3)]

    assert [1, 2, 3] == counts


@pytest.mark.pain("P31")
def test_a_request_that_does_not_touch_its_session_is_not_changed_by_it():
    """No field is added, also when the client sent a cookie."""
    app = app_with()

    @app.get("/")
    async def index() -> str:
        return "x"

    with app.test_client(cookies={"session": "broken"}) as client:
        response = client.get("/")

    assert {"vary", "set-cookie", "cache-control"}.isdisjoint(response.headers)


@pytest.mark.pain("P18")
@pytest.mark.parametrize(("path", "status_code"), [("/missing", 404), ("/fails", 500), ("/refused", 403)])
def test_error_responses_carry_the_session(path, status_code):
    """An error handler may flash, and a hook that logged somebody out is not undone by the 500 that follows."""
    app = app_with()

    @app.before_request
    async def touch(request: Request) -> None:
        request.session["path"] = request.path

    @app.get("/fails")
    async def fails() -> None:
        raise ZeroDivisionError

    @app.get("/refused")
    async def refused() -> Response:
        return Response("no", 403)

    with app.test_client(raise_app_exceptions=False) as client:
        response = client.get(path)

    assert status_code == response.status_code
    assert 1 == len(set_cookies(response))
    assert "Cookie" in response.headers["vary"]


def test_a_layer_of_the_application_sees_the_session_before_and_after():
    """The layer of the sessions lies outside those of ``use=``."""

    async def visit(request: Request, call_next):
        request.session["visits"] = request.session.get("visits", 0) + 1
        response = await call_next(request)
        response.headers["X-Visits"] = str(request.session["visits"])
        return response

    app = App(settings=AppSettings(secret_key=KEY), extensions=(SignedCookieSessions(),), use=[visit])

    @app.get("/")
    async def index() -> str:
        return "x"

    with app.test_client() as client:
        visits = [client.get(path).headers["X-Visits"] for path in ("/", "/missing", "/")]

    assert ["1", "2", "3"] == visits


@pytest.mark.security("D14")
def test_without_a_key_the_first_touch_raises():
    """The application starts without a key, and serves what needs none."""
    app = app_with(secret_key=None)

    @app.get("/plain")
    async def plain() -> str:
        return "x"

    @app.get("/touch")
    async def touch(request: Request) -> str:
        return request.session.get("user", "")

    with app.test_client() as client:
        assert 200 == client.get("/plain").status_code
        with pytest.raises(MissingSecretKey, match="COSTREL_SECRET_KEY"):
            client.get("/touch")


def test_a_stream_cannot_touch_the_session():
    """Once the head was sent the session is closed, and the stream is cut off instead of losing what it wrote."""
    app = app_with()
    seen = []

    @app.get("/")
    async def stream(request: Request) -> StreamResponse:
        async def pieces():
            request.session["before"] = 1
            yield "a"
            try:
                request.session["after"] = 2
            except SessionClosed as error:
                seen.append(error.code)
            yield "b"

        return StreamResponse(pieces())

    with app.test_client() as client:
        response = client.get("/")

    assert "ab" == response.text
    assert ["COS-SESSION-001"] == seen
    assert 1 == len(set_cookies(response))


def test_the_handshake_of_a_websocket_sets_the_cookie_and_its_handler_reads_the_session():
    """What hooks changed goes with the handshake; in the open socket the session can be read, and not be changed."""
    app = app_with()
    seen = []

    @app.before_request
    async def greet(request: Request) -> None:
        request.session["user"] = request.session.get("user", 0) + 1

    @app.websocket("/chat")
    async def chat(socket: WebSocket) -> None:
        try:
            socket.request.session["more"] = 1
        except SessionClosed as error:
            seen.append(error.code)
        await socket.send(str(socket.request.session["user"]))

    users = []
    with app.test_client() as client:
        for _ in range(2):
            with client.websocket("/chat") as socket:
                users.append(socket.receive_text())

    assert ["1", "2"] == users
    assert ["COS-SESSION-001"] * 2 == seen


def test_the_handler_of_a_websocket_may_be_the_first_to_read_the_session():
    """Nobody has touched it before the handshake; it is opened for reading, and writing is refused."""
    app = app_with()

    @app.get("/login")
    async def log_in(request: Request) -> str:
        request.session["user"] = "ann"
        return "welcome"

    @app.websocket("/chat")
    async def chat(socket: WebSocket) -> None:
        await socket.send(socket.request.session["user"])
        try:
            socket.request.session["user"] = "bob"
        except SessionClosed:
            await socket.send("refused")

    with app.test_client() as client:
        client.get("/login")
        with client.websocket("/chat") as socket:
            assert ["ann", "refused"] == [socket.receive_text(), socket.receive_text()]


def test_a_refused_handshake_carries_the_session():
    """A refusal is a response like any other."""
    app = app_with()

    @app.before_request
    async def refuse(request: Request) -> Response:
        request.session["tries"] = request.session.get("tries", 0) + 1
        return Response(str(request.session["tries"]), 403)

    @app.websocket("/chat")
    async def chat(socket: WebSocket) -> None:
        await socket.send("never")

    answers = []
    with app.test_client() as client:
        for _ in range(2):
            with pytest.raises(WebSocketRefused) as caught, client.websocket("/chat"):
                pass
            answers.append(caught.value.response.text)

    assert ["1", "2"] == answers


def nested(path: str, inner_settings: dict[str, str]) -> App:
    """Make an application with one mounted in it; both write into the session."""
    inner = app_with(**inner_settings)

    @inner.get("/show")
    async def show(request: Request) -> dict[str, Any]:
        request.session["inner"] = 1
        return dict(request.session)

    async def around(request: Request, call_next):
        if request.path == "/outer/show":
            request.session["outer"] = request.session.get("outer", 0) + 1
        response = await call_next(request)
        if request.path == "/outer/show":
            request.session["after"] = 1
        return response

    outer = App(settings=AppSettings(secret_key=KEY), extensions=(SignedCookieSessions(),), use=[around])
    outer.mount(path, inner)
    return outer


def test_a_mounted_application_with_the_same_cookie_shares_the_session():
    """There is one session and one cookie; neither application undoes what the other wrote."""
    with nested("/outer", {}).test_client() as client:
        first = client.get("/outer/show")
        second = client.get("/outer/show")

    assert {"outer": 1, "inner": 1} == first.json()
    assert {"outer": 2, "inner": 1, "after": 1} == second.json()
    assert 1 == len(set_cookies(second))


def test_a_mounted_application_with_another_cookie_has_a_session_of_its_own():
    """Each application writes its own, and around the mount it is the outer one's again."""
    with nested("/outer", {"session_cookie_name": "inner"}).test_client() as client:
        first = client.get("/outer/show")
        second = client.get("/outer/show")

    assert {"inner": 1} == first.json() == second.json()
    assert ["inner", "session"] == sorted(value.partition("=")[0] for value in set_cookies(second))


def test_an_application_mounted_at_the_root_shares_the_session_too():
    """The path of the mount makes no difference."""
    inner = app_with()

    @inner.get("/show")
    async def show(request: Request) -> dict[str, Any]:
        request.session["inner"] = 1
        return dict(request.session)

    async def around(request: Request, call_next):
        request.session["outer"] = 1
        return await call_next(request)

    outer = App(settings=AppSettings(secret_key=KEY), extensions=(SignedCookieSessions(),), use=[around])
    outer.mount("/", inner)
    with outer.test_client() as client:
        response = client.get("/show")

    assert {"outer": 1, "inner": 1} == response.json()
    assert 1 == len(set_cookies(response))


def test_a_mounted_application_may_be_the_only_one_with_sessions():
    """The application around it needs none."""
    inner = app_with()

    @inner.get("/show")
    async def show(request: Request) -> dict[str, Any]:
        request.session["inner"] = 1
        return dict(request.session)

    outer = app_with(extensions=())
    outer.mount("/inner", inner)
    with outer.test_client() as client:
        assert {"inner": 1} == client.get("/inner/show").json()


def test_blueprints_share_the_session_of_their_application():
    """A blueprint is no application of its own."""
    app = app_with()
    blueprint = Blueprint("shop", prefix="/shop")

    @blueprint.get("/")
    async def shop(request: Request) -> str:
        request.session["seen"] = "shop"
        return "x"

    @app.get("/")
    async def index(request: Request) -> str:
        return request.session.get("seen", "nothing")

    app.register(blueprint)
    with app.test_client() as client:
        client.get("/shop/")

        assert "shop" == client.get("/").text


def test_a_request_and_its_session_are_freed_without_the_garbage_collector():
    """They hold each other, so one of them lets go at the end."""
    app = app_with()
    kept = []

    @app.get("/")
    async def index(request: Request) -> str:
        request.session["a"] = 1
        kept.append(weakref.ref(request))
        return "x"

    with app.test_client() as client:
        client.get("/")
        gc.collect()
        gc.disable()
        try:
            client.get("/")
            client.get("/")
        finally:
            gc.enable()

        assert kept[1]() is None


def test_the_session_of_a_made_request_can_be_opened_and_saved():
    """Tests and scripts read and write a session without sending a request."""
    extension = SignedCookieSessions(clock=FrozenClock())
    app = app_with(extension)
    app.build()
    response = Response()
    request = make_request(app, "GET", "/")
    session = extension.open_session(request)
    session["user"] = 7
    extension.save_session(request, session, response)
    cookie = response.headers["set-cookie"].partition(";")[0]
    again = extension.open_session(make_request(app, "GET", "/", headers={"Cookie": cookie}))

    assert {"user": 7} == again


def test_an_extension_that_is_not_installed_says_so():
    """Without the settings of an application there is no key."""
    with pytest.raises(ProgrammerError, match=r"app\.build\(\)"):
        SignedCookieSessions().open_session(make_request(App(extensions=()), "GET", "/"))


@pytest.mark.pain("P25")
@pytest.mark.parametrize(("key", "is_imported"), [("None", False), (repr(KEY), True)])
def test_signing_is_imported_by_the_build_of_an_application_that_has_a_key(key, is_imported):
    """Importing the framework, and building an application that cannot sign, does not import what signs."""
    code = (
        "import sys\n"
        "from costrel.app import App\n"
        "from costrel.messages import AppSettings\n"
        "import costrel.sessions\n"
        "before = 'costrel.sessions.signing' in sys.modules\n"
        f"app = App(settings=AppSettings(secret_key={key}), extensions=(costrel.sessions.SignedCookieSessions(),))\n"
        "app.build()\n"
        "print(before, 'costrel.sessions.signing' in sys.modules)\n"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert f"False {is_imported}\n" == printed

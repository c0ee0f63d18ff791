from __future__ import annotations

import asyncio
import gc
import weakref

import pytest
from stored_shop import KEY, LIFETIME_SECONDS, WatchedStore, cookie_of, sent, shop

from costrel.app import App
from costrel.errors import ConfigurationError, ProgrammerError, SessionClosed
from costrel.messages import AppSettings, Extension, Request, StreamResponse, WebSocket
from costrel.sessions import (
    FlaskCookie,
    SessionCookie,
    SignedCookieSessions,
    StoredSessions,
    flash,
    get_flashed_messages,
)
from costrel.stores import FileStore, MemoryStore
from costrel.testing import FrozenClock, make_request


def test_it_is_an_extension():
    """It needs nothing, and no key."""
    _, sessions = shop()

    assert isinstance(sessions, Extension)
    assert ("sessions", (), None) == (sessions.name, sessions.requires, sessions.purpose)
    assert repr(sessions).startswith("StoredSessions(<MemoryStore")


@pytest.mark.parametrize("options", [{"idle_seconds": 0}, {"idle_seconds": float("nan")}, {"max_bytes": 0}])
def test_bounds_are_above_nothing(options):
    """There is no value for "no limit"."""
    with pytest.raises(ValueError):
        StoredSessions(MemoryStore(), **options)


@pytest.mark.capability("C084")
def test_a_session_lives_from_request_to_request():
    """The cookie holds an identifier alone, and what is kept is read by `async def` and `def` handlers."""
    app, _ = shop()
    with app.test_client() as client:
        first = client.get("/set/x/1")
        client.get("/set/y/2")
        seen = client.get("/see").json()

    assert {"x": 1, "y": 2} == seen
    assert 43 == len(cookie_of(first))
    assert first.headers["set-cookie"].endswith("; Path=/; Secure; HttpOnly; SameSite=Lax")
    assert ("Cookie", "no-store") == (first.headers["vary"], first.headers["cache-control"])


@pytest.mark.pain("P31")
@pytest.mark.security("D13")
def test_a_request_that_does_not_touch_its_session_writes_nothing_and_says_nothing():
    """The store is asked once for a client with a cookie, and not for any other."""
    store = WatchedStore()
    app, _ = shop(store)
    with app.test_client() as client:
        session_id = cookie_of(client.get("/set/a/1"))
        store.asked.clear()
        response = client.get("/nothing")
        asked = [*store.asked]
        store.asked.clear()
        sent(client, "/nothing", None)

    assert (["get"], []) == (asked, store.asked)
    assert {"vary", "set-cookie", "cache-control"}.isdisjoint(response.headers)
    assert session_id is not None


@pytest.mark.security("D9")
def test_a_session_that_was_only_read_writes_nothing():
    """The answer is private and varies with the cookie."""
    store = WatchedStore()
    app, _ = shop(store)
    with app.test_client() as client:
        client.get("/set/a/1")
        store.asked.clear()
        response = client.get("/see")

    assert (["get"], None) == (store.asked, cookie_of(response))
    assert ("Cookie", "private") == (response.headers["vary"], response.headers["cache-control"])


@pytest.mark.security("D13")
@pytest.mark.parametrize(
    ("session_id", "is_asked"),
    [
        pytest.param("A" * 43, True, id="looks-like-one"),
        pytest.param("A" * 42 + "B", False, id="a-spare-bit-is-set"),
        pytest.param("A" * 42, False, id="too-short"),
        pytest.param("A" * 44, False, id="too-long"),
        pytest.param("../" + "A" * 40, False, id="a-path"),
        pytest.param("", False, id="empty"),
    ],
)
def test_made_up_identifiers_make_no_record(session_id, is_asked):
    """What does not look like one is not even asked for, and reading makes nothing."""
    store = WatchedStore()
    app, _ = shop(store)
    with app.test_client() as client:
        seen = sent(client, "/see", session_id) if session_id else client.get("/see", headers={"Cookie": "session="})

    assert {} == seen.json()
    assert (["get"] if is_asked else []) == store.asked
    assert 0 == len(store)
    # A cookie that looks like ours stays: it may be one that another answer has just set.
    assert is_asked == ("set-cookie" not in seen.headers)


@pytest.mark.capability("C086")
def test_a_change_inside_a_value_is_kept():
    """`session["a"]["b"] = 1` is saved, without a word."""
    app, _ = shop()
    with app.test_client() as client:
        for _ in range(3):
            client.get("/nest")
        assert {"a": {"b": 3}} == client.get("/see").json()


@pytest.mark.security("D6")
@pytest.mark.parametrize(("age_seconds", "is_there"), [(999, True), (1000, False)])
def test_a_session_ends_with_its_lifetime_however_much_it_is_used(age_seconds, is_there):
    """Its absolute end is the setting's."""
    clock = FrozenClock()
    app, _ = shop(clock=clock, idle_seconds=100_000)
    with app.test_client() as client:
        client.get("/set/a/1")
        clock.advance(500)
        client.get("/set/b/2")
        clock.advance(age_seconds - 500)
        assert is_there == bool(client.get("/see").json())


@pytest.mark.capability("C086")
@pytest.mark.security("D6")
@pytest.mark.parametrize(("pause_seconds", "is_there"), [(99, True), (100, False)])
def test_a_session_ends_when_it_is_not_used(pause_seconds, is_there):
    """Reading is use: each look moves the end on."""
    clock = FrozenClock()
    app, _ = shop(clock=clock, idle_seconds=100)
    with app.test_client() as client:
        client.get("/set/a/1")
        for _ in range(3):
            clock.advance(pause_seconds)
            seen = client.get("/see").json()

    assert is_there == bool(seen)


def test_use_is_noted_a_few_times_only():
    """A tenth of the idle time passes between two writes of it."""
    clock = FrozenClock()
    store = WatchedStore(clock=clock)
    app, _ = shop(store, clock=clock, idle_seconds=100)
    with app.test_client() as client:
        client.get("/set/a/1")
        store.asked.clear()
        for _ in range(20):
            clock.advance(1)
            client.get("/see")

    assert 2 == store.asked.count("compare_and_set")


def test_a_permanent_session_outlives_the_browser():
    """Its cookie ends with the session."""
    clock = FrozenClock()
    app, _ = shop(clock=clock)
    with app.test_client() as client:
        client.get("/set/a/1")
        clock.advance(300)
        response = client.get("/keep")

    assert f"; Max-Age={LIFETIME_SECONDS - 300};" in response.headers["set-cookie"]


@pytest.mark.parametrize("path", ["/see", "/set/a/2", "/logout", "/rotate"])
def test_a_store_that_is_away_is_503_for_whoever_has_a_session(path):
    """Nobody is logged out by it: no cookie is touched, and the session is there when the store is back."""
    store = WatchedStore()
    app, _ = shop(store)
    with app.test_client() as client:
        client.get("/set/a/1")
        store.is_away = True
        refused = client.get(path)
        untouched = client.get("/nothing")
        store.is_away = False
        seen = client.get("/see").json()

    assert (503, "1", [], 200) == (
        refused.status_code,
        refused.headers["retry-after"],
        refused.headers.getlist("set-cookie"),
        untouched.status_code,
    )
    assert {"a": 1} == seen


def test_a_store_that_is_away_says_of_nothing_that_it_was_kept():
    """A client without a session may look, and a change that cannot be kept is 503."""
    store = WatchedStore()
    store.is_away = True
    app, _ = shop(store)
    with app.test_client() as client:
        assert (200, 503) == (client.get("/see").status_code, client.get("/set/a/1").status_code)


def test_that_use_cannot_be_noted_changes_no_answer():
    """What was asked for was read; the store may go afterwards."""
    clock = FrozenClock()
    store = WatchedStore(clock=clock)
    app, _ = shop(store, clock=clock, idle_seconds=100)

    @app.get("/read-and-lose")
    async def read_and_lose(request: Request) -> dict[str, object]:
        store.is_away = True
        return dict(request.session)

    with app.test_client() as client:
        client.get("/set/a/1")
        clock.advance(50)
        assert {"a": 1} == client.get("/read-and-lose").json()


@pytest.mark.capability("C087")
def test_messages_are_flashed_through_a_store():
    """As through a cookie."""
    app, _ = shop()

    @app.get("/flash")
    async def say() -> str:
        flash("Hello", "info")
        return "x"

    @app.get("/messages")
    async def show() -> list[tuple[str, str]]:
        return get_flashed_messages(with_categories=True)

    with app.test_client() as client:
        client.get("/flash")
        assert [[["info", "Hello"]], []] == [client.get("/messages").json() for _ in range(2)]


def test_the_handler_of_a_websocket_reads_the_session():
    """It was loaded before the handshake; to change it is refused."""
    app, sessions = shop()

    @app.websocket("/chat")
    async def chat(socket: WebSocket) -> None:
        await socket.send(str(socket.request.session["a"]))
        for change in (sessions.of(socket.request).rotate, sessions.of(socket.request).clear):
            try:
                change()
            except SessionClosed:
                await socket.send("refused")

    with app.test_client() as client:
        client.get("/set/a/1")
        with client.websocket("/chat") as socket:
            assert ["1", "refused", "refused"] == [socket.receive_text() for _ in range(3)]


def test_a_session_is_closed_when_the_response_is_on_its_way():
    """What a stream would change could be told to nobody."""
    app, _ = shop()
    codes = []

    @app.get("/stream")
    async def stream(request: Request) -> StreamResponse:
        session = request.session
        session["a"] = 1

        async def pieces():
            yield b"x"
            try:
                session["b"] = 2
            except SessionClosed as error:
                codes.append(error.code)

        return StreamResponse(pieces())

    with app.test_client() as client:
        client.get("/stream")
        assert {"a": 1} == client.get("/see").json()
    assert ["COS-SESSION-001"] == codes


def test_a_second_kind_of_session_has_a_cookie_of_its_own():
    """Beside the main one, for the same client; the identifier of one is worth nothing as the other's."""
    store = MemoryStore()
    admin = StoredSessions(store, name="admin", cookie=SessionCookie(name="__Host-admin", same_site="Strict"))
    main = StoredSessions(store)
    app = App(settings=AppSettings(), extensions=(main, admin))

    @app.get("/set")
    async def set_both(request: Request) -> str:
        request.session["who"] = "main"
        admin.of(request)["who"] = "admin"
        assert admin.of(request) is admin.of(request)
        return "x"

    @app.get("/see")
    async def see(request: Request) -> list[object]:
        return [main.of(request).get("who"), admin.of(request).get("who")]

    with app.test_client() as client:
        cookies = client.get("/set").headers.getlist("set-cookie")
        both = client.get("/see").json()
        values = {cookie.partition("=")[0]: cookie.partition("=")[2].partition(";")[0] for cookie in cookies}
        client.cookies.clear()
        swapped = client.get(
            "/see", cookies={"session": values["__Host-admin"], "__Host-admin": values["session"]}
        ).json()

    assert (["__Host-admin", "session"], ["main", "admin"]) == (sorted(values), both)
    assert "SameSite=Strict" in next(cookie for cookie in cookies if cookie.startswith("__Host-"))
    assert [None, None] == swapped


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(StoredSessions(MemoryStore()), StoredSessions(MemoryStore(), name="b"), id="one-cookie"),
        pytest.param(SignedCookieSessions(), StoredSessions(MemoryStore(), name="b"), id="one-cookie-of-two-kinds"),
        pytest.param(
            SignedCookieSessions(codec=FlaskCookie(salt="x")),
            SignedCookieSessions(name="b", codec=FlaskCookie(salt="x"), cookie=SessionCookie(name="b")),
            id="one-signature",
        ),
    ],
)
def test_two_kinds_of_session_that_would_be_taken_for_each_other_are_a_mistake(first, second):
    """Found by the build."""
    app = App(settings=AppSettings(secret_key=KEY), extensions=(first, second))
    with pytest.raises(ConfigurationError) as caught:
        app.build()

    assert "COS-SESSION-007" in str(caught.value)


def test_a_mounted_application_with_the_same_store_shares_the_session():
    """The store is asked once; one with another store has a session of its own."""
    store = WatchedStore()
    outer, _ = shop(store)
    inner, _ = shop(store)
    other, _ = shop(MemoryStore(), cookie=SessionCookie(name="other"))
    outer.mount("/inner", inner)
    outer.mount("/other", other)
    with outer.test_client() as client:
        client.get("/set/a/1")
        store.asked.clear()
        seen = client.get("/inner/see").json()
        asked = [*store.asked]
        client.get("/inner/set/b/2")
        client.get("/other/set/c/3")
        rest = client.get("/see").json(), client.get("/other/see").json()

    assert ({"a": 1}, ["get"]) == (seen, asked)
    assert ({"a": 1, "b": 2}, {"c": 3}) == rest


def test_the_session_of_a_test_client_can_be_edited(tmp_path):
    """As that of a cookie, whatever the store is, inside and outside of a loop."""
    app, _ = shop(FileStore(tmp_path / "store"))
    with app.test_client() as client:
        with client.session_transaction() as session:
            session["a"] = 1
        with client.session_transaction() as session:
            session["b"] = session["a"] + 1
        assert {"a": 1, "b": 2} == client.get("/see").json()

    async def main() -> object:
        async with app.async_test_client() as client:
            async with client.session_transaction() as session:
                session["c"] = 3
            return (await client.get("/see")).json()

    assert {"c": 3} == asyncio.run(main())


def test_a_session_that_was_not_loaded_says_so():
    """A layer outside of ours has asked too soon."""
    seen = []

    class Early:
        name, requires = "early", ()

        def install(self, app):
            async def look(request, call_next):
                try:
                    request.session
                except ProgrammerError as error:
                    seen.append(error.code)
                return await call_next(request)

            app.add_layer(look)

    app, _ = shop(others=[Early()])
    with app.test_client() as client:
        client.get("/set/a/1")
        client.get("/see")

    assert "COS-SESSION-009" in seen


def test_an_extension_that_is_not_installed_says_so():
    """There are no settings yet."""
    with pytest.raises(ProgrammerError, match=r"app\.build\(\)"):
        StoredSessions(MemoryStore()).open_session(make_request(App(extensions=()), "GET", "/"))


@pytest.mark.security("D11")
@pytest.mark.parametrize(("debug", "status_code"), [(True, 500), (False, 200)])
def test_a_session_that_is_too_large_is_refused_aloud(debug, status_code, caplog):
    """An error in debug mode, a line of the log in production; the client keeps the session it has."""
    app, _ = shop(debug=debug, max_bytes=200)

    @app.get("/large")
    async def large(request: Request) -> str:
        request.session["text"] = "x" * 300
        return "x"

    with app.test_client(raise_app_exceptions=False) as client:
        client.get("/set/a/1")
        response = client.get("/large")
        seen = client.get("/see").json()

    assert (status_code, {"a": 1}) == (response.status_code, seen)
    assert debug or "session_too_large size_bytes=" in caplog.text


def test_requests_leave_nothing_behind():
    """Neither session nor request wait for the garbage collector."""
    app, _ = shop()
    kept = []

    @app.get("/watch")
    async def watch(request: Request) -> str:
        request.session["a"] = request.session.get("a", 0) + 1
        kept.append(weakref.ref(request))
        return "x"

    with app.test_client() as client:
        client.get("/watch")
        gc.disable()
        try:
            client.get("/watch")
            client.get("/nothing")
            assert [None] == [kept[-1]()]
        finally:
            gc.enable()

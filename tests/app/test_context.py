"""`request`, `session`, `g`, `current_app`: the current request's, in every thread and task, and nothing outside."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
from collections.abc import Callable
from contextvars import ContextVar
from typing import cast

import pytest

from costrel.app import App, Globals, current_app, g, has_request_context, request, session, websocket
from costrel.errors import OutsideRequest, RequestEnded
from costrel.messages import Dispatch, Request, Response
from costrel.testing import TestClient


@pytest.mark.capability("C036")
@pytest.mark.parametrize(
    ("name", "use"),
    [
        pytest.param("request", lambda: request.method, id="request"),
        pytest.param("session", lambda: session["x"], id="session"),
        pytest.param("g", lambda: g.x, id="g"),
        pytest.param("current_app", lambda: current_app.name, id="current_app"),
        pytest.param("websocket", lambda: websocket.subprotocol, id="websocket"),
    ],
)
def test_a_name_outside_a_request_says_so(name: str, use: Callable[[], object]) -> None:
    """The message names what was used and what to do instead."""
    with pytest.raises(OutsideRequest, match=f"`{name}` was used outside a request") as caught:
        use()

    assert "with app.test_request_context('/'): …" in str(caught.value)


@pytest.mark.capability("C036")
@pytest.mark.pain("P26")
def test_names_are_the_same_in_threads_tasks_and_work_after_the_response() -> None:
    """A task and a thread that a request starts see that request; so does the handler's own thread."""
    app = App("test", extensions=())
    seen: list[object] = []

    def in_thread() -> None:
        seen.append(("thread", request.path, g.user, current_app.name))

    async def in_task() -> None:
        seen.append(("task", request.path, g.user, current_app.name))

    @app.get("/async")
    async def with_task() -> str:
        g.user = "ann"
        await asyncio.gather(in_task(), asyncio.to_thread(in_thread))
        return "x"

    @app.get("/sync")
    def with_thread() -> str:
        g.user = "bob"
        in_thread()
        return "x"

    with TestClient(app) as client:
        client.get("/async")
        client.get("/sync")

    assert {
        ("task", "/async", "ann", "test"),
        ("thread", "/async", "ann", "test"),
        ("thread", "/sync", "bob", "test"),
    } == set(seen)


def test_a_task_that_outlives_its_request_gets_no_old_data() -> None:
    """What is read after the end would belong to nobody."""
    app = App("test", extensions=())
    raised: list[BaseException] = []

    async def main() -> None:
        ended = asyncio.Event()
        tasks: list[asyncio.Task[None]] = []

        async def outlives() -> None:
            await ended.wait()
            try:
                _ = request.path
            except RequestEnded as error:
                raised.append(error)

        @app.get("/")
        async def index() -> str:
            tasks.append(asyncio.create_task(outlives()))
            return "x"

        async with app.async_test_client() as client:
            await client.get("/")
            ended.set()
            await tasks[0]

    asyncio.run(main())

    assert ["COS-CONTEXT-002"] == [error.code for error in raised if isinstance(error, RequestEnded)]


@pytest.mark.pain("P26")
def test_a_proxy_is_what_it_stands_for() -> None:
    """`isinstance`, attributes, items, length, truth and equality are the real thing's."""
    app = App("test")

    with app.test_request_context("/x?q=1"):
        assert isinstance(request, Request)
        assert isinstance(g, Globals)
        assert ("/x", "1") == (request.path, request.query["q"])
        g.items = [1]
        assert ["items"] == list(g)
        assert "items" in g
        del g.items
        assert "items" not in g
        assert "<request -> <Request GET /x>>" == repr(request)
        assert "query" in dir(request)
        assert current_app == app
        request.state.x = 1
        assert 1 == request.state.x


def test_a_session_is_used_like_a_dict() -> None:
    """The proxy passes items, length and truth on."""
    from costrel.app import AppSettings

    app = App("test", settings=AppSettings(secret_key="0123456789abcdef"))

    with app.test_request_context("/"):
        assert not session
        session["a"] = 1
        assert (["a"], 1, 1) == (list(session), session["a"], len(session))
        del session["a"]
        assert "a" not in session


@pytest.mark.parametrize(
    ("use", "message"),
    [
        pytest.param(lambda: {request: 1}, "cannot be a key or be in a set", id="hash"),
        pytest.param(lambda: pickle.dumps(request), "pass the values you need instead of pickling it", id="pickle"),
        pytest.param(lambda: copy.copy(request), "pass the values you need instead of pickling it", id="copy"),
    ],
)
def test_a_proxy_refuses_to_be_kept(use: Callable[[], object], message: str) -> None:
    """It stands for another object in each request."""
    with App("test", extensions=()).test_request_context("/"), pytest.raises(TypeError, match=message):
        use()


def test_tools_that_look_around_see_a_proxy_outside() -> None:
    """`repr`, `isinstance`, doctest and documentation tools must not fail on an import."""
    assert request is inspect.unwrap(cast("Callable[..., object]", request))
    assert "<request: no request is being handled>" == repr(request)
    assert not isinstance(request, Request)


def test_the_class_of_a_proxy_is_not_set() -> None:
    """It has no class of its own to change."""
    with pytest.raises(TypeError, match="has no class of its own"):
        object.__setattr__(request, "__class__", int)


def test_an_app_context_has_an_app_and_no_request() -> None:
    """Scripts and commands use `current_app` and `g`; there is no request and no session."""
    app = App("test")

    with app.app_context():
        g.count = 1
        assert ("test", 1, False) == (current_app.name, g.count, has_request_context())
        for use in (lambda: request.path, lambda: session["x"]):
            with pytest.raises(OutsideRequest):
                use()
    with app.test_request_context("/"):
        assert has_request_context()
    assert not has_request_context()


@pytest.mark.capability("C071")
def test_g_has_methods_and_explains_what_is_missing() -> None:
    """`get`, `pop` and `setdefault` are there, and a value cannot take their names."""
    values = Globals()

    with pytest.raises(AttributeError, match=r"`g\.user` has not been set during this request"):
        _ = values.user
    with pytest.raises(AttributeError, match=r"`g\.get` is a method; give the value another name"):
        values.get = 1

    assert (None, 2, 2, 2) == (values.get("a"), values.setdefault("a", 2), values.get("a"), values.pop("a"))
    assert ("<g >", []) == (repr(values), list(values))


@pytest.mark.capability("C071")
def test_g_is_of_the_applications_class() -> None:
    """`App(g=…)` makes each request's `g`, and a handler may ask for it by type."""

    class Mine(Globals):
        user: str

    app = App("test", extensions=(), g=Mine)

    @app.before_request
    async def load() -> None:
        g.user = "ann"

    @app.get("/")
    async def index(mine: Mine) -> str:
        return f"{mine.user} {isinstance(g, Mine)}"

    with TestClient(app) as client:
        assert "ann True" == client.get("/").text


def test_websocket_needs_a_conversation() -> None:
    """In a plain request there is no socket."""
    with App("test", extensions=()).test_request_context("/"), pytest.raises(OutsideRequest, match="`websocket`"):
        _ = websocket.subprotocol


class Session:
    """What a provider makes."""


value: ContextVar[str] = ContextVar("value", default="unset")


@pytest.mark.pain("P14")
@pytest.mark.parametrize("is_async", [True, False], ids=["async-handler", "sync-handler"])
def test_context_variables_go_through_threads_both_ways(is_async: bool) -> None:
    """What a sync hook or provider sets is seen by the handler, by later hooks and by the outer layers."""
    app = App("test", extensions=())
    seen: list[tuple[str, str]] = []

    def make_session() -> Session:
        seen.append(("provider", value.get()))
        value.set("provider")
        return Session()

    app.provide(Session, make_session)

    async def layer(request: Request, call_next: Dispatch) -> Response:
        value.set("layer")
        response = await call_next(request)
        seen.append(("layer", value.get()))
        return response

    app.layers.append(layer)

    @app.before_request
    def before() -> None:
        seen.append(("before", value.get()))
        value.set("before")

    @app.after_request
    async def after(response: Response) -> Response:
        seen.append(("after", value.get()))
        value.set("after")
        return response

    async def async_handler(session: Session) -> str:
        seen.append(("handler", value.get()))
        value.set("handler")
        return "x"

    def sync_handler(session: Session) -> str:
        seen.append(("handler", value.get()))
        value.set("handler")
        return "x"

    app.add_route("/", async_handler if is_async else sync_handler)

    with TestClient(app) as client:
        client.get("/")

    assert [
        ("before", "layer"),
        ("provider", "before"),
        ("handler", "provider"),
        ("after", "handler"),
        ("layer", "after"),
    ] == seen
    assert "unset" == value.get()

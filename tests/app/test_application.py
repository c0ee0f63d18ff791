"""`App`: from a request to a response, and what stands around it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Annotated

import pytest
from hypothesis import given, settings, strategies as st

from costrel.app import App, AppSettings, Globals
from costrel.errors import BuildError, NotFound, RequestAbandoned
from costrel.handling import Depends
from costrel.messages import Dispatch, HTMLResponse, Request, Response, State, StreamResponse
from costrel.testing import AsyncTestClient, TestClient


@pytest.mark.capability("C065")
def test_layers_are_an_onion() -> None:
    """The first listed is the outermost: in order in, in reverse order out."""
    log: list[str] = []

    def layer(name: str) -> Callable:
        async def around(request: Request, call_next: Dispatch) -> Response:
            log.append(f"+{name}")
            response = await call_next(request)
            log.append(f"-{name}")
            return response

        return around

    app = App("test", extensions=(), use=[layer("1"), layer("2")])
    app.add_route("/", lambda: "x", name="index", use=[layer("3")])

    with TestClient(app) as client:
        client.get("/")

    assert ["+1", "+2", "+3", "-3", "-2", "-1"] == log


@pytest.mark.capability("C066")
@pytest.mark.capability("C062")
@pytest.mark.pain("P5")
def test_the_phases_of_a_request_are_in_the_documented_order() -> None:
    """From the start to the work after the response; each has a name and its place."""
    log: list[str] = []
    app = App("test", extensions=(), rewrite=lambda request: log.append("rewrite"))

    class Session:
        """Ends before anything is sent."""

    class Connection:
        """Ends after the last byte."""

    def noting(name: str, type_: type) -> Callable:
        async def make():
            log.append(f"provider {name} enters")
            yield type_()
            log.append(f"provider {name} exits")

        return make

    app.provide(Session, noting("handler", Session))
    app.provide(Connection, noting("response", Connection), lifetime="response")
    for event in ("request_started", "request_matched", "response_ready", "request_finished"):
        app.on(event, lambda fields, event=event: log.append(event))

    async def layer(request: Request, call_next: Dispatch) -> Response:
        log.append("layer in")
        response = await call_next(request)
        log.append("layer out")
        return response

    @app.before_request
    async def before() -> None:
        log.append("before")

    @app.after_request
    async def after(response: Response) -> Response:
        log.append("after")
        return response

    @app.teardown_request
    async def teardown() -> None:
        log.append("teardown")

    async def handler(session=Depends(lambda: log.append("bind"))):
        from costrel.app import after_response

        after_response(log.append, "after_response")
        log.append("handler")
        return "x"

    async def with_providers(session, connection) -> str:
        return str(await handler())

    with_providers.__annotations__.update(session=Session, connection=Connection)
    app.add_route("/", with_providers, use=[layer])

    with TestClient(app) as client:
        client.get("/")

    assert [
        "request_started",
        "rewrite",
        "request_matched",
        "layer in",
        "before",
        "provider handler enters",
        "provider response enters",
        "handler",
        "provider handler exits",
        "after",
        "layer out",
        "response_ready",
        "provider response exits",
        "teardown",
    ] == [line for line in log if line not in ("request_finished", "after_response")]
    assert {"request_finished", "after_response"} < set(log)


@pytest.mark.capability("C068")
@pytest.mark.parametrize("kind", ["value", "error", "crash", "stream", "broken-stream", "left", "unmatched"])
def test_teardown_runs_whatever_happens(kind: str) -> None:
    """Once, with the exception if there was one; also when a stream breaks or the client leaves."""
    app = App("test", extensions=())
    log: list[str | None] = []

    @app.teardown_request
    async def teardown(error: BaseException | None) -> None:
        log.append(type(error).__name__ if error is not None else None)

    async def pieces():
        yield "a"
        if kind == "broken-stream":
            raise RuntimeError("broken")
        for _ in range(100):
            yield "b"

    @app.get("/")
    async def index() -> Response:
        if kind == "error":
            from costrel.app import abort

            abort(409)
        if kind == "crash":
            raise RuntimeError("crash")
        return StreamResponse(pieces()) if kind in ("stream", "broken-stream", "left") else Response("x")

    with TestClient(app, raise_app_exceptions=False) as client:
        if kind == "left":
            with client.stream("GET", "/") as response:
                next(response.iter_bytes())
        elif kind == "broken-stream":
            with pytest.raises(RuntimeError, match="broke off its response"):
                client.get("/")
        else:
            client.get("/nothing" if kind == "unmatched" else "/")

    assert 1 == len(log)


@pytest.mark.capability("C062")
@pytest.mark.parametrize("kind", ["value", "http-error", "crash", "cancelled"])
def test_a_provider_ends_whatever_happens(kind: str) -> None:
    """Its exit runs once and sees what went wrong."""
    app = App("test", extensions=())
    log: list[str] = []

    class Session:
        """What is made."""

    async def make():
        try:
            yield Session()
        except BaseException as error:
            log.append(type(error).__name__)
            raise
        finally:
            log.append("ended")

    app.provide(Session, make)

    async def index(session) -> str:
        raised = {"http-error": NotFound(), "crash": RuntimeError("x"), "cancelled": asyncio.CancelledError()}.get(kind)
        if raised is not None:
            raise raised
        return "x"

    index.__annotations__["session"] = Session
    app.add_route("/", index)

    with TestClient(app, raise_app_exceptions=False) as client, contextlib.suppress(asyncio.CancelledError):
        client.get("/")

    expected = {"value": [], "http-error": ["NotFound"], "crash": ["RuntimeError"], "cancelled": ["CancelledError"]}

    assert [*expected[kind], "ended"] == log


@pytest.mark.pain("P12")
@pytest.mark.parametrize("readers", ["read,body,json", "json,read,body", "body,body,body"])
def test_layers_and_handler_read_the_body_in_any_order(readers: str) -> None:
    """It is read once and kept; nobody hangs and nobody gets less."""
    seen: list[object] = []

    def layer(kind: str) -> Callable:
        async def around(request: Request, call_next: Dispatch) -> Response:
            await request.read()
            seen.append({"read": lambda: request.text, "body": lambda: request.body, "json": request.json}[kind]())
            response = await call_next(request)
            await request.read()
            seen.append(request.body)
            return response

        return around

    app = App("test", extensions=(), use=[layer(kind) for kind in readers.split(",")])

    @app.post("/")
    async def index(request: Request, body: dict[str, int]) -> object:
        return [body, request.json(), request.text]

    with TestClient(app, timeout_seconds=1) as client:
        answer = client.post("/", json={"a": 1}).json()

    forms = {"read": '{"a":1}', "body": b'{"a":1}', "json": {"a": 1}}

    assert [{"a": 1}, {"a": 1}, '{"a":1}'] == answer
    assert [*(forms[kind] for kind in readers.split(",")), *[b'{"a":1}'] * 3] == seen


@pytest.mark.capability("X08")
def test_a_rewritten_path_is_matched_and_the_original_stays() -> None:
    """`path` and `raw_path` are what came; `route_path` is what was matched."""

    def rewrite(request: Request) -> str | None:
        return "/new" + request.path.removeprefix("/old") if request.path.startswith("/old/") else None

    app = App("test", extensions=(), rewrite=rewrite)

    @app.get("/new/{id}")
    async def new(id: int, request: Request) -> list[object]:
        return [id, request.path, request.raw_path.decode(), request.route_path]

    with TestClient(app) as client:
        assert [3, "/old/3", "/old/3", "/new/3"] == client.get("/old/3").json()
        assert [3, "/new/3", "/new/3", "/new/3"] == client.get("/new/3").json()


def test_a_rewrite_that_fails_is_a_500() -> None:
    """`dispatch` never raises an `Exception`."""

    def rewrite(request: Request) -> str | None:
        raise RuntimeError("rewrite")

    with TestClient(App("test", extensions=(), rewrite=rewrite), raise_app_exceptions=False) as client:
        assert 500 == client.get("/").status_code


@pytest.mark.capability("C061")
def test_the_framework_provides_its_own_values_by_type() -> None:
    """The app, its settings, its state and `g` are parameters like any other."""

    class Shop(App):
        """An application with a class of its own."""

    app = Shop("test", extensions=(), state=MyState(count=3))
    seen: list[object] = []

    async def index(a, b, c, d, e):
        seen.extend([a, b, c, d.count, isinstance(e, Globals)])

    index.__annotations__.update(a=App, b=Shop, c=AppSettings, d=MyState, e=Globals)
    app.add_route("/", index, status_code=200)

    with TestClient(app) as client:
        client.get("/")

    assert [app, app, app.settings, 3, True] == seen
    assert 0 == app.endpoints[0].hops


class MyState(State):
    """Typed values."""

    count: int


@pytest.mark.capability("C061")
@pytest.mark.pain("P24")
def test_ten_trivial_providers_cost_no_thread() -> None:
    """They are inlined into the compiled call: no hop, no exit stack, no signature read while requests run."""
    app = App("test", extensions=())
    types = [type(f"Service{number}", (), {}) for number in range(10)]
    for service in types:
        app.provide(service, service)

    async def index(**services) -> str:
        return "x"

    import inspect

    index.__signature__ = inspect.Signature(
        [
            inspect.Parameter(service.__name__.lower(), inspect.Parameter.KEYWORD_ONLY, annotation=service)
            for service in types
        ]
    )
    app.add_route("/", index, status_code=200)

    endpoint = app.frozen.compiled[0]

    assert ("async", 0, 10) == (endpoint.mode, endpoint.hops, len(endpoint.info.providers))
    assert "ExitStack" not in endpoint.source
    with TestClient(app) as client:
        assert 200 == client.get("/").status_code


def test_an_application_is_named_after_its_module() -> None:
    """Unless it is told a name."""
    assert ("test_application" in App(extensions=()).name, "shop") == (True, App("shop").name)
    assert "<App 'shop'>" == repr(App("shop"))


@pytest.mark.capability("C156")
def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each field is a variable; one that cannot be read stops the start with its name."""
    monkeypatch.setenv("COSTREL_MAX_BODY_BYTES", "17")
    monkeypatch.setenv("COSTREL_DEBUG", "yes")

    app = App("test", extensions=())

    assert (17, True) == (app.settings.max_body_bytes, app.debug)
    monkeypatch.setenv("COSTREL_MAX_BODY_BYTES", "many")
    with pytest.raises(BuildError, match="`COSTREL_MAX_BODY_BYTES` cannot be read"):
        App("test", extensions=())


@pytest.mark.capability("C157")
def test_the_secret_key_is_never_shown() -> None:
    """`repr` has stars; several keys are accepted, the newest first."""
    app = App("test", settings=AppSettings(secret_key=("new key 0123456789", "old key 0123456789")))

    assert "key 01" not in repr(app.settings)
    assert ("new key 0123456789", "old key 0123456789") == app.settings.secret_keys


@pytest.mark.parametrize(
    ("name", "hint"),
    [("add_url_rule", "add_route"), ("add_middleware", "use="), ("include_router", "register"), ("no_such", "no_such")],
)
def test_names_of_other_frameworks_are_explained(name: str, hint: str) -> None:
    """A Flask or FastAPI name says what it is here."""
    with pytest.raises(AttributeError) as caught:
        getattr(App("test", extensions=()), name)

    assert hint in str(caught.value)


def test_commands_of_the_application() -> None:
    """`app.cli` is a group of click, made at its first use."""
    app = App("shop", extensions=())

    @app.cli.command()
    def seed() -> None: ...

    assert ("shop", ["seed"], True) == (app.cli.name, list(app.cli.commands), app.cli is app.cli)


def test_a_request_context_has_route_and_parameters() -> None:
    """No handler runs; everything about the request is there."""
    app = App("test", extensions=())
    app.add_route("/users/{id:int}", lambda id: "x", name="user")

    with app.test_request_context("/users/3?q=1", method="GET", headers={"x-a": "1"}) as request:
        assert ("user", {"id": 3}, "1", "1") == (
            request.route.name if request.route else None,
            request.path_params,
            request.query["q"],
            request.headers["x-a"],
        )
    assert request.ended


VALUES: dict[str, Callable[[], object]] = {
    "text": lambda: "text",
    "dict": lambda: {"a": 1},
    "none": lambda: None,
    "bytes": lambda: b"bytes",
    "tuple": lambda: ("text", 201),
    "list": lambda: [1, 2],
    "response": lambda: HTMLResponse("<p>"),
    "generator": lambda: (piece for piece in ("a", "b")),
    "nonsense": object,
    "bad-json": lambda: {"a": object()},
    "bad-tuple": lambda: ("text", "text"),
}
ERRORS: dict[str, Callable[[], BaseException] | None] = {
    "no": None,
    "exception": lambda: RuntimeError("x"),
    "group": lambda: ExceptionGroup("x", [KeyError("a"), ValueError("b")]),
    "key": lambda: KeyError("x"),
    "recursion": RecursionError,
    "memory": MemoryError,
    "stop": StopIteration,
    "stop-async": StopAsyncIteration,
    "cancelled": asyncio.CancelledError,
    "timeout": TimeoutError,
}


@pytest.mark.pain("P42")
@given(
    value=st.sampled_from(sorted(VALUES)),
    error=st.sampled_from(sorted(ERRORS)),
    place=st.sampled_from(["handler", "before", "after", "layer", "error-handler", "provider", "exit"]),
    is_async=st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_every_request_gets_exactly_one_response(value: str, error: str, place: str, is_async: bool) -> None:
    """Whatever a part returns or raises, one response comes within the timeout."""
    app = App("test", extensions=())
    make_error = ERRORS[error]
    sent: list[object] = []
    app.on("request_finished", lambda fields: sent.append(fields["status_code"]))

    def fail(here: str) -> None:
        if here == place and make_error is not None:
            raise make_error()

    class Service:
        """Made for each request."""

    def service():
        fail("provider")
        yield Service()
        fail("exit")

    async def layer(request: Request, call_next: Dispatch) -> Response:
        response = await call_next(request)
        fail("layer")
        return response

    def before() -> None:
        fail("before")

    def after(response: Response) -> Response:
        fail("after")
        return response

    async def async_handler(service: Annotated[object, Depends(service)]):
        fail("handler")
        if place == "error-handler":
            raise LookupError
        return VALUES[value]()

    def sync_handler(service: Annotated[object, Depends(service)]):
        fail("handler")
        if place == "error-handler":
            raise LookupError
        return VALUES[value]()

    @app.errorhandler(LookupError)
    def on_lookup(error: LookupError) -> str:
        fail("error-handler")
        return "handled"

    for handler in (async_handler, sync_handler):
        handler.__annotations__["service"] = Annotated[object, Depends(service)]
    app.add_route("/", async_handler if is_async else sync_handler, use=[layer], before=[before], after=[after])

    async def main() -> int | None:
        async with AsyncTestClient(app, raise_app_exceptions=False, timeout_seconds=5) as client:
            try:
                return (await client.get("/")).status_code
            except (asyncio.CancelledError, RequestAbandoned):
                return None
            except RuntimeError as broken:
                # An exit of a stream failed after its head was sent: it is cut off, never ended cleanly.
                if "broke off its response" in str(broken) and (place, value) == ("exit", "generator"):
                    return 200
                raise

    status_code = asyncio.run(main())

    assert status_code is None or 200 <= status_code <= 599
    assert len(sent) <= 1
    assert (status_code is None) <= (error == "cancelled")

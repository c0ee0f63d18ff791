"""Real ASGI middleware around an application of ours: what each is for, it does."""

from __future__ import annotations

import gzip
import importlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from costrel import App, Disconnect, FileResponse, NotFound, Request, StreamResponse, WebSocket
from costrel.app import AppSettings

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]
TRACE = "0af7651916cd43dd8448eb211c80319c"


def needed(module: str) -> Any:
    """Import a module; skip the test, or fail it, where its package is missing."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if "carry" in os.environ.get("COSTREL_TEST_REQUIRE", "").split(","):
            pytest.fail(f"`{error.name}` is required and not installed.")
        pytest.skip(f"`{error.name}` is not installed; it comes with `pip install --group carry`.")


def make_app() -> App:
    app = App("wrapped", settings=AppSettings(secret_key="a key that is long enough for tests"))

    @app.get("/")
    def index() -> str:
        return "hello " * 500

    @app.get("/small")
    async def small() -> str:
        return "small"

    @app.get("/stream")
    async def stream() -> StreamResponse:
        async def pieces() -> Any:
            for number in range(200):
                yield f"piece {number}\n"

        return StreamResponse(pieces(), media_type="text/plain")

    @app.get("/file")
    def file() -> FileResponse:
        return FileResponse(__file__, media_type="text/plain")

    @app.post("/length")
    async def length(request: Request) -> dict[str, Any]:
        return {"length": len(request.body), "type": request.content_type}

    @app.get("/seen")
    async def seen(request: Request) -> dict[str, Any]:
        return {
            "client": request.client,
            "url": str(request.url),
            "id": request.headers.get("x-request-id"),
            "is_secure": request.scheme == "https",
        }

    @app.get("/items/{id:int}")
    async def item(id: int) -> str:
        raise LookupError(f"no item {id}")

    @app.get("/missing")
    async def missing() -> str:
        raise NotFound("It is not here.")

    @app.get("/visits")
    async def visits(request: Request) -> dict[str, int]:
        session = cast("dict[str, Any]", request.state.asgi_scope)["session"]
        session["visits"] = session.get("visits", 0) + 1
        request.session["ours"] = "too"
        return dict(session)

    @app.websocket("/echo")
    async def echo(socket: WebSocket) -> None:
        async for message in socket:
            if message == "break":
                raise LookupError("broken by the client")
            await socket.send(f"{socket.url.scheme} {message!r}")

    return app


def test_gzip_compresses_content_streams_and_files() -> None:
    """Complete content gets its new length; streams and files are compressed on their way; little is left alone."""
    gzip_module = needed("starlette.middleware.gzip")
    app = make_app()
    app.wrap_asgi(gzip_module.GZipMiddleware, minimum_size=1000)
    with app.test_client() as client:
        whole = client.get("/", headers={"accept-encoding": "gzip"})
        streamed = client.get("/stream", headers={"accept-encoding": "gzip"})
        file = client.get("/file", headers={"accept-encoding": "gzip"})
        small = client.get("/small", headers={"accept-encoding": "gzip"})
        plain = client.get("/", headers={"accept-encoding": "identity"})
        head = client.head("/", headers={"accept-encoding": "gzip"})
        upgraded = client.get("/missing", headers={"accept-encoding": "gzip"})

    assert b"hello " * 500 == gzip.decompress(whole.content)
    assert str(len(whole.content)) == whole.headers["content-length"]
    assert ("gzip", "Accept-Encoding") == (whole.headers["content-encoding"], whole.headers["vary"])
    assert "".join(f"piece {n}\n" for n in range(200)) == gzip.decompress(streamed.content).decode()
    assert Path(__file__).read_bytes() == gzip.decompress(file.content)
    assert ("small", None) == (small.text, small.headers.get("content-encoding"))
    assert "hello " * 500 == plain.text
    assert (200, "3000", b"") == (head.status_code, head.headers["content-length"], head.content)
    assert 404 == upgraded.status_code


def test_cors_answers_preflights_and_marks_errors() -> None:
    """A preflight never reaches the application; a 404 and a 500 get their field too."""
    cors = needed("starlette.middleware.cors")
    app = make_app()
    app.wrap_asgi(cors.CORSMiddleware, allow_origins=["https://a.example"], allow_methods=["DELETE"])
    origin = {"origin": "https://a.example"}
    with app.test_client(raise_app_exceptions=False) as client:
        preflight = client.options("/items/1", headers={**origin, "access-control-request-method": "DELETE"})
        answers = [client.get(path, headers=origin) for path in ("/small", "/nowhere", "/items/1")]

    assert (200, "OK") == (preflight.status_code, preflight.text)
    assert [200, 404, 500] == [answer.status_code for answer in answers]
    assert 4 * ["https://a.example"] == [
        answer.headers["access-control-allow-origin"] for answer in (preflight, *answers)
    ]


def test_sessions_of_starlette_are_kept_beside_ours() -> None:
    """Handlers find the session in the scope, and two cookies leave."""
    sessions = needed("starlette.middleware.sessions")
    app = make_app()
    app.wrap_asgi(sessions.SessionMiddleware, secret_key="another key", session_cookie="theirs")
    with app.test_client() as client:
        first = client.get("/visits")
        second = client.get("/visits")

    assert [{"visits": 1}, {"visits": 2}] == [first.json(), second.json()]
    assert {"theirs", "session"} == {value.partition("=")[0] for value in first.headers.getlist("set-cookie")}


def test_middleware_derived_from_base_http_middleware_works() -> None:
    """It reads the body that the handler reads too, changes the response, and answers by itself."""
    base = needed("starlette.middleware.base")
    responses = needed("starlette.responses")

    async def dispatch(self: Any, request: Any, call_next: Any) -> Any:
        if request.url.path == "/stopped":
            return responses.PlainTextResponse("stopped", status_code=403)
        size = len(await request.body())
        response = await call_next(request)
        response.headers["x-size"] = str(size)
        return response

    app = make_app()
    app.wrap_asgi(type("Watch", (base.BaseHTTPMiddleware,), {"dispatch": dispatch}))
    with app.test_client(raise_app_exceptions=False) as client:
        stopped = client.get("/stopped")
        posted = client.post("/length", content=b"x" * 100_000, headers={"content-type": "text/plain"})
        streamed = client.get("/stream")
        broken = client.get("/items/7")
        missing = client.get("/missing")

    assert (403, "stopped") == (stopped.status_code, stopped.text)
    assert ({"length": 100_000, "type": "text/plain"}, "100000") == (posted.json(), posted.headers["x-size"])
    assert "piece 199" == streamed.text.splitlines()[-1]
    assert [(500, "0"), (404, "0")] == [(item.status_code, item.headers["x-size"]) for item in (broken, missing)]


def test_correlation_ids_reach_handlers_clients_and_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """The id is in the header fields that handlers see, in the answer, and in the context of the log."""
    correlation = needed("asgi_correlation_id")
    app = make_app()
    app.wrap_asgi(correlation.CorrelationIdMiddleware, header_name="X-Request-ID")
    records: list[tuple[str, str | None]] = []
    filter_ = correlation.CorrelationIdFilter(name="", uuid_length=32)

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            filter_.filter(record)
            records.append((record.getMessage().split()[0], getattr(record, "correlation_id", None)))

    handler = Keep()
    logging.getLogger("costrel").addHandler(handler)
    try:
        with app.test_client(raise_app_exceptions=False) as client:
            given = client.get("/seen", headers={"x-request-id": TRACE})
            made = client.get("/seen")
            broken = client.get("/items/7", headers={"x-request-id": TRACE})
    finally:
        logging.getLogger("costrel").removeHandler(handler)

    assert (TRACE, TRACE) == (given.json()["id"], given.headers["x-request-id"])
    assert made.json()["id"] == made.headers["x-request-id"]
    assert 32 == len(made.headers["x-request-id"])
    assert (500, TRACE) == (broken.status_code, broken.headers["x-request-id"])
    assert [("request_failed", TRACE)] == records


@pytest.fixture(params=["with-its-log-integration", "without"])
def sentry_events(request: pytest.FixtureRequest) -> Iterator[list[Any]]:
    """Initialise Sentry with a transport that keeps what it would send."""
    sentry = needed("sentry_sdk")
    events: list[Any] = []

    def capture(_: Any, envelope: Any) -> None:
        events.extend(item.payload.json for item in envelope.items if item.payload.json is not None)

    sentry.init(
        dsn="https://key@sentry.invalid/1",
        transport=type("Kept", (sentry.transport.Transport,), {"capture_envelope": capture}),
        traces_sample_rate=1.0,
        default_integrations=False,
        auto_enabling_integrations=False,
        auto_session_tracking=False,
        integrations=[
            needed("sentry_sdk.integrations.dedupe").DedupeIntegration(),
            *([needed("sentry_sdk.integrations.logging").LoggingIntegration()] if request.param != "without" else []),
        ],
    )
    yield events
    sentry.init(default_integrations=False, auto_enabling_integrations=False)


def test_sentry_reports_an_exception_once_with_its_request(
    sentry_events: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A crash is one event with the handler's frame and the request; it is logged once; a 404 is no event."""
    middleware = needed("sentry_sdk.integrations.asgi").SentryAsgiMiddleware
    app = make_app()
    app.wrap_asgi(middleware, transaction_style="url")
    with app.test_client(raise_app_exceptions=False) as client:
        broken = client.get("/items/7?page=2", headers={"user-agent": "a test"})
        client.get("/missing")
        with client.websocket("/echo") as socket:
            socket.send_text("break")
            with pytest.raises(Disconnect) as caught:
                socket.receive()

    assert 1011 == caught.value.code

    errors = [event for event in sentry_events if "exception" in event]
    transactions = [event for event in sentry_events if event.get("type") == "transaction"]
    assert 500 == broken.status_code
    assert ["no item 7", "broken by the client"] == [error["exception"]["values"][-1]["value"] for error in errors]
    assert "item" == errors[0]["exception"]["values"][-1]["stacktrace"]["frames"][-1]["function"]
    assert ("GET", "page=2") == (errors[0]["request"]["method"], errors[0]["request"]["query_string"])
    assert [("/items/{id:int}", "500"), ("/missing", "404")] == [
        (event["transaction"], event["tags"]["http.status_code"]) for event in transactions[:2]
    ]
    assert 1 == sum(record.getMessage().startswith("request_failed") for record in caplog.records)


def test_opentelemetry_makes_a_span_with_what_the_handler_did_inside() -> None:
    """A span of a handler is the child of the request's, which has the status and belongs to the client's trace."""
    instrumentation = needed("opentelemetry.instrumentation.asgi")
    trace = needed("opentelemetry.sdk.trace")
    export = needed("opentelemetry.sdk.trace.export")
    memory = needed("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter = memory.InMemorySpanExporter()
    provider = trace.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    app = make_app()

    @app.post("/work")
    def work(request: Request) -> str:
        with tracer.start_as_current_span("inside"):
            return str(len(request.body))

    app.wrap_asgi(instrumentation.OpenTelemetryMiddleware, tracer_provider=provider)
    with app.test_client(raise_app_exceptions=False) as client:
        worked = client.post("/work", content=b"12345", headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
        client.get("/items/7")
        with client.websocket("/echo") as socket:
            socket.send_text("x")
            socket.receive()

    spans = exporter.get_finished_spans()
    inside = next(span for span in spans if span.name == "inside")
    servers = [span for span in spans if span.kind.name == "SERVER"]
    assert "5" == worked.text
    assert (TRACE, servers[0].context.span_id) == (f"{inside.context.trace_id:032x}", inside.parent.span_id)
    assert ["POST /work", "GET /items/7", "HTTP /echo"] == [span.name for span in servers]
    assert [(200, "UNSET"), (500, "ERROR")] == [
        (span.attributes["http.status_code"], span.status.status_code.name) for span in servers[:2]
    ]


def test_proxy_headers_change_client_and_scheme() -> None:
    """What a trusted proxy says is what handlers see, for requests and sockets."""
    proxies = needed("uvicorn.middleware.proxy_headers")
    app = make_app()
    app.wrap_asgi(proxies.ProxyHeadersMiddleware, trusted_hosts="127.0.0.1")
    fields = {"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https", "host": "shop.example"}
    with app.test_client() as client:
        seen = client.get("/seen", headers=fields).json()
        plain = client.get("/seen").json()
        with client.websocket("/echo", headers=fields) as socket:
            socket.send_text("x")
            echoed = socket.receive()

    assert (["192.0.2.7", 0], "https://shop.example/seen", True) == (seen["client"], seen["url"], seen["is_secure"])
    assert ("127.0.0.1", False) == (plain["client"][0], plain["is_secure"])
    assert "https 'x'" == echoed


def test_many_stand_around_each_other() -> None:
    """Each does its work although all of them wrap what goes both ways."""
    app = make_app()
    app.wrap_asgi(needed("starlette.middleware.gzip").GZipMiddleware, minimum_size=10)
    app.wrap_asgi(needed("asgi_correlation_id").CorrelationIdMiddleware)
    app.wrap_asgi(needed("opentelemetry.instrumentation.asgi").OpenTelemetryMiddleware)
    app.wrap_asgi(needed("starlette.middleware.base").BaseHTTPMiddleware, dispatch=_pass_through)
    app.wrap_asgi(needed("sentry_sdk.integrations.asgi").SentryAsgiMiddleware)
    with app.test_client() as client:
        streamed = client.get("/stream", headers={"accept-encoding": "gzip"})
        posted = client.post("/length", content=b"y" * 300_000, headers={"accept-encoding": "gzip"})

    assert "piece 199" == gzip.decompress(streamed.content).decode().splitlines()[-1]
    assert 32 == len(streamed.headers["x-request-id"])
    assert b'"length":300000' in gzip.decompress(posted.content)


async def _pass_through(request: Any, call_next: Any) -> Any:
    return await call_next(request)

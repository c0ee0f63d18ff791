"""The small functions of the front door: `abort`, `redirect`, `safe_next`, `after_response`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from costrel.app import App, abort, after_response, redirect, safe_next, url_for
from costrel.errors import HTTPError, MethodNotAllowed, NotFound, OutsideRequest
from costrel.messages import Request, Response
from costrel.testing import AsyncTestClient, TestClient


class Connection:
    """What a provider gives."""


@pytest.mark.capability("X26")
@pytest.mark.parametrize(
    ("status_code", "expected"),
    [
        pytest.param(404, NotFound, id="the-class-of-the-status"),
        pytest.param(418, HTTPError, id="a-status-without-class"),
        pytest.param(405, HTTPError, id="a-class-with-other-parameters"),
    ],
)
def test_abort_raises_the_class_of_its_status(status_code: int, expected: type[HTTPError]) -> None:
    """`except NotFound` catches ``abort(404)``; detail, header fields and extra members are kept."""
    with pytest.raises(HTTPError) as caught:
        abort(status_code, "No.", headers={"X-A": "1"}, order=7)

    error = caught.value

    assert (expected, status_code, "No.", {"X-A": "1"}, {"order": 7}) == (
        type(error),
        error.status_code,
        error.detail,
        error.headers,
        error.extra,
    )
    assert not isinstance(error, MethodNotAllowed)


def test_abort_sends_a_finished_response() -> None:
    """A `Response` given to `abort` goes out as it is, past every error handler."""
    app = App("test", extensions=())
    app.errorhandler(Exception)(lambda error: "handled")

    @app.get("/")
    def index() -> str:
        abort(Response("mine", 418))

    with TestClient(app) as client:
        response = client.get("/")

    assert (418, "mine") == (response.status_code, response.text)


@pytest.mark.parametrize("status_code", [200, 399, 600])
def test_abort_takes_errors_only(status_code: int) -> None:
    """A status that is no error is a mistake in the code."""
    with pytest.raises(ValueError, match="400 to 599"):
        abort(status_code)


def test_a_redirect_is_303_to_a_path() -> None:
    """303 turns a POST into a GET, which is what a form wants."""
    response = redirect("/orders?page=2")

    assert (303, "/orders?page=2") == (response.status_code, response.headers["location"])


@pytest.mark.parametrize("location", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x"])
def test_a_redirect_to_another_host_is_refused(location: str) -> None:
    """What came from a request must not lead away; `external=True` says that it is meant."""
    with pytest.raises(ValueError):
        redirect(location)


def test_an_external_redirect_is_meant() -> None:
    """Another host needs a word."""
    assert "https://other.example/" == redirect("https://other.example/", 302, external=True).headers["location"]


@pytest.mark.parametrize(
    ("query", "form", "expected"),
    [
        pytest.param("?next=/orders", None, "/orders", id="from-the-query"),
        pytest.param("", {"next": "/orders"}, "/orders", id="from-the-form"),
        pytest.param("", None, "/home", id="none"),
        pytest.param("?next=https://evil.example/", None, "/home", id="another-host"),
        pytest.param("?next=//evil.example/", None, "/home", id="another-host-without-scheme"),
        pytest.param("?next=", None, "/home", id="empty"),
    ],
)
def test_safe_next_leads_only_to_a_path_of_ours(query: str, form: dict[str, str] | None, expected: str) -> None:
    """A login page sends its users where they came from, and nowhere else."""
    app = App("test", extensions=())

    @app.post("/login")
    async def login(request: Request) -> str:
        return safe_next(request, "/home")

    with TestClient(app) as client:
        assert expected == client.post(f"/login{query}", data=form).text


def test_url_for_needs_a_request_or_an_app_context() -> None:
    """Outside there is no application to ask; an app context is enough."""
    app = App("test", extensions=())
    app.add_route("/x", lambda: "x", name="x")

    with pytest.raises(OutsideRequest):
        url_for("x")
    with app.app_context():
        assert "/x" == url_for("x")


@pytest.mark.pain("P8")
def test_work_after_the_response_does_not_hold_up_the_next_request() -> None:
    """The second request is answered while the work of the first still waits."""
    app = App("test", extensions=())
    log: list[str] = []

    async def main() -> None:
        may_end = asyncio.Event()

        async def work(name: str) -> None:
            log.append(f"{name} begins")
            await may_end.wait()
            log.append(f"{name} ends")

        @app.get("/first")
        async def first() -> str:
            after_response(work, "work")
            return "first"

        @app.get("/second")
        async def second() -> str:
            log.append("second")
            return "second"

        async with AsyncTestClient(app) as client:
            slow = asyncio.create_task(client.get("/first"))
            while not log:
                await asyncio.sleep(0)
            await client.get("/second")
            may_end.set()
            await slow

    asyncio.run(main())

    assert ["work begins", "second", "work ends"] == log


@pytest.mark.pain("P8")
def test_work_after_a_response_begins_in_order_when_the_request_has_ended() -> None:
    """Exits of the ``response`` lifetime and teardown hooks are over before the first piece of work begins."""
    app = App("test", extensions=())
    log: list[str] = []

    async def connect() -> AsyncIterator[Connection]:
        yield Connection()
        log.append("exit")

    app.provide(Connection, connect, lifetime="response")

    async def work(name: str) -> None:
        log.append(name)

    @app.teardown_request
    def teardown(error: BaseException | None) -> None:
        log.append("teardown")

    @app.get("/")
    async def index(connection: Connection) -> str:
        after_response(work, "first work")
        after_response(work, "second work")
        return "x"

    with TestClient(app) as client:
        client.get("/")

    assert ["exit", "teardown", "first work", "second work"] == log


@pytest.mark.pain("P8")
def test_a_client_that_leaves_does_not_stop_the_work() -> None:
    """What was registered before the client left is done all the same."""
    app = App("test", extensions=())
    log: list[str] = []

    @app.get("/")
    async def index() -> AsyncIterator[str]:
        after_response(log.append, "work")
        for _ in range(1000):
            yield "piece"

    with TestClient(app) as client, client.stream("GET", "/") as response:
        next(response.iter_bytes())

    assert ["work"] == log


@pytest.mark.pain("P8")
def test_shutdown_waits_for_work_after_a_response() -> None:
    """What a response left to be done is done before the application stops."""
    app = App("test", extensions=())
    log: list[str] = []
    app.on_stop(lambda: log.append("stop"))

    async def work() -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        log.append("work")

    @app.get("/")
    async def index() -> str:
        after_response(work)
        return "x"

    with TestClient(app) as client:
        client.get("/")

    assert ["work", "stop"] == log


def test_work_after_the_response_may_be_a_def_and_its_error_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A ``def`` runs in a thread; an error changes nothing for anybody and is logged with its origin."""
    app = App("test", extensions=())
    log: list[str] = []

    def fails(text: str) -> None:
        log.append(text)
        raise RuntimeError("lost mail")

    @app.get("/")
    def index() -> str:
        after_response(fails, text="mail")
        return "x"

    with TestClient(app) as client:
        assert 200 == client.get("/").status_code

    assert ["mail"] == log
    assert "lost mail" in caplog.text
    assert "test_shortcuts.py" in caplog.text


def test_after_response_needs_a_request() -> None:
    """In an app context nothing is ever answered."""
    app = App("test", extensions=())

    with app.app_context(), pytest.raises(OutsideRequest, match="`after_response` was used outside a request"):
        after_response(print)

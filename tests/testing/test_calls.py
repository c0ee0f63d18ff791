"""One request on its way: what is raised, waited for and shown."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from costrel.app import App, after_response
from costrel.errors import NotFound
from costrel.http import CacheControl
from costrel.messages import Request, Response, StreamResponse


def make_app() -> App:
    """Make an application without extensions."""
    return App("tested", extensions=())


@pytest.mark.pain("P15")
def test_what_nobody_handled_is_raised_in_the_test() -> None:
    """An exception of the application has its own traceback; teardown is over when it comes out."""
    app = make_app()
    log: list[str] = []
    app.teardown_request(lambda: log.append("teardown"))

    @app.get("/")
    def fail() -> str:
        raise LookupError("the bug")

    with app.test_client() as client:
        with pytest.raises(LookupError, match="the bug") as error:
            client.get("/")

        assert ["teardown"] == log
    names = [entry.name for entry in error.traceback]
    assert "fail" == names[-1]


def test_what_nobody_handled_can_be_looked_at_as_a_response() -> None:
    """With `raise_app_exceptions=False` the client gets what others get, and the exception beside it."""
    app = make_app()

    @app.get("/")
    async def fail() -> str:
        raise LookupError("the bug")

    with app.test_client(raise_app_exceptions=False) as client:
        response = client.get("/")

    assert (500, LookupError) == (response.status_code, type(response.exception))


def test_errors_that_are_answers_are_not_raised() -> None:
    """An `HTTPError`, and an exception with an error handler, are responses."""
    app = make_app()

    @app.errorhandler(LookupError)
    def handle(error: LookupError) -> Response:
        return Response(str(error), 409)

    @app.get("/handled")
    def handled() -> str:
        raise LookupError("known")

    @app.get("/missing")
    def missing() -> str:
        raise NotFound

    with app.test_client() as client:
        responses = [client.get("/handled"), client.get("/missing"), client.get("/nowhere")]

    assert [409, 404, 404] == [response.status_code for response in responses]
    assert [LookupError, NotFound, NotFound] == [type(response.exception) for response in responses]


def test_an_exit_of_the_handler_does_not_end_the_tests() -> None:
    """`SystemExit` of a handler comes out of the call, as an exception of that call."""
    app = make_app()

    @app.get("/")
    async def leave() -> str:
        raise SystemExit(3)

    with app.test_client() as client, pytest.raises(SystemExit) as error:
        client.get("/")

    assert 3 == error.value.code


@pytest.mark.pain("P15")
@pytest.mark.parametrize("kind", ["async", "def"])
def test_a_handler_that_hangs_is_named(kind: str) -> None:
    """The error of a timeout says where the application waits, and the test goes on."""
    app = make_app()
    release = threading.Event()

    @app.get("/async")
    async def wait() -> str:
        await asyncio.get_running_loop().create_future()
        return ""

    @app.get("/def")
    def block() -> str:
        release.wait(5)
        return ""

    @app.get("/")
    async def index() -> str:
        return "up"

    with app.test_client(timeout_seconds=0.1) as client:
        with pytest.raises(TimeoutError) as error:
            client.get(f"/{kind}")
        release.set()

        assert "up" == client.get("/", timeout_seconds=5).text
    handler = {"async": wait, "def": block}[kind]
    assert f"has not answered GET /{kind} within 0.1 seconds. It is waiting in {__file__}:" in str(error.value)
    assert handler.__name__ in str(error.value)


def test_work_after_the_response_is_over_when_the_call_returns() -> None:
    """A test sees what `after_response` has done."""
    app = make_app()
    log: list[str] = []

    async def later(text: str) -> None:
        await asyncio.sleep(0)
        log.append(text)

    @app.get("/")
    async def index() -> str:
        after_response(later, "mail")
        return ""

    with app.test_client() as client:
        client.get("/")

        assert ["mail"] == log


@pytest.mark.capability("C161")
def test_a_stream_is_read_while_it_is_made() -> None:
    """The application waits for the test to take its pieces, and its generator is closed when the test leaves."""
    app = make_app()
    log: list[object] = []

    @app.get("/")
    async def count() -> StreamResponse:
        async def numbers() -> AsyncIterator[str]:
            try:
                for number in range(100):
                    log.append(number)
                    yield f"{number}\n"
            finally:
                log.append("closed")

        return StreamResponse(numbers())

    with app.test_client() as client:
        with client.stream("GET", "/") as response:
            lines = response.iter_lines()
            first = [next(lines), next(lines)]
            made = len(log)

        assert "closed" == log[-1]
    assert (["0", "1"], 200) == (first, response.status_code)
    assert made <= 5


def test_a_stream_is_read_to_its_end() -> None:
    """A client that reads everything has not left."""
    app = make_app()
    left: list[bool] = []

    @app.get("/")
    def letters(request: Request) -> StreamResponse:
        request.on_end(lambda ended: left.append(ended.is_disconnected))

        def pieces() -> Iterator[str]:
            yield from "abc"

        return StreamResponse(pieces())

    with app.test_client() as client, client.stream("GET", "/") as response:
        text = response.read()

    assert (b"abc", [False]) == (text, left)


@pytest.mark.pain("P22")
@pytest.mark.parametrize("raises", [True, False])
def test_a_stream_that_breaks_off_is_an_error(raises: bool) -> None:
    """Half a response is never taken for a whole one."""
    app = make_app()

    @app.get("/")
    async def broken() -> StreamResponse:
        async def pieces() -> AsyncIterator[str]:
            yield "half"
            raise LookupError("the other half")

        return StreamResponse(pieces())

    expected = pytest.raises(LookupError if raises else RuntimeError, match="half|after 4 bytes")
    with app.test_client(raise_app_exceptions=raises) as client, expected:
        client.get("/")


def test_a_body_is_read_from_an_iterator() -> None:
    """The pieces are asked for while the application reads."""
    app = make_app()

    @app.post("/")
    async def show(request: Request) -> list[str]:
        return [request.text, request.headers.get("transfer-encoding", "")]

    with app.test_client() as client:
        assert ["abc", "chunked"] == client.post("/", content=iter([b"a", b"", b"bc"])).json()


def test_interim_responses_and_trailers_are_seen() -> None:
    """What comes before and after the response is there too."""
    app = make_app()

    @app.get("/")
    async def both(request: Request) -> StreamResponse:
        await request.send_informational(103, {"Link": "</a.css>; rel=preload"})

        async def pieces() -> AsyncIterator[str]:
            yield "a"

        response = StreamResponse(pieces())
        response.trailers = lambda: {"x-sum": "1"}
        return response

    with app.test_client() as client:
        response = client.get("/")

    assert "1" == response.trailers["x-sum"]
    assert [(103, "</a.css>; rel=preload")] == [(status, headers["link"]) for status, headers in response.informational]


def test_the_request_can_be_looked_at_afterwards() -> None:
    """`response.request` is what the handler saw; `sent` is what was sent."""
    app = make_app()

    @app.get("/{id}")
    async def show(request: Request, id: int) -> Response:
        request.state.seen = id
        response = Response("x")
        response.cache(CacheControl(no_store=True))
        return response

    with app.test_client(headers={"X-Client": "1"}) as client:
        response = client.get("/3")

    assert response.request is not None
    assert (3, True, "1") == (
        response.request.state.seen,
        response.request.ended,
        response.sent.headers["x-client"],
    )

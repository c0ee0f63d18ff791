"""Handlers and applications that fail, at every point where they can."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
Serve = Callable[..., Any]


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


CLOSE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.mark.security("R5")
@pytest.mark.security("R8")
@pytest.mark.parametrize(
    ("path", "logged"),
    [
        pytest.param("/fail/before", "ValueError: before", id="an-exception"),
        pytest.param("/fail/nothing", "See docs/errors/COS-HANDLER-205", id="a-value-that-is-no-answer"),
    ],
)
def test_a_handler_that_makes_no_answer(serve: Serve, load: Any, path: str, logged: str) -> None:
    """It is a 500 on a connection that goes on, logged once, and nobody else notices."""
    service = serve()

    async def main() -> Any:
        clients = load.Load(service.address, clients=4)
        async with clients.running() as ledger:
            answers = await asyncio.to_thread(service.talk, get(path) * 3 + CLOSE)
        return answers, ledger

    answers, ledger = asyncio.run(main())

    assert 3 == answers.count(b"HTTP/1.1 500 ")
    assert answers.endswith(b"hello")
    assert [] == ledger.losses()
    service.wait_for(lambda: service.output.count(logged) == 3, "three times the reason")


@pytest.mark.security("R6")
@pytest.mark.security("R7")
@pytest.mark.parametrize("path", ["/fail/after", "/fail/after?length=1000"], ids=["chunked", "length"])
def test_a_handler_that_fails_in_the_middle(serve: Serve, path: str) -> None:
    """The client sees that the answer broke off, and the error is logged once."""
    service = serve()
    host, port = service.address
    connection = http.client.HTTPConnection(host, port, timeout=10)
    connection.request("GET", path)
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        connection.getresponse().read()
    connection.close()

    assert not service.talk(get(path) + CLOSE).endswith((b"0\r\n\r\n", b"hello"))
    service.wait_for(lambda: service.output.count("ValueError: after") == 2, "the reason, twice")


@pytest.mark.security("R9")
@pytest.mark.parametrize(
    ("request_line", "status_code", "body"),
    [
        pytest.param("GET /length/3/10", 200, b"aaa", id="longer-than-it-said"),
        pytest.param("GET /status/204", 204, b"", id="content-with-204"),
        pytest.param("GET /status/304", 304, b"", id="content-with-304"),
        pytest.param("HEAD /", 200, b"", id="content-with-HEAD"),
        pytest.param("GET /both", 200, b"con", id="two-framings"),
    ],
)
def test_a_body_that_does_not_fit_its_head(serve: Serve, request_line: str, status_code: int, body: bytes) -> None:
    """What is sent is framed right, so that the next answer on the connection is understood."""
    service = serve()
    answer = service.talk(f"{request_line} HTTP/1.1\r\nHost: a\r\n\r\n".encode() + CLOSE)
    head, _, rest = answer.partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 %d " % status_code)
    assert not (b"transfer-encoding" in head.lower() and b"content-length" in head.lower())
    assert rest.startswith(body)
    following = rest[len(body) :]
    assert following == b"" or following.startswith(b"HTTP/1.1 200 ")


@pytest.mark.security("R9")
def test_a_body_that_is_too_short(serve: Serve) -> None:
    """The connection ends, so that nobody takes the next answer for the rest."""
    answer = serve().talk(get("/length/10/3") + CLOSE)

    assert answer.endswith(b"\r\n\r\naaa")
    assert 1 == answer.count(b"HTTP/1.1 ")


@pytest.mark.security("R10")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_application_that_cannot_start(serve: Serve, workers: str) -> None:
    """The command ends with 3 and the traceback, and does not try for ever."""
    service = serve("--workers", workers, environment={"FAILS_AT": "start"})

    assert 3 == service.wait()
    assert "RuntimeError: the database is away" in service.output


@pytest.mark.security("R10")
def test_an_application_that_cannot_stop(serve: Serve) -> None:
    """The failure is logged, and the process ends all the same."""
    service = serve(environment={"FAILS_AT": "stop"})

    assert 200 == service.get("/")[0]
    assert service.stop() in (0, 1, 3)
    assert "the database went away" in service.output

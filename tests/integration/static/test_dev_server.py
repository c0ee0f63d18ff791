"""Vite's dev server behind an application: what is handed on, what comes back, and what stays here."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from costrel.app import App
from costrel.messages import Request, Response
from costrel.static.dev_address import DevAddress
from costrel.static.dev_server import fetch

pytestmark = pytest.mark.integration

LARGE_BYTES = 300_000


@pytest.fixture
def client(http_server: Any, make_app: Any) -> Any:
    with make_app(http_server.port).test_client(raise_app_exceptions=False) as client:
        yield client


def test_a_request_is_handed_on_as_it_came(client: Any, http_server: Any) -> None:
    """Path and query are the browser's, to the letter, and the host is the dev server's own."""
    response = client.get("/vite/@fs/a%20b.js?v=1&import")
    method, target, fields = http_server.seen[0]

    assert (200, "import 'x'") == (response.status_code, response.text)
    assert ("text/javascript", '"1"') == (response.headers["content-type"], response.headers["etag"])
    assert ("GET", "/vite/@fs/a%20b.js?v=1&import") == (method, target)
    assert f"127.0.0.1:{http_server.port}" == fields["host"]


def test_cookies_and_credentials_stay_here(client: Any, http_server: Any) -> None:
    """The dev server runs what the packages of others bring; it is told how a file is wanted, and no more."""
    sent = {
        "Accept": "text/css",
        "Sec-Fetch-Dest": "style",
        "Origin": "http://localhost",
        "Cookie": "session=secret",
        "Authorization": "Bearer secret",
        "X-CSRF-Token": "secret",
    }
    response = client.get("/vite/a.css", headers=sent)
    fields = http_server.seen[0][2]

    assert {"accept", "sec-fetch-dest", "origin", "host", "accept-encoding"} == set(fields) - {"user-agent"}
    assert "identity" == fields["accept-encoding"]
    assert [] == [name for name in ("set-cookie", "keep-alive", "server", "date") if name in response.headers]


def test_a_head_and_a_condition_are_answered_without_content(client: Any) -> None:
    """A page that loads itself again gets 304 for what has not changed."""
    head, same = client.head("/vite/a.js"), client.get("/vite/a.js", headers={"If-None-Match": '"1"'})

    assert (200, b"", "text/javascript") == (head.status_code, head.content, head.headers["content-type"])
    assert (304, b"", '"1"') == (same.status_code, same.content, same.headers["etag"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [("large", b"x" * LARGE_BYTES), ("chunked", b"abcde")],
    ids=["more-than-one-piece", "of-unknown-length"],
)
def test_content_comes_whole(client: Any, name: str, expected: bytes) -> None:
    """It is passed on piece by piece, with its length when that is known."""
    response = client.get(f"/vite/{name}")

    assert (200, expected) == (response.status_code, response.content)


def test_an_answer_of_vite_is_the_answer(client: Any) -> None:
    """A file that is missing there is missing here."""

    assert 404 == client.get("/vite/none.js").status_code


def test_what_breaks_off_is_never_complete(client: Any) -> None:
    """Half a script must not run."""
    with pytest.raises(RuntimeError, match="broke off its response to GET /vite/short after 3 bytes"):
        client.get("/vite/short")


def test_methods_that_change_something_are_refused(client: Any, http_server: Any) -> None:
    """Nothing but files is asked of a dev server."""

    assert (405, []) == (client.post("/vite/a.js", data=b"x").status_code, http_server.seen)


def test_what_is_no_http_is_502(client: Any) -> None:
    """The dev server's fault is not the application's."""

    assert 502 == client.get("/vite/broken").status_code


def test_a_dev_server_that_does_not_run_is_502_with_what_to_do(make_app: Any, dead_port: int) -> None:
    """The most common mistake of the day says its cure."""
    with make_app(dead_port).test_client() as client:
        response = client.get("/vite/src/main.ts")

    assert 502 == response.status_code
    assert f"Vite does not answer at http://127.0.0.1:{dead_port}" in response.text
    assert "npx vite" in response.text


def test_a_dev_server_that_does_not_answer_is_504() -> None:
    """A thread is not held for ever."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = DevAddress("http", "127.0.0.1", silent.getsockname()[1])
        app = App(extensions=())

        @app.get("/vite/main.ts")
        def hand_on(request: Request) -> Response:
            return fetch(address, request, 0.05)

        with app.test_client() as client:
            response = client.get("/vite/main.ts")

    assert (504, True) == (response.status_code, "has not answered in 0.05 s" in response.text)


@pytest.mark.parametrize(
    ("peer", "fields"),
    [
        pytest.param(("192.168.1.7", 50000), {}, id="a-neighbour"),
        pytest.param(("127.0.0.1", 50000), {"Host": "evil.example"}, id="a-name-that-leads-here"),
        pytest.param(("127.0.0.1", 50000), {"X-Forwarded-For": "1.2.3.4"}, id="through-a-proxy"),
    ],
)
def test_the_sources_are_for_the_developer_alone(make_app: Any, http_server: Any, peer: Any, fields: Any) -> None:
    """For everybody else there is nothing, and the dev server is not asked."""
    with make_app(http_server.port).test_client(peer=peer) as client:
        response = client.get("/vite/src/main.ts", headers=fields)

    assert (404, []) == (response.status_code, http_server.seen)


def test_many_files_come_at_once(client: Any, http_server: Any, make_app: Any) -> None:
    """A page of a hundred modules does not wait for them one by one."""
    results: list[int] = []

    def load() -> None:
        with make_app(http_server.port).test_client() as each:
            results.extend(each.get(f"/vite/{number}.js").status_code for number in range(10))

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [200] * 40 == results

"""What proxies say about a client, believed only when the application trusts them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from costrel import App, Request, Response, redirect, url_for
from costrel.app import AppSettings

pytestmark = pytest.mark.integration
REQUEST = (
    b"GET / HTTP/1.1\r\nHost: inside\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n"
    b"X-Forwarded-Host: shop.example\r\n"
)


@pytest.mark.security("F4")
@pytest.mark.security("F5")
@pytest.mark.parametrize(
    ("trusted", "expected", "client"),
    [
        pytest.param(("127.0.0.1",), b"192.0.2.7 https shop.example", "192.0.2.7", id="trusted"),
        pytest.param(("10.0.0.0/8",), b"127.0.0.1 http inside", "127.0.0.1", id="another-proxy"),
        pytest.param((), b"127.0.0.1 http inside", "127.0.0.1", id="nobody"),
    ],
)
def test_forwarded_fields(run: Any, net: Any, trusted: tuple[str, ...], expected: bytes, client: str) -> None:
    """Only a trusted peer may say who the client is, for every request of its connection and for the log."""
    app = App(settings=AppSettings(trusted_proxies=trusted))
    logged: list[object] = []
    app.on("request_finished", lambda fields: logged.append(fields["client"]))

    @app.get("/")
    async def index(request: Request) -> str:
        assert request.client is not None
        return f"{request.client[0]} {request.scheme} {request.host}"

    async def main() -> None:
        async with net.running(app) as server:
            answers = await net.talk(server, (REQUEST + b"\r\n") * 2 + REQUEST + b"Connection: close\r\n\r\n")

            assert 3 == answers.count(b"\r\n\r\n" + expected)
            assert [client] * 3 == logged

    run(main)


@pytest.mark.security("F3")
def test_forwarded_host_is_no_host(run: Any, net: Any) -> None:
    """A request without a Host is refused, whatever stands in another field."""

    async def main() -> None:
        async with net.running(App(settings=AppSettings(trusted_proxies=("127.0.0.1",)))) as server:
            answer = await net.talk(server, b"GET / HTTP/1.1\r\nX-Forwarded-Host: shop.example\r\n\r\n")

            assert [400] == net.statuses(answer)

    run(main)


@pytest.mark.pain("P17")
@pytest.mark.parametrize(
    ("trusted", "hinted_count"),
    [
        pytest.param((), 1, id="nobody"),
        pytest.param(("10.0.0.0/8",), 1, id="another-proxy"),
        pytest.param(("127.0.0.1",), 0, id="trusted"),
        pytest.param(("1",), 0, id="one-hop"),
    ],
)
def test_a_proxy_that_nobody_trusts_is_named_once(
    run: Any, net: Any, trusted: tuple[str, ...], hinted_count: int, caplog: pytest.LogCaptureFixture
) -> None:
    """One line in the log for a whole process, however many connections come, says what is ignored and what to set."""
    caplog.set_level("WARNING", "costrel.server")
    app = App(settings=AppSettings(trusted_proxies=trusted))

    async def main() -> None:
        async with net.running(app) as server:
            await net.talk(server, b"GET / HTTP/1.1\r\nHost: inside\r\nConnection: close\r\n\r\n")

            assert [] == caplog.records

            for _ in range(3):
                await net.talk(server, (REQUEST + b"\r\n") * 2 + REQUEST + b"Connection: close\r\n\r\n")

            lines = [record.getMessage() for record in caplog.records]

            assert hinted_count == len(lines)
            assert all("client=127.0.0.1" in line and "COSTREL_TRUSTED_PROXIES" in line for line in lines)

    run(main)


@pytest.mark.security("F4")
def test_proxies_are_counted_where_they_have_no_address(run: Any, net: Any, tmp_path: Path) -> None:
    """On a Unix socket a peer has no address; with one proxy in front the last entry is the client."""
    app = App(settings=AppSettings(trusted_proxies=("1",)))
    path = str(tmp_path / "s")

    @app.get("/")
    async def index(request: Request) -> str:
        assert request.client is not None
        return f"{request.client[0]} {request.scheme} {request.host}"

    async def main() -> None:
        async with net.running(app, uds=path):
            reader, writer = await asyncio.open_unix_connection(path)
            forged = REQUEST.replace(b"192.0.2.7", b"198.51.100.1, 192.0.2.7")
            writer.write(forged + b"Connection: close\r\n\r\n")

            assert (await asyncio.wait_for(reader.read(), 5)).endswith(b"\r\n\r\n192.0.2.7 https shop.example")

            writer.close()

    run(main)


@pytest.mark.pain("P17")
def test_no_response_names_the_scheme_of_the_inside(run: Any, net: Any) -> None:
    """Behind a proxy that ends TLS, with nothing configured, a redirect does not lead out of https."""
    app = App()

    @app.get("/old")
    async def old() -> Response:
        return redirect("/new/")

    @app.get("/new/")
    async def new() -> str:
        return url_for("old")

    async def main() -> None:
        async with net.running(app) as server:
            for target in (b"/old", b"/new", b"/new/", b"/missing"):
                answer = await net.talk(
                    server, REQUEST.replace(b" / ", b" %b " % target) + b"Connection: close\r\n\r\n"
                )

                assert b"http://" not in answer

    run(main)

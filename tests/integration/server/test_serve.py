"""Tests of starting and stopping in a loop that exists."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from costrel import App
from costrel.server import START_FAILED, Server, ServerSettings, run as run_server, serve

pytestmark = pytest.mark.integration
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def make_app(life: list[str], *, fails_at: str = "") -> App:
    app = App()

    @app.lifespan
    async def lifespan() -> AsyncIterator[None]:
        if fails_at == "start":
            raise RuntimeError("cannot start")
        life.append("start")
        yield
        life.append("stop")
        if fails_at == "stop":
            raise RuntimeError("cannot stop")

    @app.get("/")
    async def index() -> str:
        return "Hello"

    return app


def test_serve_until_asked_to_stop(run: Any, net: Any) -> None:
    """`serve` calls back when it listens, serves, and returns the exit code that was asked for."""
    life: list[str] = []

    async def main() -> None:
        def started(server: Server) -> None:
            assert ["start"] == life

            async def talk() -> None:
                async with net.client(server) as client:
                    await client.send(GET)

                    assert b"Hello" == (await client.answer())[2]
                server.request_stop(4)

            talks.append(asyncio.ensure_future(talk()))

        talks: list[Any] = []

        assert 4 == await serve(make_app(life), ServerSettings(port=0), started=started)
        await talks[0]

    run(main)

    assert ["start", "stop"] == life


def test_given_sockets_are_used_and_closed(run: Any, net: Any) -> None:
    """Sockets that are handed over are served on instead of the settings' address, and are closed at the end."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    port = listening.getsockname()[1]

    async def main() -> None:
        server = Server(make_app([]), ServerSettings(port=1))
        await server.start([listening])

        assert (f"127.0.0.1:{port}",) == server.addresses
        async with net.client(server) as client:
            await client.send(GET)

            assert 200 == (await client.answer())[0]

        await server.stop()

    run(main)

    assert -1 == listening.fileno()


def test_application_that_cannot_start(run: Any) -> None:
    """When the application does not start, nothing listens and the error comes out."""
    listening = socket.create_server(("127.0.0.1", 0))

    async def main() -> None:
        with pytest.raises(RuntimeError, match="cannot start"):
            await Server(make_app([], fails_at="start"), ServerSettings()).start([listening])

    run(main)

    assert -1 == listening.fileno()


def test_application_that_cannot_stop(run: Any) -> None:
    """An application whose end fails is not hidden, and the server has stopped all the same."""
    life: list[str] = []

    async def main() -> None:
        server = Server(make_app(life, fails_at="stop"), ServerSettings(port=0))
        await server.start()
        address = server.addresses[0].rpartition(":")
        with contextlib.suppress(RuntimeError):
            await server.stop()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(address[0], int(address[2]))

    run(main)

    assert ["start", "stop"] == life


def test_stopping_twice_and_before_the_start(run: Any) -> None:
    """Stopping what never started, or has stopped, does nothing."""

    async def main() -> None:
        life: list[str] = []
        server = Server(make_app(life), ServerSettings(port=0))
        await server.stop()
        await server.start()
        await server.stop()
        await server.stop()

        assert ["start", "stop"] == life

    run(main)


def test_run_reports_a_failed_start(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """`run` turns a start that fails into its exit code, with the reason in the log."""
    monkeypatch.setenv("COSTREL_LOOP", "asyncio")

    assert START_FAILED == run_server(make_app([], fails_at="start"), ServerSettings(port=0))
    assert "cannot start" in caplog.text


@pytest.mark.parametrize(("setting", "name"), [("asyncio", "asyncio"), ("", "uvloop")])
def test_loop_of_the_process(monkeypatch: pytest.MonkeyPatch, setting: str, name: str) -> None:
    """The loop is uvloop's unless the environment asks for asyncio's."""
    pytest.importorskip("uvloop")
    monkeypatch.setenv("COSTREL_LOOP", setting)
    seen: list[str] = []
    app = App()

    @app.on_start
    async def look() -> None:
        seen.append(type(asyncio.get_running_loop()).__module__.partition(".")[0])
        raise SystemExit(5)

    with pytest.raises(SystemExit):
        run_server(app, ServerSettings(port=0))

    assert [name] == seen


def test_a_start_that_fails_late_stops_the_application() -> None:
    """When a socket cannot be listened on, the application that has started is stopped, and nothing is left open."""
    life: list[str] = []

    async def main() -> None:
        good, bad = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server = Server(make_app(life), ServerSettings())
        with pytest.raises(ValueError, match="Stream Socket"):
            await server.start([good, bad])

        assert [-1, -1] == [good.fileno(), bad.fileno()]

    asyncio.run(main())

    assert ["start", "stop"] == life

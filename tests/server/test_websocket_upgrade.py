"""Tests of the way from a request to a WebSocket on one connection."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from costrel.errors import Forbidden
from costrel.messages import Request, Response, SocketHandler, WebSocket, switching_response

FIELDS = (
    b"Host: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
HANDSHAKE = b"GET /chat?a=1 HTTP/1.1\r\n" + FIELDS + b"\r\n"


async def accept(request: Request) -> Response:
    socket = WebSocket(request)

    async def handle() -> None:
        async for message in socket:
            await socket.send(message)

    return switching_response(SocketHandler(socket, handle)).owned_by(request.exchange)


@pytest.mark.capability("C108")
def test_a_handshake_is_a_request_like_others(kit: Any) -> None:
    """The application sees a GET with `is_websocket`, and its response goes out with the handshake."""
    seen: list[object] = []

    async def handler(request: Request) -> Response:
        seen.append((request.method, request.path, request.query["a"], request.is_websocket))
        response = await accept(request)
        response.headers["x-layer"] = "1"
        seen.append(request.exchange.channel)
        return response

    async def main() -> None:
        async with kit.wire(handler) as wire:
            await wire.send(HANDSHAKE)

            assert [("GET", "/chat", "1", True), None] == seen
            assert [101] == wire.statuses
            assert b"x-layer: 1\r\n" in wire.text
            assert wire.text.endswith(b"\r\n\r\n")

    asyncio.run(main())


@pytest.mark.security("J2")
@pytest.mark.parametrize(
    ("head", "status_code"),
    [
        pytest.param(b"POST / HTTP/1.1\r\n" + FIELDS + b"\r\n", 400, id="post"),
        pytest.param(b"GET / HTTP/1.1\r\n" + FIELDS + b"Content-Length: 3\r\n\r\nabc", 400, id="a-body"),
        pytest.param(HANDSHAKE.replace(b"-Version: 13", b"-Version: 8"), 426, id="version-8"),
        pytest.param(HANDSHAKE.replace(b"Key: dGhl", b"Key: d"), 400, id="a-short-key"),
        pytest.param(HANDSHAKE.replace(b"Host: a\r\n", b""), 400, id="no-host"),
    ],
)
def test_what_is_no_handshake_never_reaches_the_application(kit: Any, head: bytes, status_code: int) -> None:
    """It is answered and the connection closed; what follows is not read."""

    async def main() -> None:
        async with kit.wire(accept) as wire:
            await wire.send(head)
            await wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

            assert [status_code] == wire.statuses
            assert [] == wire.application.requests
            assert wire.is_closed

    asyncio.run(main())


@pytest.mark.capability("C109")
def test_a_refusal_is_a_response_of_http(kit: Any) -> None:
    """Status, fields and body are the application's; the connection ends with it."""

    async def handler(request: Request) -> Response:
        return Response("not you", 403, {"x-why": "rules"})

    async def main() -> None:
        async with kit.wire(handler) as wire:
            await wire.send(HANDSHAKE)

            assert [403] == wire.statuses
            assert wire.text.endswith(b"\r\n\r\nnot you")
            assert b"x-why: rules\r\n" in wire.text
            assert b"connection: close\r\n" in wire.text
            assert wire.is_closed

    asyncio.run(main())


@pytest.mark.parametrize(
    ("make", "status_code"),
    [
        pytest.param(lambda request: Response(b"", 101), 500, id="101-without-a-socket"),
        pytest.param(lambda request: switching(request, 200), 500, id="a-socket-with-another-status"),
        pytest.param(lambda request: broken_field(request), 500, id="a-broken-field"),
    ],
)
def test_a_response_that_is_neither_is_500(kit: Any, make: Any, status_code: int) -> None:
    """What is no acceptance is never sent as one."""

    async def handler(request: Request) -> Response:
        response = make(request)
        assert isinstance(response, Response)
        return response

    async def main() -> None:
        async with kit.wire(handler) as wire:
            await wire.send(HANDSHAKE)

            assert [status_code] == wire.statuses
            assert wire.is_closed

    asyncio.run(main())


def switching(request: Request, status_code: int) -> Response:
    response = switching_response(SocketHandler(WebSocket(request), asyncio.Event().wait)).owned_by(request.exchange)
    response.status_code = status_code
    return response


def broken_field(request: Request) -> Response:
    response = switching(request, 101)
    response.headers["x-a"] = "1"
    response.headers.raw.append((b"x-b", b"1\r\nx-c: 2"))
    return response


@pytest.mark.security("A44")
def test_a_socket_on_http_is_500(kit: Any) -> None:
    """A plain request cannot be answered with a socket."""

    async def main() -> None:
        async with kit.wire(accept) as wire:
            await wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

            assert [500] == wire.statuses

    asyncio.run(main())


def test_a_handshake_may_follow_requests(kit: Any) -> None:
    """The connection of earlier requests becomes the socket."""

    async def handler(request: Request) -> Response:
        return await accept(request) if request.is_websocket else Response(b"plain")

    async def main() -> None:
        async with kit.wire(handler) as wire:
            await wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + HANDSHAKE)

            assert [200, 200, 101] == wire.statuses

            await wire.send(b"\x81\x81\0\0\0\0a")

            assert wire.text.endswith(b"\x81\x01a")

    asyncio.run(main())


def test_frames_wait_until_the_handshake_is_answered(kit: Any) -> None:
    """While the application decides nothing is read, so what comes early is read as frames or not at all."""
    decide = asyncio.Event()

    async def handler(request: Request) -> Response:
        await decide.wait()
        return await accept(request)

    async def main() -> None:
        async with kit.wire(handler) as wire:
            await wire.send(HANDSHAKE)

            assert wire.transport.is_paused

            decide.set()
            await wire.settle()

            assert not wire.transport.is_paused
            assert [101] == wire.statuses

    asyncio.run(main())


def test_handshakes_are_shed_like_requests(kit: Any) -> None:
    """Past the limit of requests in flight a handshake is 503."""

    async def main() -> None:
        async with kit.wire(accept, max_concurrent_requests=1) as wire:
            wire.core.active_count = 1
            await wire.send(HANDSHAKE)

            assert [503] == wire.statuses

            wire.core.active_count = 0

    asyncio.run(main())


def test_a_client_that_leaves_during_the_handshake_gets_no_socket(kit: Any) -> None:
    """The handler never runs, and the request is counted out."""
    decide = asyncio.Event()

    async def handler(request: Request) -> Response:
        await decide.wait()
        return await accept(request)

    async def main() -> None:
        async with kit.wire(handler) as wire:
            await wire.send(HANDSHAKE)
            wire.transport.close()
            await wire.settle()
            decide.set()
            await wire.settle()

            assert [] == wire.statuses
            assert (0, set()) == (wire.core.active_count, wire.core.orphans)

    asyncio.run(main())


def test_the_end_of_a_socket_is_an_event(kit: Any) -> None:
    """`request_finished` comes when the handler has ended, with status 101 and the bytes of what was sent."""

    async def main() -> None:
        application = kit.Application(accept, listens=True)
        async with kit.wire(application=application) as wire:
            await wire.send(HANDSHAKE)
            await wire.send(b"\x81\x81\0\0\0\0a")

            assert [] == [name for name, _ in application.events if name == "request_finished"]

            await wire.send(b"\x88\x80\0\0\0\0")
            finished = [fields for name, fields in application.events if name == "request_finished"]

            assert [(101, 3, "/chat")] == [(each["status_code"], each["bytes_sent"], each["path"]) for each in finished]
            assert finished[0]["duration_seconds"] > 0

    asyncio.run(main())


def test_a_refusal_by_exception_is_its_status(kit: Any) -> None:
    """An `HTTPError` out of the application refuses like a response."""

    async def handler(request: Request) -> Response:
        raise Forbidden

    async def main() -> None:
        async with kit.wire(handler) as wire:
            await wire.send(HANDSHAKE)

            assert [403] == wire.statuses

    asyncio.run(main())


@pytest.mark.pain("P25")
def test_the_library_is_imported_where_sockets_are(kit: Any) -> None:
    """A server imports it when its application has sockets, and not at all when it has none."""
    code = (
        "import asyncio, sys\n"
        "from costrel import App\n"
        "from costrel.server import Server, ServerSettings\n"
        "app = App('a', extensions=())\n"
        "if {has_socket}:\n"
        "    @app.websocket('/')\n"
        "    async def echo(socket): pass\n"
        "async def main():\n"
        "    server = Server(app, ServerSettings(port=0))\n"
        "    await server.start()\n"
        "    print('websockets' in sys.modules)\n"
        "    await server.stop()\n"
        "asyncio.run(main())\n"
    )
    for has_socket in (True, False):
        command = [sys.executable, "-c", code.format(has_socket=has_socket)]
        finished = subprocess.run(command, capture_output=True, text=True, check=True)

        assert str(has_socket) == finished.stdout.strip()

"""All transports by name: whatever an application is sent through, a test sends and listens in one way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from costrel import App
from costrel.testing import AsyncTestClient, TestClient
from transports.clients import Got, Sent, begin, noting_cuts, options_of, send_raw
from transports.ears import Ears
from transports.in_processes import under_granian, under_gunicorn
from transports.in_threads import under_hypercorn, under_native, under_uvicorn, under_waitress, under_wsgiref
from transports.served import make_app

BASE_URL = "http://testserver"
NATIVE = "native"
TEST_CLIENT = "test-client"
ASYNC_TEST_CLIENT = "async-test-client"

ASGI_TRANSPORTS = ("uvicorn", "hypercorn", "granian-asgi")
RSGI_TRANSPORTS = ("granian-rsgi",)
WSGI_TRANSPORTS = ("gunicorn", "waitress", "wsgiref")
SOCKET_SERVERS = (NATIVE, *ASGI_TRANSPORTS, *RSGI_TRANSPORTS)
TRANSPORTS = (*SOCKET_SERVERS, *WSGI_TRANSPORTS, TEST_CLIENT, ASYNC_TEST_CLIENT)

_IN_THREADS: Mapping[str, Callable[[App], AbstractContextManager[int]]] = {
    NATIVE: under_native,
    "uvicorn": under_uvicorn,
    "hypercorn": under_hypercorn,
    "waitress": under_waitress,
    "wsgiref": under_wsgiref,
}


@dataclass(frozen=True)
class Running:
    """An application that runs."""

    ears: Ears
    send: Callable[[Sent], Got]
    port: int = 0  # of a server
    client: TestClient | None = None  # of the test client alone


@contextlib.contextmanager
def running(transport: str, kind: str, folder: Path) -> Iterator[Running]:
    """Run one of the applications on a transport."""
    ears = Ears()
    with contextlib.closing(ears):
        if transport == TEST_CLIENT:
            with TestClient(make_app(kind, folder, ears.tell), base_url=BASE_URL, raise_app_exceptions=False) as client:
                yield Running(ears, lambda sent: _send(client, sent), client=client)
        elif transport == ASYNC_TEST_CLIENT:
            with _with_async_client(make_app(kind, folder, ears.tell)) as send:
                yield Running(ears, send)
        else:
            with _serve(transport, kind, folder, ears) as port:
                yield Running(ears, lambda sent: send_raw(port, sent), port)


def _serve(transport: str, kind: str, folder: Path, ears: Ears) -> AbstractContextManager[int]:
    server, _, interface = transport.partition("-")
    if server == "granian":
        return under_granian(interface, kind, folder, ears.address)
    if server == "gunicorn":
        return under_gunicorn(kind, folder, ears.address)
    return _IN_THREADS[transport](make_app(kind, folder, ears.tell))


def _send(client: TestClient, sent: Sent) -> Got:
    client.cookies.clear()
    got = Got()
    with noting_cuts(got), client.stream(sent.method, sent.target, **options_of(sent)) as response:
        begin(got, response)
        for piece in response.iter_bytes():
            got.body += piece
    return got


@contextlib.contextmanager
def _with_async_client(app: App) -> Iterator[Callable[[Sent], Got]]:
    with asyncio.Runner() as runner:
        client = AsyncTestClient(app, base_url=BASE_URL, raise_app_exceptions=False)
        runner.run(client.start())

        async def send(sent: Sent) -> Got:
            client.cookies.clear()
            got = Got()
            with noting_cuts(got):
                async with client.stream(sent.method, sent.target, **options_of(sent)) as response:
                    begin(got, response)
                    async for piece in response.aiter_bytes():
                        got.body += piece
            return got

        yield lambda sent: runner.run(send(sent))
        runner.run(client.aclose())

"""Counts of what went through a mount."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import given, strategies as st

from costrel.app import App, MountStats
from costrel.app.mount_stats import MountCounter
from costrel.errors import ServiceUnavailable
from costrel.testing import TestClient


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/raise":
        raise RuntimeError("broken")
    start_response(environ["PATH_INFO"].lstrip("/") or "200 OK", [])
    return [b"x"]


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()


def test_a_mount_counts_what_it_answers() -> None:
    """Requests, errors with what was raised among them, accepted sockets, and what is under way."""
    app, inner = App("outer", extensions=()), App("inner", extensions=())

    @inner.get("/")
    async def index() -> int:
        return app.mounts["inner"].stats().in_flight

    @inner.get("/busy")
    async def busy() -> None:
        raise ServiceUnavailable

    app.mount("/inner", inner)
    app.mount("/wsgi", wsgi)
    app.mount("/asgi", asgi)

    with TestClient(app, raise_app_exceptions=False) as client:
        assert 1 == client.get("/inner").json()
        for path in ("/inner/busy", "/inner/x", "/wsgi", "/wsgi/404 Gone", "/wsgi/503 Busy", "/wsgi/raise"):
            client.get(path)
        with client.websocket("/asgi/"):
            during = app.mounts["asgi"].stats()

    assert MountStats(requests=3, errors=1) == app.mounts["inner"].stats()
    assert MountStats(requests=4, errors=2) == app.mounts["wsgi"].stats()
    assert MountStats(requests=1, websockets=1, in_flight=1) == during
    assert MountStats(requests=1, websockets=1) == app.mounts["asgi"].stats()


@given(st.lists(st.tuples(st.integers(100, 599), st.booleans())))
def test_the_counts_are_those_of_a_list(answers: list[tuple[int, bool]]) -> None:
    """Every answer is counted once, whatever its status and whether it has ended."""
    counter = MountCounter()
    for status_code, has_ended in answers:
        counter.begun += 1
        counter.note_answer(status_code)
        if has_ended:
            counter.end(None)

    expected = MountStats(
        requests=len(answers),
        errors=sum(status_code >= 500 for status_code, _ in answers),
        websockets=sum(status_code == 101 for status_code, _ in answers),
        in_flight=sum(not has_ended for _, has_ended in answers),
    )

    assert expected == counter.read()


def test_threads_lose_no_count() -> None:
    """Event loops in several threads share one application."""
    counter = MountCounter()

    def count() -> None:
        for _ in range(2000):
            counter.begun += 1
            counter.note_answer(500)
            counter.end(None)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert MountStats(requests=8000, errors=8000) == counter.read()

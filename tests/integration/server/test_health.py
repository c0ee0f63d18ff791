"""Liveness, readiness and load shedding in whole processes, from the start to the end."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest

pytestmark = pytest.mark.integration
PATHS = {"liveness_path": "/healthz", "readiness_path": "/readyz"}


def status_of(served: Any, path: str) -> int:
    """Ask on a new connection."""
    with served.connect() as client:
        client.sendall(b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % path.encode())
        return int(client.recv(65536).split(b" ")[1])


@pytest.mark.capability("C147")
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_load_balancer_is_told_before_the_door_closes(process: Any, loop: str) -> None:
    """From SIGTERM on readiness is 503 for as long as the delay says, while everything else is still answered."""
    served = process(loop, **PATHS, shutdown_delay_seconds=2.0, access_log=True)

    assert [200, 200, 200] == [status_of(served, path) for path in ("/", "/healthz", "/readyz")]

    served.terminate()
    told = time.monotonic()
    while status_of(served, "/readyz") != 503:
        assert time.monotonic() - told < 1.5
    answers = [status_of(served, path) for path in ("/", "/healthz", "/readyz")]

    assert time.monotonic() - told < 1.9
    assert [200, 200, 503] == answers
    assert 0 == served.wait(10)
    assert time.monotonic() - told >= 1.9
    assert "path=/ " in served.log
    assert "/readyz" not in served.log
    assert "/healthz" not in served.log


@pytest.mark.capability("C147")
def test_a_process_that_cannot_keep_up_says_so_and_recovers(process: Any) -> None:
    """While handlers block the loop new requests get 503, liveness answers, and then all is well."""
    served = process(**PATHS, max_event_loop_delay_seconds=0.1)
    seen = set()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(served.connect()) for _ in range(8)]
        for client in clients:
            client.sendall(b"GET /blocks-the-loop/30 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        time.sleep(0.3)
        for _ in range(8):
            seen.add(status_of(served, "/"))
            seen.add((status_of(served, "/healthz"), "health"))
        for client in clients:
            seen.add(int(client.recv(65536).split(b" ")[1]))
    end = time.monotonic() + 3
    while status_of(served, "/") != 200:
        assert time.monotonic() < end
        time.sleep(0.05)

    assert {200, 503, (200, "health")} >= seen
    assert 503 in seen
    assert (503, "health") not in seen
    assert "load_shedding_began" in served.log


@pytest.mark.pain("P44")
def test_access_log_of_a_process_as_json(process: Any) -> None:
    """Each request is one object, with the template of its route, and the log is whole when the process has ended."""
    served = process(access_log=True, access_log_format="json")
    for path in ("/users/7?verbose=1", "/missing%0d%0aINFO", "/broken"):
        status_of(served, path)
    served.terminate()
    served.wait()
    lines = [line.partition(" costrel.access ")[2] for line in served.log.splitlines() if " costrel.access " in line]
    read = [json.loads(line) for line in lines]

    assert [
        ("GET", "/users/7", "/users/{id}", 200),
        ("GET", "/missing\r\nINFO", None, 404),
        ("GET", "/broken", "/broken", 500),
    ] == [(line["method"], line["path"], line["route"], line["status_code"]) for line in read]
    assert all(line["duration_seconds"] > 0 and line["bytes_sent"] > 0 and line["client"] for line in read)
    assert 3 == len({line["request_id"] for line in read})
    # The one that failed is in the log of errors under the same identifier.
    assert f"request_id={read[2]['request_id']}" in served.log

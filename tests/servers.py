"""The one place that gives a test a server.

It is the one that `COSTREL_TEST_REDIS_URL` names, else one on the standard port of loopback, else our own: a program
found on PATH, in a temporary folder, on a free port. Without any the test is skipped with one sentence, and fails
instead when `COSTREL_TEST_REQUIRE` names the server. Each run has a database of its own.

Tests load this file through the fixtures of their `conftest`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import pytest

REDIS_PORT = 6379
PATIENCE_SECONDS = 10.0
CLAIM_SECONDS = 900
CLAIM = b"costrel-test-run"


def missing(name: str, what: str) -> NoReturn:
    """Skip the test, or fail it where `COSTREL_TEST_REQUIRE` names what is missing."""
    if name in os.environ.get("COSTREL_TEST_REQUIRE", "").split(","):
        pytest.fail(f"{what} is required, and there is none.")
    pytest.skip(f"{what} is needed, and there is none.")


class OwnRedis:
    """A Redis server of our own, which a test may stop, suspend and start again on the same port."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if program is None:
            missing("redis", "A Redis server")
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it with nothing in it, and wait until it answers."""
        words = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            [self._program, *words, "--dir", str(self.folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not answers_ping("127.0.0.1", self.port):
            assert time.monotonic() < deadline, "the Redis server did not start"
            time.sleep(0.01)

    def stop(self) -> None:
        """Kill it, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE_SECONDS)
            self._process = None


@contextmanager
def own_redis() -> Iterator[OwnRedis]:
    """Start a Redis server of our own."""
    with tempfile.TemporaryDirectory(prefix="costrel-redis-") as folder:
        server = OwnRedis(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def redis_server() -> Iterator[str]:
    """Give the URL of an empty database of a Redis server, and empty it afterwards."""
    named = os.environ.get("COSTREL_TEST_REDIS_URL")
    if named:
        with _claimed(named) as url:
            yield url
    elif answers_ping("127.0.0.1", REDIS_PORT):
        with _claimed(f"redis://127.0.0.1:{REDIS_PORT}") as url:
            yield url
    else:
        with own_redis() as server:
            yield server.url


@contextmanager
def _claimed(server: str) -> Iterator[str]:
    """Take a database that is empty, so that neither a person's data nor another run's are touched."""
    redis = pytest.importorskip("redis", reason="The package `redis` is needed, and there is none.")
    base = urlsplit(server)._replace(path="").geturl()
    for number in range(15, 0, -1):
        url = urlsplit(base)._replace(path=f"/{number}").geturl()
        client = redis.Redis.from_url(url)
        try:
            if client.dbsize() == 0 and client.set(CLAIM, b"1", nx=True, ex=CLAIM_SECONDS):
                try:
                    yield url
                finally:
                    client.flushdb()
                return
        except redis.exceptions.ResponseError:
            # The server has fewer databases.
            continue
        finally:
            client.close()
    missing("redis", "A Redis server with an empty database between 1 and 15")


def answers_ping(host: str, port: int) -> bool:
    """Whether a Redis server that asks for no password listens there."""
    try:
        with socket.create_connection((host, port), timeout=0.5) as connection:
            connection.settimeout(0.5)
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port

"""A process with an application whose sessions are in a store; it answers a request a line.

Run as a program with the URL of the store, it reads ``path cookie`` and writes a JSON list of status, cookie and text.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from costrel import App, Request
from costrel.messages import AppSettings
from costrel.sessions import StoredSessions
from costrel.stores import open_store


def make_app(store: Any) -> Any:
    """Make an application that does with its session what the path says."""
    sessions = StoredSessions(store)
    app = App("shared", settings=AppSettings(), extensions=(sessions,))

    @app.get("/set/{key}")
    async def set_key(request: Request, key: str) -> str:
        request.session[key] = True
        return "set"

    @app.get("/slow/{key}")
    async def set_slowly(request: Request, key: str) -> str:
        request.session[key] = True
        await asyncio.sleep(0.05)
        return "set"

    @app.get("/see")
    async def see(request: Request) -> list[str]:
        return sorted(request.session)

    @app.get("/login")
    async def log_in(request: Request) -> str:
        sessions.of(request).bind_user("ann")
        request.session["user"] = "ann"
        return "in"

    @app.get("/revoke")
    async def revoke() -> int:
        return await sessions.revoke_user("ann")

    @app.get("/free")
    async def free() -> str:
        return "free"

    return app


def answer_of(response: Any) -> list[Any]:
    """Return status, the cookie that was set, and the text."""
    cookie = response.headers.get("set-cookie", "").partition("=")[2].partition(";")[0]
    return [response.status_code, cookie, response.text]


async def serve(url: str) -> None:
    """Answer what is read until there is no more."""
    store = open_store(url)
    async with make_app(store).async_test_client() as client:
        while line := await asyncio.to_thread(sys.stdin.readline):
            requests = json.loads(line)
            responses = []
            for path, cookie in requests:
                client.cookies.clear()
                responses.append(client.get(path, cookies={"session": cookie} if cookie else None))
            print(json.dumps([answer_of(response) for response in await asyncio.gather(*responses)]), flush=True)
    await store.aclose()


class Peer:
    """One such process."""

    def __init__(self, reading: IO[str], writing: IO[str]) -> None:
        self._reading = reading
        self._writing = writing

    def send(self, *requests: tuple[str, str]) -> None:
        """Send requests that are answered at once; `answers` are waited for afterwards."""
        self._writing.write(json.dumps(requests) + "\n")
        self._writing.flush()

    def answers(self) -> list[list[Any]]:
        """Wait for the answers."""
        answers: list[list[Any]] = json.loads(self._reading.readline())
        return answers

    def get(self, path: str, cookie: str = "") -> list[Any]:
        """Send one request and wait for its answer."""
        self.send((path, cookie))
        return self.answers()[0]


@contextmanager
def peers(url: str, count: int) -> Iterator[list[Peer]]:
    """Start processes with a store each, at one URL."""
    command = [sys.executable, str(Path(__file__)), url]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)
    ]
    try:
        yield [Peer(process.stdout, process.stdin) for process in processes if process.stdout and process.stdin]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))

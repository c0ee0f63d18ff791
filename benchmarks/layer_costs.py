"""What layers and sessions add to a request, each by itself: CPU microseconds over the same application without them.

Applications are called under ASGI in one process, without a server, in rounds that go through all of them; what is
printed is the median of each round's difference to the bare application. The ten layers that most sites have are asked
for what costs them least, as every request of such a site does.

    python benchmarks/layer_costs.py [--rounds 7] [--requests 4000]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Sequence
from typing import Any

import uvloop

from costrel import App, Request
from costrel.app import AppSettings
from costrel.layers import (
    CORS,
    CSRF,
    BodyLimit,
    Compress,
    ConditionalGet,
    HTTPSRedirect,
    Limit,
    Maintenance,
    RequestID,
    SecurityHeaders,
    Timeout,
    TrustedHosts,
)

KEY = "a key of thirty-two characters.."
HOST = (b"host", b"shop.example")
SAME_SITE = (b"sec-fetch-site", b"same-origin")

Fields = Sequence[tuple[bytes, bytes]]


def app_with(use: Sequence[Any] = ()) -> App:
    """Make the application with layers around it."""
    app = App("costs", settings=AppSettings(secret_key=KEY), use=list(use))

    @app.route("/", methods=["GET", "POST"])
    async def index() -> str:
        return "hello"

    @app.get("/login")
    async def login(request: Request) -> str:
        request.session["user_id"] = 42
        return "hello"

    @app.get("/read")
    async def read(request: Request) -> str:
        return "hello" if request.session["user_id"] == 42 else "nobody"

    @app.get("/write")
    async def write(request: Request) -> str:
        request.session["seen"] = request.session.get("seen", 0) + 1
        return "hello"

    return app


def common_layers() -> list[Any]:
    """Make the ten layers, each with nothing to do; the answer has no entity tag and gets none."""
    return [
        RequestID(),
        SecurityHeaders(),
        TrustedHosts("shop.example"),
        HTTPSRedirect(),
        Maintenance(lambda: False),
        CORS(["https://app.example"]),
        Compress(),
        Timeout(10),
        BodyLimit(1024),
        ConditionalGet(max_bytes=0),
    ]


class Asked:
    """One request, asked again and again of one application.

    Args:
        app: who answers.
        path: what is asked.
        method: how.
        fields: besides Host.
    """

    def __init__(self, app: App, path: str = "/", method: str = "GET", fields: Fields = ()) -> None:
        self._app = app
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [HOST, *fields, *([(b"content-length", b"0")] if method == "POST" else [])],
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 443),
        }
        self.sent: list[dict[str, Any]] = []

    async def _receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    async def cpu_us(self, count: int) -> float:
        """Ask `count` times and return CPU microseconds of one.

        Raises:
            SystemExit: the answer is another one than 200.
        """
        app: Any = self._app
        started = time.process_time()
        for _ in range(count):
            self.sent.clear()
            await app(dict(self._scope), self._receive, self._send)
        took = time.process_time() - started
        if self.sent[0]["status"] != 200:
            raise SystemExit(f"{self._scope['path']}: status {self.sent[0]['status']}")
        return took / count * 1e6


def session_cookie() -> tuple[bytes, bytes]:
    """Return the field with the cookie of a session."""
    with app_with().test_client(base_url="https://shop.example") as client:
        return b"cookie", client.get("/login").headers["set-cookie"].partition(";")[0].encode()


def questions() -> dict[str, tuple[Asked, Asked]]:
    """Return what is compared with what, by name."""
    bare, post = Asked(app_with()), Asked(app_with(), method="POST")
    cookie = session_cookie()
    with_cookie = Asked(app_with(), fields=[cookie])
    return {
        "ten layers with nothing to do": (Asked(app_with(common_layers())), bare),
        "session read": (Asked(app_with(), "/read", fields=[cookie]), with_cookie),
        "session written": (Asked(app_with(), "/write", fields=[cookie]), with_cookie),
        "session begun": (Asked(app_with(), "/login"), bare),
        "Limit in memory": (Asked(app_with([Limit("100000000/minute")])), bare),
        "CSRF, GET": (Asked(app_with([CSRF()])), bare),
        "CSRF, POST with Sec-Fetch-Site": (
            Asked(app_with([CSRF()]), method="POST", fields=[SAME_SITE]),
            Asked(app_with(), method="POST", fields=[SAME_SITE]),
        ),
        "a second bare application": (Asked(app_with(), method="POST"), post),
    }


async def measure(
    asked: dict[str, tuple[Asked, Asked]], round_count: int, request_count: int
) -> dict[str, list[float]]:
    """Return each round's difference in CPU microseconds by name."""
    found: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(-1, round_count):
        for name, (with_it, without) in asked.items():
            count = request_count if number >= 0 else 200
            base = await without.cpu_us(count)
            difference = await with_it.cpu_us(count) - base
            if number >= 0:
                found[name].append(difference)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=4000)
    options = parser.parse_args()
    asked = questions()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(measure(asked, options.rounds, options.requests))
    for name, rounds in found.items():
        print(f"{name:34}{statistics.median(rounds):7.1f} µs  ({min(rounds):.1f} to {max(rounds):.1f})")


if __name__ == "__main__":
    main()

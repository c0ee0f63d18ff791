"""What one message of a WebSocket costs: an echo of 64 bytes of text on 64 connections, ours beside its peers.

Ours is read with ``async for`` and answered with `send`, as users do it. Beside it stand a bare ASGI application under
uvicorn with ``--ws websockets-sansio``, the package ``ws`` of Node, and the sans-I/O core of `websockets` on a bare
protocol, which no server that is built on it can beat. The server is pinned to one core and the load, a client of our
own that reads and writes raw frames, to another. What counts is the server's user and system time divided by the
messages that came back; rounds of all contenders alternate, and the ratios are those of one round.

    python benchmarks/websocket_echo.py [--seconds 2] [--rounds 5] [--only costrel,uvicorn] [--json FILE]

``ws`` is installed into ``.bench/`` by npm; without it that line is missing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import uvloop
from harness.environments import BENCHMARKS, PROJECT
from harness.processor import cpu_seconds, load_core
from harness.serving import DidNotStart, Server, free_port, serving
from harness.spread import spread_of

from costrel import App, WebSocket

CONNECTIONS = 64
PAYLOAD = b"x" * 64
TARGETS = {"uvicorn": 1.0, "ws": 1.4}

app = App("echo", extensions=())


@app.websocket("/")
async def echo(socket: WebSocket) -> None:
    """Send back what comes."""
    async for message in socket:
        await socket.send(message)


Message = MutableMapping[str, Any]


async def bare_asgi(
    scope: Mapping[str, Any], receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Send back what comes, in bare ASGI."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


WS_VERSION = "8.18.3"
WS_ECHO = """
import { WebSocketServer } from "ws";
const server = new WebSocketServer({ port: Number(process.argv[2]), host: "127.0.0.1", perMessageDeflate: false });
server.on("connection", (socket) => socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary })));
"""


class BareCore(asyncio.Protocol):
    """The sans-I/O core of `websockets` with nothing around it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Make a protocol object."""
        from websockets.server import ServerProtocol

        self.transport = cast("asyncio.Transport", transport)
        self.protocol = ServerProtocol()

    def data_received(self, data: bytes) -> None:
        """Send back each message."""
        from websockets.frames import Frame
        from websockets.http11 import Request

        protocol = self.protocol
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Frame):
                protocol.send_text(event.data)
            elif isinstance(event, Request):
                protocol.send_response(protocol.accept(event))
        for piece in protocol.data_to_send():
            if piece:
                self.transport.write(piece)


async def serve_core(port: int) -> None:
    """Serve the bare core for ever."""
    server = await asyncio.get_running_loop().create_server(BareCore, "127.0.0.1", port)
    await server.serve_forever()


# The load.


class Client(asyncio.Protocol):
    """One connection: sends a message, waits for it to come back, and sends the next."""

    handshake = (
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    # The mask is all zeros: what it costs is the server's, who cannot know.
    frame = bytes((0x81, 0x80 | len(PAYLOAD))) + bytes(4) + PAYLOAD
    expected = bytes((0x81, len(PAYLOAD))) + PAYLOAD

    def __init__(self) -> None:
        self.count = 0
        self.received = b""
        self.is_open = self.is_over = False
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self.handshake)

    def data_received(self, data: bytes) -> None:
        """Check what came back, and go on."""
        received = self.received + data if self.received else data
        if self.is_open and received == self.expected:
            self.received = b""
            self.count += 1
            if not self.is_over:
                self.transport.write(self.frame)
            return
        self.received = received
        if not self.is_open and received.endswith(b"\r\n\r\n"):
            if not received.startswith(b"HTTP/1.1 101 "):
                raise SystemExit(f"no handshake: {received[:100]!r}")
            self.is_open, self.received = True, b""
            self.opened.set_result(None)
        elif self.is_open and not self.expected.startswith(received):
            raise SystemExit(f"another answer came: {received[:100]!r}")


async def load(port: int, seconds: float, pid: int) -> dict[str, float]:
    """Open the connections, warm up, and count what comes back in a time, and what it costs the server."""
    loop = asyncio.get_running_loop()
    clients = [(await loop.create_connection(Client, "127.0.0.1", port))[1] for _ in range(CONNECTIONS)]
    await asyncio.wait_for(asyncio.gather(*[client.opened for client in clients]), 10)
    for client in clients:
        client.transport.write(client.frame)
    await asyncio.sleep(0.3)
    before, cpu_before, begin = sum(client.count for client in clients), cpu_seconds(pid), time.perf_counter()
    await asyncio.sleep(seconds)
    count = sum(client.count for client in clients) - before
    cpu, elapsed = cpu_seconds(pid) - cpu_before, time.perf_counter() - begin
    for client in clients:
        client.is_over = True
        client.transport.close()
    if not count:
        raise SystemExit("no message came back")
    return {"cpu_us": cpu / count * 1e6, "messages_per_second": count / elapsed}


def measure(server: Server, seconds: float) -> dict[str, float]:
    """Run the load in a process of its own on its own core."""
    command = [sys.executable, __file__, "--load", str(server.port), "--pid", str(server.pid), "--seconds"]
    finished = subprocess.run(
        [*command, str(seconds)],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 30,
        preexec_fn=lambda: os.sched_setaffinity(0, {load_core()}),
    )
    if finished.returncode:
        raise SystemExit(finished.stderr.strip())
    result: dict[str, float] = json.loads(finished.stdout)
    return result


# The contenders.


def commands(wanted: set[str]) -> Iterator[tuple[str, int, list[str], Path]]:
    """Yield name, port, command and folder of each contender that can be started."""
    port = free_port()
    serve = [sys.executable, "-m", "costrel", "run", "websocket_echo.py:app", "--port", str(port), "--no-access-log"]
    yield "costrel", port, serve, BENCHMARKS
    port = free_port()
    options = ["--port", str(port), "--ws", "websockets-sansio", "--loop", "uvloop", "--log-level", "warning"]
    yield "uvicorn", port, [sys.executable, "-m", "uvicorn", "websocket_echo:bare_asgi", *options], BENCHMARKS
    port = free_port()
    yield "core", port, [sys.executable, __file__, "--serve-core", str(port)], BENCHMARKS
    folder = PROJECT / ".bench" / "ws"
    if (not wanted or "ws" in wanted) and install_ws(folder):
        port = free_port()
        yield "ws", port, ["node", "echo.mjs", str(port)], folder


def install_ws(folder: Path) -> bool:
    """Install ``ws`` into a folder, unless it is there; whether it is."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    (folder / "echo.mjs").write_text(WS_ECHO)
    if not (folder / "node_modules" / "ws").exists():
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", f"ws@{WS_VERSION}"]
        return subprocess.run(command, cwd=folder, check=False).returncode == 0
    return True


def show(results: Mapping[str, list[dict[str, float]]]) -> bool:
    """Print the table; whether a target was missed."""
    print(f"Python {platform.python_version()}, {CONNECTIONS} connections, {len(PAYLOAD)} bytes of text")
    print(f"{'':10}{'µs CPU':>10}{'spread':>16}{'messages/s':>12}{'ours to it':>12}")
    ours = results.get("costrel", [])
    is_missed = False
    for name, rounds in results.items():
        cost = spread_of([each["cpu_us"] for each in rounds])
        rate = spread_of([each["messages_per_second"] for each in rounds])
        ratio = spread_of([mine["cpu_us"] / other["cpu_us"] for mine, other in zip(ours, rounds, strict=True)] or [0])
        target = TARGETS.get(name)
        is_above = target is not None and ratio.median > target
        is_missed |= is_above
        note = "" if target is None else f"  target: at most {target:.1f}{', missed' if is_above else ''}"
        spread = f"{cost.low:.1f} - {cost.high:.1f}"
        print(f"{name:10}{cost.median:10.1f}{spread:>16}{rate.median:12,.0f}{ratio.median:12.2f}{note}")
    return is_missed


def in_rounds(
    wanted: set[str], round_count: int, seconds: float
) -> tuple[dict[str, list[dict[str, float]]], dict[str, str]]:
    """Measure contenders in rounds.

    Args:
        wanted: their names; all when it is empty.
        round_count: how often each is measured.
        seconds: how long each time.

    Returns:
        The figures of each round by contender, and why one of them is missing.
    """
    results: dict[str, list[dict[str, float]]] = {}
    missing: dict[str, str] = {}
    with ExitStack() as stack:
        servers = {}
        for name, port, command, folder in commands(wanted):
            if not wanted or name in wanted:
                try:
                    servers[name] = stack.enter_context(serving(command, port, folder))
                except DidNotStart as error:
                    missing[name] = f"did not start: {error}"
        for server in servers.values():
            measure(server, 0.5)
        for _ in range(round_count):
            for name, server in servers.items():
                results.setdefault(name, []).append(measure(server, seconds))
    if "ws" not in servers and (not wanted or "ws" in wanted):
        missing.setdefault("ws", "could not be installed")
    return results, missing


def compare(options: argparse.Namespace) -> int:
    """Measure all contenders in rounds; return 1 when a target was missed and `--strict` was given."""
    wanted = set(filter(None, options.only.split(",")))
    results, missing = in_rounds(wanted, options.rounds, options.seconds)
    for name, why in missing.items():
        print(f"{name}: {why}", file=sys.stderr)
    is_missed = show(results)
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1))
    return 1 if is_missed and options.strict else 0


def main() -> int:
    """Compare, or be one of the processes of a comparison."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=2, help="of each round of load")
    parser.add_argument("--rounds", type=int, default=5, help="of each contender, alternating")
    parser.add_argument("--only", default="", help="names of contenders, with commas")
    parser.add_argument("--strict", action="store_true", help="end with 1 when a ratio is above its target")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--load", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--pid", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--serve-core", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load is not None:
        print(json.dumps(uvloop.run(load(options.load, options.seconds, options.pid))))
        return 0
    if options.serve_core is not None:
        uvloop.run(serve_core(options.serve_core))
        return 0
    return compare(options)


if __name__ == "__main__":
    sys.exit(main())

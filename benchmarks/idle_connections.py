"""What idle keep-alive connections cost: memory of the server for each, and what they do to the latency of active ones.

The server runs in a process of its own, on a core of its own. This process asks it over fifty connections, one request
after the other on each, first without and then with thousands of connections that have asked once and are silent since,
in several rounds. Latency is from the last byte of a request to the first of its answer.

    python benchmarks/idle_connections.py [--idle 10000] [--rounds 5] [--check]

With ``--check`` it exits with 1 when a connection costs more than 15 KiB, or the median latency is more than 1.5 times
what it is without them.
"""

from __future__ import annotations

import argparse
import os
import resource
import selectors
import socket
import statistics
import sys
import time
from pathlib import Path

from harness.environments import BENCHMARKS
from harness.processor import load_core, resident_bytes
from harness.serving import free_port, serving

__all__ = ["ask_for", "open_idle"]

KIB = 1024
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
ACTIVE_COUNT = 50
ROUND_SECONDS = 2.0
MAX_BYTES = 15 * KIB
MAX_RATIO = 1.5
SPARE_FILES = 200


def open_idle(port: int, count: int) -> list[socket.socket]:
    """Open connections, ask once on each, and leave them open.

    Raises:
        ValueError: one was not answered.
    """
    connections = []
    for _ in range(count):
        client = socket.create_connection(("127.0.0.1", port), 10)
        client.sendall(REQUEST)
        if not client.recv(4096).startswith(b"HTTP/1.1 200 "):
            raise ValueError("A connection was refused.")
        connections.append(client)
    return connections


def ask_for(port: int, seconds: float) -> list[float]:
    """Ask over some connections for so long, and return the latencies."""
    latencies = []
    sent_at: dict[socket.socket, float] = {}
    clients = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(ACTIVE_COUNT)]
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client, selectors.EVENT_READ)
            client.sendall(REQUEST)
            sent_at[client] = time.perf_counter()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            for key, _ in selector.select(1.0):
                ready = key.fileobj
                if not isinstance(ready, socket.socket) or not ready.recv(4096):
                    raise ValueError("An active connection was closed.")
                latencies.append(time.perf_counter() - sent_at[ready])
                ready.sendall(REQUEST)
                sent_at[ready] = time.perf_counter()
    for client in clients:
        client.close()
    return latencies


def main() -> int:
    """Measure, print and judge."""
    parser = argparse.ArgumentParser(description="Measure what idle connections cost.")
    parser.add_argument("--idle", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--check", action="store_true", help="exit with 1 above the limits")
    given = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < given.idle + SPARE_FILES:
        print(f"{given.idle:,} connections need as many open files, and this process may have {hard:,}.")
        return 2
    os.sched_setaffinity(0, {load_core()})
    port = free_port()
    command = [sys.executable, "-m", "costrel", "run", str(BENCHMARKS / "smoke_app.py"), "--port", str(port)]
    command += ["--no-access-log", "--max-connections", "12000", "--keep-alive-timeout-seconds", "3600"]
    alone, among, costs = [], [], []
    with serving(command, port, Path.cwd()) as server:
        ask_for(port, ROUND_SECONDS)
        for number in range(given.rounds):
            alone.append(statistics.median(ask_for(port, ROUND_SECONDS)))
            before = resident_bytes(server.pid)
            idle = open_idle(port, given.idle)
            costs.append((resident_bytes(server.pid) - before) / given.idle)
            among.append(statistics.median(ask_for(port, ROUND_SECONDS)))
            for client in idle:
                client.close()
            time.sleep(1.0)
            print(
                f"round {number + 1}: {costs[-1] / KIB:.1f} KiB each, "
                f"median {alone[-1] * 1e6:.0f} µs alone, {among[-1] * 1e6:.0f} µs among {given.idle:,} idle ones"
            )
    # What the server has once taken it keeps for later, so only the first round shows the whole cost.
    cost, ratio = costs[0], statistics.median(among) / statistics.median(alone)
    print(f"{cost / KIB:.1f} KiB for each idle connection, median latency {ratio:.2f} times that without them")
    return 1 if given.check and (cost > MAX_BYTES or ratio > MAX_RATIO) else 0


if __name__ == "__main__":
    sys.exit(main())

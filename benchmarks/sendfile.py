"""What `sendfile` saves beside reading and writing: CPU of the server for each file, both ways in the same rounds.

Two servers run at once, one that sends every file with ``sendfile`` and one that never does. One client fetches files
of each size from one and then from the other, over the loopback, out of the page cache, on a core of its own. What
counts is the server's user and system time.

    python benchmarks/sendfile.py [--rounds 9]
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import tempfile
from pathlib import Path

from harness.environments import BENCHMARKS
from harness.processor import cpu_seconds, load_core
from harness.serving import free_port, serving
from harness.spread import ratios, spread_of

__all__ = ["measure"]

KIB = 1024
MIB = 1024 * KIB
SIZES = {"256 KiB": 256 * KIB, "1 MiB": MIB, "4 MiB": 4 * MIB, "256 MiB": 256 * MIB}
ROUND_BYTES = 1024 * MIB
MAX_FILES = 2000
NEVER, ALWAYS = str(1 << 60), str(64 * KIB)


def fetch(port: int, name: str, size: int, count: int) -> None:
    """Fetch a file several times over one connection.

    Raises:
        ValueError: an answer was not the file.
    """
    buffer = bytearray(MIB)
    request = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % name.encode().replace(b" ", b"%20")
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        for _ in range(count):
            client.sendall(request)
            received = b""
            while b"\r\n\r\n" not in received:
                piece = client.recv(4096)
                if not piece:
                    raise ValueError("The server has closed the connection.")
                received += piece
            head, _, begin = received.partition(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200 ") or b"content-length: %d" % size not in head.lower():
                raise ValueError(head.decode())
            left = size - len(begin)
            while left:
                count_bytes = client.recv_into(buffer, min(MIB, left))
                if not count_bytes:
                    raise ValueError("The server has closed the connection.")
                left -= count_bytes


def measure(rounds: int) -> dict[str, tuple[list[float], list[float]]]:
    """Return by size the CPU seconds of each round, of reading and writing and of sendfile."""
    results: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in SIZES}
    with tempfile.TemporaryDirectory() as folder:
        for name, size in SIZES.items():
            Path(folder, name).write_bytes(os.urandom(min(size, MIB)) * max(size // MIB, 1))
        ports = free_port(), free_port()
        commands = [
            [
                sys.executable,
                "-m",
                "costrel",
                "run",
                str(BENCHMARKS / "sendfile_app.py"),
                "--port",
                str(port),
                "--no-access-log",
            ]
            for port in ports
        ]
        first = serving(commands[0], ports[0], BENCHMARKS, {"FILES": folder, "MIN_FILE_BYTES": NEVER})
        second = serving(commands[1], ports[1], BENCHMARKS, {"FILES": folder, "MIN_FILE_BYTES": ALWAYS})
        with first as reading, second as sending:
            for _ in range(rounds):
                for name, size in SIZES.items():
                    count = min(ROUND_BYTES // size, MAX_FILES)
                    for server, times in zip((reading, sending), results[name], strict=True):
                        fetch(server.port, name, size, 1)
                        before = cpu_seconds(server.pid)
                        fetch(server.port, name, size, count)
                        times.append((cpu_seconds(server.pid) - before) / count)
    return results


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    os.sched_setaffinity(0, {load_core()})
    print(f"{'file':10}{'read, write':>16}{'sendfile':>16}{'ratio':>8}{'spread':>14}   CPU of the server for each MiB")
    for name, (reading, sending) in measure(rounds).items():
        mebibytes = SIZES[name] / MIB
        ratio = spread_of(ratios(sending, reading))
        base, ours = (spread_of(times).median / mebibytes * 1e6 for times in (reading, sending))
        spread = f"{ratio.low:.2f}-{ratio.high:.2f}"
        print(f"{name:10}{base:>13.0f} µs{ours:>13.0f} µs{ratio.median:>8.2f}{spread:>14}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What runs out or stands still: threads, disks, descriptors, memory, clocks and logs."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import re
import signal
import socket
import threading
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
KIB, MIB = 1024, 1024 * 1024
Serve = Callable[..., Any]
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def get(path: str, *fields: str) -> bytes:
    lines = "".join(f"{field}\r\n" for field in fields)
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode()


@pytest.mark.security("R17")
def test_a_handler_that_blocks_the_loop(serve: Serve) -> None:
    """In debug mode its line is named; with another worker, others are answered meanwhile."""
    service = serve(environment={"COSTREL_DEBUG": "1"})
    service.get("/block/60")
    service.wait_for_output("function=block at=")

    assert "shop.py" in service.output

    several = serve("--workers", "2")
    several.wait_for(lambda: len(several.pids("worker_ready")) == 2, "two workers")
    with several.connect() as busy:
        busy.sendall(get("/block/300"))
        time.sleep(0.1)
        fast = 0
        for _ in range(30):
            # A new connection may be accepted by the worker that hangs; the other one answers most of them.
            with several.connect() as client:
                client.settimeout(0.1)
                client.sendall(GET)
                with contextlib.suppress(TimeoutError):
                    fast += client.recv(4096).endswith(b"hello")

    assert fast > 20


@pytest.mark.security("R18")
def test_all_threads_are_taken(serve: Serve, kit: Any) -> None:
    """Async handlers do not notice; who waits for a thread for too long gets 503 and when to come again."""
    service = serve("--threads", "4", environment={"COSTREL_THREAD_QUEUE_TIMEOUT_SECONDS": "1"})

    async def main() -> tuple[list[int], float]:
        base = kit.percentile(await kit.latencies(service.address, 200), 0.99)
        answers = [asyncio.to_thread(service.get, "/thread/150") for _ in range(12)]
        running = asyncio.gather(*answers)
        await asyncio.sleep(0.3)
        during = kit.percentile(await kit.latencies(service.address, 200), 0.99)

        assert during < max(2 * base, 0.1)

        found = await running
        assert all(fields.get("retry-after") == "1" for status, fields, _ in found if status == 503)
        return [status for status, _, _ in found], during

    statuses, _ = asyncio.run(main())

    assert {200, 503} == set(statuses)
    assert 4 <= statuses.count(200) <= 8
    assert 200 == service.get("/thread/1")[0]


@pytest.mark.security("R23")
def test_the_disk_is_full_while_an_upload_is_kept(serve: Serve, load: Any) -> None:
    """That request fails with a 5xx, its temporary file is gone, the server goes on; a limit stands for the disk."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))"
    service = serve(code=limit)
    service.get("/")
    before = service.inside()
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    body = head + bytes(8 * MIB) + b"\r\n--b--\r\n"
    fields = b"Host: a\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n" % len(body)

    async def main() -> Any:
        clients = load.Load(service.address, clients=4)
        async with clients.running() as ledger:
            answers = [
                await asyncio.to_thread(service.talk, b"POST /up/form HTTP/1.1\r\n" + fields + b"\r\n" + body)
                for _ in range(3)
            ]
        return answers, ledger

    answers, ledger = asyncio.run(main())

    assert [True] * 3 == [bool(re.match(rb"HTTP/1\.1 50[07] ", answer)) for answer in answers]
    assert [] == ledger.losses()
    assert service.settles(before)


@pytest.mark.security("R24")
def test_descriptors_run_out(serve: Serve, kit: Any) -> None:
    """With 256 of them and a thousand clients the server stays up, does not spin, and answers when some have left."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))"
    service = serve(code=limit)

    assert 200 == service.get("/")[0]

    async def main() -> float:
        async with kit.connections(service.address, 1000) as opened:
            for _, writer in opened[:400]:
                writer.write(GET)
            await asyncio.sleep(1)
            began = service.cpu_seconds
            await asyncio.sleep(2)
            return service.cpu_seconds - began

    spent = asyncio.run(main())

    assert spent < 1
    service.wait_for(lambda: service.get("/")[0] == 200, "an answer")
    assert service.process.poll() is None


@pytest.mark.security("R25")
def test_many_idle_connections(serve: Serve, kit: Any) -> None:
    """Each costs at most 15 KiB, and active ones are not slower because of them."""
    count = kit.scaled(10_000)
    service = serve("--max-connections", "12000")

    async def main() -> tuple[float, float, float]:
        await kit.latencies(service.address, 500)
        base = kit.percentile(await kit.latencies(service.address, 1000), 0.5)
        before = service.rss_bytes
        async with kit.connections(service.address, count) as opened:
            for start in range(0, count, 500):
                part = opened[start : start + 500]
                for _, writer in part:
                    writer.write(GET)
                for reader, _ in part:
                    await asyncio.wait_for(reader.readuntil(b"hello"), 20)
            grown = service.rss_bytes - before
            during = kit.percentile(await kit.latencies(service.address, 1000), 0.5)
        return grown / count, base, during

    each, base, during = asyncio.run(main())

    assert each <= 15 * KIB
    assert during < max(1.5 * base, 0.002)


@pytest.mark.security("R26")
@pytest.mark.pain("P47")
def test_very_many_requests_leave_nothing(serve: Serve, kit: Any) -> None:
    """Requests of all kinds: memory after all of them is what it was after the first tenth."""
    total = kit.scaled(1_000_000)
    service = serve()
    kinds = [
        *[GET] * 30,
        *[get("/wait/0")] * 5,
        *[get("/nowhere")] * 5,
        *[get("/fail/nothing")] * 0,
        *[get("/thread/0")] * 5,
        *[b"POST /ledger/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"] * 5,
    ]
    block = b"".join(kinds)

    def send(count: int) -> None:
        rounds = count // len(kinds)
        with service.connect() as client:
            answers = []
            reader = threading.Thread(target=lambda: answers.append(kit.read_all(client).count(b"HTTP/1.1 ")))
            reader.start()
            for _ in range(rounds):
                client.sendall(block)
            client.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            reader.join(500)

        assert [rounds * len(kinds) + 1] == answers

    send(total // 10)
    before, held = service.rss_bytes, service.inside()
    for _ in range(9):
        send(total // 10)

    assert service.rss_bytes - before < max(before * 0.02, MIB)
    assert service.settles(held)


@pytest.mark.security("R27")
@pytest.mark.parametrize("seconds", [3600, -3600, 45], ids=["an-hour-forward", "an-hour-back", "a-slew"])
def test_the_clock_jumps(serve: Serve, seconds: int) -> None:
    """Deadlines do not notice, the date follows, and a session that is a little in the future still counts."""
    service = serve("--keep-alive-timeout-seconds", "5", "--header-timeout-seconds", "3")
    with service.connect() as idle, service.connect() as busy:
        idle.sendall(GET)
        idle.recv(4096)
        cookie = service.get("/count")[1]["set-cookie"].partition(";")[0]
        busy.sendall(get("/wait/100"))
        service.talk(f"POST /clock?seconds={seconds} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())

        assert busy.recv(4096).endswith(b"waited")

        time.sleep(1.2)
        idle.sendall(GET)

        assert idle.recv(4096).endswith(b"hello")

    date = parsedate_to_datetime(service.get("/")[1]["date"]).timestamp()

    assert abs(date - time.time() - seconds) < 3
    if abs(seconds) < 60:
        service.talk(b"POST /clock?seconds=0 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

        assert b'{"count":2}' == service.get("/count", f"Cookie: {cookie}")[2]

    # Idle connections still end when their time is over, neither at once nor never.
    with service.connect() as idle:
        idle.sendall(GET)
        idle.recv(4096)
        began = time.monotonic()

        assert b"" == idle.recv(4096)
        assert 4 < time.monotonic() - began < 8


@pytest.mark.security("R29")
def test_ten_times_the_load(serve: Serve, kit: Any) -> None:
    """What is too much is refused within 50 ms, what is taken is as much as before, and afterwards all is well."""
    seconds = 30 if not kit.is_short else 5
    service = serve("--max-concurrent-requests", "20")
    counts = {200: 0, 503: 0}
    refusals: list[float] = []

    async def client(stop: float) -> None:
        reader, writer = await asyncio.open_connection(*service.address)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while time.monotonic() < stop:
                began = time.perf_counter()
                writer.write(get("/wait/10"))
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
                size = re.search(rb"content-length: (\d+)", head)
                assert size is not None
                await reader.readexactly(int(size[1]))
                status = int(head[9:12])
                counts[status] += 1
                if status == 503:
                    assert b"retry-after: 1\r\n" in head.lower()
                    refusals.append(time.perf_counter() - began)
                    writer.close()
                    await asyncio.sleep(0.1)
                    reader, writer = await asyncio.open_connection(*service.address)
        writer.close()

    async def burst(count: int, duration: float) -> int:
        counts[200] = 0
        stop = time.monotonic() + duration
        await asyncio.gather(*(client(stop) for _ in range(count)))
        return counts[200]

    async def main() -> tuple[float, float, float]:
        alone = await burst(20, 3) / 3
        crowded = await burst(200, seconds) / seconds
        began = time.monotonic()
        await kit.latencies(service.address, 20)
        return alone, crowded, time.monotonic() - began

    alone, crowded, recovery = asyncio.run(main())

    assert counts[503] > 0
    assert crowded >= 0.8 * alone
    assert kit.percentile(refusals, 0.5) < 0.05
    assert recovery < 2


@pytest.mark.security("R33")
def test_nobody_reads_the_log(serve: Serve, kit: Any) -> None:
    """With a full pipe behind standard error requests are answered as before; lines are dropped, not waited for."""
    fill = "import os; r, w = os.pipe(); os.set_inheritable(w, True); os.dup2(w, 2)"
    service = serve("--access-log", code=fill)
    pid = service.process.pid
    port = service.wait_for(lambda: listening_port(pid), "a listening socket")

    async def main() -> list[float]:
        first = await kit.latencies(("127.0.0.1", port), 200)
        await kit.latencies(("127.0.0.1", port), 5000)
        return [kit.percentile(first, 0.99), kit.percentile(await kit.latencies(("127.0.0.1", port), 500), 0.99)]

    base, full = asyncio.run(main())

    assert full < max(2 * base, 0.1)
    service.send(signal.SIGTERM)
    assert 0 == service.wait()


def listening_port(pid: int) -> int:
    """Return the port of the first listening TCP socket of a process, 0 when there is none yet."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(str(entry.readlink()).removeprefix("socket:[").removesuffix("]"))
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            return int(fields[1].rpartition(":")[2], 16)
    return 0


def vectors(root: Path) -> dict[str, bytes]:
    spec = importlib.util.spec_from_file_location("appendix_a", root / "tests" / "conformance" / "appendix_a.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, bytes] = module.VECTORS
    return found


@pytest.mark.security("R36")
@pytest.mark.parametrize(
    ("python", "environment"),
    [
        pytest.param(("-O",), {}, id="without-asserts"),
        pytest.param(("-OO",), {}, id="without-docstrings"),
        pytest.param((), {"PYTHONHASHSEED": "0"}, id="with-one-hash-seed"),
        pytest.param((), {"COSTREL_LOOP": "asyncio"}, id="without-uvloop"),
        pytest.param(("-X", "dev"), {}, id="in-development-mode"),
    ],
)
def test_python_runs_another_way(serve: Serve, kit: Any, python: tuple[str, ...], environment: dict[str, str]) -> None:
    """Every raw request of the table, right or wrong, has the statuses that it has otherwise."""
    usual, other = serve(), serve(python=python, environment=environment)
    different = []
    for name, data in vectors(kit.root).items():
        expected, found = (statuses_of(service, data) for service in (usual, other))
        if expected != found:
            different.append((name, expected, found))

    assert [] == different


def statuses_of(service: Any, data: bytes) -> list[bytes]:
    received = b""
    with service.connect() as client:
        client.settimeout(5)
        with contextlib.suppress(OSError):
            client.sendall(data)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            while piece := client.recv(65536):
                received += piece
    return re.findall(rb"HTTP/1\.1 (\d{3}) ", received)


@pytest.mark.parametrize("path", ["/down/%d", "/file"])
def test_a_large_download_in_flat_memory(serve: Serve, kit: Any, tmp_path: Path, path: str) -> None:
    """One GiB, made or read, passes while the server grows by less than 32 MiB."""
    mebibytes = kit.scaled(1024)
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(mebibytes * MIB)
    service = serve(environment={"LARGE_FILE": str(large)})
    service.get("/down/1")
    before, peak, size = service.rss_bytes, 0, 0
    with service.connect() as client:
        client.sendall(get(path % mebibytes if "%" in path else path, "Connection: close"))
        while piece := client.recv(4 * MIB):
            size += len(piece)
            peak = max(peak, service.rss_bytes)

    assert size >= mebibytes * MIB
    assert peak - before < 32 * MIB


@pytest.mark.parametrize("kind", ["stream", "form"])
def test_a_large_upload_in_flat_memory(serve: Serve, kit: Any, kind: str) -> None:
    """One GiB, counted or kept on disk, passes while the server grows by less than 32 MiB."""
    mebibytes = kit.scaled(1024)
    service = serve(environment={"COSTREL_MAX_MULTIPART_BYTES": str(2 << 30)})
    service.get("/")
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' if kind == "form" else b""
    tail = b"\r\n--b--\r\n" if kind == "form" else b""
    fields = b"Host: a\r\nConnection: close\r\nContent-Length: %d\r\n" % (len(head + tail) + mebibytes * MIB)
    before, peak = service.rss_bytes, 0
    with service.connect() as client:
        client.settimeout(60)
        client.sendall(
            b"POST /up/%b HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\n%b\r\n%b"
            % (kind.encode(), fields, head)
        )
        for _ in range(mebibytes):
            client.sendall(bytes(MIB))
            peak = max(peak, service.rss_bytes)
        client.sendall(tail)
        answer = kit.read_all(client)

    assert answer.endswith(b'{"size":%d}' % (mebibytes * MIB))
    assert peak - before < 32 * MIB
    assert 0 == service.inside()["temporary"]

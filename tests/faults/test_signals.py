"""Signals under load, workers that die or hang, and certificates that change."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
Serve = Callable[..., Any]


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def losses(ledger: Any, load: Any, *tolerated: str) -> list[Any]:
    return [str(entry) for entry in ledger.losses(*(load.Outcome[name] for name in tolerated))]


@pytest.mark.security("R11")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_under_load(serve: Serve, load: Any, workers: int) -> None:
    """Requests of two seconds end, each one that came before the listener closed is answered, and the code is 0."""
    service = serve("--workers", str(workers))

    async def main() -> Any:
        clients = load.Load(service.address, clients=32, pause_seconds=0.01)
        async with clients.running() as ledger:
            slow = [service.connect() for _ in range(10)]
            for client in slow:
                client.sendall(get("/wait/200"))
            await asyncio.sleep(0.5)
            began = time.monotonic()
            service.send(signal.SIGTERM)
            answers = await asyncio.gather(*(asyncio.to_thread(read, client) for client in slow))
            exit_code = await asyncio.to_thread(service.wait)
            took = time.monotonic() - began
            clients.stop()
        return ledger, answers, exit_code, took

    def read(client: Any) -> bytes:
        with client:
            return bytes(client.recv(4096))

    ledger, answers, exit_code, took = asyncio.run(main())

    assert [True] * 10 == [answer.endswith(b"waited") for answer in answers]
    assert 0 == exit_code
    assert took < 5
    # Whoever comes later is refused, or told on a connection that was open to come again.
    assert [] == losses(ledger, load, "REFUSED", "TURNED_AWAY")
    assert len(ledger.entries) > 100


@pytest.mark.security("R12")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_with_streams_that_never_end(serve: Serve, workers: int) -> None:
    """Sockets are closed with a code, event streams with a time to come back, long before the grace period is over."""
    client = pytest.importorskip("websockets.asyncio.client")
    service = serve("--workers", str(workers), "--graceful-timeout-seconds", "20")
    host, port = service.address

    async def main() -> tuple[int, bytes, float]:
        socket = await client.connect(f"ws://{host}:{port}/chat", open_timeout=10)
        await socket.send("hello")
        await asyncio.wait_for(socket.recv(), 10)
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(get("/events"))
        await asyncio.wait_for(reader.readuntil(b"data: first\n\n"), 10)
        began = time.monotonic()
        service.send(signal.SIGTERM)
        rest = await asyncio.wait_for(reader.read(), 10)
        await asyncio.wait_for(socket.wait_closed(), 10)
        await asyncio.to_thread(service.wait)
        writer.close()
        return socket.close_code or 0, rest, time.monotonic() - began

    code, rest, took = asyncio.run(main())

    assert code in (1001, 1012)
    assert b"\nretry: " in rest
    assert rest.endswith(b"0\r\n\r\n")
    assert took < 5
    assert 0 == service.process.returncode
    assert "events closed" in service.output


@pytest.mark.security("R13")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGQUIT"])
def test_every_signal_is_graceful_once(serve: Serve, workers: int, name: str) -> None:
    """The first lets a request end; a second one stops at once."""
    number = signal.Signals[name]
    service = serve("--workers", str(workers), "--graceful-timeout-seconds", "30")
    with service.connect() as client:
        client.sendall(get("/wait/50"))
        time.sleep(0.2)

        assert 0 == service.stop(number)
        assert client.recv(4096).endswith(b"waited")

    service = serve("--workers", str(workers), "--graceful-timeout-seconds", "30")
    with service.connect() as client:
        client.sendall(get("/wait/3000"))
        time.sleep(0.2)
        service.send(number)
        time.sleep(0.5)

        assert service.process.poll() is None

        began = time.monotonic()
        service.send(number)
        service.wait()

        assert time.monotonic() - began < 5


@pytest.mark.security("R14")
def test_a_rolling_restart_under_load(serve: Serve, load: Any) -> None:
    """No request is lost; new code is served, and code that cannot be imported changes nothing."""
    service = serve("--workers", "2")
    source = service.folder / "shop.py"

    async def main() -> Any:
        clients = load.Load(service.address, clients=16, pause_seconds=0.002)
        async with clients.running() as ledger:
            # Which of the workers answers is the kernel's choice, so they are counted by the log.
            await asyncio.to_thread(service.wait_for, lambda: len(service.pids("worker_ready")) == 2, "two workers")
            old = set(service.pids("worker_ready"))
            good = source.read_text()
            source.write_text(good.replace('return "hello"', 'return "hello again"'))
            service.send(signal.SIGHUP)
            await asyncio.to_thread(service.wait_for, lambda: service.get("/")[2] == b"hello again", "new code")
            have_left = partial(
                service.wait_for, lambda: old <= set(service.pids("worker_left")), "the old ones to leave"
            )
            await asyncio.to_thread(have_left)
            await clients.until(lambda ledger: not old & {entry.worker for entry in ledger.entries[-100:]})
            source.write_text("this is no Python")
            service.send(signal.SIGHUP)
            await asyncio.sleep(3)
            answer = await asyncio.to_thread(service.get, "/")
        return ledger, answer, old

    ledger, answer, old = asyncio.run(main())

    assert b"hello again" == answer[2]
    assert [] == losses(ledger, load)
    assert set() == old & {entry.worker for entry in ledger.entries[-100:]}


@pytest.mark.security("R15")
def test_a_worker_that_is_killed(serve: Serve, load: Any) -> None:
    """Only what it was doing is lost; of three that are killed the quickest is replaced within a second."""
    service = serve("--workers", "2")
    ready = "worker_ready"
    service.wait_for(lambda: len(service.pids(ready)) == 2, "two workers")
    killed: dict[int, float] = {}
    took = []

    async def main() -> Any:
        clients = load.Load(service.address, clients=8, pause_seconds=0.02, requests_per_connection=20)
        async with clients.running() as ledger:
            for count in (3, 4, 5):
                victim = service.pids(ready)[count - 3]
                killed[victim] = time.monotonic()
                os.kill(victim, signal.SIGKILL)
                await asyncio.to_thread(service.wait_for, lambda count=count: len(service.pids(ready)) == count, ready)
                took.append(time.monotonic() - killed[victim])
                await asyncio.sleep(0.5)
        return ledger

    ledger = asyncio.run(main())
    lost = ledger.losses()

    assert min(took) < 1
    assert len(lost) <= 3 * 8
    assert [] == [str(entry) for entry in lost if not any(0 <= entry.ended_at - at < 0.5 for at in killed.values())]
    assert len(ledger.entries) > 100


@pytest.mark.security("R16")
def test_a_worker_that_hangs(serve: Serve, load: Any) -> None:
    """The supervisor notices the silence, says where it hangs, ends it and starts another; the others serve."""
    service = serve("--workers", "2", "--worker-timeout-seconds", "2")
    first = service.wait_for(lambda: pids if len(pids := service.pids("worker_ready")) == 2 else [], "two workers")
    with service.connect() as client:
        client.sendall(get("/block/6000"))
        service.wait_for(lambda: len(service.pids("worker_ready")) == 3, "a third worker", 15)

    assert "time.sleep" in service.output or "in block" in service.output
    assert len(set(service.pids("worker_ready")) - set(first)) == 1
    assert [200] * 20 == [service.get("/")[0] for _ in range(20)]


@pytest.mark.security("R34")
def test_a_certificate_changes_under_load(serve: Serve, tmp_path: Path) -> None:
    """SIGHUP brings the new certificate to new connections, and a killed worker comes back with it; none is dropped."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("`openssl` of Debian's openssl is not installed.")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"

    def make(name: str) -> None:
        new = tmp_path / name
        command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        command += ["-days", "2", "-subj", f"/CN={name}", "-keyout", f"{new}.key", "-out", f"{new}.crt"]
        subprocess.run(command, check=True, capture_output=True)
        Path(f"{new}.key").replace(key)
        Path(f"{new}.crt").replace(certificate)

    make("first.example")
    flags = ("--tls-certificate-path", str(certificate), "--tls-key-path", str(key))
    service = serve("--workers", "2", *flags)
    host, port = service.address
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    failures: list[str] = []

    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection(host, port, ssl=context)
        try:
            found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            answer = await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()
        if not answer.endswith(b"hello"):
            failures.append(repr(answer[:100]))
        return bytes(found)

    async def until_shown(name: bytes) -> None:
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            if all(name in found for found in await asyncio.gather(*(ask() for _ in range(6)))):
                return
        raise AssertionError(f"{name!r} was not shown")

    service.wait_for(lambda: len(service.pids("worker_ready")) == 2, "two workers")

    async def main() -> None:
        await until_shown(b"first.example")
        make("second.example")
        service.send(signal.SIGHUP)
        await until_shown(b"second.example")

    asyncio.run(main())

    assert [] == failures

    os.kill(service.pids("worker_ready")[-1], signal.SIGKILL)
    service.wait_for(lambda: len(service.pids("worker_ready")) == 5, "another worker")
    asyncio.run(until_shown(b"second.example"))

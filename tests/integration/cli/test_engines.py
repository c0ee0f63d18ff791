"""`costrel run --server`: the same command and flags, and HTTP/2 by those who speak it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]
Start = Callable[..., Any]
ENGINES = ["uvicorn", "hypercorn", "granian"]
MIB = 1024 * 1024

SHOP = """
import os
from costrel import App, BodyStream, EventStream, Request

app = App("shop")

@app.get("/")
async def index(request: Request):
    return {"version": request.http_version, "scheme": request.scheme, "pid": os.getpid()}

@app.get("/plain")
def plain():
    return "hello"

async def no_limit(request, call_next):
    request.max_body_bytes = 1 << 30
    return await call_next(request)

@app.post("/up", use=[no_limit])
async def up(body: BodyStream):
    size = 0
    async for piece in body:
        size += len(piece)
    return {"size": size}

@app.get("/events")
async def events():
    return EventStream(iter(["one", "two"]))

@app.get("/broken")
async def broken():
    raise ValueError("broken")
"""


def missing(name: str, what: str) -> NoReturn:
    """Skip the test, or fail it where `COSTREL_TEST_REQUIRE` names what is missing."""
    if name in os.environ.get("COSTREL_TEST_REQUIRE", "").split(","):
        pytest.fail(f"{what} is required and not installed.")
    pytest.skip(f"{what} is not installed.")


def need_engine(name: str) -> None:
    if find_spec(name) is None:
        missing(name, name)


def need_command(command: str, package: str) -> str:
    return shutil.which(command) or missing(command, f"`{command}` of Debian's {package}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def serve(start: Start, folder: Path, engine: str, *flags: str) -> tuple[Any, int]:
    """Start the shop with another server, wait until it answers, and return it with its port."""
    need_engine(engine)
    (folder / "shop.py").write_text(SHOP)
    port = free_port()
    running = start("run", "shop.py", "--server", engine, "--port", str(port), *flags)
    running.wait_for(lambda: is_listening(port), "a listening socket")
    return running, port


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_command_serves_by_another_server(tmp_path: Path, start: Start, engine: str) -> None:
    """Answers, uploads, streams and errors are those of the application, and a signal ends it in order."""
    running, port = serve(start, tmp_path, engine, "--no-access-log", "--graceful-timeout-seconds", "2")
    address = f"http://127.0.0.1:{port}"

    def get(path: str, content: bytes | None = None) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(address + path, content, 20) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    assert (200, "hello") == get("/plain")
    assert (200, '{"size":3145728}') == get("/up", bytes(3 * MIB))
    assert (200, "data: one\n\ndata: two\n\n") == get("/events")
    assert 404 == get("/nowhere")[0]
    assert 500 == get("/broken")[0]
    assert running.stop(signal.SIGTERM) in (0, -signal.SIGTERM)


@pytest.mark.parametrize("engine", ENGINES)
def test_flags_that_mean_nothing_there_are_named(tmp_path: Path, start: Start, engine: str) -> None:
    """In one sentence, and nothing that it honours is in it."""
    running, _ = serve(
        start, tmp_path, engine, "--max-header-count", "50", "--proxy-protocol", "--backlog", "500", "--no-access-log"
    )

    assert f"{engine} has limits of its own and ignores --proxy-protocol, --max-header-count.\n" in running.output


@pytest.mark.capability("C175")
@pytest.mark.parametrize("engine", ["hypercorn", "granian"])
def test_http2_without_tls(tmp_path: Path, start: Start, engine: str) -> None:
    """Curl with prior knowledge gets answers, uploads and streams of HTTP/2, and HTTP/1.1 on the same port."""
    curl = need_command("curl", "curl")
    _, port = serve(start, tmp_path, engine)
    address = f"http://127.0.0.1:{port}"
    upload = tmp_path / "upload"
    upload.write_bytes(bytes(5 * MIB))
    http2 = (curl, "-sS", "--http2-prior-knowledge", "--max-time", "20", "-w", " %{http_version} %{http_code}")

    assert "hello 2 200" == run(*http2, f"{address}/plain")
    assert '"version":"2"' in run(*http2, f"{address}/")
    assert '{"size":5242880} 2 200' == run(*http2, "-H", "Expect:", "--data-binary", f"@{upload}", f"{address}/up")
    assert "data: one\n\ndata: two\n\n 2 200" == run(*http2, f"{address}/events")
    assert " 2 404" in run(*http2, f"{address}/nowhere")
    assert "hello" == run(curl, "-sS", "--http1.1", f"{address}/plain")


@pytest.mark.capability("C175")
@pytest.mark.parametrize("engine", ["hypercorn", "granian"])
def test_many_streams_of_one_http2_connection(tmp_path: Path, start: Start, engine: str) -> None:
    """Debian's nghttp asks a hundred times over one connection, and every stream is answered."""
    nghttp = need_command("nghttp", "nghttp2-client")
    _, port = serve(start, tmp_path, engine, "--no-access-log")
    output = run(nghttp, "--null-out", "--stat", "--multiply=100", f"http://127.0.0.1:{port}/plain")
    answered = [line.split() for line in output.splitlines() if line.endswith("/plain")]

    assert [["200", "5"]] * 100 == [line[-3:-1] for line in answered]


@pytest.mark.capability("C175")
@pytest.mark.parametrize("engine", ["hypercorn", "granian"])
def test_http2_is_negotiated_with_tls(tmp_path: Path, start: Start, engine: str) -> None:
    """The flags of TLS are the same too: the client is offered HTTP/2 by ALPN, and the request says https."""
    curl, openssl = need_command("curl", "curl"), need_command("openssl", "openssl")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    run(
        *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"),
        *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        *("-keyout", str(key), "-out", str(certificate)),
    )
    _, port = serve(start, tmp_path, engine, "--tls-certificate-path", str(certificate), "--tls-key-path", str(key))
    answer = run(
        *(curl, "-sS", "--cacert", str(certificate), "--max-time", "20", "-w", " %{http_version}"),
        f"https://127.0.0.1:{port}/",
    )

    assert answer.endswith("} 2")
    assert '"version":"2","scheme":"https"' in answer


@pytest.mark.parametrize("engine", ENGINES)
def test_workers_of_another_server(tmp_path: Path, start: Start, engine: str) -> None:
    """`--workers` is the server's own: each imports the application, and all answer on one port."""
    running, port = serve(start, tmp_path, engine, "--workers", "2", "--no-access-log")
    address = f"http://127.0.0.1:{port}/"
    pids: set[str] = set()

    def has_both() -> bool:
        with urllib.request.urlopen(address, None, 20) as response:
            pids.add(response.read().decode())
        return len(pids) == 2

    running.wait_for(has_both, "answers of both workers")

    assert running.stop(signal.SIGTERM) in (0, -signal.SIGTERM)
    running.wait_for(lambda: not is_listening(port), "the end of the workers")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_server_that_is_not_installed(tmp_path: Path, start: Start, engine: str) -> None:
    """The command ends with 3 and the line that installs it."""
    (tmp_path / "shop.py").write_text(SHOP)
    hide = f"import importlib.util as u; f = u.find_spec; u.find_spec = lambda n, *a: None if n == {engine!r} else f(n)"
    running = start("run", "shop.py", "--server", engine, code=hide)

    assert 3 == running.process.wait(20)
    assert f"{engine} is not installed.\n\n    pip install {engine}\n" in running.output

"""Uploads that break off and files that change while they are sent, over a socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from costrel import App, Request
from costrel.app import AppSettings
from costrel.server import Server, ServerSettings

pytestmark = pytest.mark.integration
Talk = Callable[..., list[bytes]]


@pytest.mark.security("C21")
@pytest.mark.security("C32")
def test_uploads_that_break_off_leave_nothing(talk: Talk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that leaves in the middle of a spooled upload reaches no handler and leaves no file."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    app = App(extensions=())
    finished: list[int] = []

    @app.post("/")
    async def take(request: Request) -> str:
        finished.append(len(request.files))
        return "taken"

    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n'
    request = (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 900000\r\n\r\n"
    )
    before = len(list(Path("/proc/self/fd").iterdir()))
    answers = talk(app, *[request + head + b"x" * 450_000] * 30, closes_after=True)

    assert [] == finished
    assert {b""} == set(answers)
    assert [] == list(tmp_path.iterdir())
    assert before == len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.security("C1")
@pytest.mark.security("C2")
@pytest.mark.security("C10")
@pytest.mark.security("C25")
@pytest.mark.parametrize(
    ("media_type", "content", "expected"),
    [
        pytest.param(b"application/x-www-form-urlencoded", b"a=1&" * 1001, b"413", id="1001-fields"),
        pytest.param(b"application/json", b"[" * 100_000, b"400", id="deep-json"),
        pytest.param(b"multipart/form-data; boundary=b", b"--b\r\n", b"400", id="cut-off-form"),
        pytest.param(b"application/json\ta", b"{}", b"415", id="odd-media-type"),
    ],
)
def test_a_bad_body_keeps_the_connection_in_step(
    talk: Talk, media_type: bytes, content: bytes, expected: bytes
) -> None:
    """After an answer that refuses a body the next request on the connection is still the next request."""
    app = App(extensions=())

    @app.post("/")
    async def read(request: Request) -> str:
        return f"{len(request.form)} {request.json()}"

    @app.get("/next")
    async def next_one() -> str:
        return "next"

    first = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (media_type, len(content))
    last = b"GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    (answer,) = talk(app, first + content + last)

    assert answer.startswith(b"HTTP/1.1 " + expected)
    assert 2 == answer.count(b"HTTP/1.1 ")
    assert answer.endswith(b"\r\n\r\nnext")


@pytest.mark.security("B21")
def test_a_file_that_shrinks_is_not_padded(tmp_path: Path) -> None:
    """A file that is cut while it is sent ends the connection short of its length, at once."""
    path = tmp_path / "static" / "big.bin"
    path.parent.mkdir()
    path.touch()
    os.truncate(path, 200_000_000)
    app = App()
    app.root_folder = tmp_path

    async def main() -> tuple[bytes, int]:
        server = Server(app, ServerSettings(port=0, access_log=False))
        await server.start()
        try:
            host, _, port = server.addresses[0].rpartition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET /static/big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            os.truncate(path, 10)
            size_bytes = 0
            with contextlib.suppress(ConnectionError):
                while piece := await asyncio.wait_for(reader.read(1 << 20), 5):
                    size_bytes += len(piece)
            writer.close()
            return head, size_bytes
        finally:
            await server.stop()

    head, size_bytes = asyncio.run(main())

    assert b"200000000" in head
    assert size_bytes < 100_000_000


@pytest.mark.security("D11")
@pytest.mark.security("D9")
def test_a_session_on_the_wire(talk: Talk) -> None:
    """The cookie and what keeps its answer out of caches are in the head that is sent."""
    app = App(settings=AppSettings(secret_key="k" * 32))

    @app.get("/")
    def login(request: Request) -> str:
        request.session["user"] = "ann"
        return "in"

    (answer,) = talk(app, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    head = answer.partition(b"\r\n\r\n")[0].lower()

    assert 1 == head.count(b"\r\nset-cookie: session=")
    assert b"; secure; httponly; samesite=lax" in head
    assert b"\r\nvary: cookie" in head
    assert b"\r\ncache-control: no-store" in head

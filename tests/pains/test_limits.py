"""Large and nasty bodies cost bounded time and memory."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator

import pytest

from costrel import App, BodyStream, Request, Response, UploadFile
from costrel.app import AppSettings
from costrel.messages import Dispatch
from costrel.testing import TestClient

MIB = 1024 * 1024
FORM = {"content-type": "multipart/form-data; boundary=b"}
HEAD = b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n'
END = b"\r\n--b--\r\n"
MANY_FIELDS = b"".join(b"X-%d: y\r\n" % number for number in range(100_000))


def many_parts() -> Iterator[bytes]:
    """Ten thousand small parts."""
    for number in range(10_000):
        yield b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nx\r\n' % number
    yield b"--b--\r\n"


def large_part(size_mib: int) -> Iterator[bytes]:
    """One file of so many MiB."""
    yield HEAD + b"\r\n"
    for _ in range(size_mib * 16):
        yield bytes(MIB // 16)
    yield END


def nearly_boundaries() -> Iterator[bytes]:
    """A part that is full of beginnings of the boundary."""
    yield HEAD + b"\r\n"
    for _ in range(16):
        yield b"\r\n--\r\n-" * (MIB // 8 // 2)
    yield END


def many_head_fields() -> Iterator[bytes]:
    """A part with a hundred thousand header fields."""
    yield HEAD + MANY_FIELDS + b"\r\n" + END


async def large_bodies(request: Request, call_next: Dispatch) -> Response:
    """Take what is up to 65 MiB."""
    request.max_body_bytes = 65 * MIB
    return await call_next(request)


@pytest.mark.pain("P11")
@pytest.mark.parametrize(
    ("path", "make", "status_code"),
    [
        pytest.param("/form", many_parts, 413, id="ten-thousand-parts"),
        pytest.param("/form", lambda: large_part(17), 413, id="a-part-over-the-limit"),
        pytest.param("/form", nearly_boundaries, 200, id="nearly-boundaries"),
        pytest.param("/form", many_head_fields, 400, id="a-hundred-thousand-fields-of-a-part"),
        pytest.param("/large", lambda: large_part(64), 200, id="a-part-of-64-mib"),
        pytest.param("/stream", lambda: large_part(64), 200, id="a-part-of-64-mib-streamed"),
    ],
)
def test_a_form_of_any_size_is_read_in_bounded_time_and_memory(path: str, make, status_code: int) -> None:
    """It is refused where its limit is, or kept on disk; memory does not grow with it."""
    app = App("test", extensions=(), settings=AppSettings(max_multipart_bytes=16 * MIB))

    @app.post("/form")
    @app.post("/large", use=[large_bodies], name="large")
    async def take(f: UploadFile) -> int:
        return f.size_bytes

    @app.post("/stream", use=[large_bodies])
    async def stream(body: BodyStream) -> int:
        return sum([len(piece) async for part in body.parts() async for piece in part])

    with TestClient(app, timeout_seconds=20) as client:
        client.get("/missing")
        tracemalloc.start()
        try:
            begin = time.process_time()
            response = client.post(path, content=make(), headers=FORM)
            seconds = time.process_time() - begin
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert status_code == response.status_code
    assert peak < 8 * MIB
    assert seconds < 8
    if path != "/form":
        assert 64 * MIB == response.json()


@pytest.mark.pain("P11")
@pytest.mark.parametrize("count", [1000, 1001])
def test_the_error_of_a_large_form_comes_before_its_end(count: int) -> None:
    """What is over a limit is not read to its end: the client has its answer while it still sends."""
    app = App("test", extensions=())
    sent: list[int] = []

    @app.post("/")
    async def take(request: Request) -> int:
        return len(request.form)

    def parts() -> Iterator[bytes]:
        for number in range(count):
            sent.append(number)
            yield b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nx\r\n' % number
        for _ in range(1000):
            sent.append(-1)
            yield b"" if count == 1000 else b"--b\r\nContent-Disposition: form-data; name=f\r\n\r\n\r\n"
        yield b"--b--\r\n"

    with TestClient(app) as client:
        response = client.post("/", content=parts(), headers=FORM)

    expected = (200, 1000) if count == 1000 else (413, 0)

    assert expected == (response.status_code, sent.count(-1))

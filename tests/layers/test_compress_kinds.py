"""One layer for pages, files and streams, in every coding: what arrives is what was sent."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import random
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import brotli
import pytest
import zstandard

from costrel.app import App
from costrel.errors import CostrelError
from costrel.layers import Compress
from costrel.messages import EventStream, FileResponse, ServerSentEvent, StreamResponse
from costrel.testing import TestClient

CODINGS = ["zstd", "br", "gzip"]
PAGE = "<p>all work and no play</p>" * 200
PIECES = [f"piece {number} of a stream, " * 10 for number in range(30)]
NOISE = random.Random(1).randbytes(500_000).hex().encode()  # long enough not to be read at once
TEXT = "all work and no play makes Jack a dull boy\n" * 5000  # more than one piece of a file


def decoder_of(coding: str) -> Callable[[bytes], bytes]:
    """Return what decodes one content piece by piece."""
    if coding == "gzip":
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress
    process: Callable[[bytes], bytes] = (
        brotli.Decompressor().process if coding == "br" else zstandard.ZstdDecompressor().decompressobj().decompress
    )
    return process


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of an application with a page, a file and streams."""
    path = tmp_path_factory.mktemp("files") / "text.txt"
    path.write_text(TEXT)
    app = App("test", use=[Compress(types=["text/*", "text/event-stream"])])

    @app.get("/page")
    async def page() -> str:
        return PAGE

    @app.get("/file")
    async def file() -> FileResponse:
        return FileResponse(path)

    @app.get("/stream")
    async def stream() -> StreamResponse:
        async def pieces() -> AsyncIterator[str]:
            for piece in PIECES:
                yield piece

        return StreamResponse(pieces(), media_type="text/plain")

    @app.get("/sync")
    def sync() -> StreamResponse:
        return StreamResponse(iter(PIECES), media_type="text/plain")

    @app.get("/events")
    async def events() -> EventStream:
        async def all_events() -> AsyncIterator[ServerSentEvent]:
            for number in range(5):
                yield ServerSentEvent(str(number))

        return EventStream(all_events())

    with app.test_client() as opened:
        yield opened


@pytest.mark.capability("N15")
@pytest.mark.capability("C046")
@pytest.mark.capability("C047")
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(
    ("path", "expected"),
    [("/page", PAGE), ("/file", TEXT), ("/stream", "".join(PIECES)), ("/sync", "".join(PIECES))],
    ids=["page", "file", "stream", "stream-of-a-thread"],
)
def test_pages_files_and_streams_are_encoded_alike(client: TestClient, coding: str, path: str, expected: str) -> None:
    """The content is the same and shorter, and the answer says how it is encoded and what that follows from."""
    response = client.get(path, headers={"accept-encoding": coding})

    assert (coding, "Accept-Encoding") == (response.headers["content-encoding"], response.headers["vary"])
    assert expected.encode() == decoder_of(coding)(response.content)
    assert len(response.content) < len(expected)
    assert "accept-ranges" not in response.headers
    assert response.headers.get("etag", "W/").startswith("W/")


@pytest.mark.capability("C047")
@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        pytest.param("gzip, deflate, br, zstd", "zstd", id="browser-takes-ours"),
        pytest.param("gzip, deflate, br", "br", id="browser-without-zstd"),
        pytest.param("gzip;q=1.0, br;q=0.9, zstd;q=0.8", "gzip", id="its-own-order"),
        pytest.param("zstd;q=0.1, br;q=0.2", "br", id="the-higher-of-low"),
        pytest.param("zstd;q=0, br;q=0, gzip", "gzip", id="refused"),
        pytest.param("*", "zstd", id="anything"),
        pytest.param("*;q=0.5, zstd;q=0", "br", id="anything-else"),
        pytest.param("br;q=0.5, identity;q=0.9", None, id="rather-none"),
        pytest.param("BR", "br", id="case"),
        pytest.param("x-gzip", "gzip", id="old-name"),
        pytest.param("deflate, dcb, dcz, compress", None, id="no-dictionaries-and-nothing-unknown"),
    ],
)
def test_the_client_chooses(client: TestClient, accepted: str, expected: str | None) -> None:
    """By its qualities, and where these are equal we do."""
    response = client.get("/page", headers={"accept-encoding": accepted})

    assert (expected, "Accept-Encoding") == (response.headers.get("content-encoding"), response.headers["vary"])
    assert PAGE.encode() == (response.content if expected is None else decoder_of(expected)(response.content))


@pytest.mark.parametrize("coding", CODINGS)
def test_each_event_arrives_before_the_next(client: TestClient, coding: str) -> None:
    """Nothing is held back for a better ratio."""
    decode, seen = decoder_of(coding), []
    with client.stream("GET", "/events", headers={"accept-encoding": coding}) as response:
        assert coding == response.headers["content-encoding"]
        for piece in response.iter_bytes():
            text = decode(piece)
            if b"data" in text:
                seen.append(text.count(b"data:"))

    assert [1] * 5 == seen


def test_a_range_is_of_the_file_itself(client: TestClient) -> None:
    """Its bytes are counted as they are in the file, so it is not encoded, and its tag stays a strong one."""
    part = client.get("/file", headers={"accept-encoding": "gzip", "range": "bytes=10-2009"})

    assert (206, TEXT[10:2010]) == (part.status_code, part.text)
    assert (None, "Accept-Encoding") == (part.headers.get("content-encoding"), part.headers["vary"])
    assert not part.headers["etag"].startswith("W/")


def test_a_download_cannot_be_continued_by_the_tag_of_an_encoded_answer(client: TestClient) -> None:
    """A weak tag never matches in `If-Range` (RFC 9110 §13.1.5): else the parts of two codings were put together."""
    whole = client.get("/file", headers={"accept-encoding": "gzip"})
    fields = {"accept-encoding": "gzip", "range": "bytes=10-", "if-range": whole.headers["etag"]}

    assert 200 == client.get("/file", headers=fields).status_code


def test_a_file_that_the_client_has_is_not_sent_again(client: TestClient) -> None:
    """It knows the weak tag, and is told that tag again."""
    tag = client.get("/file", headers={"accept-encoding": "br"}).headers["etag"]
    again = client.get("/file", headers={"accept-encoding": "br", "if-none-match": tag})

    assert (304, tag, "Accept-Encoding") == (again.status_code, again.headers["etag"], again.headers["vary"])


@pytest.mark.parametrize("path", ["/file", "/stream", "/page"])
def test_head_says_what_get_says(client: TestClient, path: str) -> None:
    """And sends nothing."""
    headers = {"accept-encoding": "br"}
    got, head = client.get(path, headers=headers), client.head(path, headers=headers)

    assert b"" == head.content
    names = ("content-encoding", "vary", "etag", "content-type")
    assert [got.headers.get(name) for name in names] == [head.headers.get(name) for name in names]


def descriptors_of(path: Path) -> int:
    """Return how often this process has a file open."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found += str(descriptor.readlink()) == str(path)
    return found


@pytest.mark.parametrize("coding", CODINGS)
def test_a_file_that_is_encoded_is_closed(tmp_path: Path, coding: str) -> None:
    """At its end, after a HEAD, when the client leaves in the middle, and when it became shorter meanwhile."""
    path = tmp_path / "text.txt"
    path.write_bytes(NOISE)
    app = App("test", use=[Compress(encodings=[coding], levels={coding: 1})])
    app.add_route("/", lambda: FileResponse(path), methods=["GET"], inline=True)
    headers = {"accept-encoding": coding}

    def read_while_it_is_cut() -> None:
        with own.stream("GET", "/", headers=headers) as response:
            pieces = response.iter_bytes()
            next(pieces)
            path.write_text("short")
            list(pieces)

    with app.test_client() as own:
        own.head("/", headers=headers)
        assert 0 == descriptors_of(path)
        with own.stream("GET", "/", headers=headers) as response:
            next(response.iter_bytes())
            assert 1 == descriptors_of(path)
        assert 0 == descriptors_of(path)
        assert NOISE == decoder_of(coding)(own.get("/", headers=headers).content)
        assert 0 == descriptors_of(path)
        with pytest.raises(CostrelError):
            read_while_it_is_cut()
        assert 0 == descriptors_of(path)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("is_async", [True, False], ids=["async", "thread"])
def test_a_stream_that_fails_has_no_end(coding: str, is_async: bool) -> None:
    """What came before can be read, the generator has ended, and no decoder takes that for complete."""
    ended: list[str] = []

    async def pieces() -> AsyncIterator[str]:
        try:
            yield "one"
            await asyncio.sleep(0.005)
            raise RuntimeError("broken")
        finally:
            ended.append("ended")

    def sync_pieces() -> Iterator[str]:
        try:
            yield "one"
            time.sleep(0.005)
            raise RuntimeError("broken")
        finally:
            ended.append("ended")

    app = App("test", use=[Compress(encodings=[coding])])

    @app.get("/")
    async def broken() -> StreamResponse:
        return StreamResponse(pieces() if is_async else sync_pieces(), media_type="text/plain")

    received: list[bytes] = []

    def read() -> None:
        with own.stream("GET", "/", headers={"accept-encoding": coding}) as response:
            received.extend(response.iter_bytes())

    with app.test_client() as own:
        with pytest.raises(RuntimeError):
            read()
        assert ["ended"] == ended

    assert b"one" == decoder_of(coding)(b"".join(received))
    with pytest.raises((EOFError, brotli.error)):
        decode_whole(coding, b"".join(received))


def decode_whole(coding: str, content: bytes) -> bytes:
    """Decode a content that must have its end."""
    if coding == "gzip":
        return gzip.decompress(content)
    if coding == "br":
        return bytes(brotli.decompress(content))
    state = zstandard.ZstdDecompressor().decompressobj()
    decoded = state.decompress(content)
    if not state.eof:
        raise EOFError
    return decoded

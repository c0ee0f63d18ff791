from __future__ import annotations

import sys
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

from costrel.app import App
from costrel.errors import ConfigurationError
from costrel.layers import Compress
from costrel.messages import Response, StreamResponse, WebSocket
from costrel.testing import TestClient

TEXT = b"all work and no play " * 100
LARGE = b"0123456789abcdef" * 16_384
GZIP = {"accept-encoding": "gzip"}


def unzipped(content: bytes) -> bytes:
    return zlib.decompress(content, 16 + zlib.MAX_WBITS)


def answering(response: Response, layer: Compress | None = None, meta: dict[str, object] | None = None) -> TestClient:
    """Make a client of an app that gives one answer."""
    app = App("test", use=[layer or Compress(encodings=["gzip"])])

    @app.get("/", meta=meta or {})
    async def index() -> Response:
        return response

    return app.test_client()


def received(response: Response, layer: Compress | None = None) -> tuple[bytes, dict[str, str]]:
    with answering(response, layer) as client:
        answer = client.get("/", headers=GZIP)
        return answer.content, dict(answer.headers.items())


@pytest.mark.parametrize("content", [TEXT, LARGE], ids=["inline", "in-a-thread"])
def test_complete_content_is_encoded(content: bytes) -> None:
    """It is shorter, its length is the new one, its tag is weak, and the answer varies."""
    headers = {"etag": '"v1"', "content-length": str(len(content))}
    body, fields = received(Response(content, headers=headers, media_type="text/plain"))

    assert content == unzipped(body)
    assert ["gzip", 'W/"v1"', "Accept-Encoding", str(len(body))] == [
        fields[name] for name in ("content-encoding", "etag", "vary", "content-length")
    ]


@pytest.mark.capability("C046")
@pytest.mark.security("L14")
@pytest.mark.parametrize(
    ("status_code", "media_type", "headers"),
    [
        pytest.param(200, "image/png", {}, id="compressed-type"),
        pytest.param(200, "text/event-stream", {}, id="event-stream"),
        pytest.param(200, "text/plain", {"content-encoding": "br"}, id="encoded"),
        pytest.param(200, "text/plain", {"repr-digest": "sha-256=:eA==:"}, id="digest"),
        pytest.param(200, "text/plain", {"cache-control": "public, No-Transform"}, id="no-transform"),
        pytest.param(200, "text/plain", {"set-cookie": "csrf=1"}, id="cookie"),
        pytest.param(200, "text/plain", {"x-no-compression": "1"}, id="asked-not-to"),
    ],
)
def test_what_must_not_be_encoded_is_left_alone(status_code: int, media_type: str, headers: dict[str, str]) -> None:
    """Neither the content nor the fields change."""
    body, fields = received(Response(TEXT, status_code, headers, media_type))

    assert TEXT == body
    assert headers.get("content-encoding") == fields.get("content-encoding")
    assert "vary" not in fields
    assert "x-no-compression" not in fields


@pytest.mark.capability("C046")
@pytest.mark.parametrize("size_bytes", [0, 499])
def test_short_content_is_left_alone(size_bytes: int) -> None:
    """Encoding would cost more than it saves."""
    body, fields = received(Response(b"x" * size_bytes, media_type="text/plain"))

    assert size_bytes == len(body)
    assert "content-encoding" not in fields


def test_a_route_can_stand_outside() -> None:
    """Its `meta` says so."""
    with answering(Response(TEXT, media_type="text/plain"), meta={"compress": False}) as client:
        assert TEXT == client.get("/", headers=GZIP).content


@pytest.mark.parametrize("accepted", [None, "", "identity", "gzip;q=0", "*;q=0", ";q="])
def test_a_client_that_takes_no_coding_gets_none(accepted: str | None) -> None:
    """The answer varies all the same."""
    with answering(Response(TEXT, media_type="text/plain")) as client:
        response = client.get("/", headers={} if accepted is None else {"accept-encoding": accepted})

    assert TEXT == response.content
    assert "Accept-Encoding" == response.headers["vary"]


def test_any_accept_encoding_gets_the_content() -> None:
    """Whatever the field says, the content can be read by what the answer says."""

    @given(accepted=st.text(st.sampled_from("gzipbr*;q=01.5, identity"), max_size=250))
    def check(accepted: str) -> None:
        response = client.get("/", headers={"accept-encoding": accepted.strip()})

        is_encoded = response.headers.get("content-encoding") == "gzip"
        assert TEXT == (unzipped(response.content) if is_encoded else response.content)

    with answering(Response(TEXT, media_type="text/plain")) as client:
        check()


def test_head_has_the_fields_of_get() -> None:
    """The length is that of the encoded content."""
    with answering(Response(TEXT, media_type="text/plain")) as client:
        got, head = client.get("/", headers=GZIP), client.head("/", headers=GZIP)

    assert b"" == head.content
    assert [got.headers[name] for name in ("content-length", "content-encoding", "vary")] == [
        head.headers[name] for name in ("content-length", "content-encoding", "vary")
    ]


def test_a_304_names_the_weak_tag() -> None:
    """The client finds what it has kept."""
    _, fields = received(Response(None, 304, {"etag": '"v1"'}))

    assert ('W/"v1"', "Accept-Encoding") == (fields["etag"], fields["vary"])


def test_a_stream_holds_nothing_back_and_is_closed() -> None:
    """Each piece can be read before the next is made, and the generator ends with the answer."""
    seen: list[str] = []
    decoder = zlib.decompressobj(16 + zlib.MAX_WBITS)

    async def pieces() -> AsyncIterator[str]:
        try:
            for number in range(3):
                seen.append(f"made {number}")
                yield f"piece {number}"
        finally:
            seen.append("closed")

    with (
        answering(StreamResponse(pieces(), media_type="text/plain")) as client,
        client.stream("GET", "/", headers=GZIP) as response,
    ):
        assert "content-length" not in response.headers
        texts = [decoder.decompress(piece) for piece in response.iter_bytes()]

    assert [b"piece 0", b"piece 1", b"piece 2"] == [text for text in texts if text]
    assert decoder.eof
    assert ["made 0", "made 1", "made 2", "closed"] == seen


def test_a_long_stream_does_not_gather() -> None:
    """Each large piece is encoded in a thread and leaves as one small piece before the next is pulled."""
    piece = bytes(128 * 1024)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield piece

    decoder = zlib.decompressobj(16 + zlib.MAX_WBITS)
    with (
        answering(StreamResponse(pieces(), media_type="text/plain")) as client,
        client.stream("GET", "/", headers=GZIP) as response,
    ):
        sizes = [len(decoder.decompress(encoded)) for encoded in response.iter_bytes()]

    assert [len(piece)] * 64 == [size for size in sizes if size]
    assert decoder.eof


def test_levels_and_types_are_options() -> None:
    """A type that is listed is encoded, an event stream too; another is not."""
    layer = Compress(encodings=["gzip"], levels={"gzip": 9}, types=["text/event-stream", "application/x-*"])

    assert "gzip" == received(Response(TEXT, media_type="text/event-stream"), layer)[1]["content-encoding"]
    assert "gzip" == received(Response(TEXT, media_type="application/x-own"), layer)[1]["content-encoding"]
    assert "content-encoding" not in received(Response(TEXT, media_type="text/plain"), layer)[1]


def test_a_part_is_sent_as_it_is() -> None:
    """It names what the whole varies by (RFC 9110 §15.3.7)."""
    body, fields = received(Response(TEXT, 206, {"content-range": "bytes 0-2099/9999"}, "text/plain"))

    assert TEXT == body
    assert ("Accept-Encoding", None) == (fields["vary"], fields.get("content-encoding"))


@pytest.mark.parametrize("library", ["brotli", "zstandard"])
def test_a_coding_without_its_library_is_not_offered(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content goes out in another one."""
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    coding = {"brotli": "br", "zstandard": "zstd"}[library]
    with answering(Response(TEXT, media_type="text/plain"), Compress(encodings=[coding, "gzip"])) as client:
        response = client.get("/", headers={"accept-encoding": f"{coding}, gzip;q=0.1"})

    assert ("gzip", TEXT) == (response.headers["content-encoding"], unzipped(response.content))


def test_a_handshake_passes_untouched() -> None:
    """What is sent on the socket is no content of the answer."""
    app = App("test", use=[Compress(minimum_bytes=0, encodings=["gzip"])])

    @app.websocket("/ws")
    async def talk(socket: WebSocket) -> None:
        await socket.send("hello " * 1000)

    with app.test_client() as client, client.websocket("/ws", headers=GZIP) as socket:
        assert "hello " * 1000 == socket.receive()
        assert {"content-encoding", "vary"}.isdisjoint(socket.headers)


def test_a_handshake_to_a_mounted_application_passes_too() -> None:
    """There the layer does not know beforehand that it is one."""
    inner, app = App("inner"), App("test", use=[Compress(minimum_bytes=0, encodings=["gzip"])])

    @inner.websocket("/ws")
    async def talk(socket: WebSocket) -> None:
        await socket.send("hello")

    app.mount("/inner", inner)
    with app.test_client() as client, client.websocket("/inner/ws", headers=GZIP) as socket:
        assert "hello" == socket.receive()
        assert {"content-encoding", "vary"}.isdisjoint(socket.headers)


@pytest.mark.parametrize(
    "options",
    [
        {"minimum_bytes": -1},
        {"encodings": ["deflate"]},
        {"encodings": []},
        {"levels": {"gzip": 10}},
        {"levels": {"lzma": 1}},
        {"types": "text/*"},
        {"types": ["text"]},
    ],
    ids=repr,
)
def test_what_cannot_be_meant_is_refused(options: dict[str, Any]) -> None:
    """It is found when the layer is made."""
    with pytest.raises(ConfigurationError) as caught:
        Compress(**options)

    assert "COS-LAYERS-001" == caught.value.mistake.code

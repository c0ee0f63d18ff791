from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from costrel.errors import BadRequest, ClientDisconnected, ContentTooLarge, UnsupportedMediaType
from costrel.http import RequestHeaders
from costrel.messages.content import SpooledContent, read_content
from costrel.messages.limits import DEFAULT_LIMITS

SMALL = replace(DEFAULT_LIMITS, max_body_bytes=10, max_multipart_bytes=400, spool_threshold_bytes=4)
BOUNDARY = b"----b"
FORM = (
    b'------b\r\nContent-Disposition: form-data; name="a"\r\n\r\none\r\n'
    b'------b\r\nContent-Disposition: form-data; name="f"; filename="x.txt"\r\n\r\nfile\r\n------b--\r\n'
)


def headers_of(**fields: str) -> RequestHeaders:
    return RequestHeaders([(name.replace("_", "-"), value) for name, value in fields.items()])


def cut(content: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(content) + 1) for place in places), len(content)]
    return [piece for start, stop in zip(edges, edges[1:], strict=False) if (piece := content[start:stop])]


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_short_body_with_a_length_costs_one_read(scripted, run):
    """A body that is complete in its first piece is returned after one read."""

    async def main(loop_state):
        exchange = scripted([b"hello"], loop_state)
        content = await read_content(exchange, headers_of(content_length="5"), DEFAULT_LIMITS, max_body_bytes=None)
        return content, exchange.read_count

    assert (b"hello", 1) == run(main)


def test_an_empty_body_costs_no_read(scripted, run):
    """A body of declared length 0 is not waited for."""

    async def main(loop_state):
        exchange = scripted([RuntimeError("read")], loop_state)
        content = await read_content(exchange, headers_of(content_length="0"), DEFAULT_LIMITS, max_body_bytes=None)
        return content, exchange.read_count

    assert (b"", 0) == run(main)


@pytest.mark.pain("P11")
@pytest.mark.capability("C029")
@pytest.mark.parametrize("length", [pytest.param(9, id="below"), pytest.param(10, id="at-the-limit")])
@pytest.mark.parametrize("is_declared", [True, False])
def test_a_body_up_to_the_limit_is_read(scripted, run, length, is_declared):
    """A body of n - 1 and of n bytes passes a limit of n, declared or chunked."""
    fields = {"content_length": str(length)} if is_declared else {"transfer_encoding": "chunked"}

    async def main(loop_state):
        exchange = scripted([b"x" * length], loop_state)
        content = await read_content(exchange, headers_of(**fields), SMALL, max_body_bytes=None)
        return content if isinstance(content, bytes) else content.read()

    assert b"x" * length == run(main)


@pytest.mark.pain("P11")
@pytest.mark.capability("C029")
def test_a_declared_length_over_the_limit_is_refused_before_reading(scripted, run):
    """A Content-Length over the limit is 413, and nothing is read."""

    async def main(loop_state):
        exchange = scripted([b"x" * 11], loop_state)
        with pytest.raises(ContentTooLarge):
            await read_content(exchange, headers_of(content_length="11"), SMALL, max_body_bytes=None)
        return exchange.read_count

    assert 0 == run(main)


@pytest.mark.pain("P11")
def test_a_chunked_body_is_cut_at_the_byte(scripted, run):
    """Of a chunked body never more than one byte over the limit is asked for."""

    async def main(loop_state):
        exchange = scripted([b"x" * 6, b"y" * 1000], loop_state)
        with pytest.raises(ContentTooLarge):
            await read_content(exchange, headers_of(transfer_encoding="chunked"), SMALL, max_body_bytes=None)
        return exchange.asked

    assert [11, 5] == run(main)


def test_a_limit_of_the_request_holds_for_every_media_type(scripted, run):
    """A limit that a layer has set is above those of the settings, multipart included."""

    async def main(loop_state):
        headers = headers_of(content_type="multipart/form-data; boundary=----b", content_length=str(len(FORM)))
        with pytest.raises(ContentTooLarge):
            await read_content(scripted([FORM], loop_state), headers, SMALL, max_body_bytes=len(FORM) - 1)
        return await read_content(scripted([FORM], loop_state), headers, SMALL, max_body_bytes=len(FORM))

    assert FORM == run(main).read()


@pytest.mark.security("C32")
@pytest.mark.parametrize(
    ("pieces", "error"),
    [
        pytest.param([b"abc"], ClientDisconnected, id="three-of-five-bytes"),
        pytest.param([], ClientDisconnected, id="nothing"),
        pytest.param([b"abcdef"], BadRequest, id="six-of-five-bytes"),
        pytest.param([b"abc", ClientDisconnected()], ClientDisconnected, id="the-transport-says-so"),
    ],
)
def test_a_body_is_never_taken_as_complete_when_it_is_not(scripted, run, pieces, error):
    """A body that is shorter or longer than it said is an error, never a value."""

    async def main(loop_state):
        with pytest.raises(error):
            await read_content(
                scripted(pieces, loop_state), headers_of(content_length="5"), DEFAULT_LIMITS, max_body_bytes=None
            )

    run(main)


@pytest.mark.security("C31")
@pytest.mark.parametrize("coding", ["gzip", "br", "deflate, gzip", "identity, gzip"])
def test_a_compressed_body_is_refused(scripted, run, coding):
    """A content coding is 415, because nothing is decompressed."""

    async def main(loop_state):
        with pytest.raises(UnsupportedMediaType) as caught:
            await read_content(
                scripted([b"x"], loop_state), headers_of(content_encoding=coding), DEFAULT_LIMITS, max_body_bytes=None
            )
        return caught.value.headers

    assert {"Accept-Encoding": "identity"} == run(main)


def test_the_identity_coding_is_no_coding(scripted, run):
    """`identity` is what every body is."""

    async def main(loop_state):
        return await read_content(
            scripted([b"x"], loop_state), headers_of(content_encoding="Identity"), DEFAULT_LIMITS, max_body_bytes=None
        )

    assert b"x" == run(main)


def test_long_content_goes_to_one_file_written_off_the_loop(scripted, run, monkeypatch):
    """Past the threshold the content is in one file, and no thread but those of the file lane writes it."""
    import threading

    from costrel.messages import open_file

    writers = set()
    write_all = open_file._write_all

    def watched(file, piece):
        writers.add(threading.current_thread().name.rpartition("-")[0])
        write_all(file, piece)

    monkeypatch.setattr(open_file, "_write_all", watched)

    async def main(loop_state):
        before = open_descriptors()
        pieces = [bytes([number]) * 1000 for number in range(50)]
        limits = replace(DEFAULT_LIMITS, spool_threshold_bytes=4096)
        content = await read_content(
            scripted(pieces, loop_state), headers_of(content_length="50000"), limits, max_body_bytes=None
        )
        assert isinstance(content, SpooledContent)
        assert open_descriptors() == before + 1
        assert b"".join(pieces) == content.read() == b"".join(content.iter_chunks(777))
        with content.open(1000, 2000) as window:
            assert (bytes([1]) * 1000 + bytes([2]) * 1000) == window.read()
        content.close()
        content.close()
        assert open_descriptors() == before
        with pytest.raises(ValueError, match="closed"):
            content.read()

    run(main)

    assert {"costrel-files"} == writers


@pytest.mark.security("C21")
@pytest.mark.parametrize("is_form", [True, False])
def test_an_aborted_upload_leaves_no_file(scripted, run, is_form):
    """Uploads that break off half way leave no open file behind."""
    limits = replace(DEFAULT_LIMITS, spool_threshold_bytes=100)
    head = b'------b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n'
    fields = {"content_length": "100000"}
    if is_form:
        fields["content_type"] = "multipart/form-data; boundary=----b"

    async def main(loop_state):
        before = open_descriptors()
        for _ in range(50):
            exchange = scripted([head, b"x" * 500, b"y" * 500, ClientDisconnected()], loop_state)
            with pytest.raises(ClientDisconnected):
                await read_content(exchange, headers_of(**fields), limits, max_body_bytes=None)
        return open_descriptors() - before

    assert 0 == run(main)


@pytest.mark.security("C21")
def test_a_cancelled_upload_leaves_no_file(scripted, run):
    """A request that is cancelled while a thread writes leaves no open file behind."""
    limits = replace(DEFAULT_LIMITS, spool_threshold_bytes=10)

    async def main(loop_state):
        before = open_descriptors()
        for turns in range(12):
            exchange = scripted([b"x" * 50] * 40, loop_state)
            task = asyncio.ensure_future(read_content(exchange, headers_of(), limits, max_body_bytes=None))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        # What a thread was doing when it was cancelled ends in that thread.
        for _ in range(1000):
            if open_descriptors() == before:
                break
            await loop_state.files.submit(lambda _: None, None)
        return open_descriptors() - before

    assert 0 == run(main)


@settings(max_examples=50, deadline=None)
@given(places=st.lists(st.integers(0, 500), max_size=8), threshold=st.integers(0, 300), is_declared=st.booleans())
def test_a_form_is_the_same_however_it_is_cut(scripted, run, places, threshold, is_declared):
    """Any split of a body into pieces, spooled or not, gives the same content and the same index."""
    limits = replace(DEFAULT_LIMITS, spool_threshold_bytes=threshold)
    fields = {"content_type": "multipart/form-data; boundary=----b"}
    fields |= {"content_length": str(len(FORM))} if is_declared else {"transfer_encoding": "chunked"}

    async def main(loop_state):
        exchange = scripted(cut(FORM, places), loop_state)
        content = await read_content(exchange, headers_of(**fields), limits, max_body_bytes=None)
        assert isinstance(content, SpooledContent)
        assert content.index is not None
        part = content.index.files[0]
        found = content.read(), content.index.fields, content.read_at(part.offset, part.size_bytes)
        content.close()
        return found

    assert (FORM, (("a", "one"),), b"file") == run(main)


def test_a_request_without_a_body_is_no_broken_form(scripted, run):
    """A media type of a form on a request that has no body at all is harmless."""

    async def main(loop_state):
        headers = headers_of(content_type="multipart/form-data; boundary=x")
        return await read_content(scripted([], loop_state), headers, DEFAULT_LIMITS, max_body_bytes=None)

    assert b"" == run(main)


def test_an_empty_form_of_declared_length_is_cut_off(scripted, run):
    """A form that says it has content and has none lacks its final boundary."""

    async def main(loop_state):
        headers = headers_of(content_type="multipart/form-data; boundary=x", content_length="0")
        with pytest.raises(BadRequest):
            await read_content(scripted([], loop_state), headers, DEFAULT_LIMITS, max_body_bytes=None)

    run(main)


@given(data=st.binary(max_size=200), offset=st.integers(0, 210), size=st.none() | st.integers(0, 210))
def test_a_window_shows_the_slice(data, offset, size):
    """A window on content reads exactly the slice that it was opened on."""
    window = SpooledContent(data, len(data)).open(offset, size)
    expected = data[offset:] if size is None else data[offset : offset + size]

    assert expected == window.read()
    window.seek(-min(3, len(expected)), os.SEEK_END)

    assert expected[len(expected) - min(3, len(expected)) :] == window.read()


def test_a_window_has_no_place_before_its_beginning():
    """Seeking before the start is an error, as in any file."""
    window = SpooledContent(b"abc", 3).open()
    with pytest.raises((ValueError, OSError)):
        window.seek(-1)

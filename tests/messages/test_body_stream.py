from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from costrel.errors import BadRequest, BodyStreamed, ClientDisconnected, ContentTooLarge, UnsupportedMediaType
from costrel.http import RequestHeaders
from costrel.messages.body_stream import BodyStream
from costrel.messages.content import SpooledContent
from costrel.messages.limits import DEFAULT_LIMITS

TYPE = "multipart/form-data; boundary=b"


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    file = f'; filename="{filename}"' if filename is not None else ""
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + content + b"\r\n"


def stream_of(scripted, pieces, *, limits=DEFAULT_LIMITS, kept=None, **fields) -> BodyStream:
    headers = RequestHeaders([(name.replace("_", "-"), value) for name, value in fields.items()])
    return BodyStream(scripted(pieces), headers, limits, None, kept)


@pytest.mark.capability("C027")
def test_pieces_are_handed_over_as_they_come(scripted, run):
    """Each read of the transport is one piece, and nothing is read ahead."""

    async def main(_):
        body = stream_of(scripted, [b"a", b"bc"])
        first, read_count = await anext(body), body._exchange.read_count
        return first, read_count, [piece async for piece in body], await body.read()

    assert (b"a", 1, [b"bc"], b"") == run(main)


@pytest.mark.pain("P12")
@pytest.mark.parametrize("kept", [b"abc", b"", SpooledContent(b"abc", 3)])
def test_kept_content_is_handed_out_again(scripted, run, kept):
    """After a full read the stream replays it, and never waits for the transport."""

    async def main(_):
        body = stream_of(scripted, [RuntimeError("read")], kept=kept)
        return await body.read(), await body.read()

    expected = kept if isinstance(kept, bytes) else b"abc"

    assert (expected, b"") == run(main)


@pytest.mark.capability("C029")
@pytest.mark.parametrize("length", [9, 10, 11])
def test_the_limit_holds_while_streaming(scripted, run, length):
    """A streamed body of n + 1 bytes is 413 at a limit of n."""

    async def main(_):
        body = stream_of(scripted, [b"x" * length], limits=replace(DEFAULT_LIMITS, max_body_bytes=10))
        if length <= 10:
            return await body.read()
        with pytest.raises(ContentTooLarge):
            await body.read()
        return b"x" * length

    assert b"x" * length == run(main)


@pytest.mark.security("C32")
def test_a_short_stream_is_a_disconnect(scripted, run):
    """A body that ends early is never taken as complete."""

    async def main(_):
        with pytest.raises(ClientDisconnected):
            await stream_of(scripted, [b"abc"], content_length="5").read()

    run(main)


@pytest.mark.capability("C028")
def test_a_part_is_there_before_the_next_arrives(scripted, run):
    """The second part is read whole before the third has come in."""
    pieces = [part("a", b"1"), part("f", b"23", "x"), b"--b\r\n", part("c", b"4")[5:], b"--b--"]

    async def main(_):
        body = stream_of(scripted, pieces, content_type=TYPE)
        seen = []
        async for item in body.parts():
            seen.append((item.name, item.filename, await item.read(), len(body._exchange.pieces)))
        return seen

    assert [("a", None, b"1", 3), ("f", "x", b"23", 2), ("c", None, b"4", 0)] == run(main)


@pytest.mark.capability("C028")
def test_what_of_a_part_is_not_read_is_skipped(scripted, run):
    """A part that is left behind gives nothing more, and the next one is whole."""

    async def main(_):
        body = stream_of(scripted, [part("a", b"1" * 10) + part("b", b"2") + b"--b--"], content_type=TYPE)
        items = [item async for item in body.parts()]
        return [(item.name, await item.read()) for item in items]

    assert [("a", b""), ("b", b"")] == run(main)


def test_a_part_is_text_in_utf_8(scripted, run):
    """Text is decoded as UTF-8, with U+FFFD for what is none."""

    async def main(_):
        body = stream_of(scripted, [part("a", b"\xc3\xa9\xff") + b"--b--"], content_type=TYPE)
        return [await item.text() async for item in body.parts()]

    assert ["é�"] == run(main)


@pytest.mark.parametrize(
    ("filename", "max_bytes", "is_good"), [(None, None, False), ("x", None, True), ("x", 10, False)]
)
def test_reading_a_part_has_a_limit(scripted, run, filename, max_bytes, is_good):
    """A text field has the limit of fields; a file only that of the body, or the one that is asked for."""

    async def main(_):
        limits = replace(DEFAULT_LIMITS, max_form_field_bytes=10)
        body = stream_of(scripted, [part("a", b"x" * 11, filename) + b"--b--"], limits=limits, content_type=TYPE)
        async for item in body.parts():
            if is_good:
                assert b"x" * 11 == await item.read(max_bytes=max_bytes)
            else:
                with pytest.raises(ContentTooLarge):
                    await item.read(max_bytes=max_bytes)

    run(main)


def test_only_a_form_has_parts(scripted, run):
    """Parts of anything but multipart/form-data are 415; of a body that was begun, a mistake."""

    async def main(_):
        with pytest.raises(UnsupportedMediaType):
            await anext(stream_of(scripted, [b"x"], content_type="text/plain").parts())
        begun = stream_of(scripted, [part("a", b"1"), b"--b--"], content_type=TYPE)
        await anext(begun)
        with pytest.raises(BodyStreamed):
            await anext(begun.parts())

    run(main)


@pytest.mark.security("C10")
@settings(max_examples=60, deadline=None)
@given(length=st.integers(0, 200), places=st.lists(st.integers(0, 200), max_size=4))
def test_a_form_that_is_cut_off_is_refused(scripted, run, length, places):
    """However a form is cut off, reading its parts ends with 400, never with a part that is not whole."""
    body = part("a", b"12345") + part("f", b"67890", "x") + b"--b--"
    sent = body[: length % len(body)]
    edges = [0, *sorted(place % (len(sent) + 1) for place in places), len(sent)]
    pieces = [sent[a:b] for a, b in zip(edges, edges[1:], strict=False) if a < b]

    whole = []

    async def main(_):
        async for item in stream_of(scripted, pieces, content_type=TYPE).parts():
            whole.append(await item.read())

    with pytest.raises(BadRequest):
        run(main)

    assert whole in ([], [b"12345"], [b"12345", b"67890"])

from __future__ import annotations

import pytest

from costrel.messages.streaming import StreamResponse


@pytest.mark.capability("C040")
@pytest.mark.parametrize(
    ("pieces", "given", "expected"),
    [
        pytest.param(["<p>"], None, "text/html; charset=utf-8", id="text"),
        pytest.param([b"\x00"], None, "application/octet-stream", id="bytes"),
        pytest.param([], None, "text/html; charset=utf-8", id="nothing"),
        pytest.param([b"a"], "text/csv", "text/csv", id="given"),
    ],
)
def test_the_first_piece_decides_the_media_type(run, pieces, given, expected):
    """Text is HTML and bytes are bytes, unless the handler says what they are."""

    async def main(_):
        response = StreamResponse(iter(pieces), media_type=given)
        await response.prime()
        return response.media_type

    assert expected == run(main)


def test_a_media_type_that_was_changed_since_stays(run):
    """The first piece decides once; who starts the stream again finds it decided."""

    async def main(_):
        response = StreamResponse(iter([b"a"]))
        await response.prime()
        decided, response.media_type = response.media_type, "text/html; charset=utf-8"
        await response.prime()
        return decided, response.media_type

    assert ("application/octet-stream", "text/html; charset=utf-8") == run(main)


@pytest.mark.parametrize(
    ("head_first", "expected"),
    [
        pytest.param(False, ("application/octet-stream", 1), id="first-piece-first"),
        pytest.param(True, ("text/html; charset=utf-8", 0), id="head-first"),
    ],
)
def test_a_response_is_primed_in_a_thread_as_on_the_loop(head_first, expected):
    """`prime_here` decides the same things as `prime`."""
    pulled = []

    def pieces():
        pulled.append(1)
        yield b"a"

    response = StreamResponse(pieces(), send_head_first=head_first)
    response.prime_here()

    assert expected == (response.media_type, len(pulled))


def test_a_content_type_field_is_a_given_media_type(run):
    """A Content-Type among the header fields is kept, whatever the first piece is."""

    async def main(_):
        response = StreamResponse(iter([b"a"]), headers={"Content-Type": "text/html; charset=utf-8"})
        await response.prime()
        return response.headers["content-type"]

    assert "text/html; charset=utf-8" == run(main)


def test_the_head_can_go_first(run):
    """With `send_head_first` nothing is pulled before the head is sent."""

    async def main(_):
        pulled = []
        response = StreamResponse((pulled.append(1) for _ in range(1)), send_head_first=True, content_length=3)
        await response.prime()
        return pulled, response.body.content_length

    assert ([], 3) == run(main)


def test_a_copy_keeps_what_it_is(run, scripted):
    """A copy of a stream response has its own head and the same body."""
    response = StreamResponse(iter(["a"]), send_head_first=True, headers={"X-A": "1"})
    twin = response.copy()
    twin.headers["x-a"] = "2"

    assert isinstance(twin, StreamResponse)
    assert twin.send_head_first
    assert response.body is twin.body
    assert "1" == response.headers["x-a"]

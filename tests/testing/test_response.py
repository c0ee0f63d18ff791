"""What a test gets back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from costrel.errors import HTTPError
from costrel.http import URL, Headers
from costrel.testing.outgoing import build_request
from costrel.testing.response import TestResponse


class Pieces:
    """Content that comes in given pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = [piece for piece in pieces if piece]

    async def next_piece(self) -> bytes:
        """Return the next piece, nothing at the end."""
        return self._pieces.pop(0) if self._pieces else b""


def make(status_code: int = 200, content: bytes | None = b"", media_type: str = "", *pieces: bytes) -> TestResponse:
    """Make a response to a GET."""
    sent = build_request("GET", URL("http://localhost/a"), Headers(), {})
    headers = Headers([("content-type", media_type)] if media_type else [])
    return TestResponse(sent, status_code, headers, content, source=Pieces(*pieces) if content is None else None)


@pytest.mark.parametrize(
    ("content", "media_type", "text"),
    [
        pytest.param("ü".encode(), "", "ü", id="utf-8-unless-it-says-so"),
        pytest.param(b"\xfc", "text/plain; charset=latin-1", "ü", id="the-charset-of-the-type"),
        pytest.param("ü".encode(), "text/plain; charset=klingon", "ü", id="an-unknown-charset"),
        pytest.param(b"\xff", "text/plain", "\N{REPLACEMENT CHARACTER}", id="bytes-that-are-no-text"),
    ],
)
def test_content_is_text_in_its_charset(content: bytes, media_type: str, text: str) -> None:
    """Text is decoded as the media type says, in UTF-8 without it, and never fails."""

    assert text == make(200, content, media_type).text


@dataclass
class Item:
    """What one endpoint answers."""

    id: int


def test_json_has_the_type_asked_for() -> None:
    """`json` gives plain values, or those of a type."""
    response = make(200, b'{"id": 3}')

    assert ({"id": 3}, Item(3)) == (response.json(), response.json(Item))


@pytest.mark.parametrize(
    ("status_code", "flags"),
    [
        pytest.param(204, (True, False, False), id="success"),
        pytest.param(304, (False, False, False), id="a-3xx-without-location"),
        pytest.param(404, (False, False, True), id="client-error"),
        pytest.param(503, (False, False, True), id="server-error"),
    ],
)
def test_the_status_in_words(status_code: int, flags: tuple[bool, bool, bool]) -> None:
    """The three questions are about the class of the status."""
    response = make(status_code)

    assert flags == (response.is_success, response.is_redirect, response.is_error)


def test_an_error_status_can_be_raised() -> None:
    """`raise_for_status` passes a success on and raises an error with what was said."""
    good = make(200)
    with pytest.raises(HTTPError) as error:
        make(404, b"no such user").raise_for_status()

    assert good is good.raise_for_status()
    assert "404: GET http://localhost/a: Not Found no such user" == str(error.value)


def test_a_stream_is_read_once_and_kept() -> None:
    """What was not read is not there; `aread` reads it and keeps it."""
    response = make(200, None, "", b"a", b"b")
    with pytest.raises(RuntimeError, match="streamed"):
        response.content  # noqa: B018
    with pytest.raises(RuntimeError, match="aiter_bytes"):
        list(response.iter_bytes())
    asyncio.run(response.aread())

    assert (b"ab", [b"ab"]) == (response.content, list(response.iter_bytes()))


def test_a_stream_is_driven_by_a_synchronous_client() -> None:
    """With somebody who runs the loop the pieces come one by one."""
    response = make(200, None, "", b"a", b"b")
    with asyncio.Runner() as runner:

        async def get(awaitable: object) -> bytes:
            return await awaitable

        response.drive_with(lambda awaitable: runner.run(get(awaitable)))
        pieces = list(response.iter_bytes())

    assert [b"a", b"b"] == pieces


LINES = b"one\r\ntwo\rthree\n\nf\xc3\xbcnf"


@pytest.mark.parametrize("cut", range(len(LINES) + 1))
def test_lines_are_the_same_wherever_the_pieces_are_cut(cut: int) -> None:
    """LF, CR and both end a line, and a cut inside of them or of a character changes nothing."""

    async def main() -> list[str]:
        return [line async for line in make(200, None, "", LINES[:cut], LINES[cut:]).aiter_lines()]

    assert ["one", "two", "three", "", "fünf"] == asyncio.run(main())


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        pytest.param(b"", [], id="nothing"),
        pytest.param(b"a\n", ["a"], id="a-final-end-begins-no-line"),
        pytest.param(b"a\n\r", ["a", ""], id="an-empty-last-line-with-its-end"),
    ],
)
def test_the_last_line(content: bytes, lines: list[str]) -> None:
    """A line that has an end is a line; nothing after the last end is none."""

    assert lines == list(make(200, content).iter_lines())

from __future__ import annotations

import io
import os

import pytest

from costrel.errors import CostrelError
from costrel.messages.file_body import PIECE_BYTES, FileBody, FileSlice
from costrel.messages.open_file import OpenFile


def body_of(content: bytes, *pieces: bytes | FileSlice) -> FileBody:
    file = OpenFile(lambda: io.BytesIO(content))
    return FileBody(file, pieces, size_bytes=len(content), mtime_ns=None)


def test_slices_and_frames_come_in_order(run):
    """A body is its pieces one after the other, long slices in several reads."""
    content = bytes(range(256)) * 2000
    body = body_of(content, b"head", FileSlice(10, len(content) - 10), b"tail")

    async def main(loop_state):
        body.attach(loop_state.files)
        pieces = [piece async for piece in body]
        await body.aclose()
        return pieces

    pieces = run(main)

    assert b"head" + content[10:] + b"tail" == b"".join(pieces)
    assert max(map(len, pieces)) <= PIECE_BYTES
    assert len(b"head" + content[10:] + b"tail") == body.content_length


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param((FileSlice(3, 4),), (True, 3, 4), id="one-slice"),
        pytest.param((b"a", FileSlice(3, 4), b"b", FileSlice(8, 1)), (False, 3, 5), id="framed"),
    ],
)
def test_a_plain_slice_is_described_for_sendfile(pieces, expected):
    """One slice is described by `offset` and `count`; a framed body is not plain."""
    body = body_of(b"0123456789", *pieces)

    assert expected == (body.is_plain, body.offset, body.count)


@pytest.mark.security("B21")
def test_a_file_that_became_shorter_aborts(run):
    """A read that gets less than was announced is an exception, never padding and never a clean end."""

    async def main(_):
        with pytest.raises(CostrelError, match="shorter"):
            [piece async for piece in body_of(b"abc", FileSlice(0, 4))]

    run(main)


def test_somebody_else_may_send_the_beginning(run, tmp_path):
    """What `transfer` has sent is not read again; it is told where to go on, and what is left is read."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    calls = []

    def send(descriptor, offset, count):
        calls.append((os.pread(descriptor, count, offset), offset, count))
        return count - 1

    async def main(loop_state):
        about = path.stat()
        body = FileBody(OpenFile.owning(path.open("rb")), (FileSlice(2, 7),), size_bytes=10, mtime_ns=about.st_mtime_ns)
        body.attach(loop_state.files)
        sent = [await body.transfer(send, 4), await body.transfer(send, 100)]
        rest = [piece async for piece in body]
        await body.aclose()
        return sent, rest

    assert ([3, 3], [b"8"]) == run(main)
    assert [(b"2345", 2, 4), (b"5678", 5, 4)] == calls


@pytest.mark.security("B21")
def test_a_file_that_was_changed_is_not_transferred(run, tmp_path):
    """`transfer` looks at the file first, and refuses one that is another by now; a body of several parts as well."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")

    async def main(_):
        body = FileBody(OpenFile.owning(path.open("rb")), (FileSlice(0, 10),), size_bytes=10, mtime_ns=1)
        with pytest.raises(CostrelError, match="changed"):
            await body.transfer(lambda *place: place[2], 10)
        await body.aclose()
        with pytest.raises(ValueError, match="several parts"):
            await body_of(b"abc", b"head", FileSlice(0, 3)).transfer(lambda *place: place[2], 10)

    run(main)

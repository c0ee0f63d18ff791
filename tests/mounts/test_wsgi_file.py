"""`wsgi.file_wrapper`."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from costrel.messages import FileSlice
from costrel.mounts.wsgi_file import FileWrapper, find_slice


class Pipe:
    """A file that cannot be sought in and has no `close`."""

    def __init__(self, blocks: list[bytes]) -> None:
        self.asked: list[int] = []
        self._blocks = blocks

    def read(self, size: int) -> bytes:
        self.asked.append(size)
        return self._blocks.pop(0) if self._blocks else b""


def test_file_is_read_in_large_blocks(tmp_path: Path) -> None:
    """A file on disk comes in blocks of 64 KiB, whatever was asked for."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 150_000)
    with path.open("rb") as file:
        sizes = [len(block) for block in FileWrapper(file, 8192)]

    assert [65536, 65536, 18928] == sizes


def test_file_that_may_wait_is_read_as_asked() -> None:
    """What cannot be sought in may have to be waited for, so no more is asked for than the application did."""
    pipe = Pipe([b"a", b"b"])

    assert [b"a", b"b"] == list(FileWrapper(cast("BinaryIO", pipe), 10))
    assert [10] * 3 == pipe.asked


def test_close_closes_the_file() -> None:
    """`close` closes the file if it can be closed."""
    file = io.BytesIO(b"x")
    FileWrapper(file).close()
    FileWrapper(cast("BinaryIO", Pipe([]))).close()

    assert file.closed


def test_middleware_may_seek() -> None:
    """Whoever cuts out a range finds the methods of a file."""
    wrapper = FileWrapper(io.BytesIO(b"0123456789"))

    assert (True, 4, 4, b"456789") == (wrapper.seekable(), wrapper.seek(4), wrapper.tell(), next(wrapper))
    assert FileWrapper(cast("BinaryIO", Pipe([]))).seekable() is False


@pytest.mark.parametrize(
    ("position", "declared", "part"),
    [
        pytest.param(0, None, FileSlice(0, 100_000), id="all-of-it"),
        pytest.param(10_000, None, FileSlice(10_000, 90_000), id="from-where-it-stands"),
        pytest.param(0, 70_000, FileSlice(0, 70_000), id="as-much-as-declared"),
        pytest.param(0, 200_000, FileSlice(0, 100_000), id="more-than-there-is"),
        pytest.param(0, 65_536, None, id="small-as-declared"),
        pytest.param(50_000, None, None, id="small-from-there"),
        pytest.param(150_000, None, None, id="beyond-the-end"),
    ],
)
def test_part_of_a_file_that_is_sent(
    tmp_path: Path, position: int, declared: int | None, part: FileSlice | None
) -> None:
    """A regular file is sent from its position on, up to the declared length; a small one is read."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    with path.open("rb") as file:
        file.seek(position)

        assert part == find_slice(FileWrapper(file), declared)


def test_what_is_no_regular_file_is_read(tmp_path: Path) -> None:
    """Memory, pipes, closed files, other iterables and subclasses come by being read."""

    class Own(FileWrapper):
        pass

    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    closed = path.open("rb")
    wrapped = FileWrapper(closed)
    closed.close()
    readable, writable = os.pipe()
    with os.fdopen(readable, "rb") as pipe, path.open("rb") as file:
        os.close(writable)
        contents = [FileWrapper(io.BytesIO(b"x" * 100_000)), FileWrapper(pipe), wrapped, Own(file), [b"x"], file]

        assert [None] * 6 == [find_slice(content, None) for content in contents]

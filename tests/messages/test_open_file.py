from __future__ import annotations

import io
import threading

import pytest
from hypothesis import given, strategies as st

from costrel.messages.open_file import OpenFile


class Reluctant(io.BytesIO):
    """A file that takes three bytes at a time, and gives two."""

    def write(self, data):
        return super().write(bytes(data)[:3])

    def read(self, size=-1):
        return super().read(min(size, 2))


@given(pieces=st.lists(st.binary(max_size=10), max_size=5), offset=st.integers(0, 60), size=st.integers(0, 60))
def test_what_was_appended_is_read_back(pieces, offset, size):
    """Any slice reads as it was written, also where the system takes and gives only parts."""
    memory = Reluctant()
    file = OpenFile(lambda: memory)
    file.append(pieces)

    assert b"".join(pieces)[offset : offset + size] == file.read_at(offset, size)


def test_nothing_is_opened_before_it_is_needed():
    """The file is opened by its first step, and never when there is none."""
    opened = []
    file = OpenFile(lambda: opened.append(1) or io.BytesIO())
    file.close()
    with pytest.raises(ValueError, match="closed"):
        file.append([b"x"])

    assert [] == opened
    assert file.is_closed


def test_a_close_waits_for_nobody_and_happens_after_the_step():
    """A file closed while a thread uses it is closed by that thread when its step ends."""
    memory = io.BytesIO()
    file = OpenFile(lambda: memory)
    is_inside, may_go_on = threading.Event(), threading.Event()

    def step(_):
        is_inside.set()
        may_go_on.wait(5)

    thread = threading.Thread(target=lambda: file.call(step))
    thread.start()
    is_inside.wait(5)
    file.close()

    assert not memory.closed
    may_go_on.set()
    thread.join(5)

    assert memory.closed


def test_a_temporary_file_has_a_descriptor_until_it_is_closed():
    """`fileno` is there as long as the file is."""
    file = OpenFile.temporary()
    file.append([b"abc"])

    assert file.fileno() >= 0
    file.close()
    with pytest.raises(ValueError, match="closed"):
        file.fileno()

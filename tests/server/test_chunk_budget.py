"""Tests of what a chunked body may have besides its content; through the parser they are in `test_parsing`."""

from __future__ import annotations

import pytest

from costrel.server.chunk_budget import ChunkBudget
from costrel.server.framing import FORBIDDEN_TRAILERS, MAX_CHUNK_BYTES
from costrel.server.parser_state import SLICE_BYTES
from costrel.server.settings import ServerSettings

SETTINGS = ServerSettings(
    max_chunk_overhead_bytes=100, max_trailer_bytes=50, max_trailer_count=3, max_header_field_bytes=50
)


def status(error: object) -> int | None:
    return getattr(error, "status_code", None)


@pytest.mark.security("A19")
@pytest.mark.parametrize("step", [-1, 0, 1])
@pytest.mark.parametrize("content_bytes", [0, 10])
def test_overhead_over_several_slices(content_bytes: int, step: int) -> None:
    """Overhead adds up over slices, and content earns eight times its length."""
    budget = ChunkBudget(SETTINGS)
    allowed = 100 + 8 * content_bytes
    budget.begin_slice()

    assert budget.end_slice(b";" * (50 + content_bytes), content_bytes, content_bytes) is None

    budget.begin_slice()

    assert (400 if step > 0 else None) == status(budget.end_slice(b";" * (allowed - 50 + step), 0, content_bytes))


def test_slice_with_the_head_is_not_overhead() -> None:
    """The head of a request is counted elsewhere."""
    assert ChunkBudget(SETTINGS).end_slice(b"a" * 10_000, None, 0) is None


@pytest.mark.security("A21")
def test_trailer_section_that_never_ends() -> None:
    """A trailer that brings no field to count is stopped by its bytes, whatever content was there before."""
    budget = ChunkBudget(SETTINGS)
    received = 10_000_000
    budget.end_slice(b"a" * received, received, received)
    fed = 0
    while fed < 50 + SLICE_BYTES:
        assert budget.end_slice(b"a" * 1000, 0, received) is None or fed + 1000 > 50 + SLICE_BYTES
        fed += 1000

    assert 431 == status(budget.end_slice(b"a" * 1000, 0, received))


@pytest.mark.security("A21")
@pytest.mark.parametrize("name", sorted(FORBIDDEN_TRAILERS))
def test_forbidden_trailer(name: bytes) -> None:
    """Fields for framing, routing and authentication have no place in a trailer section."""
    assert 400 == status(ChunkBudget(SETTINGS).add_trailer(name, b"1"))


@pytest.mark.parametrize(("value_bytes", "expected"), [(42, None), (43, None), (44, 431)])
def test_trailer_bytes(value_bytes: int, expected: int | None) -> None:
    """Name, value, colon, space and line end count."""
    assert expected == status(ChunkBudget(SETTINGS).add_trailer(b"x-a", b"a" * value_bytes))


def test_trailer_count() -> None:
    """As many fields as the limit says are fine."""
    budget = ChunkBudget(SETTINGS)

    assert [None, None, None, 431] == [status(budget.add_trailer(b"x", b"")) for _ in range(4)]


@pytest.mark.security("A15")
@pytest.mark.parametrize(("size", "expected"), [(MAX_CHUNK_BYTES, None), (MAX_CHUNK_BYTES + 1, 400)])
@pytest.mark.parametrize("begun", [0, 5])
def test_size_of_a_chunk_that_has_begun(size: int, expected: int | None, begun: int) -> None:
    """The size is read from the line in front of the content that ends the slice, and content is never taken for it."""
    budget = ChunkBudget(ServerSettings())
    budget.begin_slice()
    budget.add_content(3)
    budget.begin_chunk()
    budget.add_content(begun)

    assert expected == status(budget.end_slice(b"abc\r\n%x\r\n" % size + b"f" * begun, 3 + begun, 3 + begun))


def test_chunk_that_has_ended_is_not_looked_at() -> None:
    """After the end of a chunk the slice may end with the start of the next size."""
    budget = ChunkBudget(ServerSettings())
    budget.begin_chunk()
    budget.add_content(3)
    budget.end_chunk()

    assert budget.end_slice(b"3\r\nabc\r\nffff", 3, 3) is None

    budget.begin_slice()
    budget.begin_chunk()

    assert 400 == status(budget.end_slice(b"ffffffffffff\r\n", 0, 3))

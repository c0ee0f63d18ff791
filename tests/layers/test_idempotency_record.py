from __future__ import annotations

import pytest

from costrel.layers.idempotency_record import RELEASED, Done, Running, decode_entry, encode_entry, is_outcome
from costrel.messages import Response


@pytest.mark.parametrize(
    "entry",
    [Running(b"f", b"t", 1.5), Done(b"f", 201, [(b"location", b"/1")], b"\xff"), Done.without_answer(b"f", 200)],
    ids=lambda entry: type(entry).__name__,
)
def test_a_record_comes_back_as_it_was(entry: Running | Done) -> None:
    """Bytes are bytes."""
    assert entry == decode_entry(encode_entry(entry))


@pytest.mark.parametrize("content", [RELEASED, b"", b"\x93\xa1r", b"{}", b"\x92\xa1x\x01"], ids=repr)
def test_what_is_no_record_is_none(content: bytes) -> None:
    """It says nothing."""
    assert decode_entry(content) is None


@pytest.mark.parametrize(
    ("status_code", "expected"),
    [
        *((status_code, True) for status_code in (200, 201, 204, 303, 400, 402, 404, 410, 412, 422)),
        *((status_code, False) for status_code in (401, 403, 408, 409, 423, 425, 429, 500, 503, 504)),
    ],
)
def test_some_answers_say_what_became_of_a_request(status_code: int, expected: bool) -> None:
    """The others say that it should come again."""
    assert expected == is_outcome(status_code)


def test_an_answer_is_kept_without_what_belongs_to_one_moment() -> None:
    """No cookie and nothing of the connection; the rest in its order, twice where it was twice."""
    kept = [("location", "/1"), ("content-type", "text/plain"), ("link", "a"), ("link", "b")]
    left_out = [
        ("Date", "Sun, 09 Sep 2001 01:46:40 GMT"),
        ("Set-Cookie", "session=1"),
        ("Connection", "close, X-Hop"),
        ("X-Hop", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "4"),
    ]
    answer = Done.with_answer(b"f", Response(b"body", 201, [*kept, *left_out]), b"body").answer()

    assert answer is not None
    assert (201, b"body") == (answer.status_code, answer.body)
    assert [*kept, ("idempotency-replayed", "true")] == [
        (name.decode(), value.decode()) for name, value in answer.headers.raw
    ]


def test_each_answer_has_fields_of_its_own() -> None:
    """What a layer adds to one is not in the next."""
    done = Done(b"f", 200, [], b"")
    first, second = done.answer(), done.answer()

    assert first is not None
    assert second is not None
    first.headers["x-added"] = "1"
    assert "x-added" not in second.headers


def test_an_answer_that_was_not_kept_is_none() -> None:
    """An empty one that was kept is another matter."""
    assert Done.without_answer(b"f", 200).answer() is None
    assert Done(b"f", 204, [], b"").answer() is not None

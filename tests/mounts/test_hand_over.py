"""Pieces on their way: one at a time, in order, and told when nobody takes them."""

from __future__ import annotations

import asyncio

import pytest

from costrel.mounts.hand_over import HandOver, closed_error, is_wanted_end


def test_pieces_are_taken_in_order_and_their_senders_released_one_after_the_other() -> None:
    """A sender goes on when the piece after its own is asked for."""

    async def main() -> None:
        pieces: HandOver[str] = HandOver()
        woken: list[str] = []
        senders = [asyncio.create_task(pieces.put_and_wait(name, lambda: woken.append("woken"))) for name in "ab"]
        await asyncio.sleep(0)
        pieces.put("c")
        assert pieces
        assert ["woken"] * 2 == woken
        taken = []
        while pieces:
            taken.append(pieces.take())
            pieces.release()
            await asyncio.sleep(0)
        assert ["a", "b", "c"] == taken
        assert [True, True] == [sender.done() for sender in senders]
        assert not pieces.is_waited_with

    asyncio.run(main())


def test_a_sender_that_is_cancelled_takes_its_piece_back_unless_it_was_taken() -> None:
    """What was handed out cannot be taken back."""

    async def main() -> None:
        pieces: HandOver[str] = HandOver()
        first, second = [asyncio.create_task(pieces.put_and_wait(name, lambda: None)) for name in "ab"]
        await asyncio.sleep(0)
        assert "a" == pieces.take()
        assert pieces.is_waited_with
        first.cancel()
        second.cancel()
        await asyncio.wait([first, second])
        assert not pieces
        pieces.release()

    asyncio.run(main())


def test_closing_tells_every_sender() -> None:
    """Those whose piece was taken and those who wait get the same error."""

    async def main() -> None:
        pieces: HandOver[str] = HandOver()
        senders = [asyncio.create_task(pieces.put_and_wait(name, lambda: None)) for name in "ab"]
        await asyncio.sleep(0)
        pieces.take()
        pieces.close()
        pieces.close()
        results = await asyncio.gather(*senders, return_exceptions=True)
        assert [True, True] == [is_wanted_end(result) for result in results]
        assert not pieces

    asyncio.run(main())


def chained(cause: BaseException | None, context: BaseException | None = None) -> Exception:
    error = LookupError("later")
    error.__cause__, error.__context__ = cause, context
    return error


@pytest.mark.parametrize(
    ("error", "is_wanted"),
    [
        pytest.param(closed_error(), True, id="itself"),
        pytest.param(chained(closed_error()), True, id="its-cause"),
        pytest.param(chained(None, chained(None, closed_error())), True, id="context-of-the-context"),
        pytest.param(ExceptionGroup("", [closed_error(), chained(closed_error())]), True, id="group"),
        pytest.param(ExceptionGroup("", [closed_error(), LookupError()]), False, id="group-with-another"),
        pytest.param(OSError("full"), False, id="another-oserror"),
        pytest.param(None, False, id="nothing"),
    ],
)
def test_what_came_of_the_closing_is_known(error: BaseException | None, is_wanted: bool) -> None:
    """Exceptions that an application makes of ours are told from its own failures."""
    assert is_wanted is is_wanted_end(error)

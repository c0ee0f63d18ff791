"""What the tests of both ways to run a foreign coroutine share: its box, and a way to take all of its pieces."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Foreign = Callable[["Box"], Awaitable[object]]


class Box:
    """What a foreign coroutine is given: a way to hand pieces over, and a place for notes."""

    def __init__(self) -> None:
        self.child: Any = None
        self.notes: list[Any] = []

    async def send(self, piece: str) -> None:
        await self.child.hand_over(piece)


def boxed(foreign: Foreign, make: Callable[[Any], Any]) -> Box:
    """Return the box of a coroutine that `make` has been given to run."""

    async def run() -> object:
        return await foreign(box)

    box = Box()
    box.child = make(run())
    return box


async def all_pieces(box: Box) -> list[str]:
    """Return what the coroutine hands over until it ends."""
    pieces = []
    while (piece := await box.child.advance()) is not None:
        pieces.append(piece)
    return pieces

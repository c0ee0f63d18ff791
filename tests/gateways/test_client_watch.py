"""Whoever asks for the client makes the exchange listen, and is told."""

from __future__ import annotations

import asyncio
import threading

import pytest

from costrel.execution import LoopState
from costrel.gateways.client_watch import ClientWatch


class Watched(ClientWatch):
    """Counts how often it began to listen."""

    def __init__(self) -> None:
        self.loop_state = LoopState.start(asyncio.get_running_loop())
        self.listen_count = 0

    def start_listening(self) -> None:
        """Count."""
        self.listen_count += 1


def test_nobody_asking_listens_to_nothing() -> None:
    """There is nothing to end then either."""

    async def main() -> tuple[int, bool]:
        watched = Watched()
        watched.lose()
        return watched.listen_count, watched.is_used

    assert (0, False) == asyncio.run(main())


@pytest.mark.pain("P10")
def test_whoever_asks_is_told_once() -> None:
    """The bool, the wait and the callbacks say the same, and one listening is enough for all of them."""
    told: list[str] = []

    async def main() -> Watched:
        watched = Watched()
        assert not watched.is_disconnected
        watched.on_disconnect(lambda: told.append("first"))
        watched.on_disconnect(lambda: told.append("second"))
        waiters = [asyncio.create_task(watched.wait_disconnected()) for _ in range(2)]
        await asyncio.sleep(0)
        watched.lose()
        watched.lose()
        await asyncio.gather(*waiters)
        await watched.wait_disconnected()
        watched.on_disconnect(lambda: told.append("late"))
        return watched

    watched = asyncio.run(main())

    assert ["first", "second", "late"] == told
    assert (1, True, True) == (watched.listen_count, watched.is_disconnected, watched.is_used)


def test_a_thread_may_ask() -> None:
    """The listening begins on the loop."""

    async def main() -> tuple[int, bool]:
        watched = Watched()
        seen: list[bool] = []
        thread = threading.Thread(target=lambda: seen.append(watched.is_disconnected))
        thread.start()
        thread.join(5)
        await asyncio.sleep(0)
        return watched.listen_count, seen[0]

    assert (1, False) == asyncio.run(main())


def test_a_callback_that_fails_keeps_no_other_from_running(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged."""
    told: list[str] = []

    def fail() -> None:
        raise ValueError("broken")

    async def main() -> None:
        watched = Watched()
        watched.on_disconnect(fail)
        watched.on_disconnect(lambda: told.append("told"))
        watched.lose()

    asyncio.run(main())

    assert ["told"] == told
    assert "disconnect_callback_failed" in caplog.text


def test_after_the_end_nobody_is_told() -> None:
    """The exchange is over."""
    told: list[str] = []

    async def main() -> None:
        watched = Watched()
        watched.on_disconnect(lambda: told.append("told"))
        watched.forget_callbacks()
        watched.lose()

    asyncio.run(main())

    assert [] == told


def test_how_to_listen_is_the_exchanges_own() -> None:
    """The base knows no server."""
    with pytest.raises(TypeError, match="start_listening"):
        type("Deaf", (ClientWatch,), {})()

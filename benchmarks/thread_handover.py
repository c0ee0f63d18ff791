"""What the hand-over to threads costs: our pool beside a plain one of forty threads, in the same run.

Handlers that sleep show whether they start together: as many as there are threads must end together too. A mixed load,
nine quick ones to one that sleeps, shows whether a quick one has to wait behind a slow one; it is measured with two
handlers, and with one that is sometimes slow, which no forecast by handler can know. Both sides go through the whole
framework: ours with a `def` handler, the plain pool with an `async def` one that awaits `run_in_executor`.

    python benchmarks/thread_handover.py
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import uvloop
from harness.asgi import Application, drop, receive_nothing, scope_of, start
from harness.record import Handover
from harness.spread import ratios, spread_of

from costrel import App, TextResponse

__all__ = ["measure"]

ROUNDS = 11
THREADS = 40
SLEEP_SECONDS = 0.02
CLIENTS = 20
REQUESTS_OF_A_CLIENT = 50
TARGET = 1.2

app = App("threads")
Call = Callable[[int], Awaitable[object]]
PLAIN = ThreadPoolExecutor(THREADS)


def pause(milliseconds: int) -> None:
    """Sleep, or do nothing at all."""
    if milliseconds:
        time.sleep(milliseconds / 1000)


@app.get("/sleeping/{milliseconds}")
@app.get("/either/{milliseconds}", name="either")
def answer(milliseconds: int) -> TextResponse:
    """Answer from a thread after a while."""
    pause(milliseconds)
    return TextResponse("done")


@app.get("/quick/{milliseconds}")
def quick(milliseconds: int) -> TextResponse:
    """Answer from a thread at once."""
    return TextResponse("done")


@app.get("/plain/{milliseconds}")
async def answer_plainly(milliseconds: int) -> TextResponse:
    """Answer after what a plain pool has done."""
    await asyncio.get_running_loop().run_in_executor(PLAIN, pause, milliseconds)
    return TextResponse("done")


def through(application: Application, prefix: str) -> Call:
    """Return a call that goes through the framework."""

    async def call(milliseconds: int) -> None:
        await application(scope_of(f"{prefix}/{milliseconds}"), receive_nothing, drop)

    return call


async def together(call: Call, count: int, milliseconds: int) -> float:
    """Return the milliseconds until so many calls that begin together have ended."""
    begin = time.perf_counter()
    await asyncio.gather(*(call(milliseconds) for _ in range(count)))
    return (time.perf_counter() - begin) * 1e3


async def mixed(slow: Call, fast: Call) -> tuple[float, float]:
    """Let clients ask, every tenth time for a slow one.

    Returns:
        The 99th percentile of the quick ones, and of all, in milliseconds.
    """
    quick_ms: list[float] = []
    slow_ms: list[float] = []

    async def client(offset: int) -> None:
        for number in range(REQUESTS_OF_A_CLIENT):
            is_slow = (number + offset) % 10 == 0
            taken = await together(slow if is_slow else fast, 1, int(SLEEP_SECONDS * 1000) if is_slow else 0)
            (slow_ms if is_slow else quick_ms).append(taken)

    await asyncio.gather(*map(client, range(CLIENTS)))
    return percentile(quick_ms, 0.99), percentile([*quick_ms, *slow_ms], 0.99)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that a share of all does not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


async def compare(application: Application) -> list[Handover]:
    """Measure all lines in rounds."""
    serving = await start(application)
    prefixes = ("/sleeping", "/either", "/quick", "/plain")
    sleeping, either, quickly, plain = (through(application, prefix) for prefix in prefixes)
    milliseconds = int(SLEEP_SECONDS * 1000)
    figures: dict[str, Handover] = {}

    def note(title: str, ours_ms: float, plain_ms: float) -> None:
        line = figures.setdefault(title, Handover(title, [], []))
        line.ours_ms.append(ours_ms)
        line.plain_ms.append(plain_ms)

    for call in (sleeping, plain):
        await together(call, THREADS, milliseconds)
    for _ in range(ROUNDS):
        for count in (2, 10, 40):
            ours_ms = await together(sleeping, count, milliseconds)
            note(f"{count} at once, each sleeps 20 ms", ours_ms, await together(plain, count, milliseconds))
        for _ in range(10):
            await together(either, 100, 0)
        ours_ms = await together(either, THREADS, milliseconds)
        note("40 at once, of a handler that was quick so far", ours_ms, await together(plain, THREADS, milliseconds))
        two, one, bare = await mixed(sleeping, quickly), await mixed(either, either), await mixed(plain, plain)
        note("mixed, two handlers: p99 of the quick ones", two[0], bare[0])
        note("mixed, two handlers: p99 of all", two[1], bare[1])
        note("mixed, one handler: p99 of the quick ones", one[0], bare[0])
        note("mixed, one handler: p99 of all", one[1], bare[1])
    serving.cancel()
    return list(figures.values())


def measure() -> list[Handover]:
    """Measure all lines."""
    return uvloop.run(compare(app))


def main() -> None:
    """Print the table."""
    print(f"{'':50}{'ours ms':>9}{'plain ms':>10}{'ratio':>7}{'spread':>15}")
    for line in measure():
        ours, plain = spread_of(line.ours_ms), spread_of(line.plain_ms)
        ratio = spread_of(ratios(line.ours_ms, line.plain_ms))
        note = "" if ratio.median <= TARGET else f"  above {TARGET}"
        spread = f"{ratio.low:.2f} - {ratio.high:.2f}"
        print(f"{line.title:50}{ours.median:9.1f}{plain.median:10.1f}{ratio.median:7.2f}{spread:>15}{note}")


if __name__ == "__main__":
    main()

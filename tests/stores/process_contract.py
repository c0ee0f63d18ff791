"""The contract of stores that processes share: two of them work on one store at once.

Run as a program it is one of the two: it counts, and takes turns by a lock.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

COUNTED = 200
TURNS = 15
PATIENCE_SECONDS = 40


async def take_part(url: str, name: str) -> None:
    """Do what one process does, and print what it saw."""
    from costrel.stores import open_store

    store = open_store(url)
    await store.increment("present")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await store.get("present") != b"2":
            await asyncio.sleep(0.002)
    sums = await asyncio.gather(*(store.increment("counted") for _ in range(COUNTED)))
    firsts = [await store.set(f"first{number}", name.encode(), only_if_absent=True) for number in range(50)]
    compared = 0
    while compared < 50:
        value = await store.get("compared")
        compared += await store.compare_and_set("compared", value, b"%d" % (int(value or b"0") + 1))
    await asyncio.gather(*(store.add_member("members", f"{name}{number}") for number in range(20)))
    tokens = []
    for _ in range(TURNS):
        async with store.lock("turn", ttl_seconds=20, wait_seconds=20) as lock:
            # Reading and writing apart: without the lock one of the two would be lost.
            inside = int(await store.get("inside") or b"0")
            await store.set("inside", b"%d" % (inside + 1))
            tokens.append(lock.token)
    await store.aclose()
    print(json.dumps({"sums": sums, "firsts": sum(firsts), "tokens": tokens}))


def check_with_two_processes(url: str) -> None:
    """Run two processes on the store at a URL and compare what both saw.

    Args:
        url: an empty store, as `open_store` takes it.
    """
    from costrel.stores import open_store

    command = [sys.executable, str(Path(__file__)), url]
    processes = [subprocess.Popen([*command, name], stdout=subprocess.PIPE) for name in ("one", "two")]
    try:
        answers = [json.loads(process.communicate(timeout=PATIENCE_SECONDS)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()

    async def look() -> tuple[bytes | None, bytes | None, int]:
        store = open_store(url)
        try:
            return await store.get("compared"), await store.get("inside"), len(await store.members("members"))
        finally:
            await store.aclose()

    tokens = [token for answer in answers for token in answer["tokens"]]
    assert list(range(1, 2 * COUNTED + 1)) == sorted(total for answer in answers for total in answer["sums"])
    assert 50 == sum(answer["firsts"] for answer in answers)
    assert (b"100", b"%d" % (2 * TURNS), 40) == asyncio.run(look())
    assert len(tokens) == len(set(tokens))
    assert [sorted(answer["tokens"]) for answer in answers] == [answer["tokens"] for answer in answers]


if __name__ == "__main__":
    asyncio.run(take_part(sys.argv[1], sys.argv[2]))

"""The raw vectors, through the protocol with a transport in memory: whole, and split at every byte."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import pytest

_PATH = Path(__file__).parents[1] / "conformance" / "appendix_a.py"
_SPEC = importlib.util.spec_from_file_location("appendix_a", _PATH)
vectors: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(vectors)

SPLIT_BYTES = 300


def check(name: str, wire: Any) -> None:
    expected = vectors.ANSWERS.get(name, ({400},))
    assert len(expected) == len(wire.statuses), (name, wire.text[-300:])
    for allowed, status in zip(expected, wire.statuses, strict=True):
        assert status in allowed, (name, wire.text[-300:])
    assert (name in vectors.STAYS_OPEN) == (not wire.is_closed), name
    assert "/smuggled" not in wire.application.requests
    assert "/evil" not in wire.application.requests


@pytest.mark.security("A1-A47")
@pytest.mark.parametrize("name", list(vectors.VECTORS))
def test_vector_whole(kit: Any, name: str) -> None:
    """Every vector gets exactly the answers it must get, and nothing of it is smuggled."""

    async def main() -> None:
        async with kit.wire() as wire:
            await wire.send(vectors.VECTORS[name])
            check(name, wire)

    asyncio.run(main())


@pytest.mark.security("A1-A47")
@pytest.mark.parametrize("name", [n for n, data in vectors.VECTORS.items() if len(data) <= SPLIT_BYTES])
def test_vector_split_everywhere(kit: Any, name: str) -> None:
    """Where a vector is cut into two reads makes no difference."""

    async def main() -> None:
        data = vectors.VECTORS[name]
        for cut in range(1, len(data)):
            async with kit.wire() as wire:
                await wire.send(data[:cut], data[cut:])
                check(name, wire)

    asyncio.run(main())


@pytest.mark.security("A38")
@pytest.mark.parametrize("name", ["ok-get", "hdr-100", "ch-ext-ok", "ch-huge-size", "target-16k"])
def test_vector_dribbled(kit: Any, name: str) -> None:
    """A vector that comes byte by byte gets the same answers."""

    async def main() -> None:
        async with kit.wire() as wire:
            await wire.send(*[bytes([byte]) for byte in vectors.VECTORS[name]])
            check(name, wire)

    asyncio.run(main())

"""`FileStore`: the contract, its files, and what others may find or leave in its folder."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import shutil
import stat
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from store_contract import Clock, Kit, StoreContract
from store_model import check_against_model

from costrel.errors import ConfigurationError
from costrel.messages import Store, StoreUnavailable
from costrel.stores import FileStore


class FileKit(Kit):
    """A folder and its clock."""

    def __init__(self, root: Path) -> None:
        self.clock = Clock()
        self.root = root

    def open(self) -> Store:
        return FileStore(self.root, clock=self.clock, operation_timeout_seconds=10)

    async def wait(self, units: float) -> None:
        self.clock.now += units * self.unit_seconds


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """The folder of a store."""
    yield tmp_path / "store"
    shutil.rmtree(tmp_path / "store", ignore_errors=True)


@pytest.fixture
def kit(root: Path) -> Kit:
    """How a store of files is tested."""
    return FileKit(root)


class TestContract(StoreContract):
    """What every store does."""


def files_of(root: Path) -> list[Path]:
    """Return the files that keep something."""
    return sorted(path for path in root.rglob("*") if path.suffix in (".v", ".m", ".l"))


def test_it_agrees_with_a_dictionary_that_has_a_clock(root: Path) -> None:
    """Whatever is done to both."""
    numbers = count()
    check_against_model(
        lambda clock: FileStore(root / str(next(numbers)), clock=clock, operation_timeout_seconds=10),
        time_moves=True,
        examples=15,
    )


def test_two_stores_in_one_folder_are_one(root: Path) -> None:
    """What one writes the other reads, and they count together."""

    async def scenario() -> None:
        stores = [FileStore(root, operation_timeout_seconds=10) for _ in range(2)]
        await stores[0].set("a", b"1")
        assert b"1" == await stores[1].get("a")
        await asyncio.gather(*(stores[number % 2].increment("n") for number in range(60)))
        assert b"60" == await stores[0].get("n")
        for store in stores:
            await store.aclose()

    asyncio.run(scenario())


def test_nobody_else_reads_the_files(root: Path) -> None:
    """Folders have the mode 0700 and files 0600, whatever the mask of the process."""
    mask = os.umask(0)
    try:

        async def scenario() -> None:
            store = FileStore(root)
            await store.set("a", b"1")
            await store.add_member("a", "m")
            await store.aclose()

        asyncio.run(scenario())
    finally:
        os.umask(mask)

    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [root, *root.rglob("*")]}
    assert {0o700} == {mode for path, mode in modes.items() if path.is_dir()}
    assert {0o600} == {mode for path, mode in modes.items() if path.is_file()}


def test_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    """They could put sessions there."""
    tmp_path.chmod(0o777)

    with pytest.raises(ConfigurationError, match="COS-STORE-003"):
        FileStore(tmp_path)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    """At start-up, not at the first request."""
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(ConfigurationError, match="COS-STORE-003"):
        FileStore(tmp_path / "file")


@pytest.mark.parametrize("spoil", [lambda data: b"", lambda data: data[:-1], lambda data: b"x" + data[1:]])
def test_a_file_that_was_cut_off_is_no_entry(root: Path, spoil: object) -> None:
    """After a crash of the machine there is nothing under the key, and it can be written again."""

    async def scenario() -> None:
        store = FileStore(root)
        await store.set("a", b"value")
        file = files_of(root)[0]
        file.write_bytes(spoil(file.read_bytes()))
        assert await store.get("a") is None
        assert await store.set("a", b"again", only_if_absent=True)
        assert b"again" == await store.get("a")
        await store.aclose()

    asyncio.run(scenario())


def test_a_file_under_the_name_of_another_key_is_no_entry(root: Path) -> None:
    """The key in the file decides, not its name."""

    async def scenario() -> None:
        store = FileStore(root)
        await store.set("a", b"of a")
        first = files_of(root)[0]
        await store.set("b", b"of b")
        second = next(path for path in files_of(root) if path != first)
        shutil.copy(first, second)
        assert await store.get("b") is None
        await store.aclose()

    asyncio.run(scenario())


def test_files_that_are_over_are_removed(root: Path) -> None:
    """One subfolder in a second, by whoever writes."""

    async def scenario() -> None:
        clock = Clock()
        store = FileStore(root, clock=clock, operation_timeout_seconds=10)
        for number in range(40):
            await store.set(f"old{number}", b"", ttl_seconds=10)
        await store.set("stays", b"")
        await store.set("later", b"", ttl_seconds=10_000)
        clock.now += 11
        assert 42 == len(files_of(root))
        for _ in range(260):
            clock.now += 1.5
            await store.set("stays", b"")
        assert 2 == len(files_of(root))
        await store.aclose()

    asyncio.run(scenario())


def test_a_folder_that_vanishes_comes_back(root: Path) -> None:
    """Somebody cleaned up; the store is empty and works."""

    async def scenario() -> None:
        store = FileStore(root)
        await store.set("a", b"1")
        shutil.rmtree(root)
        assert await store.get("a") is None
        await store.set("a", b"2")
        assert b"2" == await store.get("a")
        await store.aclose()

    asyncio.run(scenario())


def test_a_writer_that_is_stopped_holds_others_up_for_a_bounded_time(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """They get `StoreUnavailable`, readers read on, the loop runs on, and afterwards all is as before."""

    async def scenario() -> None:
        store = FileStore(root, operation_timeout_seconds=0.1)
        await store.set("a", b"1")
        turn = files_of(root)[0].with_name("turn")
        with turn.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            began_at = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await store.set("a", b"2")
            assert time.monotonic() - began_at < 1
            assert b"1" == await store.get("a")
        await store.set("a", b"3")
        await store.aclose()

    with caplog.at_level(logging.INFO, "costrel.store"):
        asyncio.run(scenario())

    assert ["store_unavailable", "store_available"] == [record.getMessage().split()[0] for record in caplog.records]


def test_a_disk_that_is_full_is_a_store_that_is_away(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old value stays, and no draft is left."""

    async def scenario() -> None:
        store = FileStore(root)
        await store.set("a", b"1")

        def refuse(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "utime", refuse)
            with pytest.raises(StoreUnavailable):
                await store.set("a", b"2")
        assert b"1" == await store.get("a")
        assert [] == list(root.rglob("draft"))
        await store.aclose()

    asyncio.run(scenario())


def test_a_synced_store_writes_too(root: Path) -> None:
    """The same content, later."""

    async def scenario() -> bytes | None:
        store = FileStore(root, is_synced=True)
        await store.set("a", b"1")
        value = await store.get("a")
        await store.aclose()
        return value

    assert b"1" == asyncio.run(scenario())

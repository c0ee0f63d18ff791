"""The contract of stores: what each implementation does, whatever it keeps things in.

A subclass gives a `kit`: how a store is opened and how time goes on. A store with a clock of its own gets a time that
the test moves; a server's time is waited for, so its unit is short.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from costrel.messages import LockLost, LockNotAcquired, Store

PATIENCE_SECONDS = 30
ODD_KEYS = (
    "k45",
    "k-",
    "K",
    "k",
    "\u212a",
    "\u00e9",
    "e\u0301",
    "a b",
    "a\nb",
    "a\x00b",
    "../../etc/passwd",
    "/",
    ".",
    "..",
    "C:\\x",
    "*",
    "{a}",
    "v:a",
    "\U0001f376",
    "x" * 512,
    "\U0001f376" * 512,
)


class Kit(ABC):
    """How one implementation is tested.

    Attributes:
        unit_seconds: a time that can be waited for.
    """

    unit_seconds: float = 10.0

    @abstractmethod
    def open(self) -> Store:
        """Open the store; a second one has the same content where the implementation shares it."""

    @abstractmethod
    async def wait(self, units: float) -> None:
        """Let time go on."""


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def in_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a test of a store on a loop of its own, with the kit's store as its argument ``store``."""

    @functools.wraps(test)
    def run(self: object, kit: Kit, **arguments: Any) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(PATIENCE_SECONDS):
                store = kit.open()
                try:
                    await test(self, kit=kit, store=store, **arguments)
                finally:
                    await store.aclose()

        asyncio.run(bounded())

    signature = inspect.signature(test)
    del run.__wrapped__
    run.__signature__ = signature.replace(parameters=[p for n, p in signature.parameters.items() if n != "store"])
    return run


class StoreContract:
    """What every store does."""

    @in_loop
    async def test_a_value_is_found_again(self, kit: Kit, store: Store) -> None:
        """What was put is what is read, byte for byte."""
        assert await store.get("a") is None
        assert await store.set("a", b"\x00\xff\r\n")

        assert b"\x00\xff\r\n" == await store.get("a")

    @in_loop
    async def test_an_empty_value_is_a_value(self, kit: Kit, store: Store) -> None:
        """Nothing between the quotes is not the same as nothing there."""
        await store.set("a", b"")

        assert b"" == await store.get("a")
        assert not await store.set("a", b"b", only_if_absent=True)
        assert not await store.compare_and_set("a", None, b"b")
        assert await store.compare_and_set("a", b"", b"b")

    @in_loop
    async def test_a_large_value_is_kept_whole(self, kit: Kit, store: Store) -> None:
        """A mebibyte that has every byte in it."""
        value = bytes(range(256)) * 4096
        await store.set("a", value)

        assert value == await store.get("a")

    @in_loop
    async def test_keys_that_look_alike_are_different_keys(self, kit: Kit, store: Store) -> None:
        """No folding, no normal form, and no key leads out of the store."""
        for number, key in enumerate(ODD_KEYS):
            await store.set(key, b"%d" % number)
            await store.add_member(key, key)

        assert [b"%d" % number for number in range(len(ODD_KEYS))] == [await store.get(key) for key in ODD_KEYS]
        assert [{key} for key in ODD_KEYS] == [await store.members(key) for key in ODD_KEYS]

    @pytest.mark.parametrize(
        "key",
        [
            pytest.param("", id="empty"),
            pytest.param("x" * 513, id="too-long"),
            pytest.param("\ud800", id="half-of-a-pair"),
        ],
    )
    @in_loop
    async def test_what_is_no_key_is_refused(self, kit: Kit, store: Store, key: str) -> None:
        """Every store refuses the same, so that a change of stores is no surprise."""
        for operation in (
            store.get(key),
            store.set(key, b""),
            store.compare_and_set(key, None, b""),
            store.increment(key),
            store.delete(key),
            store.members(key),
            store.add_member(key, "a"),
            store.add_member("a", key),
            store.remove_member("a", key),
        ):
            with pytest.raises(ValueError):
                await operation
        with pytest.raises(ValueError):
            async with store.lock(key, ttl_seconds=1):
                pass

    @pytest.mark.parametrize("ttl_seconds", [0, -1, float("nan"), float("inf"), 1e10])
    @in_loop
    async def test_what_is_no_time_is_refused(self, kit: Kit, store: Store, ttl_seconds: float) -> None:
        """A time to live is above 0 and has an end."""
        for operation in (
            store.set("a", b"", ttl_seconds=ttl_seconds),
            store.compare_and_set("a", None, b"", ttl_seconds=ttl_seconds),
            store.increment("a", ttl_seconds=ttl_seconds),
            store.add_member("a", "b", ttl_seconds=ttl_seconds),
        ):
            with pytest.raises(ValueError, match="ttl_seconds"):
                await operation
        with pytest.raises(ValueError, match="ttl_seconds"):
            async with store.lock("a", ttl_seconds=ttl_seconds):
                pass
        assert await store.get("a") is None

    @in_loop
    async def test_what_is_no_value_is_refused(self, kit: Kit, store: Store) -> None:
        """Text is no value, and a value has a bound."""
        with pytest.raises(TypeError):
            await store.set("a", "text")
        with pytest.raises(ValueError):
            await store.set("a", bytes(16 * 1024 * 1024 + 1))

    @in_loop
    async def test_a_value_ends_with_its_time(self, kit: Kit, store: Store) -> None:
        """It is there before its end and not after it."""
        await store.set("a", b"1", ttl_seconds=2 * kit.unit_seconds)
        await store.set("b", b"1")
        await kit.wait(1)
        assert b"1" == await store.get("a")
        await kit.wait(1.5)

        assert await store.get("a") is None
        assert b"1" == await store.get("b")
        assert not await store.delete("a")
        assert await store.set("a", b"2", only_if_absent=True)

    @in_loop
    async def test_a_new_value_has_the_new_time(self, kit: Kit, store: Store) -> None:
        """What is put without a time stays, whatever the one before had."""
        await store.set("a", b"1", ttl_seconds=kit.unit_seconds)
        await store.set("b", b"1", ttl_seconds=kit.unit_seconds)
        await store.set("a", b"2")
        await store.compare_and_set("b", b"1", b"2")
        await kit.wait(1.5)

        assert (b"2", b"2") == (await store.get("a"), await store.get("b"))

    @in_loop
    async def test_a_refused_write_changes_no_time(self, kit: Kit, store: Store) -> None:
        """Who comes too late does not keep the first one alive."""
        await store.set("a", b"1", ttl_seconds=kit.unit_seconds)
        await store.set("a", b"2", only_if_absent=True)
        await store.compare_and_set("a", b"2", b"3")
        assert b"1" == await store.get("a")
        await kit.wait(1.5)

        assert await store.get("a") is None

    @in_loop
    async def test_only_what_is_expected_is_replaced(self, kit: Kit, store: Store) -> None:
        """Compare and set, with and without a value, before and after its end."""
        assert not await store.compare_and_set("a", b"1", b"2")
        assert await store.compare_and_set("a", None, b"1", ttl_seconds=kit.unit_seconds)
        assert not await store.compare_and_set("a", None, b"2")
        assert not await store.compare_and_set("a", b"x", b"2")
        assert await store.compare_and_set("a", b"1", b"2", ttl_seconds=kit.unit_seconds)
        assert b"2" == await store.get("a")
        await kit.wait(1.5)
        assert not await store.compare_and_set("a", b"2", b"3")
        assert await store.compare_and_set("a", None, b"3")

    @in_loop
    async def test_a_number_counts_from_nothing(self, kit: Kit, store: Store) -> None:
        """It is a value of digits, and digits are a number."""
        assert [1, 6, 4, -6] == [await store.increment("a", by) for by in (1, 5, -2, -10)]
        assert b"-6" == await store.get("a")
        await store.set("a", b"41")

        assert 42 == await store.increment("a")

    @in_loop
    async def test_the_time_of_a_number_is_that_of_its_first_increment(self, kit: Kit, store: Store) -> None:
        """A window of counting that each request prolongs would never end."""
        await store.increment("a", ttl_seconds=2 * kit.unit_seconds)
        await kit.wait(1)
        assert 2 == await store.increment("a", ttl_seconds=100 * kit.unit_seconds)
        await kit.wait(1.5)

        assert 1 == await store.increment("a")

    @pytest.mark.parametrize("value", [b"", b"x", b" 1", b"+1", b"01", b"1.0", b"-0", b"9223372036854775808"])
    @in_loop
    async def test_what_is_no_number_is_not_counted(self, kit: Kit, store: Store, value: bytes) -> None:
        """And it stays what it was."""
        await store.set("a", value)

        with pytest.raises(ValueError):
            await store.increment("a")
        assert value == await store.get("a")

    @in_loop
    async def test_numbers_have_64_bits(self, kit: Kit, store: Store) -> None:
        """Exact up to the bound, and refused above it."""
        assert 2**63 - 2 == await store.increment("a", 2**63 - 2)
        assert 2**63 - 1 == await store.increment("a")
        for by in (1, 2**63):
            with pytest.raises(ValueError):
                await store.increment("a", by)
        assert -(2**63) == await store.increment("b", -(2**63))

    @in_loop
    async def test_a_hundred_tasks_count_to_a_hundred(self, kit: Kit, store: Store) -> None:
        """Each sum is given once."""
        sums = await asyncio.gather(*(store.increment("a") for _ in range(100)))

        assert list(range(1, 101)) == sorted(sums)

    @in_loop
    async def test_one_of_many_is_first(self, kit: Kit, store: Store) -> None:
        """Of twenty that would be first one is, and of twenty that compare one sets."""
        firsts = await asyncio.gather(*(store.set("a", b"%d" % n, only_if_absent=True) for n in range(20)))
        value = await store.get("a")
        seconds = await asyncio.gather(*(store.compare_and_set("a", value, b"n%d" % n) for n in range(20)))

        assert (1, 1) == (sum(firsts), sum(seconds))

    @in_loop
    async def test_what_is_deleted_is_gone(self, kit: Kit, store: Store) -> None:
        """The value and the members, and a second time there is nothing."""
        await store.set("a", b"1")
        await store.add_member("a", "m")

        assert await store.delete("a")
        assert (None, frozenset()) == (await store.get("a"), await store.members("a"))
        assert not await store.delete("a")
        await store.add_member("a", "m")
        assert await store.delete("a")

    @in_loop
    async def test_members_come_and_go(self, kit: Kit, store: Store) -> None:
        """A set has each member once."""
        for member in ("x", "y", "x", "ž"):
            await store.add_member("a", member)
        assert frozenset({"x", "y", "ž"}) == await store.members("a")
        assert await store.remove_member("a", "x")
        assert not await store.remove_member("a", "x")

        assert frozenset({"y", "ž"}) == await store.members("a")
        assert frozenset() == await store.members("b")

    @in_loop
    async def test_each_member_ends_with_its_own_time(self, kit: Kit, store: Store) -> None:
        """Adding it again gives it a new one."""
        await store.add_member("a", "short", ttl_seconds=kit.unit_seconds)
        await store.add_member("a", "renewed", ttl_seconds=kit.unit_seconds)
        await store.add_member("a", "long", ttl_seconds=100 * kit.unit_seconds)
        await store.add_member("a", "renewed")
        await kit.wait(1.5)

        assert frozenset({"renewed", "long"}) == await store.members("a")
        assert not await store.remove_member("a", "short")

    @in_loop
    async def test_a_set_ends_with_its_last_member(self, kit: Kit, store: Store) -> None:
        """Also when the one that stayed for good was taken out."""
        await store.add_member("a", "endless")
        await store.add_member("a", "short", ttl_seconds=kit.unit_seconds)
        await store.remove_member("a", "endless")
        await kit.wait(1.5)

        assert frozenset() == await store.members("a")
        assert not await store.delete("a")

    @in_loop
    async def test_a_lock_has_one_holder(self, kit: Kit, store: Store) -> None:
        """Of ten tasks none meets another in the block, and all get their turn."""
        inside = 0
        tokens = []

        async def enter() -> None:
            nonlocal inside
            async with store.lock("a", ttl_seconds=100 * kit.unit_seconds, wait_seconds=10) as lock:
                inside += 1
                assert 1 == inside
                await asyncio.sleep(0.001)
                tokens.append(lock.token)
                inside -= 1

        await asyncio.gather(*(enter() for _ in range(10)))

        assert tokens == sorted(set(tokens))
        assert 10 == len(tokens)

    @in_loop
    async def test_a_lock_that_is_held_is_not_waited_for(self, kit: Kit, store: Store) -> None:
        """Unless the caller says how long; locks of other names are not in the way."""
        async with store.lock("a", ttl_seconds=100):
            for wait_seconds in (0, 0.02):
                with pytest.raises(LockNotAcquired):
                    async with store.lock("a", ttl_seconds=100, wait_seconds=wait_seconds):
                        pass
            async with store.lock("b", ttl_seconds=100):
                pass
        async with store.lock("a", ttl_seconds=100):
            pass

    @in_loop
    async def test_a_lost_lock_is_noticed(self, kit: Kit, store: Store) -> None:
        """Another has it, with a larger token, and the first is told."""

        async def outlive() -> None:
            async with store.lock("a", ttl_seconds=kit.unit_seconds) as first:
                assert not first.is_lost
                await kit.wait(1.5)
                assert first.is_lost
                async with store.lock("a", ttl_seconds=100 * kit.unit_seconds) as second:
                    assert second.token > first.token
                    with pytest.raises(LockLost):
                        await first.extend(kit.unit_seconds)
                    assert not second.is_lost

        with pytest.raises(LockLost):
            await outlive()

    @in_loop
    async def test_who_lost_a_lock_does_not_release_that_of_another(self, kit: Kit, store: Store) -> None:
        """An end that comes too late leaves the new holder its lock."""
        late = store.lock("a", ttl_seconds=kit.unit_seconds)
        await late.__aenter__()
        await kit.wait(1.5)
        async with store.lock("a", ttl_seconds=100 * kit.unit_seconds):
            with pytest.raises(LockLost):
                await late.__aexit__(None, None, None)
            with pytest.raises(LockNotAcquired):
                async with store.lock("a", ttl_seconds=1):
                    pass

    @in_loop
    async def test_a_lock_can_be_extended(self, kit: Kit, store: Store) -> None:
        """From the moment of asking."""
        async with store.lock("a", ttl_seconds=2 * kit.unit_seconds) as lock:
            await kit.wait(1)
            await lock.extend(100 * kit.unit_seconds)
            await kit.wait(1.5)
            assert not lock.is_lost
            with pytest.raises(LockNotAcquired):
                async with store.lock("a", ttl_seconds=1):
                    pass

    @in_loop
    async def test_a_block_that_fails_gives_its_lock_back(self, kit: Kit, store: Store) -> None:
        """With the error of the block, also when the lock was lost."""
        with pytest.raises(KeyError):
            async with store.lock("a", ttl_seconds=100 * kit.unit_seconds):
                raise KeyError

        async def outlive_and_fail() -> None:
            async with store.lock("a", ttl_seconds=kit.unit_seconds):
                await kit.wait(1.5)
                raise KeyError

        with pytest.raises(KeyError):
            await outlive_and_fail()
        async with store.lock("a", ttl_seconds=1):
            pass

    @in_loop
    async def test_a_cancelled_waiter_leaves_nothing(self, kit: Kit, store: Store) -> None:
        """The lock is free when its holder has given it back."""

        async def wait() -> None:
            async with store.lock("a", ttl_seconds=100, wait_seconds=20):
                pass

        async with store.lock("a", ttl_seconds=100):
            waiter = asyncio.create_task(wait())
            await asyncio.sleep(0.01)
            waiter.cancel()
            await asyncio.gather(waiter, return_exceptions=True)
        async with store.lock("a", ttl_seconds=100, wait_seconds=5):
            pass

    @in_loop
    async def test_values_members_and_locks_are_apart(self, kit: Kit, store: Store) -> None:
        """One key may have all three."""
        async with store.lock("a", ttl_seconds=100):
            assert await store.set("a", b"1", only_if_absent=True)
            await store.add_member("a", "m")
            assert (b"1", frozenset({"m"})) == (await store.get("a"), await store.members("a"))
            await store.delete("a")
            with pytest.raises(LockNotAcquired):
                async with store.lock("a", ttl_seconds=100):
                    pass

    def test_a_store_serves_several_loops(self, kit: Kit) -> None:
        """One after another, with what the earlier one wrote, also when that closed it."""
        store = kit.open()

        async def count() -> int:
            number = await store.increment("a")
            await store.aclose()
            return number

        assert [1, 2, 3] == [asyncio.run(count()) for _ in range(3)]

    @in_loop
    async def test_a_closed_store_opens_again(self, kit: Kit, store: Store) -> None:
        """Who still has it can use it."""
        await store.set("a", b"1")
        await store.aclose()

        assert b"1" == await store.get("a")

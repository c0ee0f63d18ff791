"""A store beside a dictionary with a clock: whatever is done to both, they agree.

A store whose time cannot be moved is held to the part of it that needs no time.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from store_contract import Clock

from costrel.messages import Store

KEYS = st.sampled_from(("a", "b", "\U0001f376", "../a"))
VALUES = st.sampled_from((b"", b"1", b"-7", b"x", b"9223372036854775807")) | st.binary(max_size=40)
TIMES = st.none() | st.integers(1, 30)

_T = TypeVar("_T")


def check_against_model(open_store: Callable[[Clock], Store], *, time_moves: bool, examples: int) -> None:
    """Run the machine.

    Args:
        open_store: gives an empty store with this clock.
        time_moves: whether the store goes by the clock.
        examples: how many runs.
    """

    class Machine(StoreMachine):
        def __init__(self) -> None:
            super().__init__(open_store, time_moves=time_moves)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


class StoreMachine(RuleBasedStateMachine):
    """The rules: each does one thing to both and compares the answers."""

    def __init__(self, open_store: Callable[[Clock], Store], *, time_moves: bool) -> None:
        super().__init__()
        self.clock = Clock()
        self.time_moves = time_moves
        self.runner = asyncio.Runner()
        self.store = open_store(self.clock)
        self.values: dict[str, tuple[bytes, float]] = {}
        self.sets: dict[str, dict[str, float]] = {}

    def teardown(self) -> None:
        self.run(self.store.aclose())
        self.runner.close()

    def run(self, operation: Coroutine[Any, Any, _T]) -> _T:
        return self.runner.run(operation)

    def end(self, ttl_seconds: int | None) -> float:
        return math.inf if ttl_seconds is None or not self.time_moves else self.clock() + ttl_seconds

    def ttl(self, ttl_seconds: int | None) -> float | None:
        return None if ttl_seconds is None else ttl_seconds if self.time_moves else 3600.0

    def value(self, key: str) -> bytes | None:
        value, end = self.values.get(key, (None, 0.0))
        return value if end > self.clock() else None

    def live(self, key: str) -> set[str]:
        return {member for member, end in self.sets.get(key, {}).items() if end > self.clock()}

    @precondition(lambda self: self.time_moves)
    @rule(seconds=st.integers(1, 20))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @rule(key=KEYS)
    def get(self, key: str) -> None:
        assert self.value(key) == self.run(self.store.get(key))

    @rule(key=KEYS, value=VALUES, ttl=TIMES, only_if_absent=st.booleans())
    def set(self, key: str, value: bytes, ttl: int | None, only_if_absent: bool) -> None:
        expected = not only_if_absent or self.value(key) is None
        operation = self.store.set(key, value, ttl_seconds=self.ttl(ttl), only_if_absent=only_if_absent)
        assert expected == self.run(operation)
        if expected:
            self.values[key] = value, self.end(ttl)

    @rule(key=KEYS, present=st.none() | VALUES, value=VALUES, ttl=TIMES, is_right=st.booleans())
    def compare_and_set(self, key: str, present: bytes | None, value: bytes, ttl: int | None, is_right: bool) -> None:
        if is_right:
            present = self.value(key)
        expected = present == self.value(key)
        assert expected == self.run(self.store.compare_and_set(key, present, value, ttl_seconds=self.ttl(ttl)))
        if expected:
            self.values[key] = value, self.end(ttl)

    @rule(key=KEYS, by=st.integers(-3, 3), ttl=TIMES)
    def increment(self, key: str, by: int, ttl: int | None) -> None:
        before = self.value(key)
        end = self.end(ttl) if before is None else self.values[key][1]
        try:
            expected = int(before or b"0") + by
            is_number = before is None or (before == b"%d" % int(before) and -(2**63) <= expected < 2**63)
        except ValueError:
            is_number = False
        if before == b"" or not is_number:
            try:
                self.run(self.store.increment(key, by, ttl_seconds=self.ttl(ttl)))
            except ValueError:
                return
            raise AssertionError(f"{before!r} was counted")
        assert expected == self.run(self.store.increment(key, by, ttl_seconds=self.ttl(ttl)))
        self.values[key] = b"%d" % expected, end

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        expected = self.value(key) is not None or bool(self.live(key))
        assert expected == self.run(self.store.delete(key))
        self.values.pop(key, None)
        self.sets.pop(key, None)

    @rule(key=KEYS, member=KEYS, ttl=TIMES)
    def add_member(self, key: str, member: str, ttl: int | None) -> None:
        self.run(self.store.add_member(key, member, ttl_seconds=self.ttl(ttl)))
        self.sets.setdefault(key, {})[member] = self.end(ttl)

    @rule(key=KEYS, member=KEYS)
    def remove_member(self, key: str, member: str) -> None:
        assert (member in self.live(key)) == self.run(self.store.remove_member(key, member))
        self.sets.get(key, {}).pop(member, None)

    @rule(key=KEYS)
    def members(self, key: str) -> None:
        assert self.live(key) == self.run(self.store.members(key))

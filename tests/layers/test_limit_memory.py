"""Counting in memory: never more than the number in any period, and never more keys than the bound."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings, strategies as st

from costrel.layers.limit_counting import Refused
from costrel.layers.limit_memory import MAX_ENTRIES, SECOND_NS, MemoryCounter
from costrel.layers.limit_rates import Rate, parse_rates


class Clock:
    """Time in nanoseconds that the test sets."""

    def __init__(self) -> None:
        self.now_ns = 10**15

    def __call__(self) -> int:
        return self.now_ns


def counter_for(text: str, **options: int) -> tuple[MemoryCounter, Clock]:
    clock = Clock()
    return MemoryCounter(parse_rates(text), clock_ns=clock, **options), clock


def left_for(counter: MemoryCounter, key: str) -> int:
    """Ask for more than there can be, which changes nothing."""
    taken = counter.take(key, 10**9)
    assert isinstance(taken, Refused)
    return taken.standings[0]


def is_in(taken: object) -> bool:
    return not isinstance(taken, Refused)


rates = st.tuples(st.sampled_from([1, 2, 3, 7, MAX_ENTRIES, MAX_ENTRIES + 1, 50]), st.sampled_from([1, 2, 60]))
# In 64ths of the period and a nanosecond more or less, so that the edges of periods and of their parts are met.
steps = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 1, 2, 3, 31, 32, 62, 63, 64, 65]),
        st.sampled_from([-1, 0, 0, 1]),
        st.sampled_from([1, 1, 5, 16]),
    ),
    max_size=60,
)


@settings(max_examples=60)
@given(rates, steps)
def test_no_period_has_more_than_the_number(shape: tuple[int, int], moves: list[tuple[int, int, int]]) -> None:
    """Wherever a period begins, and whatever the times; and whoever is refused may come when it was said."""
    count, period_seconds = shape
    clock = Clock()
    counter = MemoryCounter([Rate(count, period_seconds, "")], clock_ns=clock)
    period_ns = period_seconds * SECOND_NS
    entered: list[tuple[int, int]] = []
    for parts, more_ns, cost in moves:
        clock.now_ns += max(parts * period_ns // 64 + more_ns, 0)
        taken = counter.take("a", cost)
        inside = sum(n for at, n in entered if at > clock.now_ns - period_ns)
        if isinstance(taken, Refused):
            # The parts of a large number come back late by one part of the period at most.
            late_ns = 0 if count <= MAX_ENTRIES else -(-period_ns // MAX_ENTRIES)
            recent = sum(n for at, n in entered if at > clock.now_ns - period_ns - late_ns)
            assert recent + cost > count
            if cost <= count:
                clock.now_ns += taken.retry_seconds * SECOND_NS
                assert is_in(counter.take("a", cost))
                entered.append((clock.now_ns, cost))
        else:
            assert inside + cost <= count
            entered.append((clock.now_ns, cost))
    for begin_ns, _ in entered:
        assert sum(n for at, n in entered if begin_ns <= at < begin_ns + period_ns) <= count


@settings(max_examples=25)
@given(st.lists(st.integers(0, 20 * SECOND_NS), max_size=40))
def test_several_rates_hold_all_at_once(moves: list[int]) -> None:
    """A request that one of them refuses is counted by none."""
    counter, clock = counter_for("3/10 seconds; 7/minute")
    entered: list[int] = []
    for step_ns in moves:
        clock.now_ns += step_ns
        room = [
            count - sum(at > clock.now_ns - seconds * SECOND_NS for at in entered)
            for count, seconds in ((3, 10), (7, 60))
        ]
        taken = counter.take("a", 1)
        if isinstance(taken, Refused):
            assert [place for place, left in enumerate(room) if not left] == list(taken.exceeded)
            assert (room[0], room[1]) == taken.standings[::2]
        else:
            assert (room[0] - 1, room[1] - 1) == taken[::2]
            entered.append(clock.now_ns)


def test_it_says_how_much_is_left_and_when_there_is_more() -> None:
    """Seconds are rounded up, so that who comes then is not refused."""
    counter, clock = counter_for("2/minute")

    assert (1, 60) == counter.take("a", 1)
    clock.now_ns += 10 * SECOND_NS + 1
    assert (0, 50) == counter.take("a", 1)
    assert Refused((0, 50), (0,), 50) == counter.take("a", 1)
    clock.now_ns += 50 * SECOND_NS - 2
    assert Refused((0, 1), (0,), 1) == counter.take("a", 1)
    clock.now_ns += 1
    assert (0, 11) == counter.take("a", 1)


def test_each_request_is_over_by_itself() -> None:
    """A nanosecond after the first is over, only the first is."""
    counter, clock = counter_for("2/second")
    counter.take("a", 1)
    clock.now_ns += 1
    counter.take("a", 1)
    clock.now_ns += SECOND_NS - 1

    assert [True, False] == [is_in(counter.take("a", 1)) for _ in range(2)]


def test_the_parts_of_a_large_number_are_over_with_their_last_request() -> None:
    """Room comes back late by one part of the period at most, and never early."""
    counter, clock = counter_for("64/32 seconds")
    began_ns = clock.now_ns
    for at_seconds, cost in ((0, 1), (0.9, 40), (1, 23)):
        clock.now_ns = began_ns + int(at_seconds * SECOND_NS)
        assert is_in(counter.take("a", cost))

    found = []
    for at_seconds in (32, 32.8, 32.9, 32.95, 33):
        clock.now_ns = began_ns + int(at_seconds * SECOND_NS)
        found.append((left_for(counter, "a"), at_seconds))
    assert [(0, 32), (0, 32.8), (41, 32.9), (41, 32.95), (64, 33)] == found


def test_a_cost_waits_until_there_is_room_for_all_of_it() -> None:
    """The first request that is over may not be enough."""
    counter, clock = counter_for("5/minute")
    for _ in range(5):
        counter.take("a", 1)
        clock.now_ns += SECOND_NS

    assert Refused((0, 55), (0,), 57) == counter.take("a", 3)


def test_what_costs_more_than_the_number_never_gets_in() -> None:
    """The wait is a whole period, for want of a better one, and nothing is counted."""
    counter, _ = counter_for("5/minute")

    assert Refused((5, 0), (0,), 60) == counter.take("a", 6)
    assert (0, 60) == counter.take("a", 5)


def test_keys_are_counted_apart() -> None:
    """One that is refused does not hold up another."""
    counter, _ = counter_for("1/minute")

    assert [True, False, True] == [is_in(counter.take(key, 1)) for key in ("a", "a", "b")]


@pytest.mark.security("F6")
def test_the_number_of_keys_is_bounded() -> None:
    """Whoever has a million addresses does not make the memory grow; the one used least recently goes."""
    counter, _ = counter_for("1/hour", max_keys=100)
    for number in range(100):
        counter.take(f"{number}", 1)
    assert not is_in(counter.take("0", 1))
    for number in range(1000):
        counter.take(f"other{number}", 1)
        # A client that goes on coming stays known, although it is refused.
        assert not is_in(counter.take("0", 1))

    assert 100 == len(counter)
    assert is_in(counter.take("1", 1))


def test_keys_whose_time_is_over_are_forgotten() -> None:
    """New keys take old ones with them, two for each."""
    counter, clock = counter_for("5/second; 100/minute")
    for number in range(100):
        counter.take(f"{number}", 1)
    clock.now_ns += 60 * SECOND_NS
    for number in range(100):
        counter.take(f"new{number}", 1)

    assert 100 == len(counter)
    assert is_in(counter.take("0", 5))


def test_a_log_is_bounded() -> None:
    """However large the number, a key has a bounded number of entries."""
    counter, clock = counter_for("100000/hour")
    taken = []
    for _ in range(4_000):
        clock.now_ns += SECOND_NS
        taken.append(counter.take("a", 1))
    (log,) = counter.logs_of("a")

    assert all(map(is_in, taken))
    assert len(log.ends) <= MAX_ENTRIES + 1
    assert sum(log.counts) == log.total


def test_threads_together_get_the_number_and_no_more() -> None:
    """Several loops in several threads share one counter."""
    counter, _ = counter_for("500/hour")

    def ask(_: int) -> int:
        return sum(is_in(counter.take("a", 1)) for _ in range(250))

    with ThreadPoolExecutor(4) as pool:
        assert 500 == sum(pool.map(ask, range(4)))

"""`MemoryCounter`: the numbers of a limit in the memory of this process.

Each key has a log of the times at which it was let in, so there are never more than the rate's number in any period,
wherever it begins. A rate above `MAX_ENTRIES` keeps one entry for every `MAX_ENTRIES`-th part of its period, which is
forgotten with the last of its requests: still never more than the number, and the room comes back that part later.

Keys are kept in the order in which they were last used. A new one takes with it two of the oldest that are over, and
beyond `max_keys` the oldest at all.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock

from costrel.layers.limit_counting import Refused, Standings
from costrel.layers.limit_rates import Rate

__all__ = ["MAX_KEYS", "MemoryCounter"]

MAX_ENTRIES = 32
MAX_KEYS = 50_000
SECOND_NS = 1_000_000_000


class _Log:
    """When one key was let in under one rate.

    Times are integers, so that nothing is lost by rounding.
    """

    __slots__ = ("counts", "ends", "total", "until_ns")

    def __init__(self) -> None:
        self.total = 0
        """How many are in all entries together."""
        self.ends: list[int] = []
        """When the last request of each entry came."""
        self.counts: list[int] = []
        """How many are in each entry."""
        self.until_ns = 0
        """When the last entry takes no more."""


class _Window:
    """What is done with the logs of one rate."""

    __slots__ = ("_grain_ns", "count", "period_ns")

    def __init__(self, rate: Rate) -> None:
        self.count = rate.count
        self.period_ns = rate.period_seconds * SECOND_NS
        self._grain_ns = 0 if rate.count <= MAX_ENTRIES else -(-self.period_ns // MAX_ENTRIES)

    def forget(self, log: _Log, now_ns: int) -> None:
        """Take out of a log what is over."""
        ends, over_ns = log.ends, now_ns - self.period_ns
        if ends and ends[0] <= over_ns:
            number = 1
            while number < len(ends) and ends[number] <= over_ns:
                number += 1
            log.total -= sum(log.counts[:number])
            del ends[:number], log.counts[:number]

    def add(self, log: _Log, now_ns: int, cost: int) -> Standings:
        """Write a request into a log that has room for it, and say how the log stands."""
        ends = log.ends
        log.total += cost
        if ends and now_ns < log.until_ns:
            ends[-1] = now_ns
            log.counts[-1] += cost
        else:
            ends.append(now_ns)
            log.counts.append(cost)
            log.until_ns = now_ns + self._grain_ns
        return (self.count - log.total, -((now_ns - ends[0] - self.period_ns) // SECOND_NS))

    def look(self, log: _Log, now_ns: int) -> Standings:
        """Say how a log stands."""
        reset_ns = log.ends[0] + self.period_ns - now_ns if log.ends else 0
        return (self.count - log.total, -(-reset_ns // SECOND_NS))

    def wait_ns(self, log: _Log, now_ns: int, cost: int) -> int:
        """Return how long until there is room; a whole period for what never has any."""
        missing = log.total + cost - self.count
        for end_ns, number in zip(log.ends, log.counts, strict=True):
            missing -= number
            if missing <= 0:
                return end_ns + self.period_ns - now_ns
        return self.period_ns

    def is_over(self, log: _Log, now_ns: int) -> bool:
        """Whether nothing in a log counts any more."""
        return not log.ends or log.ends[-1] <= now_ns - self.period_ns


class MemoryCounter:
    """Counts in memory, from any thread.

    Args:
        rates: what holds for each key, the shortest period first.
        max_keys: how many keys are remembered at once, 1 or more.
        clock_ns: nanoseconds that only go on.
    """

    def __init__(
        self, rates: Sequence[Rate], *, max_keys: int = MAX_KEYS, clock_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._windows = tuple(_Window(rate) for rate in rates)
        self._max_keys = max_keys
        self._clock_ns = clock_ns
        self._guard = Lock()
        self._logs: OrderedDict[str, tuple[_Log, ...]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._logs)

    def logs_of(self, key: str) -> tuple[_Log, ...]:
        """Return the logs of a key, one for each rate; none for one that is not known."""
        return self._logs.get(key, ())

    def take(self, key: str, cost: int) -> Standings | Refused:
        """Count a request if every rate allows it; see `Counter.take`."""
        all_logs = self._logs
        with self._guard:
            now_ns = self._clock_ns()
            logs = all_logs.get(key)
            if logs is None:
                logs = self._begin(key, now_ns)
            else:
                all_logs.move_to_end(key)
            # Most limits have one rate, and need no loop.
            if len(logs) == 1:
                log, window = logs[0], self._windows[0]
                if log.ends and log.ends[0] <= now_ns - window.period_ns:
                    window.forget(log, now_ns)
                if log.total + cost <= window.count:
                    return window.add(log, now_ns, cost)
                return self._refuse(logs, now_ns, cost)
            is_allowed = True
            for window, log in zip(self._windows, logs, strict=True):
                window.forget(log, now_ns)
                is_allowed = is_allowed and log.total + cost <= window.count
            if not is_allowed:
                return self._refuse(logs, now_ns, cost)
            standings: Standings = ()
            for window, log in zip(self._windows, logs, strict=True):
                standings += window.add(log, now_ns, cost)
            return standings

    def _refuse(self, logs: tuple[_Log, ...], now_ns: int, cost: int) -> Refused:
        standings: Standings = ()
        exceeded: list[int] = []
        wait_ns = 0
        for place, (window, log) in enumerate(zip(self._windows, logs, strict=True)):
            standings += window.look(log, now_ns)
            if log.total + cost > window.count:
                exceeded.append(place)
                wait_ns = max(wait_ns, window.wait_ns(log, now_ns, cost))
        return Refused(standings, tuple(exceeded), -(-wait_ns // SECOND_NS))

    def _begin(self, key: str, now_ns: int) -> tuple[_Log, ...]:
        """Make the logs of a new key, and room for them."""
        all_logs = self._logs
        for _ in range(2):
            oldest = next(iter(all_logs), None)
            if oldest is None or not self._is_over(all_logs[oldest], now_ns):
                break
            del all_logs[oldest]
        if len(all_logs) >= self._max_keys:
            # SECURITY: whoever has as many addresses makes us forget others, and never makes us grow.
            all_logs.popitem(last=False)
        logs = all_logs[key] = tuple([_Log() for _ in self._windows])
        return logs

    def _is_over(self, logs: tuple[_Log, ...], now_ns: int) -> bool:
        return all(window.is_over(log, now_ns) for window, log in zip(self._windows, logs, strict=True))

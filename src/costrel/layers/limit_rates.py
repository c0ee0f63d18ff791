"""`Rate`: how many requests in how long, and the text in which rates are written.

``10/minute``, ``5/2 minutes``, ``10 per minute``; several rates are joined by ``;`` and all of them hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from costrel.layers.mistakes import wrong_option

__all__ = ["Rate", "parse_rates"]

MAX_RATES = 8
MAX_COUNT = 1_000_000_000
MAX_PERIOD_SECONDS = 366 * 86_400
EXAMPLE = 'Limit("10/minute; 100/hour")'

_UNIT_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_split = re.compile(
    r"([0-9]{1,18}) ?(?:/|per ) ?(?:([0-9]{1,9}) ?)?(second|minute|hour|day|week)s?", re.ASCII
).fullmatch


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` in any `period_seconds`.

    Args:
        count: 1 or more.
        period_seconds: 1 or more.
        text: the one spelling of this rate, for example ``5/2 minutes``.
    """

    count: int
    period_seconds: int
    text: str

    def __str__(self) -> str:
        return self.text


def parse_rates(text: str) -> tuple[Rate, ...]:
    """Parse rates, and put the one with the shortest period first.

    Args:
        text: one rate, or several with ``;`` between them, in any order.

    Raises:
        ConfigurationError: COS-LAYERS-001, one that cannot be read, or that another one makes useless.

    >>> [(rate.count, rate.period_seconds, rate.text) for rate in parse_rates("100 per hour; 5/2 minutes")]
    [(5, 120, '5/2 minutes'), (100, 3600, '100/hour')]
    """
    parts = text.split(";") if isinstance(text, str) else []
    if not 1 <= len(parts) <= MAX_RATES:
        why = f"It is 1 to {MAX_RATES} rates, a text with `;` between them."
        raise wrong_option("Limit", "rates", text, why, EXAMPLE)
    rates = sorted((_parse_rate(part, text) for part in parts), key=lambda rate: rate.period_seconds)
    for shorter, longer in pairwise(rates):
        if shorter.period_seconds == longer.period_seconds or shorter.count >= longer.count:
            why = f"`{longer}` leaves nothing for `{shorter}` to refuse: a longer period has a larger number."
            raise wrong_option("Limit", "rates", text, why, EXAMPLE)
    return tuple(rates)


def _parse_rate(part: str, text: str) -> Rate:
    found = _split(" ".join(part.split()))
    if found is None:
        why = f"`{part.strip()[:100]}` is no rate: a number, `/`, and one or several of {', '.join(_UNIT_SECONDS)}."
        raise wrong_option("Limit", "rates", text, why, EXAMPLE)
    count, multiple, unit = int(found[1]), int(found[2] or 1), found[3]
    period_seconds = multiple * _UNIT_SECONDS[unit]
    if not (1 <= count <= MAX_COUNT and 1 <= period_seconds <= MAX_PERIOD_SECONDS):
        why = f"A number is from 1 to {MAX_COUNT}, a period from a second to 366 days."
        raise wrong_option("Limit", "rates", text, why, EXAMPLE)
    return Rate(count, period_seconds, f"{count}/{unit}" if multiple == 1 else f"{count}/{multiple} {unit}s")

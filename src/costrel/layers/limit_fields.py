"""How a limit is told to clients: the header fields of an answer, and the refusal.

Spec: draft-ietf-httpapi-ratelimit-headers-10 (`RateLimit-Policy`, `RateLimit`, the member ``violated-policies``); RFC
9110 §10.2.3; RFC 6585 §4. The `X-RateLimit-*` fields follow no standard; ours count what is left of the rate that has
least, and the reset is in seconds since 1970.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from costrel.errors import TooManyRequests
from costrel.http import Headers
from costrel.layers.limit_counting import Refused, Standings
from costrel.layers.limit_rates import Rate
from costrel.messages import Response

__all__ = ["LimitFields"]


class LimitFields:
    """The header fields of one limit.

    Args:
        rates: its rates.
        name: what it is called, empty for the rates themselves.
        has_legacy: whether ``X-RateLimit-*`` are sent too.
    """

    def __init__(self, rates: Sequence[Rate], name: str, *, has_legacy: bool) -> None:
        self._rates = tuple(rates)
        self._names = _policy_names(rates, name)
        pairs = list(zip(self._names, rates, strict=True))
        self._policy = ", ".join(f'"{name}";q={rate.count};w={rate.period_seconds}' for name, rate in pairs)
        self._policy_line = (b"ratelimit-policy", self._policy.encode("ascii"))
        # The name of a policy has neither a percent sign nor a quotation mark.
        self._template = ", ".join(f'"{name}";r=%d;t=%d' for name in self._names).encode("ascii")
        self._has_legacy = has_legacy

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that an answer may have, for `LayerInfo`."""
        legacy = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset") if self._has_legacy else ()
        return ("ratelimit-policy", "ratelimit", *legacy)

    def put_on(self, response: Response, standings: Standings) -> None:
        """Tell how the limit stands; limits outside this one add lines of their own."""
        headers = response.headers
        # The lines are of numbers and of names that were checked when the limit was made.
        headers.extend(Headers.from_raw([self._policy_line, (b"ratelimit", self._template % standings)]))
        if self._has_legacy:
            for name, value in self._legacy(standings).items():
                headers[name] = value

    def refusal(self, refused: Refused) -> TooManyRequests:
        """Return the answer to one request too many."""
        seconds = refused.retry_seconds
        headers = {
            "Retry-After": str(seconds),
            "RateLimit-Policy": self._policy,
            "RateLimit": (self._template % refused.standings).decode("ascii"),
        }
        if self._has_legacy:
            headers.update(self._legacy(refused.standings))
        when = "a second" if seconds == 1 else f"{seconds} seconds"
        members: dict[str, object] = {"violated-policies": [self._names[place] for place in refused.exceeded]}
        return TooManyRequests(f"Too many requests: try again in {when}.", headers=headers, **members)

    def _legacy(self, standings: Standings) -> dict[str, str]:
        place = min(range(len(self._rates)), key=lambda place: standings[2 * place])
        left, reset_seconds = standings[2 * place : 2 * place + 2]
        return {
            "X-RateLimit-Limit": str(self._rates[place].count),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(int(time.time()) + reset_seconds),
        }


def _policy_names(rates: Sequence[Rate], name: str) -> list[str]:
    if not name:
        return [rate.text for rate in rates]
    return [name] if len(rates) == 1 else [f"{name} {rate.text}" for rate in rates]

"""`Limit`: how many requests a client or a user may make in a time; who comes too often is answered with 429.

One `Limit` is one counter. On an app it counts what goes to the app, on a blueprint what goes to the blueprint, on a
route what goes to the route; the same object in several places counts for all of them together.

What is counted is in `limit_keys`, how in `limit_memory` and `limit_redis`, what clients are told in `limit_fields`.

Spec: RFC 6585 §4; draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TypeAlias

from costrel.errors import Mistake, ProgrammerError
from costrel.layers.limit_availability import GuardedCounter, OnStoreFailure
from costrel.layers.limit_counting import Counter, Refused
from costrel.layers.limit_fields import LimitFields
from costrel.layers.limit_keys import By, compile_key
from costrel.layers.limit_memory import MAX_KEYS, MemoryCounter
from costrel.layers.limit_rates import Rate, parse_rates
from costrel.layers.limit_redis import REDIS_SCHEMES, RedisCounter, RedisPlace, parse_redis_place, redis_failures
from costrel.layers.mistakes import wrong_option
from costrel.messages import Dispatch, Layer, LayerInfo, Request, Response, RouteView

__all__ = ["Limit"]

Cost: TypeAlias = int | Callable[[Request], int]

_is_name = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch


class Limit:
    """Lets a number of requests through in a time, for each client, and answers the others with 429.

    Requests that are refused are not counted. HEAD counts like GET, and so does the handshake of a WebSocket. Every
    answer says in ``RateLimit`` how much is left, and a refusal in ``Retry-After`` when to come back.

    Args:
        rates: ``10/minute``, ``5/2 minutes``, or several with ``;`` between them, which all hold. Units are second,
            minute, hour, day and week.
        by: who has the number. ``client`` is the address that the transport and trusted proxies say, the /64 network
            for IPv6. ``user`` is `Request.user`, and the client when nobody is logged in. A function of the request
            returns any text, and `None` for the client.
        store: `None` or ``memory`` counts in this process; ``redis://…``, ``rediss://…`` or ``unix://…`` on a server
            for all processes, with the options of `open_store`.
        cost: what a request counts for; a function of the request may return 0 for one that is free.
        on_store_failure: what happens while the server does not answer: ``open`` lets everybody pass, ``local`` counts
            in each process, ``closed`` answers 503.
        name: what clients and other processes know the limit by: up to 64 letters, digits, dots, hyphens and
            underscores. `None` is the rates, for processes with the first of the routes that it stands around.
        legacy_headers: whether ``X-RateLimit-Limit``, ``-Remaining`` and ``-Reset`` are sent too.
        max_keys: how many clients are remembered in memory at once; beyond, the one that has not come for the longest
            time is forgotten.
        clock_ns: nanoseconds that only go on, for the count in memory.

    Raises:
        ConfigurationError: COS-LAYERS-001, an option that cannot be; COS-LAYERS-031, a package is missing.
    """

    def __init__(
        self,
        rates: str,
        *,
        by: By = "client",
        store: str | None = None,
        cost: Cost = 1,
        on_store_failure: OnStoreFailure = "open",
        name: str | None = None,
        legacy_headers: bool = False,
        max_keys: int = MAX_KEYS,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._rates = parse_rates(rates)
        self._key_of = compile_key(by)
        self._cost = _checked_cost(cost, self._rates)
        if on_store_failure not in ("open", "local", "closed"):
            raise wrong_option("Limit", "on_store_failure", on_store_failure, 'It is "open", "local" or "closed".')
        if name is not None and not (isinstance(name, str) and _is_name(name)):
            why = "It is 1 to 64 letters, digits, dots, hyphens and underscores."
            raise wrong_option("Limit", "name", name, why, 'Limit("5/minute", name="login")')
        if isinstance(max_keys, bool) or not isinstance(max_keys, int) or max_keys < 1:
            raise wrong_option("Limit", "max_keys", max_keys, "It is a whole number, 1 or more.")
        self._by_name = by if isinstance(by, str) else getattr(by, "__qualname__", type(by).__name__)
        self._name = name
        self._fields = LimitFields(self._rates, name or "", has_legacy=legacy_headers)
        self._routes: set[str] = set()
        self._memory = MemoryCounter(self._rates, max_keys=max_keys, clock_ns=clock_ns)
        place = _parse_store(store)
        self._server = None if place is None else self._on_server(place, on_store_failure)

    def __repr__(self) -> str:
        return f"Limit({'; '.join(map(str, self._rates))!r}, by={self._by_name!r})"

    async def aclose(self) -> None:
        """Close the connections to the server on the running loop; for `App.on_stop`."""
        if self._server is not None:
            await self._server.aclose()

    def bind(self, route: RouteView) -> Layer | None:
        """Return the layer; all routes have the same."""
        self._routes.add(f"{route.path} {','.join(sorted(route.methods))}")
        if self._server is not None:
            return _count_on_server(self._server, self._key_of, self._cost, self._fields)
        return _count_in_memory(self._memory, self._key_of, self._cost, self._fields)

    def describe(self) -> LayerInfo:
        """Say that the answer may be 429, and what every answer has."""
        return LayerInfo({429: "Too many requests."}, response_headers=("retry-after", *self._fields.names))

    def _on_server(self, place: RedisPlace, policy: OnStoreFailure) -> Counter:
        return GuardedCounter(
            RedisCounter(place, self._rates, self._namespace),
            name=place.name,
            policy=policy,
            spare=self._memory,
            timeout_seconds=place.timeout_seconds,
            failures=redis_failures(),
        )

    def _namespace(self) -> str:
        """Return what is the same in every process that has this limit, and different for every other limit."""
        if self._name is not None:
            return self._name
        return f"{min(self._routes)}\0{self._by_name}\0{'; '.join(map(str, self._rates))}"


def _count_in_memory(memory: MemoryCounter, key_of: Callable[[Request], str], cost: Cost, fields: LimitFields) -> Layer:
    take, put_on = memory.take, fields.put_on

    async def limit(request: Request, call_next: Dispatch) -> Response:
        number = cost if isinstance(cost, int) else _cost_of(request, cost)
        if not number:
            return await call_next(request)
        taken = take(key_of(request), number)
        if isinstance(taken, Refused):
            raise fields.refusal(taken)
        response = await call_next(request)
        put_on(response, taken)
        return response

    return limit


def _count_on_server(server: Counter, key_of: Callable[[Request], str], cost: Cost, fields: LimitFields) -> Layer:
    async def limit(request: Request, call_next: Dispatch) -> Response:
        number = cost if isinstance(cost, int) else _cost_of(request, cost)
        taken = await server.take(key_of(request), number) if number else None
        if isinstance(taken, Refused):
            raise fields.refusal(taken)
        response = await call_next(request)
        if taken is not None:
            fields.put_on(response, taken)
        return response

    return limit


def _cost_of(request: Request, cost: Callable[[Request], int]) -> int:
    """Ask what a request counts for."""
    number = cost(request)
    # SECURITY: a negative number, made of what a client sends, would give requests back.
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise ProgrammerError(
            Mistake(
                "COS-LAYERS-032",
                f"The `cost` of a request is `{repr(number)[:100]}`.",
                why="A request counts for a whole number, 0 or more.",
                fix='Limit("1000/hour", cost=lambda request: 10 if request.path_params["all"] else 1)',
            )
        )
    return number


def _checked_cost(cost: Cost, rates: tuple[Rate, ...]) -> Cost:
    if callable(cost):
        return cost
    least = min(rate.count for rate in rates)
    if isinstance(cost, bool) or not isinstance(cost, int) or not 1 <= cost <= least:
        why = f"It is a function of the request, or a number from 1 to the smallest of the rates, {least}."
        raise wrong_option("Limit", "cost", cost, why, 'Limit("10/minute", cost=2)')
    return cost


def _parse_store(store: str | None) -> RedisPlace | None:
    """Return where the numbers are kept, `None` for memory."""
    if store is None or store in ("memory", "memory://"):
        return None
    if not isinstance(store, str) or store.partition("://")[0] not in REDIS_SCHEMES or "://" not in store:
        shown = store.partition("://")[0] if isinstance(store, str) else store
        why = 'It is "memory", or the URL of a Redis server. A store of files is too slow to count every request.'
        raise wrong_option("Limit", "store", shown, why, 'Limit("10/minute", store="redis://localhost/0")')
    return parse_redis_place(store)

"""`RedisCounter`: the numbers of a limit in a Redis server, shared by processes and hosts.

The counting is that of the package ``limits``: a moving window, exact, for rates up to `MAX_EXACT_COUNT`, which keeps a
time for each request; above it a sliding window counter, which takes the requests of the last period for evenly spread.
Its times are those of the hosts that ask, which therefore have to agree.

The rates are asked one after the other, the shortest period first. A request that a later one refuses has been counted
by those before it; they allow less than they might for a while, never more.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from importlib import import_module
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from costrel.errors import ConfigurationError, Mistake
from costrel.layers.limit_counting import Refused, Standings
from costrel.layers.limit_rates import Rate
from costrel.layers.mistakes import wrong_option

if TYPE_CHECKING:
    from limits.aio.strategies import RateLimiter
    from limits.limits import RateLimitItem
    from redis.asyncio import ConnectionPool

__all__ = ["REDIS_SCHEMES", "RedisCounter", "RedisPlace", "parse_redis_place", "redis_failures"]

REDIS_SCHEMES = ("redis", "rediss", "unix")
DEFAULT_TIMEOUT_SECONDS = 0.25
DEFAULT_MAX_CONNECTIONS = 50
MAX_EXACT_COUNT = 1000


@dataclass(frozen=True, slots=True)
class RedisPlace:
    """Where a server is and how it is asked.

    Args:
        url: what the package ``redis`` is given.
        name: the same without secrets.
        prefix: what all keys begin with.
        max_connections: how many each loop opens at most.
        timeout_seconds: how long one request waits.
    """

    url: str
    name: str
    prefix: str
    max_connections: int
    timeout_seconds: float


def parse_redis_place(url: str) -> RedisPlace:
    """Read the URL of a server, with the options that a store in Redis has.

    Raises:
        ConfigurationError: COS-LAYERS-001, an option that cannot be; COS-LAYERS-031, a package is missing.
    """
    missing = [package for package in ("redis", "limits") if find_spec(package) is None]
    if missing:
        raise _not_installed(missing)
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        prefix = options.pop("prefix", "costrel:")
        max_connections = int(options.pop("max_connections", DEFAULT_MAX_CONNECTIONS))
        timeout_seconds = float(options.pop("operation_timeout_seconds", DEFAULT_TIMEOUT_SECONDS))
        # Connecting is part of the operation, and has no time of its own.
        options.pop("connect_timeout_seconds", None)
        if not (max_connections > 0 and 0 < timeout_seconds < math.inf):
            raise ValueError("`max_connections` and `operation_timeout_seconds` are above 0")
        place = parts.netloc.rpartition("@")[2]
        name = f"{parts.scheme}://{place}{parts.path}"
        server = f"{url.partition('?')[0]}?{urlencode(options)}".removesuffix("?")
        _make_pool(RedisPlace(server, name, prefix, max_connections, timeout_seconds))
    except (TypeError, ValueError) as error:
        # The URL may hold a password, so it is not shown.
        raise wrong_option("Limit", "store", f"{url.partition('://')[0]}://…", f"{error}.") from error
    return RedisPlace(server, name, prefix, max_connections, timeout_seconds)


@dataclass(frozen=True, slots=True)
class _Connected:
    """What one loop has."""

    pool: ConnectionPool
    strategies: tuple[RateLimiter, ...]
    items: tuple[RateLimitItem, ...]


class RedisCounter:
    """Counts in Redis; each loop connects when it is first asked.

    Args:
        place: where.
        rates: what holds for each key, the shortest period first.
        namespace: what other processes know this limit by; asked when the first request has come, for then every route
            is known.
    """

    def __init__(self, place: RedisPlace, rates: Sequence[Rate], namespace: Callable[[], str]) -> None:
        self._place = place
        self._rates = tuple(rates)
        self._namespace = namespace
        self._guard = Lock()
        self._connected: dict[asyncio.AbstractEventLoop, _Connected] = {}
        # The first request would otherwise wait for this import, perhaps longer than it may for the server.
        import_module("limits.aio.strategies")

    async def take(self, key: str, cost: int) -> Standings | Refused:
        """Count a request if every rate allows it; see `Counter.take`.

        Raises:
            RedisError: the server is away.
            OSError: it is.
        """
        here, name = self._here(), self._name(key)
        refused_by = -1
        for place, (strategy, item) in enumerate(zip(here.strategies, here.items, strict=True)):
            if not await strategy.hit(item, name, cost=cost):
                refused_by = place
                break
        standings: Standings = ()
        for strategy, item in zip(here.strategies, here.items, strict=True):
            reset_at, left = await strategy.get_window_stats(item, name)
            standings += (max(left, 0), max(math.ceil(reset_at - time.time()), 0))
        if refused_by < 0:
            return standings
        # When more is asked for at once, the first that comes back may not be enough.
        reset_seconds = standings[2 * refused_by + 1] if cost == 1 else self._rates[refused_by].period_seconds
        return Refused(standings, (refused_by,), max(reset_seconds, 1))

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        with self._guard:
            here = self._connected.pop(asyncio.get_running_loop(), None)
        if here is not None:
            await here.pool.aclose()

    def _name(self, key: str) -> str:
        """Return the name of a key on the server; it shows neither address nor user."""
        text = f"{self._namespace()}\0{key}".encode("utf-8", "surrogatepass")
        return blake2b(text, digest_size=20).hexdigest()

    def _here(self) -> _Connected:
        loop = asyncio.get_running_loop()
        here = self._connected.get(loop)
        if here is None:
            with self._guard:
                # Loops that ended without `aclose` would stay for good.
                for ended in [other for other in self._connected if other.is_closed()]:
                    del self._connected[ended]
                here = self._connected[loop] = self._connect()
        return here

    def _connect(self) -> _Connected:
        from limits.aio.storage import RedisStorage
        from limits.aio.strategies import MovingWindowRateLimiter, SlidingWindowCounterRateLimiter
        from limits.limits import RateLimitItemPerSecond

        pool = _make_pool(self._place)
        options: dict[str, Any] = {"connection_pool": pool}  # the package declares only numbers and text
        # The pool has the URL; what is said here is only read for its scheme.
        storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=f"{self._place.prefix}limit",
            **options,
        )
        exact, spread = MovingWindowRateLimiter(storage), SlidingWindowCounterRateLimiter(storage)
        strategies = tuple(exact if rate.count <= MAX_EXACT_COUNT else spread for rate in self._rates)
        items = tuple(RateLimitItemPerSecond(rate.count, rate.period_seconds) for rate in self._rates)
        return _Connected(pool, strategies, items)


def redis_failures() -> tuple[type[Exception], ...]:
    """Return what the package raises for a server that is away."""
    from redis.exceptions import RedisError

    return (RedisError,)


def _make_pool(place: RedisPlace) -> ConnectionPool:
    from redis.asyncio import BlockingConnectionPool
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    return BlockingConnectionPool.from_url(
        place.url,
        max_connections=place.max_connections,
        # One clock for the whole of an operation, that of `GuardedCounter`.
        timeout=None,
        socket_timeout=None,
        socket_connect_timeout=None,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )


def _not_installed(packages: list[str]) -> ConfigurationError:
    names = " and ".join(f"`{name}`" for name in packages)
    return ConfigurationError(
        Mistake(
            "COS-LAYERS-031",
            f"A `Limit` that counts in Redis needs {names}, and that is not installed.",
            fix="pip install 'costrel[redis]'",
        )
    )

"""`cached`: the results of a function are kept for a while and given again, without calling it.

For functions that cost something and follow from their arguments alone: a report, the answer of another service. They
know nothing of requests: a result is computed outside of any. For whole answers there is `costrel.layers.Cached`.

Results are kept as JSON and read by the function's return annotation, so what is kept is never code, and nobody can
change what others get. The caller that has caused a computation gets what was read back, like all others.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, cast

from costrel.errors import ConfigurationError, Mistake
from costrel.layers.cached_arguments import compile_arguments_key
from costrel.layers.cached_counting import CacheStats, Counting
from costrel.layers.cached_options import check_names, check_seconds
from costrel.layers.cached_reading import reader_of
from costrel.layers.cached_results import Results, StillComputing
from costrel.layers.cached_shelf import OnStoreFailure, Shelf, hashed, tag_key
from costrel.layers.cached_threads import run_at_once, run_in_thread, shared_loop
from costrel.layers.mistakes import wrong_option
from costrel.messages import Store, encode_json
from costrel.stores import MemoryStore

__all__ = ["BlockingFunctionCache", "CachedFunction", "FunctionCache", "StillComputing", "cached"]

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class CachedFunction(Protocol[P, R_co]):
    """A function whose results are kept; `cache` is what may be done with them."""

    @property
    def cache(self) -> FunctionCache[P]:
        """What is kept."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Return a result."""


class _Parts:
    """What is kept of a function: the results, what makes keys of arguments, and the keys of the tags."""

    def __init__(
        self, results: Results, counting: Counting, key_of: Callable[..., str], tags: Sequence[str], all_key: str
    ) -> None:
        self.results = results
        self.counting = counting
        self.key_of = key_of
        self.all_key: str = all_key
        self.tag_keys: tuple[str, ...] = (all_key, *(tag_key(tag) for tag in tags))


class FunctionCache(Generic[P]):
    """What is kept of a function.

    Attributes:
        blocking: the same for code that cannot wait on a loop; each method returns when it is done.
    """

    def __init__(self, parts: _Parts) -> None:
        self._parts = parts
        self.blocking: BlockingFunctionCache[P] = BlockingFunctionCache(self, parts)

    @property
    def stats(self) -> CacheStats:
        """How often it was of use in this process."""
        return self._parts.counting.stats()

    async def drop(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Forget one result, and return whether there was any.

        Raises:
            StoreUnavailable: it has not happened.
        """
        return await self._parts.results.shelf.forget(self._parts.key_of(args, kwargs))

    async def purge(self, *tags: str) -> None:
        """Forget all that has one of the tags, whatever function or layer of this store keeps it.

        Raises:
            StoreUnavailable: it has not happened.
        """
        await self._parts.results.shelf.forget(*(tag_key(tag) for tag in tags))

    async def clear(self) -> None:
        """Forget all results of this function.

        Raises:
            StoreUnavailable: it has not happened.
        """
        await self._parts.results.shelf.forget(self._parts.all_key)

    async def aclose(self) -> None:
        """Close the connections of the store on the running loop; for `App.on_stop`."""
        await self._parts.results.shelf.aclose()


class BlockingFunctionCache(Generic[P]):
    """What is kept of a function, for threads; see `FunctionCache`."""

    def __init__(self, cache: FunctionCache[P], parts: _Parts) -> None:
        self._cache = cache
        self._run = run_at_once if isinstance(parts.results.shelf.store, MemoryStore) else shared_loop.run

    def drop(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Forget one result; see `FunctionCache.drop`."""
        return self._run(self._cache.drop(*args, **kwargs))

    def purge(self, *tags: str) -> None:
        """Forget all that has one of the tags; see `FunctionCache.purge`."""
        self._run(self._cache.purge(*tags))

    def clear(self) -> None:
        """Forget all results of this function; see `FunctionCache.clear`."""
        self._run(self._cache.clear())

    def close(self) -> None:
        """Close the connections that calls from threads have opened to the store."""
        self._run(self._cache.aclose())


class _Decorator(Protocol):
    """What `cached` returns."""

    def __call__(self, function: Callable[P, R], /) -> CachedFunction[P, R]: ...


def cached(
    seconds: float,
    *,
    stale_seconds: float = 0,
    generate_timeout_seconds: float | None = None,
    key: Callable[..., str] | None = None,
    tags: Sequence[str] = (),
    store: Store | str | None = None,
    encode: Callable[[Any], bytes] | None = None,
    decode: Callable[[bytes], Any] | None = None,
    wait_seconds: float = 10,
    on_store_failure: OnStoreFailure = "open",
    clock: Callable[[], float] = time.time,
) -> _Decorator:
    """Keep the results of an ``async def`` or ``def`` function.

    Of all who call with the same arguments at the same time, in one process or several, one computes. A function
    written as ``def`` is called from threads, as handlers written as ``def`` are; on an event loop it would stop it.

    Args:
        seconds: how long a result is fresh.
        stale_seconds: how long after that an old result is given while a new one is computed.
        generate_timeout_seconds: how long a caller waits for a computation; `None` is as long as it takes.
        key: makes text of the arguments; `None` makes it of their JSON with their types.
        tags: names by which results are purged.
        store: where results are kept: a store, its URL, or `None` for one in memory of its own.
        encode: makes bytes of a result; `None` is JSON. With it goes `decode`.
        decode: makes a result of bytes; `None` reads JSON by the return annotation.
        wait_seconds: how long to wait for another process that computes the same.
        on_store_failure: ``open`` computes when the store is away, ``closed`` raises `StoreUnavailable`.
        clock: seconds since the epoch.

    Returns:
        A decorator; the function gets an attribute `cache` with `drop`, `purge`, `clear` and `stats`.

    Raises:
        ConfigurationError: COS-LAYERS-001, an option that cannot be meant; COS-LAYERS-041, a function without a return
            annotation; COS-LAYERS-042, one that JSON cannot be read as; COS-LAYERS-044, something that is no plain
            function; COS-STORE-001, a URL that names no store.
    """
    check_seconds("cached", "seconds", seconds, is_zero_allowed=False)
    check_seconds("cached", "stale_seconds", stale_seconds)
    check_seconds("cached", "wait_seconds", wait_seconds, is_zero_allowed=False)
    if generate_timeout_seconds is not None:
        check_seconds("cached", "generate_timeout_seconds", generate_timeout_seconds, is_zero_allowed=False)
    check_names("cached", "tags", tags)
    if (encode is None) != (decode is None):
        option, value = ("encode", encode) if encode is not None else ("decode", decode)
        raise wrong_option("cached", option, value, "`encode` and `decode` go together.")

    def decorate(function: Callable[..., Any]) -> Any:
        name = _name_of(function)
        counting = Counting()
        shelf = Shelf(
            f"cached {name}",
            store,
            on_failure=on_store_failure,
            lifetime_seconds=seconds + stale_seconds,
            counting=counting,
        )
        results = Results(
            name,
            shelf,
            seconds=seconds,
            stale_seconds=stale_seconds,
            timeout_seconds=generate_timeout_seconds,
            wait_seconds=wait_seconds,
            counting=counting,
            clock=clock,
        )
        key_of = compile_arguments_key(name, inspect.signature(function), key)
        parts = _Parts(results, counting, key_of, tags, f"costrel.cache.function.{hashed(name.encode())}")
        write = encode_json if encode is None else encode
        read = reader_of(function, name) if decode is None else decode
        if inspect.iscoroutinefunction(function):
            return _wrap_async(function, parts, write, read)
        return _wrap_blocking(function, parts, write, read)

    return cast("_Decorator", decorate)


def _wrap_async(
    function: Callable[..., Coroutine[Any, Any, Any]],
    parts: _Parts,
    write: Callable[[Any], bytes],
    read: Callable[[bytes], Any],
) -> object:
    get, key_of, tag_keys = parts.results.get, parts.key_of, parts.tag_keys

    @functools.wraps(function)
    async def cached_function(*args: Any, **kwargs: Any) -> Any:
        async def compute(context: Context) -> bytes:
            return write(await function(*args, **kwargs))

        return read(await get(key_of(args, kwargs), tag_keys, compute))

    vars(cached_function)["cache"] = FunctionCache(parts)
    return cached_function


def _wrap_blocking(
    function: Callable[..., Any], parts: _Parts, write: Callable[[Any], bytes], read: Callable[[bytes], Any]
) -> object:
    results, key_of, tag_keys = parts.results, parts.key_of, parts.tag_keys
    # What is in memory is there at once, without a way to the loop and back.
    is_at_hand = isinstance(results.shelf.store, MemoryStore)

    @functools.wraps(function)
    def cached_function(*args: Any, **kwargs: Any) -> Any:
        key = key_of(args, kwargs)
        value = run_at_once(results.find_fresh(key, tag_keys)) if is_at_hand else None
        if value is None:

            async def compute(context: Context) -> bytes:
                return await run_in_thread(lambda: write(function(*args, **kwargs)), context.copy())

            value = shared_loop.run(results.get(key, tag_keys, compute))
        return read(value)

    vars(cached_function)["cache"] = FunctionCache(parts)
    return cached_function


def _name_of(function: object) -> str:
    """Return module and name of a function.

    Raises:
        ConfigurationError: COS-LAYERS-044, it is no plain function.
    """
    if (
        not inspect.isfunction(function)
        or inspect.isgeneratorfunction(function)
        or inspect.isasyncgenfunction(function)
    ):
        raise ConfigurationError(
            Mistake(
                "COS-LAYERS-044",
                f"`@cached` was put on `{function!r:.200}`.",
                why="It keeps what a plain `def` or `async def` function returns; a generator has no one result.",
                fix="@cached(60)\nasync def report(month: str) -> Report: ...",
            )
        )
    return f"{function.__module__}.{function.__qualname__}"

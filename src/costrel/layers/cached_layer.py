"""`Cached`: answers are kept for a while and given again, without the handler.

A kept answer is fresh for its time. After that, for another while, it is still given, and one request in all processes
has it made anew in the background. Of those who ask for what is not there, one runs the handler and the others wait.
What answers are kept under is in `cached_key`, which may be kept in `cached_record`, how they are made in
`cached_making`, by whom in `cached_flight`, and how a store is asked in `cached_shelf`.

Spec: RFC 9111 (as a cache of the origin), RFC 5861, RFC 9211.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from costrel.http import parse_cache_control
from costrel.layers.cached_counting import CacheStats, Counting
from costrel.layers.cached_key import compile_key
from costrel.layers.cached_making import ALL, Making, marked
from costrel.layers.cached_options import check_body_bytes, check_names, check_seconds, checked_statuses
from costrel.layers.cached_record import RecordRules
from costrel.layers.cached_request import is_asking
from costrel.layers.cached_shelf import OnStoreFailure, Shelf, tag_key
from costrel.layers.mistakes import wrong_option
from costrel.messages import Dispatch, Layer, LayerInfo, Request, Response, RouteView, Store

__all__ = ["Cached"]

KEPT_STATUSES: Final = (200, 203, 204, 301, 308, 404, 410)

Tags: TypeAlias = Callable[[Request], Iterable[str]] | Sequence[str]


class Cached:
    """Keeps the answers of GET, and gives them to GET and HEAD.

    Kept are complete answers with a status of `statuses` that set no cookie, that do not say ``no-store``, ``no-cache``
    or ``private`` or ``Vary: *``, and that were made without a session and for no user. Requests with ``Authorization``
    go to the handler. `by` makes answers for somebody possible.

    A ``Cache-Control`` of the handler with a shorter ``max-age`` or ``s-maxage`` counts. Several caches around one
    handler are one: the outermost.

    Args:
        seconds: how long an answer is fresh.
        vary: names of request fields that the answer follows from; the answer says so in ``Vary``, and what it says
            there by itself counts too.
        query: the query parameters that the answer follows from; the handler sees no others while it makes an answer
            that is kept. `None` is the whole query, as it is spelled.
        stale_seconds: how long after that an old answer is given while a new one is made.
        stale_if_error_seconds: how long after that an old answer is given when the handler answers with 500 or more.
        tags: names by which answers are purged, or a function of the request that returns them.
        store: where answers are kept: a store, its URL, or `None` for one in memory of its own.
        by: says whose answer it is, from the request; `None` of it is everybody's.
        statuses: what may be kept; never errors of the server.
        max_body_bytes: larger content is not kept, at most 15 MiB.
        client_seconds: ``max-age`` for clients, if the handler has said nothing in ``Cache-Control``; `None` says
            nothing.
        obey_no_cache: whether a client that sends ``Cache-Control: no-cache`` gets a new answer. Everybody can send it.
        wait_seconds: how long to wait for somebody who is making the same answer.
        on_store_failure: ``open`` asks the handler when the store is away, ``closed`` answers 503.
        clock: seconds since the epoch.

    Raises:
        ConfigurationError: COS-LAYERS-001, an option that cannot be meant; COS-LAYERS-040, a status that must not be
            kept; COS-STORE-001, a URL that names no store.
    """

    def __init__(
        self,
        seconds: float,
        *,
        vary: Sequence[str] = (),
        query: Sequence[str] | None = None,
        stale_seconds: float = 0,
        stale_if_error_seconds: float = 0,
        tags: Tags = (),
        store: Store | str | None = None,
        by: Callable[[Request], str | None] | None = None,
        statuses: Sequence[int] = KEPT_STATUSES,
        max_body_bytes: int = 1_048_576,
        client_seconds: int | None = None,
        obey_no_cache: bool = False,
        wait_seconds: float = 10,
        on_store_failure: OnStoreFailure = "open",
        clock: Callable[[], float] = time.time,
    ) -> None:
        check_seconds("Cached", "seconds", seconds, is_zero_allowed=False)
        check_seconds("Cached", "wait_seconds", wait_seconds, is_zero_allowed=False)
        check_seconds("Cached", "stale_seconds", stale_seconds)
        check_seconds("Cached", "stale_if_error_seconds", stale_if_error_seconds)
        if client_seconds is not None:
            check_seconds("Cached", "client_seconds", client_seconds)
        check_names("Cached", "vary", vary, are_fields=True)
        check_names("Cached", "query", query or ())
        if not callable(tags):
            check_names("Cached", "tags", tags)
            tags = (ALL, *(tag_key(tag) for tag in tags))
        check_body_bytes("Cached", "max_body_bytes", max_body_bytes)
        if by is not None and not callable(by):
            raise wrong_option("Cached", "by", by, "It is a function of the request that returns text or `None`.")
        self._seconds = seconds
        self._vary = tuple(sorted({name.lower() for name in vary}))
        self._query = None if query is None else tuple(dict.fromkeys(query))
        self._stale_seconds = stale_seconds
        self._by = by
        self._obey_no_cache = obey_no_cache
        self._clock = clock
        self._counting = Counting()
        self._shelf = Shelf(
            "Cached",
            store,
            on_failure=on_store_failure,
            lifetime_seconds=seconds + max(stale_seconds, stale_if_error_seconds),
            counting=self._counting,
        )
        self._making = Making(
            self._shelf,
            RecordRules(seconds, self._vary, checked_statuses(statuses), max_body_bytes, client_seconds),
            tags=tags,
            wait_seconds=wait_seconds,
            stale_seconds=stale_seconds,
            error_seconds=stale_if_error_seconds,
            counting=self._counting,
            clock=clock,
        )

    def __repr__(self) -> str:
        return f"Cached({self._seconds}, store={self._shelf.store!r})"

    @property
    def stats(self) -> CacheStats:
        """How often it was of use in this process."""
        return self._counting.stats()

    async def purge(self, *tags: str) -> None:
        """Forget every answer that has one of the tags, in all processes and all layers that share the store.

        An answer that is being made now will not be given to anybody who asks from now on.

        Raises:
            StoreUnavailable: it has not happened.
        """
        await self._shelf.forget(*(tag_key(tag) for tag in tags))

    async def purge_all(self) -> None:
        """Forget every answer that `Cached` keeps in this store.

        Raises:
            StoreUnavailable: it has not happened.
        """
        await self._shelf.forget(ALL)

    async def aclose(self) -> None:
        """Close the connections of the store on the running loop; for `App.on_stop`."""
        await self._shelf.aclose()

    def bind(self, route: RouteView) -> Layer | None:
        """Return the layer, or `None` for a route without GET and for one with ``meta={"cached": False}``."""
        if "GET" not in route.methods or route.meta.get("cached") is False:
            return None
        key_of = compile_key(route, vary=self._vary, query=self._query, by=self._by)
        counting, clock, making = self._counting, self._clock, self._making
        stale_seconds, obeys = self._stale_seconds, self._obey_no_cache

        async def cached(request: Request, call_next: Dispatch) -> Response:
            if request.method not in ("GET", "HEAD") or is_asking(request):
                return await call_next(request)
            asked = key_of(request)
            if asked is None:
                counting.passes += 1
                return marked(await call_next(request), "fwd=bypass")
            found = await making.find(request, asked)
            record, now = found.record, clock()
            if record is None:
                return await making.fetch(request, call_next, found)
            if obeys and _wants_new(request):
                return await making.fetch(request, call_next, found, made_since=now)
            left_seconds = record.left_seconds(now)
            if left_seconds > 0:
                counting.hits += 1
            elif left_seconds > -stale_seconds:
                counting.stale += 1
                making.begin_refresh(request, call_next, found)
            else:
                return await making.fetch(request, call_next, found)
            return record.answer(request, now, f"hit; ttl={math.floor(left_seconds)}")

        return cached

    def describe(self) -> LayerInfo:
        """Say what it reads and sets."""
        return LayerInfo(
            {304: "The client has the answer already.", 412: "The answer is not the one that the client means."},
            request_headers=(*self._vary, "if-none-match", "if-modified-since"),
            response_headers=("age", "cache-status", "etag"),
        )


def _wants_new(request: Request) -> bool:
    """Whether the client asks for an answer that nobody has kept (RFC 9111 §5.2.1.4, §5.4)."""
    value = request.headers.get_combined("cache-control")
    if value is None:
        return request.headers.get_raw(b"pragma") == b"no-cache"
    control = parse_cache_control(value)
    return control.no_cache or control.max_age_seconds == 0

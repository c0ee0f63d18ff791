"""How `Cached` finds answers, has them made, and puts them away.

`Making` is what all routes of one layer share. One request asks the handler, in its turn among all processes, and looks
once more before it does, for somebody else may have been quicker. Those who wait for it get the record, never its
response. A refresh does the same with a request of its own, without waiting for its turn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from costrel.errors import ServiceUnavailable
from costrel.layers.cached_counting import Counting
from costrel.layers.cached_flight import Flights
from costrel.layers.cached_key import Asked, variant_key
from costrel.layers.cached_record import Record, RecordRules, Signpost, decode_entry, encode_entry, mark, settle
from costrel.layers.cached_request import ask_inside, drop, is_partial, run_detached, twin_of
from costrel.layers.cached_shelf import Shelf, Tokens, Turn, tag_key
from costrel.messages import Dispatch, Request, Response

__all__ = ["ALL", "Found", "Making", "marked"]

REFRESH_SECONDS: Final = 60.0
PASS_SECONDS: Final = 10.0
MAX_PASSES: Final = 1024

ALL: Final = "costrel.cache.all"
"""The key of a tag that every answer has; who purges it, purges all."""


@dataclass(frozen=True, slots=True)
class Found:
    """What there was for a request.

    Args:
        asked: what it asked for.
        tag_keys: the tags of the answer.
        key: what the answer is kept under.
        tokens: of its tags, `None` when the store is away.
        vary: the fields by which answers differ.
        record: one that counts, whatever its age.
    """

    asked: Asked
    tag_keys: tuple[str, ...]
    key: str
    tokens: Tokens | None
    vary: tuple[str, ...]
    record: Record | None


@dataclass(frozen=True, slots=True)
class _Made:
    """What became of asking the handler, for all who have waited for it.

    Args:
        key: who has the same under the fields of the record gets it.
        record: `None` when the answer is for one request alone.
        status: for ``Cache-Status``.
    """

    key: str
    record: Record | None
    status: str


class Making:
    """The answers of one layer.

    Args:
        shelf: where they are kept.
        rules: which are kept, and how.
        tags: the keys of their tags, or what makes tags of a request.
        wait_seconds: how long to wait for somebody who makes the same.
        stale_seconds: how long an old answer is given while a new one is made.
        error_seconds: how long an old answer stands in for an error.
        counting: counts.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        shelf: Shelf,
        rules: RecordRules,
        *,
        tags: tuple[str, ...] | Callable[[Request], Iterable[str]],
        wait_seconds: float,
        stale_seconds: float,
        error_seconds: float,
        counting: Counting,
        clock: Callable[[], float],
    ) -> None:
        self._shelf = shelf
        self._rules = rules
        self._tags = tags
        self._wait_seconds = wait_seconds
        self._error_seconds = error_seconds
        self._further_seconds = max(stale_seconds, error_seconds)
        self._counting = counting
        self._clock = clock
        self._flights: Flights[_Made] = Flights()
        self._refreshing: dict[str, float] = {}
        self._passing: dict[str, float] = {}

    async def find(self, request: Request, asked: Asked) -> Found:
        """Look for what is kept for a request."""
        tags = self._tags
        tag_keys = tags if isinstance(tags, tuple) else (ALL, *[tag_key(tag) for tag in tags(request)])
        return await self._look(request, asked, tag_keys)

    async def _look(self, request: Request, asked: Asked, tag_keys: tuple[str, ...]) -> Found:
        value, tokens = await self._shelf.look(asked.key, tag_keys)
        entry, key, vary = decode_entry(value), asked.key, tuple[str, ...]()
        if isinstance(entry, Signpost):
            vary = entry.vary
            key = variant_key(request, key, vary)
            entry = decode_entry(await self._shelf.get(key))
        record = entry if isinstance(entry, Record) and entry.counts(tokens) else None
        return Found(asked, tag_keys, key, tokens, vary, record)

    async def fetch(self, request: Request, call_next: Dispatch, found: Found, *, made_since: float = 0.0) -> Response:
        """Answer with what the handler says now, asked by this request or by another one at the same time.

        Args:
            request: the request.
            call_next: the handler.
            found: what `find` gave.
            made_since: what was made before does not count, in seconds since the epoch.
        """
        self._counting.misses += 1
        # A HEAD may be answered without making the content, and a part is not the whole.
        if request.method == "HEAD" or is_partial(request) or self._passes(found.key):
            return marked(await call_next(request), "fwd=miss")
        own: Response | None = None

        async def lead() -> _Made:
            nonlocal own
            own, made = await self._make(
                request, call_next, found, tokens, wait_seconds=self._wait_seconds, made_since=made_since
            )
            return made

        # Whoever asks after a purge has other tokens, and so does not wait for an answer from before it.
        tokens = await self._shelf.make_tokens(found.tag_keys, found.tokens)
        made, part = await self._flights.share((found.key, tokens), lead, wait_seconds=self._wait_seconds)
        if own is not None:
            return settle(request, marked(own, made.status))
        record = made.record
        if record is None or _key_of(request, found.asked, record) != made.key:
            return marked(await call_next(request), "fwd=miss")
        status = f"{made.status.removesuffix('; stored')}; collapsed" if part == "followed" else made.status
        return record.answer(request, self._clock(), status)

    def begin_refresh(self, request: Request, call_next: Dispatch, found: Found) -> None:
        """Have a stale answer made anew, unless that is being done; nobody waits for it."""
        loop_state = request.exchange.loop_state
        now = loop_state.loop.time()
        if self._refreshing.get(found.key, -math.inf) > now:
            return
        self._refreshing[found.key] = now + REFRESH_SECONDS
        twin = twin_of(request)

        async def answer() -> Response | None:
            response, _ = await self._make(twin, call_next, found, found.tokens, wait_seconds=0.0)
            return response

        async def refresh() -> None:
            try:
                await run_detached(twin, answer, timeout_seconds=REFRESH_SECONDS)
            finally:
                self._refreshing.pop(found.key, None)

        route = request.route
        origin = f"Cached at {route.path}" if route is not None else "Cached"
        try:
            loop_state.supervisor.spawn(refresh, origin=origin, group=request)
        except ServiceUnavailable:
            # Too much is waiting to be done already; the next request tries again.
            self._refreshing.pop(found.key, None)

    async def _make(
        self,
        request: Request,
        call_next: Dispatch,
        found: Found,
        tokens: Tokens | None,
        *,
        wait_seconds: float,
        made_since: float = 0.0,
    ) -> tuple[Response | None, _Made]:
        """Ask the handler in the turn of the key, and keep the answer.

        Args:
            request: the request.
            call_next: the handler.
            found: what was there.
            tokens: of its tags, all there; `None` when the store is away.
            wait_seconds: how long to wait for the turn; with 0, whoever does not get it makes nothing.
            made_since: what was made before does not count.

        Returns:
            The response of this request, `None` when a record stands for it; and what others get.
        """
        async with self._shelf.turn(
            found.key, tokens, wait_seconds=wait_seconds, ttl_seconds=self._wait_seconds
        ) as turn:
            if not wait_seconds and turn is not Turn.OURS:
                return None, _Made(found.key, None, "")
            asked, clock = found.asked, self._clock
            if turn is not Turn.UNKNOWN:
                # Somebody may have made it between the first look and this turn.
                found = await self._look(request, asked, found.tag_keys)
                record = found.record
                if record is not None and record.left_seconds(clock()) > 0 and record.created_at >= made_since:
                    return None, _Made(_key_of(request, asked, record), record, "hit")
            tokens = await self._shelf.make_tokens(found.tag_keys, found.tokens)
            now = clock()
            response, is_final = await ask_inside(request, call_next, asked)
            status_code = response.status_code
            old = found.record
            if status_code >= 500 and old is not None and old.left_seconds(clock()) > -self._error_seconds:
                await drop(response)
                self._counting.stale += 1
                return None, _Made(_key_of(request, asked, old), old, f"fwd=stale; fwd-status={status_code}")
            record = self._rules.make(request, response, asked, now=now, tokens=tokens or ()) if is_final else None
            if record is None:
                self._note_pass(found.key, status_code)
                return response, _Made(found.key, None, "fwd=miss")
            is_stored = tokens is not None and await self._keep(request, found, record)
            status = "fwd=miss; stored" if is_stored else "fwd=miss"
            return response, _Made(_key_of(request, asked, record), record, status)

    async def _keep(self, request: Request, found: Found, record: Record) -> bool:
        """Put a record away, and return whether that has worked."""
        if not await self._shelf.are_current(found.tag_keys, record.tokens):
            return False
        asked, key = found.asked, found.asked.key
        ttl_seconds = record.fresh_seconds + self._further_seconds
        vary = tuple(sorted({*found.vary, *record.vary}))
        if vary:
            key = variant_key(request, key, vary)
            # Written each time: it must not end before what it leads to.
            if not await self._shelf.keep(asked.key, encode_entry(Signpost(vary)), ttl_seconds):
                return False
        is_stored = await self._shelf.keep(key, encode_entry(record), ttl_seconds)
        self._counting.stored += is_stored
        return is_stored

    def _passes(self, key: str) -> bool:
        """Whether an answer of this key could not be kept a moment ago, so that nobody should wait for one."""
        until = self._passing.get(key)
        return until is not None and until > self._clock()

    def _note_pass(self, key: str, status_code: int) -> None:
        self._counting.passes += 1
        if status_code >= 500:
            return
        self._passing.pop(key, None)
        while len(self._passing) >= MAX_PASSES:
            del self._passing[next(iter(self._passing))]
        self._passing[key] = self._clock() + PASS_SECONDS


def _key_of(request: Request, asked: Asked, record: Record) -> str:
    """Return what a request has in common with all that may get a record."""
    return variant_key(request, asked.key, record.vary) if record.vary else asked.key


def marked(response: Response, status: str) -> Response:
    """Return a response that says in ``Cache-Status`` what the cache did."""
    mark(response, status)
    return response

"""Between a session and its record in a store: loading it before the handler, and writing what was changed.

What is written is what the request has changed, key by key, on top of what the store has by then: it is read again
whenever somebody else was first. A record that has gone meanwhile stays gone. A session that ended elsewhere is not
brought back by a request that was still under way.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final

from costrel.errors import Mistake, ProgrammerError
from costrel.messages import Store, StoreUnavailable
from costrel.sessions.record import (
    GRAVE,
    GRAVE_SECONDS,
    Record,
    handle_of,
    is_session_id,
    make_session_id,
    read_record,
)
from costrel.sessions.session import MISSING
from costrel.sessions.stored_session import Loaded, StoredSession
from costrel.sessions.user_sessions import UserSessions

__all__ = ["Kept", "RecordTooLarge", "StoredSessionKeeper"]

logger: logging.Logger = logging.getLogger("costrel.sessions")

MAX_ATTEMPTS: Final = 40
PAUSE_SECONDS: Final = 0.002
IDLE_SHARE: Final = 10
"""That a session is used is noted once a tenth of the idle time has passed."""

Kept = tuple[str, Record]
"""The identifier that the client has from now on, and the record."""


class RecordTooLarge(ProgrammerError):
    """The session does not fit into its record.

    Args:
        size_bytes: how large it would be.
        max_bytes: how large it may be.

    Attributes:
        sizes: both for the log.
    """

    def __init__(self, size_bytes: int, max_bytes: int) -> None:
        super().__init__(
            Mistake(
                "COS-SESSION-008",
                f"The session would be {size_bytes} bytes; its record may have {max_bytes}.",
                why="Every request of this client reads all of it.",
                fix="Keep an id in the session and the rest in your database, or raise `max_bytes` of the sessions.",
            )
        )
        self.sizes: str = f"size_bytes={size_bytes} max_bytes={max_bytes}"


class StoredSessionKeeper:
    """Loads and writes the records of one kind of session.

    Args:
        store: where they are.
        prefix: what their keys begin with.
        lifetime_seconds: how long a session lives at most.
        idle_seconds: how long it lives without being used.
        max_bytes: how large a record may be.
        clock: returns the time in seconds since the epoch.
        pause_seconds: who was second waits up to that, times the number of tries.

    Attributes:
        users: which sessions each user has.
    """

    def __init__(
        self,
        store: Store,
        *,
        prefix: str,
        lifetime_seconds: float,
        idle_seconds: float,
        max_bytes: int,
        clock: Callable[[], float],
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._store = store
        self._prefix = prefix
        self._lifetime_seconds = lifetime_seconds
        self._idle_seconds = idle_seconds
        self._max_bytes = max_bytes
        self._clock = clock
        self._pause_seconds = pause_seconds
        self.users: UserSessions = UserSessions(store, prefix)

    async def load(self, session_id: str | None) -> Loaded:
        """Read the session that a client names; what is no identifier is not asked for."""
        if session_id is None:
            return Loaded()
        # SECURITY: what a client makes up costs no journey to the store, unless it looks like ours.
        if is_session_id(session_id) is None:
            return Loaded(is_refused=True)
        try:
            content = await self._store.get(self._key(session_id))
        except StoreUnavailable as error:
            return Loaded(session_id, failure=error)
        record = read_record(content)
        if record is not None and self._seconds_left(record) <= 0:
            record = None
        return Loaded(session_id, content, record)

    def max_age_seconds(self, record: Record) -> int:
        """Return how long the cookie of a permanent session is worth keeping, 0 or more."""
        return max(0, int(record.created_at + self._lifetime_seconds - self._clock()))

    async def write(self, session: StoredSession) -> Kept | None:
        """Write what was changed, and return what the client has from now on; `None` is no session.

        Raises:
            StoreUnavailable: the store is away, so nothing may be said to be kept.
            ProgrammerError: COS-SESSION-005, a value that cannot be kept.
            RecordTooLarge: it has too many bytes.
        """
        if session.is_cleared:
            return await self._replace(session)
        if session.is_rotated:
            return await self._rotate(session)
        if session.loaded.record is None:
            return await self._begin(session)
        return await self._merge(session)

    def note_use(self, loaded: Loaded) -> Coroutine[Any, Any, None] | None:
        """Note that a session is used, if that was not done for some time; that it fails changes no answer."""
        record, now = loaded.record, self._clock()
        if record is None or loaded.session_id is None or now - record.used_at < self._idle_seconds / IDLE_SHARE:
            return None
        return self._note_use(loaded.session_id, loaded.content, replace(record, used_at=now))

    async def _note_use(self, session_id: str, expected: bytes | None, record: Record) -> None:
        try:
            # If somebody else has written meanwhile, it is noted.
            await self._put(session_id, expected, record)
        except StoreUnavailable:
            # The store has said so in the log; the time is noted by the next request.
            return

    async def _begin(self, session: StoredSession) -> Kept | None:
        """Keep a session that there was not before."""
        values = _values_of(session)
        if not values:
            return None
        if session.loaded.content == GRAVE:
            # The browser has another cookie by now, or gets it: a new session would take its place.
            logger.info("session_change_dropped reason=rotated")
            return None
        now = self._clock()
        return await self._create(Record(values, now, now))

    async def _replace(self, session: StoredSession) -> Kept | None:
        """End a session, and begin another one with what was set after it had been cleared."""
        values = _values_of(session)
        kept = None
        if values or session.new_user is not None:
            now = self._clock()
            kept = await self._create(Record(values, now, now, session.new_user))
        await self._bury(session.loaded)
        return kept

    async def _merge(self, session: StoredSession) -> Kept | None:
        """Change the keys of a record that the request has changed."""
        changes, content = session.changes(), session.loaded.content
        session_id = session.loaded.session_id or ""
        for attempt in range(MAX_ATTEMPTS):
            record = read_record(content)
            if record is None:
                logger.info("session_change_dropped reason=ended")
                return None
            merged = replace(record, values=_apply(changes, record.values), used_at=self._clock())
            if await self._put(session_id, content, merged):
                return session_id, merged
            content = await self._look_again(session_id, attempt)
        raise StoreUnavailable(headers={"Retry-After": "1"})

    async def _rotate(self, session: StoredSession) -> Kept | None:
        """Give a session another identifier; what others have changed meanwhile comes along, unless it has ended.

        The new record is there before the old one goes: a store that leaves in between leaves the old one, and the
        client is not told of the new one.
        """
        loaded, changes, new_id = session.loaded, session.changes(), make_session_id()
        content = loaded.content if loaded.record is not None else None
        for attempt in range(MAX_ATTEMPTS):
            record = read_record(content)
            # SECURITY: of a session that was ended meanwhile nothing is carried over but what this request has set.
            made = self._rotated(record or Record(), session, changes)
            if record is None and not made.values and made.user is None:
                return None
            await self._create(made, new_id)
            if record is None or loaded.session_id is None:
                return new_id, made
            if await self._store.compare_and_set(
                self._key(loaded.session_id), content, GRAVE, ttl_seconds=GRAVE_SECONDS
            ):
                await self._leave_user(record, loaded.session_id)
                return new_id, made
            await self._leave_user(made, new_id)
            await self._store.delete(self._key(new_id))
            content = await self._look_again(loaded.session_id, attempt)
        raise StoreUnavailable(headers={"Retry-After": "1"})

    def _rotated(self, record: Record, session: StoredSession, changes: dict[str, object]) -> Record:
        now = self._clock()
        is_login = session.new_user is not None
        begins = is_login or not record.created_at
        return Record(
            _apply(changes, record.values),
            now if begins else record.created_at,
            now,
            session.new_user if is_login else record.user,
        )

    async def _create(self, record: Record, session_id: str | None = None) -> Kept:
        """Write a record under a new identifier.

        Raises:
            StoreUnavailable: the user's sessions were all ended while it was written.
        """
        session_id = session_id or make_session_id()
        content = self._write(record)
        handle, user = handle_of(session_id), record.user
        ttl_seconds = self._seconds_left(record)
        if user is not None:
            await self.users.add(user, handle, self._lifetime_seconds)
        await self._store.set(self._key(session_id), content, ttl_seconds=max(ttl_seconds, 1.0))
        if user is not None and not await self.users.has(user, handle):
            await self._store.delete(self._key(session_id))
            raise StoreUnavailable(headers={"Retry-After": "1"})
        return session_id, record

    async def _put(self, session_id: str, expected: bytes | None, record: Record) -> bool:
        """Write a record in the place of the expected one; a session whose time is over is not written again."""
        seconds_left = self._seconds_left(record)
        if seconds_left <= 0:
            return False
        content = self._write(record)
        return await self._store.compare_and_set(self._key(session_id), expected, content, ttl_seconds=seconds_left)

    async def _bury(self, loaded: Loaded) -> None:
        """End the session that was loaded."""
        if loaded.record is not None and loaded.session_id is not None:
            await self._store.set(self._key(loaded.session_id), GRAVE, ttl_seconds=GRAVE_SECONDS)
            await self._leave_user(loaded.record, loaded.session_id)

    async def _leave_user(self, record: Record, session_id: str) -> None:
        if record.user is not None:
            await self.users.forget(record.user, handle_of(session_id))

    async def _look_again(self, session_id: str, attempt: int) -> bytes | None:
        if attempt:
            # Whoever is second again and again lets the others go first; no two wait equally long.
            await asyncio.sleep(secrets.randbelow(1000) / 1000 * self._pause_seconds * attempt)
        content = await self._store.get(self._key(session_id))
        record = read_record(content)
        return content if record is not None and self._seconds_left(record) > 0 else None

    def _write(self, record: Record) -> bytes:
        content = record.write()
        if len(content) > self._max_bytes:
            raise RecordTooLarge(len(content), self._max_bytes)
        return content

    def _seconds_left(self, record: Record) -> float:
        return record.seconds_left(self._clock(), self._lifetime_seconds, self._idle_seconds)

    def _key(self, session_id: str) -> str:
        return self._prefix + handle_of(session_id)


def _values_of(session: StoredSession) -> dict[str, object]:
    return dict(session.opened.values) if session.opened is not None else {}


def _apply(changes: dict[str, object], values: dict[str, object]) -> dict[str, object]:
    """Return values with some of them changed."""
    merged = {**values, **changes}
    return {key: value for key, value in merged.items() if value is not MISSING}

"""Which sessions a user has, so that they can be shown and ended.

A set in the store holds the handles of each user's sessions. A session is in it before its record is written, and looks
afterwards whether it still is; who ends it deletes the record, takes the handle out, and deletes the record again. So a
session that is being written while all of them are ended is not left over, and one that could not be ended because the
store went away in between is still in the set, to be ended by the next try.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from costrel.messages import Store
from costrel.sessions.record import read_record

__all__ = ["UserSession", "UserSessions"]


@dataclass(frozen=True, slots=True)
class UserSession:
    """One session of a user, for a page on which he sees and ends them.

    Args:
        handle: what it is called; `StoredSession.handle` of the request tells which one is the present one.
        created_at: when the user logged in, in seconds since the epoch.
        used_at: when it was last noted that it is used, with a tenth of the idle time at most in between.
    """

    handle: str
    created_at: float
    used_at: float


class UserSessions:
    """The sessions of users in one store.

    Args:
        store: where they are.
        prefix: what the keys of records begin with.
    """

    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        self._prefix = prefix

    async def add(self, user: str, handle: str, ttl_seconds: float) -> None:
        """Note a session before its record is written."""
        await self._store.add_member(self._key(user), handle, ttl_seconds=ttl_seconds)

    async def has(self, user: str, handle: str) -> bool:
        """Whether a session is still one of the user's, asked after its record was written."""
        return handle in await self._store.members(self._key(user))

    async def forget(self, user: str, handle: str) -> None:
        """Take out a session whose record is gone."""
        await self._store.remove_member(self._key(user), handle)

    async def end(self, user: str, handle: str) -> bool:
        """End one session, and tell whether the user had it."""
        if not await self.has(user, handle):
            # SECURITY: a handle comes from a form; it ends no session of anybody else.
            return False
        record_key = self._prefix + handle
        was_there = await self._store.delete(record_key)
        await self.forget(user, handle)
        return await self._store.delete(record_key) or was_there

    async def handles(self, user: str) -> frozenset[str]:
        """Return what a user's sessions are called, ended ones among them."""
        return await self._store.members(self._key(user))

    async def find_all(self, user: str) -> list[UserSession]:
        """Return a user's sessions, the one that was used last first."""
        found = []
        for handle in await self.handles(user):
            record = read_record(await self._store.get(self._prefix + handle))
            if record is not None and record.user == user:
                found.append(UserSession(handle, record.created_at, record.used_at))
        return sorted(found, key=lambda session: (-session.used_at, session.handle))

    def _key(self, user: str) -> str:
        # A user may be called anything, in more characters than a key may have.
        return f"{self._prefix}user:{hashlib.sha256(user.encode('utf-8', 'surrogatepass')).hexdigest()}"

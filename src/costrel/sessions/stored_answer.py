"""What a response says of a session in a store, and when it is let go of.

Nothing is awaited unless something is written: a response whose session was only read gets its fields at once.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Coroutine
from typing import Any

from costrel.execution import Outcome
from costrel.messages import Request, Response
from costrel.sessions.closing import let_go
from costrel.sessions.cookie import CookiePlace
from costrel.sessions.privacy import keep_private
from costrel.sessions.session import PERMANENT
from costrel.sessions.stored_keeper import Kept, RecordTooLarge, StoredSessionKeeper
from costrel.sessions.stored_session import StoredSession

__all__ = ["StoredAnswer"]

logger: logging.Logger = logging.getLogger("costrel.sessions")


class StoredAnswer:
    """Brings a session and a response together.

    Args:
        place: the cookie.
        keeper: the records.
    """

    __slots__ = ("_keeper", "_place")

    def __init__(self, place: CookiePlace, keeper: StoredSessionKeeper) -> None:
        self._place = place
        self._keeper = keeper

    def save(self, session: StoredSession, request: Request, response: Response) -> Awaitable[None] | None:
        """Write what has become of the session, and let go of it."""
        work = None
        try:
            work = self.write(session, request, response)
        finally:
            if work is None:
                let_go(request, session, response)
        return None if work is None else self._finish(work, session, request, response)

    def write(self, session: StoredSession, request: Request, response: Response) -> Coroutine[Any, Any, None] | None:
        """Say in the response what follows from what was done to the session; nothing when it was not touched."""
        opened = session.opened
        if opened is None:
            return None
        # What a handler did that was given up is half of something, and may still be going on in its thread.
        if session.modified and request.claim.outcome is not Outcome.ABANDONED:
            return self._write_change(session, request, response)
        if opened.is_refused:
            self._place.delete(request, response)
        keep_private(response, sets_cookie=opened.is_refused)
        return self._keeper.note_use(session.loaded)

    async def _write_change(self, session: StoredSession, request: Request, response: Response) -> None:
        loaded, changes = session.loaded, session.changes()
        try:
            kept = await self._keeper.write(session)
        except RecordTooLarge as error:
            if self._place.settings.debug:
                raise
            logger.error("session_too_large %s path=%r request_id=%s", error.sizes, request.path[:200], request.id)
            keep_private(response, sets_cookie=False)
            return
        sets_cookie = True
        if kept is None:
            # A session that has ended elsewhere is no reason to delete a cookie: it may be a newer one by now.
            sets_cookie = loaded.is_refused or (session.is_cleared and loaded.session_id is not None)
            if sets_cookie:
                self._place.delete(request, response)
        elif kept[0] != loaded.session_id or PERMANENT in changes:
            self._set(kept, request, response)
        else:
            sets_cookie = False
        keep_private(response, sets_cookie=sets_cookie)

    def _set(self, kept: Kept, request: Request, response: Response) -> None:
        session_id, record = kept
        is_permanent = bool(record.values.get(PERMANENT, False))
        max_age_seconds = self._keeper.max_age_seconds(record) if is_permanent else None
        self._place.set(response, self._place.format(request, session_id, max_age_seconds))

    async def _finish(
        self, work: Coroutine[Any, Any, None], session: StoredSession, request: Request, response: Response
    ) -> None:
        try:
            await work
        finally:
            let_go(request, session, response)

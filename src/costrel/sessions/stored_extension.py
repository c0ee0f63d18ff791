"""Sessions in a store as an extension: the store is asked before the handler, and written when the response is there.

A layer reads the record, and only for a client that has sent a cookie with an identifier; so `request.session` never
waits for anything, on the loop or in a thread. It is written by `Request.on_response`, when all layers have seen the
response; a request that does not touch its session writes nothing and says nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar, cast

from costrel.errors import Mistake, OutsideRequest, ProgrammerError
from costrel.messages import AppSettings, AppSetup, Request, Response, Store
from costrel.sessions.closing import keep_open
from costrel.sessions.cookie import CookiePlace, SessionCookie
from costrel.sessions.flashing import get_flashed_messages
from costrel.sessions.loading import Loading
from costrel.sessions.reaching import MAIN, check_apart, find_session
from costrel.sessions.stored_answer import StoredAnswer
from costrel.sessions.stored_keeper import StoredSessionKeeper
from costrel.sessions.stored_session import Loaded, StoredSession, check_user
from costrel.sessions.user_sessions import UserSession

__all__ = ["StoredSessions"]

DEFAULT_IDLE_SECONDS = 86_400
DEFAULT_MAX_BYTES = 65_536

_T = TypeVar("_T")


class StoredSessions:
    """Keeps each client's session in a store; the cookie holds a random identifier alone. An `Extension`.

    A session lives for `AppSettings.session_lifetime_seconds` from its beginning or its login, however much it is used.
    No secret key is needed.

    Args:
        store: where the sessions are, one for all workers: ``open_store("redis://localhost/0")``. Two applications
            that share a server need a prefix each.
        idle_seconds: how long a session lives without being used, above 0.
        max_bytes: how large one session may be in the store.
        cookie: name and attributes of the cookie where they are not those of the settings.
        name: ``sessions`` is what `request.session` is; another kind of session beside it has another name and another
            cookie, and is reached by `of`.
        clock: returns the time in seconds since the epoch; for tests.

    Attributes:
        name: as given.
        requires: nothing.
        template_globals: what every template has of it.

    Raises:
        ValueError: `idle_seconds` or `max_bytes` is not above 0.
    """

    requires: tuple[str, ...] = ()
    purpose: object = None  # a record is found under the name of its extension

    def __init__(
        self,
        store: Store,
        *,
        idle_seconds: float = DEFAULT_IDLE_SECONDS,
        max_bytes: int = DEFAULT_MAX_BYTES,
        cookie: SessionCookie | None = None,
        name: str = MAIN,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not idle_seconds > 0 or max_bytes < 1:
            raise ValueError(f"idle_seconds and max_bytes are above 0, not {idle_seconds} and {max_bytes}")
        self.name: str = name
        self.template_globals: Mapping[str, object] = (
            {"get_flashed_messages": get_flashed_messages} if name == MAIN else {}
        )
        self._store = store
        self._idle_seconds = idle_seconds
        self._max_bytes = max_bytes
        self._cookie = cookie
        self._clock = clock
        self._place: CookiePlace | None = None
        self._keeper: StoredSessionKeeper | None = None

    def __repr__(self) -> str:
        return f"StoredSessions({self._store!r}, name={self.name!r})"

    def install(self, app: AppSetup) -> None:
        """Read how the cookie is kept from the settings, and add the layer that asks the store.

        Raises:
            ConfigurationError: the attributes of the cookie contradict its name or each other, or it is the cookie of
                another kind of session.
        """
        place = CookiePlace(app.settings, self._cookie)
        self._place = place
        self._keeper = StoredSessionKeeper(
            self._store,
            prefix=f"{self.name}:",
            lifetime_seconds=place.settings.session_lifetime_seconds,
            idle_seconds=self._idle_seconds,
            max_bytes=self._max_bytes,
            clock=self._clock,
        )
        check_apart(self, app.extensions.values())
        app.add_layer(Loading(self))

    @property
    def settings(self) -> AppSettings:
        """The settings of the application that it is installed in, with what holds for this cookie.

        Raises:
            ProgrammerError: it is not installed.
        """
        return self._installed()[0].settings

    @property
    def cookie_name(self) -> str:
        """The name of its cookie. Raises as `settings` does."""
        return self.settings.session_cookie_name

    def of(self, request: Request) -> StoredSession:
        """Return the session of a request; for the main one it is `request.session`.

        Raises:
            SessionClosed: the head of the response was sent.
            ProgrammerError: the extension is not installed.
        """
        return cast("StoredSession", request.session) if self.name == MAIN else find_session(self, request)

    def open_session(self, request: Request) -> StoredSession:
        """Return a session for a request; it is saved with the response, after everything else that is done to it.

        In the handler of a WebSocket it can only be read: the cookie went with the handshake.

        Raises:
            ProgrammerError: the extension is not installed, or COS-SESSION-009, the layer has not loaded it.
        """
        place, _ = self._installed()
        loaded = self._loaded(request)
        if loaded is None:
            loaded = Loaded() if place.read(request) is None else self._load_apart(request)
        session = StoredSession(request, loaded)
        if request.exchange.status_code == 101:
            keep_open(request, session)
        else:
            request.on_response(partial(self._answer.save, session), last=True)
        return session

    def keeps_same_session(self, other: object) -> bool:
        """Whether it keeps the same session as `other`, so that one serves both their applications."""
        return other is self or (
            isinstance(other, StoredSessions)
            and other._store is self._store
            and other.name == self.name
            and other._installed()[0].identity == self._installed()[0].identity
        )

    def save_session(self, request: Request, session: StoredSession, response: Response) -> None:
        """Keep a session and write its cookie into `response`, for tests and scripts; it waits for the store.

        Raises:
            ProgrammerError: it cannot be kept, or the extension is not installed.
        """
        work = self._answer.write(session, request, response)
        if work is not None:
            self._run_apart(work)

    async def revoke_user(self, user: str, *, keep: StoredSession | None = None) -> int:
        """End all sessions that `StoredSession.bind_user` has bound to a user, and return how many there were.

        Args:
            user: what `bind_user` was given.
            keep: one that goes on, for a page on which the user has changed his password.

        Raises:
            StoreUnavailable: the store is away; call it again.
        """
        check_user(user)
        users = self._installed()[1].users
        kept = None if keep is None else keep.handle
        ended = [await users.end(user, handle) for handle in await users.handles(user) if handle != kept]
        return sum(ended)

    async def revoke(self, user: str, handle: str) -> bool:
        """End one session of a user, and tell whether there was one.

        Args:
            user: what `bind_user` was given.
            handle: `UserSession.handle`; one of another user ends nothing.

        Raises:
            StoreUnavailable: the store is away; call it again.
        """
        check_user(user)
        return await self._installed()[1].users.end(user, handle)

    async def sessions_of(self, user: str) -> list[UserSession]:
        """Return the sessions of a user, the one that was used last first.

        Raises:
            StoreUnavailable: the store is away.
        """
        check_user(user)
        return await self._installed()[1].users.find_all(user)

    async def load(self, request: Request) -> None:
        """Ask the store for the session of a request; the layer does it."""
        place, keeper = self._installed()
        vars(request.state)[self._state_key] = await keeper.load(place.read(request))

    @property
    def _state_key(self) -> str:
        return f"costrel.sessions.loaded.{id(self)}"  # no identifier, so no attribute of an application's state

    def _loaded(self, request: Request) -> Loaded | None:
        return cast("Loaded | None", vars(request.state).get(self._state_key))

    def _load_apart(self, request: Request) -> Loaded:
        """Load the session of a request that no transport has brought, for tests and scripts.

        Raises:
            ProgrammerError: COS-SESSION-009, a transport has brought it.
        """
        try:
            _ = request.exchange.loop_state
        except OutsideRequest:
            place, keeper = self._installed()
            return self._run_apart(keeper.load(place.read(request)))
        raise ProgrammerError(
            Mistake(
                "COS-SESSION-009",
                f"The session of `{request.method} {request.path}` was asked for before it was loaded.",
                why="The store is asked by a layer, and what lies outside of that layer cannot wait for it.",
                fix="Name the sessions last in `extensions=`, so that their layer is the outermost.",
            )
        )

    def _run_apart(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Wait for the store on a loop of its own; the caller may be on one."""

        async def run() -> _T:
            try:
                return await work
            finally:
                await self._store.aclose()

        with ThreadPoolExecutor(1, thread_name_prefix="costrel-sessions") as executor:
            return executor.submit(asyncio.run, run()).result()

    @property
    def _answer(self) -> StoredAnswer:
        return StoredAnswer(*self._installed())

    def _installed(self) -> tuple[CookiePlace, StoredSessionKeeper]:
        if self._place is None or self._keeper is None:
            raise ProgrammerError(
                Mistake(
                    "COS-SESSION-006",
                    "Sessions were used before their extension had been installed.",
                    why="Name and attributes of the cookie come from the application's settings.",
                    fix="Build the application first:   app.build()",
                )
            )
        return self._place, self._keeper

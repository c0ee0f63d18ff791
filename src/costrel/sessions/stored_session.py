"""The session whose values are in a store: what it can besides a dict, and what was loaded for it.

Nothing here does I/O: what the store holds was read before the handler, and is written when the response is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from costrel.messages import Request, StoreUnavailable
from costrel.sessions.record import Record, handle_of
from costrel.sessions.session import Opened, Session

__all__ = ["MAX_USER_CHARACTERS", "Loaded", "StoredSession"]

MAX_USER_CHARACTERS: Final = 256


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the store knew of the identifier that a client sent.

    Args:
        session_id: the identifier, `None` when there was no cookie or what it held is none.
        content: what stood in the store.
        record: the session, `None` when there is none or its time is over.
        failure: why the store did not answer.
        is_refused: whether the client sent a cookie with something that is no identifier.
    """

    session_id: str | None = None
    content: bytes | None = None
    record: Record | None = None
    failure: StoreUnavailable | None = None
    is_refused: bool = False

    def open(self, request: Request) -> Opened:
        """Return the values.

        Raises:
            StoreUnavailable: the client named a session, and the store did not answer.
        """
        if self.failure is not None:
            # SECURITY: whoever has a session is not treated as if he had none; his cookie stays as it is.
            raise StoreUnavailable(headers={"Retry-After": "1"}) from self.failure
        if self.record is None:
            return Opened({}, is_new=True, is_refused=self.is_refused)
        return Opened(dict(self.record.values), is_new=False)


class StoredSession(Session):
    """A session in a store, of which the client has an identifier alone; it is `request.session`.

    Two requests at once that change different keys both keep their change. Every use raises `StoreUnavailable`, which
    is answered with 503, when the client has sent an identifier and the store did not answer.

    Args:
        request: whose session it is; let go of by `close`.
        loaded: what the store has answered.

    Attributes:
        loaded: as given.
        is_cleared: whether `clear` was called; what was set afterwards is another session.
        is_rotated: whether `rotate` or `bind_user` was called.
        new_user: what `bind_user` was given.
    """

    __slots__ = ("is_cleared", "is_rotated", "loaded", "new_user")

    def __init__(self, request: Request, loaded: Loaded) -> None:
        super().__init__(loaded, request)
        self.loaded: Loaded = loaded
        self.is_cleared: bool = False
        self.is_rotated: bool = False
        self.new_user: str | None = None

    @property
    def user(self) -> str | None:
        """Whose session it is: what `bind_user` was given, in this request or an earlier one."""
        self._touch()
        if self.new_user is not None or self.is_cleared or self.loaded.record is None:
            return self.new_user
        return self.loaded.record.user

    @property
    def handle(self) -> str | None:
        """What the session is called in the list of a user's sessions; `None` before it is kept for the first time.

        It is no secret: nobody can make a cookie of it. After `rotate` and `bind_user` it is still the old one.
        """
        self._touch()
        loaded = self.loaded
        return None if loaded.session_id is None or loaded.record is None else handle_of(loaded.session_id)

    def rotate(self) -> None:
        """Give the session another identifier with this response; the old one is worth nothing then.

        Call it whenever a client may do more than before, so that an identifier that somebody has seen or planted
        stays what it was.
        """
        self._change()
        self.is_rotated = True

    def bind_user(self, user: str) -> None:
        """Note whose session it is, and `rotate` it; its lifetime begins anew. Call it at every login.

        `StoredSessions.revoke_user` ends all sessions that were bound to a user.

        Args:
            user: what the user is called for good, 1 to 256 characters: an id, not a name that may change.

        Raises:
            TypeError: `user` is no text.
            ValueError: it is empty or too long.
        """
        check_user(user)
        self.rotate()
        self.new_user = user

    def clear(self) -> None:
        """Forget everything and whose it was; the record and the cookie are deleted with the response.

        What is set afterwards is in a new session with an identifier of its own.
        """
        super().clear()
        self._change()
        self.is_cleared = True
        self.new_user = None


def check_user(user: str) -> None:
    """Refuse what names no user; `str(user.id)` is what is meant.

    Raises:
        TypeError: it is no text.
        ValueError: it is empty or too long.
    """
    if not isinstance(user, str):
        raise TypeError(f"a user is named by `str`, not `{type(user).__name__}`: str(user.id)")
    if not 0 < len(user) <= MAX_USER_CHARACTERS:
        raise ValueError(f"a user is named by 1 to {MAX_USER_CHARACTERS} characters, not {len(user)}")

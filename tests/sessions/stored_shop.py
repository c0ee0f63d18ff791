"""An application whose sessions are in a store, for the tests of them."""

from __future__ import annotations

from costrel.app import App
from costrel.messages import AppSettings, Request, StoreUnavailable
from costrel.sessions import StoredSessions
from costrel.stores import MemoryStore
from costrel.testing import FrozenClock

__all__ = ["KEY", "LIFETIME_SECONDS", "WatchedStore", "cookie_of", "sent", "shop"]

LIFETIME_SECONDS = 1000
KEY = "k" * 32


class WatchedStore(MemoryStore):
    """A store in memory that notes what is asked of it, and may be away."""

    def __init__(self, **options):
        super().__init__(**options)
        self.asked: list[str] = []
        self.is_away = False

    def _note(self, name):
        self.asked.append(name)
        if self.is_away:
            raise StoreUnavailable(headers={"Retry-After": "1"})

    async def get(self, key):
        self._note("get")
        return await super().get(key)

    async def set(self, key, value, **options):
        self._note("set")
        return await super().set(key, value, **options)

    async def compare_and_set(self, key, expected, value, **options):
        self._note("compare_and_set")
        return await super().compare_and_set(key, expected, value, **options)


def shop(store=None, *, others=(), clock=None, debug=False, **options) -> tuple[App, StoredSessions]:
    """Make an application that does with its session what the path says."""
    clock = clock or FrozenClock()
    sessions = StoredSessions(MemoryStore(clock=clock) if store is None else store, clock=clock, **options)
    settings = AppSettings(session_lifetime_seconds=LIFETIME_SECONDS, secret_key=KEY, debug=debug)
    app = App("shop", settings=settings, extensions=(sessions, *others))

    @app.get("/nothing")
    async def nothing() -> str:
        return "x"

    @app.get("/see")
    def see(request: Request) -> dict[str, object]:
        return dict(sessions.of(request))

    @app.get("/set/{key}/{value:int}")
    async def set_value(request: Request, key: str, value: int) -> str:
        sessions.of(request)[key] = value
        return "x"

    @app.get("/nest")
    async def nest(request: Request) -> str:
        inner = sessions.of(request).setdefault("a", {})
        inner["b"] = inner.get("b", 0) + 1
        return "x"

    @app.get("/login/{user}")
    async def log_in(request: Request, user: str) -> str:
        sessions.of(request).bind_user(user)
        sessions.of(request)["user"] = user
        return "x"

    @app.get("/logout")
    async def log_out(request: Request) -> str:
        sessions.of(request).clear()
        return "x"

    @app.get("/leave")
    async def leave(request: Request) -> str:
        sessions.of(request).clear()
        sessions.of(request)["bye"] = 1
        return "x"

    @app.get("/rotate")
    async def rotate(request: Request) -> str:
        sessions.of(request).rotate()
        return "x"

    @app.get("/keep")
    async def keep(request: Request) -> str:
        request.session.permanent = True
        return "x"

    @app.get("/password")
    async def change_password(request: Request) -> int:
        return await sessions.revoke_user("ann", keep=sessions.of(request))

    return app, sessions


def cookie_of(response) -> str | None:
    """Return the value of the session cookie that a response sets."""
    values = [value for value in response.headers.getlist("set-cookie") if value.startswith("session=")]
    return values[0].partition("=")[2].partition(";")[0] if values else None


def sent(client, path, session_id):
    """Send a request with a session cookie and no other."""
    client.cookies.clear()
    return client.get(path, cookies={"session": session_id} if session_id else None)

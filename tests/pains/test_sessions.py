"""A session loses no change, is written when it was changed, and never reaches a shared cache unnoticed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest
from hypothesis import given, settings, strategies as st

from costrel import App, Request
from costrel.messages import AppSettings
from costrel.sessions import Session, SignedCookieSessions, StoredSessions
from costrel.stores import MemoryStore
from costrel.testing import AsyncTestClient, TestClient

KINDS: Mapping[str, Callable[[], Any]] = {
    "cookie": SignedCookieSessions,
    "store": lambda: StoredSessions(MemoryStore()),
}


def shop(kind: str) -> App:
    """Make an application whose sessions are kept in one way or the other."""
    return App("shop", settings=AppSettings(secret_key="k" * 32), extensions=(KINDS[kind](),))


@pytest.mark.pain("P31")
def test_two_parallel_requests_that_change_different_keys_both_keep_their_change() -> None:
    """Both have read the session before either has written it."""
    app = shop("store")
    both: asyncio.Barrier

    @app.get("/set/{key}")
    async def set_key(request: Request, key: str) -> str:
        request.session[key] = True
        await both.wait()
        return "x"

    @app.get("/see")
    async def see(request: Request) -> dict[str, Any]:
        return dict(request.session)

    async def main() -> object:
        nonlocal both
        async with AsyncTestClient(app) as client:
            both = asyncio.Barrier(1)
            await client.get("/set/first")
            both = asyncio.Barrier(2)
            await asyncio.gather(client.get("/set/cart"), client.get("/set/seen"))
            return (await client.get("/see")).json()

    assert {"first": True, "cart": True, "seen": True} == asyncio.run(main())


USES: Mapping[str, Callable[[Session], object]] = {
    "contains": lambda session: "a" in session,
    "get": lambda session: session.get("a"),
    "length": len,
    "iteration": list,
    "items": lambda session: list(session.items()),
    "equality": lambda session: session == {},
    "copy": lambda session: session.copy(),
    "permanent": lambda session: session.permanent,
    "is-new": lambda session: session.is_new,
    "setdefault": lambda session: session.setdefault("a", 1),
    "set": lambda session: session.update(a=2),
    "delete": lambda session: session.pop("a", None),
    "clear": lambda session: session.clear(),
    "rotate": lambda session: session.rotate(),
}


@pytest.mark.pain("P31")
@pytest.mark.security("D9")
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, deadline=None)
@given(uses=st.lists(st.sampled_from(sorted(USES)), max_size=4))
def test_every_way_to_the_session_keeps_the_answer_out_of_shared_caches(kind: str, uses: list[str]) -> None:
    """Whatever is done with it in whatever order; and a request that does nothing with it says nothing."""
    app = shop(kind)

    @app.get("/first")
    async def first(request: Request) -> str:
        request.session["a"] = 0
        return "x"

    @app.get("/use")
    async def use(request: Request) -> str:
        for name in uses:
            USES[name](cast("Session", request.session))
        return "x"

    with TestClient(app) as client:
        client.get("/first")
        headers = client.get("/use").headers

    assert bool(uses) == ("Cookie" in headers.get("vary", ""))
    assert ("no-store" if "set-cookie" in headers else "private" if uses else None) == headers.get("cache-control")


@pytest.mark.pain("P31")
@pytest.mark.parametrize("kind", KINDS)
def test_a_session_is_sent_once_and_not_with_every_answer(kind: str) -> None:
    """Reading it sets no cookie."""
    app = shop(kind)

    @app.get("/{n:int}")
    async def count(request: Request, n: int) -> str:
        if request.session.get("n") is None:
            request.session["n"] = n
        return "x"

    with TestClient(app) as client:
        sets = ["set-cookie" in client.get(f"/{n}").headers for n in range(3)]

    assert [True, False, False] == sets


@pytest.mark.pain("P31")
@pytest.mark.parametrize("kind", KINDS)
def test_the_cookie_is_hidden_secure_and_not_sent_across_sites(kind: str) -> None:
    """Without a word from the application, and `__Host-` is a name away."""
    attributes = []
    for name in ("session", "__Host-session"):
        app = App(settings=AppSettings(secret_key="k" * 32, session_cookie_name=name), extensions=(KINDS[kind](),))

        @app.get("/")
        async def index(request: Request) -> str:
            request.session["a"] = 1
            return "x"

        with TestClient(app) as client:
            attributes.append(client.get("/").headers["set-cookie"].partition(";")[2])

    assert [" Path=/; Secure; HttpOnly; SameSite=Lax"] * 2 == attributes

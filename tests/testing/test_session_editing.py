"""Editing the session between two requests."""

from __future__ import annotations

import asyncio

import pytest

from costrel.app import App, AppSettings
from costrel.errors import ProgrammerError
from costrel.messages import Request
from costrel.sessions import SignedCookieSessions
from costrel.testing import FrozenClock

DAY_SECONDS = 86_400


def make_app(clock: FrozenClock) -> App:
    """Make an application with sessions."""
    sessions = SignedCookieSessions(clock=clock)
    app = App("tested", extensions=[sessions], settings=AppSettings(secret_key="k" * 32))

    @app.get("/")
    async def show(request: Request) -> dict[str, str]:
        return {key: str(request.session[key]) for key in request.session}

    @app.get("/visit/{name}")
    async def visit(request: Request, name: str) -> str:
        request.session["name"] = name
        return ""

    return app


def test_what_the_block_writes_is_in_the_next_request() -> None:
    """The session of the client is read, changed and signed as a request does it."""
    with make_app(FrozenClock()).test_client() as client:
        client.get("/visit/ann")
        with client.session_transaction() as session:
            before = session["name"]
            session["role"] = "admin"

        assert ("ann", {"name": "ann", "role": "admin"}) == (before, client.get("/").json())


def test_a_block_that_raises_changes_nothing() -> None:
    """Half a change is none."""
    with make_app(FrozenClock()).test_client() as client:
        try:
            with client.session_transaction() as session:
                session["role"] = "admin"
                raise LookupError
        except LookupError:
            pass

        assert {} == client.get("/").json()


@pytest.mark.capability("C163")
def test_the_age_of_a_session_follows_a_frozen_clock() -> None:
    """One clock for client and sessions lets a test outlive a session."""
    clock = FrozenClock()
    with make_app(clock).test_client(clock=clock) as client:
        with client.session_transaction() as session:
            session["role"] = "admin"
        clock.advance(13 * DAY_SECONDS)
        before = client.get("/").json()
        clock.advance(2 * DAY_SECONDS)

        assert ({"role": "admin"}, {}) == (before, client.get("/").json())


def test_the_asynchronous_client_edits_too() -> None:
    """The same by ``async with``."""

    async def main() -> object:
        async with make_app(FrozenClock()).async_test_client() as client:
            async with client.session_transaction() as session:
                session["role"] = "admin"
            return (await client.get("/")).json()

    assert {"role": "admin"} == asyncio.run(main())


def test_an_application_without_sessions_says_so() -> None:
    """The error names the extension that is missing."""
    client = App("tested", extensions=()).test_client()
    refused = pytest.raises(ProgrammerError, match="SignedCookieSessions")
    with client, refused as error, client.session_transaction():
        pass

    assert "COS-TESTING-002" == error.value.code

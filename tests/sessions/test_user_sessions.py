from __future__ import annotations

import asyncio

import pytest
from stored_shop import cookie_of, sent, shop

from costrel.messages import Request
from costrel.stores import MemoryStore
from costrel.testing import FrozenClock


@pytest.mark.security("D6")
def test_who_reads_the_store_gets_no_session():
    """The identifier is nowhere in it: keys are hashes."""
    store = MemoryStore()
    app, _ = shop(store)
    with app.test_client() as client:
        session_id = cookie_of(client.get("/login/ann"))

    assert session_id not in repr(vars(store)["_entries"].keys())
    assert session_id.encode() not in b"".join(
        entry.content for entry in vars(store)["_entries"].values() if isinstance(entry.content, bytes)
    )


@pytest.mark.security("D7")
def test_an_unknown_identifier_is_never_adopted():
    """A planted one gets another session with another identifier."""
    app, _ = shop()
    with app.test_client() as client:
        given = cookie_of(sent(client, "/set/a/1", "A" * 43))
        planted = sent(client, "/see", "A" * 43).json()
        own = sent(client, "/see", given).json()

    assert given not in (None, "A" * 43)
    assert ({}, {"a": 1}) == (planted, own)


@pytest.mark.capability("C084")
@pytest.mark.security("D7")
@pytest.mark.parametrize("path", ["/login/ann", "/rotate"])
def test_the_identifier_changes_at_login(path):
    """What was in the session is still there, and the old identifier is worth nothing."""
    app, _ = shop()
    with app.test_client() as client:
        before = cookie_of(client.get("/set/a/1"))
        after = cookie_of(client.get(path))
        old = sent(client, "/see", before).json()
        new = sent(client, "/see", after).json()

    assert after not in (None, before)
    assert ({}, 1) == (old, new["a"])


@pytest.mark.security("D7")
def test_a_request_with_the_old_identifier_does_not_take_the_place_of_the_new_one():
    """It was under way while the user logged in: its answer sets and deletes no cookie."""
    app, _ = shop()
    with app.test_client() as client:
        before = cookie_of(client.get("/set/a/1"))
        client.get("/login/ann")
        late = sent(client, "/set/b/2", before)

    assert (200, []) == (late.status_code, late.headers.getlist("set-cookie"))


@pytest.mark.capability("C084")
@pytest.mark.security("D6")
def test_a_cleared_session_is_gone():
    """Record and cookie are deleted, and the identifier does not come back."""
    app, sessions = shop()
    with app.test_client() as client:
        session_id = cookie_of(client.get("/login/ann"))
        response = client.get("/logout")
        replayed = sent(client, "/see", session_id).json()
        left = asyncio.run(sessions.sessions_of("ann"))

    assert "session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0" in response.headers["set-cookie"]
    assert ({}, []) == (replayed, left)


def test_what_is_set_after_clearing_is_another_session():
    """It has an identifier of its own, and nobody's."""
    app, _ = shop()
    with app.test_client() as client:
        before = cookie_of(client.get("/login/ann"))
        after = cookie_of(client.get("/leave"))
        seen = [sent(client, "/see", session_id).json() for session_id in (before, after)]

    assert [{}, {"bye": 1}] == seen


@pytest.mark.capability("C084")
@pytest.mark.security("D6")
def test_all_sessions_of_a_user_can_be_ended():
    """On every device, and nobody else's; the one that goes on is named."""
    app, sessions = shop()
    with app.test_client() as client:
        ids = [cookie_of(sent(client, f"/login/{user}", None)) for user in ("ann", "ann", "ann", "bob")]
        count = sent(client, "/password", ids[0]).json()
        seen = [sent(client, "/see", session_id).json().get("user") for session_id in ids]
        rest = asyncio.run(sessions.sessions_of("ann"))
        ended = asyncio.run(sessions.revoke_user("ann"))

    assert (2, ["ann", None, None, "bob"]) == (count, seen)
    assert (1, 1, []) == (len(rest), ended, asyncio.run(sessions.sessions_of("ann")))


def test_one_session_of_a_user_can_be_ended():
    """By its handle, which ends nothing of anybody else's."""
    clock = FrozenClock()
    app, sessions = shop(clock=clock)
    with app.test_client() as client:
        ids = []
        for _ in range(2):
            ids.append(cookie_of(sent(client, "/login/ann", None)))
            clock.advance(5)
        last, first = asyncio.run(sessions.sessions_of("ann"))
        by_bob = asyncio.run(sessions.revoke("bob", first.handle))
        by_ann = [asyncio.run(sessions.revoke("ann", first.handle)) for _ in range(2)]
        seen = [sent(client, "/see", session_id).json().get("user") for session_id in ids]

    assert (5.0, False, [True, False]) == (last.created_at - first.created_at, by_bob, by_ann)
    assert [None, "ann"] == seen


def test_a_session_knows_whose_it_is():
    """And what it is called in the list; both are nothing for a new one."""
    app, sessions = shop()
    seen = []

    @app.get("/who")
    async def who(request: Request) -> str:
        session = sessions.of(request)
        seen.append((session.user, session.handle))
        return "x"

    with app.test_client() as client:
        client.get("/who")
        client.get("/login/ann")
        client.get("/who")

    assert [(None, None), ("ann", asyncio.run(sessions.sessions_of("ann"))[0].handle)] == seen


def test_users_are_named_by_text():
    """An id that is a number would be another user than its text."""
    _, sessions = shop()
    with pytest.raises(TypeError, match=r"str\(user\.id\)"):
        asyncio.run(sessions.revoke_user(7))
    with pytest.raises(ValueError):
        asyncio.run(sessions.revoke("", "x"))
    with pytest.raises(ValueError):
        asyncio.run(sessions.sessions_of("x" * 257))

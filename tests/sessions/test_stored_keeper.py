from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from hypothesis import given, settings, strategies as st

from costrel.messages import StoreUnavailable
from costrel.sessions.record import GRAVE, Record, handle_of, make_session_id, read_record
from costrel.sessions.stored_keeper import MAX_ATTEMPTS, RecordTooLarge, StoredSessionKeeper
from costrel.sessions.stored_session import StoredSession
from costrel.stores import MemoryStore
from costrel.testing import FrozenClock

PREFIX = "sessions:"


class TurningStore(MemoryStore):
    """A store that lets others run before each operation, and does something before the one that is named."""

    def __init__(self):
        super().__init__()
        self.before = {}

    async def _turn(self, name):
        await asyncio.sleep(0)
        action = self.before.get(name)
        if action is not None:
            await action()

    async def get(self, key):
        await self._turn("get")
        return await super().get(key)

    async def set(self, key, value, **options):
        await self._turn("set")
        return await super().set(key, value, **options)

    async def compare_and_set(self, key, expected, value, **options):
        await self._turn("compare_and_set")
        return await super().compare_and_set(key, expected, value, **options)

    async def members(self, key):
        await self._turn("members")
        return await super().members(key)


def keeper_of(store, clock=None, **options) -> StoredSessionKeeper:
    options = {"lifetime_seconds": 1000, "idle_seconds": 1000, "max_bytes": 10_000, **options}
    return StoredSessionKeeper(store, prefix=PREFIX, clock=clock or FrozenClock(), **options)


async def loaded_session(keeper, session_id=None) -> StoredSession:
    return StoredSession(SimpleNamespace(), await keeper.load(session_id))


async def kept_session(keeper, user=None, **values) -> str:
    """Keep a session with some values, and return its identifier."""
    session = await loaded_session(keeper)
    session.update(values)
    if user is not None:
        session.bind_user(user)
    return (await keeper.write(session))[0]


async def values_of(keeper, session_id):
    return dict(await loaded_session(keeper, session_id))


def once(store, name, action) -> None:
    """Do something before the next operation of a name, and not again."""

    async def act():
        del store.before[name]
        await action()

    store.before[name] = act


keys = st.sampled_from("abcd")
edits = st.lists(st.one_of(st.tuples(keys, st.integers(0, 3)), st.tuples(keys, st.none())), max_size=4)


@pytest.mark.pain("P31")
@settings(max_examples=40, deadline=None)
@given(st.dictionaries(keys, st.integers(0, 3)), st.lists(edits, min_size=2, max_size=4))
def test_requests_at_once_merge_key_by_key(first, many):
    """Each key has the value of a request that has changed it last, or the one from before where nobody has."""

    async def scenario():
        keeper = keeper_of(TurningStore(), pause_seconds=0)
        session_id = await kept_session(keeper, z=0, **first)
        sessions = [await loaded_session(keeper, session_id) for _ in many]
        for session, steps in zip(sessions, many, strict=True):
            for key, value in steps:
                if value is None:
                    session.pop(key, None)
                else:
                    session[key] = value
        changed = [session.changes() for session in sessions]
        await asyncio.gather(*(keeper.write(session) for session in sessions if session.modified))
        return await values_of(keeper, session_id), changed, [dict(session) for session in sessions]

    values, changed, wanted = asyncio.run(scenario())
    for key in "abcd":
        allowed = [own.get(key) for own, changes in zip(wanted, changed, strict=True) if key in changes]
        assert values.get(key) in (allowed or [first.get(key)])


@pytest.mark.pain("P31")
def test_thirty_requests_at_once_all_survive():
    """Whoever is second reads again; none gives up."""

    async def scenario():
        keeper = keeper_of(TurningStore(), pause_seconds=0)
        session_id = await kept_session(keeper, z=0)
        sessions = [await loaded_session(keeper, session_id) for _ in range(30)]
        for number, session in enumerate(sessions):
            session[f"k{number}"] = number
        await asyncio.gather(*(keeper.write(session) for session in sessions))
        return await values_of(keeper, session_id)

    assert {"z": 0, **{f"k{number}": number for number in range(30)}} == asyncio.run(scenario())


def test_a_record_that_somebody_else_always_changes_first_is_given_up():
    """The client gets 503 and may try again; nothing is said to be kept."""

    async def scenario():
        store, clock = TurningStore(), FrozenClock()
        keeper = keeper_of(store, clock, pause_seconds=0)
        session_id = await kept_session(keeper, a=1)
        key, count = PREFIX + handle_of(session_id), 0

        async def meddle():
            nonlocal count
            count += 1
            await MemoryStore.set(store, key, Record({"n": count}, clock(), clock()).write())

        for change in (StoredSession.rotate, lambda session: session.update(b=2)):
            session = await loaded_session(keeper, session_id)
            change(session)
            store.before["compare_and_set"] = meddle
            with pytest.raises(StoreUnavailable):
                await keeper.write(session)
            del store.before["compare_and_set"]
        return count

    assert 2 * MAX_ATTEMPTS == asyncio.run(scenario())


@pytest.mark.security("D6")
@pytest.mark.parametrize("change", ["a-key", "rotate"])
def test_a_session_that_ends_during_a_request_stays_ended(change):
    """Of what it held nothing comes back, whatever the request does to it."""

    async def scenario():
        store = TurningStore()
        keeper = keeper_of(store)
        session_id = await kept_session(keeper, user="ann", role="admin")
        session = await loaded_session(keeper, session_id)
        if change == "rotate":
            session.rotate()
        else:
            session["a"] = 1
        once(store, "compare_and_set", lambda: keeper.users.end("ann", handle_of(session_id)))
        return await keeper.write(session), await keeper.users.find_all("ann"), await values_of(keeper, session_id)

    assert (None, [], {}) == asyncio.run(scenario())


@pytest.mark.security("D6")
def test_what_a_request_sets_and_rotates_after_its_session_ended_is_its_own_alone():
    """It is another session, and nobody's."""

    async def scenario():
        store = TurningStore()
        keeper = keeper_of(store)
        session_id = await kept_session(keeper, user="ann", role="admin")
        session = await loaded_session(keeper, session_id)
        session["a"] = 1
        session.rotate()
        once(store, "compare_and_set", lambda: keeper.users.end("ann", handle_of(session_id)))
        return (await keeper.write(session))[1]

    record = asyncio.run(scenario())

    assert ({"a": 1}, None) == (record.values, record.user)


@pytest.mark.security("D6")
@pytest.mark.parametrize("name", ["set", "members"])
def test_a_login_during_which_all_sessions_are_ended_is_ended_too(name):
    """Wherever in the writing of it they are ended, nothing is left over."""

    async def end_all(keeper):
        for handle in await keeper.users.handles("ann"):
            await keeper.users.end("ann", handle)

    async def scenario():
        store = TurningStore()
        keeper = keeper_of(store)
        session = await loaded_session(keeper)
        session.bind_user("ann")
        once(store, name, lambda: end_all(keeper))
        with pytest.raises(StoreUnavailable):
            await keeper.write(session)
        return await keeper.users.find_all("ann"), len(store)

    assert ([], 0) == asyncio.run(scenario())


def test_a_rotation_takes_along_what_others_have_changed_meanwhile():
    """And the old record is a grave, which holds nothing."""

    async def scenario():
        store = TurningStore()
        keeper = keeper_of(store)
        old_id = await kept_session(keeper, a=1)
        session, other = await loaded_session(keeper, old_id), await loaded_session(keeper, old_id)
        session["b"] = 2
        session.bind_user("ann")
        other["c"] = 3
        once(store, "compare_and_set", lambda: keeper.write(other))
        new_id, _ = await keeper.write(session)
        left = await store.get(PREFIX + handle_of(old_id))
        return (
            await values_of(keeper, new_id),
            left,
            [found.handle for found in await keeper.users.find_all("ann")],
            [handle_of(new_id)],
        )

    values, left, found, expected = asyncio.run(scenario())

    assert ({"a": 1, "b": 2, "c": 3}, GRAVE) == (values, left)
    assert expected == found


def test_a_rotation_keeps_the_age_and_a_login_begins_a_new_one():
    """Whoever rotates again and again does not live for ever."""

    async def scenario():
        clock = FrozenClock()
        keeper = keeper_of(MemoryStore(clock=clock), clock)
        session_id = await kept_session(keeper, a=1)
        ages = []
        for change in (StoredSession.rotate, lambda session: session.bind_user("ann")):
            clock.advance(10)
            session = await loaded_session(keeper, session_id)
            change(session)
            session_id, record = await keeper.write(session)
            ages.append((clock() - record.created_at, keeper.max_age_seconds(record)))
        return ages

    assert [(10.0, 990), (0.0, 1000)] == asyncio.run(scenario())


def test_a_session_whose_time_is_over_during_a_request_is_not_written():
    """It ends when it ends."""

    async def scenario():
        clock = FrozenClock()
        store = MemoryStore(clock=clock)
        keeper = keeper_of(store, clock)
        session_id = await kept_session(keeper, a=1)
        session = await loaded_session(keeper, session_id)
        session["b"] = 2
        clock.advance(1001)
        return await keeper.write(session), len(store)

    assert (None, 0) == asyncio.run(scenario())


def test_a_store_that_keeps_too_long_revives_nothing():
    """The times in the record count, whatever the store thinks."""

    async def scenario():
        clock = FrozenClock()
        keeper = keeper_of(MemoryStore(clock=FrozenClock()), clock)
        session_id = await kept_session(keeper, a=1)
        clock.advance(1000)
        return (await keeper.load(session_id)).record

    assert asyncio.run(scenario()) is None


@pytest.mark.parametrize("content", [b"", b"x", b"\xff", b"[]\n{}", b'["1",0,0,null]\n[]', b'["2",0,0,null]\n{}'])
def test_what_is_no_record_is_no_session(content):
    """Something else has written under the key."""

    async def scenario():
        store = MemoryStore()
        keeper = keeper_of(store)
        await store.set(PREFIX + handle_of("x" * 42 + "A"), content)
        return (await keeper.load("x" * 42 + "A")).record

    assert asyncio.run(scenario()) is None


def test_a_record_has_a_bound():
    """A byte more is refused, and what was there stays."""

    async def scenario():
        keeper = keeper_of(MemoryStore(), max_bytes=100)
        session_id = await kept_session(keeper, a="")
        session = await loaded_session(keeper, session_id)
        size = len(session.loaded.content)
        session["a"] = "x" * (100 - size)
        await keeper.write(session)
        session = await loaded_session(keeper, session_id)
        session["a"] += "x"
        with pytest.raises(RecordTooLarge, match="would be 101 bytes; its record may have 100"):
            await keeper.write(session)
        return len((await keeper.load(session_id)).content)

    assert 100 == asyncio.run(scenario())


def test_an_empty_new_session_is_not_kept():
    """There is nothing to come back to."""

    def set_and_forget(session):
        session["a"] = 1
        del session["a"]

    async def scenario():
        store = MemoryStore()
        keeper = keeper_of(store)
        for change in (
            lambda session: session.update(a=1) or session.pop("a"),
            StoredSession.clear,
            StoredSession.rotate,
        ):
            session = await loaded_session(keeper)
            change(session)
            assert await keeper.write(session) is None
        return len(store)

    assert 0 == asyncio.run(scenario())


def test_identifiers_are_long_and_their_records_are_called_otherwise():
    """256 random bits, and a hash of them."""
    ids = {make_session_id() for _ in range(50)}

    assert 50 == len(ids)
    assert {43} == {len(session_id) for session_id in ids}
    assert {64} == {len(handle_of(session_id)) for session_id in ids}


times = st.floats(0, 1e10)


@settings(max_examples=40)
@given(times, times, st.none() | st.text(max_size=5), st.dictionaries(st.text(max_size=3), st.integers() | st.binary()))
def test_a_record_goes_round(created_at, used_at, user, values):
    """Whatever is in it, a line end in a name of a user among it."""
    record = Record(values, created_at, used_at, user)

    assert record == read_record(record.write())

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest
from hypothesis import given, settings, strategies as st

from costrel.errors import SessionClosed
from costrel.sessions.session import MISSING, CookieSession, Opened


class Values:
    """Opens sessions with given values and counts how often."""

    def __init__(self, values=None, *, is_new=False):
        self.values = {} if values is None else values
        self.is_new = is_new
        self.count = 0

    def open(self, request):
        self.count += 1
        return Opened(dict(self.values), is_new=self.is_new)


def session_of(values=None, **options) -> CookieSession:
    return CookieSession(Values(values, **options), SimpleNamespace())


def test_a_session_that_is_not_touched_reads_nothing():
    """Making, showing and asking whether it was touched cost no look at the cookie."""
    session = session_of({"a": 1})

    assert (False, False) == (session.accessed, session.modified)
    assert "<session, not read yet>" == repr(session)
    assert session.opened is None
    assert 0 == session.opener.count


READS = {
    "asking-for-a-key": lambda session: "a" in session,
    "asking-for-a-missing-key": lambda session: "z" in session,
    "an-item": lambda session: session["a"],
    "get": lambda session: session.get("z"),
    "length": len,
    "truth": bool,
    "iteration": list,
    "reversed-iteration": lambda session: list(reversed(session)),
    "keys": lambda session: list(session.keys()),
    "values": lambda session: list(session.values()),
    "items": lambda session: list(session.items()),
    "set-operations-of-keys": lambda session: session.keys() & {"a"},
    "a-dict-of-it": dict,
    "unpacking": lambda session: {**session},
    "equality-with-a-dict": lambda session: session == {},
    "equality-with-anything": lambda session: session == 1,
    "inequality": lambda session: session != {},
    "equality-from-the-other-side": lambda session: {} == session,
    "union": lambda session: session | {},
    "union-from-the-other-side": lambda session: {} | session,
    "copy": lambda session: session.copy(),
    "copy-module": copy.copy,
    "deep-copy": copy.deepcopy,
    "pattern-matching": lambda session: _matches(session),
    "pop-with-default": lambda session: session.pop("z", None),
    "setdefault-of-a-key-that-is-there": lambda session: session.setdefault("a", 2),
    "is-new": lambda session: session.is_new,
    "permanent": lambda session: session.permanent,
}


def _matches(session) -> bool:
    match session:
        case {"a": _}:
            return True
    return False


@pytest.mark.security("D9")
@pytest.mark.pain("P31")
@pytest.mark.parametrize("read", [pytest.param(read, id=name) for name, read in READS.items()])
def test_every_way_to_read_marks_the_session_as_accessed(read):
    """Whatever an answer may depend on is noticed, and the cookie is read once."""
    session = session_of({"a": 1})
    read(session)
    read(session)

    assert (True, False) == (session.accessed, session.modified)
    assert 1 == session.opener.count


def test_a_missing_key_is_noticed_too():
    """That a key is missing says something of the client as well."""
    session = session_of()
    with pytest.raises(KeyError):
        session["a"]

    assert session.accessed


CHANGES = {
    "setting-an-item": (lambda session: session.__setitem__("a", 1), {"a": 1, "b": [2]}),
    "deleting-an-item": (lambda session: session.__delitem__("a"), {"b": [2]}),
    "pop": (lambda session: session.pop("a"), {"b": [2]}),
    "popitem": (lambda session: session.popitem(), {"b": [2]}),
    "setdefault": (lambda session: session.setdefault("c", 3), {"a": 1, "b": [2], "c": 3}),
    "update": (lambda session: session.update({"c": 3}), {"a": 1, "b": [2], "c": 3}),
    "update-by-keyword": (lambda session: session.update(c=3), {"a": 1, "b": [2], "c": 3}),
    "in-place-union": (lambda session: session.__ior__({"c": 3}), {"a": 1, "b": [2], "c": 3}),
    "clear": (lambda session: session.clear(), {}),
    "permanent": (lambda session: setattr(session, "permanent", True), {"a": 1, "b": [2], "_permanent": True}),
    "modified-by-hand": (
        lambda session: (session["b"].append(3), setattr(session, "modified", True)),
        {"a": 1, "b": [2, 3]},
    ),
}


@pytest.mark.parametrize(("change", "expected"), [pytest.param(*case, id=name) for name, case in CHANGES.items()])
def test_every_change_marks_the_session_as_modified(change, expected):
    """A change is noticed, whichever method made it."""
    session = session_of({"a": 1, "b": [2]})
    change(session)

    assert (True, True) == (session.accessed, session.modified)
    assert expected == session


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda session: session.__delitem__("z"), id="deleting-a-missing-item"),
        pytest.param(lambda session: session.pop("z"), id="pop-of-a-missing-item"),
    ],
)
def test_a_change_that_fails_is_none(change):
    """What raised `KeyError` has changed nothing."""
    session = session_of({"a": 1})
    with pytest.raises(KeyError, match="z"):
        change(session)

    assert (True, False) == (session.accessed, session.modified)


NESTED = {
    "an-item": lambda session: session["cart"],
    "get": lambda session: session.get("cart"),
    "setdefault": lambda session: session.setdefault("cart", {}),
    "values": lambda session: next(iter(session.values())),
    "items": lambda session: dict(session.items())["cart"],
    "a-dict-of-it": lambda session: dict(session)["cart"],
    "unpacking": lambda session: {**session}["cart"],
    "copy": lambda session: session.copy()["cart"],
    "copy-module": lambda session: copy.copy(session)["cart"],
    "union": lambda session: (session | {})["cart"],
    "union-from-the-other-side": lambda session: ({} | session)["cart"],
}


@pytest.mark.capability("C086")
@pytest.mark.parametrize("reach", [pytest.param(reach, id=name) for name, reach in NESTED.items()])
def test_a_change_inside_a_value_is_noticed(reach):
    """Whichever way the value was reached, `session["a"]["b"] = 1` is a change, and looking is none."""
    session = session_of({"cart": {"a": [(1, [2])]}})
    reach(session)
    was_modified = session.modified
    reach(session)["a"][0][1].append(3)

    assert (False, True) == (was_modified, session.modified)
    assert {"cart": {"a": [(1, [2, 3])]}} == session.changes()


@pytest.mark.parametrize(
    ("before", "after"), [(1, True), (1, 1.0), ([], {}), ([1], [1, 1]), ({"a": 1}, {"b": 1}), (None, 0)]
)
def test_a_nested_value_of_another_kind_is_a_change(before, after):
    """`1 == True`, but the two are not written alike."""
    session = session_of({"a": {"b": before}})
    session["a"]["b"] = after

    assert session.modified


def test_the_keys_that_were_changed_are_known():
    """Each with its value; what has its old value again is not among them."""
    session = session_of({"a": 1, "b": [2], "c": 3, "d": 4})
    session["a"] = 5
    taken = session.pop("b")
    taken.append(3)
    session["b"] = taken
    del session["c"]
    session["d"] = 0
    session["d"] = 4
    session["e"] = 6

    assert {"a": 5, "b": [2, 3], "c": MISSING, "e": 6} == session.changes()
    assert {} == session_of({"a": 1}).changes()


def test_a_mark_that_is_taken_back_forgets_what_was_changed_inside_too():
    """`modified = False` keeps what is stored as it is."""
    session = session_of({"a": []})
    session["a"].append(1)
    session.modified = False

    assert (False, {}) == (session.modified, session.changes())


def test_a_rotated_cookie_is_written_anew():
    """There is no identifier, so that is all there is to it; code that logs somebody in need not ask."""
    session = session_of({"a": 1})
    session.rotate()

    assert session.modified


def test_a_mark_can_be_taken_back():
    """`modified = False` keeps the cookie as it is."""
    session = session_of()
    session["a"] = 1
    session.modified = False

    assert not session.modified


@pytest.mark.parametrize("is_new", [True, False])
def test_a_session_knows_whether_it_is_new(is_new):
    """`is_new` is what the cookie came to."""

    assert is_new == session_of(is_new=is_new).is_new


def test_a_closed_session_refuses_every_use():
    """After the head was sent, reading cannot be told to caches and writing cannot be told to the client."""
    for use in [*READS.values(), *(change for change, _ in CHANGES.values())]:
        session = session_of({"a": 1, "b": [2]})
        session.close()
        with pytest.raises(SessionClosed):
            use(session)


def test_a_closed_session_can_still_be_shown():
    """What a logger writes of it never raises."""
    session = session_of({"a": 1})
    session.get("a")
    session.close()

    assert "<session {'a': 1}>" == repr(session)


def test_a_session_closed_for_writing_can_be_read():
    """On an open socket the session that came with the handshake is readable, and only that."""
    session = session_of({"a": 1, "b": [2]})
    session.close_for_writing()
    for change, _ in CHANGES.values():
        with pytest.raises(SessionClosed):
            change(session)

    assert 1 == session["a"]


def test_a_session_is_no_key():
    """It is compared by its values, so it has no hash."""
    with pytest.raises(TypeError):
        hash(session_of())


names = st.sampled_from("abc")
steps = st.lists(
    st.one_of(
        st.tuples(st.just("__setitem__"), names, st.integers()),
        st.tuples(st.just("__delitem__"), names),
        st.tuples(st.just("pop"), names),
        st.tuples(st.just("pop"), names, st.none()),
        st.tuples(st.just("setdefault"), names, st.integers()),
        st.tuples(st.just("get"), names, st.integers()),
        st.tuples(st.just("__contains__"), names),
        st.tuples(st.just("__len__")),
        st.tuples(st.just("update"), st.dictionaries(names, st.integers(), max_size=2)),
        st.tuples(st.just("clear")),
    ),
    max_size=12,
)


def perform(target, name, *args):
    try:
        return getattr(target, name)(*args)
    except KeyError as error:
        return repr(error)


@settings(max_examples=200)
@given(st.dictionaries(names, st.integers()), steps)
def test_a_session_behaves_like_a_dict(values, steps):
    """Every method answers as that of a dict, and whatever is different at the end was noticed."""
    session, twin = session_of(values), dict(values)
    for step in steps:
        assert perform(twin, *step) == perform(session, *step)
    was_modified = session.modified

    assert twin == session
    assert was_modified or twin == values

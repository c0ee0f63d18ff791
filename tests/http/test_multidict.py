"""Tests of the multi-dict: order, first values, conversion."""

from __future__ import annotations

import pickle
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st

from costrel.http.multidict import MissingKey, MultiDict

PAIRS = [("tag", "a"), ("page", "2"), ("tag", "b")]


@pytest.mark.security("C6")
def test_the_first_value_is_the_value() -> None:
    """A key that was sent twice has its first value everywhere, and `getlist` has them all."""
    query = MultiDict(PAIRS)

    assert ("a", "a", ["a", "b"]) == (query["tag"], query.get("tag"), query.getlist("tag"))


def test_a_missing_key_is_named() -> None:
    """A missing key raises a `KeyError` that carries the key and the place."""
    form = MultiDict.from_pairs([("a", "1")], "form")

    with pytest.raises(KeyError) as caught:
        form["b"]

    assert isinstance(caught.value, MissingKey)
    assert ("b", "form", "`b` is missing from the form.") == (caught.value.key, caught.value.source, str(caught.value))


def test_a_missing_key_survives_pickling() -> None:
    """The error can cross a process boundary."""
    error = pickle.loads(pickle.dumps(MissingKey("a", "cookies")))

    assert ("a", "cookies") == (error.key, error.source)


@pytest.mark.capability("C025")
@pytest.mark.parametrize(
    ("value", "convert", "expected"),
    [
        pytest.param("2", int, 2, id="a-good-value-is-converted"),
        pytest.param("x", int, 7, id="a-bad-value-is-the-default"),
        pytest.param("9" * 5000, int, 7, id="a-number-of-5000-digits-is-the-default"),
        pytest.param("x", Decimal, 7, id="an-arithmetic-error-is-the-default"),
        pytest.param("x", UUID, 7, id="no-uuid-is-the-default"),
        pytest.param("x", {"y": 1}.__getitem__, 7, id="a-lookup-that-fails-is-the-default"),
    ],
)
def test_get_converts(value: str, convert: object, expected: object) -> None:
    """`get` with a type returns what it makes of the value, or the default."""
    assert expected == MultiDict([("n", value)]).get("n", 7, type=convert)


def test_get_without_the_key_is_the_default() -> None:
    """A missing key gives the default, which is `None` when it is not said, and no conversion takes place."""
    query = MultiDict(PAIRS)

    assert (None, "x", 1) == (query.get("b"), query.get("b", "x"), query.get("b", 1, type=int))


def test_getlist_leaves_out_what_cannot_be_read() -> None:
    """`getlist` with a type has the good values only; an unknown key has none."""
    query = MultiDict([("n", "1"), ("n", "x"), ("n", "3")])

    assert ([1, 3], []) == (query.getlist("n", type=int), query.getlist("m"))


def test_getlist_returns_a_new_list() -> None:
    """Changing the list that was returned changes nothing else."""
    query = MultiDict(PAIRS)
    query.getlist("tag").append("c")

    assert ["a", "b"] == query.getlist("tag")


def test_mapping_protocol() -> None:
    """Length, iteration and membership are about distinct keys, in the order of their first values."""
    query = MultiDict(PAIRS)

    assert (2, ["tag", "page"], True, False) == (len(query), list(query), "page" in query, "x" in query)
    assert ["a", "2"] == list(query.values())
    assert not MultiDict()


def test_items() -> None:
    """`items` shows each key once, and with `multi` every pair."""
    query = MultiDict(PAIRS)
    every = query.items(multi=True)

    assert [("tag", "a"), ("page", "2")] == list(query.items())
    assert (PAIRS, 3, True, False) == (list(every), len(every), ("tag", "b") in every, ("tag", "c") in every)


def test_to_dict() -> None:
    """`to_dict` copies the first values, or all of them as lists."""
    query = MultiDict(PAIRS)

    assert {"tag": "a", "page": "2"} == query.to_dict()
    assert {"tag": ["a", "b"], "page": ["2"]} == query.to_dict(flat=False)


@pytest.mark.parametrize(
    ("other", "equal"),
    [
        pytest.param(MultiDict([("page", "2"), *PAIRS[::2]]), True, id="the-order-between-keys-does-not-matter"),
        pytest.param(MultiDict(PAIRS[::-1]), False, id="the-order-within-a-key-matters"),
        pytest.param({"tag": "a", "page": "2"}, False, id="a-plain-mapping-has-one-value-each"),
        pytest.param(PAIRS, False, id="a-list-is-something-else"),
    ],
)
def test_equality(other: object, equal: bool) -> None:
    """Two are equal when each key has the same values in the same order."""
    assert equal == (MultiDict(PAIRS) == other)


def test_equality_with_a_plain_mapping() -> None:
    """A plain mapping is equal when each key was sent once."""
    assert MultiDict([("a", "1")]) == {"a": "1"}


def test_it_cannot_be_hashed() -> None:
    """What compares by value and holds lists is not a key."""
    with pytest.raises(TypeError):
        hash(MultiDict())


def test_repr_and_source() -> None:
    """The representation shows every pair; the source is readable."""
    files = MultiDict([("a", 1)], source="files")

    assert ("MultiDict([('a', 1)])", "files") == (repr(files), files.source)


def test_it_is_read_only() -> None:
    """There is no way to set a value."""
    with pytest.raises(TypeError):
        MultiDict()["a"] = "1"


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers()), max_size=12))
def test_every_pair_is_found(pairs: list[tuple[str, int]]) -> None:
    """`getlist` of each key has exactly the values of the pairs with that key."""
    mapping = MultiDict(pairs)

    assert {key: [v for k, v in pairs if k == key] for key, _ in pairs} == {k: mapping.getlist(k) for k in mapping}

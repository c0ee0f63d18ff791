"""Comparing JSON by its structure: paths, types, what is missing, and nothing twice."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import assume, given, strategies as st

from costrel.cli.doctor_difference import Ignored
from costrel.cli.doctor_json import MAX_ALIGNED_ITEMS, compare_json, parse_json

KEYS = st.text(alphabet='abc .[]"', max_size=4).map(lambda text: f"k{text}")
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=25
)


def found(old: object, new: object, *ignored: str) -> list[str]:
    """Compare two values and show each difference as ``sign path: old > new``."""
    return [f"{item.sign} {item.name}: {item.old} > {item.new}" for item in compare_json(old, new, Ignored(ignored))]


def step_of(key: str) -> str:
    """Return how a key stands in a path."""
    return f".{key}" if key.isalnum() else f"[{json.dumps(key)}]"


def leaves_of(value: Any, path: str = "$") -> list[tuple[Any, Any, str]]:
    """Return the parent, the key and the path of every leaf below a value; what is empty is a leaf."""
    pairs: list[tuple[Any, str]] = []
    if isinstance(value, dict):
        pairs = [(key, f"{path}{step_of(key)}") for key in value]
    elif isinstance(value, list):
        pairs = [(index, f"{path}[{index}]") for index in range(len(value))]
    found = []
    for key, inner_path in pairs:
        inner = value[key]
        has_parts = isinstance(inner, dict | list) and bool(inner)
        found += leaves_of(inner, inner_path) if has_parts else [(value, key, inner_path)]
    return found


@given(DOCUMENTS)
def test_equal_documents_have_no_difference(document: object) -> None:
    """Whatever is in them, and whichever way they were written."""
    again = parse_json(json.dumps(document, sort_keys=True, indent=1).encode())

    assert [] == compare_json(document, again, Ignored())


@given(DOCUMENTS, st.data())
def test_a_changed_leaf_is_one_difference_with_its_path(document: object, data: st.DataObject) -> None:
    """No more, no less, and nowhere else."""
    changed = copy.deepcopy(document)
    leaves = leaves_of(changed)
    assume(leaves)
    parent, key, path = data.draw(st.sampled_from(leaves))
    parent[key] = f"not {parent[key]!r}"
    differences = compare_json(document, changed, Ignored())

    assert [path] == [difference.name for difference in differences]
    assert [] == compare_json(document, changed, Ignored([path.replace("*", "?")]))


@given(DOCUMENTS, DOCUMENTS)
def test_the_other_way_round_says_the_same(old: object, new: object) -> None:
    """What one side has lost the other has gained."""
    opposite = {"lost": "gained", "gained": "lost", "changed": "changed"}
    there = compare_json(old, new, Ignored())
    back = compare_json(new, old, Ignored())

    assert bool(there) == bool(back)
    if not any("[" in item.name for item in (*there, *back)):
        assert sorted((item.name, opposite[item.sign]) for item in there) == sorted(
            (item.name, item.sign) for item in back
        )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param({"a": 1}, {"a": 2}, ["changed $.a: 1 > 2"], id="a-value"),
        pytest.param({"a": 1}, {"a": "1"}, ['changed $.a: 1 (number) > "1" (string)'], id="a-type"),
        pytest.param({"a": 1}, {"a": True}, ["changed $.a: 1 (number) > true (boolean)"], id="one-is-not-true"),
        pytest.param({"a": 1}, {"a": 1.0}, [], id="one-is-one"),
        pytest.param({"a": None}, {}, ["lost $.a: null > "], id="missing-is-not-null"),
        pytest.param({}, {"a": [1, 2]}, ["gained $.a:  > [2 items]"], id="an-array-more"),
        pytest.param({"a": {}}, {"a": []}, ["changed $.a: {0 members} (object) > [0 items] (array)"], id="a-shape"),
        pytest.param([1], {"a": 1}, ["changed $: [1 item] (array) > {1 member} (object)"], id="the-root"),
        pytest.param({"a b": 1}, {"a b": 2}, ['changed $["a b"]: 1 > 2'], id="a-key-that-is-no-name"),
        pytest.param([1, 2, 3], [0, 1, 2, 3], ["gained $[0]:  > 0"], id="an-item-more-at-the-beginning"),
        pytest.param([1, 2, 3], [1, 3], ["lost $[1]: 2 > "], id="an-item-less-in-the-middle"),
        pytest.param(
            [{"a": 1}], [{"a": 2}, {"a": 3}], ["changed $[0].a: 1 > 2", "gained $[1]:  > {1 member}"], id="both"
        ),
        pytest.param({"csrf_token": "a"}, {"csrf_token": "b"}, [], id="drawn-anew"),
        pytest.param({"request-id": "a"}, {}, ['lost $.request-id: "a" > '], id="drawn-anew-but-missing"),
        pytest.param({"password": "a"}, {"password": "b"}, ["changed $.password: *** > ***"], id="a-secret"),
        pytest.param({"tokens": ["a"]}, {"tokens": ["b"]}, ["changed $.tokens[0]: *** > ***"], id="below-a-secret"),
        pytest.param({"secret": {"v": 1}}, {"secret": {"v": 2}}, ["changed $.secret.v: *** > ***"], id="far-below"),
    ],
)
def test_a_difference_says_what_it_is(old: object, new: object, expected: list[str]) -> None:
    """With the path, and with the types when they differ."""

    assert expected == found(old, new)


@pytest.mark.parametrize("pattern", ["$.items[*].at", "at", "$.items*"])
def test_what_always_differs_can_be_left_out(pattern: str) -> None:
    """By a path, or by a key wherever it is."""
    old, new = {"items": [{"at": 1}, {"at": 2}]}, {"items": [{"at": 3}, {"at": 4}]}

    assert [] == found(old, new, pattern)


@pytest.mark.parametrize("extra", [0, 1])
def test_very_long_arrays_are_compared_item_by_item(extra: int) -> None:
    """So that comparing takes no minutes; then each item that has moved differs."""
    old = list(range(MAX_ALIGNED_ITEMS - 1 + extra))

    assert (len(old) + 1 if extra else 1) == len(found(old, ["new", *old]))


def test_deep_documents_do_not_break_anything() -> None:
    """What Python can read is compared; what it cannot is no JSON."""
    old: Any = 1
    new: Any = 2
    for _ in range(5000):
        old, new = [old], {"a": new} if _ == 0 else [new]

    assert 1 == len(compare_json(old, new, Ignored()))
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json(b"[" * 200_000)


def test_numbers_that_are_none_equal_themselves() -> None:
    """Python reads and writes NaN, which is no JSON."""

    assert [] == found(parse_json(b"[NaN, 1e999]"), parse_json(b"[NaN, 1e999]"))

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from costrel.sessions.nested import copy_containers, is_same_value

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
    | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=6,
)


@settings(max_examples=60)
@given(values)
def test_a_copy_is_the_same_value_and_shares_nothing_that_can_be_changed(value):
    """Whatever is in it."""
    copied = copy_containers(value)

    assert is_same_value(value, copied)
    assert not isinstance(value, list | dict) or copied is not value


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (1, 1.0, False),
        (1, True, False),
        ([1], (1,), False),
        ([1, 2], [1], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": [1]}, {"a": [True]}, False),
        ("a", "a", True),
        (object, object, True),
    ],
)
def test_values_are_the_same_when_they_are_written_alike(one, other, is_same):
    """Types count, the order of keys does not."""

    assert is_same == is_same_value(one, other)

from __future__ import annotations

from decimal import Decimal

import pytest

from costrel.sessions.storable import not_storable


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"a": Decimal(1)}, "`session['a']` is of type `Decimal`", id="a-value"),
        pytest.param({"a": [1, ({"b": {2}},)]}, "`session['a'][1][0]['b']` is of type `set`", id="deep-inside"),
        pytest.param({"a": {(1,): 2}}, "`the key of session['a'][(1,)]` is of type `tuple`", id="a-key"),
        pytest.param({"a": 1}, "The session cannot be written.", id="nothing-that-can-be-named"),
    ],
)
def test_the_error_names_the_value_and_its_place(value, expected):
    """The place is the expression that leads to it."""
    error = not_storable(value, TypeError("why"))

    assert "COS-SESSION-005" == error.code
    assert expected in str(error)
    assert "JSON: why." in str(error)


def test_what_has_a_form_is_no_mistake():
    """A codec says which further types it keeps."""
    error = not_storable({"a": b"", "b": 1j}, TypeError("why"), lambda value: isinstance(value, bytes))

    assert "`session['b']`" in str(error)

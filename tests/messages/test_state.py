from __future__ import annotations

import pytest

from costrel.messages import State


def test_a_state_is_a_namespace_that_explains_itself():
    """Attributes are set freely, and a missing one says what there is."""
    state = State(a=1)
    state.b = 2

    assert (1, 2, ["a", "b"], True, False) == (state.a, state.b, list(state), "a" in state, "c" in state)
    assert "<State a, b>" == repr(state)
    with pytest.raises(AttributeError, match="`c` has not been set here; what has been set is `a`, `b`"):
        state.c

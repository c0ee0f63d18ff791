from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from costrel.errors import ConfigurationError
from costrel.layers.content_policy import NONCE, format_policy


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param("default-src 'self'", "default-src 'self'", id="text"),
        pytest.param(" default-src  self ;; img-src * ; ", "default-src 'self'; img-src *", id="untidy-text"),
        pytest.param("DEFAULT-SRC https:", "default-src https:", id="capitals"),
        pytest.param({"script-src": ["self", "nonce"]}, f"script-src 'self' {NONCE}", id="nonce"),
        pytest.param({"script-src": "'self' 'sha256-abc='"}, "script-src 'self' 'sha256-abc='", id="hash"),
        pytest.param({"upgrade-insecure-requests": ()}, "upgrade-insecure-requests", id="no-sources"),
        pytest.param({"trusted-types": ["none"]}, "trusted-types none", id="a-word-that-is-no-keyword"),
    ],
)
def test_a_policy_is_one_line(policy: str | dict[str, object], expected: str) -> None:
    """Both ways of writing a policy lead to the same line, with keywords quoted."""

    assert expected == format_policy(policy)


@given(
    st.dictionaries(st.text(max_size=12) | st.just("img-src"), st.lists(st.text(max_size=8), max_size=3), max_size=3)
)
def test_what_comes_out_has_the_directives_that_went_in(policy: dict[str, list[str]]) -> None:
    """No name and no source can add a directive, a second policy or a line."""
    try:
        line = format_policy(policy)
    except ConfigurationError:
        return

    assert len(policy) == len(line.split(";"))
    assert line.isascii()
    assert line.isprintable()
    assert "," not in line

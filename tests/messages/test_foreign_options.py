"""Keyword arguments of other frameworks are explained."""

from __future__ import annotations

import inspect

import pytest

import costrel
from costrel.messages.foreign_options import _TABLES, explain_foreign_option, refuse_options


@pytest.mark.parametrize(
    ("call", "name", "expected"),
    [
        pytest.param("Blueprint", "url_prefix", "here `url_prefix` is `prefix`", id="known"),
        pytest.param("Blueprint", "zzz", None, id="an-option-of-nobody"),
        pytest.param("Other", "url_prefix", None, id="another-call"),
    ],
)
def test_an_option_is_explained(call: str, name: str, expected: str | None) -> None:
    """What another framework calls so is said; nothing is guessed."""
    assert expected == explain_foreign_option(call, name)


def test_a_refusal_names_what_there_is() -> None:
    """All that is wrong, what is known of it, and all that is right."""
    error = refuse_options("a request", ["zzz", "query_string"], ["params", "data"])

    assert (
        "a request has no option 'query_string', 'zzz'; here `query_string` is `params`; the options are data, params"
        == str(error)
    )


@pytest.mark.parametrize("call", [call for call in _TABLES if hasattr(costrel, call)])
def test_no_row_explains_an_option_that_exists(call: str) -> None:
    """The table is asked only for options that are missing, so it holds none that are there."""
    parameters = set(inspect.signature(getattr(costrel, call)).parameters)

    assert set() == set(_TABLES[call]) & parameters

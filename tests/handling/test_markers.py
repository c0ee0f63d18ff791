"""Markers are plain values; an option that does not exist is explained where it is written."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from copy import deepcopy

import pytest

from costrel.handling import Body, Cookie, Depends, File, Form, Header, Query


@pytest.mark.parametrize(
    ("marker", "option", "expected"),
    [
        pytest.param(
            Query, "ge", r"Query has no option 'ge'; here `ge` is a constraint .*Meta\(ge=…\)", id="constraint"
        ),
        pytest.param(Header, "convert_underscores", "Header has no option .* is `alias`", id="header"),
        pytest.param(Cookie, "zzz", "no option 'zzz'; the options are alias, default, deprecated, des", id="of-nobody"),
        pytest.param(Body, "embed", "declare a type with a field for each value; .* unique_keys", id="body"),
        pytest.param(Form, "max_length", "Form has no option", id="form"),
        pytest.param(File, "media_type", "the media type of the request decides", id="file"),
        pytest.param(Depends, "scope", "lifetime=", id="depends"),
    ],
)
def test_an_option_that_does_not_exist_is_explained(marker: Callable[..., object], option: str, expected: str) -> None:
    """Whoever comes from FastAPI reads where a constraint belongs."""
    with pytest.raises(TypeError, match=expected):
        marker(**{option: 1})


@pytest.mark.parametrize("marker", [Query(1, alias="x"), Body(unique_keys=True), Depends(len, use_cache=False)])
def test_a_marker_is_a_value(marker: object) -> None:
    """A copy is equal, and a marker can be pickled."""
    assert [marker, marker] == [deepcopy(marker), pickle.loads(pickle.dumps(marker))]

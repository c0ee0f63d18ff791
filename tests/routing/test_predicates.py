"""The ready-made predicates."""

from __future__ import annotations

from typing import Any

import pytest

from costrel.routing import AcceptVersion, HeaderIs


@pytest.mark.capability("C011")
@pytest.mark.capability("C012")
def test_a_header_field_is_compared_exactly(make_request: Any) -> None:
    """Only that value of that field is true."""
    predicate = HeaderIs("X-Flavour", "mint")

    assert predicate(make_request("/", headers={"X-Flavour": "mint"}))
    assert not predicate(make_request("/", headers={"X-Flavour": "Mint"}))
    assert not predicate(make_request("/"))


@pytest.mark.capability("C011")
def test_a_predicate_says_what_answers_vary_by(make_request: Any) -> None:
    """The name of the field is for `Vary`."""

    assert ("X-Flavour",) == HeaderIs("X-Flavour", "mint").vary
    assert ("Accept-Version",) == AcceptVersion("2").vary


@pytest.mark.capability("C011")
def test_a_version_is_a_header_field(make_request: Any) -> None:
    """The shorthand compares `Accept-Version` and is equal to another of the same version."""

    assert AcceptVersion("2")(make_request("/", headers={"Accept-Version": "2"}))
    assert not AcceptVersion("2")(make_request("/", headers={"Accept-Version": "22"}))
    assert AcceptVersion("2") == AcceptVersion("2")
    assert AcceptVersion("2") != AcceptVersion("3")

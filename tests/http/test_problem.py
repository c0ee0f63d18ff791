"""Tests of problem details."""

from __future__ import annotations

import pytest

from costrel.errors import HTTPError, NotFound, ValidationFailed
from costrel.http.problem import Problem, problem_from


def test_members_that_are_set() -> None:
    """Only members that are set are written, the standard ones first."""
    full = Problem(409, "Out of credit", "You need 30.", "https://e/p", "/m/1", {"balance": 20})
    expected = {
        "type": "https://e/p",
        "title": "Out of credit",
        "status": 409,
        "detail": "You need 30.",
        "instance": "/m/1",
        "balance": 20,
    }

    assert list(expected.items()) == list(full.to_dict().items())
    assert {"type": "about:blank", "title": "Gone", "status": 410} == Problem(410, "Gone").to_dict()


@pytest.mark.parametrize("name", ["type", "title", "status", "detail", "instance"])
def test_standard_members_are_taken(name: str) -> None:
    """An extension must not have the name of a standard member."""
    with pytest.raises(ValueError) as caught:
        Problem(400, "Bad Request", extensions={name: 1, "other": 2})

    assert f"A problem has members of its own named `{name}`." == str(caught.value)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(NotFound(), Problem(404, "Not Found"), id="no-detail"),
        pytest.param(NotFound("No user 7."), Problem(404, "Not Found", "No user 7."), id="detail"),
        pytest.param(
            HTTPError(409, "Taken.", name="ann"),
            Problem(409, "Conflict", "Taken.", extensions={"name": "ann"}),
            id="extensions",
        ),
        pytest.param(
            ValidationFailed([{"in": "query", "at": "n", "message": "m"}]),
            Problem(
                422,
                "Unprocessable Content",
                "One value is wrong.",
                extensions={"errors": [{"in": "query", "at": "n", "message": "m"}]},
            ),
            id="validation",
        ),
    ],
)
def test_problem_from(error: HTTPError, expected: Problem) -> None:
    """The title is the phrase of the status, the rest is the error's."""
    assert expected == problem_from(error)

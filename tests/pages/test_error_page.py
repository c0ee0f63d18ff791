"""The page for everybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from costrel.http import Problem
from costrel.pages.error_page import make_error_page


def text_of(problem: Problem, **options: object) -> str:
    body = make_error_page(problem, **options).body
    assert isinstance(body, bytes)
    return body.decode()


def test_a_page_says_status_and_meaning() -> None:
    """Status, title and a sentence are there; the answer has the status."""
    page = make_error_page(Problem(404, "Not Found"))
    text = text_of(Problem(404, "Not Found"))

    assert 404 == page.status_code
    assert "text/html; charset=utf-8" == page.headers["content-type"]
    assert "nosniff" == page.headers["x-content-type-options"]
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "<title>404 Not Found</title>" in text
    assert "<h1>Not Found</h1>" in text
    assert "There is nothing at this address." in text


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        pytest.param(Problem(404, "Not Found", "No order 7."), '<p class="meaning">No order 7.</p>', id="own-detail"),
        pytest.param(
            Problem(404, "Not Found", "<script>alert(1)</script>"),
            '<p class="meaning">&lt;script&gt;alert(1)&lt;/script&gt;</p>',
            id="detail-is-escaped",
        ),
        pytest.param(Problem(400, "Bad Request", "`a` is missing."), "<code>a</code> is missing.", id="code"),
        pytest.param(Problem(418, "I'm a teapot"), "<h1>I'm a teapot</h1></main>", id="a-status-without-a-sentence"),
        pytest.param(
            Problem(500, "Internal Server Error", extensions={"request_id": "ab12"}),
            "please add the reference <code>ab12</code>.",
            id="reference",
        ),
    ],
)
def test_a_page_shows_what_the_error_says(problem: Problem, expected: str) -> None:
    """The detail of the error takes the place of the general sentence, escaped; the reference is for reports."""

    assert expected in text_of(problem)


def test_wrong_values_are_listed() -> None:
    """A form that was sent by a browser gets all its errors, each by the name of its field."""
    errors = [
        {"in": "form", "at": "$.email", "message": "Expected `str` with `@`"},
        {"in": "form", "at": "age", "message": "<b>"},
        "not a mapping",
    ]
    text = text_of(Problem(422, "Unprocessable Content", extensions={"errors": errors}))

    assert "<dt>email</dt><dd>Expected <code>str</code> with <code>@</code></dd>" in text
    assert "<dt>age</dt><dd>&lt;b&gt;</dd>" in text


@pytest.mark.parametrize("errors", ["text", 5, [], None], ids=repr)
def test_other_members_of_that_name_are_left_alone(errors: object) -> None:
    """An application may have an extension member of the same name with another meaning."""

    assert "<dl>" not in text_of(Problem(400, "Bad Request", extensions={"errors": errors, "request_id": 5}))


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [("30", True), ("2", True), ("1", False), ("0", False), ("", False), ("Wed, 21 Oct 2026 07:28:00 GMT", False)],
)
def test_when_to_try_again_is_said(retry_after: str, expected: bool) -> None:
    """A number of seconds is told when it is worth telling."""
    text = text_of(Problem(503, "Service Unavailable"), retry_after=retry_after)

    assert expected is (f"Try again in {retry_after} seconds." in text)


def test_the_developer_sees_more() -> None:
    """Near routes and allowed methods are shown when they are given, escaped, and say why they are there."""
    plain = text_of(Problem(404, "Not Found"))
    near = text_of(Problem(404, "Not Found"), near=["/users/{id}", "/<b>"])
    allowed = text_of(Problem(405, "Method Not Allowed"), allowed=["GET", "HEAD"])

    assert "debug mode" not in plain
    assert "<li><code>/users/{id}</code></li><li><code>/&lt;b&gt;</code></li>" in near
    assert "<li><code>GET</code></li><li><code>HEAD</code></li>" in allowed
    assert "You see this because of debug mode." in near


@pytest.mark.security("L6")
def test_a_page_tells_nothing_about_the_software() -> None:
    """No name, no version, no path of the machine."""
    text = text_of(Problem(500, "Internal Server Error")).lower()

    assert not [word for word in ("costrel", "python", "traceback", str(Path.cwd()).lower()) if word in text]

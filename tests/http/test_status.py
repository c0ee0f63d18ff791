"""Status codes: phrases, sections and status lines."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import pytest

from costrel import errors
from costrel.errors import HTTPError
from costrel.http.status import (
    REASON_PHRASES,
    STATUS_LINES,
    has_no_content,
    reason_phrase,
    spec_of,
    status_line,
)


@pytest.mark.parametrize(
    ("status_code", "phrase", "spec"),
    [
        pytest.param(200, "OK", "RFC 9110 §15.3.1", id="ok"),
        pytest.param(404, "Not Found", "RFC 9110 §15.5.5", id="not-found"),
        pytest.param(429, "Too Many Requests", "RFC 6585 §4", id="from-another-rfc"),
        pytest.param(199, "Informational", "RFC 9110 §15.2", id="unknown-1xx-has-the-name-of-its-class"),
        pytest.param(299, "Successful", "RFC 9110 §15.3", id="unknown-2xx-has-the-name-of-its-class"),
        pytest.param(399, "Redirection", "RFC 9110 §15.4", id="unknown-3xx-has-the-name-of-its-class"),
        pytest.param(499, "Client Error", "RFC 9110 §15.5", id="unknown-4xx-has-the-name-of-its-class"),
        pytest.param(599, "Server Error", "RFC 9110 §15.6", id="unknown-5xx-has-the-name-of-its-class"),
        pytest.param(600, "Unknown", "RFC 9110 §15", id="from-600-on-there-is-no-class"),
        pytest.param(999, "Unknown", "RFC 9110 §15", id="the-last-code"),
    ],
)
def test_phrase_section_and_line_of_a_code(status_code: int, phrase: str, spec: str) -> None:
    """Every code of three digits has a phrase, a section and a status line."""
    actual = (reason_phrase(status_code), spec_of(status_code), status_line(status_code))

    assert (phrase, spec, f"HTTP/1.1 {status_code} {phrase}\r\n".encode()) == actual


@pytest.mark.parametrize("function", [reason_phrase, spec_of, status_line])
@pytest.mark.parametrize("status_code", [-200, 0, 99, 1000])
def test_a_code_without_three_digits_is_refused(function: Callable[[int], object], status_code: int) -> None:
    """A status code is three digits (RFC 9112 §4)."""
    with pytest.raises(ValueError) as caught:
        function(status_code)

    assert f"a status code has three digits, 100 to 999, not {status_code}" == str(caught.value)


def test_the_table_knows_what_the_standard_library_knows() -> None:
    """No registered code is missing that Python's own table has."""
    missing = {status.value for status in HTTPStatus} - set(REASON_PHRASES)

    assert set() == missing


def test_every_error_class_answers_with_a_registered_code() -> None:
    """The exceptions of Costrel use registered codes only."""
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, HTTPError)]
    unregistered = {error.status_code for error in classes} - set(REASON_PHRASES)

    assert len(classes) > 30
    assert set() == unregistered


def test_the_ready_lines_are_those_of_the_registered_codes() -> None:
    """A ready status line is what `status_line` gives."""
    assert {code: status_line(code) for code in REASON_PHRASES} == dict(STATUS_LINES)


@pytest.mark.parametrize(
    ("status_code", "expected"),
    [(100, True), (199, True), (200, False), (203, False), (204, True), (205, False), (304, True), (404, False)],
)
def test_which_answers_end_with_their_head(status_code: int, expected: bool) -> None:
    """1xx, 204 and 304 never have content."""
    assert expected == has_no_content(status_code)

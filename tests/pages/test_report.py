"""Exceptions as plain values, and as text."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest

from costrel.errors import BodyNotRead
from costrel.pages.report import MAX_LINKS, MAX_MEMBERS, MAX_MESSAGE, describe_exception, format_report


def raised(call: Callable[[], object]) -> BaseException:
    """Return what a call raises."""
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def fail(error: BaseException, cause: BaseException | None = None) -> None:
    raise error from cause


def fail_twice() -> None:
    try:
        fail(KeyError("first"))
    except KeyError as error:
        raise ValueError("second") from error


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError("no")


class Odd(Exception):
    @property
    def mistake(self) -> object:
        raise RuntimeError("no")


def test_an_exception_is_described() -> None:
    """Class, module, message and notes are there."""
    error = raised(lambda: fail(UnicodeError("bad")))
    error.add_note("a note")
    report = describe_exception(error)

    assert ("UnicodeError", "", "bad", ("a note",)) == (
        report.type_name,
        report.module,
        report.message,
        report.notes,
    )
    assert "fail" == report.frames[-1].function


def test_a_class_of_another_module_is_named_with_it() -> None:
    """Python's own exceptions need no module, all others do."""
    report = describe_exception(Unprintable())

    assert f"{__name__}.Unprintable" == report.qualified_name


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(ValueError(), "", id="no-message"),
        pytest.param(Unprintable(), "<its text cannot be shown: ValueError>", id="text-that-raises"),
        pytest.param(ValueError("x" * 9999), "x" * MAX_MESSAGE, id="long"),
        pytest.param(OSError("no postgres://a:b@c"), "no postgres://a:***@c", id="with-a-credential"),
        pytest.param(ValueError("token: unexpected"), "token: unexpected", id="words-are-no-secrets"),
    ],
)
def test_a_message_is_shown(error: Exception, expected: str) -> None:
    """Messages are whole up to a limit, without credentials, and never raise."""

    assert expected == describe_exception(error).message


def test_a_mistake_is_kept_in_its_parts() -> None:
    """An error of Costrel's own has code, sentence, reason and fix."""
    report = describe_exception(BodyNotRead("form"))

    assert report.mistake is not None
    assert "COS-REQUEST-001" == report.mistake.code
    assert describe_exception(Odd()).mistake is None


def test_a_chain_is_followed() -> None:
    """What an exception was raised from, or while, comes after it; ``from None`` ends the chain."""

    def chain() -> None:
        try:
            try:
                fail(KeyError("first"))
            except KeyError as error:
                raise ValueError("second") from error
        except ValueError:
            raise TypeError("third")

    report = describe_exception(raised(chain))

    assert ["TypeError", "ValueError", "KeyError"] == [link.type_name for link in report.chain()]
    assert [False, True] == [link.is_cause for link in report.chain()][:2]
    assert describe_exception(raised(lambda: fail(ValueError(), None))).earlier is None


def test_a_suppressed_context_is_not_shown() -> None:
    """``raise … from None`` hides what was handled."""

    def hide() -> None:
        try:
            fail(KeyError("first"))
        except KeyError:
            raise ValueError("second") from None

    assert describe_exception(raised(hide)).earlier is None


def test_a_chain_that_is_a_circle_ends() -> None:
    """Exceptions that name each other are each shown once."""
    first, second = ValueError("1"), ValueError("2")
    first.__cause__, second.__cause__ = second, first

    assert ["1", "2"] == [link.message for link in describe_exception(first).chain()]


@pytest.mark.parametrize("count", [MAX_LINKS - 1, MAX_LINKS, MAX_LINKS + 1, 500])
def test_a_long_chain_ends(count: int) -> None:
    """Of a chain that an endless retry made, the last links are shown."""
    error = ValueError("0")
    for number in range(count):
        following = ValueError(str(number + 1))
        following.__cause__ = error
        error = following

    assert min(count, MAX_LINKS) + 1 == len(list(describe_exception(error).chain()))


@pytest.mark.parametrize("count", [1, MAX_MEMBERS, MAX_MEMBERS + 1])
def test_members_of_a_group_are_shown(count: int) -> None:
    """The first members of a group are there, each with its own traceback."""
    members = [raised(lambda: fail(ValueError("x"))) for _ in range(count)]
    report = describe_exception(BaseExceptionGroup("several", members))

    assert min(count, MAX_MEMBERS) == len(report.members)
    assert {"fail"} == {member.frames[-1].function for member in report.members}


def test_the_text_is_what_python_prints() -> None:
    """The text to copy reads as a traceback in a terminal, the first exception first."""

    error = raised(fail_twice)
    error.add_note("a note")
    ours = format_report(describe_exception(error)).splitlines()
    theirs = [line for line in "".join(traceback.format_exception(error)).splitlines() if set(line.strip()) - set("^~")]

    assert theirs == [line for line in ours if line]


def test_the_text_of_a_group_and_of_a_recursion() -> None:
    """Members are below their group, and calls that repeat are counted."""

    def down(n: int) -> None:
        if n == 0:
            raise ValueError("deep")
        down(n - 1)

    group = ExceptionGroup("several", [ValueError("member")])
    text = format_report(describe_exception(group))

    assert ["ExceptionGroup: several (1 sub-exception)", "  1 of the group:", "    ValueError: member"] == (
        text.splitlines()
    )
    assert "  … and 9 times the same …" in format_report(describe_exception(raised(lambda: down(10)))).splitlines()


def test_the_text_says_what_is_left_out() -> None:
    """A traceback that was cut says by how much."""

    def ping(n: int) -> None:
        pong(n - 1)

    def pong(n: int) -> None:
        if n <= 0:
            raise ValueError("deep")
        ping(n - 1)

    assert "calls left out" in format_report(describe_exception(raised(lambda: ping(200))))

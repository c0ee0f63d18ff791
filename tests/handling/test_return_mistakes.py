"""What is said when a handler returns something that is no response."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from costrel.handling.return_mistakes import (
    content_without_body,
    no_response_type,
    no_response_value,
    not_as_declared,
    returned_none,
    unencodable,
)


class Table:
    pass


def letters() -> Iterator[str]:
    yield "a"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(
            no_response_type(Table, "app.py:5"),
            """COS-HANDLER-204  A handler is declared to return `Table`, of which no response can be made. (app.py:5)

    It has no form in JSON, and no responder is registered for it.

    Declare what leaves:               -> a Struct, dataclass, dict, list, str, bytes or Response
    or say how it becomes a response:  app.responder(Table, make_response)

    See docs/errors/COS-HANDLER-204, or run `costrel explain COS-HANDLER-204`.""",
            id="a-type-without-a-response",
        ),
        pytest.param(
            no_response_value(5, "app.py:5"),
            """COS-HANDLER-205  A handler returned an object of type `int`, which is no response. (app.py:5)

    Without a return annotation these are understood: str, bytes, dict, list, set, objects with fields,
    (value, status), (value, headers), (value, status, headers), generators, None and Response.

    To send it as JSON, declare it:   -> int
    or return text:                    return str(…)

    See docs/errors/COS-HANDLER-205, or run `costrel explain COS-HANDLER-205`.""",
            id="a-value-without-a-response",
        ),
        pytest.param(
            not_as_declared({}, list[int], "app.py:5", "Expected `array`, got `object`"),
            """COS-HANDLER-206  A handler declared to return `list[int]` returned `dict`, which does not fit. (app.py:5)

    What is declared decides what leaves, so that nothing else does.
    Expected `array`, got `object`

    Return what is declared, or correct the annotation.

    See docs/errors/COS-HANDLER-206, or run `costrel explain COS-HANDLER-206`.""",
            id="a-value-that-was-not-declared",
        ),
        pytest.param(
            returned_none(Table, "app.py:5"),
            """COS-HANDLER-207  A handler declared to return `Table` returned None. (app.py:5)

    Most often a `return` is missing on one path. Outside debug mode the answer is an empty 204.

    Add the `return`, or declare that None is meant:   -> Table | None   (JSON null)
    or that nothing is sent:                           -> None   (204)

    See docs/errors/COS-HANDLER-207, or run `costrel explain COS-HANDLER-207`.""",
            id="a-forgotten-return",
        ),
        pytest.param(
            content_without_body(dict, 204, "app.py:5"),
            """COS-HANDLER-208  A route has status 204, and its handler is declared to return `dict`. (app.py:5)

    A response with status 204 has no content (RFC 9110 §6.4.1).

    Declare that nothing is sent:   -> None
    or take another status:         status_code=200

    See docs/errors/COS-HANDLER-208, or run `costrel explain COS-HANDLER-208`.""",
            id="content-where-none-is-allowed",
        ),
        pytest.param(
            unencodable([], "app.py:5", TypeError("An object of type `Table` has no form in JSON")),
            """COS-HANDLER-209  A handler returned an object of type `list` that cannot be written as JSON. (app.py:5)

    An object of type `Table` has no form in JSON.

    Return only str, numbers, bool, None, dates, UUID, Decimal, enums, lists, dicts with plain keys,
    and objects with declared fields; convert the rest first.

    See docs/errors/COS-HANDLER-209, or run `costrel explain COS-HANDLER-209`.""",
            id="something-inside-without-a-form",
        ),
    ],
)
def test_texts(error: Exception, expected: str) -> None:
    """A message says what happened, where, the rule and the fix."""

    assert expected == str(error)


def test_another_reason() -> None:
    """The reason why a type has no response may be a special one."""

    assert "It is odd." == no_response_type(Table, "", "It is odd.").mistake.why


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(
            ({}, 201),
            "With a return annotation a tuple is data. For a status or header fields return a Response:",
            id="the-habit-of-value-and-status",
        ),
        pytest.param(letters(), "Collect what it yields:   return list(…)", id="a-generator-for-a-list"),
        pytest.param(5, "Return what is declared, or correct the annotation.", id="anything-else"),
    ],
)
def test_fixes_for_declared_values(value: Any, expected: str) -> None:
    """The fix depends on what was returned."""

    assert expected == not_as_declared(value, list[int], "", "").mistake.fix.splitlines()[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(Table, "It was not called. Write the parentheses after its name.", id="a-class"),
        pytest.param(print, "It was not called. Write the parentheses after its name.", id="a-function"),
        pytest.param((1, 2), "To send it as JSON, declare it:   -> tuple[…], or return list(…)", id="a-tuple"),
        pytest.param(True, "To send it as JSON, declare it:   -> bool", id="a-bool"),
        pytest.param(ValueError(), "Raise it instead of returning it.", id="an-exception"),
        pytest.param(Table(), "To send it as JSON, declare what leaves:   -> SomeStruct", id="anything-else"),
    ],
)
def test_fixes_for_undeclared_values(value: Any, expected: str) -> None:
    """Without an annotation the fix depends on what was returned too."""

    assert expected == no_response_value(value, "").mistake.fix.splitlines()[0]


def test_a_coroutine_was_not_awaited() -> None:
    """A coroutine, declared or not, means a forgotten `await`."""

    async def load() -> None: ...

    coroutine = load()
    mistake = not_as_declared(coroutine, dict, "", "").mistake
    undeclared = no_response_value(coroutine, "").mistake
    coroutine.close()

    assert "It was not awaited. Write:   return await …" == mistake.fix == undeclared.fix
    assert "What is declared decides what leaves, so that nothing else does." == mistake.why

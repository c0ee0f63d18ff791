"""The tables of filters, tests and globals."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from costrel.templating.naming import NameTable


def shout(text: str) -> str:
    return text.upper()


@pytest.mark.parametrize(
    ("register", "expected"),
    [
        pytest.param(lambda table: table(shout), "shout", id="bare-decorator-takes-the-name-of-the-function"),
        pytest.param(lambda table: table()(shout), "shout", id="empty-call-takes-the-name-of-the-function"),
        pytest.param(lambda table: table(None)(shout), "shout", id="none-takes-the-name-of-the-function"),
        pytest.param(lambda table: table("loud")(shout), "loud", id="given-name"),
        pytest.param(lambda table: table.set("value", shout), "value", id="set-without-decorating"),
    ],
)
def test_a_function_is_registered_under_a_name(register: Any, expected: str) -> None:
    """Every way to register ends in one entry of Jinja's table."""
    table = NameTable()
    target: dict[str, object] = {}

    register(table)
    table.move_to(target)

    assert {expected: shout} == target


def test_a_decorator_returns_its_function() -> None:
    """A filter stays a plain function that can be called and tested."""
    table = NameTable()

    assert shout is table("loud")(shout)
    assert shout is table(shout)


def test_what_has_no_name_is_called_after_its_class() -> None:
    """A callable object without a name of its own is registered too."""
    table = NameTable()
    target: dict[str, object] = {}
    table.move_to(target)

    function = table()(partial(shout))

    assert {"partial": function} == target


def test_registering_after_the_move_reaches_jinja() -> None:
    """A name that is registered late is written to Jinja's own table, and replaces one that is there."""
    table = NameTable()
    target: dict[str, object] = {"upper": str.upper}
    table.move_to(target)

    table("upper")(shout)

    assert {"upper": shout} == target

"""The tree of exceptions: whole, drawn, and offered by one door."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest

from costrel import errors
from costrel.errors import HTTPError
from costrel.errors.http_error import FixedStatus


def exceptions_made() -> dict[str, type[BaseException]]:
    """Return every exception class that a module of the package makes."""
    modules = [
        importlib.import_module(f"costrel.errors.{module.name}") for module in pkgutil.iter_modules(errors.__path__)
    ]
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, BaseException) and name in module.__all__
    }


FIXED = sorted(
    name for name, cls in exceptions_made().items() if issubclass(cls, FixedStatus) and cls is not FixedStatus
)


def test_the_door_offers_every_exception() -> None:
    """One that were missing there could not be imported from where its traceback says that it is."""
    offered = {name for name in errors.__all__ if name[0].isupper()}

    assert exceptions_made().keys() - {"FixedStatus"} == offered - {"Mistake"}


def test_the_tree_that_is_drawn_has_every_branch() -> None:
    """Whoever reads it knows them all; of the answers to clients there are too many to draw."""
    drawn = errors.__doc__ or ""
    made = exceptions_made().items()

    assert [] == [name for name, cls in made if not issubclass(cls, HTTPError) and name not in drawn]


@pytest.mark.parametrize("name", FIXED)
def test_an_answer_knows_its_status_without_an_instance(name: str) -> None:
    """Tools list the statuses from the classes, and the first word about each is its status."""
    cls = getattr(errors, name)
    arguments = ([],) if name == "ValidationFailed" else ()

    assert cls.status_code == cls(*arguments).status_code
    assert (cls.__doc__ or "").startswith(str(cls.status_code))


@pytest.mark.parametrize("status_code", [399, 600])
def test_an_error_has_the_status_of_an_error(status_code: int) -> None:
    """Neither a success nor what is no status can be raised."""
    with pytest.raises(ValueError, match=f"from 400 to 599, not {status_code}"):
        HTTPError(status_code)

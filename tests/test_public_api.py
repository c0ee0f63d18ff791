"""The doors of the rooms: sorted, complete, documented, and what DESIGN promises."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from pathlib import Path

import pytest

import costrel
from costrel.errors.foreign_names import _TABLES

SOURCE = Path(costrel.__file__).parent
ROOMS = sorted(f"costrel.{path.parent.name}" for path in SOURCE.glob("*/__init__.py"))
FRONT_DOOR = (
    "App Blueprint Resource Request Response HTMLResponse TextResponse JSONResponse StreamResponse FileResponse "
    "EventStream WebSocket request session g current_app websocket abort redirect safe_next url_for render send_file "
    "HTTPError NotFound Forbidden Pass Disconnect Query Header Cookie Body Form File Depends BodyStream UploadFile "
    "after_response flash get_flashed_messages Settings Secret"
).split()


@pytest.mark.parametrize("room", [*ROOMS, "costrel"])
def test_the_door_of_a_room_is_sorted_and_whole(room: str) -> None:
    """`__all__` lists each name once, in the linter's order, and each exists."""
    module = importlib.import_module(room)
    names = list(module.__all__)

    lazy = set(getattr(module, "_LATER", ()))

    assert len(names) == len(set(names))
    assert [] == [name for name in names if name not in lazy and not hasattr(module, name)]


@pytest.mark.parametrize("name", FRONT_DOOR)
def test_the_front_door_has_the_promised_names(name: str) -> None:
    """Every settled public name is in the front door."""

    assert name in costrel.__all__


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("render_template", "is `costrel.render` here", id="of-another-framework"),
        pytest.param("AppSettings", "is `costrel.app.AppSettings` here", id="of-a-room"),
        pytest.param("Aplication", "no attribute 'Aplication'$", id="of-nobody"),
    ],
)
def test_a_name_that_is_elsewhere_is_explained(name: str, expected: str) -> None:
    """The first thing a newcomer gets wrong says what it is called here."""
    with pytest.raises(AttributeError, match=expected):
        getattr(costrel, name)


def test_what_an_import_is_referred_to_exists() -> None:
    """Each name in backticks that begins with the front door's can be had there."""
    texts = [text for text in _TABLES["costrel"].values() if text.startswith("`costrel.")]
    paths = [text.split("`")[1].split("(")[0] for text in texts]

    assert [] == [path for path in paths if pkgutil.resolve_name(path) is None]


def test_no_front_door_name_hides_a_standard_module() -> None:
    """``from costrel import *`` takes nothing away from who writes it."""

    assert set() == set(costrel.__all__) & sys.stdlib_module_names


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_is_documented(room: str) -> None:
    """A public class or function, and each public method of it, has a docstring."""
    module = importlib.import_module(room)
    bare = []
    for name in module.__all__:
        value = getattr(module, name)
        if not (inspect.isclass(value) or inspect.isfunction(value)) or not value.__module__.startswith("costrel"):
            continue
        if not inspect.getdoc(value):
            bare.append(name)
        if inspect.isclass(value):
            bare.extend(
                f"{name}.{method}"
                for method, member in vars(value).items()
                if not method.startswith("_")
                and (inspect.isfunction(member) or isinstance(member, property | classmethod | staticmethod))
                and not inspect.getdoc(getattr(value, method, None) or member)
            )

    assert [] == bare


@pytest.mark.parametrize("room", ["costrel", "costrel.errors"])
def test_a_traceback_names_an_exception_by_its_public_module(room: str) -> None:
    """An exception that users catch is imported from where its traceback says that it is."""
    module = importlib.import_module(room)
    offered = [getattr(module, name) for name in module.__all__ if name.isidentifier() and name[0].isupper()]
    homes = {value.__module__ for value in offered if inspect.isclass(value) and issubclass(value, BaseException)}

    assert {"costrel.errors"} == homes


def test_an_unknown_name_of_the_front_door_is_an_attribute_error() -> None:
    """The lazy front door behaves like any module."""
    with pytest.raises(AttributeError, match="no attribute 'Flask'"):
        costrel.Flask  # noqa: B018

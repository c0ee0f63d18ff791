"""Which frame of a blocked loop is named."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from types import FrameType

import pytest

from costrel.execution import blocking_frame
from costrel.execution.blocking_frame import find_blocking_frames, find_loop_frame

_Frames = tuple[FrameType, FrameType] | None
Look = Callable[[], _Frames]


def call_from(path: str) -> Callable[[Look], _Frames]:
    """Return a function that is in that file and calls its argument."""
    names: dict[str, Callable[[Look], _Frames]] = {}
    exec(compile("def foreign(call): return call()", path, "exec"), names)
    return names["foreign"]


def names_of(frames: _Frames) -> tuple[str, str] | None:
    return None if frames is None else (frames[0].f_code.co_name, frames[1].f_code.co_name)


def test_the_innermost_and_the_outermost_frame_of_the_user_are_found() -> None:
    """The one that blocks, and the one that the loop called."""

    def helper() -> _Frames:
        return find_blocking_frames(sys._getframe(), here)

    def handler() -> _Frames:
        return helper()

    here = sys._getframe()

    assert names_of(handler()) == ("helper", "handler")


def test_one_frame_may_be_both() -> None:
    """A handler that blocks by itself is named twice."""

    def handler() -> _Frames:
        return find_blocking_frames(sys._getframe(), here)

    here = sys._getframe()

    assert names_of(handler()) == ("handler", "handler")


def test_frames_of_the_standard_library_are_passed_over() -> None:
    """What blocks inside of a library function is the line that calls it."""
    seen: list[_Frames] = []

    def look(value: object) -> str:
        # As if the thread were seen while it is inside of `json`, and not back in the user's function.
        seen.append(find_blocking_frames(sys._getframe().f_back, here))
        return ""

    def handler() -> None:
        json.dumps({"a": object()}, default=look, indent=1)

    here = sys._getframe()
    handler()

    assert names_of(seen[0]) == ("handler", "handler")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/app/lib/python3.11/site-packages/orm/query.py", id="an-installed-package"),
        pytest.param("/usr/lib/python3/dist-packages/orm/query.py", id="a-package-of-the-system"),
        pytest.param(blocking_frame.__file__, id="costrel-itself"),
        pytest.param("<costrel endpoint show>", id="generated-code"),
    ],
)
def test_other_peoples_frames_are_passed_over(path: str) -> None:
    """The user cannot change them."""

    def handler() -> _Frames:
        return call_from(path)(lambda: find_blocking_frames(sys._getframe().f_back, here))

    here = sys._getframe()

    assert names_of(handler()) == ("handler", "handler")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/app/lib/python3.11/site-packages/orm/query.py", ("foreign", "foreign"), id="a-package-is-named"),
        pytest.param(blocking_frame.__file__, ("foreign", "foreign"), id="costrel-is-named"),
        pytest.param(asyncio.__file__, None, id="the-standard-library-is-only-waiting"),
        pytest.param("<frozen runpy>", None, id="nor-is-what-has-no-file-named"),
    ],
)
def test_without_the_users_code_others_are_named(path: str, expected: tuple[str, str] | None) -> None:
    """A callback of an installed package may block too; a loop that waits has frames of the library alone."""
    here = sys._getframe()

    frames = call_from(path)(lambda: find_blocking_frames(sys._getframe().f_back, here))

    assert expected == names_of(frames)


def test_a_thread_that_has_ended_has_no_frame() -> None:
    """Then nothing blocks."""
    assert find_blocking_frames(None, None) is None


def test_without_a_known_loop_the_whole_stack_counts() -> None:
    """Before the loop has answered once, the innermost frame is right, the outermost is who started it all."""

    def handler() -> _Frames:
        return find_blocking_frames(sys._getframe(), None)

    frames = names_of(handler())

    assert frames is not None
    assert frames[0] == "handler"


def test_the_frame_of_the_loop_is_found_from_a_callback() -> None:
    """It is the one that called into the loop, here this function."""
    found: list[FrameType | None] = []
    loop = asyncio.new_event_loop()
    loop.call_soon(lambda: found.append(find_loop_frame(sys._getframe())))
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()

    assert [sys._getframe()] == found


def test_a_callback_without_a_loop_has_its_caller() -> None:
    """A loop that is not written in Python leaves no frames of its own."""

    def callback() -> FrameType | None:
        return find_loop_frame(sys._getframe())

    assert callback() is sys._getframe()

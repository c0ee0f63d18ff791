"""Exceptions as text: the user's frames and no others."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from costrel import App
from costrel.cli.tracebacks import format_exception, user_place
from costrel.errors import BuildError, ConfigurationError, Mistake

pytestmark = pytest.mark.pain("P33")


def raised_by(path: Path, text: str) -> Exception:
    """Run a file and return what it raises."""
    path.write_text(text, "utf-8")
    with pytest.raises(Exception) as caught:  # the test is about what comes out
        runpy.run_path(str(path))
    return caught.value


def test_the_frames_of_python_and_of_the_framework_are_left_out(tmp_path: Path) -> None:
    """The last line of the user's own code is the last frame that is shown."""
    error = raised_by(tmp_path / "shop.py", "import json\n\njson.loads('{')\n")
    text = format_exception(error, full=False)

    assert "shop.py" in text
    assert "json.loads('{')" in text
    assert json.decoder.__file__ not in text
    assert runpy.__file__ not in text


def test_all_frames_are_shown_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`COSTREL_TRACE=full` is for mistakes of the framework."""
    error = raised_by(tmp_path / "shop.py", "import json\n\njson.loads('{')\n")
    monkeypatch.setenv("COSTREL_TRACE", "full")

    assert json.decoder.__file__ in format_exception(error)


def test_causes_and_groups_are_shortened_too(tmp_path: Path) -> None:
    """Every traceback of the chain has the user's frames only."""
    text = (
        "import json\n"
        "def load():\n"
        "    try:\n"
        "        json.loads('{')\n"
        "    except ValueError as error:\n"
        "        raise KeyError('a') from error\n"
        "try:\n"
        "    load()\n"
        "except KeyError as error:\n"
        "    raise ExceptionGroup('both', [error])\n"
    )
    shown = format_exception(raised_by(tmp_path / "shop.py", text), full=False)

    assert "JSONDecodeError" in shown
    assert "KeyError: 'a'" in shown
    assert json.decoder.__file__ not in shown


def test_an_exception_of_the_framework_alone_keeps_its_frames() -> None:
    """With no frame of a user the mistake is ours, and everything is needed."""
    try:
        json.loads("{")
    except ValueError as error:
        error.__traceback__ = error.__traceback__.tb_next if error.__traceback__ is not None else None
        shown = format_exception(error, full=False)

    assert "decoder.py" in shown


def test_a_syntax_error_shows_the_line_and_nothing_above_it(tmp_path: Path) -> None:
    """The import machinery is never the reader's concern."""
    shown = format_exception(raised_by(tmp_path / "shop.py", "def (:\n"), full=False)

    assert "SyntaxError" in shown.splitlines()[-1]
    assert "def (:" in shown
    assert runpy.__file__ not in shown


def test_a_mistake_is_shown_by_its_message(tmp_path: Path) -> None:
    """A programmer error has its own words, and the line that led to it when they name none."""
    error = raised_by(
        tmp_path / "shop.py", "from costrel import App\n\napp = App(extensions=())\napp.on('no_such_event', print)\n"
    )
    shown = format_exception(error)

    assert shown.startswith("COS-APP-021")
    assert "shop.py:4" in shown
    assert "Traceback" not in shown


def test_the_notes_of_a_mistake_are_shown() -> None:
    """They say on the way to what it happened, for example in which mount."""
    error = ConfigurationError(Mistake("COS-CLI-001", "Wrong.", "shop.py:1"))
    error.add_note("It happened here.")

    assert format_exception(error).endswith("\n\n    It happened here.")


def test_all_mistakes_of_a_build_are_shown() -> None:
    """Nobody mends one, starts again and finds the next."""
    app = App(extensions=())
    app.add_route("one", lambda: "")
    app.add_route("two", lambda: "")
    with pytest.raises(BuildError) as caught:
        app.build()
    shown = format_exception(caught.value)

    assert "`one`" in shown
    assert "`two`" in shown


def test_the_place_is_the_innermost_line_of_the_user(tmp_path: Path) -> None:
    """Not where the framework noticed it."""
    error = raised_by(tmp_path / "shop.py", "import json\ndef load():\n    json.loads('{')\nload()\n")

    assert user_place(error).endswith("shop.py:3")
    assert "" == user_place(ConfigurationError(Mistake("COS-CLI-001", "Never raised.")))

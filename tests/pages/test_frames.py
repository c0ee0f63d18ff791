"""Tracebacks as plain values."""

from __future__ import annotations

import gc
import json
import linecache
import weakref
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import pytest
from jinja2 import UndefinedError

from costrel.messages import Request
from costrel.pages.frames import (
    LINES_AFTER,
    LINES_BEFORE,
    MAX_FIRST_FRAMES,
    MAX_LAST_FRAMES,
    MAX_VARIABLES,
    Frame,
    Origin,
    read_frames,
)
from costrel.templating import render_string


def traceback_of(call: Callable[[], object]) -> TracebackType | None:
    """Return the traceback of what a call raises, without the frame of this function."""
    try:
        call()
    except Exception as error:
        traceback = error.__traceback__
        return traceback.tb_next if traceback is not None else None
    raise AssertionError("nothing was raised")


def run(source: str, filename: str, **names: object) -> tuple[Frame, ...]:
    """Run source as if it were a file, and read the traceback of what it raises."""
    lines = source.splitlines(keepends=True)
    linecache.cache[filename] = (len(source), None, lines, filename)
    code = compile(source, filename, "exec")
    return read_frames(traceback_of(lambda: exec(code, {"__name__": "made", **names})))[1:]


@pytest.mark.pain("P33")
@pytest.mark.parametrize(
    ("filename", "origin", "package"),
    [
        pytest.param("/srv/shop/orders.py", Origin.APP, "", id="a-file-anywhere"),
        pytest.param(str(Path.cwd() / "shop" / "orders.py"), Origin.APP, "shop", id="a-file-of-the-project"),
        pytest.param("/x/site-packages/lib/a.py", Origin.LIBRARY, "lib", id="site-packages"),
        pytest.param("/x/dist-packages/single.py", Origin.LIBRARY, "single", id="dist-packages"),
        pytest.param("<attrs generated init X>", Origin.LIBRARY, "<attrs generated init X>", id="made-by-a-library"),
        pytest.param(json.__file__, Origin.PYTHON, "Python", id="standard-library"),
        pytest.param("<frozen importlib>", Origin.PYTHON, "Python", id="frozen"),
        pytest.param("<costrel GET />", Origin.FRAMEWORK, "costrel", id="generated"),
        pytest.param(read_frames.__code__.co_filename, Origin.FRAMEWORK, "costrel", id="costrel"),
        pytest.param("<stdin>", Origin.APP, "<stdin>", id="typed-in"),
        pytest.param("<template>", Origin.APP, "<template>", id="template-given-as-text"),
    ],
)
def test_a_frame_knows_who_wrote_it(filename: str, origin: Origin, package: str) -> None:
    """The application's own calls are told from those of libraries, of Python and of Costrel."""
    frame = run("1/0", filename)[-1]

    assert (origin, package) == (frame.origin, frame.package)


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        pytest.param(str(Path.cwd() / "shop" / "orders.py"), "shop/orders.py", id="below-the-working-directory"),
        pytest.param("/srv/shop/orders.py", "/srv/shop/orders.py", id="elsewhere"),
        pytest.param("/x/site-packages/lib/a.py", "lib/a.py", id="library"),
        pytest.param(json.__file__, "json/__init__.py", id="standard-library"),
        pytest.param(read_frames.__code__.co_filename, "costrel/pages/frames.py", id="costrel"),
    ],
)
def test_a_path_is_short_for_people(filename: str, expected: str) -> None:
    """What everybody has in the same place is not repeated."""

    assert expected == run("1/0", filename)[-1].shown_path


def test_the_lines_around_are_shown() -> None:
    """A few lines before and after, no more than the function has, and the line itself is marked."""
    body = "\n".join(f"    x{number} = {number}" for number in range(20))
    source = f"def f():\n{body}\n    1/0\n{body}\n\ndef g():\n    pass\nf()\n"
    frame = run(source, "/srv/lines.py")[-1]

    assert [*range(22 - LINES_BEFORE, 22 + LINES_AFTER + 1)] == [line.number for line in frame.source]
    assert [22] == [line.number for line in frame.source if line.is_current]


def test_a_function_ends_the_lines_shown() -> None:
    """What stands above and below a function is not its source."""
    frame = run("x = 1\ndef f():\n    1/0\n\n\ndef g(): pass\nf()\n", "/srv/short.py")[-1]

    assert ["def f():", "    1/0"] == [line.text for line in frame.source]
    assert "f" == frame.function


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("y = 1 + (1/0)", "1/0", id="part-of-a-line"),
        pytest.param("y = 'ä€' + missing", "missing", id="characters-not-bytes"),
        pytest.param("missing", None, id="the-whole-line-needs-no-mark"),
        pytest.param("y = max(missing,\n  2)", "missing", id="first-of-several-lines"),
        pytest.param("if 1:\n\ty = 1 + missing", None, id="tabs-have-no-columns"),
        pytest.param("y = " + "1 + " * 200 + "missing", None, id="too-long-to-show"),
    ],
)
def test_the_expression_that_failed_is_marked(line: str, expected: str | None) -> None:
    """Where Python knows the columns, the page does too."""
    current = next(line for line in run(line, "/srv/marked.py")[-1].source if line.is_current)
    marked = current.text[slice(*current.marked)] if current.marked else None

    assert expected == marked


def test_a_credential_in_the_source_is_hidden() -> None:
    """A line with a password in a URL is shown without it, and without marks that would not fit."""
    frame = run("x = connect('postgres://shop:hunter2@db')", "/srv/url.py")[-1]

    assert ("x = connect('postgres://shop:***@db')", None) == (frame.source[0].text, frame.source[0].marked)


def test_a_missing_file_has_no_source() -> None:
    """Code whose text is nowhere is still a frame."""
    traceback = traceback_of(lambda: exec(compile("1/0", "/nowhere/gone.py", "exec"), {}))

    assert () == read_frames(traceback)[-1].source


def test_variables_are_shown_in_their_order() -> None:
    """Locals by name, secrets masked, without modules and Python's own names."""
    source = "import os\ndef f(b, a, password):\n    c = f\n    __hidden = 1\n    1/0\nf(2, 1, 'x')\n"
    frames = run(source, "/srv/variables.py", x=5)

    assert (("b", "2"), ("a", "1"), ("password", "'***'"), ("c", "<function f>")) == frames[-1].variables
    assert (("x", "5"),) == frames[0].variables


@pytest.mark.parametrize("count", [MAX_VARIABLES - 1, MAX_VARIABLES, MAX_VARIABLES + 1])
def test_variables_are_counted(count: int) -> None:
    """A module with a thousand names shows its first."""
    source = "\n".join(f"x{number} = 0" for number in range(count)) + "\n1/0"

    assert min(count, MAX_VARIABLES) == len(run(source, "/srv/many.py")[-1].variables)


def test_the_standard_library_shows_no_variables() -> None:
    """Its variables help nobody and may be large."""
    frames = read_frames(traceback_of(lambda: json.loads("{")))

    assert {()} == {frame.variables for frame in frames if frame.origin is Origin.PYTHON}


def test_calls_at_one_line_are_one_frame() -> None:
    """Endless recursion is one frame with a number; the variables are those of the last call."""
    frames = run("def down(n):\n    if n == 0: 1/0\n    down(n - 1)\ndown(50)\n", "/srv/down.py")

    assert [("<module>", 1), ("down", 50), ("down", 1)] == [(frame.function, frame.repeated) for frame in frames]
    assert ("n", "1") == frames[1].variables[0]


@pytest.mark.parametrize("extra", [-1, 0, 1, 60])
def test_the_middle_of_a_deep_traceback_is_left_out(extra: int) -> None:
    """Up to the limit all frames are there; past it the first and the last, and the number of the others."""
    limit = MAX_FIRST_FRAMES + MAX_LAST_FRAMES
    depth = limit + extra - 3  # the caller of `exec`, the module and the last function are calls too
    source = "".join(f"def f{n}():\n    f{n + 1}()\n" for n in range(depth)) + f"def f{depth}():\n    1/0\nf0()\n"
    frames = run(source, "/srv/deep.py")

    assert min(limit, limit + extra) - 1 == len(frames)
    assert max(extra, 0) == sum(frame.left_out for frame in frames)
    assert f"f{depth}" == frames[-1].function


def test_a_template_is_a_call_of_the_application(request_of: Callable[..., Request]) -> None:
    """The line of a template is shown with the variables it had; the machinery around it is a library's."""
    request_of()
    with pytest.raises(UndefinedError) as caught:
        render_string("<p>\n{{ user.name.first }}\n</p>", user="ada")
    frame = next(frame for frame in read_frames(caught.value.__traceback__) if frame.path == "<template>")

    assert (Origin.APP, 2, "top-level template code") == (frame.origin, frame.line_number, frame.function)
    assert (("user", "'ada'"),) == frame.variables


def test_nothing_is_kept_alive() -> None:
    """A page holds text, not the objects of the request."""

    class Thing:
        pass

    def fail() -> None:
        thing = Thing()
        references.append(weakref.ref(thing))
        raise ValueError

    references: list[weakref.ref[Thing]] = []
    frames = read_frames(traceback_of(fail))
    gc.collect()

    assert "thing" in dict(frames[-1].variables)
    assert references[0]() is None


def test_no_traceback_is_no_frames() -> None:
    """An exception that was never raised has none."""

    assert () == read_frames(None)

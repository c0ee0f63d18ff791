"""The blog that moves from Flask: its own tests hold at every step, and its README shows what is there.

The tests of `examples/from_flask` are collected here too, as they are, each for the Flask application alone and for
every step.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from costrel import App
from costrel.cli import invoke

EXAMPLE = Path(__file__).parents[2] / "examples" / "from_flask"
README = (EXAMPLE / "README.md").read_text("utf-8")


def load(name: str) -> ModuleType:
    """Import a file of the example under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"from_flask_{name}", EXAMPLE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


conftest, test_blog = load("conftest"), load("test_blog")
blog = conftest.blog
globals().update({name: value for name, value in vars(test_blog).items() if name.startswith("test_")})


def test_the_readme_names_what_is_there() -> None:
    """Every file that the README speaks of exists, and every step is in it."""
    named = set(re.findall(r"`([\w/]+\.(?:py|md|html))`", README))

    assert set() == {name for name in named if not (EXAMPLE / name).is_file()}
    assert {"step1.py", "step2.py", "step3.py", "test_blog.py"} <= named


@pytest.mark.parametrize("step", ["step1", "step2", "step3"])
def test_a_step_is_short(step: str) -> None:
    """A step is read in one go, and says in its first line what has moved."""
    text = (EXAMPLE / f"{step}.py").read_text("utf-8")

    assert text.startswith(f'"""Step {step[-1]}: ')
    assert len(text.splitlines()) <= 130


@pytest.mark.parametrize(
    ("step", "differences"),
    [
        ("step1", set()),
        ("step2", {"/", "/posts/1", "/posts/7"}),
        ("step3", {"/", "/posts/1", "/posts/7", "/posts/new", "/posts/1/edit"}),
    ],
)
def test_the_doctor_finds_what_was_meant_to_change(
    step: str, differences: set[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Step 1 changes nothing at all, and the others only the pages that have moved."""
    monkeypatch.chdir(EXAMPLE)
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.setenv("BLOG_INSTANCE", str(tmp_path))
    monkeypatch.delitem(sys.modules, step, raising=False)
    command = ["doctor", "flaskr:create_app()", f"{step}:app", "--requests", "requests.txt"]
    result = invoke(App("any"), command)

    assert differences == set(re.findall(r"(?:GET|HEAD) (/\S*)", result.output))
    assert bool(differences) == bool(result.exit_code)

"""What a user installs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import costrel

ROOT = Path(__file__).parent.parent.parent
CORE = {"click", "httptools", "itsdangerous", "jinja2", "msgspec", "multipart", "uvloop", "websockets"}


def name_of(requirement: str) -> str:
    """Return the name in a requirement."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return found[0].lower()


@pytest.mark.capability("C179")
def test_the_core_needs_eight_packages() -> None:
    """The list is settled; everything else is an extra. `make check` compares it with the metadata of the wheel."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert sorted(CORE) == [name_of(line) for line in project["dependencies"]]


@pytest.mark.capability("C180")
def test_the_package_says_that_it_is_typed() -> None:
    """`py.typed` is where type checkers look for it; `make check` asks two of them about every public name."""
    assert (Path(costrel.__file__).parent / "py.typed").is_file()

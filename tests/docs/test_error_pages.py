"""The pages of the mistakes: one for each code, each in the form that the command line prints well."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ERROR_PAGES = ROOT / "docs" / "errors"
CODES = {path.stem: path for path in sorted(ERROR_PAGES.glob("COS-*.md"))}

_CODE = re.compile(r"COS-[A-Z]+-\d{3}")
_QUOTED_CODE = re.compile(r"[\"'](COS-[A-Z]+-\d{3})[\"']")


def used_codes() -> dict[str, str]:
    """Return each code that the source makes a mistake of, with a file that does."""
    found = {}
    for path in sorted((ROOT / "src").rglob("*.py")):
        for code in _QUOTED_CODE.findall(path.read_text("utf-8")):
            found.setdefault(code, str(path.relative_to(ROOT)))
    return found


@pytest.mark.capability("C081")
def test_every_code_has_a_page() -> None:
    """`costrel explain` has something to say about each code that can appear."""
    used = used_codes()

    assert {} == {code: used[code] for code in sorted(used.keys() - CODES.keys())}


def test_every_page_has_a_code() -> None:
    """A page about a code that nothing uses misleads."""

    assert [] == sorted(CODES.keys() - used_codes().keys())


@pytest.mark.parametrize("code", CODES)
def test_a_page_begins_with_its_code(code: str) -> None:
    """The first line is the code and what is wrong, in one line."""
    lines = CODES[code].read_text("utf-8").splitlines()

    assert lines[0].startswith(f"# {code}: ")
    assert lines[1] == ""
    assert len(lines) >= 6


def test_the_index_lists_every_page() -> None:
    """Each page is found from the index."""
    listed = set(_CODE.findall((ERROR_PAGES / "index.md").read_text("utf-8")))

    assert set() == CODES.keys() - listed


def test_codes_named_in_the_documentation_exist() -> None:
    """A code that a page speaks of has a page itself."""
    named = {
        code
        for path in (*(ROOT / "docs").rglob("*.md"), ROOT / "README.md")
        for code in _CODE.findall(path.read_text("utf-8"))
    }

    assert set() == named - CODES.keys()

"""What the tests of the documentation share: the pages, and the blocks of code in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"])
RUN_MARK = "<!-- run -->"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of code in a page."""

    page: Path
    line: int
    language: str
    text: str
    is_run: bool

    @property
    def place(self) -> str:
        """Where it is: ``docs/index.md:9``."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def iter_blocks(page: Path) -> Iterator[Block]:
    """Find the blocks of a page; one is run when a comment above it says so."""
    text = page.read_text("utf-8")
    for match in _FENCE.finditer(text):
        is_run = text[: match.start()].rstrip("\n").endswith(RUN_MARK)
        yield Block(page, text.count("\n", 0, match.start()) + 1, match[1], match[2], is_run)


BLOCKS = [block for page in PAGES for block in iter_blocks(page)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test the pages or the blocks that it names as its parameter."""
    python = [block for block in BLOCKS if block.language == "python"]
    choices: dict[str, list[Block]] = {
        "python_block": python,
        "run_block": [block for block in python if block.is_run],
        "readme_block": [block for block in python if block.page.name == "README.md"],
        "console_block": [block for block in BLOCKS if block.language == "console"],
    }
    for name, blocks in choices.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, blocks, ids=[block.place for block in blocks])
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])

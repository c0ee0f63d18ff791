"""The guides for those who move print the files of `examples/moving`; that those work is tested in `tests/carry`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples" / "moving"
FILES = sorted(path for pattern in ("*/*.py", "*/templates/*.html") for path in EXAMPLES.glob(pattern))

_NAMED = re.compile(r"^```\w+\n(?:# |\{# )([\w./]+)(?: #\})?\n.*?^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_a_file_is_printed_in_its_guide(path: Path) -> None:
    """Each file stands in the guide, to the letter."""
    guide, _, name = str(path.relative_to(EXAMPLES)).partition("/")
    page = (ROOT / "docs" / "howto" / f"move-from-{guide}.md").read_text("utf-8")
    blocks = {match[1]: match[0].split("\n", 1)[1].removesuffix("```") for match in _NAMED.finditer(page)}

    assert path.read_text("utf-8") == blocks.get(name)

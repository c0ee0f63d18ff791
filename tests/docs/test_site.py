"""The built documentation: no warnings, and no page that asks a stranger for anything."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.skipif(find_spec("mkdocs") is None, reason="mkdocs is not installed.")

_FROM_ELSEWHERE = re.compile(
    r"""<(?:script|img|iframe|source|audio|video|embed)\b[^>]*\bsrc=["']?(?:https?:)?//[^\s"'>]+"""
    r"""|<link\b[^>]*\bhref=["']?(?:https?:)?//[^\s"'>]+""",
    re.IGNORECASE,
)
_STYLE_FROM_ELSEWHERE = re.compile(r"""(?:url\(\s*["']?|@import\s+["'])(?:https?:)?//[^\s"')]+""", re.IGNORECASE)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the documentation; a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)

    assert (0, "") == (result.returncode, result.stdout + result.stderr)
    return folder


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    """Pages, styles and scripts come with the documentation, so it can be read offline."""
    found = {
        f"{path.relative_to(site)}: {match}"
        for pattern, suffix in ((_FROM_ELSEWHERE, "*.html"), (_STYLE_FROM_ELSEWHERE, "*.css"))
        for path in site.rglob(suffix)
        for match in pattern.findall(path.read_text("utf-8"))
    }

    assert set() == found


def test_every_room_is_there(site: Path) -> None:
    """The four rooms and the errors have pages."""
    rooms = ("tutorial", "howto", "reference", "explanation", "errors")

    assert [] == [room for room in rooms if not list((site / room).rglob("index.html"))]

"""A folder of files with everything in and around it that must not be served."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

LONG_AGO = 1_000_000_000


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Make ``static`` beside what it must be kept apart from, all of it changed long ago."""
    files = {
        "secret.txt": "secret",
        "static_secret/x.txt": "secret",
        "static/a.txt": "0123456789",
        "static/css/site.css": "body { color: #000000 }",
        "static/app.3f9a1c2b.js": "js",
        "static/.env": "secret",
        "static/.git/config": "secret",
        "static/.well-known/security.txt": "contact",
        "static/backup.txt~": "secret",
        "static/sub/page.html": "<p>",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        os.utime(path, (LONG_AGO, LONG_AGO))
    (tmp_path / "static" / "link.txt").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "static" / "inner.txt").symlink_to(tmp_path / "static" / "a.txt")
    (tmp_path / "static" / "linked").symlink_to(tmp_path / "static_secret")
    return tmp_path

"""What the tests of this room share: an application whose templates are written by the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from costrel.app import App
from costrel.messages import AppSettings

MakeSite = Callable[..., App]


@pytest.fixture
def make_site(tmp_path: Path) -> MakeSite:
    """Make an application of a folder with the given files: ``make_site({"templates/a.html": "…"})``."""

    def make(files: dict[str, str] | None = None, *, debug: bool = False, secret_key: str | None = None) -> App:
        for name, text in (files or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        app = App("shop", settings=AppSettings(debug=debug, secret_key=secret_key))
        app.root_folder = tmp_path
        return app

    return make

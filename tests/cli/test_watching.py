"""Which files are watched, and how a change is found by looking."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from costrel.cli import watching
from costrel.cli.watching import is_page_part, is_source, iter_changes

HERE = Path("/srv")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/srv/app.py", True, id="a-module"),
        pytest.param("/srv/shop/web/pages.py", True, id="a-module-deep-down"),
        pytest.param("/srv/pyproject.toml", True, id="settings"),
        pytest.param("/srv/.env", True, id="the-environment"),
        pytest.param("/srv/templates/index.html", False, id="a-template"),
        pytest.param("/srv/shop.db", False, id="a-database"),
        pytest.param("/srv/.venv/lib/a.py", False, id="a-virtual-environment"),
        pytest.param("/srv/venv/lib/a.py", False, id="another-virtual-environment"),
        pytest.param("/srv/node_modules/a/b.py", False, id="packages-of-others"),
        pytest.param("/srv/.git/hooks/a.py", False, id="a-hidden-folder"),
        pytest.param("/srv/__pycache__/a.py", False, id="a-cache"),
        pytest.param("/elsewhere/app.py", False, id="another-folder"),
    ],
)
def test_only_what_the_application_is_made_of_is_watched(path: str, expected: bool) -> None:
    """A restart because of a cache or a database would be a nuisance."""

    assert expected is is_source(path, HERE)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/srv/templates/mail/welcome.txt", True, id="whatever-is-a-template"),
        pytest.param("/srv/shop/static/logo.png", True, id="whatever-is-static"),
        pytest.param("/srv/pages/index.html", True, id="a-page-elsewhere"),
        pytest.param("/srv/assets/site.css", True, id="a-style-sheet-elsewhere"),
        pytest.param("/srv/notes.txt", False, id="another-text"),
        pytest.param("/srv/uploads/cat.png", False, id="what-the-application-writes"),
        pytest.param("/srv/static/app.py", False, id="a-source"),
        pytest.param("/srv/templates/.index.html.swp", False, id="what-an-editor-leaves"),
        pytest.param("/srv/templates/index.html~", False, id="a-copy-of-an-editor"),
        pytest.param("/srv/node_modules/a/static/a.css", False, id="packages-of-others"),
        pytest.param("/elsewhere/static/a.css", False, id="another-folder"),
    ],
)
def test_what_pages_are_made_of_is_watched(path: str, expected: bool) -> None:
    """Templates and static files, wherever they lie, and nothing that a running application writes."""

    assert expected is is_page_part(path, HERE)


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if watchfiles were not installed, and without waiting."""
    monkeypatch.setattr(watching, "has_notifications", lambda: False)
    monkeypatch.setattr(watching, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(watching, "_MAX_SHARE_OF_TIME", 0)


@pytest.mark.usefixtures("looking")
def test_changed_new_and_removed_files_are_found_by_looking(tmp_path: Path) -> None:
    """Each look tells what differs from the one before."""
    (tmp_path / "app.py").write_text("a")
    (tmp_path / "gone.py").write_text("a")
    (tmp_path / "notes.txt").write_text("a")
    stop = threading.Event()
    changes = iter_changes([tmp_path, tmp_path / "below"], stop)

    assert set() == next(changes)

    (tmp_path / "app.py").write_text("longer")
    (tmp_path / "new.py").write_text("a")
    (tmp_path / "gone.py").unlink()
    (tmp_path / "notes.txt").write_text("longer")

    assert {tmp_path / "app.py", tmp_path / "new.py", tmp_path / "gone.py"} == next(changes)
    assert set() == next(changes)


@pytest.mark.usefixtures("looking")
def test_the_look_out_ends_when_it_is_told_to(tmp_path: Path) -> None:
    """No later than after the pause between two looks."""
    stop = threading.Event()
    stop.set()

    assert [] == list(iter_changes([tmp_path], stop))

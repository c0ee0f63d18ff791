"""Which files are watched, and how a change is found by looking."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from costrel.cli import watching
from costrel.cli.watching import is_source, iter_changes

HERE = Path("/srv")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/srv/app.py", True, id="a-module"),
        pytest.param("/srv/shop/web/pages.py", True, id="a-module-deep-down"),
        pytest.param("/srv/pyproject.toml", True, id="settings"),
        pytest.param("/srv/.env", True, id="the-environment"),
        pytest.param("/srv/templates/index.html", False, id="a-template-is-read-anew-anyway"),
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

"""Finding templates in folders, and saying what was searched when there is none.

SECURITY: a name is checked as text before any file system is asked, by the rule for files that clients ask for: no
``..``, no absolute path, no NUL, no device of Windows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path

from jinja2 import BaseLoader, Environment, TemplateNotFound

from costrel.errors import Mistake
from costrel.http import safe_relative_path

__all__ = ["FolderLoader", "MissingTemplate"]

OWN_FOLDER = Path(__file__).parent / "macros"
"""Macros that come with this room, as ``costrel/…``; a folder of the application that has the name wins."""

_MAX_NAMES = 1000
_MAX_SHOWN = 200


class MissingTemplate(TemplateNotFound):
    """Jinja's `TemplateNotFound` with a text that says where was searched, and what has nearly the name.

    The text is made when somebody reads it: ``{% include … ignore missing %}`` never does.

    Args:
        names: what was asked for, one or more.
        loader: what searched.
    """

    def __init__(self, names: Sequence[str], loader: FolderLoader) -> None:
        super().__init__(names[0] if names else None)
        self._names = tuple(names)
        self._loader = loader

    @property
    def mistake(self) -> Mistake:
        """What happened, where was searched, and the fix."""
        names = [name[:_MAX_SHOWN] for name in self._names]
        near = self._loader.find_near(names[0]) if names else []
        folders = [
            f"{folder}" if folder.is_dir() else f"{folder}  (does not exist)" for folder in self._loader.find_folders()
        ]
        return Mistake(
            "COS-TEMPLATE-001",
            f"There is no template {' or '.join(f'`{name}`' for name in names) or 'without a name'}.",
            why="\n".join(["Searched, in this order:", *folders]),
            fix=f"Did you mean {' or '.join(f'`{name}`' for name in near)}?" if near else "",
        )

    def __str__(self) -> str:
        return str(self.mistake)


class FolderLoader(BaseLoader):
    """Loads templates from several folders.

    Args:
        find_folders: returns the folders, the first that has a template wins; they need not exist.
        suggests_names: whether a `MissingTemplate` offers names that are near; it walks the folders.
    """

    def __init__(self, find_folders: Callable[[], Sequence[Path]], *, suggests_names: bool) -> None:
        self.find_folders = find_folders
        self._suggests_names = suggests_names

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """Return the text of a template, its file, and a function that tells whether that is still the same."""
        if safe_relative_path(template) is not None:
            for folder in (*self.find_folders(), OWN_FOLDER):
                path = folder / template
                try:
                    modified = path.stat().st_mtime_ns
                    text = path.read_text("utf-8")
                except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                    continue
                return text, str(path), _unchanged(path, modified)
        raise MissingTemplate([template], self)

    def list_templates(self) -> list[str]:
        """Return the names of all templates of the application, at most a thousand."""
        found: set[str] = set()
        for folder in self.find_folders():
            for path in folder.rglob("*"):
                if len(found) == _MAX_NAMES:
                    break
                if path.is_file():
                    found.add(path.relative_to(folder).as_posix())
        return sorted(found)

    def find_near(self, name: str) -> list[str]:
        """Return up to three names of templates that resemble one that is none."""
        return get_close_matches(name, self.list_templates(), 3) if self._suggests_names else []


def _unchanged(path: Path, modified: int) -> Callable[[], bool]:
    def is_unchanged() -> bool:
        try:
            return path.stat().st_mtime_ns == modified
        except OSError:
            return False

    return is_unchanged

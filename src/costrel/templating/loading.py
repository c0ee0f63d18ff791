"""Finding templates in folders, and saying what was searched when there is none.

SECURITY: a name is checked as text before any file system is asked, by the rule for files that clients ask for: no
``..``, no absolute path, no NUL, no device of Windows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path

from jinja2 import BaseLoader, Environment, TemplateNotFound, TemplatesNotFound

from costrel.errors import Mistake
from costrel.http import safe_relative_path

__all__ = ["FolderLoader"]

_MAX_NAMES = 1000


class FolderLoader(BaseLoader):
    """Loads templates from several folders.

    Args:
        folders: the first that has a template wins; they need not exist.
        suggests_names: whether the error for a missing template offers names that are near; it walks the folders.
    """

    def __init__(self, folders: Sequence[Path], *, suggests_names: bool) -> None:
        self._folders = tuple(folders)
        self._suggests_names = suggests_names

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """Return the text of a template, its file, and a function that tells whether that is still the same."""
        if safe_relative_path(template) is not None:
            for folder in self._folders:
                path = folder / template
                try:
                    modified = path.stat().st_mtime_ns
                    text = path.read_text("utf-8")
                except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                    continue
                return text, str(path), _unchanged(path, modified)
        raise TemplateNotFound(template)

    def list_templates(self) -> list[str]:
        """Return the names of all templates, at most a thousand."""
        found: set[str] = set()
        for folder in self._folders:
            for path in folder.rglob("*"):
                if len(found) == _MAX_NAMES:
                    break
                if path.is_file():
                    found.add(path.relative_to(folder).as_posix())
        return sorted(found)

    def explain(self, error: TemplateNotFound) -> None:
        """Put into an error where was searched and, when it helps, what has nearly the name."""
        if error.message is not None and error.message.startswith("COS-"):
            return
        names = error.templates if isinstance(error, TemplatesNotFound) else [error.name]
        wanted = [str(name) for name in names if name]
        shown = " nor ".join(f"`{name[:200]}`" for name in wanted) or "an empty name"
        near = get_close_matches(wanted[0][:200], self.list_templates(), 3) if self._suggests_names and wanted else []
        folders = "\n".join(
            str(folder) if folder.is_dir() else f"{folder}  (does not exist)" for folder in self._folders
        )
        error.message = str(
            Mistake(
                "COS-TEMPLATE-001",
                f"There is no template {shown}.",
                why=f"Searched, in this order:\n{folders}",
                fix=f"Did you mean {' or '.join(f'`{name}`' for name in near)}?" if near else "",
            )
        )


def _unchanged(path: Path, modified: int) -> Callable[[], bool]:
    def is_unchanged() -> bool:
        try:
            return path.stat().st_mtime_ns == modified
        except OSError:
            return False

    return is_unchanged

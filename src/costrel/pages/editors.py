"""Links that open a line of a file in the developer's editor.

``COSTREL_EDITOR`` names the editor, or is a URL with ``{path}`` and ``{line}`` in it. Without it the link is for
Visual Studio Code; ``none`` makes no links.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from costrel.http import encode_path

__all__ = ["editor_link"]

_EDITORS: Mapping[str, str] = {
    "vscode": "vscode://file{path}:{line}",
    "cursor": "cursor://file{path}:{line}",
    "windsurf": "windsurf://file{path}:{line}",
    "zed": "zed://file{path}:{line}",
    "pycharm": "pycharm://open?file={path}&line={line}",
    "idea": "idea://open?file={path}&line={line}",
    "sublime": "subl://open?url=file://{path}&line={line}",
    "textmate": "txmt://open?url=file://{path}&line={line}",
    "emacs": "emacs://open?url=file://{path}&line={line}",
    "none": "",
}
_SCHEMES_THAT_RUN = ("javascript:", "data:", "vbscript:", "blob:")


def editor_link(path: str, line_number: int, editor: str | None) -> str:
    """Return the URL that opens a file at a line.

    Args:
        path: of the file; one that is not absolute has no link.
        line_number: from 1.
        editor: the value of ``COSTREL_EDITOR``, `None` without one.

    Returns:
        The URL, empty when there is none.
    """
    template = _EDITORS.get(editor or "vscode", editor or "")
    if not template or not Path(path).is_absolute() or template.strip().lower().startswith(_SCHEMES_THAT_RUN):
        return ""
    place = encode_path(Path(path).as_posix())
    if not place.startswith("/"):
        place = f"/{place}"
    return template.replace("{path}", place).replace("{line}", str(line_number))

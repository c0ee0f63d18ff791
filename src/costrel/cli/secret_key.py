"""The key that `costrel dev` makes and keeps, so that sessions survive a restart: ``.costrel/secret_key``.

SECURITY: only its owner can read it (mode 0600), and git leaves the folder alone. `costrel check --deploy` warns when
production uses it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import MutableMapping
from pathlib import Path

__all__ = ["FOLDER_NAME", "provide_secret_key", "read_secret_key"]

FOLDER_NAME = ".costrel"
_KEY_BYTES = 32
_MIN_LENGTH = 32
_VARIABLE = "COSTREL_SECRET_KEY"


def provide_secret_key(folder: Path, environ: MutableMapping[str, str]) -> None:
    """Set ``COSTREL_SECRET_KEY`` to the key kept in `folder`, made now if there is none; leave one that is set.

    Raises:
        OSError: the folder cannot be written.
    """
    if not environ.get(_VARIABLE):
        environ[_VARIABLE] = read_secret_key(folder) or _make_secret_key(folder)


def read_secret_key(folder: Path) -> str:
    """Return the key kept in `folder`, or an empty text."""
    try:
        key = (folder / FOLDER_NAME / "secret_key").read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return key if len(key) >= _MIN_LENGTH else ""


def _make_secret_key(folder: Path) -> str:
    """Write a new key; another process that does so at the same moment wins or loses whole."""
    home = folder / FOLDER_NAME
    home.mkdir(mode=0o700, exist_ok=True)
    (home / ".gitignore").write_text("*\n", "ascii")
    key = secrets.token_urlsafe(_KEY_BYTES)
    temporary = home / f"secret_key.{os.getpid()}"
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(f"{key}\n")
    temporary.replace(home / "secret_key")
    return read_secret_key(folder) or key

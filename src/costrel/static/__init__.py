"""Static files: folders of files that are sent as they are, with everything HTTP has for caching them.

`StaticFiles` serves whole folders, `send_from_folder` is for handlers that have a file name from a client. What happens
to one file once it is chosen is not here but in `costrel.messages.FileResponse`. `static_url` names a file for a page,
with a hash in the name. `Vite` is for what Vite makes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from costrel.static.extension import StaticFiles
from costrel.static.sending import send_from_folder
from costrel.static.urls import static_integrity, static_url

if TYPE_CHECKING:
    from costrel.static.vite import Vite

__all__ = ["StaticFiles", "Vite", "send_from_folder", "static_integrity", "static_url"]

_LATER = {"Vite": "costrel.static.vite"}


def __getattr__(name: str) -> object:
    """Import `Vite` when it is asked for: most applications have none."""
    home = _LATER.get(name)
    if home is None:
        raise AttributeError(f"module 'costrel.static' has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value

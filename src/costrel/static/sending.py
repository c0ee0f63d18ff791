"""`send_from_folder`: a handler's way to send the file that a client has named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, cast

from costrel.errors import NotFound, OutsideRequest
from costrel.http import safe_relative_path
from costrel.messages import AppSetup, HeaderInput, Response, current_request
from costrel.static.folder_file import Folder, FolderFile

__all__ = ["send_from_folder"]


def send_from_folder(
    folder: str | os.PathLike[str],
    path: str,
    *,
    media_type: str | None = None,
    filename: str | None = None,
    disposition: Literal["attachment", "inline"] | None = None,
    headers: HeaderInput | None = None,
    untrusted: bool = False,
    follow_symlinks: bool = False,
) -> Response:
    """Send a file below a folder; the path may come from the client.

    ``return send_from_folder("uploads", name, untrusted=True)``

    Args:
        folder: where the files are; below the folder of the application's module unless it is absolute. Never from a
            client.
        path: of the file in it, with ``/`` between its parts.
        media_type: `None` is guessed from the name.
        filename: the name for saving it; given, the file is an attachment. It may be the user's: it is made safe.
        disposition: ``attachment`` or ``inline``; `None` follows from `filename`.
        headers: further header fields, for example ``Cache-Control``.
        untrusted: whether somebody else made the file, for example an upload: then the browser gets it in a sandbox,
            and to be saved unless it is of a type that runs nothing.
        follow_symlinks: whether symbolic links below the folder are followed, wherever they lead.

    Returns:
        A response that is resolved like a `FileResponse`, with validators, conditional requests and ranges.

    Raises:
        NotFound: a path that leads out of the folder, or has a part that is hidden or reserved on some system. That
            there is no such file is found out later, and answers 404 too.
        OutsideRequest: the folder is relative, and no request says of which application.
    """
    relative = safe_relative_path(path)
    if relative is None:
        raise NotFound
    return FolderFile(
        (Folder(_absolute(folder), follow_symlinks),),
        relative,
        media_type=media_type,
        filename=filename,
        disposition=disposition,
        headers=headers,
        untrusted=untrusted,
    )


def _absolute(folder: str | os.PathLike[str]) -> str:
    if Path(folder).is_absolute():
        return os.fspath(folder)
    request = current_request.get(None)
    if request is None:
        raise OutsideRequest("send_from_folder")
    # The application that handles a request is one that extensions were installed in.
    return str(Path(cast("AppSetup", request.app).root_folder, folder))

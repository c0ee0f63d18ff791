"""What `sendfile` serves: the files of the folder ``FILES``, by ``sendfile`` from the size ``MIN_FILE_BYTES`` on."""

from __future__ import annotations

import os
from pathlib import Path

from costrel import App, FileResponse
from costrel.server import sendfile, writer

FOLDER = Path(os.environ.get("FILES", "."))
vars(writer)["MIN_FILE_BYTES"] = int(os.environ.get("MIN_FILE_BYTES", sendfile.MIN_FILE_BYTES))

app = App()


@app.get("/{name}")
async def file(name: str) -> FileResponse:
    """Answer with a file."""
    return FileResponse(FOLDER / name)

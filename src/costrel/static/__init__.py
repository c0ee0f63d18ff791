"""Static files: folders of files that are sent as they are, with everything HTTP has for caching them.

`StaticFiles` serves whole folders, `send_from_folder` is for handlers that have a file name from a client. What happens
to one file once it is chosen is not here but in `costrel.messages.FileResponse`.
"""

from __future__ import annotations

from costrel.static.extension import StaticFiles
from costrel.static.sending import send_from_folder

__all__ = ["StaticFiles", "send_from_folder"]

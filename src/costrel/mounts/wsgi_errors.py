"""Where a mounted application writes what goes wrong: `wsgi.errors` as lines in our log.

Lines go to the logger ``costrel.mount``, below it to one with the name of the mount. Some applications send their own
log to `wsgi.errors`, Flask by default; when such a handler stands at the root, each of our lines would come back as
another line. A line that comes while one is being logged in the same thread therefore goes to standard error.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterable
from typing import Final

__all__ = ["MountErrors"]

_MAX_LINE_CHARS: Final = 64 * 1024


class _Pending(threading.local):
    """What one thread has written since its last line end, and whether it is logging now."""

    text: str = ""
    is_logging: bool = False


class MountErrors:
    """The error stream of one mount, for all of its requests.

    Args:
        name: of the mount, may be empty.
    """

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"costrel.mount.{name}" if name else "costrel.mount")
        self._pending = _Pending()

    def write(self, text: str) -> int:
        """Take some text; whole lines are logged together, the rest waits for its end or for `flush`."""
        pending = self._pending
        if pending.is_logging:
            sys.stderr.write(text)
            return len(text)
        whole, line_end, rest = (pending.text + text).rpartition("\n")
        pending.text = rest
        if line_end:
            self._log(whole)
        if len(rest) > _MAX_LINE_CHARS:
            self.flush()
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Take several pieces of text."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Log what waits for the end of its line."""
        pending = self._pending
        if pending.is_logging:
            sys.stderr.flush()
        elif pending.text:
            text, pending.text = pending.text, ""
            self._log(text)

    def _log(self, text: str) -> None:
        if not text.strip():
            return
        self._pending.is_logging = True
        try:
            self._logger.error("%s", text)
        finally:
            self._pending.is_logging = False

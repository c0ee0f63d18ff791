"""The native HTTP/1.1 server: one process, one event loop, uvloop and httptools underneath.

It runs any `Application` of `costrel.messages` and knows nothing of what an `App` is. Bytes are read in `intake` and
become exchanges in `parsing`, a connection answers them one after the other in `connection` and sends in `wire`, what
may not pass is decided in `framing`, and `serve` starts and stops it all. WebSocket, TLS and several processes are not
here yet.

Read `serve` first, then `connection`.
"""

from __future__ import annotations

from costrel.server.access_log import AccessLog, format_access_line
from costrel.server.serve import START_FAILED, Server, run, serve
from costrel.server.settings import ServerSettings

__all__ = ["START_FAILED", "AccessLog", "Server", "ServerSettings", "format_access_line", "run", "serve"]

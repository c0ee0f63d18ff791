"""The native HTTP/1.1 server: uvloop and httptools underneath, one event loop in each of its processes.

It runs any `Application` of `costrel.messages` and knows nothing of what an `App` is. Bytes are read in `intake` and
become exchanges in `parsing`, a connection answers them one after the other in `connection` and sends in `wire`, what
may not pass is decided in `framing`, and `serve` starts and stops it all. Several processes are kept running by
`supervisor`, and each of them is a `worker`. What a connection becomes with the handshake of a WebSocket is in
`websocket_connection`.

Read `serve` first, then `connection`.
"""

from __future__ import annotations

from costrel.server.access_log import AccessLog, format_access_json, format_access_line
from costrel.server.process import START_FAILED, Attendant, run
from costrel.server.serve import Server, serve
from costrel.server.settings import ServerSettings
from costrel.server.supervisor import supervise
from costrel.server.worker import WorkerSeat

__all__ = [
    "START_FAILED",
    "AccessLog",
    "Attendant",
    "Server",
    "ServerSettings",
    "WorkerSeat",
    "format_access_json",
    "format_access_line",
    "run",
    "serve",
    "supervise",
]

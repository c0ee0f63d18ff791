"""Cutting the connection of an RSGI request, for which the protocol has no word.

RSGI ends a streamed response when its stream is let go of, and then it looks complete. A client must be able to tell
a half from the whole, so the gateway shuts the connection itself. The server runs in the same process and its sockets
are among the descriptors of it; the one between the two addresses of the scope is that of the request.

It looks at every descriptor, but only when a response has broken off.
"""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

__all__ = ["cut_connection"]

_INTERNET = (socket.AF_INET, socket.AF_INET6)


def cut_connection(server: str, client: str) -> bool:
    """Shut the connection between two addresses, so that nothing more is sent on it.

    Args:
        server: host and port of our end, for example ``127.0.0.1:8000`` or ``[::1]:8000``; only the port is compared,
            because a server may name the address that it listens on, which may stand for all.
        client: host and port of the other end.

    Returns:
        Whether it was found: not on a Unix socket, and not where the system does not list descriptors.
    """
    try:
        descriptors = [int(entry.name) for entry in Path("/dev/fd").iterdir()]
    except OSError:
        return False
    port = server.rpartition(":")[2]
    return any(_shut_if_between(descriptor, port, client) for descriptor in descriptors)


def _shut_if_between(descriptor: int, port: str, client: str) -> bool:
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return False
        # A copy: the server may close its own in another thread, and then its number could mean something else.
        copy = os.dup(descriptor)
    except OSError:
        return False
    try:
        connection = socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return False
    with connection:
        try:
            if connection.family not in _INTERNET or _format(connection.getpeername()) != client:
                return False
            if str(connection.getsockname()[1]) != port:
                return False
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return False
    return True


def _format(address: tuple[str, int]) -> str:
    """Write an address as a scope has it."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

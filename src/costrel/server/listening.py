"""Listening sockets: opening, naming, and emptying their queue before they are closed.

Spec: DNS names are resolved once, when the server starts; every address that they have is listened on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from costrel.errors import ConfigurationError, Mistake
from costrel.server.settings import ServerSettings

__all__ = ["accept_waiting", "address_of", "connection_limit", "open_sockets"]

logger: logging.Logger = logging.getLogger("costrel.server")

_SHARE_OF_FILES = 0.8


def open_sockets(settings: ServerSettings) -> list[socket.socket]:
    """Open the sockets that the settings name and listen on them.

    Raises:
        OSError: an address cannot be bound or does not resolve.
        ConfigurationError: `uds` or `fd` on a system that has none, or a path that is not a socket.
    """
    if settings.fd is not None:
        listening = socket.socket(fileno=os.dup(settings.fd))
        listening.setblocking(False)
        return [listening]
    if settings.uds is not None:
        return [_open_unix(settings.uds, settings.backlog)]
    found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    port = settings.port
    try:
        for family, address in dict.fromkeys((entry[0], entry[4]) for entry in found):
            listening = socket.socket(family, socket.SOCK_STREAM)
            sockets.append(listening)
            if os.name == "posix":
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # Port 0 is a free port, and the same one for every address.
            listening.bind((address[0], port, *address[2:]))
            port = port or listening.getsockname()[1]
            listening.listen(settings.backlog)
            listening.setblocking(False)
    except BaseException:
        for listening in sockets:
            listening.close()
        raise
    return sockets


def _open_unix(path: str, backlog: int) -> socket.socket:
    """Listen on a Unix socket; one that an earlier process left behind is replaced."""
    if not hasattr(socket, "AF_UNIX"):
        raise _unusable("uds", path, "This system has no Unix sockets.")
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        pass
    else:
        if not stat.S_ISSOCK(mode):
            raise _unusable("uds", path, "Something that is not a socket is there already.")
        Path(path).unlink()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(path)
        listening.listen(backlog)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening


def _unusable(name: str, value: object, why: str) -> ConfigurationError:
    return ConfigurationError(
        Mistake("COS-SERVER-002", f"The server cannot listen with `{name}` set to {value!r:.200}.", why=why)
    )


def address_of(listening: socket.socket) -> str:
    """Name the address of a listening socket: ``host:port``, ``[host]:port`` or a path."""
    name = listening.getsockname()
    if not isinstance(name, tuple):
        return name.decode() if isinstance(name, bytes) else str(name)
    return f"[{name[0]}]:{name[1]}" if listening.family == socket.AF_INET6 else f"{name[0]}:{name[1]}"


async def accept_waiting(
    listening: socket.socket, loop: asyncio.AbstractEventLoop, factory: Callable[[], asyncio.Protocol]
) -> None:
    """Take the connections that wait in the kernel, which closing the socket would reset."""
    while True:
        try:
            accepted, _ = listening.accept()
        except OSError:  # nothing waits, or the client has gone again
            return
        accepted.setblocking(False)
        await loop.connect_accepted_socket(factory, accepted)


def connection_limit(max_connections: int) -> int:
    """Return how many connections may be open: the setting, or what the limit of open files allows."""
    if sys.platform == "win32":
        return max_connections
    import resource  # not on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = max_connections if soft == resource.RLIM_INFINITY else int(soft * _SHARE_OF_FILES)
    if allowed < max_connections:
        logger.warning("max_connections_lowered from=%d to=%d open_files_limit=%d", max_connections, allowed, soft)
    return min(max_connections, allowed)

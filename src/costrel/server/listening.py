"""Listening sockets: opening, naming, and emptying their queue before they are closed.

Spec: DNS names are resolved once, when the server starts; every address that they have is listened on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import stat
import struct
import sys
from array import array
from collections.abc import Callable, Mapping
from pathlib import Path

from costrel.errors import ConfigurationError, Mistake
from costrel.server.settings import ServerSettings

__all__ = [
    "accept_waiting",
    "activated_fds",
    "address_of",
    "connection_limit",
    "is_inherited",
    "open_sockets",
    "refuse_newcomers",
]

logger: logging.Logger = logging.getLogger("costrel.server")

_SHARE_OF_FILES = 0.8
_FIRST_ACTIVATED = 3
_MAX_COUNT_DIGITS = 3
_SO_ATTACH_FILTER = 26
# Classic BPF over the TCP header: load the byte of flags; with SYN set and ACK not, drop the packet, else take it.
_DROP_SYN = ((0x30, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))


def open_sockets(settings: ServerSettings) -> list[socket.socket]:
    """Open the sockets that the settings name and listen on them.

    Without `uds` and `fd`, sockets that systemd has opened for this process come before `host` and `port`.

    Raises:
        OSError: an address cannot be bound or does not resolve.
        ConfigurationError: COS-SERVER-002, `uds` or `fd` on a system that has none, a path that is not a socket, or a
            number that is not a listening one.
    """
    if settings.fd is not None:
        return [_inherit(settings.fd, "fd")]
    if settings.uds is not None:
        return [_open_unix(settings.uds, settings.backlog)]
    activated = activated_fds(os.environ, os.getpid())
    if activated:
        return [_inherit(number, "LISTEN_FDS") for number in activated]
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


def is_inherited(settings: ServerSettings) -> bool:
    """Whether the sockets of the settings are another process's, which goes on listening when this one stops."""
    if settings.fd is not None or settings.uds is not None:
        return settings.fd is not None
    return bool(activated_fds(os.environ, os.getpid()))


def activated_fds(environ: Mapping[str, str], process_id: int) -> range:
    """Return the numbers of the sockets that systemd passes to a process.

    Args:
        environ: ``LISTEN_FDS`` says how many there are, and ``LISTEN_PID`` for which process they are.
        process_id: of the process that asks.

    Spec:
        sd_listen_fds(3): they begin with 3.
    """
    count = environ.get("LISTEN_FDS", "")
    if environ.get("LISTEN_PID") != str(process_id) or not count.isascii() or not count.isdigit():
        return range(0)
    return range(_FIRST_ACTIVATED, _FIRST_ACTIVATED + int(count[:_MAX_COUNT_DIGITS]))


def _inherit(number: int, name: str) -> socket.socket:
    """Take a copy of a listening socket that another process has opened."""
    try:
        listening = socket.socket(fileno=os.dup(number))
    except OSError as error:
        raise _unusable(name, number, f"It is not an open socket ({error.strerror}).") from None
    if sys.platform == "linux" and not listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        listening.close()
        raise _unusable(name, number, "It is a socket that does not listen; a socket unit needs `Accept=no`.")
    listening.setblocking(False)
    return listening


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
        except ConnectionAbortedError:  # that client has gone again
            continue
        except OSError:  # nothing waits
            return
        accepted.setblocking(False)
        await loop.connect_accepted_socket(factory, accepted)


def refuse_newcomers(listening: socket.socket) -> None:
    """Let no new connection into the kernel's queue, so that it can be emptied before the socket is closed.

    Whoever connects between the last accept and the close would be reset with a request on its way. On Linux a filter
    drops the first packet of each new TCP connection: its client tries again a second later and is refused. For Unix
    sockets and elsewhere nothing is done, and that gap is some microseconds wide.
    """
    if listening.family not in (socket.AF_INET, socket.AF_INET6) or sys.platform != "linux":
        return
    program = array("B", b"".join(struct.pack("HBBI", *line) for line in _DROP_SYN))
    try:
        listening.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(_DROP_SYN), program.buffer_info()[0])
        )
    except OSError as error:
        logger.debug("newcomers_not_refused error=%s", error)


def connection_limit(max_connections: int) -> int:
    """Return how many connections may be open: the setting, or what the limit of open files allows.

    Where that limit stands below, it is raised as far as this process may.
    """
    if sys.platform == "win32":
        return max_connections
    import resource  # not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft not in (hard, resource.RLIM_INFINITY) and soft * _SHARE_OF_FILES < max_connections:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError) as error:
            logger.warning("open_files_limit_kept limit=%d error=%s", soft, error)
        else:
            logger.info("open_files_limit_raised from=%d to=%d", soft, hard)
            soft = hard
    allowed = max_connections if soft == resource.RLIM_INFINITY else int(soft * _SHARE_OF_FILES)
    if allowed < max_connections:
        logger.warning("max_connections_lowered from=%d to=%d open_files_limit=%d", max_connections, allowed, soft)
    return min(max_connections, allowed)

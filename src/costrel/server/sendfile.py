"""Sending a file without reading it: the system copies from its cache into the socket, by ``sendfile``.

The transport must hold nothing then, and its socket is lent as a copy, because a loop keeps its own to itself. A thread
of the file lane sends as much as the socket takes, at most 1 MiB at once; then the loop waits until it takes more. The
last bytes are read and written like those of any other body: a file that was changed meanwhile is found out before the
response is complete.

Not for TLS, which has to see what it encrypts, not for a body of several parts, and not for what is small: the ways to
the thread and back cost more then than the copy that is saved.
"""

from __future__ import annotations

import os
import socket
import threading
from typing import Protocol

from costrel.errors import ClientDisconnected
from costrel.messages import FileBody

__all__ = ["MIN_FILE_BYTES", "FileSink", "send_file"]

# PERF: a copy less, saves 150 µs for each MiB; what is smaller pays more for the way to the thread
# (benchmarks/sendfile.py, 3.11)
MIN_FILE_BYTES = 1024 * 1024
PIECE_BYTES = 1024 * 1024
# So many bytes at the end are read.
_TAIL_BYTES = 4096


class FileSink(Protocol):
    """What sending a file needs of a connection."""

    async def lend_socket(self) -> socket.socket | None:
        """Wait until all is sent that was written, and return a copy of the socket; who asks closes it.

        It is `None` where every byte must pass through the transport, as with TLS.
        """
        ...

    async def wait_writable(self, lent: socket.socket) -> None:
        """Wait until a lent socket takes more, or raise `ClientDisconnected`."""
        ...

    def count_sent(self, byte_count: int) -> None:
        """Note that so many bytes went past the transport."""
        ...


class _Outlet:
    """A lent socket that a thread writes to, and that is closed when that thread has left it."""

    def __init__(self, lent: socket.socket) -> None:
        self.socket = lent
        self.is_full = False
        self._lock = threading.Lock()
        self._is_closed = False

    def send(self, descriptor: int, offset: int, count: int) -> int:
        """Send from a file what the socket takes; in a thread."""
        sent_bytes = 0
        with self._lock:
            while sent_bytes < count and not self._is_closed:
                try:
                    sent = os.sendfile(self.socket.fileno(), descriptor, offset + sent_bytes, count - sent_bytes)
                except BlockingIOError:
                    self.is_full = True
                    break
                if not sent:
                    break
                sent_bytes += sent
        self._close_if_asked()
        return sent_bytes

    def close(self) -> None:
        """Close the socket: now, or when the thread that writes to it has left it."""
        self._is_closed = True
        self._close_if_asked()

    def _close_if_asked(self) -> None:
        if self._is_closed and self._lock.acquire(blocking=False):
            try:
                self.socket.close()
            finally:
                self._lock.release()


async def send_file(sink: FileSink, body: FileBody) -> int:
    """Send a plain body but for its end, after the head was written; return how many bytes were sent.

    Raises:
        ClientDisconnected: the client has left.
        CostrelError: the file was changed or cut off.
    """
    lent = await sink.lend_socket()
    if lent is None:
        return 0
    outlet = _Outlet(lent)
    left = body.count - _TAIL_BYTES
    try:
        while left > 0:
            try:
                sent_bytes = await body.transfer(outlet.send, min(left, PIECE_BYTES))
            except ConnectionError as error:
                raise ClientDisconnected from error
            left -= sent_bytes
            sink.count_sent(sent_bytes)
            if outlet.is_full:
                outlet.is_full = False
                await sink.wait_writable(lent)
            elif not sent_bytes:
                break
    finally:
        outlet.close()
    return body.count - _TAIL_BYTES - left

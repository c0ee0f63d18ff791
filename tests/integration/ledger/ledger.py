"""A client that keeps a ledger: every request it has sent, and what became of it.

Each request has an id of its own and a body that nobody can guess; the answer must carry the id and the checksum of
that body, so an answer to somebody else's request is noticed. What a client of HTTP cannot help is not a loss: a
connection that the server has closed before anything was sent on it. Everything else that is not the right answer is
written down by its name, and `Ledger.losses` lists it.

The server answers ``POST /ledger/{id}`` with `proof_of(id, body)`, and may say in a field ``worker`` which process it
was.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum

PATIENCE_SECONDS = 5.0
Address = tuple[str, int] | str


class Outcome(Enum):
    """What became of a request."""

    PENDING = "nothing yet"
    ANSWERED = "the right answer came"
    TURNED_AWAY = "the server said that it is stopping: 503"
    REFUSED = "nobody listened"
    RESET = "the connection was reset"
    TRUNCATED = "the answer broke off"
    UNANSWERED = "the connection was closed without a byte of an answer"
    WRONG = "another answer came"
    TIMED_OUT = "no answer came in time"


FINE = frozenset({Outcome.ANSWERED})


@dataclass(slots=True)
class Entry:
    """One request.

    Args:
        id: its number in the ledger.
        connection: the number of its connection.
        is_reused: whether the connection had carried another request before.
        sent_at: `time.monotonic` when its bytes were handed to the kernel, 0 when the connection was not made.
        sent_bytes: how many those were.
    """

    id: int
    connection: int
    is_reused: bool
    sent_at: float = 0.0
    sent_bytes: int = 0
    outcome: Outcome = Outcome.PENDING
    ended_at: float = 0.0
    status_code: int = 0
    says_close: bool = False
    retry_after: str = ""
    worker: int = 0


@dataclass(slots=True)
class Ledger:
    """All requests of a run, in the order of their ids."""

    entries: list[Entry] = field(default_factory=list)

    def losses(self, *tolerated: Outcome) -> list[Entry]:
        """Return the requests that did not get the right answer, but for outcomes that are tolerated."""
        return [entry for entry in self.entries if entry.outcome not in FINE and entry.outcome not in tolerated]

    def count(self, outcome: Outcome) -> int:
        """Return how many requests ended in one way."""
        return sum(entry.outcome is outcome for entry in self.entries)

    def summary(self) -> dict[str, int]:
        """Return how often each outcome was seen."""
        return dict(Counter(entry.outcome.name for entry in self.entries))

    def workers(self) -> set[int]:
        """Return the processes that have answered."""
        return {entry.worker for entry in self.entries if entry.worker}


def proof_of(request_id: str, body: bytes) -> bytes:
    """Return the only right answer to a request."""
    return b"%b:%08x" % (request_id.encode(), zlib.crc32(body))


class Load:
    """Clients that send one request after the other, each on a connection of its own, until they are stopped.

    Args:
        address: host and port, or the path of a Unix socket.
        clients: how many send at the same time.
        requests_per_connection: after so many a client connects anew by itself; 0 stays as long as the server lets it.
        pause_seconds: between two requests of a client.
        path: what is asked for; it gets the id.
    """

    def __init__(
        self,
        address: Address,
        *,
        clients: int = 8,
        requests_per_connection: int = 0,
        pause_seconds: float = 0.0,
        path: str = "/ledger/",
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.ledger = Ledger()
        self._address = address
        self._clients = clients
        self._requests_per_connection = requests_per_connection
        self._pause_seconds = pause_seconds
        self._path = path
        self._patience_seconds = patience_seconds
        self._stopping = False
        self._connections = itertools.count(1)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Ledger]:
        """Send until the block ends; every request that was sent is then waited for."""
        clients = [asyncio.create_task(self._client()) for _ in range(self._clients)]
        try:
            yield self.ledger
        finally:
            self._stopping = True
            await asyncio.gather(*clients)

    def stop(self) -> None:
        """Send nothing more."""
        self._stopping = True

    async def until(self, condition: Callable[[Ledger], bool], timeout_seconds: float = 10) -> bool:
        """Wait until something is true of the ledger; false when it did not come true in time."""
        deadline = time.monotonic() + timeout_seconds
        while not condition(self.ledger):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.01)
        return True

    async def _client(self) -> None:
        while not self._stopping:
            await self._connection()

    async def _connection(self) -> None:
        """Send requests on one connection until it ends."""
        number = next(self._connections)
        entry = self._enter(number, is_reused=False)
        try:
            opening = (
                asyncio.open_unix_connection(self._address)
                if isinstance(self._address, str)
                else asyncio.open_connection(*self._address)
            )
            reader, writer = await asyncio.wait_for(opening, self._patience_seconds)
        except (ConnectionRefusedError, FileNotFoundError):
            self._close_entry(entry, Outcome.REFUSED)
            await asyncio.sleep(0.01)
            return
        except TimeoutError:
            self._close_entry(entry, Outcome.TIMED_OUT)
            return
        except OSError:
            self._close_entry(entry, Outcome.RESET)
            return
        try:
            worker = 0
            for count in itertools.count(1):
                worker = await self._exchange(entry, reader, writer, worker)
                if entry.outcome is not Outcome.ANSWERED or entry.says_close or count == self._requests_per_connection:
                    return
                await asyncio.sleep(self._pause_seconds)
                # What the server has closed while nothing was under way is no loss: any client sees it and goes on.
                if self._stopping or reader.at_eof():
                    return
                entry = self._enter(number, is_reused=True)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _exchange(
        self, entry: Entry, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, worker: int
    ) -> int:
        """Send one request and read its answer; return the process that answered."""
        body = os.urandom(12).hex().encode() * (1 + entry.id % 40)
        request = b"POST %b%d HTTP/1.1\r\nHost: ledger\r\nContent-Length: %d\r\n\r\n%b" % (
            self._path.encode(),
            entry.id,
            len(body),
            body,
        )
        entry.worker = worker
        entry.sent_at, entry.sent_bytes = time.monotonic(), len(request)
        received = b""
        try:
            async with asyncio.timeout(self._patience_seconds):
                writer.write(request)
                await writer.drain()
                received = await reader.readuntil(b"\r\n\r\n")
                head = received.decode("latin-1").lower().split("\r\n")
                fields = dict(line.split(": ", 1) for line in head[1:-2])
                entry.status_code = int(head[0].split(" ")[1])
                entry.says_close = fields.get("connection") == "close"
                entry.retry_after = fields.get("retry-after", "")
                entry.worker = int(fields.get("worker", worker))
                answer = await reader.readexactly(int(fields["content-length"]))
        except asyncio.IncompleteReadError as error:
            is_silent = not received and not error.partial
            self._close_entry(entry, Outcome.UNANSWERED if is_silent else Outcome.TRUNCATED)
        except TimeoutError:
            self._close_entry(entry, Outcome.TIMED_OUT)
        except OSError:
            self._close_entry(entry, Outcome.RESET if not received else Outcome.TRUNCATED)
        else:
            if entry.status_code == 200 and answer == proof_of(str(entry.id), body):
                self._close_entry(entry, Outcome.ANSWERED)
            elif entry.status_code == 503:
                self._close_entry(entry, Outcome.TURNED_AWAY)
            else:
                self._close_entry(entry, Outcome.WRONG)
        return entry.worker

    def _enter(self, connection: int, *, is_reused: bool) -> Entry:
        entry = Entry(len(self.ledger.entries) + 1, connection, is_reused)
        self.ledger.entries.append(entry)
        return entry

    @staticmethod
    def _close_entry(entry: Entry, outcome: Outcome) -> None:
        entry.outcome = outcome
        entry.ended_at = time.monotonic()

"""Feed the protocol object mutated and split requests, without an exception, a hang or a wrong answer.

    python tests/fuzz/protocol.py --inputs 1000000          the long run
    python tests/fuzz/protocol.py --inputs 20000 --seed 7   a short one that can be repeated
    python tests/fuzz/protocol.py --seed 7 --only 1234      one input again, with all that was sent and answered

Each input is a conversation: well-formed requests, one in three of them spoiled afterwards, cut into pieces. It goes
through a real `Connection` over a transport in memory. What must hold of every conversation is in `judge`.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import re
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from costrel.errors import HTTPError
from costrel.execution import LoopState
from costrel.messages import AppSettings, Request, Response
from costrel.server import ServerSettings
from costrel.server.connection import Connection
from costrel.server.core import ServerCore

MAX_TURNS = 400
"""So many turns of the loop without a byte are a hang: nothing here waits for anything but the loop."""

MAX_SINGLE_BYTES = 2000
"""Longer conversations are not sent in single bytes."""

PROGRESS_INPUTS = 50_000

STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n((?:[a-z0-9-]+: [^\r\n]*\r\n)*)\r\n")
LENGTH = re.compile(rb"(?:^|\n)content-length: (\d+)\r\n")

# What smugglers and broken clients write.
WORDS = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\x00",
    b" ",
    b"\t",
    b":",
    b"\xff",
    b"0\r\n\r\n",
    b"\r\n\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Content-Length: +5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
    b"Expect: 100-continue\r\n",
    b"Expect: a miracle\r\n",
    b"Host: b\r\n",
    b"X: " + b"x" * 300 + b"\r\n",
    b" folded\r\n",
    b"HTTP/1.0",
    b"HTTP/0.9",
    b"HTTP/2.0",
    b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b"5;name=value\r\n",
    b"-1\r\n",
    b"CONNECT a:80",
    b"/../..",
    b"%00",
    b"#",
    b"\\",
]

SETTINGS = ServerSettings(
    max_request_line_bytes=200,
    max_header_bytes=600,
    max_header_field_bytes=400,
    max_header_count=12,
    max_pipelined_requests=4,
)


class Violation(Exception):
    """Something that must never happen."""


@dataclass
class Conversation:
    """What is sent on one connection.

    Args:
        data: all bytes.
        cuts: where they are cut into pieces.
        intact: the answers to the requests that stand before the first spoiled byte, as their bodies.
        is_intact: whether nothing was spoiled.
    """

    data: bytes
    cuts: list[int]
    intact: list[bytes]
    is_intact: bool

    @property
    def pieces(self) -> list[bytes]:
        """The pieces in which they arrive."""
        places = [0, *self.cuts, len(self.data)]
        return [self.data[begin:end] for begin, end in zip(places, places[1:], strict=False) if begin < end]


@dataclass
class Echo:
    """An application that answers with what it was asked, and remembers what it has answered."""

    answered: list[tuple[str, bytes]] = field(default_factory=list)
    name = "fuzz"
    debug = False
    settings = AppSettings(max_body_bytes=80_000)

    async def dispatch(self, request: Request) -> Response:
        """Read the body, unless the path says not to, and echo."""
        try:
            if not request.path.startswith("/ignore"):
                await request.read()
        except HTTPError as error:
            return Response(b"", error.status_code)
        if request.path.startswith("/later"):
            await asyncio.sleep(0)
        body = echo_of(request.method, request.raw_path)
        self.answered.append((request.method, body))
        return Response(body, media_type="text/plain")

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[LoopState]:
        """Nothing starts and nothing stops."""
        state = LoopState.start(asyncio.get_running_loop())
        yield state
        await state.aclose(1.0)

    def listens(self, event: str) -> bool:
        """Nobody listens."""
        return False

    def emit(self, event: str, fields: Mapping[str, object]) -> None:
        """Nobody is told."""

    def url_for(self, name: str, /, **values: object) -> str:
        """There are no routes."""
        raise LookupError(name)

    def make_globals(self) -> object:
        """Something to put things on."""
        return object()


class Pipe(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self, protocol: Connection) -> None:
        super().__init__()
        self.protocol = protocol
        self.sent = bytearray()
        self.is_paused = self.is_over = self.has_eof = False

    def write(self, data: Any) -> None:
        """Keep bytes; after the end there must be none."""
        if self.has_eof or self.is_over:
            raise Violation("something is written after the end")
        self.sent += data

    def writelines(self, pieces: Any) -> None:
        """Keep bytes."""
        self.write(b"".join(pieces))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Tell the address of the other end."""
        return ("192.0.2.1", 40000) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing waits here."""

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Nothing waits here."""
        return 0, 0

    def get_write_buffer_size(self) -> int:
        """Nothing waits here."""
        return 0

    def pause_reading(self) -> None:
        """Deliver nothing more."""
        self.is_paused = True

    def resume_reading(self) -> None:
        """Deliver again."""
        self.is_paused = False

    def can_write_eof(self) -> bool:
        """It can."""
        return True

    def write_eof(self) -> None:
        """Note that nothing more will be written."""
        self.has_eof = True

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.is_over

    def close(self) -> None:
        """Close, as a loop does: the protocol hears of it later."""
        if not self.is_over:
            self.is_over = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        """Close at once."""
        self.close()


def echo_of(method: str, raw_path: bytes) -> bytes:
    """Return the answer of the application."""
    return b"%b %b" % (method.encode(), raw_path)


def make_request(chance: random.Random, number: int) -> tuple[bytes, bytes]:
    """Make a well-formed request that keeps its connection, and what it is answered with."""
    raw_path = b"/%b%d" % (chance.choice((b"", b"", b"", b"later", b"ignore")), number)
    kind = chance.random()
    lines = [b"Host: a"]
    if chance.random() < 0.3:
        lines += [b"X-%d: %b" % (i, b"v" * chance.randrange(12)) for i in range(chance.randrange(1, 5))]
    # Who expects a 100 and gets an answer instead may send the body or not, so that connection rightly ends.
    if chance.random() < 0.1 and not raw_path.startswith(b"/ignore"):
        lines.append(b"Expect: 100-continue")
    query = chance.choice((b"", b"", b"?a=1"))
    if kind < 0.5:
        method, body = chance.choice((b"GET", b"GET", b"GET", b"OPTIONS", b"DELETE", b"HEAD")), b""
    elif kind < 0.75:
        # Now and then more than is fed to the parser at once, and more than is held before reading stops.
        # What nobody reads of a body is read for the next request only up to 64 KiB.
        max_bytes = 60_000 if raw_path.startswith(b"/ignore") else 79_000
        method, body = b"POST", bytes(chance.randrange(60 if chance.random() < 0.97 else max_bytes))
        lines.append(b"Content-Length: %d" % len(body))
    else:
        method, body = b"PUT", b""
        lines.append(b"Transfer-Encoding: chunked")
        for _ in range(chance.randrange(4)):
            piece = bytes(chance.randrange(1, 20))
            body += b"%x%b\r\n%b\r\n" % (len(piece), chance.choice((b"", b"", b";e")), piece)
        body += b"0\r\n%b\r\n" % chance.choice((b"", b"", b"X-T: t\r\n"))
    head = b"%b %b%b HTTP/1.1\r\n%b\r\n\r\n" % (method, raw_path, query, b"\r\n".join(lines))
    return head + body, echo_of(method.decode(), raw_path)


def spoil(chance: random.Random, data: bytearray) -> int:
    """Change some bytes, and return where the first of them stands."""
    first = len(data)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        place = chance.randrange(len(data) + 1) if data else 0
        first = min(first, place)
        kind = chance.randrange(6)
        if kind == 0:
            data[place : place + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            del data[place : place + chance.choice((1, 1, 2, 8, 40))]
        elif kind == 2:
            data[place:place] = chance.choice(WORDS)
        elif kind == 3:
            data[place:place] = chance.randbytes(chance.randrange(1, 12))
        elif kind == 4:
            begin = chance.randrange(len(data) + 1)
            data[place:place] = data[begin : begin + chance.randrange(1, 40)]
        else:
            word = chance.choice(WORDS)
            data[place : place + len(word)] = word
    return first


def make_conversation(chance: random.Random) -> Conversation:
    """Make what is sent on one connection."""
    requests = [make_request(chance, number) for number in range(chance.choice((1, 1, 2, 3, 6)))]
    data = bytearray(b"".join(sent for sent, _ in requests))
    is_intact = chance.random() < 0.33
    spoiled_at = len(data) if is_intact else spoil(chance, data)
    intact, end = [], 0
    for sent, answer in requests:
        end += len(sent)
        if end <= spoiled_at:
            intact.append(answer)
    cut_count = chance.choice((0, 0, 1, 2, 5, len(data) if len(data) < MAX_SINGLE_BYTES else 3))
    if cut_count == len(data):
        cuts = list(range(1, len(data)))
    else:
        cuts = sorted(chance.randrange(len(data) + 1) for _ in range(cut_count))
    return Conversation(bytes(data), cuts, intact, is_intact)


async def turn(connection: Pipe, *, until_over: bool = False, until_open: bool = False) -> None:
    """Let the loop run until nothing more is written, or until something is the case."""
    quiet = waited = 0
    while quiet < 6 or (until_over and not connection.is_over) or (until_open and connection.is_paused):
        before = len(connection.sent)
        await asyncio.sleep(0)
        quiet = 0 if len(connection.sent) != before else quiet + 1
        waited += 1
        if connection.is_over and not until_over:
            return
        if waited > MAX_TURNS:
            raise Violation("it hangs")


async def hold(core: ServerCore, conversation: Conversation) -> Pipe:
    """Send a conversation as a loop would deliver it, then the end of the client's side."""
    connection = Connection(core)
    pipe = Pipe(connection)
    connection.connection_made(pipe)
    for piece in conversation.pieces:
        if pipe.is_paused:
            await turn(pipe, until_open=True)
        if pipe.is_over:
            break
        connection.data_received(piece)
        if len(conversation.cuts) < 20:
            await asyncio.sleep(0)
    await turn(pipe)
    if not pipe.is_over and not connection.eof_received():
        pipe.close()
    if not pipe.is_over:
        await turn(pipe)
        # What the client owes the rest of is given up in time.
        for _ in range(3 if pipe.is_over else 200):
            core.advance(0.25)
            if pipe.is_over:
                break
            await asyncio.sleep(0)
    await turn(pipe, until_over=True)
    return pipe


def read_answers(sent: bytes, answered: list[tuple[str, bytes]]) -> list[tuple[int, bytes]]:
    """Take apart what was written; anything that is not a sequence of whole responses is a violation."""
    answers: list[tuple[int, bytes]] = []
    position = given = 0
    while position < len(sent):
        match = STATUS.match(sent, position)
        if match is None:
            raise Violation(f"no response begins at byte {position} of what was sent")
        position = match.end()
        status, fields = int(match[1]), match[2]
        if status == 100:
            continue
        length = LENGTH.search(fields)
        if length is None:
            raise Violation(f"a response with status {status} has no length")
        body = sent[position : position + int(length[1])]
        if status == 200:
            if given == len(answered):
                raise Violation("there are more answers than the application gave")
            method, expected = answered[given]
            given += 1
            if method == "HEAD":
                body = b""
            elif body != expected:
                raise Violation(f"an answer is {body!r} and should be {expected!r}")
        elif position == len(sent):
            body = b""  # to HEAD
        position += len(body)
        answers.append((status, body))
        if b"connection: close" in fields and position != len(sent):
            raise Violation("something follows an answer that closes the connection")
        if status >= 400 and b"connection: close" not in fields and status not in (413, 408):
            raise Violation(f"a refusal with status {status} does not close the connection")
    if given != len(answered):
        raise Violation(f"{len(answered)} answers were given and {given} were sent")
    return answers


def judge(conversation: Conversation, sent: bytes, answered: list[tuple[str, bytes]], core: ServerCore) -> None:
    """Hold what became of a conversation against what must hold of each.

    What was written is whole responses, in the order in which the application gave them, and nothing follows the one
    that closes. Every request before the first spoiled byte is answered, once and first; where nothing is spoiled
    there is no other answer. Nothing is left behind.

    Raises:
        Violation: one of these does not hold.
    """
    read_answers(sent, answered)
    bodies = [body for _, body in answered]
    if bodies[: len(conversation.intact)] != conversation.intact:
        raise Violation(f"{conversation.intact!r} should be answered first, and {bodies!r} was")
    if conversation.is_intact and len(bodies) != len(conversation.intact):
        raise Violation("there are more answers than requests")
    if core.active_count or core.connections or core.orphans:
        raise Violation("a request or a connection is left behind")


def shown(pieces: list[bytes]) -> str:
    """Return pieces as text, long bodies by their length."""
    return re.sub(r"(?:\\x00){20,}", lambda match: f"<{len(match[0]) // 4} bytes>", repr(pieces))


class Complaints(logging.Handler):
    """Keeps errors of the server: it logs them instead of raising."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.records.append(self.format(record))


async def run(seed: int, numbers: range, *, tells: bool) -> int:
    """Hold conversations; return the number of the first that went wrong, or -1."""
    loop = asyncio.get_running_loop()
    complaints = Complaints()
    logging.getLogger("costrel").addHandler(complaints)
    loop.set_exception_handler(lambda _, context: complaints.records.append(str(context)))
    application = Echo()
    began = time.monotonic()
    async with application.lifespan() as state:
        core = ServerCore(application, SETTINGS, state, lambda _: None)
        for number in numbers:
            conversation = make_conversation(random.Random(f"{seed}:{number}"))
            application.answered = []
            pipe = None
            try:
                pipe = await hold(core, conversation)
                judge(conversation, bytes(pipe.sent), application.answered, core)
                if complaints.records:
                    raise Violation(complaints.records[0])
            except Exception as error:
                print(f"seed {seed}, input {number}: {error!r}\n  pieces {shown(conversation.pieces)}")
                print(f"  sent {bytes(pipe.sent) if pipe is not None else b''!r}\n  answered {application.answered!r}")
                return number
            if tells:
                print(
                    f"pieces {shown(conversation.pieces)}\nsent {bytes(pipe.sent)!r}\nanswered {application.answered!r}"
                )
            elif (number + 1) % PROGRESS_INPUTS == 0:
                print(f"{number + 1:,} inputs in {time.monotonic() - began:.0f} s", flush=True)
    return -1


def main() -> int:
    """Read the command line, hold the conversations, and return the exit code."""
    parser = argparse.ArgumentParser(description="Fuzz the protocol object of the server.")
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--only", type=int, help="repeat this one input and show it")
    given = parser.parse_args()
    numbers = range(given.inputs) if given.only is None else range(given.only, given.only + 1)
    print(f"seed {given.seed}, {len(numbers):,} inputs", flush=True)
    began = time.monotonic()
    failed = asyncio.run(run(given.seed, numbers, tells=given.only is not None))
    if failed >= 0:
        print(f"repeat it: python tests/fuzz/protocol.py --seed {given.seed} --only {failed}")
        return 1
    print(f"{len(numbers):,} inputs, no exception, no hang, no wrong answer, in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

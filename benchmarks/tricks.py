"""What each trick on the hot path saves: the plain form beside the one that is used, in one process.

A comment ``# PERF:`` in the source names an entry here. Figures are the best of seven rounds in nanoseconds; only the
difference within one run means anything.

    python benchmarks/tricks.py
"""

from __future__ import annotations

import asyncio
import platform
import re
import time
from collections.abc import Callable, Coroutine
from typing import cast

import httptools
import uvloop

from costrel.gateways.asgi_fields import KnownFields
from costrel.http import RequestHeaders, essence_of, field_name, parse_media_type
from costrel.messages import DEFAULT_LIMITS, Request
from costrel.messages.content import read_content, take_arrived_content
from costrel.routing import RouteEntry, build_table, parse_pattern
from costrel.server import ServerSettings
from costrel.server.exchange import Carrier, NativeExchange
from costrel.server.framing import RequestFraming
from costrel.server.parser_state import ParserLimits
from costrel.server.parsing import RequestParser

ROUNDS = 7
CALLS = 50_000
SMALL = b" HTTP/1.1\r\nHost: localhost:8000\r\n\r\n"
FIELDS = b"".join(b"X-Field-%d: some value that is not short\r\n" % number for number in range(11))
LARGE = b" HTTP/1.1\r\nHost: localhost:8000\r\n" + FIELDS + b"\r\n"


class Loopless:
    """What a body asks of the loop's state while nobody waits."""

    loop = None


class Bearer:
    """What a parser asks of a connection."""

    loop_state = Loopless()
    peer = None

    def body_arrived(self, byte_count: int) -> None:
        """Nothing is counted."""

    def body_taken(self, byte_count: int) -> None:
        """Nothing is counted."""


class Routed:
    """What a table asks of a request."""

    method = "GET"
    host = "localhost"
    headers: dict[str, str] = {}
    is_websocket = False

    def __init__(self, path: str) -> None:
        self.route_path = path
        self.path_params: dict[str, object] = {}


class ManySlots:
    """An exchange with everything on the instance."""

    __slots__ = tuple("abcdefghijkmnopqr")

    def __init__(self, value: object) -> None:
        self.a = self.b = self.c = self.d = self.e = self.f = value
        self.g = self.h = self.i = self.j = self.k = self.m = self.n = self.o = self.p = self.q = self.r = None


class FewAttributes:
    """An exchange with what hardly ever differs on the class."""

    g = h = i = j = k = m = n = o = p = q = r = None

    def __init__(self, value: object) -> None:
        self.a = self.b = self.c = self.d = self.e = self.f = value


def cost(function: Callable[[], object], calls: int = CALLS) -> float:
    """Return the nanoseconds of one call, the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(calls):
            function()
        best = min(best, time.perf_counter() - start)
    return best / calls * 1e9


def show(name: str, plain: Callable[[], object], used: Callable[[], object]) -> None:
    """Measure both forms and print the difference."""
    before, after = cost(plain), cost(used)
    print(f"{name:26}{before:9.0f}{after:9.0f}{before - after:9.0f}")


def repeated_head(name: str, rest: bytes) -> None:
    """Compare parsing a head again with taking it as a repeated one."""
    parser = RequestParser(cast("Carrier", Bearer()), ParserLimits.of(ServerSettings()))

    repeated = b"GET /a" + rest

    def parse_again() -> None:
        parser._known_rest = b""
        parser.feed(repeated)
        parser.waiting.clear()

    def take() -> None:
        parser.feed(repeated)
        parser.waiting.clear()

    show(name, parse_again, take)


def arrived_body() -> None:
    """Compare a body that came with its head with one that comes in a read of its own; both are read as a whole."""
    body = b"{}" * 512
    head = b"POST /order HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1024\r\n\r\n"
    parser = RequestParser(cast("Carrier", Bearer()), ParserLimits.of(ServerSettings()))

    def read(exchange: NativeExchange) -> None:
        headers = RequestHeaders.from_raw(exchange.raw_headers)
        content = take_arrived_content(exchange, headers, DEFAULT_LIMITS, max_body_bytes=None)
        if content is None:
            try:
                read_content(exchange, headers, DEFAULT_LIMITS, max_body_bytes=None).send(None)
            except StopIteration as stop:
                content = stop.value
        if content != body:
            raise SystemExit("the body was not read")

    def in_two_reads() -> None:
        parser.feed(head)
        parser.feed(body)
        read(parser.waiting.popleft())

    def in_one_read() -> None:
        parser.feed(head + body)
        read(parser.waiting.popleft())

    show("arrived_body", in_two_reads, in_one_read)


def repeated_body_head() -> None:
    """Compare parsing the head of a request with a body again with taking it as a repeated one."""
    fields = b"Host: localhost:8000\r\nContent-Type: application/json\r\nContent-Length: 1024\r\n\r\n"
    request = b"POST /order HTTP/1.1\r\n" + fields + b"{}" * 512
    parser = RequestParser(cast("Carrier", Bearer()), ParserLimits.of(ServerSettings()))

    def parse_again() -> None:
        parser._known_body_head = None
        parser.feed(request)
        parser.waiting.clear()

    def take() -> None:
        parser.feed(request)
        parser.waiting.clear()

    show("repeated_body_head", parse_again, take)


def taken_body() -> None:
    """Compare awaiting the reader of a body that is here already with taking it."""

    async def read(request: Request) -> None:
        await request.read()

    async def take(request: Request) -> None:
        if request.content is None and not request.take_content():
            await request.read()

    def cost_of(handle: Callable[[Request], Coroutine[object, object, None]]) -> Callable[[], object]:
        def run() -> None:
            exchange = NativeExchange(cast("Carrier", Bearer()), "POST", "1.1", True, [])
            exchange.arrived = b"{}"
            request = Request("POST", "/", b"/", b"", [], exchange)
            try:
                handle(request).send(None)
            except StopIteration:
                return

        return run

    show("taken_body", cost_of(read), cost_of(take))


def asgi_fields() -> None:
    """Compare looking at every field line of an ASGI server with asking whether all were seen before."""
    lines = [(b"host", b"localhost"), *((b"x-field-%d" % number, b"some value") for number in range(11))]
    known = KnownFields()
    known.check(lines)

    def is_known() -> bool:
        names = dict(lines)
        return known.names.issuperset(names) and names.get(b"host") in known.hosts and len(names) == len(lines)

    show("asgi_fields", lambda: known.check(lines), is_known)


class WithHook:
    """A class with slots and `__getattr__`."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 1

    def __getattr__(self, name: str) -> object:
        raise AttributeError(name)


class WithoutHook:
    """The same without it."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 1


class FrozenFraming:
    """A framing as a frozen dataclass makes it."""

    __slots__ = ("content_length", "expects_continue", "is_chunked", "is_websocket")

    def __init__(self, content_length: int, is_chunked: bool, expects_continue: bool, is_websocket: bool) -> None:
        object.__setattr__(self, "content_length", content_length)
        object.__setattr__(self, "is_chunked", is_chunked)
        object.__setattr__(self, "expects_continue", expects_continue)
        object.__setattr__(self, "is_websocket", is_websocket)


async def nothing() -> None:
    """What a task is made of, for its own cost."""


def named_task() -> None:
    """Compare a task that the loop makes with one that is made with a name; both run to their end."""
    loop = uvloop.new_event_loop()

    async def run(make: Callable[[], object]) -> None:
        for _ in range(100):
            make()
        await asyncio.sleep(0)

    def made_by_the_loop() -> None:
        loop.run_until_complete(run(lambda: loop.create_task(nothing())))

    def made_with_a_name() -> None:
        loop.run_until_complete(run(lambda: asyncio.Task(nothing(), loop=loop, name="request")))

    before, after = (cost(each, calls=CALLS // 100) / 100 for each in (made_by_the_loop, made_with_a_name))
    print(f"{'named_task':26}{before:9.0f}{after:9.0f}{before - after:9.0f}")
    loop.close()


def main() -> None:
    """Print the table."""
    print(f"Python {platform.python_version()}, nanoseconds a call")
    print(f"{'trick':26}{'plain':>9}{'used':>9}{'saves':>9}")
    head, body = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ", b"Hello, World!"
    endings = tuple(b"%d\r\n\r\n" % size for size in range(1024))
    show("ready_ending", lambda: b"%b%d\r\n\r\n%b" % (head, len(body), body), lambda: head + endings[len(body)] + body)
    repeated_head("repeated_head", SMALL)
    repeated_head("repeated_head_12_fields", LARGE)
    data = b"GET /users/42" + LARGE
    show("find_not_in", lambda: b"_" in data, lambda: data.find(b"_") >= 0)
    parser = httptools.HttpRequestParser(object())
    parser.feed_data(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    show("request_line", lambda: parser.get_http_version() == "1.1", lambda: data.startswith(b" HTTP/1.1\r\n", 13))
    value = "text/html; charset=utf-8"
    allowed = re.compile(r"[\t\x20-\x7e\x80-\xff]*+").fullmatch
    show("printable_ascii", lambda: allowed(value) is not None, lambda: value.isascii() and value.isprintable())
    show("few_attributes", lambda: ManySlots(1), lambda: FewAttributes(1))
    show("common_essence", lambda: parse_media_type("application/json").essence, lambda: essence_of("application/json"))
    show("known_field_name", lambda: field_name("X-Unknown-Name"), lambda: field_name("Content-Type"))
    names, values = ("id",), ("42",)
    show("dict_display", lambda: dict(zip(names, values, strict=True)), lambda: {names[0]: values[0]})
    entry = RouteEntry(parse_pattern("/user/{id:int}"), frozenset({"GET"}), "user")
    table, mistakes = build_table([entry])
    if mistakes:
        raise SystemExit(str(mistakes[0]))
    walking, _ = build_table([entry])
    walking._last_segments = {}
    request = Routed("/user/42")
    named_task()
    arrived_body()
    show(
        "framing_tuple",
        lambda: FrozenFraming(1024, False, False, False),
        lambda: RequestFraming(1024, False, False, False),
    )
    asgi_fields()
    repeated_body_head()
    taken_body()
    hooked, plain = WithHook(), WithoutHook()

    def load(one: WithHook | WithoutHook) -> None:
        one.value, one.value, one.value, one.value, one.value, one.value, one.value, one.value, one.value, one.value  # noqa: B018

    show("getattr_hook_ten_loads", lambda: load(hooked), lambda: load(plain))
    show("last_segment", lambda: walking.find(request), lambda: table.find(request))


if __name__ == "__main__":
    main()

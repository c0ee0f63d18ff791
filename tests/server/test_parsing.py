"""Tests of the parser: repeated heads against a fresh parser, limits to the byte, chunked bodies, and its end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from costrel.execution import LoopState
from costrel.server.exchange import NativeExchange
from costrel.server.parser_state import SLICE_BYTES, ParserLimits, State
from costrel.server.parsing import RequestParser
from costrel.server.settings import ServerSettings

LIMITS = ParserLimits.of(ServerSettings())
HOST = b"Host: a\r\n"


@dataclass
class Carrier:
    """A connection that only holds what its exchanges need."""

    loop_state: LoopState
    peer: tuple[str, int] | None = None
    held_bytes: int = 0
    written: list[bytes] = field(default_factory=list)

    def body_arrived(self, byte_count: int) -> None:
        self.held_bytes += byte_count

    def body_taken(self, byte_count: int) -> None:
        self.held_bytes -= byte_count

    def write(self, data: bytes) -> None:
        self.written.append(data)

    async def drain(self) -> None: ...

    def abort(self) -> None: ...


@pytest.fixture(scope="module")
def carrier() -> Iterator[Carrier]:
    with asyncio.Runner() as runner:

        async def start() -> LoopState:
            return LoopState.start(asyncio.get_running_loop())

        state = runner.run(start())
        yield Carrier(state)
        runner.run(state.aclose(1.0))


def parse(carrier: Carrier, *slices: bytes, limits: ParserLimits = LIMITS) -> RequestParser:
    """Feed slices as a connection does: none that is empty, none after the parser has stopped."""
    parser = RequestParser(carrier, limits)
    for data in slices:
        for start in range(0, len(data), SLICE_BYTES):
            if parser.state is not State.STOPPED:
                parser.feed(data[start : start + SLICE_BYTES])
    return parser


def content_of(exchange: NativeExchange) -> bytes | None:
    """What has come of a body, in whichever way it is kept."""
    return exchange.arrived if exchange.body is None else b"".join(exchange.body._pieces)


def view(exchange: NativeExchange) -> tuple[Any, ...]:
    """Everything that can be known of an exchange."""
    if exchange.refusal is not None:
        return ("refused", exchange.refusal.status_code)
    body = exchange.body
    return (
        exchange.method,
        exchange.version,
        exchange.path,
        exchange.raw_path,
        exchange.query_string,
        tuple(exchange.raw_headers),
        exchange.keep_alive,
        exchange.is_plain,
        exchange.is_websocket,
        (exchange.body_complete, content_of(exchange)),
        body is not None and body.expects_continue,
        None if body is None or body.error is None else body.error.status_code,
    )


def views(parser: RequestParser) -> list[tuple[Any, ...]]:
    return [view(exchange) for exchange in parser.waiting]


plain_targets = st.text("abcXYZ019-._~!$&'()*+,;=:@/?", max_size=12).map(lambda text: "/" + text)
odd_targets = st.text('/a?%20#\\"<>^`{|}[]\x00\x7f\x80\xff \t\r\n*', max_size=8)
targets = st.one_of(
    plain_targets,
    plain_targets,
    odd_targets.map(lambda text: "/" + text),
    odd_targets,
    st.sampled_from(["*", "http://a/x", "http://b/x", "/a/../b", "//a", "/%41", "/%zz", "/%00", "/a?b?c#d"]),
).map(lambda text: text.encode("latin-1"))
methods = st.sampled_from(
    [b"GET", b"GET", b"GET", b"GET", b"HEAD", b"POST", b"OPTIONS", b"QUERY", b"get", b"GETS", b""]
)
versions = st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"RTSP/1.0"])
blocks = st.one_of(
    st.sampled_from(
        [
            HOST,
            HOST,
            HOST + b"Accept: */*\r\nUser-Agent: x\r\n",
            HOST + b"X_Under: 1\r\n",
            HOST + b"X-A: 1 \r\nX-A: 2\r\n",
            HOST + b"Connection: close\r\n",
            HOST + b"Connection: keep-alive\r\n",
            HOST + b"Connection: Upgrade\r\nUpgrade: foo\r\n",
            HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
            HOST + b"Content-Length: 0\r\n",
            HOST + b"Expect: 100-continue\r\n",
            HOST + b"Cookie: a=1\r\nCookie: b=2\r\n",
            HOST + HOST,
            b"Host: other\r\n",
            b"Host: a/b\r\n",
            b"",
        ]
    ),
    st.lists(st.sampled_from([b"X-B: 1\r\n", b"x-c:\t\xff\r\n", b"Bad\r\n", b"X-D: \r\n", HOST]), max_size=4).map(
        lambda lines: HOST + b"".join(lines)
    ),
)
requests = st.builds(
    lambda method, target, version, block: b"%b %b %b\r\n%b\r\n" % (method, target, version, block),
    methods,
    targets,
    versions,
    blocks,
)
# The shapes that are most often repeated, so that the short cuts are tried often.
repeated = st.builds(lambda target: b"GET %b HTTP/1.1\r\n%b\r\n" % (target.encode(), HOST), plain_targets)
repeated_with_body = st.builds(
    lambda method, target, line, body: (
        b"%b %b HTTP/1.1\r\n%b%b\r\n%b"
        % (method, target.encode("latin-1"), HOST, line.replace(b"N", b"%d" % len(body)), body)
    ),
    st.sampled_from([b"POST", b"POST", b"PUT", b"GET", b"HEAD"]),
    st.one_of(plain_targets, plain_targets, odd_targets.map(lambda text: "/" + text)),
    st.sampled_from(
        [
            *[b"Content-Length: N\r\n"] * 4,
            b"content-length: N\r\nX-A: 1\r\n",
            b"X-A: content-length: N\r\nContent-Length:N\r\n",
            b"Content-Length: 0N\r\n",
            b"Content-Length: N \r\n",
            b"Content-Length: N\r\nExpect: 100-continue\r\n",
            b"Content-Length: N\r\nConnection: close\r\n",
            b"Content-Length: N\r\nConnection: Upgrade\r\nUpgrade: foo\r\n",
            b"Content-Length: N\r\nContent-Length: N\r\n",
        ]
    ),
    st.sampled_from([b"", b"a", b"ab", b"\r\n\r\n", b"Content-Length: 1\r\n\r\na", b"x" * 10, b"x" * 9000]),
)


def expected_views(carrier: Carrier, sequence: list[bytes]) -> list[tuple[Any, ...]]:
    """What fresh parsers find in each request, up to the one after which a connection ends."""
    found: list[tuple[Any, ...]] = []
    for data in sequence:
        parser = parse(carrier, data)
        found.extend(views(parser))
        if parser.state is not State.BETWEEN or not all(exchange.keep_alive for exchange in parser.waiting):
            break
    return found


@given(
    st.lists(st.one_of(repeated, repeated, repeated_with_body, repeated_with_body, requests), min_size=1, max_size=6)
)
@settings(max_examples=200, deadline=None)
def test_repeated_heads_are_read_as_by_a_fresh_parser(carrier: Carrier, sequence: list[bytes]) -> None:
    """Whatever came before on a connection, a request that comes whole is what it is on a new one."""

    assert expected_views(carrier, sequence) == views(parse(carrier, *sequence))


@given(st.lists(st.one_of(repeated, requests), min_size=1, max_size=5), st.data())
@settings(max_examples=200, deadline=None)
def test_cuts_make_no_difference(carrier: Carrier, sequence: list[bytes], data: st.DataObject) -> None:
    """Where the reads of a connection end makes no difference to what is found."""
    expected = expected_views(carrier, sequence)
    joined = b"".join(sequence)
    cuts = sorted(data.draw(st.lists(st.integers(1, max(len(joined) - 1, 1)), max_size=6)))
    slices = [joined[start:end] for start, end in zip([0, *cuts], [*cuts, len(joined)], strict=True)]
    found = views(parse(carrier, *slices))

    assert [one for one in expected if one[0] != "refused"] == [one for one in found if one[0] != "refused"]
    assert [one[0] == "refused" for one in expected] == [one[0] == "refused" for one in found]


def test_repeated_head_after_the_last_request(carrier: Carrier) -> None:
    """What follows a request that ends its connection is never read, however familiar it looks."""
    plain = b"GET /%b HTTP/1.1\r\n" + HOST + b"\r\n"
    last = b"GET /last HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    parser = parse(carrier, plain % b"a", plain % b"b", last, plain % b"c")

    assert ["/a", "/b", "/last"] == [exchange.path for exchange in parser.waiting]


def request_line(length: int) -> bytes:
    """A GET whose request line has `length` bytes, its CRLF included."""
    return b"GET /" + b"a" * (length - 16) + b" HTTP/1.1\r\n"


def field_line(length: int) -> bytes:
    """A field line of `length` bytes, its CRLF included."""
    return b"X: " + b"a" * (length - 5) + b"\r\n"


def around(limit: int) -> list[Any]:
    """Return the numbers around a limit, and whether each is over it."""
    return [pytest.param(limit + step, step > 0, id=f"limit{step:+d}") for step in (-1, 0, 1)]


def outcome(parser: RequestParser) -> int | None:
    """The status of the refusal, `None` when the only request was taken."""
    (exchange,) = parser.waiting
    return exchange.refusal.status_code if exchange.refusal is not None else None


def cut_ways(data: bytes) -> list[list[bytes]]:
    """The same bytes whole, in halves, and in small pieces."""
    return [
        [data],
        [data[: len(data) // 2], data[len(data) // 2 :]],
        [data[at : at + 7] for at in range(0, len(data), 7)],
    ]


@pytest.mark.security("A35")
@pytest.mark.parametrize("limit", [200, 8192])
@pytest.mark.parametrize("step", [-1, 0, 1])
def test_request_line_limit(carrier: Carrier, limit: int, step: int) -> None:
    """A request line may have as many bytes as the limit says, and no more, however it comes."""
    limits = ParserLimits.of(ServerSettings(max_request_line_bytes=limit))
    data = request_line(limit + step) + HOST + b"\r\n"

    for slices in cut_ways(data):
        assert (414 if step > 0 else None) == outcome(parse(carrier, *slices, limits=limits))


@pytest.mark.security("A38")
@pytest.mark.parametrize("limit", [300, 16384])
@pytest.mark.parametrize("step", [-1, 0, 1])
def test_field_limit(carrier: Carrier, limit: int, step: int) -> None:
    """One field line may have as many bytes as the limit says, and no more."""
    limits = ParserLimits.of(ServerSettings(max_header_field_bytes=limit))
    data = b"GET / HTTP/1.1\r\n" + HOST + field_line(limit + step) + b"\r\n"

    for slices in cut_ways(data):
        assert (431 if step > 0 else None) == outcome(parse(carrier, *slices, limits=limits))


@pytest.mark.security("A38")
@pytest.mark.parametrize("limit", [400, 32768])
@pytest.mark.parametrize("step", [-1, 0, 1])
def test_header_limit(carrier: Carrier, limit: int, step: int) -> None:
    """All field lines together may have as many bytes as the limit says, and no more."""
    limits = ParserLimits.of(ServerSettings(max_header_bytes=limit, max_header_field_bytes=min(limit, 16384)))
    third = (limit - len(HOST)) // 3
    rest = limit + step - len(HOST) - 2 * third
    data = b"GET / HTTP/1.1\r\n" + HOST + field_line(third) * 2 + field_line(rest) + b"\r\n"

    for slices in cut_ways(data):
        assert (431 if step > 0 else None) == outcome(parse(carrier, *slices, limits=limits))


@pytest.mark.security("A37")
@pytest.mark.parametrize(("count", "is_over"), around(100))
def test_count_limit(carrier: Carrier, count: int, is_over: bool) -> None:
    """A head may have as many field lines as the limit says, and no more."""
    data = b"GET / HTTP/1.1\r\n" + HOST + b"".join(b"X-%d: 1\r\n" % number for number in range(count - 1)) + b"\r\n"

    for slices in cut_ways(data):
        assert (431 if is_over else None) == outcome(parse(carrier, *slices))


BEFORE = (
    b"",
    b"GET / HTTP/1.1\r\n" + HOST + b"\r\n",
    b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3000\r\n\r\n" + b"x" * 3000,
)


@given(
    st.integers(20, 60),
    st.integers(20, 60),
    st.integers(20, 60),
    st.integers(1, 5),
    st.integers(1, 4000),
    st.sampled_from(BEFORE),
)
@settings(max_examples=150, deadline=None)
def test_limits_together(
    carrier: Carrier, line: int, one: int, two: int, count: int, piece: int, before: bytes
) -> None:
    """A head is taken exactly when each of its limits is kept, however it comes and whatever came before."""
    limits = ParserLimits.of(
        ServerSettings(max_request_line_bytes=40, max_header_bytes=90, max_header_field_bytes=45, max_header_count=3)
    )
    lines = [HOST, field_line(one), field_line(two), b"A: 1\r\n", b"B: 1\r\n"][:count]
    data = request_line(line) + b"".join(lines) + b"\r\n"
    fits = line <= 40 and len(b"".join(lines)) <= 90 and max(map(len, lines)) <= 45 and len(lines) <= 3
    whole = before + data
    parser = parse(carrier, *[whole[at : at + piece] for at in range(0, len(whole), piece)], limits=limits)

    assert fits == (parser.waiting[-1].refusal is None)
    assert 1 + bool(before) == len(parser.waiting)


def chunked(*parts: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(parts)


def body_status(parser: RequestParser) -> int | None:
    """The status with which the body failed, `None` when it is complete."""
    (exchange,) = parser.waiting
    assert exchange.body is not None
    assert exchange.body.is_complete == (exchange.body.error is None)
    return exchange.body.error.status_code if exchange.body.error is not None else None


@pytest.mark.security("A21")
@pytest.mark.parametrize(("count", "is_over"), around(32))
def test_trailer_count_limit(carrier: Carrier, count: int, is_over: bool) -> None:
    """A trailer section may have as many fields as the limit says, and no more; none becomes a header field."""
    trailers = b"".join(b"X-%d: 1\r\n" % number for number in range(count))

    for slices in cut_ways(chunked(b"1\r\na\r\n0\r\n", trailers, b"\r\n")):
        parser = parse(carrier, *slices)

        assert (431 if is_over else None) == body_status(parser)
        assert [b"host", b"transfer-encoding"] == [name for name, _ in parser.waiting[0].raw_headers]


@pytest.mark.security("A21")
@pytest.mark.parametrize(("size", "is_over"), around(1000))
def test_trailer_size_limit(carrier: Carrier, size: int, is_over: bool) -> None:
    """A trailer section may have as many bytes as the limit says, and no more."""
    limits = ParserLimits.of(ServerSettings(max_trailer_bytes=1000))
    data = chunked(b"0\r\n", field_line(500), field_line(size - 500), b"\r\n")

    for slices in cut_ways(data):
        assert (431 if is_over else None) == body_status(parse(carrier, *slices, limits=limits))


@pytest.mark.security("A19")
@pytest.mark.parametrize("content_bytes", [0, 100])
@pytest.mark.parametrize("step", [-1, 0, 1])
def test_chunk_overhead_limit(carrier: Carrier, content_bytes: int, step: int) -> None:
    """Besides its content a chunked body may have the limit plus eight times its content, and no more."""
    limits = ParserLimits.of(ServerSettings(max_chunk_overhead_bytes=1000))
    allowed = 1000 + 8 * content_bytes
    content = b"%x\r\n%b\r\n" % (content_bytes, b"a" * content_bytes) if content_bytes else b""
    used = len(content) - content_bytes
    extension = b"a" * (allowed + step - used - len(b"1;\r\n"))
    parser = parse(carrier, chunked(), content, b"1;" + extension + b"\r\n", limits=limits)
    (exchange,) = parser.waiting
    assert exchange.body is not None

    assert (step > 0) == (exchange.body.error is not None)


@pytest.mark.security("A15")
@pytest.mark.parametrize(
    ("size", "is_refused"),
    [
        pytest.param(b"%x" % 2**53, False, id="largest"),
        pytest.param(b"%x" % (2**53 + 1), True, id="one-more"),
        pytest.param(b"0" * 10 + b"%x" % 2**53, False, id="leading-zeros"),
        pytest.param(b"f" * 16, True, id="64-bits"),
        pytest.param(b"1" + b"0" * 16, True, id="65-bits"),
    ],
)
def test_chunk_that_is_too_large(carrier: Carrier, size: bytes, is_refused: bool) -> None:
    """A chunk is refused at its header, before its content comes, wherever the header is cut."""
    line = size + b"\r\n"
    for cut in range(len(line)):
        slices = [chunked() + line[:cut], line[cut:], b"a"]
        (exchange,) = parse(carrier, *slices).waiting
        assert exchange.body is not None

        assert is_refused == (exchange.body.error is not None), slices


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 60), st.booleans())
@settings(max_examples=150, deadline=None)
def test_chunked_content_round_trip(carrier: Carrier, pieces: list[bytes], size: int, has_next: bool) -> None:
    """The content of a chunked body is that of its chunks, and the request behind it is the next one."""
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece]
    data = chunked(*chunks, b"0\r\n\r\n") + (b"GET /next HTTP/1.1\r\n" + HOST + b"\r\n") * has_next
    parser = parse(carrier, *[data[at : at + size] for at in range(0, len(data), size)])
    first, *rest = parser.waiting
    assert first.body is not None

    assert first.body.is_complete
    assert b"".join(pieces) == b"".join(first.body._pieces)
    assert ["/next"] * has_next == [exchange.path for exchange in rest]


@given(st.binary(max_size=200), st.integers(1, 50))
@settings(max_examples=200, deadline=None)
def test_any_bytes(carrier: Carrier, data: bytes, size: int) -> None:
    """Whatever comes, the parser says what it found and raises nothing."""
    parser = parse(
        carrier, b"GET / HTTP/1.1\r\n" + HOST + b"\r\n", *[data[i : i + size] for i in range(0, len(data), size)]
    )

    assert "/" == parser.waiting[0].path
    assert [] == [one for one in list(parser.waiting)[:-1] if one.refusal is not None]


@pytest.mark.security("A39")
@pytest.mark.parametrize(("blank", "is_over"), around(4))
def test_empty_lines_before_a_request(carrier: Carrier, blank: int, is_over: bool) -> None:
    """Two empty lines in front of a request are overlooked, more are not; each request has its own."""
    newlines = (b"\r\n" * 3)[:blank]
    request = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
    parser = parse(carrier, newlines, request, newlines, request)

    assert ([None, None] if not is_over else [400]) == [
        exchange.refusal.status_code if exchange.refusal is not None else None for exchange in parser.waiting
    ]


def test_close_lets_go(carrier: Carrier) -> None:
    """After `close` nothing waits and nothing holds the connection."""
    parser = parse(carrier, b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    parser.close()

    assert State.STOPPED is parser.state
    assert [] == list(parser.waiting)
    assert parser._carrier is None


@pytest.mark.security("A1")
def test_repeated_heads_share_nothing_that_can_be_changed(carrier: Carrier) -> None:
    """What an application does to the header fields of one request does not come with the next."""
    parser = RequestParser(carrier, LIMITS)
    seen = []
    for _ in range(3):
        parser.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        exchange = parser.waiting.popleft()
        seen.append(list(exchange.raw_headers))
        exchange.raw_headers.append((b"x-user", b"admin"))

    assert [[(b"host", b"a")]] * 3 == seen


@pytest.mark.security("A1")
def test_repeated_heads_with_a_body_share_nothing_that_can_be_changed(carrier: Carrier) -> None:
    """The same for requests that come with their body."""
    parser = RequestParser(carrier, LIMITS)
    seen = []
    for body in (b"ab", b"ab", b"abc"):
        parser.feed(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        exchange = parser.waiting.popleft()
        seen.append((dict(exchange.raw_headers), exchange.arrived))
        exchange.raw_headers.append((b"x-user", b"admin"))

    assert [({b"host": b"a", b"content-length": b"%d" % len(body)}, body) for body in (b"ab", b"ab", b"abc")] == seen


def test_a_head_with_a_body_is_not_parsed_twice(carrier: Carrier, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another target and another length are read without the parser."""
    parser = RequestParser(carrier, LIMITS)
    parser.feed(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nAccept: */*\r\n\r\n1")
    monkeypatch.setattr(parser, "_feed", None)
    parser.feed(b"POST /b?c HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nAccept: */*\r\n\r\n" + b"2" * 12)
    first, second = parser.waiting

    assert ("/b", b"c", b"2" * 12) == (second.path, second.query_string, second.arrived)
    assert [*first.raw_headers[:1], (b"content-length", b"12"), *first.raw_headers[2:]] == second.raw_headers


@pytest.mark.security("A1")
@pytest.mark.parametrize("line", [b"GET / RTSP/1.1", b"GET  / HTTP/1.1", b"GET /  HTTP/1.1", b"GET / ICE/1.0"])
@pytest.mark.parametrize("planted", [b"GET / HTTP/1.1", b"GET / HTTP/1.0"])
def test_a_field_is_no_request_line(carrier: Carrier, line: bytes, planted: bytes) -> None:
    """A malformed request line is refused although a field has the text of a better one."""
    parser = parse(carrier, line + b"\r\nX: " + planted + b"\r\nHost: a\r\n\r\n")

    assert outcome(parser) in (400, 505)


@pytest.mark.security("A27")
@pytest.mark.parametrize(
    "slices",
    [
        pytest.param([b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 16000\r\n\r\n", b"x" * 16000], id="a-body"),
        pytest.param([b"GET / HTTP/1.1\r\nHost: a\r\nCookie: " + b"c" * 12000 + b"\r\n\r\n"], id="a-large-head"),
    ],
)
def test_an_idle_connection_keeps_little(carrier: Carrier, slices: list[bytes]) -> None:
    """After a request the parser holds neither the large slice nor the large head it came in."""
    parser = parse(carrier, *slices)
    parser.waiting.clear()
    kept = [
        value
        for cls in type(parser).__mro__
        for name in getattr(cls, "__slots__", ())
        for value in [getattr(parser, name)]
        if isinstance(value, bytes | list)
    ]

    assert len(repr(kept)) < 1000


@pytest.mark.parametrize("body_bytes", [0, 1, 2000, 15_000])
def test_end_of_a_body_is_not_counted_as_a_head(carrier: Carrier, body_bytes: int) -> None:
    """A head that begins in the same slice as a body ends in, and ends in a later one, is as long as it is."""
    limits = ParserLimits.of(ServerSettings(max_request_line_bytes=40, max_header_bytes=90, max_header_field_bytes=45))
    first = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % body_bytes
    second = b"GET /2 HTTP/1.1\r\n" + HOST + b"\r\n"
    parser = parse(carrier, first, b"x" * body_bytes + second[:20], second[20:], limits=limits)

    assert [None, None] == [exchange.refusal for exchange in parser.waiting]


@pytest.mark.parametrize("line", [b"GET / RTSP/1.0", b"GET / ICE/1.0"], ids=["rtsp", "ice"])
def test_another_protocol_is_not_excused_by_the_request_behind_it(carrier: Carrier, line: bytes) -> None:
    """In one read, the line of the request that follows is not taken for the line of the one before it."""
    plain = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
    other = line + b"\r\n" + HOST + b"\r\n"
    better = b"GET / HTTP/1.0\r\n" + HOST + b"\r\n"

    assert [False, True] == [view[0] == "refused" for view in views(parse(carrier, plain + other + better))]

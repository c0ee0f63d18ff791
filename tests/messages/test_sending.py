"""From a response to what a transport is given."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from costrel.errors import ClientDisconnected
from costrel.messages import Application, Exchange, Request, Response, StreamResponse
from costrel.messages.sending import emit_finished, end_exchange, find_socket_body, send_response


class Sink:
    """Keeps what is sent, and may lose its client after so many pieces."""

    def __init__(self, *, sends_trailers: bool = False, max_pieces: int = 100) -> None:
        self.sends_trailers = sends_trailers
        self.log: list[Any] = []
        self._left = max_pieces

    async def send_head(self, status_code: int, fields: list[tuple[bytes, bytes]], *, has_trailers: bool) -> None:
        """Keep the head."""
        self.log.append((status_code, dict(fields), has_trailers))

    async def send_piece(self, piece: bytes, *, is_last: bool) -> None:
        """Keep a piece, or lose the client."""
        if not self._left:
            raise ClientDisconnected
        self._left -= 1
        self.log.append((piece, is_last))

    async def send_trailers(self, fields: Sequence[tuple[bytes, bytes]]) -> None:
        """Keep the trailer fields."""
        self.log.append(list(fields))


def make_request(method: str = "GET", *, is_websocket: bool = False) -> Request:
    """Make a request that nothing is asked of its exchange."""
    return Request(method, "/", b"/", b"", [], cast("Exchange", SimpleNamespace(peer=None)), is_websocket=is_websocket)


def send(response: Response, method: str = "GET", sink: Sink | None = None) -> list[Any]:
    """Send a response and return what the transport got."""
    sink = sink or Sink()
    asyncio.run(send_response(sink, make_request(method), response))
    return sink.log


def stream(
    *pieces: str, failure: BaseException | None = None, log: list[str] | None = None, **options: Any
) -> Response:
    """Make a response of pieces that may end with a failure."""

    async def generate() -> AsyncIterator[str]:
        try:
            for piece in pieces:
                yield piece
            if failure is not None:
                raise failure
        finally:
            if log is not None:
                log.append("closed")

    return StreamResponse(generate(), media_type="a/b", **options)


TYPE = {b"content-type": b"a/b"}


@pytest.mark.parametrize(
    ("response", "method", "expected"),
    [
        pytest.param(
            Response(b"abc", media_type="a/b"),
            "GET",
            [(200, {**TYPE, b"content-length": b"3"}, False), (b"abc", True)],
            id="bytes",
        ),
        pytest.param(
            Response(b"abc", media_type="a/b"),
            "HEAD",
            [(200, {**TYPE, b"content-length": b"3"}, False), (b"", True)],
            id="bytes-for-head",
        ),
        pytest.param(
            Response(b"abc", 204, media_type="a/b"), "GET", [(204, TYPE, False), (b"", True)], id="no-content"
        ),
        pytest.param(
            Response(b"", 304, {"Content-Length": "9"}),
            "GET",
            [(304, {b"content-length": b"9"}, False), (b"", True)],
            id="not-modified-says-how-long-it-would-be",
        ),
        pytest.param(
            Response(b"abc", 205, media_type="a/b"),
            "GET",
            [(205, {**TYPE, b"content-length": b"0"}, False), (b"", True)],
            id="reset-content",
        ),
        pytest.param(
            Response(b"", headers={"Content-Length": "9", "Content-Type": "a/b"}),
            "HEAD",
            [(200, {**TYPE, b"content-length": b"9"}, False), (b"", True)],
            id="a-head-handler-that-knows-the-length",
        ),
    ],
)
def test_a_body_of_bytes(response: Response, method: str, expected: list[Any]) -> None:
    """The head says the length, and there is a body only where HTTP has one."""

    assert expected == send(response, method)


def test_the_fields_of_the_transport_are_left_out() -> None:
    """Whoever frames the message decides about them."""
    fields = {"Connection": "close", "Keep-Alive": "1", "Date": "now", "Transfer-Encoding": "chunked", "X-A": "b"}

    assert {b"x-a": b"b", b"content-length": b"0"} == send(Response(None, 200, fields))[0][1]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(lambda: stream("ab", "", "c"), [(b"ab", False), (b"c", False), (b"", True)], id="pieces"),
        pytest.param(lambda: stream(), [(b"", True)], id="nothing"),
    ],
)
def test_a_stream_is_sent_piece_by_piece(make: Callable[[], Response], expected: list[Any]) -> None:
    """Empty pieces are not sent, and the last message is one of its own."""

    assert [(200, TYPE, False), *expected] == send(make())


def test_a_stream_is_not_pulled_for_head() -> None:
    """It is closed, so that what it holds is let go."""
    log: list[str] = []
    response = stream("a", log=log, on_abort=lambda: log.append("aborted"))

    assert [(200, TYPE, False), (b"", True)] == send(response, "HEAD")
    assert ["aborted"] == log


def test_the_head_waits_for_the_first_piece_unless_told_not_to() -> None:
    """A failure before the first piece can still be answered; with `send_head_first` it cannot."""
    sinks = [Sink(), Sink()]
    for sink, head_first in zip(sinks, (False, True), strict=True):
        with pytest.raises(LookupError):
            send(stream(failure=LookupError(), send_head_first=head_first), sink=sink)

    assert [[], [(200, TYPE, False)]] == [sink.log for sink in sinks]


@pytest.mark.pain("P22")
@pytest.mark.parametrize("failure", [LookupError(), ClientDisconnected()])
def test_a_stream_that_breaks_off_has_no_last_piece(failure: BaseException) -> None:
    """The exception comes out, the generator is closed, and nothing looks like an end."""
    sink, log = Sink(), list[str]()
    with pytest.raises(type(failure)):
        send(stream("a", failure=failure, log=log), sink=sink)

    assert [(200, TYPE, False), (b"a", False)] == sink.log
    assert ["closed"] == log


@pytest.mark.pain("P22")
def test_a_client_that_leaves_closes_the_stream() -> None:
    """Its generator does not wait for the garbage collector."""
    log: list[str] = []
    with pytest.raises(ClientDisconnected):
        send(stream("a", "b", "c", log=log), sink=Sink(max_pieces=1))

    assert ["closed"] == log


@pytest.mark.parametrize(
    ("declared", "sent"),
    [
        pytest.param(4, [(b"ab", False), (b"c", False)], id="one-more-than-there-is"),
        pytest.param(3, [(b"ab", False), (b"c", False), (b"", True)], id="as-long-as-it-is"),
        pytest.param(2, [(b"ab", False), (b"", True)], id="one-less-than-there-is"),
        pytest.param(1, [(b"a", True)], id="two-less-than-there-is"),
    ],
)
@pytest.mark.security("A49")
def test_a_stream_is_as_long_as_its_head_says(declared: int, sent: list[object]) -> None:
    """One that is longer is cut; one that is shorter is broken off, never padded and never ended cleanly."""
    sink = Sink()
    response = stream("ab", "c", content_length=declared)
    if declared <= 3:
        send(response, sink=sink)
    else:
        with pytest.raises(ValueError, match=f"Content-Length is {declared}"):
            send(response, sink=sink)

    assert sent == sink.log[1:]


@pytest.mark.security("A49")
def test_a_stream_that_contradicts_its_head_is_not_begun() -> None:
    """A stream whose known length is below the declared one is an error before anything was sent, and is closed."""
    sink, log = Sink(), list[str]()
    response = stream("abc", content_length=3, on_abort=lambda: log.append("aborted"))
    response.headers["content-length"] = "5"
    with pytest.raises(ValueError, match="Content-Length is 5, and the body has 3 bytes"):
        send(response, sink=sink)

    assert ([], ["aborted"]) == (sink.log, log)


@pytest.mark.security("A48")
@pytest.mark.parametrize("value", [b"1\r\nx-b: 2", b"1\nx-b: 2", b"1\0"])
def test_a_field_cannot_bring_another(value: bytes) -> None:
    """A field that was set behind the back of the checks stops the response before its head."""
    sink = Sink()
    response = Response("a")
    response.headers.raw.append((b"x-a", value))
    with pytest.raises(ValueError, match="line break"):
        send(response, sink=sink)

    assert sink.log == []


@pytest.mark.parametrize(("declared", "body"), [(b"4", None), (b"3", b"abc"), (b"2", b"ab"), (b"x", b"abc")])
def test_bytes_are_as_long_as_their_head_says(declared: bytes, body: bytes | None) -> None:
    """What is too long is cut off, what is too short is an error before anything was sent."""
    response, sink = Response(b"abc"), Sink()
    response.headers.raw.append((b"content-length", declared))
    if body is None:
        with pytest.raises(ValueError, match="has 3 bytes"):
            send(response, sink=sink)
        assert [] == sink.log
    else:
        send(response, sink=sink)
        assert (b"%d" % len(body), (body, True)) == (sink.log[0][1][b"content-length"], sink.log[1])


@pytest.mark.capability("X15")
@pytest.mark.parametrize("supported", [True, False])
def test_trailers_follow_the_last_piece(supported: bool) -> None:
    """They are announced with the head, and left out where they cannot be sent."""
    response = stream("a")
    response.trailers = lambda: {"X-Sum": "1"}
    log = send(response, sink=Sink(sends_trailers=supported))

    assert supported == log[0][2]
    assert ([(b"x-sum", b"1")] if supported else (b"", True)) == log[-1]


@pytest.mark.parametrize("status_code", [100, 199])
def test_an_interim_status_is_no_final_response(status_code: int) -> None:
    """It is an error of the application, before anything was sent."""
    with pytest.raises(ValueError, match="final response"):
        send(Response(None, status_code))


def test_a_socket_cannot_be_the_answer_to_a_plain_request() -> None:
    """A body that cannot be iterated is named by its type."""
    response = Response(None)
    response.body = cast("Any", object())
    with pytest.raises(TypeError, match="`object` cannot be sent as the answer to a GET"):
        send(response)


def test_a_response_that_needs_resolving_is_resolved() -> None:
    """What comes of a layer may still have to be opened."""

    class Later(Response):
        """Becomes another response."""

        needs_resolving = True

        async def resolve(self, request: object) -> Response:
            """Return that other response."""
            return Response(b"opened", media_type="a/b")

    assert (b"opened", True) == send(Later(None))[1]


class Socket:
    """A body that runs."""

    async def run(self, channel: object) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    ("is_websocket", "status_code", "body", "accepts"),
    [
        pytest.param(True, 101, Socket(), True, id="accepted"),
        pytest.param(True, 403, b"", False, id="refused"),
        pytest.param(True, 101, b"", False, id="no-socket"),
        pytest.param(False, 101, Socket(), False, id="no-handshake"),
    ],
)
def test_only_a_handshake_switches(is_websocket: bool, status_code: int, body: Any, accepts: bool) -> None:
    """A socket is run when a handshake was asked for and 101 is the answer."""
    response = Response(None, status_code)
    response.body = body
    found = find_socket_body(make_request(is_websocket=is_websocket), response)

    assert (body if accepts else None) is found


def test_the_end_of_an_exchange() -> None:
    """Callbacks run, the request has ended, and the response holds no exception any more."""
    log: list[str] = []
    request, bare = make_request(), make_request()
    request.on_end(lambda ended: log.append(ended.path))
    response = Response(None)
    response.exception = LookupError()

    async def main() -> None:
        await end_exchange(request, response)
        await end_exchange(bare, None)

    asyncio.run(main())

    assert (["/"], True, True, None) == (log, request.ended, bare.ended, response.exception)


def test_listeners_are_told_what_became_of_a_request() -> None:
    """The fields are those of the native server, and the request."""
    told: list[tuple[str, Mapping[str, Any]]] = []
    application = SimpleNamespace(emit=lambda event, fields: told.append((event, fields)))
    request = make_request("POST")
    emit_finished(cast("Application", application), request, 201, 7, time.perf_counter())
    [(event, fields)] = told

    assert "request_finished" == event
    assert fields["duration_seconds"] >= 0
    assert {
        "request": request,
        "method": "POST",
        "path": "/",
        "route": "-",
        "handler": "-",
        "request_id": None,
        "mount": "",
        "status_code": 201,
        "bytes_sent": 7,
        "http_version": "1.1",
        "client": "-",
    } == {name: value for name, value in fields.items() if name != "duration_seconds"}

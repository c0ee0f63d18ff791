from __future__ import annotations

import asyncio
import logging

import pytest

from costrel.errors import BodyNotRead, BodyStreamed, ContentTooLarge, RequestTimeout
from costrel.http import MissingKey
from costrel.messages import Request, current_request


@pytest.fixture
def request_of(scripted):
    def request_of(pieces=(), method="GET", target="/a%20b?x=1&x=2", loop_state=None, **fields):
        raw_path, _, query_string = target.encode().partition(b"?")
        headers = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in fields.items()]
        exchange = scripted(pieces, loop_state, peer=("192.0.2.1", 1))
        return Request(method, "/a b", raw_path, query_string, headers, exchange)

    return request_of


def test_a_request_is_what_came(request_of):
    """Path, query, header fields and cookies are read from what the transport gave."""
    request = request_of(host="Example.org:80", cookie="a=1; b=2; a=3", content_type="Text/Plain; x=y")

    assert ("GET", "/a b", b"/a%20b", "/a b") == (request.method, request.path, request.raw_path, request.route_path)
    assert (["1", "2"], "1") == (request.query.getlist("x"), request.query["x"])
    assert ({"a": "1", "b": "2"}, "example.org") == (dict(request.cookies), request.host)
    assert ("text/plain", None, ("192.0.2.1", 1)) == (request.content_type, request.content_length, request.client)
    assert "/a%20b" in str(request.url)
    assert request.known_id is None
    assert 16 == len(request.id) == len({*[request.id]}.pop())
    assert request.id == request.known_id
    assert not hasattr(request, "__wrapped__")


def test_a_missing_key_names_itself(request_of):
    """`request.query[...]` of a key that was not sent names the key."""
    with pytest.raises(MissingKey) as caught:
        request_of().query["page"]

    assert ("page", "query") == (caught.value.key, caught.value.source)


@pytest.mark.parametrize(("field", "expected"), [("12", 12), ("-1", None), ("1_0", None), ("", None), ("9" * 20, None)])
def test_a_content_length_is_a_number_or_nothing(request_of, field, expected):
    """Only ASCII digits are a length."""
    assert expected == request_of(content_length=field).content_length


NAMES = ["body", "text", "json", "form", "files"]


@pytest.mark.pain("P12")
@pytest.mark.parametrize("name", NAMES)
def test_the_body_must_have_been_read(request_of, name):
    """Before `read`, the names of the body say what to do."""
    with pytest.raises(BodyNotRead, match="await request.read\\(\\)"):
        getattr(request_of(), name)


@pytest.mark.pain("P12")
@pytest.mark.parametrize("name", NAMES)
def test_a_streamed_body_is_not_there(request_of, run, name):
    """After a stream took the body, the names and `read` say so at once instead of waiting."""

    async def main(loop_state):
        request = request_of([b"x"], loop_state=loop_state)
        request.take_stream("body")
        with pytest.raises(BodyStreamed):
            getattr(request, name)
        with pytest.raises(BodyStreamed):
            await request.read()
        with pytest.raises(BodyStreamed):
            request.take_stream("body")
        return request.kept_content

    assert run(main) is None


@pytest.mark.pain("P12")
def test_the_body_is_read_once_and_used_often(request_of, run):
    """Three layers and a handler that all read get the same body, and the transport is read once."""

    async def main(loop_state):
        request = request_of(
            [b'{"a": 1}'], "POST", loop_state=loop_state, content_type="application/json", content_length="8"
        )
        for _ in range(3):
            await request.read()
        request.take_stream("body")
        return (
            request.exchange.read_count,
            request.body,
            request.text,
            request.json(),
            request.json(type=dict[str, int]),
            len(request.form),
            request.kept_content,
        )

    assert (1, b'{"a": 1}', '{"a": 1}', {"a": 1}, {"a": 1}, 0, b'{"a": 1}') == run(main)


def test_an_upload_lives_as_long_as_its_request(request_of, run):
    """The files of a form are there in the handler and gone when the request has ended."""
    body = b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\nfile\r\n--b--' + b" " * 100

    async def main(loop_state):
        request = request_of(
            [body[:50], body[50:]], "POST", loop_state=loop_state, content_type="multipart/form-data; boundary=b"
        )
        await request.read()
        file = request.files["f"]
        assert b"file" == file.read()
        assert request.end_callbacks
        await request.finish()
        return request.ended

    assert run(main)


def test_end_callbacks_all_run_in_reverse(request_of, run, caplog):
    """A callback that raises is logged and hinders no other; they may be async."""
    events = []

    async def last(request):
        events.append("async")

    def failing(request):
        raise ValueError("x")

    async def main(loop_state):
        request = request_of(loop_state=loop_state)
        assert request.end_callbacks is None
        request.on_end(lambda _: events.append("first"))
        request.on_end(failing)
        request.on_end(last)
        with caplog.at_level(logging.ERROR, "costrel.request"):
            await request.finish()

    run(main)

    assert (["async", "first"], 1) == (events, len(caplog.records))


def test_callbacks_that_are_last_run_in_their_order(request_of, run):
    """They come after all others, whenever those were given."""
    events = []

    async def main(loop_state):
        request = request_of(loop_state=loop_state)
        request.on_end(lambda _: events.append("last, given first"), last=True)
        request.on_end(lambda _: events.append("early"))
        request.on_end(lambda _: events.append("last, given second"), last=True)
        request.on_end(lambda _: events.append("late"))
        await request.finish()

    run(main)

    assert ["late", "early", "last, given first", "last, given second"] == events


@pytest.mark.parametrize(("name", "text"), [("args", "`request.query`"), ("hedaers", "has no attribute 'hedaers'")])
def test_names_of_others_are_explained(request_of, name, text):
    """A missing attribute is explained, and `hasattr` still works."""
    with pytest.raises(AttributeError, match=text):
        getattr(request_of(), name)

    assert not hasattr(request_of(), name)


def test_the_current_request_is_a_context_variable(request_of):
    """`current_request` holds the request and nothing by default."""
    with pytest.raises(LookupError):
        current_request.get()


def test_a_deadline_is_counted_from_now(request_of, run):
    """`deadline_seconds` is kept as a time of the loop; `None` is none."""

    async def main(loop_state):
        request = request_of(loop_state=loop_state)
        assert (request.deadline_seconds, request.deadline_at) == (None, None)
        request.deadline_seconds = 100.0
        assert 99 < request.deadline_seconds <= 100
        request.deadline_seconds = None
        return request.deadline_at

    assert run(main) is None


@pytest.mark.capability("C048")
def test_early_hints_are_passed_on(request_of, run):
    """An interim response goes to the transport with names in lower case."""

    async def main(loop_state):
        request = request_of(loop_state=loop_state)
        await request.send_informational(103, {"Link": "</a.css>; rel=preload"})
        return request.exchange.informational

    assert [(103, [(b"link", b"</a.css>; rel=preload")])] == run(main)


def test_a_cancellation_does_not_keep_callbacks_from_running(request_of, run):
    """Whoever is cancelled while a request ends still closes everything, and is cancelled then."""
    events = []

    async def waiting(request):
        await asyncio.sleep(60)

    async def closing(request):
        await asyncio.sleep(0)
        events.append("closed")

    async def main(loop_state):
        request = request_of(loop_state=loop_state)
        request.on_end(closing)
        request.on_end(waiting)
        task = asyncio.create_task(request.finish())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return request.ended

    assert (True, ["closed"]) == (run(main), events)


@pytest.mark.security("B19")
@pytest.mark.parametrize("name", ["read()", "body", "text", "form", "stream"])
def test_half_a_body_is_never_taken_for_a_whole_one(request_of, run, name):
    """When reading has failed, whoever asks again gets the same error and not what is left of the body."""

    async def main(loop_state):
        request = request_of([b"a" * 8, b"b" * 8, b"the rest"], "POST", loop_state=loop_state)
        request.max_body_bytes = 10
        with pytest.raises(ContentTooLarge):
            await request.read()

        async def ask():
            if name == "read()":
                await request.read()
            elif name == "stream":
                request.take_stream("body")
            else:
                getattr(request, name)

        with pytest.raises(ContentTooLarge) as second:
            await ask()
        return second.value.detail, request.kept_content

    assert ("The body is larger than 10 bytes.", None) == run(main)


def test_a_read_that_was_cancelled_is_not_continued(request_of, run):
    """The pieces that were taken are lost, so the rest is not the body."""

    class Stuck:
        loop_state = None

        def __init__(self):
            self.pieces = [b"first"]

        def take_arrived(self, max_bytes):
            return None

        async def read_body(self, max_bytes):
            if self.pieces:
                return self.pieces.pop()
            await asyncio.sleep(60)
            return b""

    async def main(loop_state):
        request = request_of(method="POST", loop_state=loop_state)
        request.exchange = Stuck()
        reading = asyncio.create_task(request.read())
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        request.exchange.pieces = [b"", b"second"]
        with pytest.raises(RequestTimeout):
            await request.read()

    run(main)

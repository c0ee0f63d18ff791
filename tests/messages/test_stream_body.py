from __future__ import annotations

import asyncio
import gc
import logging
import threading

import pytest
from hypothesis import given, settings, strategies as st

from costrel.errors import ProgrammerError, ServiceUnavailable
from costrel.execution import WorkerContext, hop
from costrel.messages.stream_body import StreamBody


class Boom(Exception):
    pass


async def pieces_of(body):
    return [piece async for piece in body]


def in_worker(loop_state):
    """What the endpoint of a request attaches: steps run in the request's worker context."""
    worker = WorkerContext()

    def run_sync(step):
        return hop(loop_state.handlers, worker, lambda _: step(), None)

    return run_sync


def made(kind, events, pieces=("a", b"b"), error=None):
    """Make a generator of either kind that tells what happens to it."""

    def plain():
        events.append("start")
        try:
            yield from pieces
            if error is not None:
                raise error
        except GeneratorExit:
            events.append("closed")
            raise
        finally:
            events.append("finally")

    if kind == "plain":
        return plain()

    async def wrapped():
        events.append("start")
        try:
            for piece in pieces:
                yield piece
            if error is not None:
                raise error
        except GeneratorExit:
            events.append("closed")
            raise
        finally:
            events.append("finally")

    return wrapped()


def recording(events):
    async def callback(outcome):
        events.append(type(outcome).__name__ if outcome is not None else "finished")

    return callback


KINDS = pytest.mark.parametrize("kind", ["plain", "async"])


@pytest.mark.capability("C040")
@KINDS
def test_pieces_come_as_bytes_in_order(run, kind):
    """Text is sent in UTF-8, empty pieces are left out, and every other kind of bytes is taken."""

    async def main(loop_state):
        body = StreamBody(made(kind, [], ["é", "", b"", b"b", bytearray(b"c"), memoryview(b"d")]))
        body.attach(in_worker(loop_state))
        return await pieces_of(body), body.is_text

    assert (["é".encode(), b"b", b"c", b"d"], True) == run(main)


@KINDS
def test_the_callbacks_run_before_the_end_is_told(run, kind):
    """After the last piece each callback runs once, the last registered first, and then the iteration ends."""
    events = []

    async def main(loop_state):
        body = StreamBody(made(kind, events))
        body.attach(in_worker(loop_state))
        body.on_finish(recording(events))

        async def last(_):
            events.append("last")

        body.on_finish(last)
        async for piece in body:
            events.append(piece)
        events.append("end")
        await body.aclose()

    run(main)

    assert ["start", b"a", b"b", "last", "finished", "end"] == [event for event in events if event != "finally"]


@pytest.mark.pain("P22")
@KINDS
def test_a_callback_that_fails_aborts(run, kind):
    """A commit that fails after the last piece comes out of the iteration; callbacks after it see the failure."""
    events = []

    async def main(loop_state):
        body = StreamBody(made(kind, events))
        body.attach(in_worker(loop_state))
        body.on_finish(recording(events))

        async def commit(_):
            raise Boom

        body.on_finish(commit)
        with pytest.raises(Boom):
            await pieces_of(body)
        await body.aclose()

    run(main)

    assert ["start", "finally", "Boom"] == events


@pytest.mark.pain("P22")
@KINDS
def test_an_early_failure_comes_out_of_prime(run, kind):
    """What fails before the first piece fails before the head is sent."""
    events = []

    async def main(loop_state):
        body = StreamBody(made(kind, events, [], Boom()))
        body.attach(in_worker(loop_state))
        body.on_finish(recording(events))
        with pytest.raises(Boom):
            await body.prime()
        await body.aclose()

    run(main)

    assert ["start", "finally", "Boom"] == events


@pytest.mark.pain("P22")
@KINDS
def test_a_late_failure_comes_out_of_the_iteration(run, kind):
    """What fails after a piece is an exception, never a clean end."""
    events = []

    async def main(loop_state):
        body = StreamBody(made(kind, events, ["a"], Boom()))
        body.attach(in_worker(loop_state))
        body.on_finish(recording(events))
        await body.prime()
        got = await anext(body)
        with pytest.raises(Boom):
            await anext(body)
        await body.aclose()
        return got

    assert b"a" == run(main)
    assert ["start", "finally", "Boom"] == events


@pytest.mark.pain("P22")
@KINDS
def test_a_stream_that_is_left_is_closed(run, kind):
    """The generator is closed first and the callbacks run then, once, also when nobody reads to the end."""
    events = []

    async def main(loop_state):
        body = StreamBody(made(kind, events, ["a", "b", "c"]))
        body.attach(in_worker(loop_state))
        body.on_finish(recording(events))
        await body.prime()
        await anext(body)
        await body.aclose()
        await body.aclose()

    run(main)

    assert ["start", "closed", "finally", "GeneratorExit"] == events


@pytest.mark.pain("P22")
@KINDS
@pytest.mark.parametrize("is_async_callback", [True, False])
def test_a_stream_that_never_started_tells_it(run, kind, is_async_callback):
    """A generator that was never entered has no `finally` to run; `on_abort` is called in its place."""
    events = []

    async def later():
        events.append("aborted")

    async def main(loop_state):
        on_abort = later if is_async_callback else lambda: events.append("aborted")
        body = StreamBody(made(kind, events), on_abort=on_abort)
        body.attach(in_worker(loop_state))
        body.on_finish(recording(events))
        await body.aclose()

    run(main)

    assert ["aborted", "GeneratorExit"] == events


@pytest.mark.pain("P22")
def test_a_plain_generator_lives_in_worker_threads_alone(run):
    """A plain generator is pulled and closed in worker threads, never on the loop."""
    threads = set()

    def generator():
        try:
            while True:
                threads.add(threading.current_thread().name.rpartition("-")[0])
                yield "x"
        finally:
            threads.add(threading.current_thread().name.rpartition("-")[0])

    async def main(loop_state):
        body = StreamBody(generator())
        body.attach(in_worker(loop_state))
        for _ in range(5):
            await anext(body)
        await body.aclose()

    run(main)

    assert {"costrel-handlers"} == threads


@pytest.mark.pain("P22")
def test_a_stream_cancelled_while_a_thread_pulls_is_closed_by_that_thread(run):
    """A cancelled pull ends in its thread, which closes the generator before the callbacks run."""
    events = []
    is_inside, may_go_on = threading.Event(), threading.Event()

    def generator():
        try:
            is_inside.set()
            may_go_on.wait(5)
            yield "x"
        finally:
            events.append("finally")

    async def main(loop_state):
        body = StreamBody(generator())
        body.attach(in_worker(loop_state))
        body.on_finish(recording(events))
        task = asyncio.ensure_future(anext(body))
        while not is_inside.is_set():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        closing = asyncio.ensure_future(body.aclose())
        await asyncio.sleep(0)
        assert [] == events
        may_go_on.set()
        await closing

    run(main)

    assert ["finally", "CancelledError"] == events


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param(["a", b"b"], [b"a", b"b"], id="pieces"),
        pytest.param([""], [], id="nothing-but-an-empty-one"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_a_stream_begins_in_the_thread_that_made_it(run, pieces, expected):
    """The first piece is pulled where `prime_here` is called, once; the rest comes as ever."""
    events = []

    async def main(loop_state):
        body = StreamBody(made("plain", events, pieces))
        body.attach(in_worker(loop_state))
        body.on_finish(recording(events))
        body.prime_here()
        body.prime_here()
        assert ["start"] == events[:1]
        await body.prime()
        return await pieces_of(body)

    assert expected == run(main)
    assert ["start", "finally", "finished"] == events


def test_a_stream_that_the_loop_pulls_does_not_begin_in_a_thread(run):
    """An async stream is left as it is."""
    events = []

    async def main(_):
        body = StreamBody(made("async", events))
        body.prime_here()
        before = list(events)
        return before, await pieces_of(body)

    assert ([], [b"a", b"b"]) == run(main)


@pytest.mark.pain("P22")
def test_an_early_failure_comes_out_of_the_thread(run):
    """What fails before the first piece closes the stream; nobody has to close it again."""
    events = []

    async def main(loop_state):
        body = StreamBody(made("plain", events, [], Boom()))
        body.attach(in_worker(loop_state))
        with pytest.raises(Boom):
            body.prime_here()
        await body.aclose()
        with pytest.raises(ProgrammerError):
            await anext(body)

    run(main)

    assert ["start", "finally"] == events


class Failing:
    """An iterator whose clean-up fails."""

    def __init__(self):
        self.close_count = 0

    def __iter__(self):
        return self

    def __next__(self):
        return "a"

    def close(self):
        self.close_count += 1
        raise Boom


def test_a_thread_closes_what_nobody_will_send(run, caplog):
    """`close_here` ends the stream in the calling thread, once, and a failure of the clean-up is logged."""
    iterator = Failing()

    async def main(loop_state):
        body = StreamBody(iterator)
        body.attach(in_worker(loop_state))
        body.prime_here()
        body.close_here()
        body.close_here()
        await body.aclose()

    run(main)

    assert 1 == iterator.close_count
    assert ["stream_close_failed"] == [record.message.split()[0] for record in caplog.records]


def test_quick_pieces_share_hops_and_slow_ones_do_not(run):
    """Many quick pieces cost few hops; the first one always comes alone."""
    hops = []

    async def main(loop_state):
        run_sync = in_worker(loop_state)

        def counted(step):
            hops.append(1)
            return run_sync(step)

        body = StreamBody(iter(["x"] * 1000))
        body.attach(counted)
        await body.prime()
        assert 1 == len(body._pieces)
        return len(await pieces_of(body))

    assert 1000 == run(main)
    assert len(hops) < 100


@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(st.binary(max_size=40_000) | st.text(max_size=5), max_size=8),
    kind=st.sampled_from(["plain", "async"]),
)
def test_nothing_is_lost_or_doubled(run, pieces, kind):
    """The pieces together are what the generator made."""

    async def main(loop_state):
        body = StreamBody(made(kind, [], pieces))
        body.attach(in_worker(loop_state))
        await body.prime()
        return b"".join(await pieces_of(body))

    assert b"".join(piece.encode() if isinstance(piece, str) else piece for piece in pieces) == run(main)


def test_a_stream_is_sent_once(run):
    """A stream that was sent says so when it is sent again, and does not send nothing."""

    async def main(_):
        body = StreamBody(["a"])
        assert [b"a"] == await pieces_of(body)
        with pytest.raises(StopAsyncIteration):
            await anext(body)
        with pytest.raises(ProgrammerError) as caught:
            await pieces_of(body)
        closed = StreamBody(["a"])
        await closed.aclose()
        with pytest.raises(ProgrammerError):
            await anext(closed)
        return caught.value.code

    assert "COS-RESPONSE-001" == run(main)


@KINDS
def test_a_piece_of_another_type_is_explained(run, kind):
    """A generator that yields anything but text and bytes fails with the fix."""

    async def main(loop_state):
        with pytest.raises(TypeError, match="yields `str` or `bytes`, not `int`"):
            await StreamBody(made(kind, [], [1])).prime()

    run(main)


def test_complete_content_is_no_stream():
    """Text as an iterable would be sent letter by letter."""
    with pytest.raises(TypeError, match="`Response`"):
        StreamBody("abc")


def test_what_fails_while_a_stream_is_closed_is_logged(run, caplog):
    """When a stream is aborted there is nobody to raise at, so failures are logged."""

    def generator():
        try:
            yield "a"
        finally:
            raise Boom

    async def failing(_):
        raise Boom

    async def main(_):
        body = StreamBody(generator())
        body.on_finish(failing)
        await anext(body)
        with caplog.at_level(logging.ERROR, "costrel.stream"):
            await body.aclose()

    run(main)

    assert ["stream_close_failed", "stream_finish_failed"] == [record.message.split()[0] for record in caplog.records]


def test_a_plain_generator_is_closed_although_no_thread_is_free(run):
    """Closing takes the way that is never refused, where there is one."""
    events = []

    async def main(loop_state):
        ways = []

        def way(name):
            async def run_sync(step):
                ways.append(name)
                if name == "pull" and ways.count("pull") > 1:
                    raise ServiceUnavailable
                return step()

            return run_sync

        body = StreamBody(made("plain", events))
        body.attach(way("pull"), way("close"))
        await body.prime()
        await body.aclose()
        return ways

    assert ["pull", "close"] == run(main)
    assert "closed" in events


@pytest.mark.parametrize("kind", ["plain", "async"])
@pytest.mark.parametrize("fails_at", ["generator", "callback"])
def test_a_stream_that_fails_is_no_garbage(run, kind, fails_at):
    """A body and the exception that ended it do not keep each other."""

    async def main(loop_state):
        async def failing(error):
            if error is None:
                raise Boom

        body = StreamBody(made(kind, [], error=Boom if fails_at == "generator" else None))
        body.on_finish(failing)
        with pytest.raises(Boom):
            await pieces_of(body)
        await body.aclose()

    run(main)
    gc.collect()
    gc.disable()
    try:
        gc.set_debug(gc.DEBUG_SAVEALL)
        run(main)
        gc.collect()
        found = [thing for thing in gc.garbage if isinstance(thing, Boom | StreamBody)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()

    assert [] == found

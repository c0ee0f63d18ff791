"""Tests of the frames of a WebSocket: what becomes a message, what ends it all, and equality with the library."""

from __future__ import annotations

import random
import struct
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame
from websockets.protocol import SERVER, Protocol

from costrel.server.websocket_frames import MAX_CONTROL_FRAMES, FrameReader, frame_bytes

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
MIB = 1024 * 1024


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = b"\x11\x22\x33\x44",
    length: int | None = None,
    size_of_length: int = 0,
) -> bytes:
    """Make a frame of a client, in whatever state of correctness."""
    length = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | rsv | opcode])
    bit = 0x80 if mask is not None else 0
    if size_of_length == 8 or length > 0xFFFF:
        head += bytes([bit | 127]) + struct.pack("!Q", length)
    elif size_of_length == 2 or length > 125:
        head += bytes([bit | 126]) + struct.pack("!H", length)
    else:
        head += bytes([bit | length])
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def make_reader(**options: Any) -> FrameReader:
    given = {"max_message_bytes": MIB, "max_fragments": 1024, "max_queue_count": 16, **options}
    return FrameReader(**given)


def deflate_offer() -> PerMessageDeflate:
    return PerMessageDeflate(False, False, 15, 15)


def compressed(payload: bytes) -> bytes:
    """Return a payload as permessage-deflate has it, with a window of its own."""
    compressor = zlib.compressobj(wbits=-15)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


SIZES = [0, 1, 125, 126, 127, 0xFFFE, 0xFFFF, 0x10000, 0x10001]


@pytest.mark.parametrize("size", SIZES)
def test_a_message_of_any_length_is_read(size: int) -> None:
    """Each form of the length is understood, for text and bytes."""
    reader = make_reader()
    reader.feed(frame(TEXT, b"x" * size) + frame(BINARY, b"y" * size))

    assert ["x" * size, b"y" * size] == list(reader.messages)
    assert reader.ending is None


@pytest.mark.parametrize("size", SIZES)
def test_a_message_of_any_length_is_written(size: int) -> None:
    """What the library would write is written, byte for byte."""
    from websockets.frames import Opcode

    for opcode in (TEXT, BINARY):
        assert Frame(Opcode(opcode), b"x" * size).serialize(mask=False) == frame_bytes(opcode, b"x" * size)


@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_frames_may_come_in_any_pieces(step: int) -> None:
    """Whatever a read brings, the messages are the same."""
    data = (
        frame(TEXT, "grüße €".encode())
        + frame(TEXT, b"a", fin=False)
        + frame(PING, b"p")
        + frame(CONTINUATION, b"b")
        + frame(BINARY, b"z" * 300)
        + frame(TEXT, b"")
    )
    reader = make_reader()
    answers = b"".join(reader.feed(data[start : start + step]) for start in range(0, len(data), step))

    assert ["grüße €", "ab", b"z" * 300, ""] == list(reader.messages)
    assert b"\x8a\x01p" == answers


@pytest.mark.security("J4")
@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(frame(TEXT, b"a", mask=None), 1002, id="unmasked"),
        pytest.param(frame(TEXT, b"a", rsv=0x40), 1002, id="rsv1-without-extension"),
        pytest.param(frame(TEXT, b"a", rsv=0x20), 1002, id="rsv2"),
        pytest.param(frame(PING, b"a", rsv=0x10), 1002, id="rsv3-on-a-ping"),
        pytest.param(frame(3, b"a"), 1002, id="opcode-3"),
        pytest.param(frame(11, b"a"), 1002, id="opcode-11"),
        pytest.param(frame(PING, b"a" * 126), 1002, id="a-ping-of-126-bytes"),
        pytest.param(frame(PING, b"a", fin=False), 1002, id="a-fragmented-ping"),
        pytest.param(frame(CONTINUATION, b"a"), 1002, id="a-continuation-first"),
        pytest.param(frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002, id="a-message-inside-of-one"),
        pytest.param(frame(TEXT, b"a", fin=False) + frame(BINARY, b"\xff"), 1002, id="bytes-inside-of-text"),
        pytest.param(frame(CLOSE, struct.pack("!H", 1005)), 1002, id="close-1005"),
        pytest.param(frame(CLOSE, struct.pack("!H", 1006)), 1002, id="close-1006"),
        pytest.param(frame(CLOSE, struct.pack("!H", 999)), 1002, id="close-999"),
        pytest.param(frame(CLOSE, b"\x03"), 1002, id="a-close-of-one-byte"),
        pytest.param(frame(CLOSE, struct.pack("!H", 1000) + b"\xff"), 1007, id="a-reason-that-is-no-text"),
        pytest.param(frame(TEXT, b"\xff"), 1007, id="text-that-is-none"),
        pytest.param(frame(TEXT, b"\xed\xa0\x80"), 1007, id="half-a-surrogate-pair"),
        pytest.param(frame(TEXT, b"\xe2\x82"), 1007, id="text-that-breaks-off"),
        pytest.param(frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"\xff"), 1007, id="a-fragment-that-is-none"),
        pytest.param(
            frame(TEXT, b"\xe2", fin=False) + frame(CONTINUATION, b"\x82"), 1007, id="fragments-that-break-off"
        ),
    ],
)
def test_a_violation_ends_the_conversation(data: bytes, code: int) -> None:
    """The close frame has the code of RFC 6455 §7.4, and nothing after it is read."""
    reader = make_reader()
    reader.feed(frame(TEXT, b"before") + data + frame(TEXT, b"after"))

    assert ["before"] == list(reader.messages)
    assert reader.ending is not None
    assert code == reader.ending.code
    assert b"\x88" == reader.ending.answer[:1]
    assert struct.pack("!H", code) == reader.ending.answer[2:4]
    assert not reader.ending.is_clean


@pytest.mark.security("J6")
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(frame(TEXT, b"a", size_of_length=2), id="one-in-two-bytes"),
        pytest.param(frame(TEXT, b"a" * 125, size_of_length=2), id="125-in-two-bytes"),
        pytest.param(frame(BINARY, b"a" * 0xFFFF, size_of_length=8), id="65535-in-eight-bytes"),
        pytest.param(frame(PING, b"", size_of_length=8), id="nothing-in-eight-bytes"),
    ],
)
def test_a_length_has_its_shortest_form(data: bytes) -> None:
    """Two spellings of one frame would be two readings of it."""
    reader = make_reader()
    reader.feed(data)

    assert reader.ending is not None
    assert 1002 == reader.ending.code


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
def test_a_close_frame_is_answered_with_the_same(code: int) -> None:
    """Code and reason come back, and the conversation has ended well."""
    reader = make_reader()
    payload = struct.pack("!H", code) + b"bye"
    reader.feed(frame(CLOSE, payload))

    assert reader.ending is not None
    assert (code, "bye", b"\x88\x05" + payload, True) == (
        reader.ending.code,
        reader.ending.reason,
        reader.ending.answer,
        reader.ending.is_clean,
    )


def test_a_close_frame_without_a_code_is_1005() -> None:
    """The reader learns that there was none, and an empty close frame is the answer."""
    reader = make_reader()
    reader.feed(frame(CLOSE))

    assert reader.ending is not None
    assert (1005, b"\x88\x00") == (reader.ending.code, reader.ending.answer)


def test_whoever_closes_inside_of_a_message_leaves_it_unfinished() -> None:
    """RFC 6455 allows a close frame between fragments; it is an ordinary end."""
    reader = make_reader()
    reader.feed(frame(TEXT, b"a", fin=False) + frame(CLOSE, struct.pack("!H", 1000)))

    assert reader.ending is not None
    assert (1000, True) == (reader.ending.code, reader.ending.is_clean)
    assert [] == list(reader.messages)


def test_the_answer_to_our_close_frame_ends_the_conversation() -> None:
    """Nothing is sent to it, messages that still come are dropped, and a second close does nothing."""
    reader = make_reader()

    assert b"\x88\x05\x03\xe8bye" == reader.close(1000, "bye")
    assert b"" == reader.close(1001, "")

    reader.feed(frame(TEXT, b"late") + frame(BINARY, b"late", fin=False) + frame(CONTINUATION, b"later"))

    assert ([], None) == (list(reader.messages), reader.ending)

    reader.feed(frame(CLOSE, struct.pack("!H", 1000)))

    assert reader.ending is not None
    assert (b"", True) == (reader.ending.answer, reader.ending.is_clean)


# Limits.


@pytest.mark.security("J5")
@pytest.mark.parametrize("count", [99, 100, 101])
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda count: frame(TEXT, b"x" * count), id="one-frame"),
        pytest.param(
            lambda count: frame(TEXT, b"x" * 50, fin=False) + frame(CONTINUATION, b"x" * (count - 50)), id="two-frames"
        ),
        pytest.param(
            lambda count: frame(TEXT, b"x" * count, fin=False) + frame(PING, b"p" * 90) + frame(CONTINUATION),
            id="a-ping-between",
        ),
    ],
)
def test_a_message_has_at_most_so_many_bytes(make: Any, count: int) -> None:
    """The limit is that of the message, however many frames it comes in; control frames do not count."""
    reader = make_reader(max_message_bytes=100)
    reader.feed(make(count))

    if count > 100:
        assert reader.ending is not None
        assert 1009 == reader.ending.code
    else:
        assert ["x" * count] == list(reader.messages)


@pytest.mark.security("J5")
@pytest.mark.parametrize("length", [MIB + 1, 17_000_000, 2**62, 2**63 + 5])
def test_a_length_beyond_the_limit_is_refused_at_the_head(length: int) -> None:
    """Nothing of the content has to come before it is refused."""
    reader = make_reader()
    reader.feed(frame(BINARY, b"", length=length))

    assert reader.ending is not None
    assert 1009 == reader.ending.code


@pytest.mark.security("J8")
@pytest.mark.parametrize("count", [1023, 1024, 1025])
def test_a_message_has_at_most_so_many_fragments(count: int) -> None:
    """Empty ones count too, and one fragment too many is 1009."""
    reader = make_reader()
    reader.feed(frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * (count - 2) + frame(CONTINUATION, b"end"))

    if count > 1024:
        assert reader.ending is not None
        assert 1009 == reader.ending.code
    else:
        assert ["end"] == list(reader.messages)


@pytest.mark.security("J8")
def test_fragments_in_single_bytes_are_read_in_linear_time() -> None:
    """A fragment that drips costs each byte once, not all bytes before it again."""
    reader = make_reader()
    data = frame(BINARY, bytes(40_000))
    for number in range(len(data)):
        reader.feed(data[number : number + 1])

    assert [bytes(40_000)] == list(reader.messages)


@pytest.mark.security("J9")
@pytest.mark.parametrize("count", [99, 100, 101])
def test_control_frames_have_a_budget(count: int) -> None:
    """Pings are answered until the budget is used up; then 1008."""
    reader = make_reader()
    answers = reader.feed(frame(PING, b"p") * count)

    assert min(count, MAX_CONTROL_FRAMES) * b"\x8a\x01p" == answers
    assert (1008 if count > 100 else None) == (reader.ending.code if reader.ending is not None else None)


@pytest.mark.security("J10")
@pytest.mark.capability("C111")
def test_parsing_stops_when_enough_messages_wait() -> None:
    """What is left stays as it came, and is parsed when there is room again."""
    reader = make_reader(max_queue_count=3)
    reader.feed(b"".join(frame(TEXT, b"%d" % number) for number in range(8)))

    assert (["0", "1", "2"], True, True) == (list(reader.messages), reader.is_full, reader.has_unread)

    reader.messages.clear()
    reader.feed(b"")

    assert ["3", "4", "5"] == list(reader.messages)

    reader.messages.clear()
    reader.feed(frame(TEXT, b"8"))

    assert (["6", "7", "8"], False) == (list(reader.messages), reader.has_unread)


@pytest.mark.security("J10")
def test_waiting_messages_hold_no_more_than_one_may() -> None:
    """The queue is bounded in bytes as well as in messages."""
    reader = make_reader(max_message_bytes=100)
    reader.feed(frame(TEXT, b"x" * 60) * 5)

    assert 2 == len(reader.messages)


# Compression.


def test_a_compressed_message_is_read_and_answered_compressed() -> None:
    """Both directions are compressed when it was agreed on."""
    reader = make_reader(deflate=deflate_offer())
    reader.feed(frame(TEXT, compressed(b"hello " * 50), rsv=0x40) + frame(TEXT, b"plain"))

    assert ["hello " * 50, "plain"] == list(reader.messages)

    data = reader.encode("hello " * 50)

    assert 0xC1 == data[0]
    assert len(data) < 40


@pytest.mark.parametrize("count", [99_999, 100_000, 100_001])
def test_the_limit_holds_for_what_was_compressed(count: int) -> None:
    """It counts bytes after decompression, also of content that compression makes longer."""
    reader = make_reader(max_message_bytes=100_000, deflate=deflate_offer())
    content = random.Random(7).randbytes(count)
    reader.feed(frame(BINARY, compressed(content), rsv=0x40))

    if count > 100_000:
        assert reader.ending is not None
        assert 1009 == reader.ending.code
    else:
        assert [content] == list(reader.messages)


@pytest.mark.security("J7")
def test_a_bomb_is_1009_and_never_unpacked() -> None:
    """63 KiB that would become 64 MiB take little more memory than the limit of a message."""
    bomb = compressed(bytes(64 * MIB))
    reader = make_reader(deflate=deflate_offer())
    tracemalloc.start()
    try:
        reader.feed(frame(BINARY, bomb, rsv=0x40))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert reader.ending is not None
    assert 1009 == reader.ending.code
    assert peak < 2.5 * MIB


@pytest.mark.parametrize(
    ("payload", "rsv", "code"),
    [
        pytest.param(b"\xff\xff\xff", 0x40, 1002, id="no-deflate"),
        pytest.param(compressed(b"\xff\xfe"), 0x40, 1007, id="no-text"),
    ],
)
def test_compressed_content_is_checked(payload: bytes, rsv: int, code: int) -> None:
    """What cannot be decompressed is a violation, and text is text."""
    reader = make_reader(deflate=deflate_offer())
    reader.feed(frame(TEXT, payload, rsv=rsv))

    assert reader.ending is not None
    assert code == reader.ending.code


# The same as the library.


def by_library(data: bytes, max_size: int) -> tuple[list[str | bytes], int | None, bytes]:
    """Return the messages, the code of the end and the answers that the library alone gives."""
    protocol = Protocol(SERVER, max_size=max_size)
    messages: list[str | bytes] = []
    parts: list[bytes] = []
    is_text = False
    protocol.receive_data(data)
    for event in protocol.events_received():
        assert isinstance(event, Frame)
        if event.opcode in (TEXT, BINARY):
            is_text = event.opcode == TEXT
            parts = []
        if event.opcode in (TEXT, BINARY, CONTINUATION):
            parts.append(bytes(event.data))
            if event.fin:
                whole = b"".join(parts)
                if not is_text:
                    messages.append(whole)
                    continue
                try:
                    messages.append(whole.decode())
                except UnicodeDecodeError:
                    return messages, 1007, b""
    answers = b"".join(piece for piece in protocol.data_to_send() if piece[:1] == b"\x8a")
    close = protocol.close_sent
    return messages, int(close.code) if close is not None else None, answers


PAYLOADS = st.one_of(
    st.text(max_size=20).map(str.encode),
    st.binary(max_size=20),
    st.sampled_from([b"", b"x" * 125, b"x" * 126, b"\xc3", b"x" * 700]),
)


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """Frames as clients send them, now and then a wrong one."""
    opcode = draw(st.sampled_from([TEXT, TEXT, TEXT, BINARY, BINARY, CONTINUATION, CONTINUATION, PING, PONG, CLOSE, 3]))
    payload = draw(PAYLOADS)
    if opcode == CLOSE:
        payload = struct.pack("!H", draw(st.sampled_from([1000, 1001, 1005, 1016, 3000]))) + payload[:100]
    return frame(
        opcode,
        payload,
        fin=draw(st.sampled_from([True, True, True, False])),
        rsv=draw(st.sampled_from([0] * 15 + [0x40])),
        mask=draw(st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=4, max_size=4), st.just(b"\0" * 4))),
    )


@settings(max_examples=100, deadline=None)
@given(data=st.lists(frames(), max_size=12).map(b"".join), cuts=st.lists(st.integers(1, 60), max_size=40))
def test_we_read_what_the_library_reads(data: bytes, cuts: list[int]) -> None:
    """Messages, answers and the end are those of the library alone, however the bytes are cut.

    Three differences are meant: text is checked as it comes, so that a mistake in it may be seen before another one; a
    close frame inside of a message is no mistake; and a control frame that is too long is a violation, not too big.
    """
    reader = make_reader(max_message_bytes=600)
    read: list[str | bytes] = []
    answers, start = b"", 0
    for cut in [*cuts, len(data)]:
        answers += reader.feed(data[start : start + cut])
        start += cut
        while reader.messages:
            read += reader.messages
            reader.messages.clear()
            answers += reader.feed(b"")
    messages, code, expected_answers = by_library(data, 600)
    found = reader.ending.code if reader.ending is not None else None

    if found == 1007 and code != 1007:
        assert read == messages[: len(read)]
        return
    if reader.ending is not None and reader.ending.is_clean and code == 1002:
        return
    assert messages == read
    if (found, code) == (1002, 1009):
        return
    assert code == (1000 if found == 1005 and code is None else found)
    if code not in (1007, 1009):
        assert expected_answers == answers

"""From bytes to messages and back: the frames of one WebSocket, without a socket, a loop or a clock.

`FrameReader.feed` takes what was read and puts whole messages into `messages`, in order, until there are enough of
them. What ends the conversation, a close frame or a violation, is left in `ending` for whoever talks with the
application: its answers to earlier messages go out before the close frame does.

The usual frame, a masked message in one piece, is read here. Everything else goes through the protocol object of the
library `websockets`, one frame at a time: fragments, control frames, compression, long frames, and frames of which
only a part has come.

Spec: RFC 6455 §5, §7; RFC 7692.
"""

from __future__ import annotations

import codecs
import logging
from collections import deque
from dataclasses import dataclass

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import SERVER, Protocol

try:
    from websockets.speedups import apply_mask
except ImportError:  # a wheel without the compiled part
    from websockets.utils import apply_mask

__all__ = ["MAX_CONTROL_FRAMES", "Ending", "FrameReader", "frame_bytes"]

MAX_COMMON_BYTES = 0xFFFF
"""A longer frame is never read in one piece."""

MAX_CONTROL_BYTES = 125
"""What a control frame may carry, whatever the limit of messages is (RFC 6455 §5.5)."""

MAX_CONTROL_FRAMES = 100
"""Pings and pongs that may come until the budget is renewed."""

PROTOCOL_ERROR = 1002
INVALID_DATA = 1007
POLICY_VIOLATION = 1008
MESSAGE_TOO_BIG = 1009

_FIN, _RSV1, _OPCODE, _MASKED = 0x80, 0x40, 0x0F, 0x80
_CONTINUATION, _TEXT, _BINARY, _CLOSE = 0, 1, 2, 8
_FINAL_BINARY = _FIN | _BINARY
_FINAL = (_FIN | _TEXT, _FINAL_BINARY)
_CLOSE_HEAD = b"\x88"
_SHORT_HEADS = {opcode: tuple(bytes((_FIN | opcode, size)) for size in range(126)) for opcode in (_TEXT, _BINARY)}

# The library tells of every connection that is closed; here only what is wrong with it is of interest.
_library_logger = logging.getLogger("costrel.websocket.frames")
_library_logger.setLevel(logging.WARNING)

_new_decoder = codecs.getincrementaldecoder("utf-8")


@dataclass(frozen=True, slots=True)
class Ending:
    """How the other end, or its mistake, ends the conversation.

    Args:
        code: for whoever receives messages, 1005 when the close frame had none.
        reason: the same in words.
        answer: the close frame to send, empty when one was sent before.
        is_clean: whether close frames go both ways, so that the connection can be closed at once.
    """

    code: int
    reason: str
    answer: bytes
    is_clean: bool


def frame_bytes(opcode: int, payload: bytes) -> bytes:
    """Return a message as one frame, neither masked nor compressed.

    Args:
        opcode: 1 for text, 2 for binary.
        payload: the whole message.

    Spec:
        RFC 6455 §5.2.
    """
    size = len(payload)
    if size < 126:
        return _SHORT_HEADS[opcode][size] + payload
    if size <= 0xFFFF:
        return b"%c\x7e%b%b" % (_FIN | opcode, size.to_bytes(2, "big"), payload)
    return b"%c\x7f%b%b" % (_FIN | opcode, size.to_bytes(8, "big"), payload)


class FrameReader:
    """The frames of one conversation, from the opening handshake to the closing one.

    Args:
        max_message_bytes: of one message, decompressed.
        max_fragments: frames of one message.
        max_queue_count: messages that may wait before parsing stops.
        deflate: the compression that was agreed on.

    Attributes:
        messages: whole messages, oldest first: text is `str`, binary is `bytes`.
        ending: what ends the conversation, `None` as long as it goes on; nothing after it is read.
        is_closing: whether our close frame was made; messages that come later are dropped.
        control_budget: how many more control frames may come; whoever knows the time renews it.
    """

    __slots__ = (
        "_buffer",
        "_decoder",
        "_fragment_count",
        "_is_compressed",
        "_is_streamed",
        "_left_bytes",
        "_mask",
        "_max_common_bytes",
        "_max_fragments",
        "_max_message_bytes",
        "_max_queue_count",
        "_message_bytes",
        "_offset",
        "_pieces",
        "_protocol",
        "_texts",
        "control_budget",
        "ending",
        "is_closing",
        "messages",
    )

    def __init__(
        self,
        max_message_bytes: int,
        max_fragments: int,
        max_queue_count: int,
        deflate: PerMessageDeflate | None = None,
    ) -> None:
        self.messages: deque[str | bytes] = deque()
        self.ending: Ending | None = None
        self.is_closing: bool = False
        self.control_budget: int = MAX_CONTROL_FRAMES
        self._max_message_bytes = max_message_bytes
        self._max_common_bytes = min(max_message_bytes, MAX_COMMON_BYTES)
        self._max_fragments = max_fragments
        self._max_queue_count = max_queue_count
        # The exact limit is kept here. The library would hold control frames to what is left of it, and compressed
        # messages to their length on the wire, which is a little more for what cannot be compressed.
        slack_bytes = MAX_CONTROL_BYTES if deflate is None else 1024 + max_message_bytes // 64
        self._protocol = Protocol(SERVER, max_size=max_message_bytes + slack_bytes, logger=_library_logger)
        if deflate is not None:
            self._protocol.extensions = [deflate]
        self._buffer, self._offset = b"", 0
        # Of the frame that the library is being given:
        self._left_bytes = 0
        self._mask = b""
        self._is_streamed = False
        # Of the message that such frames belong to:
        self._fragment_count = self._message_bytes = 0
        self._is_compressed = False
        self._decoder: codecs.IncrementalDecoder | None = None
        self._pieces: list[bytes] = []
        self._texts: list[str] = []

    # What comes.

    @property
    def is_full(self) -> bool:
        """Whether as many messages wait as may, or as much as one message may hold."""
        messages = self.messages
        return len(messages) >= self._max_queue_count or sum(map(len, messages)) >= self._max_message_bytes

    @property
    def has_unread(self) -> bool:
        """Whether something was read and not looked at, for there were messages enough."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> bytes:
        """Parse what was left and what was read, until there are messages enough.

        Args:
            data: what was read; nothing, to go on with what was left.

        Returns:
            Answers to pings, to be sent now.
        """
        position = 0
        if self._buffer:
            position, data = (self._offset, self._buffer) if not data else (0, self._buffer[self._offset :] + data)
        size = len(data)
        messages = self.messages
        answers = b""
        while position < size and self.ending is None:
            if self._left_bytes:
                piece = data[position : position + self._left_bytes]
                position += len(piece)
                answers += self._give_payload(piece)
                continue
            if messages and self.is_full:
                break
            start, length = _measure_head(data, position)
            if not start:
                break
            first, end = data[position], start + length
            # The usual frame: a whole message, masked, not compressed, not too long, and all of it is there.
            if (
                first in _FINAL
                and end <= size
                and 0 <= length <= self._max_common_bytes
                and not self._fragment_count
                and data[position + 1] & _MASKED
            ):
                payload = apply_mask(data[start:end], data[start - 4 : start])
                position = end
                if first == _FINAL_BINARY:
                    self._deliver(payload)
                    continue
                try:
                    self._deliver(payload.decode())
                except UnicodeDecodeError as error:
                    answers += self._fail_text(error)
                continue
            answers += self._give_head(data[position:start], length)
            position = start
        if position >= size or self.ending is not None:
            self._buffer, self._offset = b"", 0
        else:
            self._buffer, self._offset = data, position
        return answers

    def _deliver(self, message: str | bytes) -> None:
        if not self.is_closing:
            self.messages.append(message)

    def _give_head(self, head: bytes, length: int) -> bytes:
        """Begin a frame that is not a usual one, and check what its head shows."""
        if length < 0:
            return self._fail(PROTOCOL_ERROR, "a length is not in its shortest form")
        opcode = head[0] & _OPCODE
        self._is_streamed = False
        if opcode <= _BINARY:
            # A frame that is out of place is no part of the message; the library will say so.
            is_in_place = (opcode == _CONTINUATION) == (self._fragment_count > 0)
            if is_in_place and opcode != _CONTINUATION:
                self._is_compressed = bool(head[0] & _RSV1)
                self._decoder = _new_decoder() if opcode == _TEXT else None
            self._fragment_count += is_in_place
            if self._fragment_count > self._max_fragments:
                return self._fail(MESSAGE_TOO_BIG, f"a message has more than {self._max_fragments} fragments")
            if not self._is_compressed and self._message_bytes + length > self._max_message_bytes:
                return self._fail_size()
            self._is_streamed = is_in_place and self._decoder is not None and not self._is_compressed
        elif opcode == _CLOSE:
            # RFC 6455 §5.5.1: whoever closes inside of a message leaves it unfinished.
            self._protocol.current_size = None
        elif opcode > _CLOSE:
            # SECURITY: pings cost more to answer than to send, and nobody needs many.
            self.control_budget -= 1
            if self.control_budget < 0:
                return self._fail(POLICY_VIOLATION, "too many pings")
        self._left_bytes = length
        self._mask = head[-4:]
        self._protocol.receive_data(head)
        return self._take()

    def _give_payload(self, piece: bytes) -> bytes:
        """Go on with the payload of that frame; text is checked as it comes."""
        self._left_bytes -= len(piece)
        if self._is_streamed and self._decoder is not None:
            try:
                self._texts.append(self._decoder.decode(apply_mask(piece, self._mask)))
            except UnicodeDecodeError as error:
                return self._fail_text(error)
            turn = len(piece) % 4
            self._mask = self._mask[turn:] + self._mask[:turn]
        self._protocol.receive_data(piece)
        return self._take()

    def _take(self) -> bytes:
        """Take from the library what the bytes have brought: at most one frame, and what it has to say to it."""
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and event.opcode <= _BINARY:
                self._take_fragment(bytes(event.data), is_last=event.fin)
        answers = close_frame = b""
        is_over = False
        for data in self._protocol.data_to_send():
            if data.startswith(_CLOSE_HEAD):
                close_frame = data
            else:
                answers += data
                is_over = is_over or not data
        if is_over and self.ending is None:
            self.ending = self._ending_of(close_frame)
        return answers

    def _take_fragment(self, data: bytes, *, is_last: bool) -> None:
        """Add a frame to its message, and deliver the message with its last one."""
        self._message_bytes += len(data)
        if self._message_bytes > self._max_message_bytes:
            self._fail_size()
            return
        if self._decoder is None:
            self._pieces.append(data)
        else:
            try:
                self._texts.append(self._decoder.decode(data if self._is_compressed else b"", is_last))
            except UnicodeDecodeError as error:
                self._fail_text(error)
                return
        if is_last:
            self._deliver(b"".join(self._pieces) if self._decoder is None else "".join(self._texts))
            self._pieces, self._texts = [], []
            self._fragment_count = self._message_bytes = 0
            self._is_compressed, self._decoder = False, None

    def _ending_of(self, close_frame: bytes) -> Ending:
        received, sent = self._protocol.close_rcvd, self._protocol.close_sent
        if received is not None and (self.is_closing or sent is received):
            return Ending(int(received.code), received.reason, close_frame, True)
        if sent is not None and not self.is_closing:
            return Ending(int(sent.code), sent.reason, close_frame, False)
        return Ending(PROTOCOL_ERROR, "", b"", False)

    def _fail(self, code: int, reason: str) -> bytes:
        self._protocol.fail(code, reason)
        return self._take()

    def _fail_size(self) -> bytes:
        return self._fail(MESSAGE_TOO_BIG, f"a message has more than {self._max_message_bytes} bytes")

    def _fail_text(self, error: UnicodeDecodeError) -> bytes:
        return self._fail(INVALID_DATA, f"text is not UTF-8: {error.reason}")

    # What goes.

    def encode(self, message: str | bytes) -> bytes:
        """Return a message as a frame.

        Raises:
            UnicodeEncodeError: the text holds half of a surrogate pair.
        """
        opcode, payload = (_TEXT, message.encode()) if isinstance(message, str) else (_BINARY, message)
        if self._protocol.extensions:
            return Frame(Opcode(opcode), payload).serialize(mask=False, extensions=self._protocol.extensions)
        return frame_bytes(opcode, payload)

    def close(self, code: int, reason: str) -> bytes:
        """Begin the closing handshake; return the close frame, nothing when one was made before."""
        if self.is_closing or self.ending is not None:
            return b""
        self.is_closing = True
        self.messages.clear()
        self._protocol.send_close(code, reason)
        return b"".join(self._protocol.data_to_send())

    def ping(self) -> bytes:
        """Return a ping without content."""
        if self.ending is not None:
            return b""
        self._protocol.send_ping(b"")
        return b"".join(self._protocol.data_to_send())


def _measure_head(data: bytes, position: int) -> tuple[int, int]:
    """Find out where the payload of a frame begins, and how long it is.

    Returns:
        Where it begins, 0 when the head is not complete; and its length, -1 when that has not its shortest form,
        which RFC 6455 §5.2 demands.
    """
    size = len(data)
    if size - position < 2:
        return 0, 0
    second = data[position + 1]
    length = second & 0x7F
    start = position + (6 if second & _MASKED else 2)
    if length == 126:
        start += 2
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        length = length if length > 125 else -1
    elif length == 127:
        start += 8
        length = int.from_bytes(data[position + 2 : position + 10], "big")
        length = length if length > 0xFFFF else -1
    return (start, length) if start <= size else (0, 0)

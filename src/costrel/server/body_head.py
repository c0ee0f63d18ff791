"""The head of a request with a body, as far as it says the same the next time.

A client that sends one document after the other to an API sends one head after the other that differ in their target
and their ``Content-Length`` alone. `BodyHead` remembers such a head, which was parsed and checked, and knows it again
when it comes with its whole body in one read. All other parsing is in `parsing`.
"""

from __future__ import annotations

from typing import Self

__all__ = ["BodyHead"]

_NAMES = (b"\r\nContent-Length: ", b"\r\ncontent-length: ")


class BodyHead:
    """What stands around the target and the length of a head that was parsed before.

    Args:
        method: of the request.
        before_length: from behind the target up to the value of ``Content-Length``.
        after_length: from behind that value to the empty line at the end.
        fields: the field lines.
        length_at: which of them is the length.

    Attributes:
        method: of the request.
    """

    __slots__ = (
        "_after_length",
        "_before_length",
        "_fields",
        "_length_at",
        "_length_text",
        "_start",
        "_tail",
        "method",
    )

    def __init__(
        self, method: str, before_length: bytes, after_length: bytes, fields: list[tuple[bytes, bytes]], length_at: int
    ) -> None:
        self.method: str = method
        self._start = method.encode("ascii") + b" /"
        self._before_length = before_length
        self._after_length = after_length
        self._fields = fields
        self._length_at = length_at
        self._length_text = fields[length_at][1]
        self._tail = before_length + self._length_text + after_length

    @classmethod
    def of(cls, method: str, target: bytes, head: bytes, fields: list[tuple[bytes, bytes]], length: int) -> Self | None:
        """Remember a head.

        Args:
            method: as the parser says.
            target: the same.
            head: from its request line to the empty line at its end, parsed and found right.
            fields: its field lines; taken, not copied.
            length: what its ``Content-Length`` says.

        Returns:
            `None` when the length is not written as nearly all clients write it.
        """
        text = b"%d" % length
        for name in _NAMES:
            length_from = head.find(name) + len(name)
            length_to = length_from + len(text)
            if length_from >= len(name) and head.startswith(text + b"\r\n", length_from):
                break
        else:
            return None
        tail_from = len(method) + 1 + len(target)
        length_at = fields.index((b"content-length", text))
        return cls(method, head[tail_from:length_from], head[length_to:], fields, length_at)

    def split(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Return the target and the body of a read that is such a head and the whole body that it announces.

        Args:
            data: all of what was read.

        Returns:
            `None` when it is anything else. The target begins with a slash and holds whatever stood there.
        """
        if not data.startswith(self._start):
            return None
        body_from = data.find(b"\r\n\r\n") + 4
        length_text = b"%d" % (len(data) - body_from)
        tail = self._tail
        if length_text != self._length_text:
            tail = self._remember_length(length_text)
        target_end = body_from - len(tail)
        if target_end > 0 and body_from < len(data) and data.startswith(tail, target_end):
            return data[len(self._start) - 1 : target_end], data[body_from:]
        return None

    def _remember_length(self, length_text: bytes) -> bytes:
        """Make the next head of another length, which is likely to be followed by more of that length."""
        fields = self._fields = self._fields.copy()
        fields[self._length_at] = (b"content-length", length_text)
        self._length_text = length_text
        self._tail = tail = self._before_length + length_text + self._after_length
        return tail

    def fields(self) -> list[tuple[bytes, bytes]]:
        """Return the field lines of the head that `split` has found, in a list of their own.

        SECURITY: what a layer adds to them must not come with the next request.
        """
        return self._fields.copy()

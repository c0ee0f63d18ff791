"""The response whose body is pulled from an iterable while it is sent; how it is pulled is in `stream_body.py`.

Whoever makes a response of a handler's value calls `StreamResponse.prime`, so that the first piece decides the media
type and an early failure gets an error response.
"""

from __future__ import annotations

from collections.abc import Callable

from costrel.http import Headers
from costrel.messages.response import HTML, OCTET_STREAM, HeaderInput, Response
from costrel.messages.stream_body import Source, StreamBody

__all__ = ["StreamResponse"]


class StreamResponse(Response):
    """A response whose body is pulled from an iterable while it is sent.

    Args:
        iterable: a generator or any other iterable of `str` or `bytes`, ``async`` or plain.
        status_code: 100 to 599.
        headers: further header fields.
        media_type: `None` is decided by the first piece: HTML for text, ``application/octet-stream`` for bytes.
        send_head_first: whether the head is sent before the first piece is there; then a failure of the first piece
            can no longer change the status.
        content_length: how many bytes come in all, if that is known.
        on_abort: see `StreamBody`.
    """

    __slots__ = ("_decides_media_type", "send_head_first")

    body: StreamBody
    send_head_first: bool

    def __init__(
        self,
        iterable: Source,
        status_code: int = 200,
        headers: HeaderInput | None = None,
        media_type: str | None = None,
        *,
        send_head_first: bool = False,
        content_length: int | None = None,
        on_abort: Callable[[], object] | None = None,
    ) -> None:
        body = StreamBody(iterable, content_length=content_length, on_abort=on_abort)
        self._set_up(body, status_code, headers, media_type, send_head_first=send_head_first)

    def _set_up(
        self,
        body: StreamBody,
        status_code: int,
        headers: HeaderInput | None,
        media_type: str | None,
        *,
        send_head_first: bool,
    ) -> None:
        fields = Headers(headers) if headers is not None else None
        given = media_type or self.default_media_type
        super().__init__(body, status_code, fields, given or HTML)
        self.send_head_first = send_head_first
        self._decides_media_type = given is None and (fields is None or "content-type" not in fields)

    async def prime(self) -> None:
        """Pull the first piece, unless `send_head_first`, and let it decide the media type if nobody has.

        Raises:
            Exception: whatever the iterable raised.
        """
        if not self.send_head_first:
            await self.body.prime()
            self._decide_media_type()

    def prime_here(self) -> None:
        """Do what `prime` does, in the worker thread that has made the response."""
        if not self.send_head_first:
            self.body.prime_here()
            self._decide_media_type()

    def _decide_media_type(self) -> None:
        if self._decides_media_type and self.body.is_text is not None:
            self._decides_media_type = False
            if not self.body.is_text and self.media_type == HTML:
                self.media_type = OCTET_STREAM

    def copy(self) -> Response:
        """Return a copy that belongs to no exchange; only one of the two can be sent."""
        twin = super().copy()
        if isinstance(twin, StreamResponse):
            twin.send_head_first = self.send_head_first
            twin._decides_media_type = self._decides_media_type
        return twin

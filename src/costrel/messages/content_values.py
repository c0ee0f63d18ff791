"""The body of a request: read once, by `read()`; after that everything about it is a plain synchronous call.

How a body is read, limited and spooled is in `content.py`, how forms are taken apart in `forms.py`.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from typing import Any

from costrel.errors import BodyNotRead, BodyStreamed, HTTPError
from costrel.http import MultiDict
from costrel.messages.callbacks import added
from costrel.messages.content import STREAMED, Content, ReadFailure, Streamed, read_content, take_arrived_content
from costrel.messages.exchange import Exchange
from costrel.messages.forms import FormData, UploadFile, parse_form
from costrel.messages.head_values import HeadValues
from costrel.messages.json_body import JSONReader

__all__ = ["ContentValues"]


class ContentValues(HeadValues):
    """The part of a request that is its body; `Request` is built upon it and documents the attributes."""

    __slots__ = ("_form_data", "content", "end_callbacks", "exchange", "max_body_bytes")

    content: Content | Streamed | ReadFailure | None
    end_callbacks: list[Callable[[Any], Awaitable[None] | None]] | None  # they take the class that is built upon this
    exchange: Exchange
    max_body_bytes: int | None
    _form_data: FormData

    async def read(self) -> None:
        """Read the body, once; later calls return at once.

        Up to `AppSettings.spool_threshold_bytes` stay in memory, more goes to a temporary file. After it `body`,
        `text`, `json()`, `form` and `files` are plain synchronous calls, as often as you like.

        Raises:
            ContentTooLarge: the body is larger than the limit; nothing of it is kept.
            BadRequest: its framing or its multipart structure is broken.
            ClientDisconnected: the client left before it was complete.
            BodyStreamed: the handler took it as a `BodyStream`.
        """
        if self.content is not None:
            self._read_content("read()")
            return
        if self.take_content():
            return
        try:
            content = await read_content(self.exchange, self.headers, self.limits, max_body_bytes=self.max_body_bytes)
        except (HTTPError, CancelledError) as error:
            # SECURITY: what is left of the body must not be read as a body by whoever asks next.
            self.content = ReadFailure(error)
            raise
        self.content = content
        if not isinstance(content, bytes):
            close = content.close
            self.end_callbacks = added(self.end_callbacks, lambda _: close(), last=False)

    def take_content(self) -> bool:
        """Keep the body without waiting if all of it is here; where this is false, `read` has to be awaited."""
        content = take_arrived_content(self.exchange, self.headers, self.limits, max_body_bytes=self.max_body_bytes)
        self.content = content
        return content is not None

    def _read_content(self, name: str) -> Content:
        """Return the content that `read` kept; `name` is what the error speaks of."""
        content = self.content
        if content is None:
            raise BodyNotRead(name)
        if content is STREAMED:
            raise BodyStreamed(name)
        if isinstance(content, ReadFailure):
            raise content.again()
        return content

    @property
    def body(self) -> bytes:
        """The content as bytes; one that was spooled to disk is read back.

        Raises:
            BodyNotRead: used in a layer before `await request.read()`.
            BodyStreamed: the handler takes a `BodyStream`.
        """
        content = self._read_content("body")
        return content if isinstance(content, bytes) else content.read()

    @property
    def text(self) -> str:
        """The content as text in UTF-8; bytes that are none become U+FFFD. Raises as `body` does."""
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> JSONReader:
        """Decode the content as JSON: ``request.json()`` or ``request.json(type=Order)``. Raises as `body` does.

        Called, it raises `UnsupportedMediaType` when the content is not JSON (``force=True`` decodes it anyway),
        `BadRequest` when it is malformed and `ValidationFailed` when it does not fit ``type``.
        """
        return JSONReader(self._read_content("json()"), self.content_type, self.limits)

    @property
    def form(self) -> MultiDict[str]:
        """The text fields of a form, urlencoded or multipart; empty for any other media type. Raises as `body` does."""
        return self._read_form().fields

    @property
    def files(self) -> MultiDict[UploadFile]:
        """The files of a multipart form; empty for any other media type. Raises as `body` does."""
        return self._read_form().files

    def _read_form(self) -> FormData:
        try:
            return self._form_data
        except AttributeError:
            pass
        self._form_data = parse_form(self._read_content("form"), self.headers.get("content-type", ""), self.limits)
        return self._form_data

    def take_stream(self, name: str) -> None:
        """Mark the body as consumed by a `BodyStream`, so that nobody waits for it a second time.

        Raises:
            BodyStreamed: it was taken before.
        """
        if self.content is STREAMED:
            raise BodyStreamed(name)
        if isinstance(self.content, ReadFailure):
            raise self.content.again()
        if self.content is None:
            self.content = STREAMED

    @property
    def kept_content(self) -> Content | None:
        """The content if `read` has kept it, else `None`; for a `BodyStream` or a mount that replays it."""
        content = self.content
        return None if content is STREAMED or isinstance(content, ReadFailure) else content

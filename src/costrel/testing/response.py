"""What a test gets back: the response of one request, with the names that users of httpx know.

The content of a `TestResponse` is there when the client returns it, but for one that is streamed: that is read by
`read`, `iter_bytes`, `iter_lines` or their async twins. What was rendered and what was raised while the response was
made is there too, for the test to look at.
"""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Protocol, TypeVar, overload

from costrel.errors import HTTPError
from costrel.http import URL, Headers, parse_media_type, reason_phrase
from costrel.messages import Request, decode_json
from costrel.testing.outgoing import OutgoingRequest

__all__ = ["PieceSource", "RenderedTemplate", "TestResponse"]

T = TypeVar("T")
Drive = Callable[[Awaitable[bytes]], bytes]


class PieceSource(Protocol):
    """Where the content of a streamed response comes from."""

    async def next_piece(self) -> bytes:
        """Wait for the next piece, ``b""`` at the end."""
        ...


class RenderedTemplate(Protocol):
    """A template as Jinja has it."""

    name: str | None
    """Its name, as it was asked for."""


class TestResponse:
    """A response to a test client.

    Args:
        sent: the request that was sent.
        status_code: of the response.
        headers: all fields.
        content: the body; `None` when it is still to be read from `source`.
        source: gives the pieces of a streamed response.

    Attributes:
        status_code: 200 to 999.
        headers: the header fields.
        url: where the response came from.
        request: the `Request` as the application saw it, ended by now; its `state` and `g` can be looked at.
        history: the redirects that led here, oldest first.
        cookies: the cookies that this response sets, by name.
        exception: the exception that became this response, `None` without one.
        trailers: the trailer fields.
        informational: interim responses before it, as pairs of status and header fields.
        templates: every template that was rendered for it, with its context, in order.
    """

    __test__ = False  # pytest would collect it by its name

    def __init__(
        self,
        sent: OutgoingRequest,
        status_code: int,
        headers: Headers,
        content: bytes | None,
        *,
        source: PieceSource | None = None,
    ) -> None:
        self.sent = sent
        self.status_code = status_code
        self.headers = headers
        self.url: URL = sent.url
        self.request: Request | None = None
        self.history: list[TestResponse] = []
        self.cookies: dict[str, str] = {}
        self.exception: BaseException | None = None
        self.trailers: Headers = Headers()
        self.informational: list[tuple[int, Headers]] = []
        self.templates: list[tuple[RenderedTemplate, Mapping[str, object]]] = []
        self._content = content
        self._source = source
        self._drive: Drive | None = None

    def __repr__(self) -> str:
        return f"<TestResponse {self.status_code} {self.reason_phrase}>"

    @property
    def reason_phrase(self) -> str:
        """The phrase that goes with the status, for example ``Not Found``."""
        return reason_phrase(self.status_code)

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status_code <= 299

    @property
    def is_redirect(self) -> bool:
        """Whether the status is 3xx and it says where to go."""
        return 300 <= self.status_code <= 399 and "location" in self.headers

    @property
    def is_error(self) -> bool:
        """Whether the status is 4xx or 5xx."""
        return 400 <= self.status_code <= 599

    def raise_for_status(self) -> TestResponse:
        """Return the response itself, or raise when its status is an error.

        Raises:
            HTTPError: the status is 4xx or 5xx; its detail has the beginning of the content.
        """
        if self.is_error:
            shown = self._content.decode("utf-8", "replace")[:500] if self._content is not None else ""
            raise HTTPError(self.status_code, f"{self.sent.method} {self.url}: {self.reason_phrase} {shown}".rstrip())
        return self

    @property
    def content(self) -> bytes:
        """The content.

        Raises:
            RuntimeError: it is a stream that was not read yet.
        """
        if self._content is None:
            raise RuntimeError("The response is streamed: read it with `read()`, or `await aread()`, first.")
        return self._content

    def drive_with(self, drive: Drive) -> None:
        """Read a stream synchronously, by running the loop; for the synchronous client.

        Args:
            drive: runs an awaitable to its end.
        """
        self._drive = drive

    def set_content(self, content: bytes) -> None:
        """Keep the content, once it was read; for the clients."""
        self._content = content

    @property
    def text(self) -> str:
        """The content as text, in the charset of the media type or else in UTF-8."""
        return self.content.decode(self.charset, "replace")

    @property
    def charset(self) -> str:
        """The charset of the media type, ``utf-8`` when it names none that is known."""
        try:
            media_type = parse_media_type(self.headers.get("content-type", ""))
            return codecs.lookup(dict(media_type.parameters).get("charset", "utf-8")).name
        except (LookupError, ValueError):
            return "utf-8"

    @overload
    def json(self) -> Any: ...  # JSON values have no common static type
    @overload
    def json(self, type: type[T]) -> T: ...
    def json(self, type: Any = Any) -> Any:  # the overloads say what callers see
        """Decode the content as JSON.

        Args:
            type: what it must be; by default anything.

        Raises:
            BadRequest: it is not JSON.
            ValidationFailed: it does not fit `type`.
        """
        return decode_json(self.content, type, max_depth=None)

    @property
    def template(self) -> RenderedTemplate | None:
        """The first template that was rendered for it, `None` when there was none."""
        return self.templates[0][0] if self.templates else None

    @property
    def context(self) -> Mapping[str, object]:
        """What that template was rendered with; empty when there was none."""
        return self.templates[0][1] if self.templates else {}

    def read(self) -> bytes:
        """Read the rest of a streamed response and return the content."""
        if self._content is None:
            self._content = b"".join(self.iter_bytes())
        return self._content

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield the pieces of the content as the application sends them; all at once if it is there already."""
        if self._content is not None:
            if self._content:
                yield self._content
            return
        if self._drive is None or self._source is None:
            raise RuntimeError("In an event loop a stream is read by `aiter_bytes`, `aiter_lines` or `await aread()`.")
        while piece := self._drive(self._source.next_piece()):
            yield piece

    def iter_lines(self) -> Iterator[str]:
        """Yield the lines of the content as they come, without their ends."""
        lines = _Lines(self.charset)
        for piece in self.iter_bytes():
            yield from lines.feed(piece)
        yield from lines.end()

    async def aread(self) -> bytes:
        """Read the rest of a streamed response and return the content."""
        if self._content is None:
            self._content = b"".join([piece async for piece in self.aiter_bytes()])
        return self._content

    async def aiter_bytes(self) -> AsyncIterator[bytes]:
        """Yield the pieces of the content as the application sends them; all at once if it is there already."""
        if self._content is not None or self._source is None:
            if self._content:
                yield self._content
            return
        while piece := await self._source.next_piece():
            yield piece

    async def aiter_lines(self) -> AsyncIterator[str]:
        """Yield the lines of the content as they come, without their ends."""
        lines = _Lines(self.charset)
        async for piece in self.aiter_bytes():
            for line in lines.feed(piece):
                yield line
        for line in lines.end():
            yield line


class _Lines:
    """Cuts pieces of bytes into lines of text; an end of line may be LF, CR or both."""

    def __init__(self, charset: str) -> None:
        self._decoder = codecs.getincrementaldecoder(charset)("replace")
        self._rest = ""

    def feed(self, piece: bytes) -> list[str]:
        """Return the lines that are complete now."""
        text = self._rest + self._decoder.decode(piece)
        # A CR at the end may be the first half of CRLF.
        held = "\r" if text.endswith("\r") else ""
        lines = text.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._rest = lines.pop() + held
        return lines

    def end(self) -> list[str]:
        """Return what is left."""
        rest = self._rest + self._decoder.decode(b"", final=True)
        return [rest.removesuffix("\r")] if rest else []

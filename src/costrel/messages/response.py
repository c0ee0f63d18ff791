"""The response: a value that is returned, travels out through the layers and is sent after the last of them.

`Response` holds a status, header fields and a body. The body is `bytes`, or a `ResponseStream` that is sent piece by
piece, or on a WebSocket handshake the socket's handler. What is not touched costs nothing: as long as nobody asks for
`headers` there is no object for them, and a transport sends a head that it has made before.

A `Response` belongs to one exchange. One that is returned a second time, for example a module-level constant, is
copied first: head and cookies fresh, body shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, Protocol, Self

import msgspec

from costrel.errors import with_foreign_names
from costrel.http import (
    CacheControl,
    ETag,
    Headers,
    SameSite,
    check_location,
    format_delete_cookie,
    format_set_cookie,
    parse_etag,
)
from costrel.messages.exchange import Exchange, RequestHead, WebSocketChannel

__all__ = [
    "HTMLResponse",
    "HeaderInput",
    "JSONResponse",
    "RedirectResponse",
    "Resolvable",
    "Response",
    "ResponseStream",
    "SocketBody",
    "TextResponse",
    "encode_json",
    "head_fields",
]

HeaderInput = Mapping[str, str] | Iterable[tuple[str, str]]

HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
OCTET_STREAM = "application/octet-stream"


class ResponseStream(Protocol):
    """A body that is sent piece by piece; `StreamBody` and `FileBody` are the ones of this room."""

    content_length: int | None
    """How many bytes come in all, `None` when it is not known before the end."""

    def __aiter__(self) -> Self:
        """Return itself; it can be read once."""
        ...

    async def __anext__(self) -> bytes:
        """Return the next piece, never empty; an exception means that the response must be aborted."""
        ...

    async def aclose(self) -> None:
        """Let go of what it holds; transports call it always, at the end and when they stop earlier."""
        ...


class SocketBody(Protocol):
    """The body of a 101 response: what to do with the socket once the handshake was sent."""

    async def run(self, channel: WebSocketChannel) -> None:
        """Drive the handler until it returns, close the socket with the right code, and never raise an `Exception`."""
        ...


class Resolvable(Protocol):
    """A response that needs the request, or a file, before it is known what it says; `FileResponse` is one.

    Whoever turns a handler's value into a response asks `needs_resolving` of each, and puts what `resolve` returns in
    its place; so do transports with what they get from layers.
    """

    needs_resolving: bool
    """Whether `resolve` must be awaited before the response is sent."""

    async def resolve(self, request: RequestHead) -> Response:
        """Return the response to send, one that needs no resolving.

        Raises:
            HTTPError: the answer is an error, for example 404, 412 or 416.
        """
        ...


Body = bytes | ResponseStream | SocketBody


def head_fields(media_type: str | None) -> list[tuple[bytes, bytes]]:
    """Return the header fields that follow from a media type.

    HTML gets ``nosniff`` with it, so that a browser never takes it for anything else.
    """
    if media_type is None:
        return []
    fields = [(b"content-type", media_type.encode("latin-1"))]
    if media_type.startswith("text/html"):
        fields.append((b"x-content-type-options", b"nosniff"))
    return fields


@with_foreign_names
class Response:
    """An answer: status, header fields and body.

    Args:
        body: `str` is sent in UTF-8 (media type HTML unless given), `bytes` as they are, `None` is no content.
        status_code: 100 to 599.
        headers: further header fields; names and values are checked here, not when they are sent.
        media_type: the ``Content-Type`` with its parameters; `None` follows from the type of `body`.

    Attributes:
        status_code: may be changed until the head is sent.
        body: `bytes`, a `ResponseStream` or a `SocketBody`.
        exchange: the exchange it belongs to, `None` before its handler has returned it.
        own_headers: the header fields once somebody has asked for `headers`, else `None`: then they follow from
            `plain_media_type`, and a transport may send a head that it made before.
        plain_media_type: the media type as long as `own_headers` is `None`.
        exception: the exception that was converted into this response, until the head is sent.
        trailers: called after the last piece of a stream for the trailer fields, `None` for none (RFC 9110 §6.5).

    Raises:
        ValueError: a header name or value that HTTP does not allow (RFC 9110 §5).
    """

    __slots__ = (
        "__weakref__",
        "_pristine",
        "body",
        "exception",
        "exchange",
        "own_headers",
        "plain_media_type",
        "status_code",
        "trailers",
    )

    default_media_type: str | None = None
    needs_resolving: bool = False

    def __init__(
        self,
        body: str | bytes | Body | None = None,
        status_code: int = 200,
        headers: HeaderInput | None = None,
        media_type: str | None = None,
    ) -> None:
        if type(body) is bytes:
            self.body: Body = body
            self.plain_media_type = media_type or self.default_media_type or (OCTET_STREAM if body else None)
        elif isinstance(body, str):
            self.body = body.encode()
            self.plain_media_type = media_type or self.default_media_type or HTML
        elif body is None:
            self.body = b""
            self.plain_media_type = media_type
        else:
            self.body = bytes(body) if isinstance(body, bytearray | memoryview) else body
            self.plain_media_type = media_type or self.default_media_type or OCTET_STREAM
        self.status_code: int = status_code
        self.exception: Exception | None = None
        self.trailers: Callable[[], Mapping[str, str]] | None = None
        self.exchange: Exchange | None = None
        self._pristine: tuple[int, str | None, Headers | None, Body] | None = None
        self.own_headers: Headers | None = None
        if headers is not None:
            fields = Headers(headers)
            if "content-type" in fields:
                self.plain_media_type = fields["content-type"]
                self.own_headers = fields
            else:
                self.own_headers = Headers.from_raw(head_fields(self.plain_media_type) + fields.raw)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status_code}>"

    @property
    def headers(self) -> Headers:
        """The header fields, to read and to change.

        ``Content-Length``, ``Date``, ``Connection`` and ``Transfer-Encoding`` are the transport's.
        """
        fields = self.own_headers
        if fields is None:
            fields = self.own_headers = Headers.from_raw(head_fields(self.plain_media_type))
        elif self._pristine is not None and fields is self._pristine[2]:
            # The next exchange gets a copy of what the handler made, so what a layer adds goes into another section.
            fields = self.own_headers = fields.copy()
        return fields

    @property
    def has_plain_head(self) -> bool:
        """Whether nobody has asked for `headers`; then a transport may send a head that it made before."""
        return self.own_headers is None

    @property
    def media_type(self) -> str | None:
        """The ``Content-Type`` field value, `None` without content."""
        return self.plain_media_type if self.own_headers is None else self.own_headers.get("content-type")

    @media_type.setter
    def media_type(self, value: str | None) -> None:
        if self.own_headers is None:
            self.plain_media_type = value
        elif value is None:
            self.own_headers.pop("content-type", None)
        else:
            self.own_headers["content-type"] = value

    def set_cookie(
        self,
        name: str,
        value: str = "",
        *,
        max_age_seconds: int | None = None,
        expires: float | None = None,
        path: str = "/",
        domain: str | None = None,
        secure: bool = True,
        http_only: bool = True,
        same_site: SameSite | None = "Lax",
        partitioned: bool = False,
        priority: Literal["Low", "Medium", "High"] | None = None,
    ) -> None:
        """Add a ``Set-Cookie`` field; the defaults are the safe ones.

        Args:
            name: a token; ``__Host-`` and ``__Secure-`` demand what their names promise.
            value: any text; what a cookie cannot hold is quoted so that it round-trips.
            max_age_seconds: lifetime; `None` is until the browser closes.
            expires: the end of its life in seconds since the epoch, for clients that know no ``Max-Age``.
            path: the paths that get it.
            domain: `None` is this host alone.
            secure: only over https; browsers make an exception for ``localhost``.
            http_only: hidden from scripts.
            same_site: ``"Lax"``, ``"Strict"``, ``"None"``, or `None` to leave the attribute out.
            partitioned: one jar for each top-level site (CHIPS); needs `secure`.
            priority: Chromium's hint which cookies to drop first.

        Raises:
            ValueError: an attribute that the grammar or a prefix forbids, or more than 4093 bytes in all.

        Spec:
            RFC 6265 §4.1, and its revision for ``SameSite`` and the prefixes.
        """
        field_value = format_set_cookie(
            name,
            value,
            max_age_seconds=max_age_seconds,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            http_only=http_only,
            same_site=same_site,
            partitioned=partitioned,
            priority=priority,
        )
        self.headers.add(b"set-cookie", field_value)

    def delete_cookie(self, name: str, *, path: str = "/", domain: str | None = None, secure: bool = True) -> None:
        """Make the client forget a cookie; `path` and `domain` must be those it was set with."""
        self.headers.add(b"set-cookie", format_delete_cookie(name, path=path, domain=domain, secure=secure))

    def vary(self, *field_names: str) -> None:
        """Add field names to ``Vary``; what is there already stays once (RFC 9110 §12.5.5)."""
        self.headers.vary(*field_names)

    def cache(self, control: CacheControl) -> None:
        """Set ``Cache-Control``, for example ``response.cache(CacheControl(public=True, max_age_seconds=60))``."""
        self.headers["cache-control"] = control.format()

    @property
    def etag(self) -> ETag | None:
        """The entity tag, `None` without one (RFC 9110 §8.8.3)."""
        value = self.own_headers.get("etag") if self.own_headers is not None else None
        return parse_etag(value) if value is not None else None

    @etag.setter
    def etag(self, value: ETag | None) -> None:
        if value is None:
            self.headers.pop("etag", None)
        else:
            self.headers["etag"] = value.format()

    async def resolve(self, request: RequestHead) -> Response:
        """Return the response to send; see `Resolvable`. Only where `needs_resolving` is true is it another one."""
        return self

    def raise_for_exception(self) -> None:
        """Raise the exception that was converted into this response, if there was one.

        It is handled no second time and logged no second time.
        """
        if self.exception is not None:
            raise self.exception

    def owned_by(self, exchange: Exchange) -> Response:
        """Return this response for `exchange`: itself the first time, a copy when it was returned before.

        The copy has fresh header fields and shares the body; a stream can be sent only once.
        """
        if self.exchange is None:
            self.exchange = exchange
            self._pristine = (self.status_code, self.plain_media_type, self.own_headers, self.body)
            return self
        return self if self.exchange is exchange else self.copy().owned_by(exchange)

    def copy(self) -> Response:
        """Return a copy that belongs to no exchange: header fields as the handler made them, body shared."""
        status_code, media_type, fields, body = self._pristine or (
            self.status_code,
            self.plain_media_type,
            self.own_headers,
            self.body,
        )
        twin = object.__new__(type(self))
        twin.body = body
        twin.status_code = status_code
        twin.exception = None
        twin.trailers = self.trailers
        twin.exchange = twin._pristine = None
        twin.plain_media_type = media_type
        twin.own_headers = fields.copy() if fields is not None else None
        return twin


class HTMLResponse(Response):
    """A page: ``text/html; charset=utf-8`` with ``nosniff``."""

    __slots__ = ()
    default_media_type: str | None = HTML


class TextResponse(Response):
    """Plain text: ``text/plain; charset=utf-8``."""

    __slots__ = ()
    default_media_type: str | None = TEXT


def encode_json(value: object) -> bytes:
    """Encode a value as JSON in one pass: dict, list, dataclass, Struct, attrs, dates, UUID, Decimal, enum and more.

    Raises:
        TypeError: a value of a type that JSON has no form for; the message names it.
    """
    return msgspec.json.encode(value, enc_hook=_encode_foreign)


def _encode_foreign(value: object) -> object:
    """Encode what msgspec does not know: pydantic models, by their own rules."""
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return dump(mode="json")
    raise TypeError(f"an object of type `{type(value).__name__}` cannot be written as JSON")


class JSONResponse(Response):
    """A value as JSON: ``application/json``.

    Args:
        content: anything that `encode_json` takes.
        status_code: 100 to 599.
        headers: further header fields.
        media_type: for example ``application/ld+json``.

    Raises:
        TypeError: `content` has no form in JSON.
    """

    __slots__ = ()
    default_media_type: str | None = JSON

    def __init__(
        self,
        content: object,
        status_code: int = 200,
        headers: HeaderInput | None = None,
        media_type: str | None = None,
    ) -> None:
        super().__init__(encode_json(content), status_code, headers, media_type)


class RedirectResponse(Response):
    """A redirect; its ``Location`` is checked and percent-encoded once.

    Args:
        location: where to; an absolute path, or a URL of another host with `external`.
        status_code: 303 unless given; 307 and 308 keep method and body.
        external: whether a URL of another host is meant.

    Raises:
        ValueError: control characters, a scheme other than http and https, or another host without `external`.

    Spec:
        RFC 9110 §15.4.
    """

    __slots__ = ()

    def __init__(self, location: str, status_code: int = 303, *, external: bool = False) -> None:
        super().__init__(None, status_code)
        self.headers["location"] = check_location(location, external=external)

"""`Compress`: answers in gzip, brotli or zstd, for clients that take them.

Complete content is encoded in one go, in a thread when it is large. A stream is encoded piece by piece, and each piece
is flushed, so nothing waits for the next one and memory does not grow. What is compressed already, is part of something
larger, or says ``no-transform`` is left alone.

SECURITY: a page that repeats input of the request beside a secret tells the secret by its compressed length (BREACH).
Answers that set a cookie are left alone; a route says ``meta={"compress": False}``, an answer ``X-No-Compression``.

Spec: RFC 9110 §8.4, §8.8.1, §12.5.3, §12.5.5; RFC 9111 §5.2.2.6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, Self, cast

from costrel.execution import LoopState
from costrel.http import EVENT_STREAM, ETag, Headers, essence_of, has_no_content, negotiate_encoding
from costrel.layers.compress_encoders import LEVELS, MakeEncoder, find_encoder
from costrel.layers.mistakes import wrong_option
from costrel.messages import Dispatch, Layer, LayerInfo, Request, Response, ResponseStream, RouteView

__all__ = ["Compress"]

INLINE_BYTES: Final = 64 * 1024
"""What is larger is encoded in a thread of the file lane, for the loop would stand still."""

_MAX_REMEMBERED_BYTES = 200
_TYPES = ("text/*", "application/json", "application/*+json", "application/javascript", "application/xml")
_MORE_TYPES = (
    "application/*+xml",
    "application/wasm",
    "application/x-ndjson",
    "image/svg+xml",
    "image/bmp",
    "font/ttf",
)
# An answer with one of these is encoded already, a part, tied to its very bytes, or said to be left alone.
_LEFT_ALONE = (
    b"content-encoding",
    b"content-range",
    b"content-digest",
    b"content-md5",
    b"digest",
    b"repr-digest",
    b"set-cookie",
)


class Compress:
    """Encodes the content of answers as the client asks for.

    Args:
        minimum_bytes: shorter content is left alone; a stream of unknown length never is.
        encodings: codings by preference, of ``zstd``, ``br`` and ``gzip``; those without a library are left out.
        levels: the level of each coding in the place of 3 (zstd), 4 (br) and 5 (gzip).
        types: media types, ``*`` for a part; `None` is text, JSON, XML, scripts, SVG and their like. Event streams are
            compressed only when ``text/event-stream`` is listed.

    Raises:
        ConfigurationError: COS-LAYERS-001, an option that cannot be meant.
    """

    def __init__(
        self,
        *,
        minimum_bytes: int = 500,
        encodings: Sequence[str] = ("zstd", "br", "gzip"),
        levels: Mapping[str, int] | None = None,
        types: Sequence[str] | None = None,
    ) -> None:
        if isinstance(minimum_bytes, bool) or not isinstance(minimum_bytes, int) or minimum_bytes < 0:
            raise wrong_option("Compress", "minimum_bytes", minimum_bytes, "It is a whole number of bytes, 0 or more.")
        if isinstance(encodings, str) or not encodings or not LEVELS.keys() >= set(encodings):
            why = "It is a list of `zstd`, `br` and `gzip`."
            raise wrong_option("Compress", "encodings", encodings, why, 'Compress(encodings=["br", "gzip"])')
        for coding, level in (levels or {}).items():
            least, _, highest = LEVELS.get(coding, (0, 0, -1))
            if isinstance(level, bool) or not isinstance(level, int) or not least <= level <= highest:
                why = "Levels are whole numbers: zstd 1 to 19, br 0 to 11, gzip 1 to 9."
                raise wrong_option("Compress", "levels", levels, why)
        wanted = (*_TYPES, *_MORE_TYPES) if types is None else types
        if isinstance(wanted, str) or not all(kind.count("/") == 1 for kind in wanted):
            raise wrong_option("Compress", "types", types, "It is a list of media types.", 'Compress(types=["text/*"])')
        self._minimum_bytes = minimum_bytes
        self._encoders: dict[str, MakeEncoder] = {}
        for coding in encodings:
            make = find_encoder(coding, (levels or {}).get(coding, LEVELS[coding][1]))
            if make is not None:
                self._encoders[coding] = make
        self._types = tuple(kind.lower() for kind in wanted)
        self._choose = lru_cache(256)(self._negotiate)
        self._is_wanted_type = lru_cache(256)(self._matches_type)

    def bind(self, route: RouteView) -> Layer | None:
        """Return the layer, or `None` for a WebSocket and for a route with ``meta={"compress": False}``."""
        if route.meta.get("compress") is False or "WEBSOCKET" in route.methods:
            return None
        minimum_bytes = self._minimum_bytes

        async def compress(request: Request, call_next: Dispatch) -> Response:
            response = await call_next(request)
            body = response.body
            if type(body) is bytes and len(body) < minimum_bytes and response.status_code != 304:
                if response.own_headers is not None and "x-no-compression" in response.own_headers:
                    del response.headers["x-no-compression"]
                return response
            return await self._apply(request, response)

        return compress

    def describe(self) -> LayerInfo:
        """Say what it reads and sets."""
        return LayerInfo(request_headers=("accept-encoding",), response_headers=("content-encoding", "vary"))

    async def _apply(self, request: Request, response: Response) -> Response:
        """Encode the answer if it is one to encode and the client wants it."""
        body = response.body
        if response.needs_resolving or not (type(body) is bytes or hasattr(body, "__anext__")):
            return response
        fields = response.headers
        if "x-no-compression" in fields:
            del fields["x-no-compression"]
            return response
        if response.status_code == 304:
            # The answer that the client has was encoded, and its tag made weak: it must know that tag again.
            if fields.get_raw(b"etag") is not None:
                fields.vary("Accept-Encoding")
                if self._coding_for(request) is not None:
                    _weaken(response)
            return response
        if response.status_code == 206:
            # RFC 9110 §15.3.7: a part has the `Vary` that the whole would have; the whole may be encoded.
            if self._is_wanted_type(essence_of(response.media_type or "")):
                fields.vary("Accept-Encoding")
            return response
        if not self._may_encode(response, fields):
            return response
        stream = None if type(body) is bytes else cast("ResponseStream", body)
        known_bytes = len(cast("bytes", body)) if stream is None else stream.content_length
        if known_bytes is not None and known_bytes < self._minimum_bytes:
            return response
        fields.vary("Accept-Encoding")
        coding = self._coding_for(request)
        if coding is None:
            return response
        loop_state = request.exchange.loop_state
        if stream is not None:
            response.body = _EncodedBody(stream, self._encoders[coding], loop_state)
        else:
            content = cast("bytes", body)
            finish = self._encoders[coding]().finish
            if len(content) > INLINE_BYTES:
                encoded = await loop_state.files.submit(finish, content)
            else:
                encoded = finish(content)
            if len(encoded) >= len(content):
                return response
            response.body = encoded
        fields["content-encoding"] = coding
        fields.pop("content-length", None)
        fields.pop("accept-ranges", None)
        _weaken(response)
        return response

    def _may_encode(self, response: Response, fields: Headers) -> bool:
        status_code = response.status_code
        if has_no_content(status_code) or status_code == 205:
            return False
        if any(fields.get_raw(name) is not None for name in _LEFT_ALONE):
            return False
        if "no-transform" in (fields.get_combined("cache-control") or "").lower():
            return False
        media_type = response.media_type
        return media_type is not None and self._is_wanted_type(essence_of(media_type))

    def _matches_type(self, essence: str) -> bool:
        if essence == EVENT_STREAM:
            return EVENT_STREAM in self._types
        return any(_is_like(essence, pattern) for pattern in self._types)

    def _coding_for(self, request: Request) -> str | None:
        """Return the coding that the client likes best of ours, `None` for none."""
        accepted = request.headers.get_combined("accept-encoding")
        if accepted is None:
            return None
        return self._choose(accepted) if len(accepted) <= _MAX_REMEMBERED_BYTES else self._negotiate(accepted)

    def _negotiate(self, accepted: str) -> str | None:
        coding = negotiate_encoding(accepted, tuple(self._encoders))
        return coding if coding in self._encoders else None


class _EncodedBody:
    """A stream that encodes the pieces of another one, which it owns."""

    __slots__ = ("_encoder", "_inner", "_is_finished", "_loop_state", "content_length")

    def __init__(self, inner: ResponseStream, make: MakeEncoder, loop_state: LoopState) -> None:
        self._inner = inner
        self._encoder = make()
        self._loop_state = loop_state
        self._is_finished = False
        self.content_length: int | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while not self._is_finished:
            try:
                piece = await anext(self._inner)
            except StopAsyncIteration:
                # A failure is no end: without its end a coding is seen to be cut off.
                self._is_finished = True
                return self._encoder.finish(b"")
            if len(piece) > INLINE_BYTES:
                encoded = await self._loop_state.files.submit(self._encoder.encode, piece)
            else:
                encoded = self._encoder.encode(piece)
            if encoded:
                return encoded
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the stream inside."""
        self._is_finished = True
        await self._inner.aclose()


def _is_like(essence: str, pattern: str) -> bool:
    before, star, after = pattern.partition("*")
    if not star:
        return essence == pattern
    return essence.startswith(before) and essence.endswith(after)


def _weaken(response: Response) -> None:
    """Make the entity tag weak: other bytes, the same meaning."""
    tag = response.etag
    if tag is not None and not tag.weak:
        response.etag = ETag(tag.tag, weak=True)

"""Files as responses: opened, judged and read by threads of the file lane, never on the loop.

A `FileResponse` does not know what it says before it has seen the file and the request, so it is *resolved*: one step
in a thread opens the file, looks at it, evaluates the preconditions and the ranges and, if it is small, reads it. What
comes out is an ordinary `Response`, with `bytes` or with a `FileBody` (`file_body.py`).

Only regular files are ever sent. What is missing, or is something else, is 404. Which directories a client may reach is
decided above; a path given here is trusted to be meant.

Spec: RFC 9110 §13, §14; RFC 6266.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias

from costrel.errors import PreconditionFailed
from costrel.http import (
    ByteRange,
    ETag,
    Headers,
    MultipartByteranges,
    Precondition,
    evaluate_preconditions,
    format_content_disposition,
    format_content_range,
    format_http_date,
    guess_media_type,
    parse_range,
    range_applies,
    safe_filename,
)
from costrel.messages.exchange import RequestHead
from costrel.messages.file_body import FileBody, FileSlice
from costrel.messages.file_source import FileSource, OpenedSource, open_source
from costrel.messages.open_file import OpenFile
from costrel.messages.response import HeaderInput, Response

__all__ = ["Disposition", "FileResponse", "send_file"]

Disposition: TypeAlias = Literal["attachment", "inline"]

SMALL_FILE_BYTES: Final = 64 * 1024
"""What is not longer is read in the same step that opens it."""

# Media types that a browser shows without running anything.
_PASSIVE_TYPES: Final = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "text/plain", "audio/mpeg", "video/mp4"}
)


class FileResponse(Response):
    """A file on disk, with validators, conditional requests and ranges.

    Args:
        path: of a regular file.
        media_type: `None` is guessed from the name.
        filename: the name for saving it; given, the file is an attachment. It may be the user's: it is made safe.
        disposition: ``attachment`` or ``inline``; `None` follows from `filename`.
        status_code: conditions and ranges are looked at only with 200.
        headers: further header fields; an ``ETag`` or ``Last-Modified`` among them counts.
        etag: whether an entity tag is made from size and time of change.
        conditional: whether preconditions and ranges of the request are honoured.
        untrusted: whether somebody else made the file, for example an upload: then the browser gets it in a sandbox,
            and to be saved unless it is of a type that runs nothing.
        follow_symlinks: whether a path whose last component is a symbolic link is opened.

    Spec:
        RFC 9110 §8.8, §13.1, §14; RFC 6266.
    """

    __slots__ = ("_conditional", "_follow_symlinks", "_make_etag", "_source")
    needs_resolving = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        media_type: str | None = None,
        filename: str | None = None,
        disposition: Disposition | None = None,
        status_code: int = 200,
        headers: HeaderInput | None = None,
        etag: bool = True,
        conditional: bool = True,
        untrusted: bool = False,
        follow_symlinks: bool = True,
    ) -> None:
        self._set_up(
            path,
            _Shown(media_type, filename, disposition, untrusted=untrusted),
            status_code,
            headers,
            etag=etag,
            conditional=conditional,
        )
        self._follow_symlinks = follow_symlinks

    def _set_up(
        self,
        source: FileSource,
        shown: _Shown,
        status_code: int,
        headers: HeaderInput | None,
        *,
        etag: bool,
        conditional: bool,
    ) -> None:
        super().__init__(None, status_code, headers)
        self._source = source
        self._make_etag = etag
        self._conditional = conditional
        self._follow_symlinks = True
        name = os.fspath(source) if isinstance(source, str | os.PathLike) else ""
        shown.write(self.headers, name)

    def copy(self) -> Response:
        """Return a copy that belongs to no exchange; a path can be sent often, an open file once."""
        twin = super().copy()
        if isinstance(twin, FileResponse):
            twin._source = self._source
            twin._make_etag = self._make_etag
            twin._conditional = self._conditional
            twin._follow_symlinks = self._follow_symlinks
        return twin

    async def resolve(self, request: RequestHead) -> Response:
        """Open the file and return the response that answers `request`: 200, 206 or 304.

        Raises:
            NotFound: there is no such regular file.
            PreconditionFailed: a precondition of the request is false.
            RangeNotSatisfiable: no range overlaps the file.
        """
        lane = request.exchange.loop_state.files
        answer = _Answer(self, request)
        job = lane.submit(answer.make, None)
        try:
            response = await job
        except BaseException:
            answer.abandon()
            raise
        if isinstance(response.body, FileBody):
            response.body.attach(lane)
        response.exception = self.exception
        response.trailers = self.trailers
        return response.owned_by(self.exchange) if self.exchange is not None else response


class _Shown:
    """How a browser is told to show a file: its type, its name, and in what confinement."""

    def __init__(
        self, media_type: str | None, filename: str | None, disposition: Disposition | None, *, untrusted: bool
    ) -> None:
        self.media_type = media_type
        self.filename = filename
        self.disposition = disposition
        self.untrusted = untrusted

    def write(self, headers: Headers, path: str) -> None:
        """Set the header fields that do not depend on the file's content."""
        filename = safe_filename(self.filename) if self.filename is not None else None
        media_type = self.media_type or guess_media_type(filename or Path(path).name)
        if "charset" not in media_type and media_type.startswith("text/"):
            media_type += "; charset=utf-8"
        headers.setdefault("content-type", media_type)
        # SECURITY: without it a browser may take an upload for a page or a script.
        headers.setdefault("x-content-type-options", "nosniff")
        disposition = self.disposition or ("attachment" if filename is not None else None)
        if self.untrusted:
            # SECURITY: pages and SVG of others would run scripts with our origin.
            headers.setdefault("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
            if headers["content-type"].partition(";")[0].strip().lower() not in _PASSIVE_TYPES:
                disposition = "attachment"
        if disposition is not None:
            headers["content-disposition"] = format_content_disposition(disposition, filename)


class _Answer:
    """What one thread works out for one request: from the path to the response."""

    def __init__(self, described: FileResponse, request: RequestHead) -> None:
        self._described = described
        self._method = request.method
        self._request_headers = request.headers
        self._max_ranges = request.limits.max_ranges
        self._path: str | None = None
        self._file: OpenFile | None = None
        self._is_abandoned = False

    def abandon(self) -> None:
        """Close the file when nobody will take the response, also one that is being opened right now."""
        self._is_abandoned = True
        if self._file is not None:
            self._file.close()

    def make(self, _: None) -> Response:
        """Open, look, decide, and read what is small."""
        described = self._described
        opened = open_source(
            described._source, make_tag=described._make_etag, follow_symlinks=described._follow_symlinks
        )
        self._file = opened.file
        if isinstance(described._source, str | os.PathLike) and described._follow_symlinks:
            self._path = str(Path(described._source).absolute())
        try:
            response = self._respond(opened)
        except BaseException:
            if opened.file is not None:
                opened.file.close()
            raise
        if opened.file is not None and (self._is_abandoned or not isinstance(response.body, FileBody)):
            opened.file.close()
        return response

    def _respond(self, opened: OpenedSource) -> Response:
        described = self._described
        headers = described.headers.copy()
        _write_validators(headers, opened)
        if not (described._conditional and described.status_code == 200):
            return self._whole(opened, headers, described.status_code)
        headers.setdefault("accept-ranges", "bytes")
        tag = _etag_of(headers)
        modified = opened.mtime_ns / 1e9 if opened.mtime_ns is not None else None
        outcome = evaluate_preconditions(self._method, self._request_headers.get_raw, etag=tag, last_modified=modified)
        if outcome is Precondition.FAILED:
            raise PreconditionFailed
        if outcome is Precondition.NOT_MODIFIED:
            # RFC 9110 §15.4.5: the fields of the content are left out, those of its cache entry stay.
            for name in ("content-type", "content-disposition", "accept-ranges"):
                headers.pop(name, None)
            return _response(b"", 304, headers)
        field = self._request_headers.get("range")
        if field is None or self._method != "GET":
            return self._whole(opened, headers, 200)
        if not range_applies(self._request_headers.get_raw(b"if-range"), etag=tag, last_modified=modified):
            return self._whole(opened, headers, 200)
        ranges = parse_range(field, opened.size_bytes, max_ranges=self._max_ranges)
        if ranges is None:
            return self._whole(opened, headers, 200)
        return self._partial(opened, headers, ranges)

    def _whole(self, opened: OpenedSource, headers: Headers, status_code: int) -> Response:
        if opened.file is None:
            return _response(opened.content, status_code, headers)
        if opened.size_bytes <= SMALL_FILE_BYTES and self._method != "HEAD":
            content = opened.file.read_at(opened.start, opened.size_bytes)
            if len(content) == opened.size_bytes:
                return _response(content, status_code, headers)
        whole = FileSlice(opened.start, opened.size_bytes)
        return _response(_body_of(opened, [whole], self._path), status_code, headers)

    def _partial(self, opened: OpenedSource, headers: Headers, ranges: tuple[ByteRange, ...]) -> Response:
        total = opened.size_bytes
        if len(ranges) == 1:
            only = ranges[0]
            headers["content-range"] = format_content_range(only, total)
            pieces: list[bytes | FileSlice] = [FileSlice(opened.start + only.start, only.length_bytes)]
        else:
            frame = MultipartByteranges(ranges, headers["content-type"], total, secrets.token_hex(16))
            headers["content-type"] = frame.content_type
            pieces = []
            for head, part in frame.parts():
                pieces += [head, FileSlice(opened.start + part.start, part.length_bytes)]
            pieces.append(frame.closing)
        if opened.file is None:
            return _response(_cut(opened.content, pieces), 206, headers)
        return _response(_body_of(opened, pieces), 206, headers)


def _write_validators(headers: Headers, opened: OpenedSource) -> None:
    if opened.etag is not None:
        headers.setdefault("etag", opened.etag.format())
    if opened.mtime_ns is not None:
        headers.setdefault("last-modified", format_http_date(opened.mtime_ns // 1_000_000_000).decode("ascii"))


def _etag_of(headers: Headers) -> ETag | None:
    probe = Response(headers=headers)
    return probe.etag


def _body_of(opened: OpenedSource, pieces: Iterable[bytes | FileSlice], path: str | None = None) -> FileBody:
    if opened.file is None:
        raise ValueError("Content in memory needs no file body.")
    return FileBody(opened.file, tuple(pieces), size_bytes=opened.size_bytes, mtime_ns=opened.mtime_ns, path=path)


def _cut(content: bytes, pieces: Iterable[bytes | FileSlice]) -> bytes:
    return b"".join(
        piece if isinstance(piece, bytes) else content[piece.offset : piece.offset + piece.size_bytes]
        for piece in pieces
    )


def _response(body: bytes | FileBody, status_code: int, headers: Mapping[str, str]) -> Response:
    response = Response(None, status_code, headers)
    response.body = body
    return response


def send_file(
    source: FileSource,
    *,
    media_type: str | None = None,
    filename: str | None = None,
    disposition: Disposition | None = None,
    status_code: int = 200,
    headers: HeaderInput | None = None,
    etag: bool = True,
    conditional: bool = True,
    untrusted: bool = False,
) -> FileResponse:
    """Send a file by its path, an open binary file, or content as bytes.

    Args:
        source: a path, a seekable file that is read from its position on and closed at the end, or `bytes`.
        media_type: `None` is guessed from `filename`, or from the path.
        filename: the name for saving it; given, the file is an attachment.
        disposition: ``attachment`` or ``inline``; `None` follows from `filename`.
        status_code: conditions and ranges are looked at only with 200.
        headers: further header fields.
        etag: whether an entity tag is made: of a path from size and time, of bytes from the content, of a file none.
        conditional: whether preconditions and ranges of the request are honoured.
        untrusted: see `FileResponse`.

    Raises:
        TypeError: `source` is none of these.
    """
    if isinstance(source, str | os.PathLike):
        return FileResponse(
            source,
            media_type=media_type,
            filename=filename,
            disposition=disposition,
            status_code=status_code,
            headers=headers,
            etag=etag,
            conditional=conditional,
            untrusted=untrusted,
        )
    if not isinstance(source, bytes) and not (hasattr(source, "seek") and hasattr(source, "read")):
        raise TypeError(f"A path, bytes or a binary file can be sent, not `{type(source).__name__}`.")
    response = FileResponse.__new__(FileResponse)
    response._set_up(
        source,
        _Shown(media_type, filename, disposition, untrusted=untrusted),
        status_code,
        headers,
        etag=etag,
        conditional=conditional,
    )
    return response

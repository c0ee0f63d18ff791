"""What a test sends: a method, a URL and the many ways to say what the body is, turned into the parts of a request.

The names of the options are those that users of httpx know. Nothing here sends; `calls` does.

Spec: RFC 9110 §7.1, §8.3, §11; RFC 7578 for forms with files.
"""

from __future__ import annotations

import base64
import json as json_module
import secrets
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO, TypedDict, cast

from costrel.http import URL, CookieJar, Headers, decode_path, format_query, guess_media_type, requote
from costrel.messages import encode_json, refuse_options
from costrel.testing.exchange import RequestContent

__all__ = ["FileInput", "OutgoingRequest", "RequestOptions", "build_request", "join_url"]

HeaderInput = Mapping[str, str] | Iterable[tuple[str, str]]
FieldInput = Mapping[str, object] | Sequence[tuple[str, object]]
FileContent = bytes | str | BinaryIO
FileInput = FileContent | tuple[str | None, FileContent] | tuple[str | None, FileContent, str]
FilesInput = Mapping[str, FileInput] | Sequence[tuple[str, FileInput]]


class RequestOptions(TypedDict, total=False):
    """How a request differs from a bare one; every option may be left out."""

    params: FieldInput
    """Fields for the query, added to what the URL has; a list repeats its name, `None` is left out."""
    json: object
    """A value for a JSON body: whatever the application could return as JSON."""
    data: FieldInput | bytes | str
    """Fields for a form; or a finished body."""
    files: FilesInput
    """Files for a form: content, ``(name, content)`` or ``(name, content, media_type)`` by field."""
    content: RequestContent | str
    """A finished body, or an iterable that gives it in pieces."""
    headers: HeaderInput
    """Header fields; they replace those of the client."""
    cookies: Mapping[str, str]
    """Cookies beside those of the jar, for this request only."""
    auth: tuple[str, str]
    """User name and password for Basic authentication."""
    follow_redirects: bool
    """Whether redirects are followed; the client's setting unless given."""
    timeout_seconds: float
    """How long each wait may take; the client's setting unless given, `math.inf` is for ever."""


@dataclass(slots=True)
class OutgoingRequest:
    """A request as it is sent.

    Args:
        method: upper-case.
        url: absolute.
        headers: all of them.
        content: the body.
    """

    method: str
    url: URL
    headers: Headers
    content: RequestContent

    @property
    def raw_path(self) -> bytes:
        """The path as it is sent, still percent-encoded."""
        return (self.url.raw_path or "/").encode("ascii")

    @property
    def path(self) -> str:
        """The decoded path.

        Raises:
            ValueError: it has a broken escape.
        """
        return decode_path(self.raw_path)

    @property
    def query_string(self) -> bytes:
        """What stands behind ``?``."""
        return self.url.query_string.encode("ascii")


def join_url(base: URL, reference: str) -> URL:
    """Return where `reference` leads from `base`: a path is on the same host, a URL stands for itself.

    Args:
        base: absolute.
        reference: a path, with a query if you like, or a URL; a relative path is taken from the root.
    """
    text = requote(reference, "reference")
    if "://" in text.partition("?")[0]:
        return URL(text)
    if text.startswith("//"):
        return URL(f"{base.scheme}:{text}")
    if text.startswith("?"):
        text = f"{base.raw_path}{text}"
    return URL(f"{base.origin}/{text.removeprefix('/')}")


def build_request(method: str, url: URL, base_headers: Headers, options: RequestOptions) -> OutgoingRequest:
    """Put a request together.

    Args:
        method: in any case.
        url: absolute.
        base_headers: header fields of the client; those of the options replace them.
        options: the rest.

    Raises:
        TypeError: two options that each make the body, or one that does not exist.
    """
    unknown = options.keys() - RequestOptions.__optional_keys__
    if unknown:
        raise refuse_options("a request", unknown, RequestOptions.__optional_keys__)
    content, media_type = _encode_content(options)
    headers = Headers([("host", url.authority)])
    for name in dict.fromkeys(base_headers):
        headers.extend([(name, value) for value in base_headers.getlist(name)])
    if media_type is not None:
        headers["content-type"] = media_type
    auth = options.get("auth")
    if auth is not None:
        credentials = base64.b64encode(":".join(auth).encode()).decode("ascii")
        headers["authorization"] = f"Basic {credentials}"
    _replace(headers, Headers(options.get("headers") or {}))
    cookies = options.get("cookies")
    if cookies and "cookie" not in headers:
        headers["cookie"] = _format_cookies(cookies)
    if isinstance(content, bytes):
        if content or method.upper() in ("POST", "PUT", "PATCH"):
            headers.setdefault("content-length", str(len(content)))
    elif "content-length" not in headers:
        headers["transfer-encoding"] = "chunked"
    return OutgoingRequest(method.upper(), _with_params(url, options.get("params")), headers, content)


def _replace(headers: Headers, given: Headers) -> None:
    for name in dict.fromkeys(given):
        headers.pop(name, None)
    headers.extend(given.raw)


def _format_cookies(cookies: Mapping[str, str]) -> str:
    jar = CookieJar()
    for name, value in cookies.items():
        jar.set(name, value)
    return jar.header_for("localhost", "/", "http", 0) or ""


def _with_params(url: URL, params: FieldInput | None) -> URL:
    without_fragment = URL(url.partition("#")[0])
    added = format_query(params) if params else ""
    if not added:
        return without_fragment
    return URL(f"{without_fragment}{'&' if '?' in without_fragment else '?'}{added}")


def _encode_content(options: RequestOptions) -> tuple[RequestContent, str | None]:
    """Return the body and its media type, `None` when the options do not say one."""
    data, files = options.get("data"), options.get("files")
    ways: list[str] = [name for name in ("json", "content") if name in options]
    if data is not None or files is not None:
        ways.append("data and files")
    if len(ways) > 1:
        raise TypeError(f"A request has one body, and {' and '.join(f'`{way}`' for way in ways)} were given.")
    if "json" in options:
        return encode_json(options["json"]), "application/json"
    if files:
        if isinstance(data, bytes | str):
            raise TypeError("With `files` the other fields of the form are a mapping, not finished content.")
        return _encode_multipart(data or {}, files)
    if data is not None:
        if isinstance(data, bytes | str):
            return _bytes_of(data), None
        return format_query(data).encode("ascii"), "application/x-www-form-urlencoded"
    content = options.get("content", b"")
    if isinstance(content, str):
        return content.encode(), None
    if isinstance(content, bytes):
        return content, None
    if not isinstance(content, Iterable | AsyncIterable):
        raise TypeError(f"`content` is text, bytes or an iterable of bytes, not `{type(content).__name__}`.")
    return cast("RequestContent", content), None


def _encode_multipart(fields: FieldInput, files: FilesInput) -> tuple[bytes, str]:
    """Write a form with files (RFC 7578 §4)."""
    boundary = secrets.token_hex(16)
    parts = bytearray()
    for name, value in _pairs(fields):
        values = value if isinstance(value, list | tuple) else (value,)
        for item in values:
            if item is not None:
                parts += _part(boundary, f'name="{_quoted(name)}"', None, _bytes_of(_text_of(item)))
    for name, given in _pairs(files):
        filename, content, media_type = _file(given)
        disposition = f'name="{_quoted(name)}"'
        if filename is not None:
            disposition += f'; filename="{_quoted(filename)}"'
        parts += _part(boundary, disposition, media_type, content)
    return bytes(parts) + b"--%b--\r\n" % boundary.encode("ascii"), f"multipart/form-data; boundary={boundary}"


def _part(boundary: str, disposition: str, media_type: str | None, content: bytes) -> bytes:
    type_line = f"Content-Type: {media_type}\r\n" if media_type else ""
    head = f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n{type_line}\r\n"
    return head.encode() + content + b"\r\n"


def _file(given: object) -> tuple[str | None, bytes, str]:
    """Return name, content and media type of a file, whichever way it was given."""
    filename: str | None = None
    media_type: str | None = None
    source: object = given
    if isinstance(given, tuple):
        filename, source = given[0], given[1]
        media_type = given[2] if len(given) > 2 else None
    else:
        own_name = getattr(given, "name", None)
        filename = PurePath(own_name).name if isinstance(own_name, str) else "upload"
    content = _bytes_of(source if isinstance(source, bytes | str) else _read(source))
    return filename, content, media_type or guess_media_type(filename or "")


def _read(source: object) -> bytes | str:
    read = getattr(source, "read", None)
    if read is None:
        raise TypeError(f"The content of a file is text, bytes or an open file, not `{type(source).__name__}`.")
    content: bytes | str = read()
    return content


def _pairs(fields: Mapping[str, object] | Sequence[tuple[str, object]]) -> Iterable[tuple[str, object]]:
    return fields.items() if isinstance(fields, Mapping) else fields


def _text_of(value: object) -> bytes | str:
    if isinstance(value, bytes | str):
        return value
    return json_module.dumps(value) if isinstance(value, bool) else str(value)


def _bytes_of(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _quoted(name: str) -> str:
    """Escape a name for a part's head as browsers do."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")

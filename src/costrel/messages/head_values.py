"""What the head of a request says, each part parsed when it is first asked for.

`HeadValues` is the half of `Request` that follows from the request line and the header fields alone: what the client
asked for, in which form it would like the answer, and under which conditions. Nothing here knows a body or an
application.

Spec: RFC 9110 §7, §12, §13; HTML, server-sent events §9.2.4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from costrel.http import (
    URL,
    Credentials,
    ETag,
    MultiDict,
    Precondition,
    RequestHeaders,
    essence_of,
    evaluate_preconditions,
    negotiate_media_type,
    parse_authorization,
    parse_cookies,
    parse_query_string,
)
from costrel.messages.limits import DEFAULT_LIMITS, MessageLimits

__all__ = ["HeadValues", "read_last_event_id"]

MAX_LAST_EVENT_ID_BYTES: Final = 1024

_NOT_IN_EVENT_ID = re.compile(r"[\r\n\0]")


class HeadValues:
    """The head of a request; `Request` is built upon it and says what the attributes are."""

    __slots__ = (
        "_authorization",
        "_cookies",
        "_headers",
        "_host",
        "_query",
        "_url",
        "http_version",
        "method",
        "path",
        "query_string",
        "raw_headers",
        "raw_path",
        "root_path",
        "scheme",
    )

    http_version: str
    method: str
    path: str
    query_string: bytes
    raw_headers: list[tuple[bytes, bytes]]
    raw_path: bytes
    root_path: str
    scheme: str
    _authorization: Credentials | None
    _cookies: Mapping[str, str]
    _headers: RequestHeaders | None
    _host: str
    _query: MultiDict[str]
    _url: URL

    @property
    def limits(self) -> MessageLimits:
        """The limits for what is parsed."""
        return DEFAULT_LIMITS

    @property
    def headers(self) -> RequestHeaders:
        """The header fields, read-only; names are case-insensitive, values are `str` decoded as latin-1."""
        headers = self._headers
        if headers is None:
            headers = self._headers = RequestHeaders.from_raw(self.raw_headers)
        return headers

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies by name; of duplicates the first counts (RFC 6265 §5.4)."""
        try:
            return self._cookies
        except AttributeError:
            pass
        values = [value for name, value in self.raw_headers if name == b"cookie"]
        self._cookies = parse_cookies(values, max_cookies=self.limits.max_cookies)
        return self._cookies

    @property
    def query(self) -> MultiDict[str]:
        """The fields of the query string, decoded; ``[...]`` is the first value of a key.

        Raises:
            BadRequest: more than `AppSettings.max_query_fields` fields.
        """
        try:
            return self._query
        except AttributeError:
            pass
        self._query = parse_query_string(self.query_string, max_fields=self.limits.max_query_fields)
        return self._query

    @property
    def host(self) -> str:
        """The host the client asked for, lower-case, without port; empty when it named none."""
        try:
            return self._host
        except AttributeError:
            pass
        self._host = _host_of(self.headers.get("host", ""))
        return self._host

    @property
    def url(self) -> URL:
        """The target URI, put together from its parts and never parsed again (RFC 9110 §7.1)."""
        try:
            return self._url
        except AttributeError:
            pass
        self._url = URL.build(
            scheme=self.scheme,
            authority=self.headers.get("host", ""),
            path=self.path,
            raw_path=self.raw_path,
            query_string=self.query_string,
        )
        return self._url

    @property
    def content_type(self) -> str:
        """The media type of the content without parameters, lower-case, empty when not given."""
        value = self.headers.get("content-type")
        return essence_of(value) if value is not None else ""

    @property
    def content_length(self) -> int | None:
        """The length of the content in bytes as the client gave it, `None` when it did not."""
        value = self.headers.get("content-length", "")
        return int(value) if value.isascii() and value.isdigit() and len(value) <= 19 else None

    @property
    def authorization(self) -> Credentials | None:
        """The parsed ``Authorization`` field, `None` when missing or malformed (RFC 9110 §11.6.2)."""
        try:
            return self._authorization
        except AttributeError:
            pass
        self._authorization = parse_authorization(self.headers.get("authorization", ""))
        return self._authorization

    @property
    def last_event_id(self) -> str | None:
        """The id of the last event that an event stream's client has seen, `None` when it names none that can be one.

        It comes from the client, so it is any text up to 1024 bytes without line breaks; look it up, do not trust it.
        """
        return read_last_event_id(self.headers)

    def accepts(self, *media_types: str) -> str | None:
        """Choose the media type that the client likes best.

        Args:
            media_types: what can be offered, the server's favourite first, for example ``"text/html"``.

        Returns:
            One of `media_types`, or `None` when the client accepts none of them.

        Spec:
            RFC 9110 §12.5.1.
        """
        return negotiate_media_type(self.headers.get("accept"), media_types)

    def check_preconditions(
        self, *, etag: ETag | None = None, last_modified: float | None = None, exists: bool = True
    ) -> Precondition:
        """Evaluate the conditional fields of the request against a representation.

        Args:
            etag: its entity tag, if it has one.
            last_modified: when it last changed, in seconds since the epoch, if known.
            exists: whether there is a current representation at all.

        Returns:
            `Precondition.PROCEED`, `NOT_MODIFIED` (answer 304) or `FAILED` (answer 412).

        Spec:
            RFC 9110 §13.2.2.
        """
        return evaluate_preconditions(
            self.method, self.headers.get_raw, etag=etag, last_modified=last_modified, exists=exists
        )


def _host_of(field_value: str) -> str:
    """The host without its port; an IPv6 literal keeps its brackets."""
    authority = field_value.lower()
    if authority.startswith("["):
        return authority[: authority.find("]") + 1]
    return authority.partition(":")[0]


def read_last_event_id(headers: RequestHeaders) -> str | None:
    """Return what ``Last-Event-ID`` names if it can be the id of an event; see `HeadValues.last_event_id`."""
    value = headers.get_raw(b"last-event-id")
    if not value or len(value) > MAX_LAST_EVENT_ID_BYTES:
        return None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    return None if _NOT_IN_EVENT_ID.search(text) else text

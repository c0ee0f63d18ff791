"""HTTP semantics as pure values: fields, dates, cookies, media types, negotiation, URLs, conditions.

The ground floor of Costrel. Everything here turns text or bytes into values and back, by the grammar of RFC 9110
and its neighbours. Nothing here does I/O, knows an event loop or reads a clock: where the time matters, it is an
argument. Every parser is linear in its input and has a limit.

What a request or a response *is* lives one floor up, in `costrel.messages`; how bytes become a request lives in
`costrel.server`. Read `fields` and `headers` first.
"""

from __future__ import annotations

from costrel.http.accept import (
    AcceptItem,
    negotiate_charset,
    negotiate_encoding,
    negotiate_language,
    negotiate_media_type,
    parse_accept,
    quality_of,
)
from costrel.http.authorization import Credentials, format_challenge, parse_authorization, parse_basic
from costrel.http.cookie_jar import CookieJar, StoredCookie
from costrel.http.cookies import (
    MAX_SET_COOKIE_BYTES,
    Priority,
    SameSite,
    format_delete_cookie,
    format_set_cookie,
    parse_cookies,
)
from costrel.http.dates import format_http_date, parse_http_date
from costrel.http.fields import SENSITIVE_FIELDS, SINGLETON_FIELDS, field_name, field_value, format_quoted_string
from costrel.http.headers import FieldLines, FieldSection, Headers, RequestHeaders
from costrel.http.media_types import (
    EVENT_STREAM,
    FORM,
    HTML,
    JSON,
    MULTIPART,
    OCTET_STREAM,
    PROBLEM_JSON,
    TEXT,
    MediaType,
    essence_of,
    format_media_type,
    guess_media_type,
    parse_media_type,
)
from costrel.http.methods import IDEMPOTENT_METHODS, SAFE_METHODS, STANDARD_METHODS, is_idempotent, is_safe, is_token
from costrel.http.status import REASON_PHRASES, STATUS_LINES, has_no_content, reason_phrase, spec_of, status_line

__all__ = [
    "EVENT_STREAM",
    "FORM",
    "HTML",
    "IDEMPOTENT_METHODS",
    "JSON",
    "MAX_SET_COOKIE_BYTES",
    "MULTIPART",
    "OCTET_STREAM",
    "PROBLEM_JSON",
    "REASON_PHRASES",
    "SAFE_METHODS",
    "SENSITIVE_FIELDS",
    "SINGLETON_FIELDS",
    "STANDARD_METHODS",
    "STATUS_LINES",
    "TEXT",
    "AcceptItem",
    "CookieJar",
    "Credentials",
    "FieldLines",
    "FieldSection",
    "Headers",
    "MediaType",
    "Priority",
    "RequestHeaders",
    "SameSite",
    "StoredCookie",
    "essence_of",
    "field_name",
    "field_value",
    "format_challenge",
    "format_delete_cookie",
    "format_http_date",
    "format_media_type",
    "format_quoted_string",
    "format_set_cookie",
    "guess_media_type",
    "has_no_content",
    "is_idempotent",
    "is_safe",
    "is_token",
    "negotiate_charset",
    "negotiate_encoding",
    "negotiate_language",
    "negotiate_media_type",
    "parse_accept",
    "parse_authorization",
    "parse_basic",
    "parse_cookies",
    "parse_http_date",
    "parse_media_type",
    "quality_of",
    "reason_phrase",
    "spec_of",
    "status_line",
]

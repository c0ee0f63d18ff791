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
from costrel.http.cache_control import CacheControl, parse_cache_control
from costrel.http.content_disposition import format_content_disposition, parse_content_disposition
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
from costrel.http.etags import ETag, file_etag, make_etag, parse_etag, parse_etag_list
from costrel.http.fields import SENSITIVE_FIELDS, SINGLETON_FIELDS, field_name, field_value, format_quoted_string
from costrel.http.forwarded import (
    ForwardedElement,
    Origin,
    TrustedProxies,
    canonical_ip,
    parse_forwarded,
    resolve_client,
)
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
from costrel.http.multidict import MissingKey, MultiDict, Source
from costrel.http.paths import safe_filename, safe_join, safe_relative_path
from costrel.http.percent import decode_component, decode_path, encode_component, encode_path, encode_segment, requote
from costrel.http.preconditions import Precondition, evaluate as evaluate_preconditions, range_applies
from costrel.http.problem import Problem, problem_from
from costrel.http.query import NestedValue, format_query, parse_form_urlencoded, parse_nested, parse_query_string
from costrel.http.ranges import ByteRange, MultipartByteranges, format_content_range, parse_range
from costrel.http.redirects import check_location, is_safe_next, relative_redirect
from costrel.http.status import REASON_PHRASES, STATUS_LINES, has_no_content, reason_phrase, spec_of, status_line
from costrel.http.urls import URL, is_valid_authority, parse_authority, parse_request_target, split_target

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
    "URL",
    "AcceptItem",
    "ByteRange",
    "CacheControl",
    "CookieJar",
    "Credentials",
    "ETag",
    "FieldLines",
    "FieldSection",
    "ForwardedElement",
    "Headers",
    "MediaType",
    "MissingKey",
    "MultiDict",
    "MultipartByteranges",
    "NestedValue",
    "Origin",
    "Precondition",
    "Priority",
    "Problem",
    "RequestHeaders",
    "SameSite",
    "Source",
    "StoredCookie",
    "TrustedProxies",
    "canonical_ip",
    "check_location",
    "decode_component",
    "decode_path",
    "encode_component",
    "encode_path",
    "encode_segment",
    "essence_of",
    "evaluate_preconditions",
    "field_name",
    "field_value",
    "file_etag",
    "format_challenge",
    "format_content_disposition",
    "format_content_range",
    "format_delete_cookie",
    "format_http_date",
    "format_media_type",
    "format_query",
    "format_quoted_string",
    "format_set_cookie",
    "guess_media_type",
    "has_no_content",
    "is_idempotent",
    "is_safe",
    "is_safe_next",
    "is_token",
    "is_valid_authority",
    "make_etag",
    "negotiate_charset",
    "negotiate_encoding",
    "negotiate_language",
    "negotiate_media_type",
    "parse_accept",
    "parse_authority",
    "parse_authorization",
    "parse_basic",
    "parse_cache_control",
    "parse_content_disposition",
    "parse_cookies",
    "parse_etag",
    "parse_etag_list",
    "parse_form_urlencoded",
    "parse_forwarded",
    "parse_http_date",
    "parse_media_type",
    "parse_nested",
    "parse_query_string",
    "parse_range",
    "parse_request_target",
    "problem_from",
    "quality_of",
    "range_applies",
    "reason_phrase",
    "relative_redirect",
    "requote",
    "resolve_client",
    "safe_filename",
    "safe_join",
    "safe_relative_path",
    "spec_of",
    "split_target",
    "status_line",
]

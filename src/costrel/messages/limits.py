"""The limits that hold while a request is read, the same under every transport.

They are fields of `AppSettings` on a floor above; here stands only which of them the messages need, and their
defaults for a request that no app has taken yet. SECURITY: a limit is enforced while reading, never afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT_LIMITS", "MessageLimits"]

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class MessageLimits:
    """How much of a request is read before it is refused.

    Args:
        max_body_bytes: content of every media type but multipart; above it 413.
        max_multipart_bytes: content of a multipart body in all; above it 413.
        max_form_memory_bytes: text fields of one form together; above it 413.
        max_form_field_bytes: one text field of a form; above it 413.
        max_form_fields: text fields of one form; above it 413.
        max_query_fields: fields of the query string; above it 400.
        max_files: file parts of one multipart body; above it 413.
        max_parts: parts of one multipart body; above it 413.
        max_part_headers: header fields of one part; above it 400.
        max_part_header_bytes: header section of one part; above it 400.
        spool_threshold_bytes: content kept in memory; what is longer goes to a temporary file.
        max_json_depth: nesting of a JSON document whose type does not bound it; above it 400.
        max_cookies: cookies of one request; those after it are ignored.
        max_ranges: byte ranges of one request; with more the ``Range`` field is ignored.
    """

    max_body_bytes: int = MIB
    max_multipart_bytes: int = 16 * MIB
    max_form_memory_bytes: int = MIB
    max_form_field_bytes: int = 256 * KIB
    max_form_fields: int = 1000
    max_query_fields: int = 1000
    max_files: int = 100
    max_parts: int = 1000
    max_part_headers: int = 8
    max_part_header_bytes: int = 4096
    spool_threshold_bytes: int = 256 * KIB
    max_json_depth: int = 64
    max_cookies: int = 100
    max_ranges: int = 16


DEFAULT_LIMITS = MessageLimits()

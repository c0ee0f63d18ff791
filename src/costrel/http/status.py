"""Status codes: their reason phrases, where they are specified, and their status lines.

One table holds what the IANA registry of status codes says. The exceptions that answer with a status live in
`costrel.errors`; how an answer is framed on the wire lives in `costrel.server`.

Spec: RFC 9110 §15, RFC 9112 §4.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["REASON_PHRASES", "STATUS_LINES", "has_no_content", "reason_phrase", "spec_of", "status_line"]

# Code, reason phrase, specification: the order of the registry.
_REGISTRY: tuple[tuple[int, str, str], ...] = (
    (100, "Continue", "RFC 9110 §15.2.1"),
    (101, "Switching Protocols", "RFC 9110 §15.2.2"),
    (102, "Processing", "RFC 2518 §10.1"),
    (103, "Early Hints", "RFC 8297 §2"),
    (200, "OK", "RFC 9110 §15.3.1"),
    (201, "Created", "RFC 9110 §15.3.2"),
    (202, "Accepted", "RFC 9110 §15.3.3"),
    (203, "Non-Authoritative Information", "RFC 9110 §15.3.4"),
    (204, "No Content", "RFC 9110 §15.3.5"),
    (205, "Reset Content", "RFC 9110 §15.3.6"),
    (206, "Partial Content", "RFC 9110 §15.3.7"),
    (207, "Multi-Status", "RFC 4918 §11.1"),
    (208, "Already Reported", "RFC 5842 §7.1"),
    (226, "IM Used", "RFC 3229 §10.4.1"),
    (300, "Multiple Choices", "RFC 9110 §15.4.1"),
    (301, "Moved Permanently", "RFC 9110 §15.4.2"),
    (302, "Found", "RFC 9110 §15.4.3"),
    (303, "See Other", "RFC 9110 §15.4.4"),
    (304, "Not Modified", "RFC 9110 §15.4.5"),
    (305, "Use Proxy", "RFC 9110 §15.4.6"),
    (307, "Temporary Redirect", "RFC 9110 §15.4.8"),
    (308, "Permanent Redirect", "RFC 9110 §15.4.9"),
    (400, "Bad Request", "RFC 9110 §15.5.1"),
    (401, "Unauthorized", "RFC 9110 §15.5.2"),
    (402, "Payment Required", "RFC 9110 §15.5.3"),
    (403, "Forbidden", "RFC 9110 §15.5.4"),
    (404, "Not Found", "RFC 9110 §15.5.5"),
    (405, "Method Not Allowed", "RFC 9110 §15.5.6"),
    (406, "Not Acceptable", "RFC 9110 §15.5.7"),
    (407, "Proxy Authentication Required", "RFC 9110 §15.5.8"),
    (408, "Request Timeout", "RFC 9110 §15.5.9"),
    (409, "Conflict", "RFC 9110 §15.5.10"),
    (410, "Gone", "RFC 9110 §15.5.11"),
    (411, "Length Required", "RFC 9110 §15.5.12"),
    (412, "Precondition Failed", "RFC 9110 §15.5.13"),
    (413, "Content Too Large", "RFC 9110 §15.5.14"),
    (414, "URI Too Long", "RFC 9110 §15.5.15"),
    (415, "Unsupported Media Type", "RFC 9110 §15.5.16"),
    (416, "Range Not Satisfiable", "RFC 9110 §15.5.17"),
    (417, "Expectation Failed", "RFC 9110 §15.5.18"),
    (418, "I'm a teapot", "RFC 2324 §2.3.2"),
    (421, "Misdirected Request", "RFC 9110 §15.5.20"),
    (422, "Unprocessable Content", "RFC 9110 §15.5.21"),
    (423, "Locked", "RFC 4918 §11.3"),
    (424, "Failed Dependency", "RFC 4918 §11.4"),
    (425, "Too Early", "RFC 8470 §5.2"),
    (426, "Upgrade Required", "RFC 9110 §15.5.22"),
    (428, "Precondition Required", "RFC 6585 §3"),
    (429, "Too Many Requests", "RFC 6585 §4"),
    (431, "Request Header Fields Too Large", "RFC 6585 §5"),
    (451, "Unavailable For Legal Reasons", "RFC 7725 §3"),
    (500, "Internal Server Error", "RFC 9110 §15.6.1"),
    (501, "Not Implemented", "RFC 9110 §15.6.2"),
    (502, "Bad Gateway", "RFC 9110 §15.6.3"),
    (503, "Service Unavailable", "RFC 9110 §15.6.4"),
    (504, "Gateway Timeout", "RFC 9110 §15.6.5"),
    (505, "HTTP Version Not Supported", "RFC 9110 §15.6.6"),
    (506, "Variant Also Negotiates", "RFC 2295 §8.1"),
    (507, "Insufficient Storage", "RFC 4918 §11.5"),
    (508, "Loop Detected", "RFC 5842 §7.2"),
    (510, "Not Extended", "RFC 2774 §7"),
    (511, "Network Authentication Required", "RFC 6585 §6"),
)

_CLASSES: tuple[tuple[str, str], ...] = (
    ("Informational", "RFC 9110 §15.2"),
    ("Successful", "RFC 9110 §15.3"),
    ("Redirection", "RFC 9110 §15.4"),
    ("Client Error", "RFC 9110 §15.5"),
    ("Server Error", "RFC 9110 §15.6"),
)
_NO_CLASS = ("Unknown", "RFC 9110 §15")

_SPECS: Mapping[int, str] = MappingProxyType({code: spec for code, _, spec in _REGISTRY})

REASON_PHRASES: Mapping[int, str] = MappingProxyType({code: phrase for code, phrase, _ in _REGISTRY})
"""The reason phrase of every registered status code."""

STATUS_LINES: Mapping[int, bytes] = MappingProxyType(
    {code: f"HTTP/1.1 {code} {phrase}\r\n".encode("ascii") for code, phrase, _ in _REGISTRY}
)
"""The HTTP/1.1 status line of every registered status code, CRLF included."""


def reason_phrase(status_code: int) -> str:
    """Give the reason phrase of a status code.

    Args:
        status_code: 100 to 999. A code that nobody registered has the name of its class, for example
            ``"Client Error"``; a code from 600 on has no class and is ``"Unknown"``.

    Raises:
        ValueError: the code does not have three digits.

    >>> reason_phrase(404), reason_phrase(499)
    ('Not Found', 'Client Error')
    """
    phrase = REASON_PHRASES.get(status_code)
    return phrase if phrase is not None else _class_of(status_code)[0]


def has_no_content(status_code: int) -> bool:
    """Say whether a response with this status never has content, whatever the method.

    Args:
        status_code: 100 to 999.

    Spec:
        RFC 9110 §6.4.1; RFC 9112 §6.3: 1xx, 204 and 304 end with their head.
    """
    return status_code < 200 or status_code == 204 or status_code == 304


def spec_of(status_code: int) -> str:
    """Name the section that defines a status code, or the one of its class.

    Args:
        status_code: 100 to 999.

    Raises:
        ValueError: the code does not have three digits.

    >>> spec_of(404), spec_of(499)
    ('RFC 9110 §15.5.5', 'RFC 9110 §15.5')
    """
    spec = _SPECS.get(status_code)
    return spec if spec is not None else _class_of(status_code)[1]


def status_line(status_code: int) -> bytes:
    r"""Give the HTTP/1.1 status line of a status code, CRLF included.

    Args:
        status_code: 100 to 999; `STATUS_LINES` has the registered ones ready.

    Raises:
        ValueError: the code does not have three digits.

    Spec:
        RFC 9112 §4.

    >>> status_line(299)
    b'HTTP/1.1 299 Successful\r\n'
    """
    line = STATUS_LINES.get(status_code)
    if line is None:
        line = f"HTTP/1.1 {status_code} {_class_of(status_code)[0]}\r\n".encode("ascii")
    return line


def _class_of(status_code: int) -> tuple[str, str]:
    """Give the name and the section of the class that a code belongs to."""
    if not 100 <= status_code <= 999:
        raise ValueError(f"a status code has three digits, 100 to 999, not {status_code!r:.100}")
    return _CLASSES[status_code // 100 - 1] if status_code < 600 else _NO_CLASS

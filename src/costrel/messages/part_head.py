"""What stands around the content of a multipart form: the boundary, and the head of each part.

All of it comes from the client, so every grammar here is strict and linear. What is odd but harmless is kept, for
example control characters in a file name, which are stripped before anybody uses it. Where the parts are is found in
`multipart.py`.

Spec: RFC 7578 §4.2, §5.1; RFC 2046 §5.1.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from costrel.errors import BadRequest
from costrel.http import RequestHeaders, parse_media_type

__all__ = ["PartHead", "check_field_lines", "parse_boundary", "parse_part_head"]

# RFC 2046 §5.1.1: bchars, without the space that no client of HTTP uses.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=?-]{1,70}")
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_DISPOSITION = re.compile(r"form-data[ \t]*+", re.IGNORECASE)
_PARAMETER = re.compile(rf';[ \t]*+(?:({_NAME})[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*)"|([^\s;",]++))[ \t]*+)?', re.DOTALL)
# Control characters are refused, but in a file name: there they are kept for `raw_filename` and stripped for the rest.
_FIELD_LINE = re.compile(
    rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++:[^\x00-\x08\x0a-\x1f\x7f]*+|(?i:content-disposition):[^\r\n]*+"
)


@dataclass(frozen=True, slots=True)
class PartHead:
    """What stands before the content of a part.

    Args:
        name: the name of the form field, possibly empty; bytes that are no UTF-8 are U+FFFD.
        filename: the client's name of the file as it came, `None` for a part that is no file.
        headers: the header fields of the part.
    """

    name: str
    filename: str | None
    headers: RequestHeaders


def parse_boundary(content_type: str) -> bytes:
    """Return the boundary that a ``Content-Type`` of a multipart body names.

    Raises:
        BadRequest: there is none, or it is not of the form that RFC 2046 §5.1.1 gives it.
    """
    try:
        boundary = parse_media_type(content_type).parameter("boundary")
    except ValueError:
        raise BadRequest("The Content-Type of the form is malformed.") from None
    if boundary is None:
        raise BadRequest("The Content-Type of the form names no boundary.")
    # Hyphens alone cannot be told from the mark of the final boundary.
    if not _BOUNDARY.fullmatch(boundary) or not boundary.strip("-"):
        raise BadRequest("The boundary of the form is not one that RFC 2046 allows.")
    return boundary.encode("ascii")


def check_field_lines(section: bytes) -> None:
    """Check the header section of a part, which is stricter here than in the parser.

    Raises:
        BadRequest: a line that is no field, a line break without its other half, or a control character.
    """
    if not all(_FIELD_LINE.fullmatch(line) for line in section.split(b"\r\n")):
        raise BadRequest("A part of the form has a header field that HTTP does not allow.")


def parse_part_head(field_lines: list[tuple[str, str]]) -> PartHead:
    """Read the head of a part.

    Args:
        field_lines: names and values of its header fields, decoded as latin-1 although they are UTF-8.

    Raises:
        BadRequest: not exactly one Content-Disposition, or one that is malformed or has no name.
    """
    raw = [(name.lower().encode("latin-1"), value.rstrip(" \t").encode("latin-1")) for name, value in field_lines]
    dispositions = [value for name, value in raw if name == b"content-disposition"]
    if len(dispositions) != 1:
        raise BadRequest("A part of the form must have exactly one Content-Disposition.")
    parameters = _parse_disposition(dispositions[0].decode("utf-8", "replace"))
    name = parameters.get("name")
    if name is None:
        raise BadRequest("A part of the form has no name.")
    return PartHead(name, parameters.get("filename"), RequestHeaders.from_raw(raw))


def _parse_disposition(value: str) -> dict[str, str]:
    """Parse ``form-data`` with its parameters; ``filename*`` is one like any other (RFC 7578 §4.2: not used)."""
    match = _DISPOSITION.match(value)
    position = match.end() if match is not None else 0
    parameters: dict[str, str] = {}
    while match is not None and position < len(value):
        match = _PARAMETER.match(value, position)
        if match is None:
            break
        position = match.end()
        if match[1] is not None:
            name = match[1].lower()
            # SECURITY: two readers that take a different one of the two are an attack.
            if name in parameters:
                raise BadRequest("The Content-Disposition of a part has a parameter twice.")
            parameters[name] = match[3] if match[2] is None else _unquote(match[2])
    if match is None:
        raise BadRequest("The Content-Disposition of a part is malformed.")
    return parameters


def _unquote(text: str) -> str:
    """Undo what browsers do to quotes and line ends, and what others do to quotes and backslashes."""
    if '\\"' in text:
        return re.sub(r'\\(["\\])', r"\1", text)
    if "%" in text:
        # HTML, multipart/form-data encoding: these three and nothing else.
        return text.replace("%0D", "\r").replace("%0A", "\n").replace("%22", '"')
    return text

"""Media types: parsed once, by one strict parser, for everyone who has to decide by them.

Body parsing, validation, negotiation and error pages all ask here. Frameworks in which two places read Content-Type
differently have let ``application/json<TAB>x`` past the check of one and into the parser of the other, so what this
parser refuses has no media type at all: `parse_media_type` raises and `essence_of` gives the empty string.

`guess_media_type` names the type of a file by its name, from a table in this file: the same answer on every machine.
What a client would like to have is in `accept`.

Spec: RFC 9110 §8.3.1, §5.6.6; RFC 6838 §4.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from costrel.http.fields import QUOTED_STRING, TCHARS, decode_quoted_string, format_quoted_string

__all__ = [
    "EVENT_STREAM",
    "FORM",
    "HTML",
    "JSON",
    "MULTIPART",
    "OCTET_STREAM",
    "PROBLEM_JSON",
    "TEXT",
    "MediaType",
    "essence_of",
    "format_media_type",
    "guess_media_type",
    "parse_media_type",
    "parse_parameters",
]

EVENT_STREAM = "text/event-stream"
"""Server-sent events, always UTF-8."""
FORM = "application/x-www-form-urlencoded"
"""A form without files."""
HTML = "text/html"
"""A page; say the charset as well."""
JSON = "application/json"
"""JSON, always UTF-8 (RFC 8259 §8.1)."""
MULTIPART = "multipart/form-data"
"""A form with files (RFC 7578)."""
OCTET_STREAM = "application/octet-stream"
"""Bytes of which nothing is known."""
PROBLEM_JSON = "application/problem+json"
"""Problem details (RFC 9457)."""
TEXT = "text/plain"
"""Plain text; say the charset as well."""

MAX_PARAMETERS = 64
"""More parameters than this, empty ones included, make a value no media type."""
MAX_QUOTED_CHARACTERS = 1024
"""A quoted parameter value longer than this makes a value no media type."""


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type with its parameters.

    Args:
        type: the part before the slash in lower case, for example ``text``.
        subtype: the part after the slash in lower case, for example ``html``.
        parameters: names in lower case with their values as sent, each name once, in the order sent.
    """

    type: str
    subtype: str
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def essence(self) -> str:
        """Type and subtype without parameters, for example ``text/html``."""
        return f"{self.type}/{self.subtype}"

    @property
    def charset(self) -> str | None:
        """The ``charset`` parameter in lower case, or `None`."""
        charset = self.parameter("charset")
        return None if charset is None else charset.lower()

    @property
    def suffix(self) -> str | None:
        """The structured syntax after the last plus sign, for example ``json``, or `None` (RFC 6838 §4.2.8)."""
        return self.subtype.rpartition("+")[2] if "+" in self.subtype else None

    def parameter(self, name: str) -> str | None:
        """Give the value of a parameter, or `None`.

        Args:
            name: the name in lower case, for example ``"boundary"``.
        """
        return next((value for key, value in self.parameters if key == name), None)

    def __str__(self) -> str:
        return format_media_type(self)


_match_essence = re.compile(rf"({TCHARS})/({TCHARS})").match
# RFC 9110 §5.6.6: parameters = *( OWS ";" OWS [ parameter ] ), and no space around the equals sign.
_match_parameter = re.compile(rf"[ \t]*+;[ \t]*+(?:({TCHARS})=(?:({TCHARS})|({QUOTED_STRING})))?").match
_is_token = re.compile(TCHARS).fullmatch


def parse_media_type(field_value: str) -> MediaType:
    """Parse a Content-Type field value.

    Args:
        field_value: the value without the field name and without whitespace around it.

    Returns:
        Type, subtype and parameter names in lower case; parameter values as sent.

    Raises:
        ValueError: bad syntax, which includes whitespace before the type, anything after it that is no parameter, a
            list of types, a parameter that is given twice; or past a limit: 64 parameters, 1024 characters
            in a quoted value.

    Spec:
        RFC 9110 §8.3.1.

    >>> parse_media_type('Text/HTML; Charset="utf-8"')
    MediaType(type='text', subtype='html', parameters=(('charset', 'utf-8'),))
    """
    match = _match_essence(field_value)
    if match is None:
        raise ValueError(f"{field_value[:100]!r} is not a media type: it does not start with `type/subtype`")
    return MediaType(match[1].lower(), match[2].lower(), parse_parameters(field_value, match.end()))


def parse_parameters(field_value: str, start: int) -> tuple[tuple[str, str], ...]:
    """Parse the parameters from an index to the end of a field value.

    Args:
        field_value: a field value, or one element of a list.
        start: the index behind what the parameters belong to; at the end there are none.

    Returns:
        Names in lower case with their values, without quotes, in the order sent.

    Raises:
        ValueError: bad syntax, a parameter that is given twice, more than 64 parameters (empty ones included), or
            a quoted value of more than 1024 characters.

    Spec:
        RFC 9110 §5.6.6.
    """
    end = len(field_value)
    parameters: dict[str, str] = {}
    count = 0
    while start < end:
        match = _match_parameter(field_value, start)
        if match is None:
            raise ValueError(f"{field_value[start : start + 100]!r} does not continue with `; name=value`")
        count += 1
        if count > MAX_PARAMETERS:
            raise ValueError(f"more than {MAX_PARAMETERS} parameters")
        start = match.end()
        name, token, quoted = match.groups()
        if name is None:
            continue
        name = name.lower()
        if name in parameters:
            raise ValueError(f"the parameter {name[:100]!r} is given twice")
        if quoted is None:
            parameters[name] = token
        elif len(quoted) - 2 > MAX_QUOTED_CHARACTERS:
            raise ValueError(f"the parameter {name[:100]!r} has more than {MAX_QUOTED_CHARACTERS} characters")
        else:
            parameters[name] = decode_quoted_string(quoted)
    return tuple(parameters.items())


def format_media_type(media_type: MediaType) -> str:
    """Format a media type as a field value; values that are no tokens are quoted.

    Args:
        media_type: what to format.

    Raises:
        ValueError: a part that no media type can have, for example a type with a space.

    >>> format_media_type(MediaType("text", "plain", (("charset", "utf-8"), ("title", "a b"))))
    'text/plain; charset=utf-8; title="a b"'
    """
    for part in (media_type.type, media_type.subtype, *(name for name, _ in media_type.parameters)):
        if _is_token(part) is None:
            raise ValueError(f"{part[:100]!r} cannot stand in a media type, because it is no token")
    return media_type.essence + "".join(
        f"; {name}={value if _is_token(value) else format_quoted_string(value)}"
        for name, value in media_type.parameters
    )


# PERF: what most messages carry is one dict hit, saves 850 ns (benchmarks/tricks.py::common_essence, 3.11)
_COMMON_ESSENCES: Mapping[str, str] = MappingProxyType(
    {
        value: essence
        for essence in (EVENT_STREAM, FORM, HTML, JSON, OCTET_STREAM, PROBLEM_JSON, TEXT)
        for value in (essence, f"{essence}; charset=utf-8", f"{essence}; charset=UTF-8", f"{essence};charset=UTF-8")
    }
)


def essence_of(field_value: bytes | str) -> str:
    r"""Give type and subtype of a Content-Type field value in lower case.

    Args:
        field_value: the value without the field name.

    Returns:
        For example ``"application/json"``; the empty string when the value is no media type by the rules of
        `parse_media_type`, so that nobody believes what the strict parser refuses.

    >>> essence_of(b"Application/JSON; charset=utf-8"), essence_of(b"application/json\ta")
    ('application/json', '')
    """
    text = field_value.decode("latin-1") if isinstance(field_value, bytes) else field_value
    common = _COMMON_ESSENCES.get(text)
    if common is not None:
        return common
    try:
        return parse_media_type(text).essence
    except ValueError:
        return ""


_TYPES_BY_EXTENSION: Mapping[str, str] = MappingProxyType(
    {
        "7z": "application/x-7z-compressed",
        "aac": "audio/aac",
        "apng": "image/apng",
        "atom": "application/atom+xml",
        "avif": "image/avif",
        "bmp": "image/bmp",
        "bz2": "application/x-bzip2",
        "css": "text/css",
        "csv": "text/csv",
        "doc": "application/msword",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "eot": "application/vnd.ms-fontobject",
        "epub": "application/epub+zip",
        "flac": "audio/flac",
        "geojson": "application/geo+json",
        "gif": "image/gif",
        "gz": "application/gzip",
        "htm": HTML,
        "html": HTML,
        "ico": "image/vnd.microsoft.icon",
        "ics": "text/calendar",
        "jpeg": "image/jpeg",
        "jpg": "image/jpeg",
        "js": "text/javascript",
        "json": JSON,
        "jsonld": "application/ld+json",
        "jxl": "image/jxl",
        "m3u8": "application/vnd.apple.mpegurl",
        "m4a": "audio/mp4",
        "map": JSON,
        "md": "text/markdown",
        "mjs": "text/javascript",
        "mov": "video/quicktime",
        "mp3": "audio/mpeg",
        "mp4": "video/mp4",
        "mpd": "application/dash+xml",
        "mpeg": "video/mpeg",
        "oga": "audio/ogg",
        "ogg": "audio/ogg",
        "ogv": "video/ogg",
        "opus": "audio/ogg",
        "otf": "font/otf",
        "pdf": "application/pdf",
        "png": "image/png",
        "ppt": "application/vnd.ms-powerpoint",
        "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "rss": "application/rss+xml",
        "rtf": "application/rtf",
        "svg": "image/svg+xml",
        "tar": "application/x-tar",
        "tif": "image/tiff",
        "tiff": "image/tiff",
        "ttf": "font/ttf",
        "txt": TEXT,
        "vtt": "text/vtt",
        "wasm": "application/wasm",
        "wav": "audio/wav",
        "weba": "audio/webm",
        "webm": "video/webm",
        "webmanifest": "application/manifest+json",
        "webp": "image/webp",
        "woff": "font/woff",
        "woff2": "font/woff2",
        "xhtml": "application/xhtml+xml",
        "xls": "application/vnd.ms-excel",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xml": "application/xml",
        "yaml": "application/yaml",
        "yml": "application/yaml",
        "zip": "application/zip",
        "zst": "application/zstd",
    }
)


def guess_media_type(path: str) -> str:
    """Name the media type of a file by the last extension of its name.

    Args:
        path: a name or a path with slashes; the file is not looked at.

    Returns:
        The type without a charset; ``"application/octet-stream"`` for what the table does not have, for names
        without an extension and for names that are nothing but one, such as ``.html``.

    >>> guess_media_type("img/Logo.SVG"), guess_media_type("Makefile")
    ('image/svg+xml', 'application/octet-stream')
    """
    stem, _, extension = path.rpartition("/")[2].rpartition(".")
    return _TYPES_BY_EXTENSION.get(extension.lower(), OCTET_STREAM) if stem else OCTET_STREAM

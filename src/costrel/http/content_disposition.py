"""Content-Disposition: naming a download, and reading the parts of a form.

Written for every client: an ASCII name in quotes, and the real one beside it in the form of RFC 8187 when it differs.
Read with care: ``filename`` is always preferred to ``filename*``, and a name that comes twice is an error, because
two readers that differ are an attack. What makes a name safe for a file system is in `paths`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

__all__ = ["format_content_disposition", "parse_content_disposition"]

_MAX_PARAMETERS = 16
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_BUT_TAB = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_TCHARS = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_DISPOSITION = re.compile(rf"[ \t]*+({_TCHARS})[ \t]*+")
_PARAMETER = re.compile(rf';[ \t]*+(?:({_TCHARS})[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*)"|([^\s;",]++))[ \t]*+)?')
# RFC 8187 §3.2.1: attr-char
_ATTR_CHAR = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&+-.^_`|~")
_EXTENDED_VALUE = re.compile(r"([^']*+)'[^']*+'((?:[!#$&+.^_`|~0-9A-Za-z-]|%[0-9A-Fa-f]{2})*)")


def format_content_disposition(disposition: Literal["attachment", "inline"], filename: str | None) -> str:
    """Format the field that says how a client shall show or name what it gets.

    Args:
        disposition: ``attachment`` to be saved, ``inline`` to be shown.
        filename: the name to save it under; `None` or empty leaves it to the client.

    Returns:
        The field value, in ASCII.

    Raises:
        ValueError: another disposition, or a name with a control character or a lone surrogate.

    Spec:
        RFC 6266 §4, §5; RFC 8187 §3.2.

    >>> format_content_disposition("attachment", "\u00e9.pdf")
    'attachment; filename="e.pdf"; filename*=UTF-8\\'\\'%C3%A9.pdf'
    """
    if disposition not in ("attachment", "inline"):
        raise ValueError(f"A disposition is `attachment` or `inline`, not {disposition!r}.")
    if not filename:
        return disposition
    # SECURITY: a line break in a name would begin a header field of the attacker's own.
    if _CONTROL.search(filename):
        raise ValueError(f"A file name has no control characters: {filename[:100]!r}.")
    try:
        encoded = filename.encode()
    except UnicodeEncodeError:
        raise ValueError(f"A file name has no lone surrogates: {filename[:100]!r}.") from None
    fallback = filename if filename.isascii() else _to_ascii(filename)
    quoted = fallback.replace("\\", "\\\\").replace('"', '\\"')
    written = f'{disposition}; filename="{quoted}"'
    # RFC 6266 appendix D: clients differ about escapes and `%` in the quoted form.
    if fallback != filename or any(character in filename for character in '"\\%'):
        extended = "".join(chr(byte) if byte in _ATTR_CHAR else f"%{byte:02X}" for byte in encoded)
        written += f"; filename*=UTF-8''{extended}"
    return written


def _to_ascii(filename: str) -> str:
    """Leave away accents and write ``_`` for what has no ASCII form."""
    decomposed = unicodedata.normalize("NFKD", filename)
    return "".join(
        character if " " <= character <= "~" else "_"
        for character in decomposed
        if not unicodedata.combining(character)
    )


def parse_content_disposition(value: str) -> tuple[str, dict[str, str]]:
    """Parse a Content-Disposition field value, in linear time.

    A backslash escapes a quote or a backslash and nothing else, because browsers have sent paths of Windows in it.
    ``filename*`` is read only where there is no ``filename``, and ignored when it is broken; every other name that
    ends in ``*`` is a name like any other, as RFC 7578 §4.2 wants it for forms.

    Args:
        value: the field value, decoded.

    Returns:
        The disposition in lower case, and the parameters by their lower-case names.

    Raises:
        ValueError: no disposition, something that is not a parameter, a parameter that comes twice, a control
            character, or more than 16 parameters; nothing else is ever raised.

    Spec:
        RFC 6266 §4, RFC 7578 §4.2.

    >>> parse_content_disposition('form-data; name="avatar"; filename="me.png"')
    ('form-data', {'name': 'avatar', 'filename': 'me.png'})
    """
    if _CONTROL_BUT_TAB.search(value):
        raise ValueError("Content-Disposition has a control character.")
    match = _DISPOSITION.match(value)
    if match is None:
        raise ValueError("Content-Disposition does not begin with a disposition.")
    disposition = match[1].lower()
    parameters: dict[str, str] = {}
    position = match.end()
    while position < len(value):
        match = _PARAMETER.match(value, position)
        if match is None:
            raise ValueError("Content-Disposition has something that is not a parameter.")
        position = match.end()
        if match[1] is None:
            continue
        name = match[1].lower()
        if name in parameters:
            raise ValueError(f"Content-Disposition has two parameters named `{name[:100]}`.")
        if len(parameters) >= _MAX_PARAMETERS:
            raise ValueError(f"Content-Disposition has more than {_MAX_PARAMETERS} parameters.")
        parameters[name] = match[3] if match[2] is None else re.sub(r'\\(["\\])', r"\1", match[2])
    extended = parameters.pop("filename*", None)
    if extended is not None and "filename" not in parameters:
        decoded = _decode_extended(extended)
        if decoded is not None:
            parameters["filename"] = decoded
    return disposition, parameters


def _decode_extended(value: str) -> str | None:
    """Decode an ext-value of RFC 8187; `None` for another charset than UTF-8 and for everything broken."""
    match = _EXTENDED_VALUE.fullmatch(value)
    if match is None or match[1].lower() != "utf-8":
        return None
    pieces = match[2].split("%")
    decoded = pieces[0].encode() + b"".join(bytes.fromhex(piece[:2]) + piece[2:].encode() for piece in pieces[1:])
    try:
        text = decoded.decode()
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text

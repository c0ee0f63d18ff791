"""Which relative paths and file names are safe, decided on the text alone, before any file system is asked.

One rule for every system: what only Windows would misread is refused on Linux too, so that a directory can be moved.
Decoding has been done before, exactly once. Symbolic links, sizes and kinds of files are for whoever opens them.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["safe_filename", "safe_join", "safe_relative_path"]

_MAX_SEGMENT_BYTES = 255
_MAX_PATH_BYTES = 4096
# The separator of Windows, its drives and streams (``C:x``, ``x::$DATA``), and control characters with NUL.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\:]")
_DEVICE = re.compile(r"(?:CON|PRN|AUX|NUL|CLOCK\$|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9\u00b9\u00b2\u00b3])", re.IGNORECASE)
_NOT_IN_FILENAME = re.compile(r'[<>:"|?*]')
# SECURITY: these turn the direction of text, so that ``exe.gpj`` is shown for what ends in ``.exe``.
_BIDIRECTIONAL = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_DROPPED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_MAX_SUFFIX_BYTES = 32


def safe_relative_path(path: str, *, allow_dotfiles: bool = False) -> str | None:
    """Return a path that stays below the directory it will be joined to.

    Refused are: an empty path, an absolute one, empty segments (and with them a final ``/``), ``.`` and ``..``, a
    backslash, a colon, control characters, names that Windows reads as devices or shortens, segments over 255 bytes,
    paths over 4096 bytes, and what cannot be encoded.

    Args:
        path: a decoded path with ``/`` between its segments and none in front.
        allow_dotfiles: accept names that begin with ``.`` or end with ``~``, such as ``.well-known``.

    Returns:
        The same path, or `None`; answer 404.

    >>> safe_relative_path("css/site.css"), safe_relative_path("../secret"), safe_relative_path(".env")
    ('css/site.css', None, None)
    """
    if _FORBIDDEN.search(path) or len(path) > _MAX_PATH_BYTES:
        return None
    try:
        if len(path.encode()) > _MAX_PATH_BYTES:
            return None
    except UnicodeEncodeError:
        return None
    for segment in path.split("/"):
        # Windows drops final dots and spaces; this covers `.` and `..` as well.
        if not segment or segment[-1] in ". " or len(segment.encode()) > _MAX_SEGMENT_BYTES or _is_device(segment):
            return None
        if not allow_dotfiles and (segment[0] == "." or segment[-1] == "~"):
            return None
    return path


def _is_device(segment: str) -> bool:
    """Tell whether Windows opens a device for a name: ``CON``, ``con.txt``, ``COM1 .log``."""
    return _DEVICE.fullmatch(segment.partition(".")[0].rstrip(" ")) is not None


def safe_join(root: str, path: str, *, allow_dotfiles: bool = False) -> str | None:
    """Join a directory of ours and a path of a client's.

    Args:
        root: the directory, not empty.
        path: as for `safe_relative_path`.
        allow_dotfiles: as for `safe_relative_path`.

    Returns:
        The joined path, or `None` when `path` is refused.

    Raises:
        ValueError: `root` is empty; the result would be anywhere.

    >>> safe_join("/srv/static", "site.css"), safe_join("/srv/static", "../static_secret/x")
    ('/srv/static/site.css', None)
    """
    if not root:
        raise ValueError("The directory to join to is empty.")
    relative = safe_relative_path(path, allow_dotfiles=allow_dotfiles)
    if relative is None:
        return None
    return f"{root}{relative}" if root[-1] == "/" else f"{root}/{relative}"


def safe_filename(raw: str, fallback: str = "file") -> str:
    """Make a file name that can be stored and shown out of whatever a client sent.

    Directories are cut off, control characters and marks that turn the direction of text are dropped, characters that
    Windows forbids become ``_``, dots and spaces go from both ends, names of devices get a ``_`` in front, and a name
    over 255 bytes loses the end of its stem. `safe_relative_path` accepts the result. It is not unique: never
    overwrite a file because of it.

    Args:
        raw: the name as sent, with any directories.
        fallback: the name when nothing is left; a safe one.

    >>> safe_filename("..\\\\..\\\\etc/passwd"), safe_filename("CON.txt"), safe_filename("...")
    ('passwd', '_CON.txt', 'file')
    """
    name = raw.replace("\\", "/").rpartition("/")[2]
    name = "".join(character for character in name if _is_shown(character))
    name = _stripped(_NOT_IN_FILENAME.sub("_", name))
    # One byte is left for the mark of a device.
    name = _stripped(_shortened(name, _MAX_SEGMENT_BYTES - 1))
    if not name:
        return fallback
    return f"_{name}" if _is_device(name) else name


def _is_shown(character: str) -> bool:
    if character.isascii():
        return " " <= character != "\x7f"
    return character not in _BIDIRECTIONAL and unicodedata.category(character) not in _DROPPED_CATEGORIES


def _stripped(name: str) -> str:
    return name.lstrip(". ").rstrip(". ~")


def _shortened(name: str, max_bytes: int) -> str:
    """Cut the stem between two characters, so that the name fits and keeps a short suffix."""
    encoded = name.encode()
    if len(encoded) <= max_bytes:
        return name
    stem, dot, suffix = name.rpartition(".")
    kept = f"{dot}{suffix}".encode()
    if not stem or len(kept) > _MAX_SUFFIX_BYTES:
        stem, kept = name, b""
    return stem.encode()[: max_bytes - len(kept)].decode("utf-8", "ignore") + kept.decode()

"""How long browsers may keep a static file without asking again.

A name with a hash of the content in it, such as ``app.3f9a1c2b.css``, never stands for other content, so a browser may
keep it for good. Everything else is asked about each time, which costs a 304.

Spec: RFC 9111 §5.2.2, RFC 8246.
"""

from __future__ import annotations

import re
from typing import Final

from costrel.http import CacheControl

__all__ = ["IMMUTABLE", "cache_control_of", "has_fingerprint"]

YEAR_SECONDS: Final = 31_536_000
IMMUTABLE: Final = CacheControl(public=True, max_age_seconds=YEAR_SECONDS, immutable=True).format()
"""The ``Cache-Control`` of what never changes under its name."""

_iter_candidates = re.compile(r"[.-]([0-9a-f]{8,64})(?=\.)").finditer


def has_fingerprint(name: str) -> bool:
    """Tell whether a file name carries a hash: 8 to 64 hexadecimal digits between a dot or hyphen and a dot.

    Only digits are not taken for a hash, because they may be a date, and only letters are not, because they may be a
    word.

    Args:
        name: without directories.

    >>> has_fingerprint("app.3f9a1c2b.css"), has_fingerprint("report-20240131.pdf")
    (True, False)
    """
    return any(
        not candidate[1].isdigit() and any(character.isdigit() for character in candidate[1])
        for candidate in _iter_candidates(name)
    )


def cache_control_of(name: str, max_age_seconds: int = 0) -> str:
    """Return the ``Cache-Control`` of a static file.

    Args:
        name: of the file, directories do not matter.
        max_age_seconds: how long a file without a hash in its name may be kept; 0 is: ask each time.
    """
    if has_fingerprint(name.rpartition("/")[2]):
        return IMMUTABLE
    if max_age_seconds > 0:
        return CacheControl(public=True, max_age_seconds=max_age_seconds).format()
    return CacheControl(no_cache=True).format()

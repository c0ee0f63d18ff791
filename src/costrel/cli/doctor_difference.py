"""One difference between two answers, and which of them nobody wants to hear of.

A difference is told in texts that can be shown to everybody: what compares has taken out what is secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from costrel.pages import hide_secrets, is_secret_name

__all__ = ["MASK", "Difference", "Ignored", "Kind", "Sign", "cut", "mask_query", "shown_value"]

Kind = Literal["answer", "status", "header", "cookie", "body"]
"""What of an answer differs; ``answer`` is one that did not come, or not whole."""

Sign = Literal["lost", "gained", "changed"]
"""Whether only the old application has it, only the new one, or both have it differently."""

MASK = "***"
MAX_SHOWN = 200

_QUERY_VALUE = re.compile(r"([?&;#])([^=&;#?]+)=([^&;#]*)")
# Values of a login with OpenID Connect, which are drawn anew for each redirect.
_DRAWN_NAMES = frozenset({"state", "nonce", "code", "code_challenge", "sig", "key"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference.

    Args:
        kind: what of the answer differs.
        name: of the header or the cookie, or the path of a JSON value; empty where there is one only.
        sign: which side has it.
        old: what the old application gave, empty when it has nothing.
        new: what the new one gave.
        lines: the lines of a text that differ, each with ``-`` or ``+`` before it.
        more: how many further lines differ.
    """

    kind: Kind
    name: str
    sign: Sign
    old: str = ""
    new: str = ""
    lines: tuple[str, ...] = ()
    more: int = 0

    def to_dict(self) -> dict[str, object]:
        """Return it for JSON, without what is empty."""
        fields: dict[str, object] = {
            "kind": self.kind,
            "name": self.name,
            "sign": self.sign,
            "old": self.old,
            "new": self.new,
            "lines": list(self.lines),
            "more": self.more,
        }
        return {name: value for name, value in fields.items() if value or name in ("kind", "sign")}


class Ignored:
    """The patterns of ``--ignore``: names of headers, cookies and JSON keys, JSON paths, or lines of a text.

    Args:
        patterns: compared without regard to case; ``*`` stands for anything.

    >>> Ignored(["$.items[*].id", "x-*"]).covers("$.items[2].id")
    True
    """

    __slots__ = ("_match",)

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        texts = [re.escape(pattern).replace(r"\*", ".*") for pattern in patterns]
        self._match = re.compile("|".join(texts), re.IGNORECASE | re.DOTALL).fullmatch if texts else None

    def covers(self, *names: str) -> bool:
        """Whether one of the names of a thing is ignored."""
        match = self._match
        return match is not None and any(match(name) is not None for name in names)


def cut(text: str, length: int = MAX_SHOWN) -> str:
    """Return a text without control characters, at most `length` long."""
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[: length + 1])
    return shown if len(shown) <= length else f"{shown[: length - 1]}…"


def shown_value(name: str, text: str) -> str:
    """Return a value to show: stars when its name says that it is secret, or in it where it gives itself away."""
    return MASK if text and is_secret_name(name) else cut(hide_secrets(text))


def mask_query(target: str) -> str:
    """Return a path or a URL with stars for the secret values in its query.

    >>> mask_query("/reset?token=abc&page=2")
    '/reset?token=***&page=2'
    """

    def masked(match: re.Match[str]) -> str:
        name = match[2]
        hides = is_secret_name(name) or name.lower() in _DRAWN_NAMES
        return f"{match[1]}{name}={MASK if hides and match[3] else match[3]}"

    return _QUERY_VALUE.sub(masked, target)

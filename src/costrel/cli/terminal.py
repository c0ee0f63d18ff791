"""Colour, where somebody looks: on a terminal, unless ``NO_COLOR`` is set."""

from __future__ import annotations

import os
from typing import IO

__all__ = ["Paint"]

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}


class Paint:
    """Colours text for one stream, or leaves it alone.

    Args:
        stream: where the text goes; colour is used when it is a terminal and ``NO_COLOR`` is not set.
    """

    __slots__ = ("enabled",)

    def __init__(self, stream: IO[str]) -> None:
        self.enabled: bool = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()

    def __call__(self, text: str, *styles: str) -> str:
        """Return `text` in the given styles: ``bold``, ``dim``, ``red``, ``green``, ``yellow``, ``blue``, ``cyan``."""
        if not self.enabled or not styles:
            return text
        return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}\x1b[0m"

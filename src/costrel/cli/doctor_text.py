"""Comparing two texts line by line, HTML among them.

White space is no difference, and in HTML neither are the order of attributes, the case of names, and what is drawn anew
for each answer: hidden fields and meta elements that protect a form, and nonces. A few of the lines that differ are
shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from html.parser import HTMLParser

from costrel.cli.doctor_difference import MASK, Difference, Ignored, cut
from costrel.pages import hide_secrets, is_secret_name

__all__ = ["compare_texts", "html_lines", "text_lines"]

MAX_SHOWN_LINES = 6
MAX_COMPARED_LINES = 5000
"""Longer texts are compared up to their first difference; finding all of them is quadratic."""

_DRAWN = "…"
_PROTECTING = re.compile(r"csrf|xsrf|authenticity_token|__requestverificationtoken", re.IGNORECASE)
_RAW_ELEMENTS = ("script", "style")
_KEPT_ELEMENTS = ("pre", "textarea")


def text_lines(text: str) -> list[str]:
    """Return the lines of a text with white space made one space; empty ones are left out."""
    return [line for line in (" ".join(line.split()) for line in text.splitlines()) if line]


def html_lines(text: str) -> list[str]:
    """Return the tags and texts of a document, each on its line and in one form; what cannot be read is a text."""
    reader = _Reader()
    try:
        reader.feed(text)
        reader.close()
    except AssertionError:  # how Python's parser refuses a marked section that no standard knows
        return text_lines(text)
    return reader.lines


class _Reader(HTMLParser):
    """Writes a document anew, one tag or one text a line."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self._raw = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Write a tag with its attributes in order, without what is drawn anew."""
        if tag in _RAW_ELEMENTS or tag in _KEPT_ELEMENTS:
            self._raw = tag
        names = dict(attrs)
        label = f"{names.get('name') or ''} {names.get('id') or ''}"
        values = {
            name: None if value is None else _shown_attribute(tag, name, " ".join(value.split()), label)
            for name, value in names.items()
        }
        shown = "".join(f" {name}" if value is None else f' {name}="{value}"' for name, value in sorted(values.items()))
        self.lines.append(f"<{tag}{shown}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Write an element that is closed at once like one that is not: the slash means nothing."""
        self.handle_starttag(tag, attrs)
        self._raw = ""

    def handle_endtag(self, tag: str) -> None:
        """Write the end of an element."""
        self._raw = ""
        self.lines.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        """Write a text; one of several lines keeps them where they mean something."""
        self.lines.extend(text_lines(data) if self._raw else text_lines(" ".join(data.split())))

    def handle_decl(self, decl: str) -> None:
        """Write the type of the document."""
        self.lines.append(f"<!{' '.join(decl.split()).lower()}>")


def _shown_attribute(tag: str, name: str, value: str, label: str) -> str:
    """Return the value of an attribute as it is compared and shown."""
    if name == "nonce" or (name in ("value", "content") and tag in ("input", "meta") and _PROTECTING.search(label)):
        return _DRAWN
    if name in ("value", "content") and label.strip() and is_secret_name(label.strip()):
        return MASK
    return value


def compare_texts(old: list[str], new: list[str], ignored: Ignored) -> list[Difference]:
    """Return the difference of two texts, or an empty list.

    Args:
        old: the lines of the old one.
        new: of the new one.
        ignored: lines that do not count.
    """
    old = [line for line in old if not ignored.covers(line)]
    new = [line for line in new if not ignored.covers(line)]
    if old == new:
        return []
    changes = list(_changes(old, new))
    lines = tuple(cut(hide_secrets(line)) for line in changes[:MAX_SHOWN_LINES])
    return [Difference("body", "", "changed", lines=lines, more=len(changes) - len(lines))]


def _changes(old: list[str], new: list[str]) -> Iterator[str]:
    """Yield the lines that differ, each with a sign before it."""
    if max(len(old), len(new)) > MAX_COMPARED_LINES:
        index = next((i for i, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), None)
        start = min(len(old), len(new)) if index is None else index
        yield from (f"- {line}" for line in old[start : start + 1])
        yield from (f"+ {line}" for line in new[start : start + 1])
        return
    for tag, old_start, old_stop, new_start, new_stop in SequenceMatcher(None, old, new).get_opcodes():
        if tag != "equal":
            yield from (f"- {line}" for line in old[old_start:old_stop])
            yield from (f"+ {line}" for line in new[new_start:new_stop])

"""Writing HTML by calls: whatever is not markup already is escaped, so that no page can forget to.

    tag("p", "5 < 6 ", tag("b", "always"), class_="note")

Pages of errors are made without templates: they must work when templates are what failed.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import TypeAlias

__all__ = ["Content", "Markup", "content_security_policy", "document", "read_asset", "tag", "with_code"]


class Markup(str):
    """Text that is HTML."""

    __slots__ = ()


Content: TypeAlias = "str | Iterable[Content] | None"
"""What stands in an element: text, markup, several of them, or nothing."""

_VOID = frozenset({"br", "link", "meta"})


def tag(name: str, /, *content: Content, class_: str = "", **attributes: str | bool) -> Markup:
    """Make an element.

    Args:
        name: of the element.
        content: text is escaped, `Markup` is not.
        class_: its classes, with spaces between; none when empty.
        attributes: by name, a final ``_`` is dropped and the others become ``-``; `True` has no value, `False` is
            left out.
    """
    parts = [f"<{name}"]
    if class_:
        parts.append(f' class="{escape(class_)}"')
    for key, value in attributes.items():
        if value is not False:
            attribute = key.rstrip("_").replace("_", "-")
            parts.append(f" {attribute}" if value is True else f' {attribute}="{escape(str(value))}"')
    parts.append(">")
    if name not in _VOID:
        parts.extend(_flatten(content))
        parts.append(f"</{name}>")
    return Markup("".join(parts))


def _flatten(content: Iterable[Content]) -> Iterable[str]:
    for item in content:
        if isinstance(item, Markup):
            yield item
        elif isinstance(item, str):
            yield escape(item, quote=False)
        elif item is not None:
            yield from _flatten(item)


def with_code(text: str) -> list[Markup | str]:
    """Turn what stands between backticks, as our messages have it, into code; the rest stays text."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return [text]
    return [tag("code", piece) if index % 2 else piece for index, piece in enumerate(pieces)]


def document(title: str, body: Content, *, style: str, script: str = "") -> bytes:
    """Make a whole page that needs nothing from elsewhere.

    Args:
        title: of the window.
        body: what stands in it.
        style: the text of its style sheet, ours.
        script: the text of its script, ours; empty for none.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name_="robots", content="noindex"),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", Markup(style)),
    )
    page = tag("html", head, tag("body", body, tag("script", Markup(script)) if script else None), lang="en")
    # A lone surrogate in a message or a source file must not break the page about it.
    return f"<!doctype html>\n{page}\n".encode("utf-8", "replace")


def content_security_policy(*, style: str, script: str = "") -> str:
    """Return the policy for a page of `document`: that style, that script, and nothing else (CSP Level 3)."""
    scripts = f" script-src {_hash_source(script)};" if script else ""
    return (
        f"default-src 'none'; style-src {_hash_source(style)};{scripts} img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash_source(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def read_asset(file_name: str) -> str:
    """Return the text of a file of this room, read once."""
    return files("costrel.pages").joinpath(file_name).read_text("utf-8")

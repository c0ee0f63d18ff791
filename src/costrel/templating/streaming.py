"""What a template needs to be rendered while it is sent: pieces of a good size, and names that are ready in time.

Jinja yields every text and every value by itself; a page of 20 000 rows is 100 000 pieces, and each would be a chunk
on the wire. They are joined, but never so that a row waits for the one after it.

Once the head is sent, no cookie can be set and the session is closed. So what a template names and what belongs to the
head is asked for before: the names are found in the template, and in all that it extends, includes and imports.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, TemplateNotFound, meta, nodes

from costrel.messages import Request

__all__ = ["find_names", "iter_joined", "prepare_names"]

MAX_JOINED_CHARACTERS = 8192
MAX_JOINED_COUNT = 1024
QUICK_SECONDS = 0.001
_MAX_TEMPLATES = 100  # of one page; what includes more is taken to name everything

ASKED_BEFORE = ("get_flashed_messages", "csrf_field", "csrf_token")
"""Globals of other rooms that may write the session or a cookie, and return the same when they are asked again."""


def iter_joined(pieces: Iterator[str], clock: Callable[[], float] = time.monotonic) -> Iterator[str]:
    """Join pieces that come quickly: one at first, twice as many after each quick group, one again after a wait.

    Args:
        pieces: of a template; closed with this iterator.
        clock: returns seconds.
    """
    group: list[str] = []
    character_count = 0
    wanted_count = 1
    try:
        before = clock()
        for piece in pieces:
            now = clock()
            if now - before >= QUICK_SECONDS:
                wanted_count = 1
            before = now
            group.append(piece)
            character_count += len(piece)
            if len(group) >= wanted_count or character_count >= MAX_JOINED_CHARACTERS:
                yield "".join(group)
                group.clear()
                character_count = 0
                wanted_count = min(wanted_count * 2, MAX_JOINED_COUNT)
                before = clock()  # the reader's time is not the template's
        if group:
            yield "".join(group)
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()


def find_names(environment: Environment, name: str | None) -> frozenset[str] | None:
    """Return the names that a template and all it refers to look up; `None` when that cannot be told.

    A name of their own, such as that of a loop's variable, is among them.

    It cannot where a template is chosen by a value, ``{% include kind %}``, or was given as text.
    """
    if name is None:
        return None
    names: set[str] = set()
    waiting, seen = [name], {name}
    while waiting:
        try:
            source = environment.loader.get_source(environment, waiting.pop())[0] if environment.loader else ""
        except TemplateNotFound:
            continue  # `ignore missing`, or an error that the rendering will raise
        tree = environment.parse(source)
        names |= {node.name for node in tree.find_all(nodes.Name) if node.ctx == "load"}
        for other in meta.find_referenced_templates(tree):
            if other is None or len(seen) == _MAX_TEMPLATES:
                return None
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return frozenset(names)


def prepare_names(
    request: Request, names: frozenset[str] | None, context: Mapping[str, object], global_names: Mapping[str, Any]
) -> dict[str, object]:
    """Ask for what belongs to the head, before it is sent.

    Args:
        request: that is answered.
        names: as `find_names` returns them.
        context: what the caller gives; its names are no longer those of the request.
        global_names: of the environment.

    Returns:
        What stands in the context besides: ``session`` as it is now, to be read only.
    """
    added: dict[str, object] = {}
    for name in ASKED_BEFORE:
        if name in global_names and name not in context and names is not None and name in names:
            global_names[name]()
    wants_session = request.opened_session is not None if names is None else "session" in names
    if wants_session and "session" not in context:
        session = request.session
        added["session"] = MappingProxyType({key: session[key] for key in session})
    return added

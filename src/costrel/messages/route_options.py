"""What a route may be given besides its path, methods and handler; the same for apps, blueprints and extensions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypedDict

from costrel.messages.dispatch import BindableLayer, Layer
from costrel.messages.request import Request
from costrel.messages.settings import TrailingSlash

__all__ = ["OnFail", "RouteOptions", "TextAs"]

TextAs = Literal["html", "json"]
OnFail = Literal["reject", "log", "ignore"]


class RouteOptions(TypedDict, total=False):
    """What every verb takes after the path; all of it is optional.

    Keys:
        name: for `url_for`; the function's name unless given. Blueprints put theirs before it.
        status_code: of a plain return value; 200, or 204 without content.
        media_type: of a plain return value.
        text_as: what a returned `str` is, ``html`` or ``json``.
        inline: run a trivial ``def`` handler on the event loop instead of in a thread.
        use: layers around this route, outermost first.
        before, after, teardown: hooks of this route alone, run inside those of its blueprint.
        when: a predicate on the request; when it is false the next candidate is tried.
        fallthrough: whether the handler may ``raise Pass``.
        cancel_on_disconnect: cancel the handler when the client leaves.
        trailing_slash: as the setting, for this route.
        subprotocols: of a WebSocket, in the order of preference.
        origins: of pages of other sites that may open a WebSocket, for example ``https://app.example``; ``*`` is all.
        on_fail: what an invalid value of a source does: ``{"query": "log"}``.
        meta: anything, for hooks and tools: `request.route.meta`.
    """

    name: str
    status_code: int
    media_type: str
    text_as: TextAs
    inline: bool
    use: Sequence[Layer | BindableLayer]
    before: Sequence[Callable[..., object]]
    after: Sequence[Callable[..., object]]
    teardown: Sequence[Callable[..., object]]
    when: Callable[[Request], bool]
    fallthrough: bool
    cancel_on_disconnect: bool
    trailing_slash: TrailingSlash
    subprotocols: Sequence[str]
    origins: Sequence[str]
    on_fail: Mapping[str, OnFail]
    meta: Mapping[str, object]

"""Why no route was found: wrong method, a slash too many or too few, or nothing there at all.

It is made only when nothing matched, so it may take its time; `NoMatch.near` is computed only when a debug page asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from heapq import nlargest

__all__ = ["NoMatch"]

_MAX_NEAR = 3
_MAX_PATTERNS = 500
_MAX_PATH_LENGTH = 100
_MIN_RATIO = 0.6


@dataclass(frozen=True, slots=True)
class NoMatch:
    """What `RouteTable.explain` says about a request that no route matches.

    Attributes:
        path: the path of the request.
        allowed: the methods of the routes that match the path, with ``HEAD`` and ``OPTIONS``; empty means 404, and for
            the method ``OPTIONS`` it is the answer.
        redirect_to: the percent-encoded path with or without the slash at the end where a route of the policy
            ``"redirect"`` has the method; begins with exactly one ``/``.
        websocket_only: whether only WebSocket routes match the path.
        templates: the templates of all routes, for `near`.
    """

    path: str
    allowed: frozenset[str] = frozenset()
    redirect_to: str | None = None
    websocket_only: bool = False
    templates: Sequence[str] = ()

    @property
    def near(self) -> tuple[str, ...]:
        """Up to three templates that nearly match, the nearest first; for debug pages only."""
        path = self.path[:_MAX_PATH_LENGTH]
        matcher = SequenceMatcher(b=path, autojunk=False)
        rated: list[tuple[float, str]] = []
        for template in sorted(set(self.templates))[:_MAX_PATTERNS]:
            matcher.set_seq1(_filled(template, path))
            ratio = matcher.ratio() if matcher.quick_ratio() >= _MIN_RATIO else 0.0
            if ratio >= _MIN_RATIO:
                rated.append((ratio, template))
        return tuple(template for _, template in nlargest(_MAX_NEAR, rated))


def _filled(template: str, path: str) -> str:
    """The template with its parameters replaced by what stands in the path at their place."""
    parts = path.split("/")
    return "/".join(
        parts[index] if "{" in segment and index < len(parts) else segment
        for index, segment in enumerate(template[:_MAX_PATH_LENGTH].split("/"))
    )

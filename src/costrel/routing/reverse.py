"""From the name of a route and values to a path: the inverse of matching.

A name may stand for several patterns, for example one with a page number and one without; the values decide. Names
that are relative to a blueprint are resolved by the caller, and so are scheme, root path and query string.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from costrel.errors import ProgrammerError, URLValueError
from costrel.routing import mistakes
from costrel.routing.hosts import HostPattern
from costrel.routing.pattern import Pattern
from costrel.routing.segments import UnusableValue

__all__ = ["NameIndex", "ReversedPath"]


@dataclass(frozen=True, slots=True)
class ReversedPath:
    """What was built for a name.

    Attributes:
        path: percent-encoded; it begins with exactly one ``/``.
        host: the host of a route with a host pattern, else `None`.
        leftover: the values that neither pattern used, for the query string.
    """

    path: str
    host: str | None
    leftover: dict[str, object]


class NameIndex:
    """The patterns of all routes by name; never changed after it is made.

    Args:
        routes: name, pattern and host pattern of each route, in order of declaration.
    """

    __slots__ = ("_routes",)

    def __init__(self, routes: Iterable[tuple[str, Pattern, HostPattern | None]]) -> None:
        self._routes: dict[str, list[tuple[Pattern, HostPattern | None]]] = {}
        for name, pattern, host in routes:
            self._routes.setdefault(name, []).append((pattern, host))

    def __contains__(self, name: object) -> bool:
        return name in self._routes

    @property
    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self._routes))

    def build(self, name: str, values: Mapping[str, object], others: Iterable[str] = ()) -> ReversedPath:
        """Build the path of a route.

        Of several patterns with this name, the one that uses the most of the values is taken, then the first declared.

        Args:
            name: the full name of the route.
            values: by name of the parameter; a value that is `None` counts as not given.
            others: names of routes elsewhere, offered when there is none of this name and one of them is near.

        Returns:
            The path, the host and what is left over.

        Raises:
            ProgrammerError: there is no such route, or a value is missing.
            URLValueError: a value does not fit its place in the pattern.
        """
        candidates = self._routes.get(name)
        if candidates is None:
            raise ProgrammerError(mistakes.unknown_route(name, {*self._routes, *others}))
        given = {key: value for key, value in values.items() if value is not None}
        # `max` and `min` keep the first of equals, so the order of declaration breaks ties.
        complete = [candidate for candidate in candidates if not _missing(candidate, given)]
        if not complete:
            pattern, host = nearest = min(candidates, key=lambda candidate: len(_missing(candidate, given)))
            missing, needless = _missing(nearest, given), _needless(nearest, given)
            raise ProgrammerError(mistakes.missing_values(name, _text(pattern, host), missing, needless))
        pattern, host = max(complete, key=lambda candidate: _used_count(candidate, given))
        try:
            path, leftover = pattern.format(given)
            if host is None:
                return ReversedPath(path, None, leftover)
            host_text, leftover = host.format(leftover)
        except UnusableValue as error:
            mistake = mistakes.unusable_value(name, _text(pattern, host), str(error))
            raise URLValueError(mistake, name, error.values) from error
        return ReversedPath(path, host_text, leftover)


def _missing(candidate: tuple[Pattern, HostPattern | None], given: Mapping[str, object]) -> list[str]:
    pattern, host = candidate
    needed = (*(host.parameters if host else ()), *pattern.required_parameters)
    return [name for name in needed if name not in given]


def _needless(candidate: tuple[Pattern, HostPattern | None], given: Mapping[str, object]) -> list[str]:
    pattern, host = candidate
    return sorted(given.keys() - {*pattern.parameters, *(host.parameters if host else ())})


def _used_count(candidate: tuple[Pattern, HostPattern | None], given: Mapping[str, object]) -> int:
    pattern, host = candidate
    return sum(name in given for name in (*(host.parameters if host else ()), *pattern.parameters))


def _text(pattern: Pattern, host: HostPattern | None) -> str:
    return f"{host.text if host else ''}{pattern.text}"

"""Predicates for ``when=``: further conditions of a route besides its path, method and host.

A predicate is any callable that takes the request and returns a `bool`; where it returns false the route does not
match. A predicate that reads header fields names them in an attribute `vary`, so that caches keep the answers apart
(RFC 9110 §12.5.5). These two are ready-made; both are plain values and equal when their arguments are.
"""

from __future__ import annotations

from dataclasses import dataclass

from costrel.routing.requests import RequestLike

__all__ = ["AcceptVersion", "HeaderIs"]


@dataclass(frozen=True, slots=True)
class HeaderIs:
    """True when a header field has exactly this value.

    Args:
        name: the field name, in any case.
        value: the field value, compared exactly; of several fields of that name the first counts.
    """

    name: str
    value: str

    @property
    def vary(self) -> tuple[str, ...]:
        """The names for the ``Vary`` field of the answers."""
        return (self.name,)

    def __call__(self, request: RequestLike) -> bool:
        """Compare the field of this request."""
        return request.headers.get(self.name) == self.value


class AcceptVersion(HeaderIs):
    """True when the request asks for this version: ``Accept-Version: 2``.

    Args:
        version: the field value, for example ``"2"``.
    """

    __slots__ = ()

    def __init__(self, version: str) -> None:
        super().__init__("Accept-Version", version)

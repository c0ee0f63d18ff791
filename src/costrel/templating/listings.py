"""A `Listing`: the rows of one page, and where the pages around it are.

Where they are is said by references to the same path with another query, for links in a page and for the field Link
alike. What else the client has asked for stays in them.

Spec: RFC 3986 §5.3 (a reference that is a query alone); RFC 8288 §3 (Link).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from costrel.http import format_query
from costrel.messages import Request, Response

__all__ = ["Listing", "announce_links", "reference"]

T = TypeVar("T")

MAX_LINK_BYTES = 4096
"""A longer field is left out: the query is the client's, and not every client reads a head of any size."""


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """The rows of one page; iterating over it is iterating over them.

    Args:
        items: the rows.
        links: relation -> reference, of ``first``, ``prev``, ``next`` and ``last`` those that there are.
        number: of the page, from 1; `None` with a cursor.
        page_count: how many pages there are, `None` when nobody has counted.
        total: how many rows there are in all, `None` likewise.
    """

    items: Sequence[T]
    links: Mapping[str, str] = field(default_factory=dict)
    number: int | None = None
    page_count: int | None = None
    total: int | None = None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


def reference(request: Request, **changed: object) -> str:
    """Return the reference to the path of a request with a changed query; `None` takes a field away.

    >>> from types import SimpleNamespace
    >>> from costrel.http import MultiDict
    >>> reference(SimpleNamespace(query=MultiDict([("q", "a b"), ("page", "1")])), page=2)
    '?q=a%20b&page=2'
    """
    kept = [(name, value) for name, value in request.query.items(multi=True) if name not in changed]
    return f"?{format_query([*kept, *changed.items()])}"


def announce_links(request: Request, links: Mapping[str, str]) -> None:
    """Put the links into the response of a request."""
    # What is in a reference is percent-encoded, so neither `>` nor a line break is.
    field_value = ", ".join(f'<{target}>; rel="{relation}"' for relation, target in links.items())
    if field_value and len(field_value) <= MAX_LINK_BYTES:
        request.on_response(lambda _, response: _add_link(response, field_value))


def _add_link(response: Response, field_value: str) -> None:
    if 200 <= response.status_code < 300:
        response.headers.add("link", field_value)

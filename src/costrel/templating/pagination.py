"""Pages of a long list: ``page: Page`` or ``cursor: Cursor`` in a handler, bounded, with links to the pages around.

`Pagination` makes the parameters. What a client asks for beyond the bounds is a 422 that says so.

A `Page` is a number: people can jump, and rows that are added meanwhile shift what follows. A `Cursor`, in its own
module, is a place between two rows: it does not shift, and costs the same on the last page as on the first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Annotated, TypeVar

from msgspec import Meta

from costrel.errors import ConfigurationError, Mistake
from costrel.messages import AppSetup, Request
from costrel.templating.cursors import MAX_CURSOR_CHARACTERS, Cursor, open_cursor
from costrel.templating.listings import Listing, announce_links, reference

__all__ = ["Page", "Pagination"]

T = TypeVar("T")


class Page:
    """The page that a client asks for: ``?page=3&size=20``; a parameter of a handler.

    Args:
        request: that asks.
        number: of the page, from 1.
        size: how many rows a page has.

    Attributes:
        offset: how many rows come before it.
        limit: one row more than the page has: whether it comes tells `of` whether there is a next page.
    """

    __slots__ = ("_request", "limit", "number", "offset", "size")

    def __init__(self, request: Request, number: int, size: int) -> None:
        self._request = request
        self.number: int = number
        self.size: int = size
        self.offset: int = (number - 1) * size
        self.limit: int = size + 1

    def __repr__(self) -> str:
        return f"<Page {self.number} of {self.size} rows>"

    def of(self, rows: Sequence[T], total: int | None = None) -> Listing[T]:
        """Return the rows with what is around them, and say it in the field Link of the response.

        Args:
            rows: those from `offset` on, at most `limit`; what is more than `size` is not shown.
            total: how many rows there are in all, if somebody has counted.
        """
        page_count = max(1, ceil(total / self.size)) if total is not None else None
        has_next = self.number < page_count if page_count is not None else len(rows) > self.size
        numbers = {"first": 1 if self.number > 1 else None, "prev": self.number - 1 or None}
        numbers |= {"next": self.number + 1 if has_next else None, "last": page_count if has_next else None}
        links = {name: reference(self._request, page=number) for name, number in numbers.items() if number}
        announce_links(self._request, links)
        return Listing(rows[: self.size], links, self.number, page_count, total)


@dataclass(frozen=True, slots=True)
class Pagination:
    """Gives handlers the parameters `Page` and `Cursor`; an `Extension`.

    Its methods are providers too, for a blueprint with other bounds:
    ``blueprint.provide(Page, Pagination(max_size=500).page_factory())``.

    Args:
        size: rows of a page when the client does not say.
        max_size: rows of a page at most.
        max_number: the last page that may be asked for; databases count all rows before it.

    Attributes:
        name: ``pagination``.
        requires: nothing.

    Raises:
        ConfigurationError: COS-TEMPLATE-010, a bound that cannot be meant.
    """

    size: int = 20
    max_size: int = 100
    max_number: int = 10_000
    name = "pagination"
    requires: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        bounds = {"size": self.size, "max_size": self.max_size, "max_number": self.max_number}
        for option, value in bounds.items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise _wrong_bound(option, value, "It is a whole number, 1 or more.")
        if self.size > self.max_size:
            raise _wrong_bound("size", self.size, f"It is more than `max_size={self.max_size}`.")

    def install(self, app: AppSetup) -> None:
        """Provide both parameters."""
        app.provide(Page, self.page_factory())
        app.provide(Cursor, self.cursor_factory())

    def page_factory(self) -> Callable[..., Awaitable[Page]]:
        """Return the provider of `Page`."""

        async def make_page(request: Request, page: int = 1, size: int = self.size) -> Page:
            return Page(request, page, size)

        make_page.__annotations__["page"] = Annotated[int, Meta(ge=1, le=self.max_number)]
        make_page.__annotations__["size"] = Annotated[int, Meta(ge=1, le=self.max_size)]
        return make_page

    def cursor_factory(self) -> Callable[..., Awaitable[Cursor]]:
        """Return the provider of `Cursor`."""

        async def make_cursor(request: Request, cursor: str = "", size: int = self.size) -> Cursor:
            return open_cursor(request, cursor, size)

        make_cursor.__annotations__["cursor"] = Annotated[str, Meta(max_length=MAX_CURSOR_CHARACTERS)]
        make_cursor.__annotations__["size"] = Annotated[int, Meta(ge=1, le=self.max_size)]
        return make_cursor


def _wrong_bound(option: str, value: object, why: str) -> ConfigurationError:
    return ConfigurationError(
        Mistake(
            "COS-TEMPLATE-010",
            f"`Pagination` was given `{option}={repr(value)[:100]}`.",
            why=why,
            fix="Write   Pagination(size=20, max_size=100)",
        )
    )

"""The rows of a page."""

from __future__ import annotations

from costrel.templating import Listing


def test_a_listing_is_its_rows() -> None:
    """It is iterated over and counted like them."""
    listing = Listing(["a", "b"], {"next": "?page=2"}, number=1)

    assert ["a", "b"] == list(listing)
    assert 2 == len(listing)
    assert (None, None) == (listing.total, listing.page_count)

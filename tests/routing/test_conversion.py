"""The base class of converters."""

from __future__ import annotations

from costrel.routing.conversion import Converter


def test_the_base_hands_text_over_unchanged() -> None:
    """A subclass overrides only what it changes."""
    converter = Converter()

    assert "é" == converter.parse("é")
    assert "7" == converter.format(7)


def test_the_base_is_more_specific_than_str_and_may_overlap_anything() -> None:
    """A custom converter wins over a plain parameter, and a tie of two is reported."""
    converter = Converter()

    assert converter.weight < 50
    assert converter.overlaps(Converter())
    assert not converter.spans_segments

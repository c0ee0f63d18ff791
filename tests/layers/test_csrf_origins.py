from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from costrel.app import App, AppSettings
from costrel.layers.csrf_origins import normalise_origin, own_origins


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://example.com", "https://example.com"),
        ("HTTPS://EXAMPLE.com:443", "https://example.com"),
        ("http://example.com:80", "http://example.com"),
        ("http://example.com:443", "http://example.com:443"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("app://local", "app://local"),
        ("null", None),
        ("", None),
        ("https://", None),
        ("example.com", None),
        ("//example.com", None),
        ("https://example.com/", None),
        ("https://example.com?x", None),
        ("https://user@example.com", None),
        ("https://example.com:99999", None),
        ("https://exam ple.com", None),
        ("https://bücher.example", None),
        ("https://\u212a.example", None),
        ("https://example.com\n", None),
    ],
)
def test_an_origin_has_one_spelling(text: str, expected: str | None) -> None:
    """Lower case without a default port, and nothing for what is none (RFC 6454 §4)."""

    assert expected == normalise_origin(text)


@given(st.text(max_size=40))
def test_any_text_is_an_origin_or_none(text: str) -> None:
    """Nothing raises, and what is one stays as it is."""
    found = normalise_origin(text)

    assert found is None or found == normalise_origin(found)


@pytest.mark.parametrize(
    ("address", "base_url", "expected"),
    [
        ("http://localhost:8000", None, ["http://localhost:8000"]),
        ("https://Shop.example:443", None, ["https://shop.example"]),
        ("http://10.0.0.7", "https://Shop.example:443/prefix", ["http://10.0.0.7", "https://shop.example"]),
    ],
)
def test_an_application_knows_its_origins(address: str, base_url: str | None, expected: list[str]) -> None:
    """The one that was asked for, and the one of the settings."""
    app = App("test", settings=AppSettings(base_url=base_url))
    app.build()
    with app.test_request_context(f"{address}/") as request:
        assert expected == own_origins(request)


def test_a_request_without_a_host_has_no_origin() -> None:
    """Nothing is equal to it."""
    app = App("test")
    app.build()
    with app.test_request_context("/", headers={"host": "a b"}) as request:
        assert [] == own_origins(request)

"""A shop that fails in several ways, and requests for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from costrel.app import App
from costrel.messages import AppSettings, Request

EXTENSIONS = (
    "costrel.pages:ErrorPages",
    "costrel.templating:Templates",
    "costrel.sessions:SignedCookieSessions",
)

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
def make_app(tmp_path: Path) -> Callable[[bool], App]:
    """Return a maker of empty applications: ``make_app(debug)``."""

    def make(debug: bool) -> App:
        settings = AppSettings(debug=debug, secret_key="a long enough key of tests")
        app = App("shop", settings=settings, extensions=EXTENSIONS)
        app.root_folder = tmp_path
        return app

    return make


@pytest.fixture
def request_of(make_app: Callable[[bool], App]) -> Iterator[Callable[..., Request]]:
    """Return a maker of requests that are current until the test ends: ``request_of(path, **options)``."""
    contexts = []

    def make(path: str = "/", *, debug: bool = True, **options: object) -> Request:
        context = make_app(debug).test_request_context(path, **options)
        contexts.append(context)
        return context.__enter__()

    yield make
    for context in reversed(contexts):
        context.__exit__(None, None, None)

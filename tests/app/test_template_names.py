"""Filters, tests and globals of templates that the application registers."""

from __future__ import annotations

import pytest

from costrel.app import App
from costrel.errors import ConfigurationError
from costrel.testing import TestClient


def test_names_reach_the_templates() -> None:
    """Registered before the extension is installed, by name or by the function's own."""
    from costrel.templating import render_string

    app = App("test")
    app.template_filter("loud")(lambda text: text.upper())

    @app.template_test()
    def short(text: str) -> bool:
        return len(text) < 3

    @app.template_global("today")
    def today() -> str:
        return "Monday"

    @app.get("/")
    def index() -> str:
        return render_string("{{ 'hi'|loud }} {{ 'hi' is short }} {{ today() }}")

    with TestClient(app) as client:
        assert "HI True Monday" == client.get("/").text


def test_without_the_extension_there_is_nobody_to_take_them() -> None:
    """The build says what is missing, with the line of the function."""
    app = App("test", extensions=())
    app.template_filter("loud")(lambda text: text.upper())

    with pytest.raises(ConfigurationError) as caught:
        app.build()

    assert "COS-APP-044" == caught.value.code
    assert "test_template_names.py:" in caught.value.mistake.where

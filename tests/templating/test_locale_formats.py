"""Dates and numbers as each language writes them."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest
from tests.templating.conftest import MakeSite

from costrel.app import App
from costrel.errors import OutsideRequest
from costrel.templating import Locales, format_date, render_string

DAY = date(2026, 1, 31)
MOMENT = datetime(2026, 1, 31, 14, 30, tzinfo=UTC)


@pytest.fixture
def app(make_site: MakeSite) -> App:
    app = make_site()
    app.install(Locales(["en", "de", "pt-BR"]))
    app.build()
    return app


@pytest.mark.capability("C107")
@pytest.mark.parametrize(
    ("source", "english", "german"),
    [
        pytest.param("{{ format_date(day) }}", "Jan 31, 2026", "31.01.2026", id="date"),
        pytest.param("{{ format_date(day, 'long') }}", "January 31, 2026", "31. Januar 2026", id="long-date"),
        pytest.param("{{ format_time(at, 'short', east) }}", "4:30 PM", "16:30", id="time-elsewhere"),
        pytest.param("{{ format_time(noon) }}", "12:00 PM", "12:00", id="time"),
        pytest.param("{{ format_datetime(at) }}", "Jan 31, 2026, 2:30:00 PM", "31.01.2026, 14:30:00", id="datetime"),
        pytest.param("{{ format_number(1234.5) }}", "1,234.5", "1.234,5", id="number"),
        pytest.param("{{ format_percent(0.25) }}", "25%", "25 %", id="percent"),
        pytest.param("{{ format_currency(money, 'EUR') }}", "€12.50", "12,50 €", id="money"),
    ],
)
def test_a_value_is_written_in_the_language(app: App, source: str, english: str, german: str) -> None:
    """As Babel writes it; narrow spaces are spaces here."""
    values = {"day": DAY, "at": MOMENT, "noon": time(12), "money": Decimal("12.50")}
    values["east"] = timezone(timedelta(hours=2))
    written = []
    for language in ("en", "de"):
        with app.test_request_context("/", headers={"accept-language": language}):
            written.append(" ".join(render_string(source, **values).split()))

    assert [english, german] == written


def test_a_variant_is_found(app: App) -> None:
    """A language of a country is written as there."""
    with app.test_request_context("/", headers={"accept-language": "pt-BR"}):
        assert "31 de jan. de 2026" == format_date(DAY)


def test_outside_a_request_there_is_no_language() -> None:
    """Nothing is guessed."""
    with pytest.raises(OutsideRequest):
        format_date(DAY)


def test_without_babel_the_mistake_says_what_to_install() -> None:
    """In an interpreter where Babel cannot be imported."""
    code = """
import sys
sys.modules["babel"] = None
from datetime import date
from costrel.app import App
from costrel.templating import Locales, format_date
app = App("shop", extensions=())
app.install(Locales(["en"]))
app.build()
with app.app_context():
    try:
        format_date(date(2026, 1, 31))
    except Exception as error:
        print(error.code, "jinja2" in sys.modules)
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert ["COS-TEMPLATE-008", "False"] == printed

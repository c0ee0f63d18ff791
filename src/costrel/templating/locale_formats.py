"""Dates and numbers as the current language writes them, by Babel; also globals of templates.

Babel is the extra ``i18n``. It is imported when something is first written; the languages are those of `Locales`.
"""

from __future__ import annotations

from datetime import date, datetime, time, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from costrel.errors import Mistake, ProgrammerError
from costrel.templating.translating import current_locale

if TYPE_CHECKING:
    from babel import Locale

__all__ = ["format_currency", "format_date", "format_datetime", "format_number", "format_percent", "format_time"]

DateLength = Literal["full", "long", "medium", "short"]
Number = int | float | Decimal


def format_date(value: date, length: DateLength = "medium") -> str:
    """Write a day: ``Jan 31, 2026``, ``31 janv. 2026``.

    Args:
        value: a date, or the date of a datetime in its own time zone.
        length: how much of it is words.

    Raises:
        ProgrammerError: COS-TEMPLATE-008, Babel is not installed.
        OutsideRequest: no request is current.
    """
    locale = _current_babel_locale()
    from babel.dates import format_date

    return format_date(value, length, locale)


def format_time(value: time | datetime, length: DateLength = "short", timezone: tzinfo | None = None) -> str:
    """Write a time of the day; the arguments and errors are those of `format_datetime`."""
    locale = _current_babel_locale()
    from babel.dates import format_time

    return format_time(value, length, timezone, locale)


def format_datetime(value: datetime, length: DateLength = "medium", timezone: tzinfo | None = None) -> str:
    """Write a point in time.

    Args:
        value: one without a time zone is UTC.
        length: how much of it is words.
        timezone: where it is read; `None` is the time zone of the value.

    Raises:
        ProgrammerError: COS-TEMPLATE-008, Babel is not installed.
        OutsideRequest: no request is current.
    """
    locale = _current_babel_locale()
    from babel.dates import format_datetime

    return format_datetime(value, length, timezone, locale)


def format_number(value: Number) -> str:
    """Write a number with the separators of the language: ``1,234.5``, ``1.234,5``. Errors as for `format_date`."""
    locale = _current_babel_locale()
    from babel.numbers import format_decimal

    return format_decimal(value, locale=locale)


def format_percent(value: Number) -> str:
    """Write a share: 0.25 is ``25%``. Errors as for `format_date`."""
    locale = _current_babel_locale()
    from babel.numbers import format_percent

    return format_percent(value, locale=locale)


def format_currency(value: Number, currency: str) -> str:
    """Write an amount of money: ``€12.50``, ``12,50 €``. Errors as for `format_date`.

    Args:
        value: the amount; a `Decimal` keeps every digit.
        currency: three letters of ISO 4217.
    """
    locale = _current_babel_locale()
    from babel.numbers import format_currency

    return format_currency(value, currency, locale=locale)


def _current_babel_locale() -> Locale:
    return _babel_locale(current_locale())


@lru_cache(maxsize=128)  # by the tags of the list, never by what a client sends
def _babel_locale(tag: str) -> Locale:
    try:
        from babel import Locale
    except ImportError as error:
        raise ProgrammerError(
            Mistake(
                "COS-TEMPLATE-008",
                "A date or a number was to be written in a language, and Babel is not installed.",
                why="Babel knows how each language writes them.",
                fix="Install it:   pip install 'costrel[i18n]'",
            )
        ) from error
    return Locale.parse(tag, sep="-")

"""Templates: Jinja pages from the folders of the application and of its blueprints, and what pages are made of.

`render` is what handlers use. `Templates` is the extension behind it; an application has one unless told otherwise, and
Jinja is imported when there is a folder of templates or something is rendered, never before.

The rest comes when it is asked for: forms of typed classes (`ModelForm`), pages of long lists (`Pagination`, `Page`,
`Cursor`), languages (`Locales`, `gettext`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from costrel.templating.extension import Templates
from costrel.templating.rendering import render, render_string, stream_render

if TYPE_CHECKING:
    from costrel.templating.cursors import Cursor
    from costrel.templating.listings import Listing
    from costrel.templating.locale_formats import (
        format_currency,
        format_date,
        format_datetime,
        format_number,
        format_percent,
        format_time,
    )
    from costrel.templating.locales import Locales, set_locale
    from costrel.templating.model_form import ModelForm
    from costrel.templating.pagination import Page, Pagination
    from costrel.templating.shown_form import ShownField, ShownForm
    from costrel.templating.translating import (
        LazyText,
        current_locale,
        gettext,
        lazy_gettext,
        ngettext,
        npgettext,
        pgettext,
    )

__all__ = [
    "Cursor",
    "LazyText",
    "Listing",
    "Locales",
    "ModelForm",
    "Page",
    "Pagination",
    "ShownField",
    "ShownForm",
    "Templates",
    "current_locale",
    "format_currency",
    "format_date",
    "format_datetime",
    "format_number",
    "format_percent",
    "format_time",
    "gettext",
    "lazy_gettext",
    "ngettext",
    "npgettext",
    "pgettext",
    "render",
    "render_string",
    "set_locale",
    "stream_render",
]

_HOMES = {
    "costrel.templating.cursors": ("Cursor",),
    "costrel.templating.listings": ("Listing",),
    "costrel.templating.locale_formats": (
        "format_currency",
        "format_date",
        "format_datetime",
        "format_number",
        "format_percent",
        "format_time",
    ),
    "costrel.templating.locales": ("Locales", "set_locale"),
    "costrel.templating.model_form": ("ModelForm",),
    "costrel.templating.pagination": ("Page", "Pagination"),
    "costrel.templating.shown_form": ("ShownField", "ShownForm"),
    "costrel.templating.translating": (
        "LazyText",
        "current_locale",
        "gettext",
        "lazy_gettext",
        "ngettext",
        "npgettext",
        "pgettext",
    ),
}
_LATER = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a name when it is first asked for."""
    home = _LATER.get(name)
    if home is None:
        raise AttributeError(f"module 'costrel.templating' has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value

"""Catalogs: the translated texts of each language, read once when the application is built.

The files are gettext's: ``translations/fr/LC_MESSAGES/messages.mo``. With Babel installed a ``.po`` beside it will do.
A language without a file keeps the texts of the source. A variant falls back to its language, ``pt-BR`` to ``pt``.
"""

from __future__ import annotations

import re
from gettext import GNUTranslations, NullTranslations
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

from costrel.errors import ConfigurationError, Mistake

__all__ = ["load_catalog", "normal_tag"]

# SECURITY: a locale is part of a path, so it is letters, digits and hyphens alone.
_match_tag = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}").fullmatch


def normal_tag(locale: object) -> str:
    """Return a locale as a language tag: ``pt_BR`` and ``pt-br`` are ``pt-BR``.

    Raises:
        ConfigurationError: COS-TEMPLATE-007, it is none.

    Spec:
        RFC 5646 §2.1.1.
    """
    if not isinstance(locale, str) or _match_tag(locale) is None:
        raise _wrong_locale(locale, 'It is a language tag, such as "fr" or "pt-BR".')
    first, *rest = locale.replace("_", "-").split("-")
    cased = [part.upper() if len(part) == 2 else part.title() if len(part) == 4 else part.lower() for part in rest]
    return "-".join([first.lower(), *cased])


def load_catalog(folder: Path, tag: str, domain: str) -> NullTranslations:
    """Read the texts of one language.

    Args:
        folder: has a folder for each language.
        tag: as `normal_tag` returns it.
        domain: the name of the files.

    Raises:
        ConfigurationError: COS-TEMPLATE-007, a file cannot be read; COS-TEMPLATE-008, reading it needs Babel.
    """
    parts = tag.split("-")
    found: NullTranslations | None = None
    for count in range(1, len(parts) + 1):
        catalog = _load_file(folder / "_".join(parts[:count]) / "LC_MESSAGES", domain, tag)
        if catalog is not None:
            if found is not None:
                catalog.add_fallback(found)
            found = catalog
    return found if found is not None else NullTranslations()


def _load_file(folder: Path, domain: str, tag: str) -> NullTranslations | None:
    compiled, source = folder / f"{domain}.mo", folder / f"{domain}.po"
    try:
        if compiled.is_file():
            with compiled.open("rb") as file:
                return GNUTranslations(file)
        return _compile(source, tag) if source.is_file() else None
    except ConfigurationError:
        raise
    except Exception as error:  # the readers of both forms raise whatever a broken file leads to
        raise _unreadable(compiled if compiled.is_file() else source, error) from error


def _compile(source: Path, tag: str) -> NullTranslations:
    if find_spec("babel") is None:
        raise ConfigurationError(
            Mistake(
                "COS-TEMPLATE-008",
                f"`{source}` is a catalog that was not compiled, and Babel is not installed.",
                where="Locales(folder=…)",
                why="Only Babel reads the text form.",
                fix="Install it:           pip install 'costrel[i18n]'\n"
                "or compile the file:  msgfmt messages.po -o messages.mo",
            )
        )
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with source.open("rb") as file:
        catalog = read_po(file, locale=tag.replace("-", "_"), abort_invalid=True)
    written = BytesIO()
    write_mo(written, catalog)
    written.seek(0)
    return GNUTranslations(written)


def _unreadable(path: Path, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        Mistake(
            "COS-TEMPLATE-007",
            f"The catalog `{path}` cannot be read: {error}.",
            where="Locales(folder=…)",
            why="It is no file of gettext, or its rule of plurals is wrong.",
            fix="Make it again:   msgfmt --check messages.po -o messages.mo",
        )
    )


def _wrong_locale(locale: object, why: str) -> ConfigurationError:
    return ConfigurationError(
        Mistake(
            "COS-TEMPLATE-007",
            f"`Locales` was given the locale {repr(locale)[:100]}.",
            where="Locales(…)",
            why=why,
            fix='Write   Locales(["en", "fr", "pt-BR"])   with the default first.',
        )
    )

"""`gettext` and its siblings: texts in the language of the current request, for templates and for Python.

They are the functions of the standard library's `gettext`, for the request that is current. Which language that is,
and where its texts are, the extension `Locales` knows; without it, and outside a request, each text stands for itself.

Variables are put in by name, after the translation: ``gettext("Hello %(name)s", name=name)``. What a template calls is
escaped like every value.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Protocol, cast

from costrel.errors import Mistake, OutsideRequest, ProgrammerError
from costrel.messages import Request, current_request

if TYPE_CHECKING:
    from gettext import NullTranslations

__all__ = [
    "LazyText",
    "Translator",
    "current_catalog",
    "current_locale",
    "gettext",
    "lazy_gettext",
    "ngettext",
    "npgettext",
    "pgettext",
    "require_translator",
    "settle_locale",
    "translator_of",
]


class Translator(Protocol):
    """What the extension of the name ``locales`` does for a request."""

    def catalog_of(self, request: Request) -> NullTranslations:
        """Return the texts of the request's language."""
        ...

    def locale_of(self, request: Request) -> str:
        """Return the request's language."""
        ...


def translator_of(request: Request) -> Translator | None:
    """Return what translates for a request, `None` when the application has one language."""
    return cast("Translator | None", request.app.extensions.get("locales"))


def settle_locale(request: Request) -> None:
    """Choose the language now, while the head of the response can still say which it is."""
    translator = translator_of(request)
    if translator is not None:
        translator.locale_of(request)


def require_translator(name: str) -> tuple[Request, Translator]:
    """Return the current request and what translates for it, on behalf of `name`.

    Raises:
        OutsideRequest: no request is current.
        ProgrammerError: COS-TEMPLATE-009, the application has one language.
    """
    request = current_request.get(None)
    if request is None:
        raise OutsideRequest(name)
    translator = translator_of(request)
    if translator is None:
        raise ProgrammerError(
            Mistake(
                "COS-TEMPLATE-009",
                f"`{name}` was used in the application `{request.app.name}`, which has no languages.",
                why="Its list of extensions has none with the name `locales`.",
                fix='Add it:   app.install(Locales(["en", "fr"]))',
            )
        )
    return request, translator


def current_locale() -> str:
    """Return the language of the current request, a language tag: ``pt-BR``.

    Raises:
        OutsideRequest: neither a request nor an app context is current.
        ProgrammerError: COS-TEMPLATE-009, the application has no `Locales`.
    """
    request, translator = require_translator("current_locale")
    return translator.locale_of(request)


def gettext(message: str, /, **variables: object) -> str:
    """Return a text in the current language.

    Args:
        message: in the language of the source.
        variables: what its ``%(name)s`` stand for; without any, a ``%`` is just that.
    """
    return _filled(current_catalog().gettext(message), variables)


def ngettext(singular: str, plural: str, n: int, /, **variables: object) -> str:
    """Return the text for a number in the current language, by that language's rule of plurals.

    Args:
        singular: for one, in the language of the source.
        plural: for other numbers.
        n: how many there are; also the variable ``num``.
        variables: as for `gettext`.
    """
    return _filled(current_catalog().ngettext(singular, plural, n), {"num": n, **variables})


def pgettext(context: str, message: str, /, **variables: object) -> str:
    """Return a text in the current language, where one word has several meanings.

    Args:
        context: tells the meanings apart, for translators.
        message: as for `gettext`.
        variables: as for `gettext`.
    """
    return _filled(current_catalog().pgettext(context, message), variables)


def npgettext(context: str, singular: str, plural: str, n: int, /, **variables: object) -> str:
    """Return the text for a number, as `ngettext`, in a context, as `pgettext`."""
    return _filled(current_catalog().npgettext(context, singular, plural, n), {"num": n, **variables})


class LazyText:
    """A text that is translated when it is shown; for what is written once, when the program starts.

    Args:
        message: as for `gettext`.
        variables: as for `gettext`.
    """

    __slots__ = ("_message", "_variables")

    def __init__(self, message: str, /, **variables: object) -> None:
        self._message = message
        self._variables = variables

    def __str__(self) -> str:
        return gettext(self._message, **self._variables)

    def __repr__(self) -> str:
        return f"LazyText({self._message!r})"


def lazy_gettext(message: str, /, **variables: object) -> LazyText:
    """Return a text that is translated when it is shown, for a label of a form for example."""
    return LazyText(message, **variables)


def _filled(text: str, variables: dict[str, object]) -> str:
    return text % variables if variables and "%(" in text else text


def current_catalog() -> NullTranslations:
    """Return the texts of the current language, or one without any."""
    request = current_request.get(None)
    translator = translator_of(request) if request is not None else None
    return translator.catalog_of(request) if translator is not None and request is not None else _no_catalog()


@cache
def _no_catalog() -> NullTranslations:
    # Imported here, because every application loads this module and few translate.
    from gettext import NullTranslations

    return NullTranslations()

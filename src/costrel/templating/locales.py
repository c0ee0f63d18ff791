"""`Locales`: the languages of a site, and which of them a request gets.

Asked in this order: the path (``/fr/…``), what the application says (`choose`), a cookie, Accept-Language. What names
no language of the list is passed over. The choice is made when the first text is asked for, so an answer without texts
says nothing of languages; every other says which language it has, and what that depended on.

Spec: RFC 9110 §8.5 (Content-Language), §12.5.4 (Accept-Language), §12.5.5 (Vary).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from costrel.errors import BadRequest, ConfigurationError, Mistake
from costrel.http import negotiate_language
from costrel.messages import AppSetup, Request, Response, current_request
from costrel.templating import locale_formats
from costrel.templating.catalogs import load_catalog, normal_tag
from costrel.templating.translating import current_locale, require_translator

if TYPE_CHECKING:
    from gettext import NullTranslations

__all__ = ["Locales", "set_locale"]

STATE_KEY = "costrel.locale"  # no identifier, so no attribute of an application's state
COOKIE_SECONDS = 365 * 24 * 3600


class Locales:
    """The languages of an application; an `Extension`.

    Args:
        locales: language tags, ``fr`` or ``pt-BR``, the default first.
        folder: has the translated texts, ``fr/LC_MESSAGES/messages.mo``; relative to the module that makes the
            application, and read when it is built.
        domain: the name of the files.
        path_parameter: the parameter of a path that names the language, as in `prefix`.
        cookie_name: keeps what `set_locale` was told; `None` keeps nothing.
        choose: called with the request before the cookie is looked at; returns a language, for example the user's, or
            `None`. It says itself what the answer varies by.

    Attributes:
        name: ``locales``.
        requires: nothing.
        tags: the languages as language tags, the default first.

    Raises:
        ConfigurationError: COS-TEMPLATE-007, a locale that is none, or none at all.
    """

    name = "locales"
    requires: tuple[str, ...] = ()

    def __init__(
        self,
        locales: Sequence[str],
        *,
        folder: str = "translations",
        domain: str = "messages",
        path_parameter: str = "locale",
        cookie_name: str | None = "locale",
        choose: Callable[[Request], str | None] | None = None,
    ) -> None:
        if isinstance(locales, str) or not locales:
            raise ConfigurationError(
                Mistake(
                    "COS-TEMPLATE-007",
                    f"`Locales` was given {locales!r}.",
                    where="Locales(…)",
                    why="It is a list of language tags, with the default first.",
                    fix='Write   Locales(["en", "fr"])',
                )
            )
        self.tags: tuple[str, ...] = tuple(dict.fromkeys(map(normal_tag, locales)))
        self._by_lower = {tag.lower(): tag for tag in self.tags}
        self._folder = folder
        self._domain = domain
        self._path_parameter = path_parameter
        self._cookie_name = cookie_name
        self._choose = choose
        self._catalogs: dict[str, NullTranslations] = {}

    def __repr__(self) -> str:
        return f"Locales({list(self.tags)!r})"

    @property
    def prefix(self) -> str:
        """The prefix of a blueprint whose pages have their language in the path: ``/{locale:any(en, fr)}``."""
        return f"/{{{self._path_parameter}:any({', '.join(self.tags)})}}"

    @property
    def template_globals(self) -> Mapping[str, object]:
        """What every template has of it: `current_locale` as ``locale()``, and what writes dates and numbers."""
        return {"locale": current_locale} | {name: getattr(locale_formats, name) for name in locale_formats.__all__}

    def install(self, app: AppSetup) -> None:
        """Read the catalogs.

        Raises:
            ConfigurationError: COS-TEMPLATE-007, COS-TEMPLATE-008, a catalog cannot be read.
        """
        folder = app.root_folder / self._folder
        self._catalogs = {tag: load_catalog(folder, tag, self._domain) for tag in self.tags}

    def find(self, name: str) -> str | None:
        """Return the language that a text names, as a tag of the list; `None` when there is no such one.

        SECURITY: what clients send is looked up, and never becomes part of a path.
        """
        return self._by_lower.get(name.replace("_", "-").lower()) if len(name) <= 64 else None

    def locale_of(self, request: Request) -> str:
        """Return the language of a request; the first call chooses it, and has the response say so."""
        kept = vars(request.state)
        tag: str | None = kept.get(STATE_KEY)
        if tag is None:
            tag, varies_by = self._decide(request)
            kept[STATE_KEY] = tag
            if request.method and not request.exchange.status_code and not request.ended:
                request.on_response(partial(_say_language, varies_by))
        return tag

    def catalog_of(self, request: Request) -> NullTranslations:
        """Return the texts of a request's language."""
        return self._catalogs[self.locale_of(request)]

    def url_defaults(self, name: str, values: dict[str, Any]) -> None:
        """Put the current language into URLs that want one; for `App.url_defaults`."""
        request = current_request.get(None)
        if request is not None and self._path_parameter not in values:
            values[self._path_parameter] = self.locale_of(request)

    def keep(self, request: Request, name: str) -> None:
        """Give a request another language, and keep it in the cookie; see `set_locale`."""
        tag = self.find(name)
        if tag is None:
            raise BadRequest("There is no such language here.")
        self.locale_of(request)
        vars(request.state)[STATE_KEY] = tag
        if self._cookie_name is not None and request.method:
            request.on_response(partial(_set_cookie, self._cookie_name, tag))

    def _decide(self, request: Request) -> tuple[str, tuple[str, ...]]:
        """Return the language, and the request fields that had a say."""
        if not request.method:  # an app context: there is nobody to ask
            return self.tags[0], ()
        in_path = request.path_params.get(self._path_parameter)
        found = self.find(in_path) if isinstance(in_path, str) else None
        if found is not None:
            return found, ()
        chosen = self._choose(request) if self._choose is not None else None
        found = self.find(chosen) if chosen is not None else None
        if found is not None:
            return found, ()
        varies_by: list[str] = []
        if self._cookie_name is not None:
            varies_by.append("Cookie")
            found = self.find(request.cookies.get(self._cookie_name) or "")
            if found is not None:
                return found, tuple(varies_by)
        varies_by.append("Accept-Language")
        wanted = request.headers.get_combined("accept-language")
        return negotiate_language(wanted, self.tags) or self.tags[0], tuple(varies_by)


def set_locale(name: str) -> None:
    """Give the current request, and those that follow from this browser, another language.

    Args:
        name: a language tag, which may have come from the client.

    Raises:
        BadRequest: the site does not have it.
        OutsideRequest: no request is current.
        ProgrammerError: COS-TEMPLATE-009, the application has no `Locales`.
    """
    request, translator = require_translator("set_locale")
    cast("Locales", translator).keep(request, name)


def _say_language(varies_by: tuple[str, ...], request: Request, response: Response) -> None:
    if "content-language" not in response.headers:
        response.headers["content-language"] = vars(request.state)[STATE_KEY]
    if varies_by:
        response.headers.vary(*varies_by)


def _set_cookie(name: str, tag: str, request: Request, response: Response) -> None:
    response.set_cookie(name, tag, max_age_seconds=COOKIE_SECONDS)

"""The Jinja environment of one application: what templates can name, what is escaped, how they are found.

With the modules that it imports all that imports Jinja. There is no bytecode cache: compiled templates stay in memory.
(One in a shared folder lets another user of the machine plant code, CVE-2014-1402.)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, Template
from jinja2.runtime import Context
from jinja2.utils import missing

from costrel.errors import OutsideRequest
from costrel.messages import Request, current_request, encode_json
from costrel.templating.fragments import compile_fragment
from costrel.templating.loading import FolderLoader, MissingTemplate
from costrel.templating.streaming import find_names
from costrel.templating.trans_blocks import BLOCK_FUNCTIONS, TransBlocks
from costrel.templating.translating import gettext, ngettext, npgettext, pgettext

__all__ = ["PageEnvironment", "is_escaped"]

REQUEST_KEY = "costrel.request"  # no identifier, so no template can name it and no context has it by accident

_UNESCAPED_SUFFIXES = (".txt", ".md")

_OF_REQUEST: Mapping[str, Callable[[Request], Any]] = {
    "request": lambda request: request if request.method else missing,
    "session": lambda request: request.session,
    "g": lambda request: request.g,
    "current_app": lambda request: request.app,
}


class RequestContext(Context):
    """The names of one rendering: those that were given, then those of the request, each looked up when it is used.

    A session that a template does not name stays untouched. Macros that are imported without their context do not see
    the request: Jinja keeps such a module for the next request, and with it what it has read.
    """

    def resolve_or_missing(self, key: str) -> Any:
        """Return the value of a name, or Jinja's mark that there is none."""
        found = super().resolve_or_missing(key)
        if found is missing and key in _OF_REQUEST:
            request = self.parent.get(REQUEST_KEY)
            if request is not None:
                return _OF_REQUEST[key](request)
        return found


class PageEnvironment(Environment):
    """Jinja's environment with the rules of this room.

    Args:
        find_folders: says where templates are, the first that has one wins; asked whenever one is loaded.
        debug: whether a template that was changed is compiled again, and errors offer names that are near.
        trim_blocks: as Jinja's.
        lstrip_blocks: as Jinja's.
        jinja_extensions: as Jinja's ``extensions``.
    """

    context_class: type[Context] = RequestContext
    loader: FolderLoader

    def __init__(
        self,
        find_folders: Callable[[], Sequence[Path]],
        *,
        debug: bool = False,
        trim_blocks: bool = False,
        lstrip_blocks: bool = False,
        jinja_extensions: Sequence[str | type] = (),
    ) -> None:
        super().__init__(
            loader=FolderLoader(find_folders, suggests_names=debug),
            autoescape=is_escaped,
            auto_reload=debug,
            trim_blocks=trim_blocks,
            lstrip_blocks=lstrip_blocks,
            extensions=[TransBlocks, *jinja_extensions],
        )
        self._fragments: dict[tuple[str, str], Template] = {}
        self._names: dict[str, frozenset[str] | None] = {}
        self.globals["url_for"] = _url_for
        # SECURITY: Jinja's newer style takes every text that is translated for markup, a client's too. Here a call is
        # a value like any other and is escaped.
        self.globals.update(gettext=gettext, ngettext=ngettext, pgettext=pgettext, npgettext=npgettext, _=gettext)
        self.globals.update(BLOCK_FUNCTIONS)
        self.policies["json.dumps_function"] = _dump_json
        self.policies["json.dumps_kwargs"] = {}

    def find_template(self, names: Sequence[str]) -> Template:
        """Return the first of several templates that exists.

        Raises:
            MissingTemplate: none does.
        """
        for name in names:
            try:
                return self.get_template(name)
            except MissingTemplate:
                continue
        raise MissingTemplate(names, self.loader)

    def find_fragment(self, names: Sequence[str], fragment: str) -> Template:
        """Return one block of the first of several templates that exists, as a template of its own.

        Raises:
            MissingTemplate: none does.
            ProgrammerError: COS-TEMPLATE-004, it has no such block.
        """
        for name in names:
            known = self._fragments.get((name, fragment))
            if known is not None and (not self.auto_reload or known.is_up_to_date):
                return known
            try:
                source, filename, uptodate = self.loader.get_source(self, name)
            except MissingTemplate:
                continue
            found = compile_fragment(self, name, fragment, source, filename, uptodate)
            self._fragments[name, fragment] = found
            return found
        raise MissingTemplate(names, self.loader)

    def names_of(self, template: Template) -> frozenset[str] | None:
        """Return what a template and all it refers to look up by name, `None` when that cannot be told."""
        name = template.name
        if name is None or self.auto_reload:
            return find_names(self, name)
        if name not in self._names:
            self._names[name] = find_names(self, name)
        return self._names[name]

    @staticmethod
    def of_request(request: Request, context: Mapping[str, object]) -> dict[str, object]:
        """Return a context that knows its request."""
        return {**context, REQUEST_KEY: request}


def is_escaped(template_name: str | None) -> bool:
    """Tell whether values are escaped in a template: always, but for plain text.

    Args:
        template_name: `None` for a template that was given as text.
    """
    # SECURITY: a list of suffixes that are escaped would forget `.svg`, `.j2` or the next one.
    return template_name is None or not template_name.lower().endswith(_UNESCAPED_SUFFIXES)


def _url_for(name: str, /, **values: Any) -> str:  # whatever the converters of the pattern take
    """Build the URL of a route, in the context of the current request."""
    request = current_request.get(None)
    if request is None:
        raise OutsideRequest("url_for")
    return request.app.url_for(name, **values)


def _dump_json(value: object, *, indent: int | None = None) -> str:
    """Encode for ``|tojson`` whatever a handler may return as JSON; Jinja makes it safe for HTML."""
    text = encode_json(value).decode()
    return text if indent is None else json.dumps(json.loads(text), indent=indent, ensure_ascii=False)

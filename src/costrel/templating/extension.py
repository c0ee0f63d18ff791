"""Templates as an extension: what an application registers for them, and the Jinja environment made of it.

The environment is made when the application is built and has a folder of templates, else at the first use. Filters,
tests and globals may be registered before and after; Jinja looks for them when it compiles a template.

This module imports no Jinja; `environment` does.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from costrel.errors import Mistake, ProgrammerError
from costrel.messages import AppSetup, Request
from costrel.templating.naming import NameTable
from costrel.templating.translating import settle_locale

if TYPE_CHECKING:
    from jinja2 import Template

    from costrel.templating.environment import PageEnvironment

__all__ = ["Templates"]


class Templates:
    """Renders Jinja templates; an `Extension`.

    Every value is escaped, in files of every name but ``.txt`` and ``.md`` and in templates given as text.

    Another extension that has an attribute ``template_globals``, a mapping, adds those names to all templates.

    Args:
        folder: the application's folder of templates, relative to the module that makes the application; the folders
            of its blueprints are searched after it.
        trim_blocks: whether the first newline after a block tag is dropped.
        lstrip_blocks: whether white space before a block tag that opens its line is dropped.
        jinja_extensions: Jinja's own kind of extensions, classes or import strings, for example
            ``"jinja2.ext.do"``.

    Attributes:
        name: ``templates``.
        requires: nothing.
        filter: decorator for a filter, ``{{ price|money }}``; with a name, or without for the function's own.
        test: decorator for a test, ``{% if number is prime %}``.
        global_: decorator for a global function, ``{{ today() }}``; ``global_.set(name, value)`` is for other values.
    """

    name = "templates"
    requires: tuple[str, ...] = ()

    def __init__(
        self,
        folder: str | Path = "templates",
        *,
        trim_blocks: bool = False,
        lstrip_blocks: bool = False,
        jinja_extensions: Sequence[str | type] = (),
    ) -> None:
        self.filter: NameTable = NameTable()
        self.test: NameTable = NameTable()
        self.global_: NameTable = NameTable()
        self._folder = folder
        self._trim_blocks = trim_blocks
        self._lstrip_blocks = lstrip_blocks
        self._jinja_extensions = tuple(jinja_extensions)
        self._app: AppSetup | None = None
        self._environment: PageEnvironment | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Templates({str(self._folder)!r})"

    def install(self, app: AppSetup) -> None:
        """Have the environment made when the application is built, if there is a folder of templates by then."""
        self._app = app
        app.on("app_built", self._prepare)

    def _prepare(self, fields: Mapping[str, object]) -> None:
        if any(folder.is_dir() for folder in self.find_folders()):
            _ = self.environment

    def find_folders(self) -> tuple[Path, ...]:
        """Return the folders that are searched, in that order, whether they exist or not.

        Raises:
            ProgrammerError: the extension is not installed.
        """
        app = self._installed()
        of_blueprints = [folder for _, folder in app.blueprint_folders("template_folder")]
        return tuple(dict.fromkeys([app.root_folder / self._folder, *of_blueprints]))

    @property
    def environment(self) -> PageEnvironment:
        """The Jinja environment of the application, for what is not offered here.

        Raises:
            ProgrammerError: the extension is not installed.
        """
        with self._lock:
            if self._environment is None:
                self._environment = self._make_environment(self._installed())
            return self._environment

    def _make_environment(self, app: AppSetup) -> PageEnvironment:
        from costrel.templating.environment import PageEnvironment

        environment = PageEnvironment(
            self.find_folders,
            debug=app.debug,
            trim_blocks=self._trim_blocks,
            lstrip_blocks=self._lstrip_blocks,
            jinja_extensions=self._jinja_extensions,
        )
        for extension in app.extensions.values():
            environment.globals.update(getattr(extension, "template_globals", {}))
        self.filter.move_to(environment.filters)
        self.test.move_to(environment.tests)
        self.global_.move_to(environment.globals)
        return environment

    def render(
        self,
        request: Request,
        template: str | Sequence[str],
        context: Mapping[str, object],
        fragment: str | None = None,
    ) -> str:
        """Render a template, or one block of it, for a request; see `costrel.templating.render`."""
        if fragment is None:
            return self._render(request, self._find(template), context)
        names = [template] if isinstance(template, str) else template
        return self._render(request, self.environment.find_fragment(names, fragment), context)

    def render_string(self, request: Request, source: str, context: Mapping[str, object]) -> str:
        """Render text as a template for a request; see `costrel.templating.render_string`."""
        return self._render(request, self.environment.from_string(source), context)

    def iter_rendered(
        self, request: Request, template: str | Sequence[str], context: Mapping[str, object]
    ) -> Iterator[str]:
        """Find a template now and render it piece by piece; see `costrel.templating.stream_render`."""
        from costrel.templating.streaming import prepare_names

        found = self._find(template)
        whole = self._context(request, context)
        environment = self.environment
        settle_locale(request)
        prepared = prepare_names(request, environment.names_of(found), whole, environment.globals)
        return self._iter_pieces(request, found, whole, prepared)

    def _iter_pieces(
        self, request: Request, template: Template, context: dict[str, object], prepared: Mapping[str, object]
    ) -> Iterator[str]:
        from costrel.templating.streaming import iter_joined

        yield from iter_joined(template.generate(self.environment.of_request(request, {**context, **prepared})))
        request.app.emit("template_rendered", {"template": template, "context": context})

    def _render(self, request: Request, template: Template, context: Mapping[str, object]) -> str:
        whole = self._context(request, context)
        page = template.render(self.environment.of_request(request, whole))
        request.app.emit("template_rendered", {"template": template, "context": whole})
        return page

    def _find(self, template: str | Sequence[str]) -> Template:
        return self.environment.find_template([template] if isinstance(template, str) else template)

    def _context(self, request: Request, context: Mapping[str, object]) -> dict[str, object]:
        """Put what the context processors add under what the caller gives."""
        return {**self._installed().context_of(request.blueprint), **context}

    def _installed(self) -> AppSetup:
        if self._app is None:
            raise ProgrammerError(
                Mistake(
                    "COS-TEMPLATE-003",
                    "Templates were used before their extension had been installed.",
                    why="Where its folders are is known from the application.",
                    fix="Build the application first:   app.build()",
                )
            )
        return self._app

"""Templates as an extension: what an application registers for them, and the Jinja environment made of it.

The environment is made when the application is built and has a folder of templates, else at the first use. Filters,
tests and globals may be registered before and after; Jinja finds them when a template is compiled.

This module imports no Jinja; `environment` does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from costrel.errors import Mistake, ProgrammerError
from costrel.messages import AppSetup, Request

if TYPE_CHECKING:
    from jinja2 import Environment, Template

__all__ = ["Templates"]

F = TypeVar("F", bound=Callable[..., object])


class Templates:
    """Renders Jinja templates; an `Extension`.

    Every value is escaped, in files of every name but ``.txt`` and ``.md`` and in templates given as text.

    An extension that has an attribute ``template_globals``, a mapping, adds those names to all templates.

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
        self._folder = folder
        self._trim_blocks = trim_blocks
        self._lstrip_blocks = lstrip_blocks
        self._jinja_extensions = tuple(jinja_extensions)
        self._filters: dict[str, Callable[..., Any]] = {}
        self._tests: dict[str, Callable[..., Any]] = {}
        self._globals: dict[str, object] = {}
        self._app: AppSetup | None = None
        self._environment: Environment | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Templates({str(self._folder)!r})"

    def install(self, app: AppSetup) -> None:
        """Make the environment when the application is built, if there is a folder of templates by then."""
        self._app = app
        app.on("app_built", self._prepare)

    def _prepare(self, fields: Mapping[str, object]) -> None:
        if any(folder.is_dir() for folder in self.folders):
            _ = self.environment

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that are searched, in that order, whether they exist or not.

        Raises:
            ProgrammerError: the extension is not installed.
        """
        app = self._installed()
        of_blueprints = [folder for _, folder in app.blueprint_folders("template_folder")]
        return tuple(dict.fromkeys([app.root_folder / self._folder, *of_blueprints]))

    @property
    def environment(self) -> Environment:
        """The Jinja environment of the application, for what the methods here do not offer.

        Raises:
            ProgrammerError: the extension is not installed.
        """
        if self._environment is None:
            app, folders = self._installed(), self.folders
            with self._lock:
                if self._environment is None:
                    from costrel.templating.environment import make_environment

                    environment = make_environment(
                        folders,
                        debug=app.debug,
                        trim_blocks=self._trim_blocks,
                        lstrip_blocks=self._lstrip_blocks,
                        jinja_extensions=self._jinja_extensions,
                    )
                    for extension in app.extensions.values():
                        environment.globals.update(getattr(extension, "template_globals", {}))
                    environment.filters.update(self._filters)
                    environment.tests.update(self._tests)
                    environment.globals.update(self._globals)
                    self._environment = environment
        return self._environment

    def filter(self, name: str | None = None, /) -> Callable[[F], F]:
        """Register the decorated function as a filter: ``{{ price|money }}``.

        Args:
            name: what templates call it; the function's name unless given.
        """
        return self._register("filters", self._filters, name)

    def test(self, name: str | None = None, /) -> Callable[[F], F]:
        """Register the decorated function as a test: ``{% if number is prime %}``.

        Args:
            name: what templates call it; the function's name unless given.
        """
        return self._register("tests", self._tests, name)

    def global_(self, name: str | None = None, /) -> Callable[[F], F]:
        """Register the decorated function as a global: ``{{ today() }}``.

        Args:
            name: what templates call it; the function's name unless given.
        """
        return self._register("globals", self._globals, name)

    def add_global(self, name: str, value: object, /) -> None:
        """Give every template a value under a name; one that changes belongs in a context processor.

        Args:
            name: what templates call it.
            value: shared by all requests.
        """
        self._globals[name] = value
        if self._environment is not None:
            self._environment.globals[name] = value

    def _register(self, table: str, kept: dict[str, Any], name: str | None) -> Callable[[F], F]:
        def register(function: F) -> F:
            chosen = name or getattr(function, "__name__", type(function).__name__)
            kept[chosen] = function
            if self._environment is not None:
                getattr(self._environment, table)[chosen] = function
            return function

        return register

    def render(self, request: Request, template: str | Sequence[str], context: Mapping[str, object]) -> str:
        """Render a template for a request; see `costrel.templating.render`."""
        return self._render(request, self._find(template), context)

    def render_string(self, request: Request, source: str, context: Mapping[str, object]) -> str:
        """Render text as a template for a request; see `costrel.templating.render_string`."""
        return self._render(request, self.environment.from_string(source), context)

    def iter_rendered(
        self, request: Request, template: str | Sequence[str], context: Mapping[str, object]
    ) -> Iterator[str]:
        """Find a template now and render it while the result is iterated over; see `costrel.templating.stream_render`."""
        found = self._find(template)
        whole = self._context(request, context)
        return self._iter_pieces(request, found, whole)

    def _iter_pieces(self, request: Request, template: Template, context: dict[str, object]) -> Iterator[str]:
        from costrel.templating.environment import explaining, for_request

        with explaining(template.environment):
            yield from template.generate(for_request(request, context))
        request.app.emit("template_rendered", {"template": template, "context": context})

    def _render(self, request: Request, template: Template, context: Mapping[str, object]) -> str:
        from costrel.templating.environment import explaining, for_request

        whole = self._context(request, context)
        with explaining(template.environment):
            page = template.render(for_request(request, whole))
        request.app.emit("template_rendered", {"template": template, "context": whole})
        return page

    def _find(self, template: str | Sequence[str]) -> Template:
        from costrel.templating.environment import explaining

        environment = self.environment
        with explaining(environment):
            if isinstance(template, str):
                return environment.get_template(template)
            return environment.select_template(list(template))

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

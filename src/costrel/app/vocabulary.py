"""What an application knows beyond the framework: converters, responders, parsers of bodies, names in templates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from costrel.app.registration import AnyLayer, Registrar, where_of
from costrel.app.template_names import TemplateKind, TemplateNames

if TYPE_CHECKING:
    from costrel.messages import Responder, TextAs, TrailingSlash
    from costrel.routing import Converter

__all__ = ["Vocabulary"]

C = TypeVar("C", bound="type[Converter]")
F = TypeVar("F", bound=Callable[..., object])


class Vocabulary(Registrar):
    """The verbs for what is read from requests and made of values; `App` inherits them."""

    def __init__(
        self, *, use: Sequence[AnyLayer], text_as: TextAs | None, trailing_slash: TrailingSlash | None
    ) -> None:
        from costrel.routing import BUILTIN_CONVERTERS

        super().__init__(use=use, text_as=text_as, trailing_slash=trailing_slash)
        self._converters: dict[str, type[Converter]] = dict(BUILTIN_CONVERTERS)
        self._responders: dict[type, Responder] = {}
        self._body_parsers: dict[str, Callable[[bytes], object]] = {}
        self._templates = TemplateNames()

    def converter(self, name: str, /) -> Callable[[C], C]:
        """Register the decorated `Converter` class for patterns of this application: ``{color:hex}``."""

        def register(converter: C) -> C:
            self.check_open("converter")
            self._converters[name] = converter
            return converter

        return register

    def responder(self, type_: type, make: Responder) -> None:
        """Make responses of values of `type_`, and of what derives from it, with `make`."""
        self.check_open("responder")
        self._responders[type_] = make

    def body_parser(self, media_type: str, parse: Callable[[bytes], object]) -> None:
        """Read bodies of another media type: `parse` gets the bytes and returns what JSON would have given.

        Args:
            media_type: without parameters, for example ``application/msgpack``.
            parse: raises `ValueError` for malformed content, which answers 400.
        """
        self.check_open("body_parser")
        self._body_parsers[media_type.lower()] = parse

    def template_filter(self, name: str | None = None, /) -> Callable[[F], F]:
        """Register the decorated function as a filter of templates: ``{{ price|money }}``."""
        return self._template_name("template_filter", "filter", name)

    def template_test(self, name: str | None = None, /) -> Callable[[F], F]:
        """Register the decorated function as a test of templates: ``{% if number is prime %}``."""
        return self._template_name("template_test", "test", name)

    def template_global(self, name: str | None = None, /) -> Callable[[F], F]:
        """Register the decorated function as a global of templates: ``{{ today() }}``."""
        return self._template_name("template_global", "global_", name)

    def _template_name(self, verb: str, kind: TemplateKind, name: str | None) -> Callable[[F], F]:
        def register(function: F) -> F:
            self.check_open(verb)
            self._templates.add(kind, name or str(getattr(function, "__name__", "")), function, where_of(function))
            return function

        return register

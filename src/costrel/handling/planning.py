"""From signatures to a plan: what each parameter means, which providers that takes, and in which order.

A parameter is read by the first of these that fits: its marker; `Request` and the like by type; the path by name; a
provider by type; the query string for single values and lists of them; the body for types with fields; its default.
What fits nothing is a mistake, and all mistakes of a route are found in one go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from costrel.errors import ConfigurationError, Mistake
from costrel.handling import mistakes as texts
from costrel.handling.binding import as_reader
from costrel.handling.endpoint import HookSpec, RouteSpec
from costrel.handling.markers import UNSET, DependsMarker, ValueMarker
from costrel.handling.naming import Names, identifier_of
from costrel.handling.ordering import order_makes
from costrel.handling.plan import Argument, Call, Make, Place, Plan, Read, Stage
from costrel.handling.providers import Provider, type_name
from costrel.handling.signature import Colour, Parameter, Signature, name_of, read_signature
from costrel.handling.sources import BODY_SOURCES, Role, find_given, plan_read
from costrel.messages import Request

__all__ = ["build_plan"]

_GENERATORS = (Colour.SYNC_GENERATOR, Colour.ASYNC_GENERATOR)
_ON_LOOP = (Colour.ASYNC, Colour.MAYBE_ASYNC)


def build_plan(spec: RouteSpec) -> tuple[Plan | None, list[Mistake]]:
    """Make the plan of a route, or return everything that is wrong with it."""
    builder = _PlanBuilder(spec)
    plan = builder.build()
    return (None, builder.mistakes) if builder.mistakes else (plan, [])


class _Frame:
    """The variables of one generated function."""

    __slots__ = ("made", "reads")

    def __init__(self) -> None:
        self.reads: dict[object, str] = {}
        self.made: dict[Provider, Make] = {}


class _PlanBuilder:
    """Builds the plan of one route; what it finds wrong is in `mistakes`."""

    def __init__(self, spec: RouteSpec) -> None:
        self.spec = spec
        self.mistakes: list[Mistake] = []
        self.names = Names()
        self._signatures: dict[Provider, Signature | None] = {}
        self._depends: dict[object, Provider] = {}
        self._body: tuple[str, Read] | None = None
        self._form: str | None = None

    def build(self) -> Plan | None:
        """Build everything, also after a mistake, so that all of them are found."""
        spec = self.spec
        core = _Frame()
        before = [self._hook(hook, "before", core, index) for index, hook in enumerate(spec.before, 1)]
        handler = self._handler(core)
        after = [self._hook(hook, "after", _Frame(), index) for index, hook in enumerate(spec.after, 1)]
        teardown = [self._hook(hook, "teardown", _Frame(), index) for index, hook in enumerate(spec.teardown, 1)]
        if self.mistakes or handler is None:
            return None
        late = {make.provider for stage in (*after, *teardown) if stage for make in stage.makes}
        return Plan(
            name=identifier_of(handler.call.signature.name),
            reads_body=self._reads_body(),
            before=tuple(stage for stage in before if stage),
            handler=handler,
            after=tuple(stage for stage in after if stage),
            teardown=tuple(stage for stage in teardown if stage),
            shared={provider: make.variable for provider, make in core.made.items() if provider in late},
        )

    def _reads_body(self) -> bool:
        if not self.spec.reads_body or (self._body is not None and self._body[1].source == "stream"):
            return False
        return not self.spec.is_websocket

    def _handler(self, frame: _Frame) -> Stage | None:
        spec = self.spec
        signature = self._read(spec.handler, spec.where)
        if signature is None:
            return None
        colour = signature.colour
        if spec.is_websocket and colour not in _ON_LOOP:
            self.mistakes.append(texts.sync_socket_handler(signature))
        if spec.inline and (colour in _ON_LOOP or colour is Colour.ASYNC_GENERATOR):
            self.mistakes.append(texts.inline_coroutine(signature))
        place = Place.ANYWHERE if spec.inline or colour in _GENERATORS else _place_of(colour)
        return self._stage(signature, "handler", frame, "handler", place)

    def _hook(self, hook: HookSpec, role: Role, frame: _Frame, index: int) -> Stage | None:
        signature = self._read(hook.function, hook.where)
        if signature is None:
            return None
        return self._stage(signature, role, frame, f"{role}_{index}", _place_of(signature.colour))

    def _read(self, function: Callable[..., object], where: str) -> Signature | None:
        signature, mistakes = read_signature(function, where, with_return=function is self.spec.handler)
        self.mistakes.extend(mistakes)
        return signature

    def _stage(self, signature: Signature, role: Role, frame: _Frame, variable: str, place: Place) -> Stage:
        reads: list[Read] = []
        makes: list[Make] = []
        arguments = self._arguments(signature, role, frame, (reads, makes), ())
        # Hooks around an inline handler, as around the answer 404, run where they would without it.
        if self.spec.inline and role == "handler":
            for make in makes:
                if make.place is Place.THREAD and make.has_exit:
                    self.mistakes.append(texts.inline_needs_thread(signature, make.provider))
        for make in makes:
            if make.has_exit and (role == "teardown" or (role == "after" and make.lifetime == "handler")):
                self.mistakes.append(texts.late_exit(signature, make.provider, role))
        return Stage(tuple(reads), order_makes(makes), Call(self.names.take(variable), signature, arguments, place))

    def _arguments(
        self,
        signature: Signature,
        role: Role,
        frame: _Frame,
        steps: tuple[list[Read], list[Make]],
        chain: tuple[Provider, ...],
    ) -> tuple[Argument, ...]:
        arguments: list[Argument] = []
        is_first = True
        for parameter in signature.parameters:
            try:
                variable = self._variable(parameter, signature, role, frame, steps, chain, is_first)
            except ConfigurationError as error:
                mistake = error.mistake
                self.mistakes.append(mistake if mistake.where else replace(mistake, where=signature.where))
                continue
            is_first = False
            if variable is not None:
                keyword = parameter.name if parameter.by_keyword and not parameter.is_rest else None
                arguments.append(Argument(variable, keyword, parameter.is_rest))
        return tuple(arguments)

    def _variable(
        self,
        parameter: Parameter,
        signature: Signature,
        role: Role,
        frame: _Frame,
        steps: tuple[list[Read], list[Make]],
        chain: tuple[Provider, ...],
        is_first: bool,
    ) -> str | None:
        """Return the variable that holds a parameter's value; plan its step if nobody has."""
        spec = self.spec
        marker = parameter.marker
        if isinstance(marker, DependsMarker):
            provider = self._depended(parameter, marker, signature)
            return self._made(provider, signature, frame, steps, chain) if provider is not None else None
        if not isinstance(marker, ValueMarker):
            given = find_given(parameter, signature, role, spec.is_websocket, is_first)
            if given is not None:
                return given
            if parameter.annotation is not UNSET:
                provider = spec.providers.find(parameter.annotation)
                if provider is not None:
                    return self._made(provider, signature, frame, steps, chain)
        read = plan_read(parameter, signature, spec)
        self._check_body(read, parameter, signature)
        key = (read.source, read.name, _hashable(parameter.annotation), _hashable(parameter.default))
        known = frame.reads.get(key) if read.source != "given" else None
        if known is not None:
            return known
        variable = frame.reads[key] = self.names.take(parameter.name)
        steps[0].append(replace(read, variable=variable))
        return variable

    def _check_body(self, read: Read, parameter: Parameter, signature: Signature) -> None:
        """Refuse a second body, and one where it has no meaning."""
        name = parameter.name
        if read.source in ("form", "file"):
            self._form = self._form or name
            if self._body is not None:
                raise ConfigurationError(texts.two_bodies(signature, self._body[0], name))
        if read.source not in BODY_SOURCES:
            return
        unfit = sorted(self.spec.methods & {"GET", "HEAD", "DELETE"})
        if (unfit or self.spec.is_websocket) and read.source == "body" and read.marker is None:
            raise ConfigurationError(
                texts.body_without_content(signature, name, parameter.annotation, unfit or ["GET"])
            )
        if self._form is not None:
            raise ConfigurationError(texts.two_bodies(signature, self._form, name))
        if self._body is not None:
            first, known = self._body
            if known.source != read.source or known.parameter.annotation != parameter.annotation:
                raise ConfigurationError(texts.two_bodies(signature, first, name))
            if known.source == "stream" and known.parameter is not parameter:
                raise ConfigurationError(texts.two_bodies(signature, first, name))
        self._body = (name, read)

    def _depended(self, parameter: Parameter, marker: DependsMarker, signature: Signature) -> Provider | None:
        """Return the provider that `Depends` stands for; an override by the callable counts."""
        factory = marker.factory
        if factory is None:
            if not callable(parameter.annotation):
                self.mistakes.append(
                    texts.unreadable_parameter(
                        signature, parameter.name, parameter.annotation, parameter.annotation is not UNSET
                    )
                )
                return None
            factory = parameter.annotation
        replaced = self.spec.providers.find(factory)
        if replaced is not None:
            return replaced
        if not marker.use_cache:
            return Provider(factory, factory)
        key = _hashable(factory)
        provider = self._depends.get(key)
        if provider is None:
            provider = self._depends[key] = Provider(factory, factory)
        return provider

    def _made(
        self,
        provider: Provider,
        signature: Signature,
        frame: _Frame,
        steps: tuple[list[Read], list[Make]],
        chain: tuple[Provider, ...],
    ) -> str | None:
        """Return the variable of a provider's value; plan everything it needs first."""
        if provider.lifetime == "app":
            return self._app_value(provider, frame, steps)
        known = frame.made.get(provider)
        if known is not None:
            self._check_lifetimes(chain, known)
            return known.variable
        if provider in chain:
            loop = (*chain[chain.index(provider) :], provider)
            self.mistakes.append(texts.provider_cycle(signature, [type_name(each.type) for each in loop]))
            return None
        factory = self._signature_of(provider)
        if factory is None:
            return None
        if self.spec.is_websocket and provider.lifetime == "handler":
            self.mistakes.append(texts.handler_lifetime_on_socket(provider, signature))
            return None
        arguments = self._arguments(factory, "provider", frame, steps, (*chain, provider))
        place = Place.ANYWHERE if provider.inline and factory.colour not in _ON_LOOP else _place_of(factory.colour)
        name = _variable_name(provider)
        variable = self.names.take(name)
        make = Make(
            variable=variable,
            provider=provider,
            call=Call(self.names.take(f"make_{name}"), factory, arguments, place),
            lifetime=provider.lifetime or ("response" if self.spec.is_websocket else "handler"),
            has_exit=factory.colour in _GENERATORS,
            needs=frozenset(argument.variable for argument in arguments),
        )
        frame.made[provider] = make
        steps[1].append(make)
        self._check_lifetimes(chain, make)
        return variable

    def _check_lifetimes(self, chain: tuple[Provider, ...], inner: Make) -> None:
        """Refuse a provider that lives longer than one it needs."""
        if not chain or not inner.has_exit or inner.lifetime == "response":
            return
        outer = chain[-1]
        if outer.lifetime == "response":
            signature = self._signatures.get(outer)
            where = signature.where if signature is not None else ""
            self.mistakes.append(texts.outlived_provider(outer, "response", inner.provider, inner.lifetime, where))

    def _app_value(self, provider: Provider, frame: _Frame, steps: tuple[list[Read], list[Make]]) -> str:
        key = ("app", provider)
        known = frame.reads.get(key)
        if known is not None:
            return known

        def read(request: Request) -> object:
            try:
                return request.exchange.loop_state.values[provider]
            except KeyError:
                raise texts.missing_app_value(provider) from None

        variable = frame.reads[key] = self.names.take(_variable_name(provider))
        parameter = Parameter(variable, provider.type, None, UNSET)
        steps[0].append(Read(variable, "given", variable, parameter, as_reader(read)))
        return variable

    def _signature_of(self, provider: Provider) -> Signature | None:
        if provider not in self._signatures:
            self._signatures[provider] = self._read(provider.call, "")
        return self._signatures[provider]


def _variable_name(provider: Provider) -> str:
    """Return the name of a provider's value: its type's, or its factory's when it stands for itself."""
    annotation = provider.type
    is_itself = annotation is provider.factory and not isinstance(annotation, type)
    return identifier_of(name_of(provider.factory) if is_itself else type_name(annotation)).lower()


def _place_of(colour: Colour) -> Place:
    if colour in (Colour.ASYNC, Colour.MAYBE_ASYNC, Colour.ASYNC_GENERATOR):
        return Place.LOOP
    return Place.ANYWHERE if colour is Colour.CLASS else Place.THREAD


def _hashable(value: object) -> object:
    """Return a key that is equal for equal values, or for the same object when a value cannot be hashed."""
    try:
        hash(value)
    except TypeError:
        return id(value)
    return (type(value), value)

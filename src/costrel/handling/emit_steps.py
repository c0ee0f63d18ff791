"""Writing the steps of a segment as Python: reads, providers, calls.

Only identifiers of `naming` get into the text; every value is put into the namespace of the generated module. What
stands around the steps, such as error conversion and the end of a scope, is in `emit`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from costrel.handling.lowering import Step
from costrel.handling.naming import Names
from costrel.handling.plan import Argument, Call, Make, Read
from costrel.handling.providers import Provider
from costrel.handling.scope import ExitPlace
from costrel.handling.signature import Colour

__all__ = ["Text", "Writer"]


class Text:
    """Lines of generated source, indented by blocks."""

    __slots__ = ("_depth", "lines")

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._depth = 0

    def add(self, *lines: str) -> None:
        """Add lines at the present depth."""
        self.lines.extend(f"{'    ' * self._depth}{line}" if line else "" for line in lines)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Add a line that ends with a colon; what is added inside is indented."""
        self.add(head)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def __str__(self) -> str:
        return "\n".join(self.lines) + "\n"


class Writer:
    """Writes steps, and collects the values that the text refers to."""

    __slots__ = ("_shared", "names", "namespace", "text")

    def __init__(self, text: Text, names: Names, namespace: dict[str, object], shared: Mapping[Provider, str]) -> None:
        self.text: Text = text
        self.names: Names = names
        self.namespace: dict[str, object] = namespace
        self._shared = shared

    def name(self, wanted: str, value: object) -> str:
        """Put a value into the namespace and return its name there."""
        name = self.names.take(wanted)
        self.namespace[name] = value
        return name

    def reads(self, reads: Sequence[Read]) -> None:
        """Write the reads of a stage; all errors are raised together."""
        text = self.text
        if any(read.source in ("form", "file") for read in reads):
            text.add("check_form_type(request)")
        can_fail = any(read.can_fail for read in reads)
        if can_fail:
            text.add("errors = []")
        for read in reads:
            self._read(read)
        if can_fail:
            with text.block("if errors:"):
                text.add("raise ValidationFailed(errors)")

    def _read(self, read: Read) -> None:
        text, variable = self.text, read.variable
        if read.read is None:
            # SECURITY: the name of a path parameter is an identifier; anything else is passed as a value.
            text.add(f"{variable} = request.path_params[{self._key(read.name)}]")
            return
        reader = self.name(f"read_{variable}", read.read)
        errors = "errors" if read.can_fail else "None"
        if read.exact_type is None:
            text.add(f"{variable} = {reader}(request, {errors})")
            return
        exact_type = self.name(f"{read.exact_type.__name__}_type", read.exact_type)
        text.add(f"{variable} = request.path_params.get({self._key(read.name)})")
        with text.block(f"if type({variable}) is not {exact_type}:"):
            text.add(f"{variable} = {reader}(request, {errors})")

    def _key(self, name: str) -> str:
        return f'"{name}"' if name.isascii() and name.isidentifier() else self.name("key", name)

    def make(self, make: Make, is_late: bool) -> None:
        """Write the making of a provider's value; hooks after the handler take the one that is there already."""
        shared = self._shared.get(make.provider)
        if is_late and shared is not None:
            self.text.add(f'{make.variable} = scope.made.get("{shared}", UNSET)')
            with self.text.block(f"if {make.variable} is UNSET:"):
                self._make(make)
            return
        self._make(make)
        if shared is not None:
            self.text.add(f'scope.made["{shared}"] = {make.variable}')

    def _make(self, make: Make) -> None:
        text, variable, factory = self.text, make.variable, make.call.variable
        self.namespace[factory] = make.call.signature.function
        colour = make.call.signature.colour
        if not make.has_exit:
            self.call(make.call, variable)
            return
        suffix = "_for_response" if make.lifetime == "response" else ""
        called = f"{factory}({self.arguments(make.call.arguments)})"
        if colour is Colour.ASYNC_GENERATOR:
            text.add(f"{variable} = await scope.enter_async{suffix}({called}, {factory})")
        elif make.provider.inline:
            self.namespace["ExitPlace"] = ExitPlace
            text.add(f"{variable} = scope.enter{suffix}({called}, {factory}, ExitPlace.ANYWHERE)")
        else:
            text.add(f"{variable} = scope.enter{suffix}({called}, {factory})")

    def call(self, call: Call, target: str) -> None:
        """Write a call whose result is kept in `target`."""
        self.namespace[call.variable] = call.signature.function
        called = f"{call.variable}({self.arguments(call.arguments)})"
        if call.signature.colour is Colour.ASYNC:
            self.text.add(f"{target} = await {called}")
            return
        self.text.add(f"{target} = {called}")
        if call.signature.colour is Colour.MAYBE_ASYNC:
            with self.text.block(f"if isawaitable({target}):"):
                self.text.add(f"{target} = await {target}")

    @staticmethod
    def arguments(arguments: Sequence[Argument]) -> str:
        """Return the arguments of a call as text."""
        shown: list[str] = []
        for argument in arguments:
            if argument.is_rest:
                shown.append(f"**{argument.variable}")
            elif argument.keyword is not None:
                shown.append(f"{argument.keyword}={argument.variable}")
            else:
                shown.append(argument.variable)
        return ", ".join(shown)

    def step(self, step: Step, is_late: bool = False) -> None:
        """Write a step that is no call."""
        if step.make is not None:
            self.make(step.make, is_late)
        else:
            self.reads(step.stage.reads)

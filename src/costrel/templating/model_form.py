"""`ModelForm`: the class that a handler reads a form with, as the form on the page.

The handler is one like any other: its parameter is the class, and the pipeline checks what was sent. `ModelForm` shows
it: empty, with the values of an object, or again with what was typed and what is wrong with that. For the last one,
its layer looks for the `ValidationFailed` behind an answer, whether a parameter raised it or the handler.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from costrel.errors import ConfigurationError, Mistake, ValidationFailed
from costrel.execution import hop
from costrel.messages import Dispatch, HTMLResponse, Layer, Request, Response
from costrel.templating.form_fields import REQUIRED, read_fields
from costrel.templating.form_messages import explain
from costrel.templating.rendering import render
from costrel.templating.shown_form import ShownField, ShownForm
from costrel.templating.translating import LazyText

__all__ = ["ModelForm"]

T = TypeVar("T")
Text = str | LazyText

_MEDIA_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
_MAX_SHOWN_ERRORS = 100


class ModelForm(Generic[T]):
    """The form of a class: a Struct, a dataclass, an attrs class, a typed dict or a pydantic model.

    Made once, beside the class. What can be filled in follows from the annotations: the kind of input, what is
    required, ``min``, ``maxlength`` and ``pattern`` from the constraints, a select from an enum or a `Literal`, label
    and hint from the ``title`` and ``description`` of the metadata.

    Args:
        model: the class.
        labels: by the name of the field; without one it is the ``title``, else the name in words.
        hints: by the name of the field, a sentence that helps; without one it is the ``description``.
        input_types: by the name of the field, ``{"comment": "textarea"}``.
        leave_out: names of fields that have a default and are not in the form.

    Raises:
        ConfigurationError: COS-TEMPLATE-005, no form can be made of the class; COS-TEMPLATE-006, an option names a
            field that it does not have.
    """

    def __init__(
        self,
        model: type[T],
        *,
        labels: Mapping[str, Text] | None = None,
        hints: Mapping[str, Text] | None = None,
        input_types: Mapping[str, str] | None = None,
        leave_out: Iterable[str] = (),
    ) -> None:
        self.model: type[T] = model
        left_out = frozenset(leave_out)
        specs = read_fields(model, input_types or {}, left_out)
        self._labels: dict[str, Text] = {spec.name: spec.label or _in_words(spec.name) for spec in specs}
        self._hints: dict[str, Text] = {spec.name: spec.description for spec in specs}
        known = self._labels.keys()
        for option, given in (("labels", labels), ("hints", hints), ("input_types", input_types)):
            for name in given or ():
                if name not in known:
                    raise _no_such_field(model, option, name, sorted(known))
        self._labels |= labels or {}
        self._hints |= hints or {}
        self._specs = specs

    def __repr__(self) -> str:
        return f"ModelForm({self.model.__name__})"

    def blank(self) -> ShownForm:
        """Return the form as it is first shown, with the defaults of the class in it."""
        return self._show({spec.name: _texts(spec.default) for spec in self._specs}, {})

    def filled(self, value: T) -> ShownForm:
        """Return the form with the values of an object, to change them."""
        if isinstance(value, Mapping):  # a typed dict
            found = {spec.name: value.get(spec.name) for spec in self._specs}
        else:
            found = {spec.name: getattr(value, spec.attribute, None) for spec in self._specs}
        return self._show({name: _texts(one) for name, one in found.items()}, {})

    def failed(self, request: Request, errors: Sequence[Mapping[str, str]]) -> ShownForm:
        """Return the form with what was typed, and what is wrong with it.

        Args:
            request: with a form as its body.
            errors: as in `ValidationFailed`.
        """
        values = {spec.name: request.form.getlist(spec.name) for spec in self._specs}
        by_name: dict[str, list[str]] = {}
        specs = {spec.name: spec for spec in self._specs}
        for error in errors[:_MAX_SHOWN_ERRORS]:
            # ``tags[2]`` is about the field ``tags``, and ``$`` about all of them.
            name = error.get("at", "").removeprefix("$").removeprefix(".").split("[")[0].split(".")[0]
            spec = specs.get(name)
            message = error.get("message", "")
            if spec is not None:
                message = explain(spec, message, "".join(values[name][:1]))
            said = by_name.setdefault(name if spec is not None else "", [])
            if message not in said:
                said.append(message)
        return self._show(values, by_name)

    def shown_again(self, template: str | Sequence[str], /, *, fragment: str | None = None, **context: object) -> Layer:
        """Return a layer for the handler: what it does not take is shown again, with status 422.

        The page gets the form as ``form``. Answers that are no `ValidationFailed`, and those to a body that was no
        form, stay what they are.

        Args:
            template: as for `render`.
            fragment: as for `render`.
            context: as for `render`.
        """

        async def show_again(request: Request, call_next: Dispatch) -> Response:
            response = await call_next(request)
            failure = response.exception
            if not isinstance(failure, ValidationFailed) or request.content_type not in _MEDIA_TYPES:
                return response

            def make(failure: ValidationFailed) -> Response:
                form = self.failed(request, failure.errors)
                page = HTMLResponse(render(template, fragment=fragment, **{**context, "form": form}), 422)
                page.headers["cache-control"] = "no-store"
                return page

            lane = request.exchange.loop_state.lane_for(request.worker)
            return await hop(lane, request.worker, make, failure)

        return show_again

    def _show(self, values: Mapping[str, Sequence[str]], errors: Mapping[str, Sequence[str]]) -> ShownForm:
        fields = [
            ShownField(
                spec, values[spec.name], errors.get(spec.name, ()), self._labels[spec.name], self._hints[spec.name]
            )
            for spec in self._specs
        ]
        return ShownForm(fields, errors.get("", ()))


def _texts(value: Any) -> list[str]:
    """Write a value as a browser would send it."""
    if value is None or value is REQUIRED:
        return []
    if isinstance(value, list | tuple | set | frozenset):
        return [text for one in value for text in _texts(one)]
    if isinstance(value, enum.Enum):
        return _texts(value.value)
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return [value.isoformat() if hasattr(value, "isoformat") else str(value)]


def _in_words(name: str) -> str:
    words = name.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def _no_such_field(model: type, option: str, name: str, known: list[str]) -> ConfigurationError:
    return ConfigurationError(
        Mistake(
            "COS-TEMPLATE-006",
            f"`ModelForm({model.__name__})` was given `{option}` for `{name}`, which is none of its fields.",
            why=f"Its fields are {', '.join(f'`{one}`' for one in known)}.",
            fix="Correct the name; a field that is renamed on the wire has its name there.",
        )
    )

"""A form on a page: its fields with what stands in them and what is wrong with them, as values and as HTML.

``{{ form }}`` writes all of it. A page that wants another order asks for parts: ``{{ form.name }}`` is a field with its
label and errors, ``{{ form.name.input }}`` the input alone, ``{{ form.hidden }}`` what nobody sees.

Each input has a label; errors and hints are tied to it by ``aria-describedby``, and a wrong one is ``aria-invalid``.

Spec: HTML §4.10; WAI-ARIA 1.2 §6.6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from costrel.messages import current_request
from costrel.templating.form_fields import FieldSpec
from costrel.templating.translating import LazyText, gettext

__all__ = ["ShownField", "ShownForm"]


class ShownField:
    """A field of a form on a page.

    Args:
        spec: what it is.
        values: what stands in it, as texts; at most one, unless several may be chosen.
        errors: what is wrong with it, one sentence each.
        label: what it is called.
        hint: what helps to fill it in, may be empty.

    Attributes:
        name: in the form.
        type: of the input: ``text``, ``number``, ``select`` and so on.
        required: whether something must be entered.
        choices: of a select, pairs of value and text.
        constraints: the attributes of the input that limit it, ``min`` or ``maxlength``.
    """

    def __init__(
        self, spec: FieldSpec, values: Sequence[str], errors: Sequence[str], label: str | LazyText, hint: str | LazyText
    ) -> None:
        self.name: str = spec.name
        self.type: str = spec.input_type
        self.required: bool = spec.is_required
        self.choices: Sequence[tuple[str, str]] = spec.choices
        self.constraints: Mapping[str, str] = spec.attributes
        self.values: Sequence[str] = values
        self.errors: Sequence[str] = errors
        self.hint: str = str(hint)
        self._label = str(label)
        self._is_multiple = spec.is_multiple

    def __repr__(self) -> str:
        return f"<ShownField {self.name!r}>"

    @property
    def value(self) -> str:
        """What stands in it, empty when nothing does."""
        return self.values[0] if self.values else ""

    @property
    def id(self) -> str:
        """The id of the input."""
        return f"field-{self.name}"

    @property
    def label(self) -> Markup:
        """The label, tied to the input."""
        return Markup('<label for="{}">{}</label>').format(self.id, self._label)

    @property
    def input(self) -> Markup:
        """The input alone."""
        attributes: dict[str, object] = {"id": self.id, "name": self.name, "required": self.required}
        described = [f"{self.id}-hint"] * bool(self.hint) + [f"{self.id}-error"] * bool(self.errors)
        attributes |= {"aria-describedby": " ".join(described), "aria-invalid": "true" if self.errors else ""}
        attributes |= self.constraints
        if self.type == "textarea":
            # A parser drops the first line break behind the tag, so one more is written.
            return Markup("<textarea{}>\n{}</textarea>").format(_written(attributes), self.value)
        if self.type == "select":
            options = Markup("").join(
                Markup("<option{}>{}</option>").format(
                    _written({"value": value}, keep_empty=True) + _written({"selected": value in self.values}), text
                )
                for value, text in self.choices
            )
            return Markup("<select{}>{}</select>").format(
                _written({**attributes, "multiple": self._is_multiple}), options
            )
        attributes = {"type": self.type, **attributes}
        if self.type == "checkbox":
            checked = self.value.lower() in ("true", "on", "1", "yes")
            # An empty box is not sent at all; what stands behind it is what a false one is then.
            hidden = Markup('<input type="hidden" name="{}" value="false">').format(self.name)
            return Markup("<input{}>").format(_written({**attributes, "value": "true", "checked": checked})) + hidden
        if self.type == "file":
            attributes["multiple"] = self._is_multiple
        elif self.type != "password":  # SECURITY: a page that is kept in a cache or a history must not hold one
            attributes["value"] = self.value
        return Markup("<input{}>").format(_written(attributes))

    @property
    def error_list(self) -> Markup:
        """What is wrong with it, or nothing."""
        if not self.errors:
            return Markup("")
        return Markup('<p class="error" id="{}-error">{}</p>').format(self.id, Markup("<br>").join(self.errors))

    def __html__(self) -> str:
        hint = Markup('<p class="hint" id="{}-hint">{}</p>').format(self.id, self.hint) if self.hint else ""
        order = [self.input, " ", self.label] if self.type == "checkbox" else [self.label, self.input]
        kind = "field checkbox" if self.type == "checkbox" else "field"
        return Markup('<div class="{}">{}</div>').format(kind, Markup("").join([*order, hint, self.error_list]))

    def __str__(self) -> str:
        return self.__html__()


class ShownForm:
    """A form on a page; iterating over it gives its fields.

    A field is an attribute too, by its name, where the form has no attribute of that name itself; ``form["errors"]``
    is always the field.

    Args:
        fields: in the order of the class.
        errors: what is wrong with the form as a whole.
    """

    def __init__(self, fields: Sequence[ShownField], errors: Sequence[str] = ()) -> None:
        self._fields = {field.name: field for field in fields}
        self.errors: Sequence[str] = errors

    def __repr__(self) -> str:
        return f"<ShownForm {', '.join(self._fields)}>"

    def __iter__(self) -> Iterator[ShownField]:
        return iter(self._fields.values())

    def __getitem__(self, name: str) -> ShownField:
        return self._fields[name]

    def __getattr__(self, name: str) -> ShownField:  # reached only for what is no attribute of the form
        found: ShownField | None = self.__dict__.get("_fields", {}).get(name)
        if found is None:
            raise AttributeError(f"the form has no field {name!r}", name=name, obj=self)
        return found

    @property
    def is_valid(self) -> bool:
        """Whether nothing is known to be wrong."""
        return not self.errors and not any(field.errors for field in self)

    @property
    def enctype(self) -> str:
        """How a browser must send it: files need multipart."""
        has_files = any(field.type == "file" for field in self)
        return "multipart/form-data" if has_files else "application/x-www-form-urlencoded"

    @property
    def hidden(self) -> Markup:
        """What nobody sees: the field against forged requests, when the application has one."""
        request = current_request.get(None)
        templates: Any = request.app.extensions.get("templates") if request is not None else None
        csrf_field = templates.environment.globals.get("csrf_field") if templates is not None else None
        return escape(csrf_field()) if csrf_field is not None else Markup("")

    @property
    def summary(self) -> Markup:
        """What is wrong with the form as a whole, or nothing; read out by a screen reader when the page comes."""
        if self.is_valid:
            return Markup("")
        told = self.errors or [gettext("Some fields are not right yet.")]
        return Markup('<div class="error-summary" role="alert"><p>{}</p></div>').format(Markup("</p><p>").join(told))

    def __html__(self) -> str:
        return Markup("").join([self.hidden, self.summary, *self])

    def __str__(self) -> str:
        return self.__html__()


def _written(attributes: Mapping[str, object], *, keep_empty: bool = False) -> Markup:
    """Write attributes, each with a space before it; `True` is a name alone, nothing and `False` are left out."""
    pieces = []
    for name, value in attributes.items():
        if value is True:
            pieces.append(Markup(" {}").format(name))
        elif value is not False and (value != "" or keep_empty):
            pieces.append(Markup(' {}="{}"').format(name, value))
    return Markup("").join(pieces)

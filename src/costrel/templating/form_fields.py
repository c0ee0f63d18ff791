"""What the fields of a class are in a form: name, kind of input, limits, choices; read from its annotations, once.

Structs, dataclasses, attrs classes, typed dicts and pydantic models say these things in different places but with the
same words, those of JSON Schema: ``ge``, ``max_length``, ``pattern``. They are looked for by name, so no library of
models is needed here.

Spec: HTML §4.10.5 (the input element and its types).
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import types
import typing
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from costrel.errors import ConfigurationError, Mistake
from costrel.messages import UploadFile

__all__ = ["REQUIRED", "FieldSpec", "read_fields"]


class Required(enum.Enum):
    """The type of `REQUIRED`: a field that has no default, where `None` would be one."""

    REQUIRED = "required"


REQUIRED = Required.REQUIRED

# Browsers leave the seconds of a time away, and a typed field wants them: those two are text until it does not.
_INPUT_TYPES: Mapping[object, str] = {
    str: "text",
    int: "number",
    float: "number",
    decimal.Decimal: "number",
    bool: "checkbox",
    datetime.date: "date",
    datetime.datetime: "text",
    datetime.time: "text",
    uuid.UUID: "text",
    UploadFile: "file",
}
_PLACEHOLDERS: Mapping[object, str] = {datetime.datetime: "2026-01-31T14:30:00", datetime.time: "14:30:00"}
_BY_CLASS_NAME = {"EmailStr": "email", "NameEmail": "email", "HttpUrl": "url", "AnyUrl": "url", "SecretStr": "password"}
_LISTS = (list, set, frozenset, tuple)
_CONSTRAINTS = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern")


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of a form.

    Args:
        name: in the form, which may be another than that of the attribute.
        attribute: of the class.
        input_type: of the input element, or ``select`` or ``textarea``.
        is_required: whether something must be entered.
        default: what stands in an empty form, `REQUIRED` when nothing does.
        is_multiple: whether several values may be chosen.
        choices: pairs of value and text, of a select.
        attributes: further attributes of the input element.
        constraints: what the annotation limits, by the names of JSON Schema's words in Python: ``ge``, ``max_length``.
        label: what the annotation calls it, empty when it does not.
        description: what the annotation says of it.
    """

    name: str
    attribute: str
    input_type: str
    is_required: bool = True
    default: object = REQUIRED
    is_multiple: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    constraints: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    description: str = ""


def read_fields(
    model: type, input_types: Mapping[str, str], leave_out: frozenset[str] = frozenset()
) -> tuple[FieldSpec, ...]:
    """Read the fields of a class.

    Args:
        model: a Struct, a dataclass, an attrs class, a typed dict or a pydantic model.
        input_types: by the name in the form, where another type of input is wanted than follows from the annotation.
        leave_out: the names of fields that are not in the form; they need a default.

    Raises:
        ConfigurationError: COS-TEMPLATE-005, the class has no fields, or one that no input can hold, or one that is
            left out has no default.
    """
    try:
        raw = list(_iter_raw(model))
    except NameError as error:
        why = f"Its annotations use the name `{error.name}`, which does not exist at run time."
        raise _not_a_form(model, why, f"Import `{error.name}` outside of `if TYPE_CHECKING:`.") from error
    if not raw:
        raise _not_a_form(model, "It has no fields that can be read.", "Declare a Struct, a dataclass or a model.")
    for name in leave_out:
        if not any(one.name == name and one.default is not REQUIRED for one in raw):
            fix = "Give it a default, or take it out of `leave_out`."
            raise _not_a_form(model, f"`{name}` is to be left out, and it is no field with a default.", fix)
    return tuple(_describe(model, one, input_types.get(one.name)) for one in raw if one.name not in leave_out)


@dataclass(frozen=True, slots=True)
class _Raw:
    """A field as its class declares it."""

    name: str
    attribute: str
    annotation: object
    default: object = REQUIRED
    metadata: tuple[object, ...] = ()


def _iter_raw(model: Any) -> Iterator[_Raw]:
    """Find the fields of a class of any kind; what is not one has none."""
    if "__pydantic_fields__" in vars(model) or hasattr(model, "model_fields"):
        found = getattr(model, "model_fields", None) or model.__pydantic_fields__
        for attribute, info in found.items():
            default = REQUIRED if info.is_required() else info.get_default(call_default_factory=True)
            yield _Raw(info.alias or attribute, attribute, info.annotation, default, (info, *info.metadata))
        return
    if not hasattr(model, "__annotations__"):
        return
    hints = get_type_hints(model, include_extras=True)
    if hasattr(model, "__struct_fields__"):
        from msgspec.structs import fields

        for one in fields(model):
            yield _Raw(one.encode_name, one.name, hints[one.name], _default_of(one.default, one.default_factory))
    elif dataclasses.is_dataclass(model):
        for declared in dataclasses.fields(model):
            if declared.init:
                default = _default_of(declared.default, declared.default_factory)
                yield _Raw(declared.name, declared.name, hints[declared.name], default)
    elif hasattr(model, "__attrs_attrs__"):
        for attribute in model.__attrs_attrs__:
            factory = getattr(attribute.default, "factory", None)
            default = factory() if factory is not None else _default_of(attribute.default)
            yield _Raw(attribute.name, attribute.name, hints[attribute.name], default)
    elif typing.is_typeddict(model):
        for name, hint in hints.items():
            # Annotations that were kept as text are in `__required_keys__` whatever they say.
            may_miss = name not in model.__required_keys__ or get_origin(hint) is typing.NotRequired
            yield _Raw(name, name, hint, None if may_miss else REQUIRED)


def _default_of(default: object, factory: object = None) -> object:
    """Return the default; libraries mark that there is none by values of types whose names say so."""
    marks = ("NoDefaultType", "_MISSING_TYPE", "_Nothing")
    if callable(factory) and type(factory).__name__ not in marks:
        made: object = factory()
        return made
    return REQUIRED if type(default).__name__ in marks else default


def _describe(model: type, raw: _Raw, wanted: str | None) -> FieldSpec:
    annotation, metadata = _peel(raw.annotation)
    metadata = (*raw.metadata, *metadata)
    is_optional = False
    if get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not types.NoneType]
        is_optional = len(members) < len(get_args(annotation))
        if len(members) == 1:
            annotation, inner = _peel(members[0])
            metadata = (*metadata, *inner)
    is_multiple = get_origin(annotation) in _LISTS
    if is_multiple:
        annotation, _ = _peel(get_args(annotation)[0])
    choices = tuple(_choices_of(annotation))
    input_type = wanted or ("select" if choices else _input_type_of(annotation, raw.name))
    if input_type is None or (is_multiple and not choices and input_type != "file"):
        raise _not_a_form(
            model,
            f"Its field `{raw.attribute}` is of the type `{getattr(annotation, '__name__', annotation)}`"
            f"{', several times' if is_multiple else ''}, which no input holds.",
            "Show a class of its own, with the fields that people fill in.",
        )
    constraints = {} if is_multiple else _constraints_of(metadata)
    attributes = _attributes_of(annotation, input_type, constraints)
    is_required = raw.default is REQUIRED and not is_optional and not is_multiple and input_type != "checkbox"
    # A text may be empty unless it is limited: an input that is left out is sent as an empty one.
    if is_required and annotation is str and not constraints.get("min_length") and "pattern" not in constraints:
        is_required = False
    return FieldSpec(
        name=raw.name,
        attribute=raw.attribute,
        input_type=input_type,
        is_required=is_required,
        default=raw.default,
        is_multiple=is_multiple,
        # HTML §4.10.7: with an empty first choice nothing is chosen for the user.
        choices=(("", ""), *choices) if choices and not is_multiple and raw.default in (REQUIRED, None) else choices,
        attributes=attributes,
        constraints=constraints,
        label=_said(metadata, "title"),
        description=_said(metadata, "description"),
    )


def _peel(annotation: object) -> tuple[object, tuple[object, ...]]:
    """Take `Annotated`, `NewType`, type aliases and the marks of typed dicts off, and keep the metadata."""
    metadata: tuple[object, ...] = ()
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            metadata = (*metadata, *more)
        elif get_origin(annotation) in (typing.Required, typing.NotRequired):
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif hasattr(annotation, "__value__"):
            annotation = annotation.__value__
        else:
            return annotation, metadata


def _input_type_of(annotation: object, name: str) -> str | None:
    if not isinstance(annotation, type):
        return None
    if annotation is str and "password" in name.lower():
        return "password"
    found = _INPUT_TYPES.get(annotation) or _BY_CLASS_NAME.get(annotation.__name__)
    return found or ("text" if issubclass(annotation, str) else None)


def _choices_of(annotation: object) -> Iterator[tuple[str, str]]:
    if get_origin(annotation) is Literal:
        for value in get_args(annotation):
            yield str(value), _in_words(str(value))
    elif isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        for member in annotation:
            yield str(member.value), _in_words(member.name)


def _in_words(name: str) -> str:
    words = name.replace("_", " ").strip()
    return words[:1].upper() + (words[1:].lower() if words.isupper() else words[1:])


def _constraints_of(metadata: Sequence[object]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in metadata:
        for name in _CONSTRAINTS:
            value = getattr(one, name, None)
            if value is not None:
                found[name] = value
    return found


def _attributes_of(annotation: object, input_type: str, constraints: Mapping[str, Any]) -> dict[str, str]:
    """Translate constraints to attributes; the server checks again whatever a browser does."""
    found: dict[str, str] = {}
    if annotation in _PLACEHOLDERS:
        found["placeholder"] = _PLACEHOLDERS[annotation]
    if input_type == "number":
        step = 1 if annotation is int else None
        for inclusive, exclusive, name, towards in (("ge", "gt", "min", 1), ("le", "lt", "max", -1)):
            if inclusive in constraints:
                found[name] = str(constraints[inclusive])
            elif exclusive in constraints:
                bound = constraints[exclusive]
                found[name] = str(bound + towards if step else bound)
        found["step"] = str(constraints.get("multiple_of", step or "any"))
    elif input_type == "date":
        found |= {name: str(constraints[key]) for key, name in (("ge", "min"), ("le", "max")) if key in constraints}
    elif input_type not in ("checkbox", "select", "file", "hidden"):
        keys = {"min_length": "minlength", "max_length": "maxlength"}
        found |= {name: str(constraints[key]) for key, name in keys.items() if constraints.get(key)}
        pattern = str(constraints.get("pattern", ""))
        # HTML's pattern is for the whole text, ours is searched for: only an anchored one says the same.
        is_anchored = pattern.startswith("^") and pattern.endswith("$") and not pattern.endswith("\\$")
        if is_anchored and input_type != "textarea" and "|" not in pattern:
            found["pattern"] = pattern[1:-1]
    return found


def _said(metadata: Sequence[object], name: str) -> str:
    values = [getattr(one, name, None) for one in metadata]
    # What a text says of itself, ``"a".title``, is no metadata.
    return next((value for value in values if isinstance(value, str) and value), "")


def _not_a_form(model: object, why: str, fix: str) -> ConfigurationError:
    name = getattr(model, "__name__", repr(model))
    return ConfigurationError(Mistake("COS-TEMPLATE-005", f"`{name}` cannot be a form.", why=why, fix=fix))

"""What classes say about their fields."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import uuid
from typing import Annotated, Any, Literal, NewType, NotRequired, TypedDict

import attrs
import msgspec
import pydantic
import pytest
from msgspec import Meta

from costrel.errors import ConfigurationError
from costrel.messages import UploadFile
from costrel.templating.form_fields import REQUIRED, FieldSpec, read_fields

Name = Annotated[str, Meta(min_length=2, max_length=9, title="Your name", description="As on the door.")]
Email = NewType("Email", str)


class Size(enum.Enum):
    SMALL = "s"
    EXTRA_LARGE = "xl"


class StructEntry(msgspec.Struct, rename={"count": "how-many"}):
    name: Name
    count: Annotated[int, Meta(gt=0, le=9)] = 1
    tags: list[Literal["a", "b"]] = []


@dataclasses.dataclass
class DataclassEntry:
    name: Name
    count: Annotated[int, Meta(gt=0, le=9)] = 1
    tags: list[Literal["a", "b"]] = dataclasses.field(default_factory=list)
    hidden: int = dataclasses.field(init=False, default=0)


@attrs.define
class AttrsEntry:
    name: Name
    count: Annotated[int, Meta(gt=0, le=9)] = 1
    tags: list[Literal["a", "b"]] = attrs.field(factory=list)


class PydanticEntry(pydantic.BaseModel):
    name: str = pydantic.Field(min_length=2, max_length=9, title="Your name", description="As on the door.")
    count: Annotated[int, pydantic.Field(gt=0, le=9)] = 1
    tags: list[Literal["a", "b"]] = pydantic.Field(default_factory=list)


class DictEntry(TypedDict):
    name: Name
    count: NotRequired[Annotated[int, Meta(gt=0, le=9)]]


@pytest.mark.parametrize(
    "model", [StructEntry, DataclassEntry, AttrsEntry, PydanticEntry], ids=lambda cls: cls.__name__
)
def test_every_kind_of_class_says_the_same(model: type) -> None:
    """Name, label, limits and defaults are found, wherever the class keeps them."""
    name, count, tags = read_fields(model, {})

    assert ("name", "text", True, REQUIRED) == (name.name, name.input_type, name.is_required, name.default)
    assert ("Your name", "As on the door.") == (name.label, name.description)
    assert {"minlength": "2", "maxlength": "9"} == name.attributes
    assert ("number", False, 1) == (count.input_type, count.is_required, count.default)
    assert {"min": "1", "max": "9", "step": "1"} == count.attributes
    assert "count" == count.attribute
    assert (True, False, []) == (tags.is_multiple, tags.is_required, tags.default)
    assert (("a", "A"), ("b", "B")) == tags.choices


def test_a_renamed_field_has_its_name_on_the_wire() -> None:
    """What a browser sends is what the binding reads."""
    assert ["name", "how-many", "tags"] == [field.name for field in read_fields(StructEntry, {})]


def test_a_typed_dict_has_optional_keys() -> None:
    """A key that may be missing is not required."""
    assert [True, False] == [field.is_required for field in read_fields(DictEntry, {})]


def field_of(annotation: Any, name: str = "x", default: object = dataclasses.MISSING) -> FieldSpec:
    """Describe one field."""
    declared = (
        (name, annotation) if default is dataclasses.MISSING else (name, annotation, dataclasses.field(default=default))
    )
    (found,) = read_fields(dataclasses.make_dataclass("Entry", [declared]), {})
    return found


@pytest.mark.parametrize(
    ("annotation", "input_type", "attributes"),
    [
        pytest.param(str, "text", {}, id="str"),
        pytest.param(Email, "text", {}, id="NewType"),
        pytest.param(int, "number", {"step": "1"}, id="int"),
        pytest.param(float, "number", {"step": "any"}, id="float"),
        pytest.param(decimal.Decimal, "number", {"step": "any"}, id="Decimal"),
        pytest.param(Annotated[int, Meta(lt=9, multiple_of=2)], "number", {"max": "8", "step": "2"}, id="int-lt"),
        pytest.param(Annotated[float, Meta(gt=0)], "number", {"min": "0", "step": "any"}, id="float-gt"),
        pytest.param(bool, "checkbox", {}, id="bool"),
        pytest.param(datetime.date, "date", {}, id="date"),
        pytest.param(datetime.datetime, "text", {"placeholder": "2026-01-31T14:30:00"}, id="datetime"),
        pytest.param(datetime.time | None, "text", {"placeholder": "14:30:00"}, id="time"),
        pytest.param(uuid.UUID, "text", {}, id="UUID"),
        pytest.param(UploadFile, "file", {}, id="file"),
        pytest.param(list[UploadFile], "file", {}, id="files"),
        pytest.param(pydantic.SecretStr, "password", {}, id="secret"),
        pytest.param(Annotated[str, Meta(pattern="^[a-z]{2}$")], "text", {"pattern": "[a-z]{2}"}, id="pattern"),
        pytest.param(Annotated[str, Meta(pattern="[a-z]")], "text", {}, id="pattern-anywhere"),
        pytest.param(Annotated[str, Meta(pattern="^a|b$")], "text", {}, id="pattern-of-two"),
        pytest.param(Annotated[str, Meta(pattern="^a\\$")], "text", {}, id="pattern-of-a-dollar"),
        pytest.param(Annotated[str | None, Meta(max_length=3)], "text", {"maxlength": "3"}, id="limit-outside"),
        pytest.param(Annotated[str, Meta(max_length=3)] | None, "text", {"maxlength": "3"}, id="limit-inside"),
    ],
)
def test_the_input_follows_from_the_type(annotation: Any, input_type: str, attributes: dict[str, str]) -> None:
    """Each type has an input, with the limits as attributes that say no more than the server does."""
    found = field_of(annotation)

    assert (input_type, attributes) == (found.input_type, dict(found.attributes))


@pytest.mark.parametrize(
    ("annotation", "default", "expected"),
    [
        pytest.param(int, dataclasses.MISSING, True, id="no-default"),
        pytest.param(int, 1, False, id="default"),
        pytest.param(int | None, dataclasses.MISSING, False, id="or-none"),
        pytest.param(bool, dataclasses.MISSING, False, id="a-box-may-be-empty"),
        pytest.param(str, dataclasses.MISSING, False, id="a-text-may-be-empty"),
        pytest.param(Annotated[str, Meta(min_length=1)], dataclasses.MISSING, True, id="a-text-that-may-not"),
        pytest.param(list[UploadFile], dataclasses.MISSING, False, id="a-list-may-be-empty"),
    ],
)
def test_required_is_what_an_empty_input_would_not_pass(annotation: Any, default: object, expected: bool) -> None:
    """A browser asks for exactly what the server would miss."""
    assert expected is field_of(annotation, default=default).is_required


def test_choices_of_an_enum_and_a_literal() -> None:
    """Values are sent, names are shown; without a default nothing is chosen for the user."""
    assert (("", ""), ("s", "Small"), ("xl", "Extra large")) == field_of(Size).choices
    assert (("s", "Small"), ("xl", "Extra large")) == field_of(Size, default=Size.SMALL).choices
    assert (("", ""), ("1", "1"), ("2", "2")) == field_of(Literal[1, 2] | None, default=None).choices


def test_a_name_with_password_is_one() -> None:
    """What is typed there is not shown."""
    assert "password" == field_of(str, "new_password").input_type


@pytest.mark.parametrize(
    ("model", "options", "why"),
    [
        pytest.param(int, {}, "no fields", id="no-class-with-fields"),
        pytest.param(msgspec.defstruct("Empty", []), {}, "no fields", id="no-fields"),
        pytest.param(
            dataclasses.make_dataclass("A", [("x", "Nowhere")]), {}, "`Nowhere`, which does not", id="no-name"
        ),
        pytest.param(msgspec.defstruct("Nested", [("inner", StructEntry)]), {}, "StructEntry", id="nested"),
        pytest.param(msgspec.defstruct("Many", [("names", list[str])]), {}, "several times", id="a-list-of-texts"),
        pytest.param(msgspec.defstruct("Two", [("x", int | str)]), {}, "`x`", id="a-union"),
        pytest.param(
            StructEntry, {"leave_out": frozenset({"name"})}, "no field with a default", id="left-out-required"
        ),
        pytest.param(StructEntry, {"leave_out": frozenset({"nome"})}, "no field with a default", id="left-out-unknown"),
    ],
)
def test_what_no_input_holds_is_a_mistake(model: Any, options: dict[str, Any], why: str) -> None:
    """It is found when the form is made, with the field and a way out."""
    with pytest.raises(ConfigurationError, match=why) as caught:
        read_fields(model, {}, **options)

    assert "COS-TEMPLATE-005" == caught.value.code


def test_another_input_may_be_wanted() -> None:
    """A long text is an area, and what no input holds may be written as text."""
    model = msgspec.defstruct("Entry", [("note", Annotated[str, Meta(max_length=5)], "")])

    (field,) = read_fields(model, {"note": "textarea"})

    assert ("textarea", {"maxlength": "5"}) == (field.input_type, dict(field.attributes))

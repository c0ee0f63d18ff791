"""Forms, queries, header fields and cookies as one model."""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import attrs
import msgspec
import pydantic
import pytest

from costrel.errors import ConfigurationError, ValidationFailed
from costrel.handling.form_models import form_decoder, is_form_type, model_decoder
from costrel.http import MultiDict, RequestHeaders
from costrel.messages import MessageLimits


class Colour(enum.Enum):
    RED = "red"


class Upload:
    """Stands for an uploaded file: a class that has no form in JSON."""


class Item(msgspec.Struct):
    sku: str


class Search(msgspec.Struct):
    text: str
    page: Annotated[int, msgspec.Meta(ge=1)] = 1
    colours: list[Colour] = []
    since: datetime.date | None = None
    exact: bool = False
    span: tuple[int, int] | None = None


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename={"user_name": "user-name"}):
    user_name: str


class Profile(msgspec.Struct):
    name: str
    picture: Upload | None = None
    documents: list[Upload] = []
    item: Item | None = None
    items: list[Item] = []
    extra: Any = None


@dataclass
class DataclassUser:
    name: str
    age: int = 0
    tags: list[str] | None = None


class TypedDictUser(TypedDict, total=False):
    name: str
    age: int
    tags: list[str]


@attrs.define
class AttrsUser:
    name: str
    age: int = 0
    tags: list[str] | None = None


class StructUser(msgspec.Struct):
    name: str
    age: int = 0
    tags: list[str] | None = None


class PydanticUser(pydantic.BaseModel):
    name: str
    age: int = 0
    tags: list[str] | None = None


class Aliased(pydantic.BaseModel):
    user_name: str = pydantic.Field(alias="userName")
    picture: Any = None

    @pydantic.model_validator(mode="after")
    def check(self) -> Aliased:
        if self.user_name == "crash":
            raise LookupError("a bug of the application")
        return self


class Client(msgspec.Struct):
    user_agent: str
    accept_language: list[str] = []


def form(*pairs: tuple[str, str]) -> MultiDict[str]:
    return MultiDict(pairs, source="form")


@pytest.mark.capability("C051")
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(form(("text", "x")), Search("x"), id="defaults"),
        pytest.param(
            form(("text", "5"), ("page", "2"), ("colours", "red"), ("colours", "red"), ("since", "2024-02-29")),
            Search("5", 2, [Colour.RED, Colour.RED], datetime.date(2024, 2, 29)),
            id="every-kind-of-field",
        ),
        pytest.param(
            form(("text", ""), ("since", ""), ("exact", "on")), Search("", exact=True), id="empty-and-checked"
        ),
        pytest.param(form(("text", "a"), ("text", "b")), Search("a"), id="of-a-repeated-key-the-first"),
        pytest.param(form(("text", "a"), ("span", "1"), ("span", "2")), Search("a", span=(1, 2)), id="a-tuple"),
        pytest.param(form(("text", "a"), ("other", "b")), Search("a"), id="unknown-fields-are-ignored"),
    ],
)
def test_forms(fields: MultiDict[str], expected: Search) -> None:
    """The fields of a form become a value of the type, each lifted as its own type asks."""

    assert expected == form_decoder(Search).decode(fields)


def test_all_errors_of_a_form() -> None:
    """A form that does not fit is 422 with every error and the names of the fields."""
    fields = form(("page", "0"), ("colours", "red"), ("colours", "green"), ("exact", "maybe"), ("span", "1"))
    with pytest.raises(ValidationFailed) as caught:
        form_decoder(Search).decode(fields)

    assert caught.value.errors == (
        {"in": "form", "at": "text", "message": "Object missing required field `text`"},
        {"in": "form", "at": "page", "message": "Expected `int` >= 1"},
        {"in": "form", "at": "colours[1]", "message": "Expected `red`"},
        {"in": "form", "at": "exact", "message": "Expected `bool`, got `str`"},
        {"in": "form", "at": "span", "message": "Expected `array` of length 2, got 1"},
    )


def test_one_value_too_many_for_a_tuple() -> None:
    """A repeated key with more values than the tuple has items is refused."""
    fields = form(("text", "a"), ("span", "1"), ("span", "2"), ("span", "3"))
    with pytest.raises(ValidationFailed) as caught:
        form_decoder(Search).decode(fields)

    assert ["Expected `array` of length 2, got 3"] == [error["message"] for error in caught.value.errors]


def test_unknown_fields_where_they_are_forbidden() -> None:
    """A class that forbids unknown fields forbids them in a form too; its names on the wire are the renamed ones."""

    assert Strict("Ada") == form_decoder(Strict).decode(form(("user-name", "Ada")))
    with pytest.raises(ValidationFailed) as caught:
        form_decoder(Strict).decode(form(("user-name", "Ada"), ("role", "admin")))

    assert caught.value.errors == ({"in": "form", "at": "role", "message": "Object contains unknown field `role`"},)


@pytest.mark.pain("P41")
@pytest.mark.parametrize("type_", [DataclassUser, TypedDictUser, AttrsUser, StructUser, PydanticUser])
def test_one_matrix_for_every_library(type_: Any) -> None:
    """Every way to declare fields reads the same form and refuses with the same place."""
    decoder = form_decoder(type_)
    user = decoder.decode(form(("name", "Ada"), ("age", "36"), ("tags", "a"), ("tags", "b")))
    values = user if isinstance(user, dict) else {name: getattr(user, name) for name in ("name", "age", "tags")}
    with pytest.raises(ValidationFailed) as caught:
        decoder.decode(form(("name", "Ada"), ("age", "many")))

    assert {"name": "Ada", "age": 36, "tags": ["a", "b"]} == values
    assert [("form", "age")] == [(error["in"], error["at"]) for error in caught.value.errors]
    assert type_ is decoder.type_


def test_files() -> None:
    """A field of a class that JSON does not know is taken from the files, a list of it from all of that name."""
    files = [Upload(), Upload(), Upload()]
    profile = form_decoder(Profile).decode(
        form(("name", "Ada")),
        MultiDict([("picture", files[0]), ("documents", files[1]), ("documents", files[2])], source="files"),
    )

    assert (files[0], files[1:]) == (profile.picture, profile.documents)
    assert Profile("Ada") == form_decoder(Profile).decode(form(("name", "Ada")))


def test_text_where_a_file_is_wanted() -> None:
    """A file that is something else is an error of its field."""
    with pytest.raises(ValidationFailed) as caught:
        form_decoder(Profile).decode(form(("name", "Ada")), {"picture": "no file"})

    assert caught.value.errors == ({"in": "form", "at": "picture", "message": "Expected `Upload`, got `str`"},)


def test_json_text_in_a_field() -> None:
    """A field with parts is read from JSON text; what is no JSON is told to be no object."""
    decoder = form_decoder(Profile)
    profile = decoder.decode(form(("name", "[1]"), ("item", '{"sku":"a"}'), ("items", '{"sku":"b"}'), ("extra", "[1]")))
    with pytest.raises(ValidationFailed) as caught:
        decoder.decode(form(("name", "Ada"), ("item", "{"), ("items", '{"sku":1}')))

    assert Profile("[1]", item=Item("a"), items=[Item("b")], extra="[1]") == profile
    assert caught.value.errors == (
        {"in": "form", "at": "item", "message": "Expected `object | null`, got `str`"},
        {"in": "form", "at": "items[0].sku", "message": "Expected `str`, got `int`"},
    )


@pytest.mark.security("C25")
@pytest.mark.parametrize(("depth", "is_accepted"), [(2, True), (3, True), (4, False)])
def test_depth_of_json_text_in_a_field(depth: int, is_accepted: bool) -> None:
    """JSON text in a field is as deep as the limits allow."""
    decoder = form_decoder(
        msgspec.defstruct("Deep", [("value", list[Any] | dict[str, Any])]), MessageLimits(max_json_depth=3)
    )
    fields = form(("value", "[" * depth + "]" * depth))
    if is_accepted:
        assert decoder.decode(fields)
    else:
        with pytest.raises(ValidationFailed):
            decoder.decode(fields)


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        pytest.param(dict[str, str], {"a": "1", "b": "3"}, id="the-first-text-of-each"),
        pytest.param(dict[str, int], {"a": 1, "b": 3}, id="numbers"),
        pytest.param(dict[str, list[int]], {"a": [1, 2], "b": [3]}, id="every-text-of-each"),
        pytest.param(dict, {"a": "1", "b": "3"}, id="untyped"),
    ],
)
def test_dicts(type_: Any, expected: Any) -> None:
    """A dict takes every field there is, each as its values ask."""

    assert expected == form_decoder(type_).decode(form(("a", "1"), ("a", "2"), ("b", "3")))


def test_a_dict_of_files_has_no_texts() -> None:
    """Texts are no files, so a dict of files takes none of them."""

    assert {} == form_decoder(dict[str, Upload]).decode(form(("a", "1")))


@pytest.mark.parametrize(
    "type_", [Client, pydantic.create_model("Client", user_agent=(str, ...), accept_language=(list[str], []))]
)
def test_header_fields(type_: Any) -> None:
    """In header fields underscores are hyphens, in the errors too."""
    decoder = model_decoder(type_, "header")
    client = decoder.decode(
        RequestHeaders.from_raw([(b"user-agent", b"x"), (b"accept-language", b"de"), (b"accept-language", b"en")])
    )
    with pytest.raises(ValidationFailed) as caught:
        decoder.decode(RequestHeaders.from_raw([]))

    assert ("x", ["de", "en"]) == (client.user_agent, client.accept_language)
    assert [("header", "user-agent")] == [(error["in"], error["at"]) for error in caught.value.errors]


def test_cookies() -> None:
    """A plain mapping, as cookies are, has one value of each name."""
    model = msgspec.defstruct("Cookies", [("theme", str), ("seen", list[int], [])])
    decoder = model_decoder(model, "cookie")

    assert model("dark", [3]) == decoder.decode({"theme": "dark", "seen": "3"})
    assert model("dark") == decoder.decode({"theme": "dark"})


def test_pydantic_aliases_and_files() -> None:
    """A pydantic field is read under its alias; a file of its name is handed over."""
    upload = Upload()

    assert upload is form_decoder(Aliased).decode(form(("userName", "Ada")), {"picture": upload}).picture
    with pytest.raises(ValidationFailed) as caught:
        form_decoder(Aliased).decode(form(("user_name", "Ada")))

    assert [("form", "userName")] == [(error["in"], error["at"]) for error in caught.value.errors]


def test_a_bug_in_a_pydantic_model_is_no_validation_error() -> None:
    """An exception of another kind comes out as it is."""
    with pytest.raises(LookupError):
        form_decoder(Aliased).decode(form(("userName", "crash")))


@pytest.mark.parametrize(
    ("type_", "source", "name"),
    [
        pytest.param(list[int], "form", "list[int]", id="a-list"),
        pytest.param(int, "query", "int", id="a-scalar"),
        pytest.param(
            msgspec.defstruct("Twice", [("value", dict[str, int] | Item)]), "query", "Twice", id="a-type-of-no-decoder"
        ),
    ],
)
def test_types_that_fields_cannot_make(type_: Any, source: str, name: str) -> None:
    """What is no class with fields and no dict is found while the app is built."""
    with pytest.raises(ConfigurationError) as caught:
        model_decoder(type_, source)
    mistake = caught.value.mistake

    assert "COS-HANDLER-203" == mistake.code
    assert mistake.what == f"`{name}` cannot be read from the fields of the {source}."


@pytest.mark.parametrize(
    ("type_", "expected"),
    [(Search, True), (PydanticUser, True), (dict, True), (dict[str, int], True), (list[int], False), (int, False)],
)
def test_is_form_type(type_: Any, expected: bool) -> None:
    """Classes with fields and dicts can be made of fields by name."""

    assert expected == is_form_type(type_)

"""The HTML of a form."""

from __future__ import annotations

import enum
from html.parser import HTMLParser
from typing import Annotated

import msgspec
import pytest
from hypothesis import given, settings, strategies as st
from msgspec import Meta
from tests.templating.conftest import MakeSite

from costrel.messages import UploadFile
from costrel.templating import ModelForm, render_string
from costrel.templating.shown_form import ShownForm

NASTY = "\"'><script>alert(1)</script>&amp;"


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


class Entry(msgspec.Struct):
    name: Annotated[str, Meta(min_length=1, max_length=5, description="On the door.")]
    password: str = ""
    size: Size = Size.LARGE
    note: str = ""
    terms: bool = False
    errors: int = 0


FORM = ModelForm(Entry, input_types={"note": "textarea"})


class Elements(HTMLParser):
    """What a browser makes of HTML: the attributes and the text of each element that has an id."""

    def __init__(self, html: object) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: dict[str, dict[str, str | None]] = {}
        self.texts: dict[str, str] = {}
        self.selected: list[str | None] = []
        self._current = ""
        self.feed(str(html))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        found = dict(attrs)
        assert len(found) == len(attrs)
        self.names.add(tag)
        self._current = found.get("id") or self._current if tag != "div" else ""
        if "id" in found:
            self.attributes[self._current] = found
        if "selected" in found:
            self.selected.append(found["value"])

    def handle_data(self, data: str) -> None:
        """Keep the text of an element."""
        self.texts[self._current] = self.texts.get(self._current, "") + data


def test_a_field_has_label_hint_and_limits() -> None:
    """The label is tied to the input, and so is the hint."""
    field = FORM.blank().name

    assert '<label for="field-name">Name</label>' == field.label
    assert (
        '<input type="text" id="field-name" name="name" required aria-describedby="field-name-hint"'
        ' minlength="1" maxlength="5">' == field.input
    )
    assert '<p class="hint" id="field-name-hint">On the door.</p>' in str(field)
    assert ("name", "text", "", True, "On the door.") == (
        field.name,
        field.type,
        field.value,
        field.required,
        field.hint,
    )


def test_defaults_stand_in_a_blank_form() -> None:
    """What the class would take is what is shown."""
    form = FORM.blank()

    assert '<option value="l" selected>Large</option>' in form.size.input
    assert '<input type="checkbox" id="field-terms" name="terms" value="true">' in form.terms.input
    assert '<input type="hidden" name="terms" value="false">' in form.terms.input


def test_values_of_an_object_stand_in_a_filled_form() -> None:
    """Every kind of input shows its value, but for passwords."""
    form = FORM.filled(Entry(NASTY, "secret", Size.SMALL, "\na", terms=True))
    found = Elements(form)

    assert NASTY == found.attributes["field-name"]["value"]
    assert "value" not in found.attributes["field-password"]
    assert ["s"] == found.selected
    assert '<textarea id="field-note" name="note">\n\na</textarea>' == form.note.input
    assert "checked" in found.attributes["field-terms"]
    assert "secret" not in str(form)


def test_a_field_may_have_the_name_of_an_attribute() -> None:
    """In brackets there are only fields."""
    form = FORM.blank()

    assert () == form.errors
    assert "errors" == form["errors"].name
    assert ["name", "password", "size", "note", "terms", "errors"] == [field.name for field in form]
    with pytest.raises(AttributeError, match="no field 'nome'"):
        _ = form.nome


@pytest.mark.security("L1")
@given(st.text(alphabet="<>\"'&=` ax/\n", max_size=20), st.text(alphabet="<>\"'&=` ax/", max_size=20))
@settings(max_examples=40)
def test_nothing_typed_becomes_markup(typed: str, message: str) -> None:
    """Values, labels, hints and errors are text wherever they stand."""
    form = ModelForm(Entry, labels={"name": message}, hints={"name": message}, input_types={"note": "textarea"})
    fields = list(form.filled(Entry(typed, note=typed)))
    for field in fields:
        field.errors = [message]
    found = Elements(ShownForm(fields, [message]))

    assert {"div", "p", "label", "input", "select", "option", "textarea"} == found.names
    assert typed == (found.attributes["field-name"].get("value") or "")
    assert f"\n{typed}" == found.texts["field-note"]
    assert message == found.texts.get("field-name-error", "")


def test_errors_are_tied_to_their_input() -> None:
    """A screen reader says what is wrong when it comes to the field."""
    fields = list(FORM.blank())
    fields[0].errors = ["Too <short>.", "Twice."]
    form = ShownForm(fields)

    assert 'aria-describedby="field-name-hint field-name-error" aria-invalid="true"' in form.name.input
    assert '<p class="error" id="field-name-error">Too &lt;short&gt;.<br>Twice.</p>' == form.name.error_list
    assert '<div class="error-summary" role="alert"><p>Some fields are not right yet.</p></div>' == form.summary
    assert not form.is_valid
    assert "" == FORM.blank().summary


def test_files_need_multipart() -> None:
    """The form says how it must be sent."""
    form = ModelForm(msgspec.defstruct("Upload", [("photos", list[UploadFile], msgspec.field(default_factory=list))]))

    assert "multipart/form-data" == form.blank().enctype
    assert '<input type="file" id="field-photos" name="photos" multiple>' == form.blank().photos.input
    assert "application/x-www-form-urlencoded" == FORM.blank().enctype


@pytest.mark.parametrize("has_csrf", [True, False], ids=["with", "without"])
def test_a_form_has_the_field_against_forged_requests(make_site: MakeSite, has_csrf: bool) -> None:
    """It is there when the application has one, and is not escaped twice."""
    app = make_site()
    field = '<input type="hidden" name="csrf_token" value="a">'

    class Markup(str):
        def __html__(self) -> str:
            return self

    if has_csrf:
        app.template_global("csrf_field")(lambda: Markup(field))
    with app.test_request_context("/"):
        page = render_string("{{ form }}", form=FORM.blank())

    assert has_csrf is page.startswith(field)
    assert '<div class="field">' in page

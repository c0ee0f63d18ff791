"""A typed form from the empty page to the saved entry."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pydantic
import pytest
from msgspec import Meta
from tests.templating.conftest import MakeSite

from costrel.app import App
from costrel.errors import ConfigurationError, ValidationFailed
from costrel.handling import Form
from costrel.messages import Response
from costrel.templating import ModelForm, lazy_gettext, render

PAGE = {"templates/page.html": "{{ title }}{% block form %}<form method=post>{{ form }}</form>{% endblock %}"}


class Entry(msgspec.Struct):
    name: Annotated[str, Meta(min_length=2)]
    age: Annotated[int, Meta(ge=18)]
    terms: bool = False

    def __post_init__(self) -> None:
        if not self.terms:
            raise ValueError("The terms must be accepted.")


class Model(pydantic.BaseModel):
    name: str = pydantic.Field(min_length=2)
    age: int = pydantic.Field(ge=18)
    terms: bool = False


GOOD = {"name": "Ada", "age": "36", "terms": "true"}


def site_of(make_site: MakeSite, model: Any, handler: str = "def") -> App:
    """Make a site with one form."""
    app = make_site(PAGE)
    form: ModelForm[Any] = ModelForm(model)

    @app.get("/")
    def show() -> str:
        return render("page.html", form=form.blank(), title="New")

    def create(entry: Any) -> Response:
        if entry.name == "taken":
            raise ValidationFailed([{"in": "form", "at": "name", "message": "<Taken>."}])
        return Response(f"saved {entry.name}".encode(), 201)

    async def create_async(entry: Any) -> Response:
        return create(entry)

    chosen = create if handler == "def" else create_async
    chosen.__annotations__["entry"] = Annotated[model, Form()]
    app.post("/", use=[form.shown_again("page.html", title="Again")])(chosen)
    return app


@pytest.mark.parametrize("handler", ["def", "async def"])
@pytest.mark.parametrize("model", [Entry, Model], ids=["msgspec", "pydantic"])
def test_a_form_is_shown_and_read(make_site: MakeSite, model: Any, handler: str) -> None:
    """What is right reaches the handler as the class."""
    with site_of(make_site, model, handler).test_client() as client:
        shown = client.get("/")
        saved = client.post("/", data=GOOD)

    assert (200, True) == (shown.status_code, "aria-invalid" not in shown.text)
    assert (201, "saved Ada") == (saved.status_code, saved.text)


@pytest.mark.parametrize("model", [Entry, Model], ids=["msgspec", "pydantic"])
def test_a_failure_shows_the_page_again(make_site: MakeSite, model: Any) -> None:
    """Status 422, what was typed, and all that is wrong, field by field."""
    with site_of(make_site, model).test_client() as client:
        answer = client.post("/", data={"name": '"', "age": "12", "terms": "true"})

    assert (422, "no-store") == (answer.status_code, answer.headers["cache-control"])
    assert answer.text.startswith("Again<form")
    assert 'name="name" required aria-describedby="field-name-error" aria-invalid="true"' in answer.text
    assert 'value="&#34;"' in answer.text
    assert "Enter at least 2 characters." in answer.text
    assert "Enter 18 or more." in answer.text
    assert 'value="true" checked' in answer.text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"name": "taken"}, "&lt;Taken&gt;.", id="raised-by-the-handler"),
        pytest.param({"terms": "false"}, "<p>The terms must be accepted.</p>", id="of-the-whole"),
        pytest.param({"age": "x"}, "Enter a whole number.", id="of-a-type"),
    ],
)
def test_errors_come_from_everywhere(make_site: MakeSite, changes: dict[str, str], expected: str) -> None:
    """The types, the class and the handler all speak through the form, escaped."""
    with site_of(make_site, Entry).test_client() as client:
        answer = client.post("/", data={**GOOD, **changes})

    assert 422 == answer.status_code
    assert expected in answer.text


def test_an_empty_form_says_what_is_missing(make_site: MakeSite) -> None:
    """Fields that were not sent at all are like empty ones."""
    with site_of(make_site, Entry).test_client() as client:
        answer = client.post("/", data={})

    assert 422 == answer.status_code
    assert 2 == answer.text.count("This must be filled in.")


def test_a_program_gets_the_problem_document(make_site: MakeSite) -> None:
    """What was sent as JSON is answered as ever."""
    app = make_site(PAGE)
    form = ModelForm(Entry)

    @app.post("/", use=[form.shown_again("page.html")])
    def create(entry: Entry) -> str:
        return entry.name

    with app.test_client() as client:
        answers = [client.post("/", json={"name": ""}), client.post("/", data={"name": ""})]

    assert ["application/problem+json", "text/html; charset=utf-8"] == [one.headers["content-type"] for one in answers]
    assert [422, 422] == [one.status_code for one in answers]


def test_a_part_of_the_page_may_be_shown_again(make_site: MakeSite) -> None:
    """For htmx only the form is sent."""
    app = make_site(PAGE)
    form = ModelForm(Entry)

    @app.post("/", use=[form.shown_again("page.html", fragment="form")])
    def create(entry: Annotated[Entry, Form()]) -> str:
        return entry.name

    with app.test_client() as client:
        assert client.post("/", data={}).text.startswith("<form")


def test_other_failures_pass(make_site: MakeSite) -> None:
    """The layer is about validation alone."""
    app = make_site(PAGE)

    @app.post("/", use=[ModelForm(Entry).shown_again("page.html")])
    def create(entry: Annotated[Entry, Form()]) -> str:
        raise LookupError

    with app.test_client(raise_app_exceptions=False) as client:
        assert 500 == client.post("/", data=GOOD).status_code


def test_labels_hints_and_what_is_left_out() -> None:
    """The names in words are labels until somebody says better."""
    form = ModelForm(Entry, labels={"age": lazy_gettext("Years")}, hints={"age": "In full."}, leave_out=["terms"])
    shown = form.blank()

    assert ["name", "age"] == [field.name for field in shown]
    assert '<label for="field-age">Years</label>' == shown.age.label
    assert "In full." == shown.age.hint
    assert "ModelForm(Entry)" == repr(form)


@pytest.mark.parametrize("option", ["labels", "hints", "input_types"])
def test_an_option_for_no_field_is_a_mistake(option: str) -> None:
    """A slip is found when the form is made."""
    options: dict[str, Any] = {option: {"nome": "x"}}
    with pytest.raises(ConfigurationError, match=r"`age`, `name`, `terms`") as caught:
        ModelForm(Entry, **options)

    assert "COS-TEMPLATE-006" == caught.value.code


def test_errors_of_items_belong_to_their_field(make_site: MakeSite) -> None:
    """A path below a field is about the field, an unknown one about the form, and each is said once."""
    app = make_site(PAGE)
    form = ModelForm(Entry)
    errors = [
        {"in": "form", "at": "name[0]", "message": "First."},
        {"in": "form", "at": "name[1].x", "message": "First."},
        {"in": "form", "at": "$.age", "message": "Second."},
        {"in": "form", "at": "nowhere", "message": "Third."},
        {"in": "query", "message": "Fourth."},
    ]

    @app.post("/", use=[form.shown_again("page.html")])
    def create() -> str:
        raise ValidationFailed(errors)

    with app.test_client() as client:
        text = client.post("/", data={"name": "a"}).text

    assert '<p class="error" id="field-name-error">First.</p>' in text
    assert '<p class="error" id="field-age-error">Second.</p>' in text
    assert "<p>Third.</p><p>Fourth.</p>" in text

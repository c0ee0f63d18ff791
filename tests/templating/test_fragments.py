"""One block of a page."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from jinja2 import TemplateNotFound, TemplateSyntaxError
from tests.templating.conftest import MakeSite

from costrel.app import App
from costrel.errors import ProgrammerError
from costrel.templating import render

FILES = {
    "templates/layout.html": "<html>{% block main %}{% block inner %}of the layout{% endblock %}{% endblock %}</html>",
    "templates/base.html": (
        "{% extends 'layout.html' %}{% block main %}<main>{% block body %}{% endblock %}</main>{% endblock %}"
    ),
    "templates/macros.html": "{% macro cell(value) %}<td>{{ value }}</td>{% endmacro %}",
    "templates/page.html": (
        "{% extends 'base.html' %}{% from 'macros.html' import cell %}\n{% import 'macros.html' as m %}\n"
        "{% set unit = 'kg' %}{% macro row(x) %}<tr>{{ cell(x) }}</tr>{% endmacro %}"
        "{% block body %}<table>{% block rows %}{% for x in rows %}{{ row(x) }}{% endfor %}{{ unit }}{% endblock %}"
        "{% block foot %}{{ m.cell(request.path) }}{% endblock %}</table>{% endblock %}"
    ),
    "templates/plain.html": "no blocks",
    "templates/broken.html": "{% block a %}\n{% if %}{% endblock %}",
}


@pytest.fixture
def app(make_site: MakeSite) -> App:
    return make_site(FILES)


@pytest.mark.capability("C101")
def test_layouts_nest_and_macros_are_imported(app: App) -> None:
    """A page fills a block of a layout that fills a block of another, with macros of a third file."""
    with app.test_request_context("/"):
        page = render("page.html", rows=["<a>"])

    expected = "<table><tr><td>&lt;a&gt;</td></tr>kg<td>/</td></table>"
    assert f"<html><main>{expected}</main></html>" == page.replace("\n", "")


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        pytest.param("rows", "<tr><td>&lt;a&gt;</td></tr>kg", id="in-another-block"),
        pytest.param("foot", "<td>/</td>", id="by-a-module-of-macros"),
        pytest.param("body", "<table><tr><td>&lt;a&gt;</td></tr>kg<td>/</td></table>", id="with-blocks-inside"),
    ],
)
def test_a_fragment_is_one_block(app: App, fragment: str, expected: str) -> None:
    """It has the imports, macros and values of the top of its file, and nothing of the layout."""
    with app.test_request_context("/"):
        assert expected == render("page.html", fragment=fragment, rows=["<a>"])
        assert expected == render(["none.html", "page.html"], fragment=fragment, rows=["<a>"])


@pytest.mark.parametrize(
    ("template", "fragment", "why"),
    [
        pytest.param("page.html", "row", r"`body`, `foot`, `rows`", id="a-slip"),
        pytest.param("page.html", "inner", r"Blocks of its layout do not count", id="a-block-of-the-layout"),
        pytest.param("plain.html", "rows", r"no blocks at all", id="no-blocks"),
    ],
)
def test_a_wrong_name_lists_the_blocks(app: App, template: str, fragment: str, why: str) -> None:
    """The mistake says which blocks there are."""
    with app.test_request_context("/"), pytest.raises(ProgrammerError, match=why) as caught:
        render(template, fragment=fragment)

    assert "COS-TEMPLATE-004" == caught.value.code


def test_what_cannot_be_found_or_compiled_is_jinjas_error(app: App) -> None:
    """A fragment fails as a page does."""
    with app.test_request_context("/"):
        with pytest.raises(TemplateNotFound):
            render("none.html", fragment="a")
        with pytest.raises(TemplateSyntaxError) as caught:
            render("broken.html", fragment="a")
    assert 2 == caught.value.lineno


@pytest.mark.parametrize(("debug", "expected"), [(True, "new"), (False, "old")])
def test_a_fragment_is_compiled_again_in_debug_mode_only(
    make_site: MakeSite, tmp_path: Path, debug: bool, expected: str
) -> None:
    """As a page is."""
    app = make_site({"templates/a.html": "{% block b %}old{% endblock %}"}, debug=debug)
    with app.test_request_context("/"):
        assert "old" == render("a.html", fragment="b")
        path = tmp_path / "templates" / "a.html"
        path.write_text("{% block b %}new{% endblock %}", "utf-8")
        os.utime(path, ns=(1, 1))

        assert expected == render("a.html", fragment="b")


def test_tests_see_the_template_of_a_fragment(app: App) -> None:
    """The event has the name of the file."""

    @app.get("/")
    async def index() -> str:
        return render("page.html", fragment="rows", rows=[])

    with app.test_client() as client:
        answer = client.get("/")

    assert "kg" == answer.text
    assert answer.template is not None
    assert "page.html" == answer.template.name

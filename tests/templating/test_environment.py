"""The rules of the Jinja environment: escaping, names, JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from jinja2 import TemplateNotFound

from costrel.app import App
from costrel.errors import OutsideRequest
from costrel.messages import AppSettings, Request
from costrel.templating.environment import PageEnvironment, is_escaped
from costrel.templating.loading import MissingTemplate

EXTENSIONS = ("costrel.templating:Templates", "costrel.sessions:SignedCookieSessions")


@pytest.fixture
def environment(tmp_path: Path) -> PageEnvironment:
    return PageEnvironment(lambda: [tmp_path])


@pytest.fixture
def request_() -> Iterator[Request]:
    app = App("shop", settings=AppSettings(secret_key="k" * 20), extensions=EXTENSIONS)
    app.add_route("/orders/{id}", lambda id: "", name="order")
    with app.test_request_context("/?q=1") as request:
        yield request


@pytest.mark.security("L1")
@pytest.mark.parametrize(
    "name", ["a.html", "a.htm", "a.xml", "a.xhtml", "a.svg", "a.jinja", "a.j2", "a", "a.txt.html", "a.TXT.j2", None]
)
def test_values_are_escaped_whatever_the_name(tmp_path: Path, environment: PageEnvironment, name: str | None) -> None:
    """Escaping depends on no list of suffixes that could miss one."""
    source = "{{ value }}"
    if name is not None:
        (tmp_path / name).write_text(source, "utf-8")
    template = environment.get_template(name) if name is not None else environment.from_string(source)

    assert "&lt;script&gt;" == template.render(value="<script>")


@pytest.mark.parametrize("name", ["mail.txt", "README.md", "MAIL.TXT"])
def test_plain_text_is_not_escaped(tmp_path: Path, environment: PageEnvironment, name: str) -> None:
    """A mail in plain text has no HTML in it."""
    (tmp_path / name).write_text("{{ value }}", "utf-8")

    assert not is_escaped(name)
    assert "5 < 6" == environment.get_template(name).render(value="5 < 6")


@pytest.mark.security("L2")
@pytest.mark.parametrize("key", ["a onload=x", "a/", "a>", "a=", "a\tb"])
def test_attribute_names_with_markup_in_them_are_refused(environment: PageEnvironment, key: str) -> None:
    """``xmlattr`` writes names as they are, so those that would begin another attribute raise (CVE-2024-34064)."""
    template = environment.from_string("<div {{ attributes|xmlattr }}>")

    with pytest.raises(ValueError, match="character in attribute name"):
        template.render(attributes={key: "1"})


@pytest.mark.security("L5")
@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    ("filter_name", "text"),
    [
        pytest.param("striptags", "<" * 200_000, id="striptags"),
        pytest.param("truncate(50)", "word " * 40_000, id="truncate"),
        pytest.param("urlize", "http://" * 20_000, id="urlize"),
        pytest.param("urlize", "a@b." * 40_000, id="urlize-mail"),
    ],
)
def test_filters_on_long_text_end(environment: PageEnvironment, filter_name: str, text: str) -> None:
    """No filter of Jinja takes more than a moment for 200 kB that were made to be slow (CVE-2020-28493)."""
    page = environment.from_string("{{ text|" + filter_name + " }}").render(text=text)

    assert len(page) <= 5 * len(text)


@dataclass
class Point:
    x: int
    label: str


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("{{ value|tojson }}", r'{"x":1,"label":"\u003c/script\u003e\u0026\u0027"}', id="safe-in-a-script"),
        pytest.param(
            "{{ value|tojson(indent=1) }}",
            '{\n "x": 1,\n "label": "\\u003c/script\\u003e\\u0026\\u0027"\n}',
            id="with-indent",
        ),
    ],
)
def test_json_in_a_page_cannot_end_its_script(environment: PageEnvironment, source: str, expected: str) -> None:
    """``tojson`` takes what handlers may return, keeps the order of keys, and writes no markup."""

    assert expected == environment.from_string(source).render(value=Point(1, "</script>&'"))


@pytest.mark.capability("X30")
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("{{ request.path }}", "/", id="request"),
        pytest.param("{{ session.get('user', 'nobody') }}", "nobody", id="session"),
        pytest.param("{{ g.get('x', 2) }}", "2", id="g"),
        pytest.param("{{ current_app.name }}", "shop", id="current-app"),
        pytest.param("{{ url_for('order', id=5) }}", "/orders/5", id="url-for"),
        pytest.param("{{ nobody_knows }}", "", id="unknown"),
    ],
)
def test_a_page_can_name_its_request(
    environment: PageEnvironment, request_: Request, source: str, expected: str
) -> None:
    """The names of a request are there without being passed."""
    template = environment.from_string(source)

    assert expected == template.render(environment.of_request(request_, {}))


@pytest.mark.parametrize("name", ["request", "session", "g", "current_app"])
def test_a_given_name_wins(environment: PageEnvironment, request_: Request, name: str) -> None:
    """A database session that is passed as ``session`` is not hidden by that of the client."""
    template = environment.from_string("{{ " + name + " }}")

    assert "given" == template.render(environment.of_request(request_, {name: "given"}))


@pytest.mark.pain("P31")
def test_a_session_that_is_not_named_stays_untouched(environment: PageEnvironment, request_: Request) -> None:
    """Rendering alone must not make a page private to its visitor."""
    environment.from_string("{{ request.path }} {{ g }}").render(environment.of_request(request_, {}))
    before = request_.session.accessed
    environment.from_string("{{ session.user }}").render(environment.of_request(request_, {}))

    assert (False, True) == (before, request_.session.accessed)


def test_an_included_template_sees_the_request(tmp_path: Path, environment: PageEnvironment, request_: Request) -> None:
    """Includes, parents and imports ``with context`` are parts of the page."""
    (tmp_path / "base.html").write_text("{{ request.path }}|{% block body %}{% endblock %}", "utf-8")
    (tmp_path / "part.html").write_text("{{ current_app.name }}", "utf-8")
    (tmp_path / "macros.html").write_text("{% macro who() %}{{ current_app.name }}!{% endmacro %}", "utf-8")
    template = environment.from_string(
        "{% extends 'base.html' %}{% block body %}{% include 'part.html' %}|"
        "{% from 'macros.html' import who with context %}{{ who() }}{% endblock %}"
    )

    assert "/|shop|shop!" == template.render(environment.of_request(request_, {}))


def test_a_kept_macro_knows_no_request(tmp_path: Path, environment: PageEnvironment, request_: Request) -> None:
    """Jinja keeps a module that is imported without context, so it must not read what belongs to one visitor."""
    (tmp_path / "macros.html").write_text(
        "{% set path = request %}{% macro who() %}[{{ path }}{{ request }}{{ url_for('order', id=1) }}]{% endmacro %}",
        "utf-8",
    )
    template = environment.from_string("{% from 'macros.html' import who %}{{ who() }}")

    assert "[/orders/1]" == template.render(environment.of_request(request_, {}))


def test_an_app_context_has_no_request(environment: PageEnvironment) -> None:
    """A page that is rendered by a command knows its application, and that nobody asked."""
    app = App("shop", settings=AppSettings(), extensions=EXTENSIONS)
    with app.app_context() as context:
        page = environment.from_string("{{ current_app.name }}{{ request is defined }}").render(
            environment.of_request(context, {})
        )

    assert "shopFalse" == page


def test_a_url_needs_an_application(environment: PageEnvironment) -> None:
    """``url_for`` outside everything says so."""
    with pytest.raises(OutsideRequest, match="`url_for` was used outside a request"):
        environment.from_string("{{ url_for('order', id=1) }}").render()


def test_the_first_of_several_templates_is_taken(tmp_path: Path, environment: PageEnvironment) -> None:
    """A list of names is a list of fallbacks."""
    (tmp_path / "b.html").write_text("b", "utf-8")

    assert "b" == environment.find_template(["a.html", "b.html"]).render()


def test_when_none_of_several_exists_all_are_named(environment: PageEnvironment) -> None:
    """The error is Jinja's kind, and names everything that was tried."""
    with pytest.raises(TemplateNotFound) as caught:
        environment.find_template(["a.html", "b.html"])

    assert isinstance(caught.value, MissingTemplate)
    assert "There is no template `a.html` or `b.html`." == caught.value.mistake.what


def test_a_missing_parent_explains_itself(tmp_path: Path) -> None:
    """What one template names and no folder has is explained like what a handler names, with near names in debug."""
    (tmp_path / "base.html").touch()
    environment = PageEnvironment(lambda: [tmp_path], debug=True)

    with pytest.raises(TemplateNotFound, match=r"Did you mean `base\.html`\?"):
        environment.from_string("{% extends 'bse.html' %}").render()
    assert "" == environment.from_string("{% include 'bse.html' ignore missing %}").render()


def test_no_bytecode_is_written(environment: PageEnvironment) -> None:
    """Nothing that is run again is kept where others could write (CVE-2014-1402)."""

    assert environment.bytecode_cache is None


@pytest.mark.parametrize("debug", [True, False])
def test_a_changed_template_is_read_again_in_debug_mode(tmp_path: Path, debug: bool) -> None:
    """While developing a page changes with its file; in production nobody asks the file system."""
    environment = PageEnvironment(lambda: [tmp_path], debug=debug)

    assert debug is environment.auto_reload

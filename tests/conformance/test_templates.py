"""Templates with what users wrote in them, through a whole application."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from costrel import App, Request, render
from costrel.templating import render_string
from costrel.testing import TestClient

MARKUP = "<script>alert(1)</script>\"'&"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;&amp;"
NAMES = ["a.html", "a.htm", "a.xml", "a.xhtml", "a.svg", "a.jinja", "a.j2", "a.html.j2", "a", "a.HTML", "a.txt.html"]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    folder = tmp_path / "templates"
    folder.mkdir()
    for name in [*NAMES, "a.txt", "a.md"]:
        (folder / name).write_text("{{ value }}", "utf-8")
    (folder / "child.html").write_text('{% extends "a.html" %}', "utf-8")
    (folder / "macro.html").write_text("{% macro m(x) %}{{ x }}{% endmacro %}{{ m(value) }}", "utf-8")
    (tmp_path / "secret").write_text("top secret", "utf-8")
    app = App()
    app.root_folder = tmp_path

    @app.get("/render")
    def page(name: str, value: str = "") -> str:
        return render(name, value=value)

    @app.get("/text")
    def text(value: str) -> str:
        return render_string("{{ value }} {{ {'value': value}.value }}", value=value)

    @app.get("/attributes")
    def attributes(request: Request) -> str:
        return render_string("<div{{ pairs|xmlattr }}>", pairs=dict(request.query))

    @app.get("/include")
    def include(name: str) -> str:
        return render_string("{% include name %}", name=name)

    with app.test_client(raise_app_exceptions=False) as client:
        yield client


@pytest.mark.security("L1")
@pytest.mark.parametrize("name", [*NAMES, "child.html", "macro.html"])
def test_values_are_escaped_in_every_file(client: TestClient, name: str) -> None:
    """Whatever a template is called, what a user wrote is text in it."""
    response = client.get("/render", params={"name": name, "value": MARKUP})

    assert (200, ESCAPED) == (response.status_code, response.text)


@pytest.mark.security("L1")
@pytest.mark.parametrize("name", ["a.txt", "a.md"])
def test_plain_text_is_the_exception(client: TestClient, name: str) -> None:
    """A mail is no page, so nothing in it is escaped."""

    assert MARKUP == client.get("/render", params={"name": name, "value": MARKUP}).text


@pytest.mark.security("L1")
def test_values_are_escaped_in_text(client: TestClient) -> None:
    """A template without a name is a page."""

    assert f"{ESCAPED} {ESCAPED}" == client.get("/text", params={"value": MARKUP}).text


@pytest.mark.security("L2")
@pytest.mark.parametrize("key", ["a onload=x", "a/", "a>", "a=", "a\tb", "a\nb"])
def test_an_attribute_name_with_markup_in_it_is_refused(client: TestClient, key: str) -> None:
    """A name that would begin another attribute is an error, never sent (CVE-2024-22195, CVE-2024-34064)."""
    refused, fine = client.get("/attributes", params={key: "1"}), client.get("/attributes", params={"id": '"x'})

    assert (500, 200) == (refused.status_code, fine.status_code)
    assert '<div id="&#34;x">' == fine.text


@pytest.mark.security("L3")
@pytest.mark.parametrize("path", ["/render", "/include"])
@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "../../etc/passwd",
        "/etc/passwd",
        "a.html/../../secret",
        "..\\secret",
        "x\0",
        "CON",
        "a.html.",
        "",
        ".",
    ],
)
def test_a_template_name_stays_in_its_folder(client: TestClient, path: str, name: str) -> None:
    """A name that leads elsewhere is one that does not exist."""
    response = client.get(path, params={"name": name})

    assert 500 == response.status_code
    assert "secret" not in response.text
    assert "root:" not in response.text


@pytest.mark.security("L4")
@pytest.mark.parametrize(
    "value",
    [
        "{{ 7 * 7 }}",
        "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
        "{{ request.app.settings.secret_key }}",
        "{# #}{{ value }}",
    ],
)
def test_what_a_user_wrote_is_a_value_and_no_template(client: TestClient, value: str) -> None:
    """Text of a client is put into a template and never read as one."""
    response = client.get("/render", params={"name": "a.html", "value": value})

    assert value.replace("'", "&#39;") == response.text


@pytest.mark.security("L4")
def test_the_documentation_says_never_to_render_the_text_of_users() -> None:
    """There is no sandbox, so the policy and the documentation of the function say what not to do."""
    policy = Path(__file__).parents[2].joinpath("SECURITY.md").read_text("utf-8")

    assert "an application that renders templates written by its users" in policy
    assert "Never make the text from what a client sent" in (render_string.__doc__ or "")


@pytest.mark.security("L5")
@pytest.mark.parametrize("filter_name", ["urlize", "striptags", "truncate(50)", "wordwrap(79)", "escape", "title"])
@pytest.mark.parametrize("piece", ["<", "http://", "a@b.", "&#", "(", "word ", "<!--"])
def test_a_filter_answers_for_long_text(filter_name: str, piece: str) -> None:
    """What is long and was made to be slow is rendered like any other text (CVE-2020-28493)."""
    app = App()

    @app.get("/")
    async def page() -> str:
        return render_string("{{ text|" + filter_name + " }}", text=piece * (100_000 // len(piece)))

    with app.test_client(timeout_seconds=3) as client:
        assert 200 == client.get("/").status_code

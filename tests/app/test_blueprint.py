"""Blueprints: what they are made of, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from costrel.app import App, Blueprint
from costrel.app.blueprint import folder_of_module
from costrel.errors import ConfigurationError
from costrel.templating import render
from costrel.testing import TestClient


@pytest.mark.parametrize(
    ("name", "prefix", "message"),
    [
        pytest.param("a.b", "", "has no dot and is not empty: 'a.b'", id="dot"),
        pytest.param("", "", "has no dot and is not empty: ''", id="empty"),
        pytest.param("a", "a", "begins with a slash: 'a'", id="prefix-without-slash"),
    ],
)
def test_names_and_prefixes_that_cannot_be_joined_are_refused(name: str, prefix: str, message: str) -> None:
    """The name comes before a dot, the prefix before a path."""
    with pytest.raises(ValueError, match=message):
        Blueprint(name, prefix=prefix)


def test_a_blueprint_is_never_below_itself() -> None:
    """Its paths and names would have no end."""
    a, b, c = Blueprint("a"), Blueprint("b"), Blueprint("c")
    a.register(b)
    b.register(c)

    for parent in (a, b, c):
        with pytest.raises(ConfigurationError) as caught:
            parent.register(a)
        assert "COS-APP-039" == caught.value.code

    a.register(c, name="again")


def test_a_blueprint_knows_its_module() -> None:
    """Relative folders are beside the file that makes it."""
    part = Blueprint("part", prefix="/p")

    assert (Path(__file__).parent, "<Blueprint 'part' /p>") == (part.root_folder, repr(part))
    assert Path.cwd() == folder_of_module(None)


def test_a_registration_may_say_another_prefix_and_name() -> None:
    """What is not said is the blueprint's own; a final slash is no part of a prefix."""
    parent, part = Blueprint("parent"), Blueprint("part", prefix="/p", host="x.example")
    parent.register(part)
    parent.register(part, prefix="/q/", name="other")

    assert [("/p", "part", "x.example"), ("/q", "other", "x.example")] == [
        (child.prefix, child.name, child.host) for child in parent.children
    ]


def test_folders_of_a_blueprint_are_served_and_searched(tmp_path: Path) -> None:
    """Its static files lie under its prefix, its templates come after the app's."""
    for folder, name, text in (("files", "a.txt", "file"), ("pages", "page.html", "{{ title }}")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text)
    part = Blueprint("part", prefix="/part", template_folder="pages", static_folder="files")
    part.root_folder = tmp_path
    app = App("test")

    @part.get("/")
    def page() -> str:
        return render("page.html", title="from the blueprint")

    app.register(part)

    with TestClient(app) as client:
        assert ["file", "from the blueprint"] == [client.get(path).text for path in ("/part/static/a.txt", "/part")]
    assert "/part/static/a.txt" == app.url_for("part.static", path="a.txt")

"""The chain from the app through its blueprints, flattened."""

from __future__ import annotations

import pytest

from costrel.app import App, Blueprint
from costrel.app.scopes import Scope, iter_scopes


def scopes_of(app: App) -> dict[str, Scope]:
    return {scope.name: scope for scope in iter_scopes(app)}


def test_parents_come_before_children() -> None:
    """With names and prefixes joined, and the host of the nearest that has one."""
    app, a, b = App("test", extensions=()), Blueprint("a", prefix="/a", host="x.example"), Blueprint("b", prefix="/b")
    a.register(b)
    app.register(a)
    app.register(b, name="c")

    assert [("", "", None), ("a", "/a", "x.example"), ("a.b", "/a/b", "x.example"), ("c", "/b", None)] == [
        (scope.name, scope.prefix, scope.host) for scope in iter_scopes(app)
    ]
    assert ("b", "a.b.x", "x") == (
        scopes_of(app)["a.b"].group_name,
        scopes_of(app)["a.b"].full_name("x"),
        scopes_of(app)[""].full_name("x"),
    )


@pytest.mark.parametrize(
    ("prefix", "path", "expected"),
    [("", "/x", "/x"), ("/a", "/x", "/a/x"), ("/a", "/", "/a"), ("/a", "", "/a"), ("", "/", "/")],
)
def test_a_prefix_comes_before_a_path(prefix: str, path: str, expected: str) -> None:
    """A blueprint's ``/`` is its prefix itself."""
    app = App("test", extensions=())
    app.register(Blueprint("part", prefix=prefix))

    assert expected == scopes_of(app)["part"].full_path(path)


@pytest.mark.parametrize(
    ("outer", "inner", "expected"), [(None, None, "html"), ("json", None, "json"), ("json", "html", "html")]
)
def test_the_innermost_that_says_what_text_is_counts(outer, inner, expected: str) -> None:
    """An app made for JSON may have a blueprint of pages."""
    app = App("test", extensions=(), text_as=outer)
    app.register(Blueprint("part", text_as=inner, trailing_slash="strict" if inner else None))
    part = scopes_of(app)["part"]

    assert (expected, "strict" if inner else "redirect") == (part.text_as(), part.trailing_slash("redirect"))

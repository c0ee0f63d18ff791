"""Attributes of the application's own must not hide the framework's (`App`, `Globals`, `State`)."""

from __future__ import annotations

import pytest

from costrel.app import App, Globals, State
from costrel.errors import BuildError


class GoodGlobals(Globals):
    """Free names, an annotation with a value among them."""

    user: str
    count: int = 0


class OverridingGlobals(Globals):
    """A method may be overridden."""

    def get(self, name: str, default: object = None) -> object:
        return super().get(name, default)


class HidingGlobals(Globals):
    """An annotation that hides a method."""

    pop: int


class DerivedHidingGlobals(HidingGlobals):
    """A mistake of a parent is one of its children."""

    user: str


class HidingState(State):
    """A value that hides a method."""

    copy = 1


class GoodApp(App):
    """An application with attributes of its own."""

    database: str

    def __init__(self) -> None:
        super().__init__("test", extensions=())
        self.database = "db"


class HidingApp(App):
    """An annotation that hides an attribute of every app."""

    settings: str


class ConfiguredApp(App):
    """An application that reads an attribute which another framework has too."""

    def __init__(self) -> None:
        super().__init__("test", extensions=())
        self.config = {"DEBUG": True}


def built(app: App) -> list[str]:
    try:
        app.build()
    except BuildError as error:
        return [mistake.what for mistake in error.mistakes]
    return []


@pytest.mark.capability("C071")
@pytest.mark.parametrize(
    ("app", "expected"),
    [
        pytest.param(App("t", extensions=(), g=GoodGlobals, state=State(db=1)), [], id="free-names"),
        pytest.param(App("t", extensions=(), g=OverridingGlobals), [], id="an-overridden-method"),
        pytest.param(GoodApp(), [], id="an-app-with-attributes"),
        pytest.param(
            App("t", extensions=(), g=DerivedHidingGlobals),
            ["`Globals.pop` is hidden by an attribute of `HidingGlobals`."],
            id="g",
        ),
        pytest.param(
            App("t", extensions=(), state=HidingState()),
            ["`State.copy` is hidden by an attribute of `HidingState`."],
            id="state",
        ),
        pytest.param(
            App("t", extensions=(), state=State(copy=1)),
            ["`State.copy` is hidden by a value of that name."],
            id="a-value-of-the-state",
        ),
        pytest.param(
            HidingApp("t", extensions=()), ["`App.settings` is hidden by an attribute of `HidingApp`."], id="app"
        ),
    ],
)
def test_a_clash_of_names_is_a_mistake(app: App, expected: list[str]) -> None:
    """Whoever uses what was there before would get the new value."""
    assert expected == built(app)


@pytest.mark.capability("C071")
def test_a_value_set_on_the_app_must_not_hide_a_method() -> None:
    """``app.get = …`` would break every registration that follows."""
    app = App("t", extensions=())
    app.get = "x"

    assert ["`App.get` is hidden by a value of that name."] == built(app)


@pytest.mark.parametrize(
    ("app", "name", "expected"),
    [
        pytest.param(
            App("t", extensions=()), "secret_key", ["`app.secret_key` was set, and nothing reads it."], id="key"
        ),
        pytest.param(App("t", extensions=()), "database", [], id="a-name-of-nobody"),
        pytest.param(ConfiguredApp(), "config", [], id="a-class-that-may-read-it"),
    ],
)
def test_what_configures_another_framework_is_not_set_in_vain(app: App, name: str, expected: list[str]) -> None:
    """A key that nothing reads would be missed at the first session, far from where it was set."""
    setattr(app, name, "x")

    assert expected == built(app)

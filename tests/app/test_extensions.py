"""Extensions: installed once, in order, with what they need, and no two of one name."""

from __future__ import annotations

import pytest

from costrel.app import DEFAULT_EXTENSIONS, App, AppSetup, Extension
from costrel.errors import BuildError, ConfigurationError
from costrel.messages import Dispatch, Request, Response
from costrel.testing import TestClient


class Plugin:
    """An extension that adds a layer."""

    def __init__(self, name: str = "plugin", requires: tuple[str, ...] = (), version: str | None = None) -> None:
        self.name = name
        self.requires = requires
        if version is not None:
            self.version = version

    def install(self, app: AppSetup) -> None:
        async def layer(request: Request, call_next: Dispatch) -> Response:
            response = await call_next(request)
            response.headers.add("x-layer", self.name)
            return response

        app.add_layer(layer)


def codes(app: App) -> list[str]:
    """Build, and return the codes of the mistakes."""
    try:
        app.build()
    except BuildError as error:
        return [mistake.code for mistake in error.mistakes]
    return []


@pytest.mark.capability("C070")
@pytest.mark.parametrize(
    ("extensions", "expected"),
    [
        pytest.param([Plugin("a", ("b",))], ["COS-APP-029"], id="missing"),
        pytest.param([Plugin("a", ("b",)), Plugin("b")], [], id="there-in-either-order"),
        pytest.param([Plugin("a", ("b>=1.2",)), Plugin("b", version="1.10.0")], [], id="new-enough"),
        pytest.param([Plugin("a", ("b>=1.2",)), Plugin("b", version="1.1.9")], ["COS-APP-029"], id="too-old"),
        pytest.param([Plugin("a", ("b", "c"))], ["COS-APP-029"] * 2, id="all-that-is-missing"),
        pytest.param(["no.such.module:X"], ["COS-APP-028"], id="no-such-module"),
        pytest.param(["costrel.app:Nothing"], ["COS-APP-028"], id="no-such-name"),
        pytest.param(["costrel.app"], ["COS-APP-028"], id="no-import-string"),
        pytest.param([object()], ["COS-APP-026"], id="not-an-extension"),
        pytest.param([Plugin("a"), Plugin("a")], ["COS-APP-027"], id="one-name-twice"),
    ],
)
def test_what_extensions_need_is_checked_at_start(extensions: list[Extension | str], expected: list[str]) -> None:
    """A dependency that is missing or too old stops the start with a clear text."""
    assert expected == codes(App("test", extensions=extensions))


@pytest.mark.capability("C070")
def test_the_text_for_a_missing_extension_names_both() -> None:
    """Who needs what, and what to write."""
    with pytest.raises(BuildError) as caught:
        App("test", extensions=[Plugin("admin", ("sessions>=0.1",))]).build()

    mistake = caught.value.mistakes[0]

    assert "The extension `admin` needs `sessions>=0.1`, which is not installed." == mistake.what
    assert "Install it before:  app.install(…)  with an extension named `sessions`" == mistake.fix


@pytest.mark.capability("C070")
def test_a_version_is_that_of_the_distribution_unless_it_says_its_own() -> None:
    """The default extensions have the framework's version."""
    app = App(
        "test", extensions=[*DEFAULT_EXTENSIONS, Plugin("a", ("sessions>=0.0.1",)), Plugin("b", ("sessions>=99",))]
    )

    assert ["COS-APP-029"] == codes(app)


def test_the_default_extensions_are_installed_and_found_by_name() -> None:
    """An app has sessions, templates, static files and error pages unless told otherwise."""
    app = App("test")
    app.build()

    assert {"sessions", "templates", "static", "pages"} == set(app.extensions)


def test_the_last_installed_lies_outermost_and_all_lie_outside_use() -> None:
    """Layers of extensions stand around those that the application lists."""

    async def own(request: Request, call_next: Dispatch) -> Response:
        response = await call_next(request)
        response.headers.add("x-layer", "own")
        return response

    app = App("test", extensions=[Plugin("first"), Plugin("second")], use=[own])

    with TestClient(app) as client:
        response = client.get("/nothing")

    assert ["own", "first", "second"] == response.headers.getlist("x-layer")


def test_install_refuses_after_the_build() -> None:
    """What is installed late would have no effect on the compiled routes."""
    app = App("test", extensions=())
    app.build()

    with pytest.raises(ConfigurationError, match="`install` was called after the application had been built"):
        app.install(Plugin())


def test_install_says_at_once_what_is_wrong() -> None:
    """A class instead of an object is the usual mistake."""
    with pytest.raises(ConfigurationError, match="If it is a class, make it first"):
        App("test", extensions=()).install(Plugin)

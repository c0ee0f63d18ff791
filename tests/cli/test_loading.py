"""From an import string to an application: where it is looked for, and what is said when it is not there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from costrel.cli.foreign_app import carried_by
from costrel.cli.loading import find_file, load_app, watched_folders
from costrel.errors import ConfigurationError

APP = "from costrel import App\n\n{name} = App({title!r}, extensions=())\n"
FACTORY = "from costrel import App\n\ndef {name}(kind='plain'):\n    return App(kind, extensions=())\n"


def write(path: Path, text: str) -> None:
    """Write a module, making its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


@pytest.mark.parametrize(
    ("file", "content", "text", "expected"),
    [
        pytest.param("one.py", APP.format(name="app", title="one"), "one", "one", id="app-of-a-module"),
        pytest.param(
            "two.py", APP.format(name="application", title="two"), "two.py", "two", id="application-of-a-file"
        ),
        pytest.param("three.py", APP.format(name="site", title="three"), "three", "three", id="the-only-app"),
        pytest.param("four.py", APP.format(name="site", title="four"), "four:site", "four", id="a-named-app"),
        pytest.param("five.py", FACTORY.format(name="create_app"), "five", "plain", id="a-factory-by-its-usual-name"),
        pytest.param("six.py", FACTORY.format(name="build"), "six:build", "plain", id="a-named-factory"),
        pytest.param("seven.py", FACTORY.format(name="build"), "seven:build('dev')", "dev", id="a-factory-called"),
        pytest.param("sub/eight.py", APP.format(name="app", title="8"), "sub/eight.py", "8", id="a-file-elsewhere"),
        pytest.param("nine/app.py", APP.format(name="app", title="9"), "nine/", "9", id="a-folder"),
        pytest.param("app.py", APP.format(name="app", title="10"), None, "10", id="found-without-a-name"),
        pytest.param("main.py", APP.format(name="app", title="11"), None, "11", id="main-when-there-is-no-app"),
    ],
)
def test_an_application_is_found(folder: Path, file: str, content: str, text: str | None, expected: str) -> None:
    """By module, file, folder, attribute, factory or convention."""
    write(folder / file, content)

    assert expected == load_app(text).name


FLASK = "import flask\n\n{name} = flask.Flask('old')\n"
FLASK_FACTORY = "import flask\n\ndef {name}(config=None):\n    return flask.Flask('old')\n"
ASGI = "async def {name}(scope, receive, send): ...\n"
WSGI = "def {name}(environ, start_response): ...\n"
EXPLICIT = "from costrel.mounts import WSGIMount\n\ndef call(*args): ...\n\n{name} = WSGIMount(call)\n"


@pytest.mark.parametrize(
    ("content", "text", "expected"),
    [
        pytest.param(FLASK.format(name="app"), "shop", ("wsgi", "flask.app.Flask"), id="flask"),
        pytest.param(FLASK.format(name="site"), "shop:site", ("wsgi", "flask.app.Flask"), id="flask-by-its-name"),
        pytest.param(FLASK_FACTORY.format(name="create_app"), "shop", ("wsgi", "flask.app.Flask"), id="a-factory"),
        pytest.param(FLASK_FACTORY.format(name="make"), "shop:make('x')", ("wsgi", "flask.app.Flask"), id="called"),
        pytest.param(ASGI.format(name="application"), "shop", ("asgi", "shop.application"), id="an-asgi-function"),
        pytest.param(WSGI.format(name="call"), "shop:call", ("wsgi", "shop.call"), id="a-wsgi-function"),
        pytest.param(EXPLICIT.format(name="app"), "shop.py", ("wsgi", "shop.call"), id="said-explicitly"),
    ],
)
def test_an_application_of_another_framework_comes_in_an_app(
    folder: Path, content: str, text: str, expected: tuple[str, str]
) -> None:
    """As the only thing in it, behind nothing of ours."""
    write(folder / "shop.py", content)
    app = load_app(text)
    mount = carried_by(app)

    assert mount is not None
    assert expected == (mount.kind, mount.application_label)
    assert ("shop", "/", True, {}) == (app.name, mount.path, mount.is_fallback, dict(app.extensions))


def test_a_file_in_a_package_is_imported_as_part_of_it(folder: Path) -> None:
    """Relative imports work, because the file gets its full name."""
    write(folder / "cellar" / "__init__.py", "")
    write(folder / "cellar" / "names.py", "NAME = 'wine'\n")
    write(
        folder / "cellar" / "web.py",
        "from costrel import App\nfrom .names import NAME\n\napp = App(NAME, extensions=())\n",
    )

    assert "wine" == load_app("cellar/web.py").name
    assert "cellar.web" in sys.modules


@pytest.mark.parametrize(
    ("content", "text", "code", "said"),
    [
        pytest.param("", "gone.py", "COS-CLI-002", "No file `gone.py`", id="no-file"),
        pytest.param("", "shoq.py", "COS-CLI-002", "Did you mean `shop.py`?", id="a-file-with-a-typing-error"),
        pytest.param("", "nowhere:app", "COS-CLI-002", "No module `nowhere`", id="no-module"),
        pytest.param("", "shop.web:app", "COS-CLI-002", "No module", id="no-module-in-the-package"),
        pytest.param(APP.format(name="app", title="x"), "shop:ap", "COS-CLI-003", "Did you mean `app`?", id="misspelt"),
        pytest.param("", "shop", "COS-CLI-003", "has no application", id="a-module-without-any"),
        pytest.param(
            APP.format(name="a", title="a") + "b = App('b')\n", "shop", "COS-CLI-003", "`a`, `b`", id="several"
        ),
        pytest.param("app = 3\n", "shop:app", "COS-CLI-004", "is 3, which is not an `App`", id="a-number"),
        pytest.param("def make(): return 3\n", "shop:make", "COS-CLI-004", "What `make` returns", id="a-bad-factory"),
        pytest.param("async def make(): ...\n", "shop:make", "COS-CLI-004", "coroutine", id="an-async-factory"),
        pytest.param("def make(a): ...\n", "shop:make", "COS-CLI-006", "missing a required", id="an-argument-missing"),
        pytest.param("def make(): ...\n", "shop:make(1)", "COS-CLI-006", "too many", id="an-argument-too-many"),
        pytest.param(
            APP.format(name="app", title="x"), "shop:app()", "COS-CLI-006", "missing a required", id="a-called-app"
        ),
    ],
)
def test_what_is_not_there_is_said_with_a_code(folder: Path, content: str, text: str, code: str, said: str) -> None:
    """The command line is wrong, and the message says in what."""
    write(folder / "shop.py", content)
    with pytest.raises(ConfigurationError) as caught:
        load_app(text)

    assert code == caught.value.code
    assert said in str(caught.value)


def test_nothing_named_and_nothing_there_says_what_was_looked_for(folder: Path) -> None:
    """The two file names, and the two ways to name an application."""
    with pytest.raises(ConfigurationError) as caught:
        load_app(None)

    assert "COS-CLI-005" == caught.value.code
    assert "app.py or main.py" in str(caught.value)


def test_a_file_named_like_a_known_module_is_refused(folder: Path) -> None:
    """Python would hand out the other module, silently."""
    write(folder / "types.py", APP.format(name="app", title="x"))
    with pytest.raises(ConfigurationError, match="has the name of another module, `types`"):
        load_app("types.py")


@pytest.mark.parametrize(
    ("content", "raised"),
    [
        pytest.param("import no_such_package_anywhere\n", ModuleNotFoundError, id="an-import-in-it-fails"),
        pytest.param("1 / 0\n", ZeroDivisionError, id="it-raises"),
        pytest.param("def (:\n", SyntaxError, id="it-is-no-python"),
    ],
)
def test_what_the_application_raises_comes_out_as_it_is(folder: Path, content: str, raised: type[Exception]) -> None:
    """A mistake in the application is not a mistake on the command line."""
    write(folder / "shop.py", content)
    with pytest.raises(raised):
        load_app("shop.py")


def test_what_is_watched_is_known_without_importing_anything(folder: Path) -> None:
    """The working directory, and the folder that the application is imported from when that lies elsewhere."""
    write(folder / "here" / "shop.py", "raise RuntimeError('imported')\n")

    assert [folder, folder / "here"] == watched_folders("here/shop.py")
    assert [folder] == watched_folders("shop.web:app")
    assert [folder] == watched_folders(None)


def test_a_home_folder_is_not_watched_as_a_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who works in the home folder gets the folder of the application alone."""
    write(folder / "here" / "shop.py", "")
    monkeypatch.setenv("HOME", str(folder))

    assert [folder / "here"] == watched_folders("here/shop.py")


def test_app_comes_before_main(folder: Path) -> None:
    """The order of the two usual names is fixed."""
    write(folder / "main.py", "")
    write(folder / "app.py", "")

    assert folder / "app.py" == find_file(folder)

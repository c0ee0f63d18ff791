"""Templates as an extension of a real application."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from costrel.app import App, Blueprint
from costrel.errors import ProgrammerError
from costrel.messages import AppSettings, AppSetup
from costrel.templating import Templates, render

Make = Callable[..., tuple[App, Templates]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make an application whose folder is the temporary one, with its templates."""

    def make_app(templates: Templates | None = None, *, debug: bool = False) -> tuple[App, Templates]:
        templates = templates or Templates()
        app = App("shop", settings=AppSettings(debug=debug), extensions=(templates,))
        app.root_folder = tmp_path
        return app, templates

    return make_app


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def test_templates_belong_to_an_application() -> None:
    """Without an application nobody knows the folders, and the error says what to do."""
    templates = Templates()

    with pytest.raises(ProgrammerError, match="app.build") as caught:
        _ = templates.environment
    assert "COS-TEMPLATE-003" == caught.value.code
    assert "Templates('templates')" == repr(templates)


@pytest.mark.parametrize("debug", [True, False])
def test_debug_mode_reaches_jinja(make: Make, debug: bool) -> None:
    """Templates are read again when they changed in debug mode, and only there."""
    app, templates = make(debug=debug)
    app.build()

    assert debug is templates.environment.auto_reload


def test_white_space_is_kept_unless_told_otherwise(make: Make) -> None:
    """The options for white space and Jinja's own extensions are passed on."""
    _, plain = make()
    _, trimmed = make(Templates(trim_blocks=True, lstrip_blocks=True, jinja_extensions=["jinja2.ext.do"]))
    for app, templates in ((_, plain), (_, trimmed)):
        templates.install(app)
    source = "  {% if true %}\nx\n  {% endif %}\n"

    assert "  \nx\n  " == plain.environment.from_string(source).render()
    assert "x\n" == trimmed.environment.from_string(source).render()
    assert "" == trimmed.environment.from_string("{% do [] %}").render()


@pytest.mark.capability("C101")
def test_the_folder_of_the_app_comes_before_those_of_blueprints(tmp_path: Path, make: Make) -> None:
    """An application can replace a page of a blueprint; a blueprint cannot replace one of the application."""
    app, templates = make()
    shop = Blueprint("shop", prefix="/shop", template_folder="pages")
    shop.root_folder = tmp_path / "shop"
    admin = Blueprint("admin", prefix="/admin", template_folder="pages")
    admin.root_folder = tmp_path / "admin"
    bare = Blueprint("bare")
    shop.register(admin)
    app.register(shop)
    app.register(bare)
    write(tmp_path / "templates" / "both.html", "app")
    write(tmp_path / "shop" / "pages" / "both.html", "shop")
    write(tmp_path / "shop" / "pages" / "shop.html", "shop")
    write(tmp_path / "admin" / "pages" / "shop.html", "admin")
    app.build()

    assert (tmp_path / "templates", tmp_path / "shop/pages", tmp_path / "admin/pages") == templates.find_folders()
    assert "app" == templates.environment.get_template("both.html").render()
    assert "shop" == templates.environment.get_template("shop.html").render()


def test_the_folder_can_be_another(tmp_path: Path, make: Make) -> None:
    """The folder is relative to the application, or absolute."""
    app, templates = make(Templates("pages"))
    other, elsewhere = make(Templates(tmp_path / "x" / "pages"))
    app.build()
    other.build()

    assert (tmp_path / "pages",) == templates.find_folders()
    assert (tmp_path / "x" / "pages",) == elsewhere.find_folders()


@pytest.mark.capability("X30")
@pytest.mark.parametrize("when", ["before the build", "after the build", "after the first page"])
def test_filters_tests_and_globals_by_decorator(make: Make, when: str) -> None:
    """They may be registered at any time; a template that is compiled later knows them."""
    app, templates = make()

    def register() -> None:
        @templates.filter
        def loud(text: str) -> str:
            return text.upper()

        @templates.test("small")
        def is_small(number: int) -> bool:
            return number < 3

        @templates.global_("answer")
        def compute() -> int:
            return 42

        templates.global_.set("site", "Shop")

    if when == "before the build":
        register()
    app.build()
    if when == "after the first page":
        templates.environment.from_string("").render()
    if when != "before the build":
        register()

    page = templates.environment.from_string("{{ 'x'|loud }} {{ 2 is small }} {{ answer() }} {{ site }}").render()

    assert "X True 42 Shop" == page


def test_other_extensions_can_add_names(make: Make) -> None:
    """What an extension lists as `template_globals` is in every template; the application's own names win."""

    class Money:
        name = "money"
        requires: tuple[str, ...] = ()
        template_globals = {"currency": "EUR", "site": "of the extension"}

        def install(self, app: AppSetup) -> None:
            pass

    app, templates = make()
    templates.global_.set("site", "own")
    app.install(Money())
    app.build()

    assert "EUR own" == templates.environment.from_string("{{ currency }} {{ site }}").render()


@pytest.mark.capability("X30")
def test_context_processors_of_app_and_blueprint(tmp_path: Path, make: Make) -> None:
    """A page gets what the processors of its application and of its blueprint add; what the handler gives wins."""
    app, _ = make()
    shop = Blueprint("shop", prefix="/shop")
    app.context_processor(lambda: {"a": "app", "b": "app", "c": "app"})
    shop.context_processor(lambda: {"b": "shop", "c": "shop"})
    write(tmp_path / "templates" / "page.html", "{{ a }} {{ b }} {{ c }}")

    @app.get("/")
    async def index() -> str:
        return render("page.html", c="handler")

    @shop.get("/")
    async def index_of_shop() -> str:
        return render("page.html", c="handler")

    app.register(shop)
    with app.test_client() as client:
        pages = client.get("/").text, client.get("/shop").text

    assert ("app app handler", "app shop handler") == pages


@pytest.mark.parametrize(
    ("has_folder", "expected"),
    [pytest.param(True, "True", id="with-a-folder"), pytest.param(False, "False", id="without-a-folder")],
)
def test_jinja_is_imported_by_the_build_only_for_a_folder(tmp_path: Path, has_folder: bool, expected: str) -> None:
    """An application without templates does not pay for Jinja; one with them pays at start-up."""
    if has_folder:
        (tmp_path / "templates").mkdir()
    code = (
        "import sys, pathlib; from costrel.app import App; from costrel.messages import AppSettings;"
        "app = App('shop', settings=AppSettings(), extensions=('costrel.templating:Templates',));"
        f"app.root_folder = pathlib.Path({str(tmp_path)!r}); before = 'jinja2' in sys.modules; app.build();"
        "print(before, 'jinja2' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert ["False", expected] == printed

"""The functions that handlers call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import TemplateNotFound, TemplateSyntaxError

from costrel.app import App
from costrel.errors import OutsideRequest, ProgrammerError, RequestEnded
from costrel.messages import AppSettings, StreamResponse
from costrel.templating import render, render_string, stream_render
from costrel.testing import TestClient


@pytest.fixture
def app(tmp_path: Path) -> App:
    app = App("shop", settings=AppSettings(), extensions=("costrel.templating:Templates",))
    app.root_folder = tmp_path
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "page.html").write_text("<p>{{ name }} at {{ request.path }}</p>", "utf-8")
    (folder / "broken.html").write_text("{% if %}", "utf-8")
    (folder / "rows.html").write_text("<ul>{% for row in rows %}<li>{{ row }}</li>{% endfor %}</ul>", "utf-8")
    return app


@pytest.fixture
def client(app: App) -> Iterator[TestClient]:
    with app.test_client() as client:
        yield client


@pytest.mark.capability("C101")
@pytest.mark.capability("X31")
def test_a_handler_returns_a_page(app: App) -> None:
    """``render`` works the same in ``def`` and ``async def``; its text is sent as HTML, and tests see the template."""

    @app.get("/plain")
    def plain() -> str:
        return render("page.html", name="<Ada>")

    @app.get("/async")
    async def on_the_loop() -> str:
        return render(["none.html", "page.html"], name="<Ada>")

    @app.get("/string")
    async def string() -> str:
        return render_string("<p>{{ name }} at {{ request.path }}</p>", name="<Ada>")

    with app.test_client() as client:
        answers = [client.get(path) for path in ("/plain", "/async", "/string")]

    assert [f"<p>&lt;Ada&gt; at /{path}</p>" for path in ("plain", "async", "string")] == [a.text for a in answers]
    assert {"text/html; charset=utf-8"} == {answer.headers["content-type"] for answer in answers}
    assert ["page.html", "page.html", None] == [a.template.name if a.template else "-" for a in answers]
    assert [{"name": "<Ada>"}] * 3 == [dict(answer.templates[0][1]) for answer in answers]


@pytest.mark.capability("C102")
def test_the_first_bytes_leave_before_the_last_row_is_made(app: App) -> None:
    """A stream of a template pulls its rows while it is sent."""
    made: list[int] = []

    def rows() -> Iterator[int]:
        for number in range(5000):
            made.append(number)
            yield number

    @app.get("/")
    async def index() -> StreamResponse:
        return stream_render("rows.html", rows=rows())

    with app.test_client() as client, client.stream("GET", "/") as response:
        first = next(iter(response.iter_bytes()))
        made_at_first = len(made)

    assert first.startswith(b"<ul>")
    assert made_at_first < 5000


def test_a_stream_is_the_whole_page(app: App) -> None:
    """The pieces together are what ``render`` returns, and the event comes after the last of them."""

    @app.get("/")
    def index() -> StreamResponse:
        return stream_render("page.html", name="<Ada>")

    with app.test_client() as client:
        answer = client.get("/")

    assert "<p>&lt;Ada&gt; at /</p>" == answer.text
    assert "text/html; charset=utf-8" == answer.headers["content-type"]
    assert answer.template is not None
    assert "page.html" == answer.template.name


def test_a_stream_of_a_missing_template_fails_at_once(app: App) -> None:
    """What cannot be found is an error of the handler, not a page that breaks off."""
    with app.test_request_context("/"), pytest.raises(TemplateNotFound):
        stream_render("none.html")


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda: render("page.html"), id="render"),
        pytest.param(lambda: render_string("x"), id="render_string"),
        pytest.param(lambda: stream_render("page.html"), id="stream_render"),
    ],
)
def test_outside_a_request_nothing_is_rendered(app: App, call: object, request: pytest.FixtureRequest) -> None:
    """Outside and after a request each function says so by its own name."""
    assert callable(call)
    name = request.node.callspec.id
    with pytest.raises(OutsideRequest, match=f"`{name}` was used outside a request"):
        call()

    async def use_later() -> None:
        with app.test_request_context("/"):
            later = asyncio.create_task(asyncio.sleep(0, None))
            task = asyncio.create_task(call_after(later))
        with pytest.raises(RequestEnded, match=f"`{name}` was used after its request had ended"):
            await task

    async def call_after(task: asyncio.Task[None]) -> None:
        await task
        call()

    asyncio.run(use_later())


def test_an_application_without_templates_says_so() -> None:
    """The error names the application, the extension and where it belongs."""
    app = App("shop", settings=AppSettings(), extensions=())

    with app.test_request_context("/"), pytest.raises(ProgrammerError, match="which has no templates") as caught:
        render("page.html")
    assert "COS-TEMPLATE-002" == caught.value.code


def test_a_broken_template_names_its_file_and_line(app: App, tmp_path: Path) -> None:
    """Mistakes in a template are Jinja's errors with the place."""
    with app.test_request_context("/"), pytest.raises(TemplateSyntaxError) as caught:
        render("broken.html")

    assert (str(tmp_path / "templates" / "broken.html"), 1) == (caught.value.filename, caught.value.lineno)


def test_a_command_can_render(app: App) -> None:
    """Mails and files are rendered in an app context, where there is no request."""
    app.build()
    with app.app_context():
        page = render_string("{{ current_app.name }} {{ request is defined }} {{ name }}", name="x")

    assert "shop False x" == page


def test_context_names_may_be_any(app: App) -> None:
    """The parameters of ``render`` take no name away from templates."""
    with app.test_request_context("/"):
        page = render_string("{{ source }} {{ template }} {{ self is defined }}", source=1, template=2)

    assert page.startswith("1 2")

"""`costrel shell`: a prompt inside an application."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from costrel import App
from costrel.cli import invoke

pytestmark = pytest.mark.capability("C153")


def make_app() -> App:
    """An application that counts its starts and stops."""
    app = App("shop", extensions=())
    app.add_route("/items/{id}", lambda id: f"item {id}", name="item")

    @app.lifespan
    def running() -> Iterator[None]:
        print("started")
        yield
        print("stopped")

    return app


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("print(app.name)", "shop", id="the-application"),
        pytest.param("from costrel import current_app; print(current_app.name)", "shop", id="its-context"),
        pytest.param("print(url_for('item', id=3))", "/items/3", id="its-urls"),
        pytest.param("import asyncio; print(await asyncio.sleep(0, 'awaited'))", "awaited", id="await"),
        pytest.param("print(make_request('GET', '/items/3?a=1').query['a'])", "1", id="a-request-to-look-at"),
    ],
)
def test_the_names_of_an_application_are_at_hand(text: str, expected: str) -> None:
    """Given on the command line, as scripts do."""
    result = invoke(make_app(), ["shell", "-c", text])

    assert f"{expected}\n" == result.output
    assert 0 == result.exit_code


def test_what_raises_ends_with_one() -> None:
    """And with the user's frames only."""
    result = invoke(make_app(), ["shell", "-c", "1 / 0"])

    assert 1 == result.exit_code
    assert "ZeroDivisionError" in result.output
    assert "shell_command" not in result.output


def test_lines_share_one_context() -> None:
    """What one line sets, awaited or not, the next one sees."""
    lines = [
        "from contextvars import ContextVar",
        "name = ContextVar('name')",
        "async def set_name(): name.set('ann')",
        "",
        "await set_name()",
        "name.get()",
        "_ = name.set('bob')",
        "async def get_name(): return name.get()",
        "",
        "await get_name()",
        "1 / 0",
        "await get_name() + '!'",
    ]
    output = invoke(make_app(), ["shell"], stdin="\n".join(lines) + "\n").output

    assert "application 'shop'" in output
    assert output.index("'ann'") < output.index("'bob'") < output.index("ZeroDivisionError") < output.index("'bob!'")


def test_the_application_is_started_only_when_asked() -> None:
    """A look around must not open pools and start jobs."""

    assert "" == invoke(make_app(), ["shell", "-c", "pass"]).output
    assert "started\nin\nstopped\n" == invoke(make_app(), ["shell", "--start", "-c", "print('in')"]).output


def test_requests_go_through_the_whole_application() -> None:
    """The client of the tests is at hand."""
    text = "c = client()\nwith c: print(c.get('/items/3').text)"

    assert "started\nitem 3\nstopped\n" == invoke(make_app(), ["shell", "-c", text]).output


def test_exit_ends_the_prompt() -> None:
    """As at Python's own."""

    assert 4 == invoke(make_app(), ["shell"], stdin="raise SystemExit(4)\n").exit_code

"""Hints for mistakes that everybody makes once."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from jinja2 import Environment, StrictUndefined

from costrel.http import MultiDict
from costrel.messages import Response, send_file
from costrel.pages.hints import find_hints


class MissingGreenlet(Exception):
    """As SQLAlchemy's."""


class OperationalError(Exception):
    """As that of every database driver."""


class Order:
    def show(self) -> None:
        pass


async def load() -> str:
    return "loaded"


async def stream() -> object:
    yield 1


NAMES = {
    "Environment": Environment(autoescape=True, undefined=StrictUndefined),
    "MissingGreenlet": MissingGreenlet,
    "MultiDict": MultiDict,
    "OperationalError": OperationalError,
    "Order": Order,
    "Response": Response,
    "asyncio": asyncio,
    "json": json,
    "load": load,
    "nothing": None,
    "os": os,
    "send_file": send_file,
    "stream": stream,
}


@pytest.mark.pain("P33")
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(
            "async def f(): await MultiDict([])\nasyncio.run(f())", "Nothing has to be awaited", id="await-of-a-form"
        ),
        pytest.param(
            "c = load()\ntry: c.name\nfinally: c.close()", "An `await` is missing", id="attribute-of-a-coroutine"
        ),
        pytest.param("c = load()\ntry: c[0]\nfinally: c.close()", "An `await` is missing", id="item-of-a-coroutine"),
        pytest.param(
            "c = load()\ntry: list(c)\nfinally: c.close()", "An `await` is missing", id="iterating-a-coroutine"
        ),
        pytest.param("for row in stream(): pass", "Write `async for`", id="iterating-an-async-generator"),
        pytest.param("nothing.name", "is `None`. Look where it comes from", id="attribute-of-none"),
        pytest.param("nothing[0]", "is `None`. Look where it comes from", id="item-of-none"),
        pytest.param("json.loads[0]", "brackets may stand", id="brackets-for-a-call"),
        pytest.param(
            "async def f():\n found = load()\n try: asyncio.run(found)\n finally: found.close()\nasyncio.run(f())",
            "just `await` the coroutine",
            id="loop-in-a-loop",
        ),
        pytest.param("asyncio.get_running_loop()", "Make the handler `async def`", id="no-loop-in-a-thread"),
        pytest.param(
            "raise RuntimeError('Working outside of request context.')", "Use `costrel.request`", id="name-of-flask"
        ),
        pytest.param(
            "Environment.from_string('{{ x }}').render()", '`render("page.html", x=…)`', id="name-in-a-template"
        ),
        pytest.param(
            "Environment.from_string('{{ 1|eur }}')", '`@app.template_filter("eur")`', id="filter-in-a-template"
        ),
        pytest.param("raise MissingGreenlet('greenlet_spawn')", "`selectinload(…)`", id="lazy-loading"),
        pytest.param("raise OperationalError('no such table: user')", "Run the migrations", id="no-table"),
        pytest.param("raise OperationalError('database is locked')", "WAL mode", id="locked-database"),
        pytest.param("raise ConnectionRefusedError(111, 'Connection refused')", "Nothing listens", id="refused"),
        pytest.param("import no_such_module", "`no_such_module` is not installed", id="not-installed"),
        pytest.param("def f():\n print(count)\n count = 1\nf()", "Say `global count`", id="unbound-local"),
        pytest.param("Order.show()", "Make one first", id="class-for-an-object"),
        pytest.param("def f(): f()\nf()", "calls itself without an end", id="recursion"),
        pytest.param("b'\\xff'.decode()", "not text in this encoding", id="encoding"),
        pytest.param("json.loads('')", "is no JSON at all", id="empty-json"),
        pytest.param("total = 1; print(totl)", "Did you mean `total`?", id="misspelt-variable"),
        pytest.param("def f():\n total = 1\n print(totl)\nf()", "Did you mean `total`?", id="misspelt-local"),
        pytest.param("pritn(1)", "Did you mean `print`?", id="misspelt-builtin"),
        pytest.param("'x'.uper()", "Did you mean `upper`?", id="misspelt-attribute"),
        pytest.param("from json import lods", "Did you mean `loads`?", id="misspelt-import"),
        pytest.param("from costrel import Flask", "`costrel.Flask` is `costrel.App` here", id="foreign-import"),
        pytest.param("os.environ['NOT_SET_AT_ALL']", "`NOT_SET_AT_ALL` is not set", id="environment"),
        pytest.param("Response().set_cookie('a', max_age=3)", "Here `max_age` is `max_age_seconds`", id="set-cookie"),
        pytest.param("send_file('a', as_attachment=True)", "Here `as_attachment` is `filename`", id="send-file"),
        pytest.param("Response('a', mimetype='text/css')", "Here `mimetype` is `media_type`", id="a-class-of-ours"),
        pytest.param("open('gone/file.txt')", f"the working directory, `{Path.cwd()}`", id="relative-path"),
    ],
)
def test_a_common_mistake_is_explained(source: str, expected: str) -> None:
    """One hint, for what really happens when the mistake is made."""
    with pytest.raises(Exception) as caught:
        exec(source, dict(NAMES))
    hints = find_hints(caught.value)

    assert 1 == len(hints)
    assert expected in hints[0]


class Unlisted:
    def __dir__(self) -> list[str]:
        raise ValueError("no")


class Unprintable(TypeError):
    def __str__(self) -> str:
        raise ValueError("no")


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ValueError("x"), id="an-ordinary-error"),
        pytest.param(KeyError("x"), id="a-missing-key"),
        pytest.param(FileNotFoundError(2, "gone", "/absolute"), id="an-absolute-path"),
        pytest.param(FileNotFoundError(2, "gone"), id="no-path"),
        pytest.param(TypeError("'x' object is not iterable"), id="another-object"),
        pytest.param(Unprintable(), id="unprintable"),
        pytest.param(NameError("x"), id="a-name-that-is-not-given"),
        pytest.param(AttributeError("x", name="x", obj=Unlisted()), id="an-object-that-lists-nothing"),
        pytest.param(ImportError("x", name="no_such_module"), id="a-module-that-is-not-loaded"),
    ],
)
def test_what_is_not_known_has_no_hint(error: Exception) -> None:
    """No hint is better than a wrong one."""

    assert () == find_hints(error)


def test_a_hint_is_given_once() -> None:
    """Two rules that say the same say it once."""
    hints = find_hints(TypeError("'NoneType' object is not subscriptable 'coroutine' object is not iterable"))

    assert len(hints) == len(set(hints)) == 2

"""Routes are cheap: in time, in memory, and in what they import."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable

import msgspec
import pytest

from costrel import App

KIB = 1024
ROUTE_COUNT = 400
LARGEST_TABLE = 512 * KIB
STANDARD = set(sys.stdlib_module_names)
# msgspec asks for the first, the standard library for the second, which only Jython has.
TRIED = {"typing_extensions", "org"}


def handlers_of(number: int, model: type[msgspec.Struct]) -> list[tuple[str, str, Callable[..., object]]]:
    """Make the handlers of one resource: method, rest of the path, and a function with a name of its own."""

    def find(q: str = "", page: int = 1) -> list[msgspec.Struct]:
        return []

    async def show(item_id: int, q: str = "", verbose: bool = False) -> dict[str, int]:
        return {}

    def create(item_id: int, item: msgspec.Struct, dry_run: bool = False) -> msgspec.Struct:
        return item

    async def update(item_id: int, item: msgspec.Struct, q: str = "") -> msgspec.Struct:
        return item

    find.__annotations__["return"] = list[model]
    for function in (create, update):
        function.__annotations__.update({"item": model, "return": model})
    for function in (find, show, create, update):
        function.__name__ = f"{function.__name__}_{number}"
    return [
        ("GET", "", find),
        ("GET", "/{item_id}", show),
        ("POST", "/{item_id}", create),
        ("PUT", "/{item_id}", update),
    ]


def app_with_routes(count: int) -> App:
    """Make an application with typed routes, four for each resource; ten resources share a model."""
    app = App("test")
    model: type[msgspec.Struct] = msgspec.Struct
    for number in range(count // 4):
        if number % 10 == 0:
            fields = [("name", str), ("price", float), ("tags", list[str])]
            model = msgspec.defstruct(f"Item{number}", fields)
        for method, rest, handler in handlers_of(number, model):
            app.add_route(f"/area{number // 5}/things{number}{rest}", handler, methods=[method])
    return app


@pytest.mark.pain("P25")
def test_a_route_costs_little_memory() -> None:
    """What a built route keeps, its handler, compiled code and the source of that included, is less than 10 KiB."""
    app_with_routes(20).build()
    gc.collect()
    tracemalloc.start()
    try:
        app = app_with_routes(ROUTE_COUNT)
        app.build()
        gc.collect()
        traces = tracemalloc.take_snapshot().traces
    finally:
        tracemalloc.stop()
    # Without the interpreter's own table of names, which doubles at a moment that nobody chooses.
    kept = sum(trace.size for trace in traces if trace.size < LARGEST_TABLE)

    assert ROUTE_COUNT == len(app.endpoints)
    assert kept / ROUTE_COUNT < 10 * KIB


@pytest.mark.pain("P25")
def test_the_time_of_a_build_grows_with_the_routes() -> None:
    """Four times the routes take about four times as long, not sixteen."""
    seconds = []
    for count in (100, 400):
        app = app_with_routes(count)
        begin = time.process_time()
        app.build()
        seconds.append(time.process_time() - begin)

    assert seconds[1] < 9 * seconds[0] + 0.05


@pytest.mark.pain("P25")
@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        pytest.param("from costrel import App", set(), id="an-import"),
        pytest.param("from costrel import App; App()", {"msgspec", "multipart"}, id="an-app"),
    ],
)
def test_an_app_brings_the_parsers_of_messages_and_nothing_else_of_others(statement: str, expected: set[str]) -> None:
    """`-X importtime` names every module: an `App` needs the codec and the form parser, and an import of it neither."""
    command = [
        sys.executable,
        "-I",
        "-X",
        "importtime",
        "-c",
        f"import sys; print('begin', file=sys.stderr); {statement}",
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = result.stderr.partition("begin")[2].splitlines()
    modules = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines if line.startswith("import time:")}

    assert "costrel" in modules
    assert expected == {
        name for name in modules - TRIED if name not in STANDARD and not name.startswith(("costrel", "_sysconfigdata"))
    }

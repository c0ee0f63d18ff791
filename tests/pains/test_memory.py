"""Routes are cheap: in time, in memory, and in what they import."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
import tracemalloc

import pytest

from costrel import App

KIB = 1024
STANDARD = set(sys.stdlib_module_names)
# msgspec asks for the first, the standard library for the second, which only Jython has.
TRIED = {"typing_extensions", "org"}


def app_with_routes(count: int) -> App:
    """Make an application with typed routes; each has a handler of its own."""
    app = App("test", extensions=())
    for number in range(count):

        async def handler(id: int, page: int = 1) -> dict[str, int]:
            return {"id": id, "page": page}

        app.add_route(f"/part{number % 10}/route{number}/{{id}}", handler, name=f"route{number}")
    return app


@pytest.mark.pain("P25")
def test_a_route_costs_little_memory() -> None:
    """What a built route keeps, its compiled code and the source of that included, is bounded."""
    app_with_routes(10).build()
    gc.collect()
    tracemalloc.start()
    try:
        app = app_with_routes(200)
        app.build()
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert 200 == len(app.endpoints)
    assert kept / 200 < 20 * KIB


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
def test_an_import_brings_the_parsers_of_messages_and_nothing_else_of_others() -> None:
    """`-X importtime` names every module: beside the standard library and our own, the codec and the form parser."""
    command = [
        sys.executable,
        "-I",
        "-X",
        "importtime",
        "-c",
        "import sys; print('begin', file=sys.stderr); import costrel",
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = result.stderr.partition("begin")[2].splitlines()
    modules = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines if line.startswith("import time:")}

    assert "costrel" in modules
    assert {"msgspec", "multipart"} == {
        name for name in modules - TRIED if name not in STANDARD and not name.startswith(("costrel", "_sysconfigdata"))
    }

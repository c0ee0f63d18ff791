"""One harness for a real browser: the tour on the native server, Chromium, and a page that notes what goes wrong.

Playwright drives the Chromium of the system. Without either of them the tests are skipped with one sentence, and fail
instead when `COSTREL_TEST_REQUIRE` names `chromium`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Response

ROOT = Path(__file__).parent.parent.parent
TOUR = ROOT / "examples" / "tour" / "app.py"
RUN_COSTREL = "from costrel.cli import main; main()"
STOP_SECONDS = 10
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
)

_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


def missing(what: str) -> NoReturn:
    """Skip the test, or fail it where the browser is required."""
    if "chromium" in os.environ.get("COSTREL_TEST_REQUIRE", "").split(","):
        pytest.fail(f"{what} is required and not installed.")
    pytest.skip(f"{what} is not installed.")


@contextmanager
def serving(*options: str, debug: bool = False, app: Path = TOUR) -> Iterator[str]:
    """Serve the tour, or another application, in a process of its own and yield its address."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("COSTREL_")},
        "COSTREL_SECRET_KEY": "a key for the tests alone",
        "COSTREL_DEBUG": "1" if debug else "0",
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-c", RUN_COSTREL, "run", str(app), "--port", "0", "--no-access-log", *options]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    try:
        yield read_address(process)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def read_address(process: subprocess.Popen[str]) -> str:
    """Wait for the line that says where the server listens."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if found := _ADDRESS.search(line):
            return found[0]
    pytest.fail(f"The tour did not start:\n{''.join(lines)}")


@pytest.fixture(scope="session")
def tour() -> Iterator[str]:
    """The address of the tour in production."""
    with serving() as address:
        yield address


@pytest.fixture(scope="session")
def debug_tour() -> Iterator[str]:
    """The address of the tour in debug mode."""
    with serving(debug=True) as address:
        yield address


@pytest.fixture(scope="session")
def uvicorn_tour() -> Iterator[str]:
    """The address of the tour under uvicorn."""
    if find_spec("uvicorn") is None:
        missing("uvicorn")
    with serving("--server", "uvicorn") as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the whole run."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("Playwright")
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        missing("Chromium")
    flags = [*QUIET, "--no-sandbox"] if os.geteuid() == 0 else list(QUIET)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=flags)
        try:
            yield started
        finally:
            started.close()


@dataclass
class Visitor:
    """A page of a fresh browser context, and what went wrong on it."""

    page: Page
    console_errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def visit(self, url: str) -> Response:
        """Open a page and return its response."""
        response = self.page.goto(url)
        assert response is not None
        return response


@contextmanager
def visiting(browser: Browser) -> Iterator[Visitor]:
    """Open a page with its own cookies."""
    context = browser.new_context()
    context.set_default_timeout(5_000)
    page = context.new_page()
    visitor = Visitor(page)
    page.on("console", lambda message: visitor.console_errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: visitor.console_errors.append(str(error)))
    page.on("request", lambda request: note_stranger(visitor, request.url))
    try:
        yield visitor
    finally:
        context.close()


def note_stranger(visitor: Visitor, url: str) -> None:
    """Note a request to anybody but the server under test."""
    if not url.startswith(("http://127.0.0.1:", "data:", "blob:", "ws://127.0.0.1:")):
        visitor.strangers.append(url)


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    """Somebody who comes for the first time."""
    with visiting(browser) as found:
        yield found


@pytest.fixture
def other_visitor(browser: Browser) -> Iterator[Visitor]:
    """Somebody else."""
    with visiting(browser) as found:
        yield found


@pytest.fixture
def serve() -> Callable[..., AbstractContextManager[str]]:
    """What serves another application than the tour."""
    return serving

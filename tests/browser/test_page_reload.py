"""`costrel dev` and a browser: what is saved is on the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

SHOP = """
from costrel import App, HTMLResponse, render

app = App("shop")

@app.get("/")
def index():
    return render("index.html", version="ONE")

@app.get("/strict")
def strict():
    return HTMLResponse("<h1>ONE</h1>", headers={"Content-Security-Policy": "default-src 'none'"})
"""
PAGE = """<!doctype html><link rel="icon" href="data:,"><link rel="stylesheet" href="/static/site.css">
<h1>{{ version }}</h1><p>first</p>"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """The folder of an application that `costrel dev` serves, and its address."""
    for name in ("templates", "static"):
        (tmp_path / name).mkdir()
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "templates" / "index.html").write_text(PAGE)
    (tmp_path / "static" / "site.css").write_text("h1 { color: rgb(255, 0, 0) }")
    log = tmp_path / "output.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COSTREL_")}
    command = [sys.executable, "-c", "from costrel.cli import main; main()", "dev", "shop.py", "--port", "0"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 20
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        yield tmp_path, found[0]
    finally:
        process.terminate()
        process.wait(10)


def shows(visitor: Any, selector: str, text: str) -> None:
    """Wait until an element has a text."""
    visitor.page.wait_for_function(
        "([selector, text]) => document.querySelector(selector)?.textContent.includes(text)", arg=[selector, text]
    )


@pytest.mark.capability("C152")
def test_a_page_shows_what_was_saved(shop: tuple[Path, str], visitor: Any) -> None:
    """Template, style sheet, source, a mistake and its repair: the page follows, and nobody touches the browser."""
    folder, address = shop
    visitor.visit(address + "/")
    shows(visitor, "h1", "ONE")

    (folder / "templates" / "index.html").write_text(PAGE.replace("first", "second"))
    shows(visitor, "p", "second")

    (folder / "static" / "site.css").write_text("h1 { color: rgb(0, 0, 255) }")
    visitor.page.wait_for_function("getComputedStyle(document.querySelector('h1')).color === 'rgb(0, 0, 255)'")

    (folder / "shop.py").write_text(SHOP.replace("ONE", "TWO"))
    shows(visitor, "h1", "TWO")

    (folder / "shop.py").write_text(SHOP.replace("ONE", "TWO") + "\nmistake")
    shows(visitor, "h1", "The application cannot start")

    (folder / "shop.py").write_text(SHOP.replace("ONE", "THREE"))
    shows(visitor, "h1", "THREE")

    assert [] == visitor.strangers


def test_a_strict_policy_does_not_keep_a_page_old(shop: tuple[Path, str], visitor: Any) -> None:
    """A page whose policy allows no script at all, with no nonce, follows too."""
    folder, address = shop
    visitor.visit(address + "/strict")
    shows(visitor, "h1", "ONE")
    (folder / "shop.py").write_text(SHOP.replace("ONE", "TWO"))
    shows(visitor, "h1", "TWO")


def test_many_tabs_share_one_stream(shop: tuple[Path, str], browser: Any) -> None:
    """More tabs than a browser has connections for one host, and every one of them follows."""
    folder, address = shop
    context = browser.new_context()
    context.set_default_timeout(10_000)
    try:
        pages = [context.new_page() for _ in range(8)]
        for page in pages:
            page.goto(address + "/")
        (folder / "shop.py").write_text(SHOP.replace("ONE", "TWO"))
        for page in pages:
            page.wait_for_function("document.querySelector('h1')?.textContent === 'TWO'")
    finally:
        context.close()


def test_production_pages_have_no_script(serve: Any, shop: tuple[Path, str], visitor: Any) -> None:
    """`costrel run` adds nothing to a page, even in debug mode, and the reserved paths do not exist."""
    folder, _ = shop
    with serve(app=folder / "shop.py", debug=True) as address:
        visitor.visit(address + "/")

        assert 0 == visitor.page.locator("script").count()
        assert 404 == visitor.visit(address + "/_costrel/reload.js").status

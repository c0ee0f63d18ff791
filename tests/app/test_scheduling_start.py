"""When an application's scheduled work begins, where its processes meet, and when it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from costrel.app import App, AppSettings
from costrel.errors import ConfigurationError
from costrel.execution import LoopState
from costrel.stores import MemoryStore


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place for temporary files of a test."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@asynccontextmanager
async def serving(app: App) -> AsyncIterator[LoopState]:
    """Start an application as a server does."""
    async with app.lifespan() as loop_state:
        loop_state.begin_serving()
        yield loop_state


def noting(app: App, *, name: str = "job", **options: Any) -> list[str]:
    """Register a job that is due at once, and return its notes."""
    notes: list[str] = []

    async def job() -> None:
        notes.append(name)

    app.every("1d", name=name, on_start=True, **options)(job)
    return notes


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def test_nothing_runs_where_nobody_serves(folder: Path) -> None:
    """A test client and a script start the application, and nothing by the clock; no folder is made either."""
    app = App("app")
    notes = noting(app)

    async def script() -> None:
        async with app.lifespan():
            await asyncio.sleep(0.01)

    with app.test_client() as client:
        client.run(asyncio.sleep(0.01))
    asyncio.run(script())

    assert [] == notes
    assert [] == list(folder.iterdir())


def test_an_application_without_jobs_starts_nothing() -> None:
    """No task, no callback, no store, and the room is not even imported."""
    app = App("app")
    before = set(sys.modules)

    async def serve() -> int:
        async with serving(app):
            return len(asyncio.all_tasks())

    assert 1 == asyncio.run(serve())
    assert {} == app.scheduled
    assert "costrel.app.scheduling_start" not in set(sys.modules) - before


@pytest.mark.parametrize("once", ["process", "host"])
def test_work_begins_with_the_serving(once: str, folder: Path) -> None:
    """The run that was due last is made at once; the folder of the host is the user's alone."""
    app = App("app")
    notes = noting(app, once=once)

    async def serve() -> None:
        async with serving(app):
            await until(lambda: notes)

    asyncio.run(serve())
    made = list(folder.iterdir())

    assert ["job"] == notes
    assert ([] if once == "process" else [f"costrel-schedule-{os.geteuid()}"]) == [path.name for path in made]
    assert all(0o700 == path.stat().st_mode & 0o777 for path in made)


def test_a_link_in_the_place_of_the_folder_is_refused(folder: Path) -> None:
    """Everybody may make names where temporary files are."""
    app = App("app")
    notes = noting(app)
    (folder / f"costrel-schedule-{os.geteuid()}").symlink_to(folder)

    async def serve() -> None:
        async with serving(app):
            pass

    with pytest.raises(ConfigurationError, match="symbolic link"):
        asyncio.run(serve())
    assert [] == notes


def test_two_starts_of_one_application_make_a_run_once() -> None:
    """Two applications of one name in two folders are two, unless they are given a store."""
    store = MemoryStore()
    apps = [App("shop"), App("shop"), App("shop")]
    apps[2].root_folder = Path("/elsewhere")
    notes = [(noting(app), noting(app, name="given", store=store)) for app in apps]

    async def serve() -> None:
        for app in apps:
            async with serving(app):
                # The stop waits for what has begun.
                await asyncio.sleep(0.001)

    asyncio.run(serve())

    assert [(1, 1), (0, 0), (1, 0)] == [(len(own), len(given)) for own, given in notes]


def test_work_of_mounted_applications_begins_too() -> None:
    """Each once, however often it is mounted."""
    inner, outer = App("inner"), App("outer")
    notes = noting(inner, once="process")
    outer.mount("/a", inner)
    outer.mount("/b", inner)

    async def serve() -> None:
        async with serving(outer) as loop_state:
            await until(lambda: notes and not loop_state.supervisor.pending)

    asyncio.run(serve())

    assert ["job"] == notes


@pytest.mark.parametrize(
    ("takes_seconds", "outcome"),
    [pytest.param(0.02, "succeeded", id="waited-for"), pytest.param(60.0, "cancelled", id="cancelled-at-the-limit")],
)
def test_a_stop_waits_for_what_runs(
    takes_seconds: float, outcome: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Within the graceful limit; what is cancelled then is in the log."""
    from dataclasses import replace

    from costrel.app import execution_view

    monkeypatch.setattr(
        "costrel.app.application.execution_settings",
        lambda settings: replace(execution_view.execution_settings(settings), graceful_timeout_seconds=0.1),
    )
    caplog.set_level(logging.INFO, "costrel.schedule")
    app = App("app", settings=AppSettings())
    begun, outcomes = [], []

    async def job() -> None:
        begun.append(True)
        await asyncio.sleep(takes_seconds)

    app.every("1d", on_start=True, once="process")(job)
    app.on("job_finished", lambda fields: outcomes.append(fields["outcome"]))

    async def serve() -> None:
        async with serving(app):
            await until(lambda: begun)

    asyncio.run(serve())

    assert [outcome] == outcomes
    assert f"outcome={outcome}" in caplog.text

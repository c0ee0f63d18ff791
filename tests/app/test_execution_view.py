"""`app.execution`: what the threads of the running application are doing."""

from __future__ import annotations

import pytest

from costrel.app import App, AppSettings
from costrel.app.execution_view import execution_settings
from costrel.errors import ProgrammerError
from costrel.testing import TestClient


def test_a_handler_sees_itself_at_work() -> None:
    """Sizes are those of the settings; the thread that asks is busy."""
    app = App("test", extensions=(), settings=AppSettings(threads=3))
    seen: list[tuple[int, int]] = []

    @app.get("/")
    def index() -> str:
        stats = app.execution.stats()
        seen.append((stats.handlers.threads, stats.supervisor_pending))
        return "x"

    with TestClient(app) as client:
        client.get("/")

    assert [(3, 0)] == seen


def test_without_a_running_application_there_are_no_threads() -> None:
    """They belong to a loop and are started with the application on it."""
    with pytest.raises(ProgrammerError) as caught:
        App("test", extensions=()).execution.stats()

    assert "COS-APP-031" == caught.value.code


def test_the_settings_of_an_application_that_concern_threads() -> None:
    """The rest of the sizes are the room's own."""
    given = execution_settings(AppSettings(threads=7, thread_queue_timeout_seconds=0.5))

    assert (7, 0.5) == (given.threads, given.thread_queue_timeout_seconds)

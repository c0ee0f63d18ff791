"""`app.execution`: what the worker threads and the supervisor of the running application are doing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costrel.app.lifecycle import current_loop_state
from costrel.errors import Mistake, ProgrammerError

if TYPE_CHECKING:
    from costrel.execution import ExecutionSettings, ExecutionStats
    from costrel.messages import AppSettings

__all__ = ["ExecutionView", "execution_settings"]


class ExecutionView:
    """The lanes of the loop that asks."""

    def stats(self) -> ExecutionStats:
        """Return sizes, queues and the longest wait of each lane, and what the supervisor still has to do.

        Raises:
            ProgrammerError: no application is running here.
        """
        loop_state = current_loop_state.get(None)
        if loop_state is None:
            raise ProgrammerError(
                Mistake(
                    "COS-APP-031",
                    "`app.execution` was asked outside a running application.",
                    why="Threads belong to an event loop, and are started with the application on it.",
                    fix="Ask in a handler, in `on_start`, or inside `with app.test_client():`.",
                )
            )
        return loop_state.stats()


def execution_settings(settings: AppSettings) -> ExecutionSettings:
    """Return the part of an application's settings that concerns its threads."""
    from costrel.execution import ExecutionSettings

    return ExecutionSettings(
        threads=settings.threads, thread_queue_timeout_seconds=settings.thread_queue_timeout_seconds
    )

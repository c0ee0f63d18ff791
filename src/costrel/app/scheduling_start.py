"""Beginning the scheduled work of an application when a server begins to serve it, and giving back what that took.

Test clients, shells and scripts start an application too, and no server: nothing is run there by the clock.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from costrel.errors import ConfigurationError, Mistake
from costrel.execution import LoopState
from costrel.messages import Store
from costrel.scheduling import Attempts, Claims, Clock, ScheduledJob, Scheduler, SystemClock
from costrel.stores import FileStore, MemoryStore

if TYPE_CHECKING:
    from costrel.app.assembly import Assembly

__all__ = ["Schedule", "host_folder"]


class Schedule:
    """The scheduled work of one start of an application and of what is mounted in it.

    Args:
        apps: the applications.
        loop_state: of the start.
        clock: tells the time.
    """

    def __init__(self, apps: Iterable[Assembly], loop_state: LoopState, clock: Clock | None = None) -> None:
        self._jobs = [(app, job) for app in apps for job in app.scheduled.values()]
        self._loop_state = loop_state
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._own_stores: dict[str, Store] = {}
        loop_state.on_serving(self.begin)

    def begin(self) -> None:
        """Run from now on what is due.

        Raises:
            ConfigurationError: the folder of this host cannot be used.
        """
        attempts = [
            Attempts(job, Claims(self._store_of(job), self._key_of(app, job)), self._clock) for app, job in self._jobs
        ]
        Scheduler(attempts, self._loop_state, self._clock).start()

    async def aclose(self) -> None:
        """Give back what our own stores hold on the loop; a store that was given is closed by whoever has made it."""
        for store in self._own_stores.values():
            await store.aclose()

    def _store_of(self, job: ScheduledJob) -> Store:
        if job.store is not None:
            return job.store
        store = self._own_stores.get(job.once)
        if store is None:
            store = MemoryStore() if job.once == "process" else FileStore(host_folder())
            self._own_stores[job.once] = store
        return store

    def _key_of(self, app: Assembly, job: ScheduledJob) -> str:
        """Name a job: among those of the whole host its application is told by its folder too."""
        if job.store is not None:
            return f"schedule:{app.name}:{job.name}"
        folder = hashlib.sha256(os.fsencode(app.root_folder)).hexdigest()[:16]
        return f"schedule:{app.name}:{folder}:{job.name}"


def host_folder() -> Path:
    """Return the folder that the processes of this user on this host share.

    Raises:
        ConfigurationError: COS-STORE-003, it is a link, which somebody else may have put there.
    """
    folder = Path(tempfile.gettempdir()) / f"costrel-schedule-{os.geteuid()}"
    # SECURITY: everybody may make names in this folder, and a link would lead our files into another one of ours.
    if folder.is_symlink():
        raise ConfigurationError(
            Mistake(
                "COS-STORE-003",
                f"The folder {str(folder)!r} cannot hold a store.",
                why="It is a symbolic link.",
                fix="Remove it, or give each job a store:  @app.every(…, store=FileStore('/var/lib/shop/store'))",
            )
        )
    return folder

"""One run of a job: what its handler may know of it, and how it can end."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from costrel.errors import CostrelError

__all__ = ["Outcome", "RunTimedOut", "ScheduledRun"]

Outcome = Literal["succeeded", "failed", "timed_out", "cancelled"]


class RunTimedOut(CostrelError):
    """A run took longer than its job may; its handler was cancelled, or goes on in its thread, which cannot be.

    Args:
        lingering: done when the thread has left the handler; `None` when it is in none.
    """

    def __init__(self, lingering: asyncio.Future[None] | None = None) -> None:
        super().__init__("the run took too long")
        self.lingering: asyncio.Future[None] | None = lingering


@dataclass(frozen=True, slots=True)
class ScheduledRun:
    """One run of a scheduled job; a handler gets it by a parameter of this type.

    Args:
        name: of the job.
        due_at: the moment that the schedule names, in UTC; that of the call for a run that was asked for.
        run_id: what tells this run from all others, for logs.
    """

    name: str
    due_at: datetime
    run_id: str = field(default_factory=lambda: secrets.token_hex(8))

    @classmethod
    def due(cls, name: str, moment: float) -> ScheduledRun:
        """Make the run of a job that is due at a moment, in seconds since 1970."""
        return cls(name, datetime.fromtimestamp(moment, UTC))

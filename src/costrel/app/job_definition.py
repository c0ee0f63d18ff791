"""One registration of a scheduled job, as it was written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costrel.messages import ScheduleOptions

__all__ = ["JobDefinition"]


@dataclass(frozen=True, slots=True)
class JobDefinition:
    """One registration.

    Args:
        handler: what is called.
        time: the interval, or the line of crontab.
        timezone: of a line of crontab; `None` for an interval.
        options: see `costrel.messages.ScheduleOptions`.
        where: file and line of the handler.
    """

    handler: Callable[..., object]
    time: float | str
    timezone: str | None
    options: ScheduleOptions
    where: str

    @property
    def name(self) -> str:
        """The name without that of the blueprint."""
        return self.options.get("name") or str(getattr(self.handler, "__name__", type(self.handler).__name__))

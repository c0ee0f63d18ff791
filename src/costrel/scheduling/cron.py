"""Moments by a line of crontab, in a time zone; `cronsim` reads the line and walks through the calendar.

Days follow Vixie's rule: when both the day of the month and the day of the week are restricted, either is enough. Where
clocks change, a time that is skipped runs once, at the first minute that exists, and one that comes twice runs the
first time; lines with ``*`` for minute or hour follow the time that passes, as with Debian's cron.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from importlib.util import find_spec
from math import floor
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from costrel.errors import ConfigurationError
from costrel.scheduling.mistakes import cron_is_missing, unknown_timezone, wrong_cron

__all__ = ["Cron"]

_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


class Cron:
    """The moments of a line of crontab.

    Args:
        line: minute, hour, day of the month, month, day of the week; or ``@hourly``, ``@daily``, ``@weekly``,
            ``@monthly``, ``@yearly``. Names of months and days, lists, ranges and steps are known, and ``L`` and
            ``#`` for the last and the n-th weekday.
        timezone: the name of a time zone, for example ``Europe/Berlin``.
        where: file and line of the registration.

    Raises:
        ConfigurationError: COS-SCHEDULE-002, the line cannot be read or never comes true; COS-SCHEDULE-003, there is no
            such time zone; COS-SCHEDULE-004, the package ``cronsim`` is not installed.
    """

    __slots__ = ("_line", "_written", "_zone")

    def __init__(self, line: str, timezone: str = "UTC", *, where: str = "") -> None:
        if find_spec("cronsim") is None:
            raise ConfigurationError(cron_is_missing(where))
        self._written = f"{line} ({timezone})"
        self._line = _NAMED.get(line.strip().lower(), line)
        try:
            # What needs no database of time zones does not ask for one.
            self._zone: tzinfo = UTC if timezone == "UTC" else ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ConfigurationError(unknown_timezone(timezone, where)) from error
        if len(self._line.split()) != 5:
            raise ConfigurationError(wrong_cron(line, "it has five fields", where))
        self._check(line, where)

    def __str__(self) -> str:
        return f"cron {self._written}"

    def next_after(self, moment: float) -> float | None:
        """Return the first moment after another one; `None` when there is none within fifty years."""
        return next((found for found in self._walk(floor(moment), is_reverse=False) if found > moment), None)

    def last_until(self, moment: float) -> float | None:
        """Return the last moment that is not after another one; `None` when there is none within fifty years."""
        return next((found for found in self._walk(floor(moment) + 1, is_reverse=True) if found <= moment), None)

    def _check(self, written: str, where: str) -> None:
        from cronsim import CronSimError

        try:
            found = self.next_after(0.0)
        except CronSimError as error:
            raise ConfigurationError(wrong_cron(written, _lowered(error), where)) from error
        if found is None:
            raise ConfigurationError(wrong_cron(written, "no day is like that", where))

    def _walk(self, second: int, *, is_reverse: bool) -> Iterator[float]:
        from cronsim import CronSim

        for found in CronSim(self._line, datetime.fromtimestamp(second, self._zone), reverse=is_reverse):
            yield found.timestamp()


def _lowered(error: Exception) -> str:
    text = str(error)
    return text[:1].lower() + text[1:]

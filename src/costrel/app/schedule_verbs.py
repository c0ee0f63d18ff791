"""The verbs for work by the clock, written once and shared by `App` and `Blueprint`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, Unpack

from costrel.app.job_definition import JobDefinition
from costrel.app.registration import Registrar, where_of

if TYPE_CHECKING:
    from costrel.messages import ScheduleOptions

__all__ = ["ScheduleVerbs"]

H = TypeVar("H", bound=Callable[..., object])


class ScheduleVerbs(Registrar):
    """``every`` and ``cron``; `App` and `Blueprint` inherit them."""

    def every(self, interval: float | str, /, **options: Unpack[ScheduleOptions]) -> Callable[[H], H]:
        """Run the decorated function every so often while the application serves, once for all its workers.

        Its parameters are bound by type, as those of a provider; there is no request to read any from. ``def`` runs in
        a thread. An error is logged, and the next run is another one. The moments are counted from midnight UTC, so
        that ``"5m"`` is at :00, :05, :10 … in every process.

        Args:
            interval: seconds, or text such as ``"30s"``, ``"5m"``, ``"1h30m"``; from 0.1 seconds to 366 days.
            options: see `ScheduleOptions`.

        Raises:
            TypeError: an option that does not exist.
            ConfigurationError: the application was built.
        """
        return self._scheduled("every", interval, None, options)

    def cron(self, line: str, /, *, timezone: str = "UTC", **options: Unpack[ScheduleOptions]) -> Callable[[H], H]:
        """Run the decorated function at the times of a line of crontab; else as `every`. It needs ``costrel[cron]``.

        Args:
            line: minute, hour, day of the month, month, day of the week: ``"30 3 * * mon-fri"``; or ``@hourly``,
                ``@daily``, ``@weekly``, ``@monthly``, ``@yearly``.
            timezone: the name of a time zone. A time that is skipped when clocks change runs once, at the first minute
                that exists; one that comes twice runs the first time.
            options: see `ScheduleOptions`.

        Raises:
            TypeError: an option that does not exist.
            ConfigurationError: the application was built.
        """
        return self._scheduled("cron", line, timezone, options)

    def _scheduled(
        self, verb: str, time: float | str, timezone: str | None, options: ScheduleOptions
    ) -> Callable[[H], H]:
        from costrel.messages import ScheduleOptions, refuse_options

        unknown = set(options) - ScheduleOptions.__optional_keys__
        if unknown:
            raise refuse_options("a scheduled job", unknown, ScheduleOptions.__optional_keys__)

        def register(handler: H) -> H:
            self.check_open(verb)
            self.recorded.jobs.append(JobDefinition(handler, time, timezone, options, where_of(handler)))
            return handler

        return register

"""Work by the clock: jobs that are due every so often or by a line of crontab, each run made once.

`timing` and `cron` know when a job is due, `claims` which of many processes has a run, `attempts` makes it or says why
not, `scheduler` waits. What calls a handler with its parameters is given by whoever builds the application.
"""

from __future__ import annotations

from costrel.scheduling.attempts import Attempts, SkipReason
from costrel.scheduling.claims import Claims
from costrel.scheduling.clock import Clock, SystemClock
from costrel.scheduling.cron import Cron
from costrel.scheduling.durations import parse_duration
from costrel.scheduling.job import Once, ScheduledJob
from costrel.scheduling.mistakes import wrong_option
from costrel.scheduling.run import Outcome, RunTimedOut, ScheduledRun
from costrel.scheduling.scheduler import Scheduler
from costrel.scheduling.timing import Interval, Timing

__all__ = [
    "Attempts",
    "Claims",
    "Clock",
    "Cron",
    "Interval",
    "Once",
    "Outcome",
    "RunTimedOut",
    "ScheduledJob",
    "ScheduledRun",
    "Scheduler",
    "SkipReason",
    "SystemClock",
    "Timing",
    "parse_duration",
    "wrong_option",
]

"""The texts of what can be wrong with a scheduled job; each has a page in `docs/errors`."""

from __future__ import annotations

from costrel.errors import Mistake

__all__ = ["cron_is_missing", "unknown_timezone", "wrong_cron", "wrong_option"]


def wrong_option(job: str, option: str, value: object, why: str, fix: str, where: str) -> Mistake:
    """001: an option that cannot be meant."""
    what = f"The scheduled job `{job}` was given `{option}={repr(value)[:200]}`."
    return Mistake("COS-SCHEDULE-001", what, where, why=why, fix=fix)


def wrong_cron(line: str, why: str, where: str) -> Mistake:
    """002: a line of crontab that says nothing."""
    return Mistake(
        "COS-SCHEDULE-002",
        f"`{line[:200]}` is no time for a job: {why}.",
        where,
        why="The fields are minute, hour, day of the month, month and day of the week.",
        fix='@app.cron("30 3 * * *")     every day at 03:30\n@app.every("10s")           for times within a minute',
    )


def unknown_timezone(name: str, where: str) -> Mistake:
    """003: a time zone that this machine does not know."""
    return Mistake(
        "COS-SCHEDULE-003",
        f"There is no time zone `{name[:200]}` here.",
        where,
        why="It is not in the time zone database of this machine, nor in the package `tzdata`.",
        fix='Write it as it is there:   timezone="Europe/Berlin"\nor install the database:   pip install tzdata',
    )


def cron_is_missing(where: str) -> Mistake:
    """004: the package that reads crontab is an extra."""
    return Mistake(
        "COS-SCHEDULE-004",
        "`cron` needs the package `cronsim`, which is not installed.",
        where,
        fix="pip install 'costrel[cron]'",
    )

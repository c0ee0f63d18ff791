"""Lines of crontab, in time zones whose clocks change."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from costrel.errors import ConfigurationError
from costrel.scheduling import Cron

BERLIN = "Europe/Berlin"


def at(text: str, zone: str = "UTC", fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def moments(cron: Cron, start: float, count: int) -> list[str]:
    """Return the next moments, as UTC."""
    found = []
    moment: float | None = start
    for _ in range(count):
        moment = cron.next_after(moment) if moment is not None else None
        found.append("-" if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%m-%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("30 3 * * *", ["01-01 03:30", "01-02 03:30"], id="daily"),
        pytest.param("*/20 * * * *", ["01-01 00:20", "01-01 00:40"], id="steps"),
        pytest.param("0 8-10,20 * * *", ["01-01 08:00", "01-01 09:00"], id="ranges-and-lists"),
        pytest.param("0 0 * FEB *", ["02-01 00:00", "02-02 00:00"], id="names-of-months"),
        pytest.param("0 0 * * mon-tue", ["01-05 00:00", "01-06 00:00"], id="names-of-days-in-any-case"),
        pytest.param("0 0 * * 7", ["01-04 00:00", "01-11 00:00"], id="seven-is-sunday"),
        pytest.param("0 0 13 * FRI", ["01-02 00:00", "01-09 00:00"], id="either-of-two-restricted-days"),
        pytest.param("0 0 */10 * SUN", ["01-11 00:00", "02-01 00:00"], id="both-when-one-begins-with-a-star"),
        pytest.param("0 0 L * *", ["01-31 00:00", "02-28 00:00"], id="last-day"),
        pytest.param("@hourly", ["01-01 01:00", "01-01 02:00"], id="at-hourly"),
        pytest.param("@Daily", ["01-02 00:00", "01-03 00:00"], id="at-daily"),
        pytest.param("@weekly", ["01-04 00:00", "01-11 00:00"], id="at-weekly"),
        pytest.param("@monthly", ["02-01 00:00", "03-01 00:00"], id="at-monthly"),
    ],
)
def test_a_line_names_moments(line: str, expected: list[str]) -> None:
    """The syntax and the rule of days are those of Vixie's cron."""

    assert expected == moments(Cron(line), at("2026-01-01T00:00"), 2)


@pytest.mark.parametrize(
    ("line", "start", "expected"),
    [
        # Clocks go from 02:00 to 03:00 on 29 March 2026, which is 01:00 UTC.
        pytest.param("30 2 * * *", "2026-03-28T12:00", ["03-29 01:00", "03-30 00:30"], id="skipped-runs-once-after-it"),
        pytest.param("0,30 2 * * *", "2026-03-28T12:00", ["03-29 01:00", "03-30 00:00"], id="skipped-twice-runs-once"),
        pytest.param("0 * * * *", "2026-03-29T01:30", ["03-29 01:00", "03-29 02:00"], id="hourly-follows-real-hours"),
        # Clocks go from 03:00 back to 02:00 on 25 October 2026, which is 01:00 UTC.
        pytest.param(
            "30 2 * * *", "2026-10-24T12:00", ["10-25 00:30", "10-26 01:30"], id="repeated-runs-the-first-time"
        ),
        pytest.param("*/30 * * * *", "2026-10-25T02:15", ["10-25 00:30", "10-25 01:00"], id="steps-go-on-in-real-time"),
    ],
)
def test_clocks_that_change(line: str, start: str, expected: list[str]) -> None:
    """A skipped time runs once, a repeated one once, and what is written with a star goes by the time that passes."""

    assert expected == moments(Cron(line, BERLIN), at(start, BERLIN), 2)


def test_no_moment_comes_twice_where_an_hour_does() -> None:
    """In the repeated hour the next moment is never one that has passed."""
    in_the_second_pass = at("2026-10-25T02:10", BERLIN, fold=1)

    assert ["10-26 01:30"] == moments(Cron("30 2 * * *", BERLIN), in_the_second_pass, 1)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        pytest.param("2026-01-02T03:30", "2026-01-02T03:30", id="at-one"),
        pytest.param("2026-01-02T03:29:59", "2026-01-01T03:30", id="just-before-one"),
        pytest.param("2026-01-02T12:00", "2026-01-02T03:30", id="after-one"),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", BERLIN])
def test_the_last_moment_is_found(moment: str, expected: str, zone: str) -> None:
    """Backwards, the moment itself counts."""

    assert at(expected, zone) == Cron("30 3 * * *", zone).last_until(at(moment, zone))


@pytest.mark.parametrize(
    ("make", "code", "why"),
    [
        pytest.param(lambda: Cron("0 3 * *"), "COS-SCHEDULE-002", "it has five fields", id="four-fields"),
        pytest.param(lambda: Cron("0 0 3 * * *"), "COS-SCHEDULE-002", "it has five fields", id="six-fields"),
        pytest.param(lambda: Cron("@reboot"), "COS-SCHEDULE-002", "it has five fields", id="at-reboot"),
        pytest.param(lambda: Cron("60 3 * * *"), "COS-SCHEDULE-002", "bad minute", id="no-such-minute"),
        pytest.param(lambda: Cron("0 0 31 2 *"), "COS-SCHEDULE-002", "bad day-of-month", id="no-such-date"),
        pytest.param(lambda: Cron("0 0 1-7 2 MON#5,TUE#5"), "COS-SCHEDULE-002", None, id="either-day-is-enough"),
        pytest.param(lambda: Cron("* * */20 2 1L"), "COS-SCHEDULE-002", "no day is like that", id="never"),
        pytest.param(lambda: Cron("@daily", "Mars/Base"), "COS-SCHEDULE-003", "`Mars/Base`", id="unknown-zone"),
        pytest.param(lambda: Cron("@daily", "../etc/passwd"), "COS-SCHEDULE-003", "passwd", id="zone-with-dots"),
        pytest.param(lambda: Cron("@daily", ""), "COS-SCHEDULE-003", "``", id="empty-zone"),
        pytest.param(lambda: Cron("@daily", "Europe"), "COS-SCHEDULE-003", "`Europe`", id="zone-that-is-a-folder"),
    ],
)
def test_a_line_that_cannot_be_meant_says_why(make: Callable[[], Cron], code: str, why: str | None) -> None:
    """What cannot be read, never comes true or names no zone is found at the build."""
    if why is None:
        assert make().next_after(0.0) is not None
        return
    with pytest.raises(ConfigurationError) as caught:
        make()

    assert code == caught.value.code
    assert why in caught.value.mistake.what


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """`cronsim` is an extra; who uses `cron` without it is told which."""
    find = importlib.util.find_spec
    monkeypatch.setattr("costrel.scheduling.cron.find_spec", lambda name: None if name == "cronsim" else find(name))
    with pytest.raises(ConfigurationError) as caught:
        Cron("@daily")

    assert "COS-SCHEDULE-004" == caught.value.code
    assert "pip install 'costrel[cron]'" == caught.value.mistake.fix


def test_a_line_shows_what_was_written() -> None:
    """Logs and listings have the words of the program."""

    assert "cron @daily (UTC)" == str(Cron("@daily"))

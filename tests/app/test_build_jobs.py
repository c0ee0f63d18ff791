"""What is wrong with scheduled jobs is found by the build, all of it together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from costrel.app import App
from costrel.errors import BuildError
from costrel.stores import MemoryStore


class Database:
    """Something that nobody provides."""


def clean() -> None:
    """A job."""


def generator() -> Iterator[int]:
    """No job."""
    yield 1


async def asynchronous() -> AsyncIterator[int]:
    """No job."""
    yield 1


def with_database(database: Database) -> None:
    """A job that needs what is not there."""


def with_number(number: int) -> None:
    """A job that would read a query string."""


def with_list(numbers: dict[str, int]) -> None:
    """A job that would read a body."""


SCHEDULES: list[Any] = [
    pytest.param(lambda app: app.every("5min")(clean), "001", "every='5min'", id="no-length-of-time"),
    pytest.param(lambda app: app.every(0.01)(clean), "001", "every=0.01", id="too-short"),
    pytest.param(lambda app: app.every("1s", once="week")(clean), "001", "once='week'", id="unknown-once"),
    pytest.param(lambda app: app.every("1s", once="cluster")(clean), "001", "once='cluster'", id="cluster-of-nothing"),
    pytest.param(
        lambda app: app.every("1s", once="process", store=MemoryStore())(clean), "001", "store=", id="store-for-nothing"
    ),
    pytest.param(lambda app: app.every("1s", timeout_seconds=0)(clean), "001", "timeout_seconds=0", id="no-time"),
    pytest.param(lambda app: app.every("1s", timeout_seconds="5s")(clean), "001", "timeout_seconds='5s'", id="text"),
    pytest.param(lambda app: app.every("9s", jitter_seconds=-1)(clean), "001", "jitter_seconds=-1", id="negative"),
    pytest.param(lambda app: app.every("9s", jitter_seconds=9)(clean), "001", "jitter_seconds=9", id="long-jitter"),
    pytest.param(lambda app: app.cron("* * * *")(clean), "002", "`* * * *`", id="four-fields"),
    pytest.param(lambda app: app.cron("@daily", timezone="Nowhere")(clean), "003", "`Nowhere`", id="unknown-zone"),
    pytest.param(lambda app: app.every("1s")(generator), "005", "is a generator", id="generator"),
    pytest.param(lambda app: app.every("1s")(asynchronous), "005", "is a generator", id="async-generator"),
    pytest.param(lambda app: app.every("1s")(Database), "005", "is a class", id="class"),
    pytest.param(lambda app: app.every("1s")("clean"), "005", "is 'clean'", id="text-as-handler"),
    pytest.param(lambda app: app.every("1s")(with_database), "006", "`database`", id="type-nobody-provides"),
    pytest.param(lambda app: app.every("1s")(with_number), "006", "`number`", id="value-of-a-query"),
    pytest.param(lambda app: app.every("1s")(with_list), "006", "", id="value-of-a-body"),
]


@pytest.mark.parametrize(("schedule", "code", "shown"), SCHEDULES)
def test_a_mistake_is_reported(schedule: Callable[[App], object], code: str, shown: str) -> None:
    """With its code, what was written and the line of the handler, and with nothing else."""
    app = App("app")
    schedule(app)
    with pytest.raises(BuildError) as caught:
        app.build()

    (mistake,) = caught.value.mistakes
    assert f"COS-SCHEDULE-{code}" == mistake.code
    assert shown in mistake.what
    assert mistake.fix


def test_two_jobs_have_two_names() -> None:
    """Workers agree by the name, so one of two would never run."""
    app = App("app")
    app.every("1s")(clean)
    app.every("2s")(clean)
    app.every("3s", name="clean_2")(clean)
    with pytest.raises(BuildError) as caught:
        app.build()

    assert ["COS-SCHEDULE-007"] == [mistake.code for mistake in caught.value.mistakes]


def test_everything_is_reported_together() -> None:
    """One start shows all that is wrong."""
    app = App("app")
    app.every("soon", timeout_seconds=-1)(with_number)
    with pytest.raises(BuildError) as caught:
        app.build()

    assert ["COS-SCHEDULE-001", "COS-SCHEDULE-001", "COS-SCHEDULE-006"] == [
        mistake.code for mistake in caught.value.mistakes
    ]


def test_options_are_those_of_the_job() -> None:
    """What was written, and the defaults."""
    app, store = App("app"), MemoryStore()
    app.every("1m")(clean)
    app.every(
        "1m",
        name="other",
        once="cluster",
        store=store,
        timeout_seconds=5,
        jitter_seconds=3,
        overlap=True,
        on_start=True,
    )(clean)
    shown = [
        (job.once, job.store, job.timeout_seconds, job.jitter_seconds, job.overlap, job.on_start)
        for job in app.scheduled.values()
    ]

    assert [("host", None, None, 0.0, False, False), ("cluster", store, 5, 3, True, True)] == shown

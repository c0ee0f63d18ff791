"""``every`` and ``cron`` on apps, blueprints and for extensions."""

from __future__ import annotations

import pytest

from costrel.app import App, Blueprint
from costrel.errors import ConfigurationError
from costrel.messages import AppSetup


def clean() -> None:
    """What is scheduled."""


def test_jobs_are_registered_on_apps_and_blueprints() -> None:
    """A blueprint puts its name before theirs; the decorated function stays what it is."""
    app, shop, orders = App("app"), Blueprint("shop"), Blueprint("orders")
    assert clean is app.every("5m")(clean)
    shop.cron("30 3 * * *", timezone="Europe/Berlin", name="nightly")(clean)
    orders.every(10)(clean)
    shop.register(orders)
    app.register(shop)

    assert {
        "clean": "every 5m",
        "shop.nightly": "cron 30 3 * * * (Europe/Berlin)",
        "shop.orders.clean": "every 10s",
    } == {name: str(job.timing) for name, job in app.scheduled.items()}
    assert ["clean", "shop.nightly", "shop.orders.clean"] == [entry["name"] for entry in app.describe()["schedule"]]


@pytest.mark.parametrize("verb", ["every", "cron"])
def test_an_option_that_does_not_exist_is_refused(verb: str) -> None:
    """The options that exist are listed."""
    with pytest.raises(TypeError, match=r"a scheduled job has no option 'timeout'.*timeout_seconds"):
        getattr(App("app"), verb)("5m", timeout=3)


@pytest.mark.parametrize(("verb", "time"), [("every", "5m"), ("cron", "@daily")])
def test_nothing_is_scheduled_after_the_build(verb: str, time: str) -> None:
    """As with every other registration."""
    app = App("app")
    app.build()
    with pytest.raises(ConfigurationError, match=f"COS-APP-001  `{verb}`"):
        getattr(app, verb)(time)(clean)


def test_an_extension_schedules_work() -> None:
    """What it gets has the verbs too."""

    class Cleaning:
        name = "cleaning"
        requires = ()

        def install(self, app: AppSetup) -> None:
            app.every("1h", once="process")(clean)

    app = App("app", extensions=[Cleaning()])

    assert ["clean"] == list(app.scheduled)


def test_a_block_that_fails_takes_its_jobs_back() -> None:
    """A reopened application schedules what its block has added, unless the block has a mistake."""
    app = App("app")
    app.build()
    with app.reopen():
        app.every("5m", name="kept")(clean)
    with pytest.raises(ConfigurationError), app.reopen():
        app.every("never", name="lost")(clean)

    assert ["kept"] == list(app.scheduled)

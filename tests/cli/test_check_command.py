"""`costrel check`: all mistakes at once, and the exit code that stops a pipeline."""

from __future__ import annotations

import pytest

from costrel import App
from costrel.cli import invoke
from costrel.messages import AppSettings

SOUND = AppSettings(
    secret_key="u0Tz5mL1qXn8vCwEyHbJrKpGfDsA7962",
    base_url="https://shop.example/",
    allowed_hosts=("shop.example",),
    session_cookie_name="__Host-session",
)


def test_a_sound_application_is_told_so() -> None:
    """With the number of its routes."""
    app = App("shop", extensions=())
    app.add_route("/", lambda: "")

    assert "shop: 1 route, no mistakes.\n" == invoke(app, ["check"]).output


def test_every_mistake_is_printed() -> None:
    """With its code, and 1 as the exit code."""
    app = App("shop", extensions=())
    app.add_route("one", lambda: "")
    app.add_route("/{two", lambda: "")
    result = invoke(app, ["check"])

    assert 1 == result.exit_code
    assert result.output.startswith("2 mistakes in the application:")
    assert 2 == result.output.count("\nCOS-ROUTE-")


@pytest.mark.capability("C158")
@pytest.mark.security("D14")
def test_a_deployment_that_is_not_ready_fails() -> None:
    """Each finding has its name, what is so and what to do, within 80 columns."""
    result = invoke(App("shop", extensions=()), ["check", "--deploy"])

    assert 1 == result.exit_code
    assert "! secret-key-missing\n" in result.output
    assert "3 warnings." in result.output
    assert max(map(len, result.output.splitlines())) <= 80


def test_notes_are_advice() -> None:
    """They do not fail a pipeline."""
    app = App("shop", extensions=(), settings=AppSettings(
        secret_key=SOUND.secret_key, base_url=SOUND.base_url, allowed_hosts=SOUND.allowed_hosts
    ))  # fmt: skip
    result = invoke(app, ["check", "--deploy"])

    assert 0 == result.exit_code
    assert "- session-cookie-name\n" in result.output
    assert "0 warnings." in result.output


def test_a_finding_can_be_left_out() -> None:
    """Somebody has looked at it and knows better."""
    arguments = ["check", "--deploy", "--ignore", "base-url", "--ignore", "allowed-hosts"]
    result = invoke(App("shop", extensions=()), arguments)

    assert "1 warning." in result.output
    assert "base-url" not in result.output


def test_a_ready_deployment_is_told_so() -> None:
    """As far as settings tell."""
    result = invoke(App("shop", extensions=(), settings=SOUND), ["check", "--deploy"])

    assert 0 == result.exit_code
    assert "Ready to be deployed" in result.output


def test_the_environment_of_the_server_counts() -> None:
    """And a value that cannot be read is a wrong environment."""
    app = App("shop", extensions=(), settings=SOUND)

    assert "access-log-off" in invoke(app, ["check", "--deploy"], environ={"COSTREL_ACCESS_LOG": "0"}).output
    assert 2 == invoke(app, ["check", "--deploy"], environ={"COSTREL_PORT": "many"}).exit_code

"""`costrel check`: all mistakes at once, and the exit code that stops a pipeline."""

from __future__ import annotations

import flask
import pytest

from costrel import App
from costrel.cli import invoke
from costrel.cli.foreign_app import wrap_foreign
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


async def star(scope: object, receive: object, send: object) -> None:
    """An ASGI application that nobody asks."""


def test_an_application_of_another_framework_is_not_looked_into() -> None:
    """Its settings are its own; those of the server are checked."""
    app = wrap_foreign(star, "shop")
    said = f"shop: {__name__}.star, an ASGI application, is served as it is; its routes are its own business.\n"
    environ = {"COSTREL_ACCESS_LOG": "0"}

    assert said == invoke(app, ["check"]).output
    assert f"{said}Ready to be deployed, as far as settings tell.\n" == invoke(app, ["check", "--deploy"]).output
    assert "access-log-off" in invoke(app, ["check", "--deploy"], environ=environ).output


def test_mounts_are_counted() -> None:
    """Beside the routes."""
    app = App("shop", extensions=())
    app.mount("/star", star)

    assert "shop: 0 routes, 1 mount, no mistakes.\n" == invoke(app, ["check"]).output


def test_a_mounted_flask_application_keeps_the_name_of_the_cookie() -> None:
    """Another name would end the sessions that the two share."""
    app = App("shop", extensions=(), settings=AppSettings(
        secret_key=SOUND.secret_key, base_url=SOUND.base_url, allowed_hosts=SOUND.allowed_hosts
    ))  # fmt: skip
    app.mount("/", flask.Flask("old"), fallback=True)

    assert "session-cookie-name" not in invoke(app, ["check", "--deploy"]).output


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

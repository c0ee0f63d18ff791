"""The flags of the server: derived from its settings, so that no list is kept twice."""

from __future__ import annotations

import dataclasses

import click
import pytest

from costrel.cli.help import SectionOption
from costrel.cli.server_options import argument_help, process_options, server_options, settings_from
from costrel.errors import ConfigurationError
from costrel.messages import AppSettings
from costrel.server import ServerSettings


@click.command()
@process_options(reload=True)
@server_options(graceful_timeout_seconds=0.5)
def command(**_: object) -> None:
    """A command with all of them."""


OPTIONS = {parameter.name: parameter for parameter in command.params if isinstance(parameter, SectionOption)}


@pytest.mark.parametrize(
    "field", [field for field in dataclasses.fields(ServerSettings) if field.repr], ids=lambda field: field.name
)
def test_every_setting_is_a_flag_with_its_variable_default_and_help(field: dataclasses.Field[object]) -> None:
    """The name of the field is the name of the flag and of the variable."""
    option = OPTIONS[field.name]

    assert f"--{field.name.replace('_', '-')}" in option.opts
    assert f"COSTREL_{field.name.upper()}" == option.env
    assert option.help
    assert option.help.endswith(".")
    if field.default is not None and field.name != "graceful_timeout_seconds":
        assert option.shown_default in (str(field.default), "on", "off", "")


def test_a_secret_is_no_flag() -> None:
    """A command line is anybody's to read."""

    assert "tls_key_password" not in OPTIONS


def test_networks_stand_between_commas() -> None:
    """A flag takes several."""

    assert ("10.0.0.0/8", "::1") == OPTIONS["proxy_protocol_networks"].type.convert("10.0.0.0/8, ::1,", None, None)


def test_every_setting_has_help_in_its_docstring() -> None:
    """What the help says is what the reference says."""
    names = {field.name for field in dataclasses.fields(ServerSettings)}

    assert names == set(argument_help(ServerSettings))
    assert "threads" in argument_help(AppSettings)


def test_the_default_of_a_command_is_shown() -> None:
    """`dev` waits for half a second only."""

    assert "0.5" == OPTIONS["graceful_timeout_seconds"].shown_default


def test_continued_lines_of_a_docstring_are_joined() -> None:
    """And what is no argument ends the list."""

    class Described:
        """A class.

        Args:
            first: one line
                and another.
            second: a line with a colon: here.

        Raises:
            third: no argument.
        """

    assert {"first": "one line and another.", "second": "a line with a colon: here."} == argument_help(Described)


@pytest.mark.parametrize(
    ("given", "environ", "defaults", "expected"),
    [
        pytest.param({"port": 1, "app": "x"}, {"COSTREL_PORT": "2"}, {"port": 3}, 1, id="the-command-line-wins"),
        pytest.param({"port": None}, {"COSTREL_PORT": "2"}, {"port": 3}, 2, id="then-the-environment"),
        pytest.param({"port": None}, {}, {"port": 3}, 3, id="then-the-command"),
        pytest.param({"port": None}, {}, {}, 8000, id="then-the-default"),
    ],
)
def test_who_decides_about_a_setting(
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, object],
    environ: dict[str, str],
    defaults: dict[str, object],
    expected: int,
) -> None:
    """Command line, environment, command, class: in this order."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert expected == settings_from(given, **defaults).port


def test_a_value_out_of_range_is_a_mistake() -> None:
    """The settings check themselves."""
    with pytest.raises(ConfigurationError, match="port"):
        settings_from({"port": 70000})

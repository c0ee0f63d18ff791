"""The flags of the server, made from the fields of `ServerSettings`: nothing about a setting is written twice.

The field ``header_timeout_seconds`` is the flag ``--header-timeout-seconds`` and the variable
``COSTREL_HEADER_TIMEOUT_SECONDS``; its default comes from the class and its help from the docstring. `ServerSettings`
reads the environment and checks every value. A field that its ``repr`` leaves out is a secret and has no flag.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import click

from costrel.cli.engines import ENGINES
from costrel.cli.help import SectionOption
from costrel.messages import AppSettings
from costrel.server import ServerSettings

__all__ = ["OWN_SERVER", "argument_help", "engine_option", "process_options", "server_options", "settings_from"]

F = TypeVar("F", bound=Callable[..., object])

OWN_SERVER = "costrel"
PROCESS = "Process"
LISTENING = "Where it listens"
WATCHING = "Logs and health"
TLS = "TLS and proxies"
LIMITS = "Limits and times"
_SECTIONS: Mapping[str, frozenset[str]] = {
    PROCESS: frozenset({"workers", "worker_timeout_seconds", "max_requests", "max_requests_jitter"}),
    LISTENING: frozenset({"host", "port", "uds", "fd", "backlog"}),
    WATCHING: frozenset({"access_log", "access_log_format", "liveness_path", "readiness_path"}),
    TLS: frozenset({"tls_certificate_path", "tls_key_path", "proxy_protocol", "proxy_protocol_networks"}),
}


class _Words(click.ParamType[tuple[str, ...]]):
    """Texts between commas."""

    name = "text,…"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:  # click passes what it has
        """Split the text."""
        return tuple(word.strip() for word in str(value).split(",") if word.strip())


_TYPES: Mapping[type, click.ParamType[Any]] = {
    str: click.STRING,
    int: click.INT,
    float: click.FLOAT,
    tuple: _Words(),
}
_ARGUMENT = re.compile(r"(\w+): (.*)")


def server_options(**defaults: object) -> Callable[[F], F]:
    """Return what adds one option for each field of `ServerSettings` to a command.

    Args:
        **defaults: of this command, where they differ from those of `ServerSettings`; give them to `settings_from` too.
    """
    helps = argument_help(ServerSettings)
    hints = get_type_hints(ServerSettings)
    options = [
        _option_of(field, hints[field.name], helps.get(field.name, ""), defaults.get(field.name, field.default))
        for field in dataclasses.fields(ServerSettings)
        if field.repr
    ]
    return lambda command: _with_options(command, options)


def process_options(*, reload: bool) -> Callable[[F], F]:
    """Return what adds ``--threads`` and ``--reload`` to a command.

    Args:
        reload: whether a change of a file starts the application anew unless the command line says otherwise.
    """
    threads = next(field for field in dataclasses.fields(AppSettings) if field.name == "threads")
    options = [
        SectionOption(
            ["--threads"],
            type=click.IntRange(min=1),
            metavar="INTEGER",
            help=_sentence(argument_help(AppSettings).get("threads", "")),
            section=PROCESS,
            env="COSTREL_THREADS",
            shown_default=str(threads.default),
        ),
        SectionOption(
            ["--reload/--no-reload"],
            default=reload,
            help="Whether a change of a source file starts the application anew.",
            section=PROCESS,
            shown_default="on" if reload else "off",
        ),
    ]
    return lambda command: _with_options(command, options)


def engine_option(command: F) -> F:
    """Add ``--server`` to a command: who speaks HTTP."""
    option = SectionOption(
        ["--server"],
        type=click.Choice([OWN_SERVER, *sorted(ENGINES)]),
        default=OWN_SERVER,
        envvar="COSTREL_SERVER",
        help="Who speaks HTTP: our own server, or another one through ASGI.",
        section=PROCESS,
        env="COSTREL_SERVER",
        shown_default=OWN_SERVER,
    )
    return _with_options(command, [option])


def settings_from(given: Mapping[str, Any], **defaults: object) -> ServerSettings:
    """Make the settings of what the command line says, then of the environment, then of `defaults`.

    Args:
        given: values of the options, `None` where the command line says nothing; takes other names too.
        **defaults: of this command, where they differ from those of `ServerSettings`.

    Raises:
        ConfigurationError: COS-SERVER-001, a value that is no sensible setting.
    """
    names = {field.name for field in dataclasses.fields(ServerSettings)}
    chosen = {name: value for name, value in given.items() if name in names and value is not None}
    for name, value in defaults.items():
        if name not in chosen and f"COSTREL_{name.upper()}" not in os.environ:
            chosen[name] = value
    return ServerSettings.from_environment(os.environ, **chosen)


def argument_help(cls: type) -> dict[str, str]:
    """Return what the ``Args`` section of a docstring says of each argument, in one line each."""
    section = inspect.getdoc(cls) or ""
    section = section.partition("Args:\n")[2].partition("\n\n")[0]
    helps: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        match = _ARGUMENT.match(line.strip()) if len(line) - len(line.lstrip()) == 4 else None
        if match is not None:
            name, helps[match[1]] = match.groups()
        elif name:
            helps[name] += f" {line.strip()}"
    return helps


def _option_of(field: dataclasses.Field[Any], hint: Any, help_text: str, default: object) -> SectionOption:
    """Make the option of one field."""
    flag = field.name.replace("_", "-")
    origin = get_origin(hint)
    plain = hint if origin is Literal else tuple if origin is tuple else next(iter(get_args(hint)), hint)
    is_flag = plain is bool
    choices = get_args(hint) if origin is Literal else ()
    shown = ("on" if default else "off") if is_flag else "" if default in (None, ()) else str(default)
    return SectionOption(
        [f"--{flag}/--no-{flag}"] if is_flag else [f"--{flag}"],
        type=click.BOOL if is_flag else click.Choice([str(choice) for choice in choices]) if choices else _TYPES[plain],
        default=None,
        help=_sentence(help_text),
        section=next((section for section, names in _SECTIONS.items() if field.name in names), LIMITS),
        env=f"COSTREL_{field.name.upper()}",
        shown_default=shown,
    )


def _sentence(text: str) -> str:
    """Make a sentence for a terminal of a docstring's description."""
    plain = text.replace("``", "").replace("`", "")
    return plain[:1].upper() + plain[1:]


def _with_options(command: F, options: Iterable[click.Option]) -> F:
    """Hang options on a function as click's decorators do, in the order given."""
    parameters: list[click.Parameter] = command.__dict__.setdefault("__click_params__", [])
    parameters.extend(reversed(list(options)))
    return command

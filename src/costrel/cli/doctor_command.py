"""`costrel doctor`: send the same requests to an old and a new application, and print what differs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout

import click

from costrel.app import App
from costrel.cli.doctor_compare import Answer, compare_answers
from costrel.cli.doctor_difference import Ignored
from costrel.cli.doctor_replay import ReplaySettings, replay, run_reset
from costrel.cli.doctor_report import Comparison, Diagnosis, report_json, report_text
from costrel.cli.doctor_requests import READ_METHODS, ReplayPlan, plan_replay
from costrel.cli.help import CliCommand, SectionOption
from costrel.cli.loading import load_app
from costrel.cli.serving import describe_failure
from costrel.cli.source import UsageFailed, failure_of
from costrel.cli.terminal import Paint
from costrel.errors import ConfigurationError
from costrel.http import URL, is_token

__all__ = ["doctor_command"]

_ASKED = "What is asked, and how"
_NO_RESET = (
    "The new application began with what the old one had left behind. Where both keep data in one place, say with "
    "--reset how it is put back."
)


@click.command(
    "doctor",
    cls=CliCommand,
    example=(
        "costrel doctor old.web:app shop.web:app --requests requests.txt",
        "costrel doctor old.web:app shop.web:app --log access.jsonl --limit 200",
    ),
)
@click.argument("old")
@click.argument("new")
@click.option(
    "--requests",
    cls=SectionOption,
    section=_ASKED,
    metavar="FILE",
    help="A list, one request a line: GET /path, or an object of JSON; - is the standard input.",
)
@click.option(
    "--log", cls=SectionOption, section=_ASKED, metavar="FILE", help="An access log; each path is asked for once."
)
@click.option(
    "--limit",
    cls=SectionOption,
    section=_ASKED,
    type=click.IntRange(min=1),
    default=1000,
    shown_default="1000",
    help="Requests at most; of a log those that were asked most.",
)
@click.option(
    "--unsafe",
    cls=SectionOption,
    section=_ASKED,
    is_flag=True,
    help="Send what is neither GET nor HEAD too; it may change data.",
)
@click.option(
    "--reset",
    cls=SectionOption,
    section=_ASKED,
    metavar="COMMAND",
    help="Run this in a shell before each side, to put data back.",
)
@click.option(
    "--header",
    "headers",
    cls=SectionOption,
    section=_ASKED,
    multiple=True,
    metavar="'NAME: VALUE'",
    help="Send it with every request; may be repeated.",
)
@click.option(
    "--base-url",
    cls=SectionOption,
    section=_ASKED,
    metavar="URL",
    default="http://localhost",
    shown_default="http://localhost",
    help="Scheme, host and port of what is asked.",
)
@click.option(
    "--timeout-seconds",
    cls=SectionOption,
    section=_ASKED,
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    shown_default="10",
    help="How long an answer may take.",
)
@click.option(
    "--ignore",
    multiple=True,
    metavar="NAME",
    help="Leave out a header, a cookie, a JSON key or path, or a line of text; * is anything; may be repeated.",
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", help="For people, or for programs."
)
@click.pass_context
def doctor_command(
    context: click.Context,
    /,
    *,
    old: str,
    new: str,
    requests: str | None,
    log: str | None,
    unsafe: bool,
    reset: str | None,
    headers: Sequence[str],
    ignore: Sequence[str],
    limit: int,
    timeout_seconds: float,
    base_url: str,
    form: str,
) -> None:
    """Send the same requests to two applications and print what differs.

    OLD and NEW are import strings of applications of any kind. Compared are the status, the headers that protect,
    cookies and bodies, JSON by its structure. The exit code is 1 when something differs.
    """
    if requests is None and log is None:
        raise click.UsageError("Say which requests are sent: --requests FILE or --log FILE.")
    settings = ReplaySettings(_checked_origin(base_url), [_parse_header(text) for text in headers], timeout_seconds)
    try:
        plan = plan_replay(requests, log, is_unsafe=unsafe, max_requests=limit)
    except ConfigurationError as error:
        raise failure_of(error) from error
    except OSError as error:
        raise click.UsageError(f"{error.filename or 'The file'} cannot be read: {error.strerror or error}.") from error

    # What the applications print is not part of the report.
    with redirect_stdout(sys.stderr):
        apps = [_load(text) for text in (old, new)]
        old_answers, new_answers = (_ask(app, plan, settings, reset) for app in apps)
    ignored = Ignored(ignore)
    comparisons = [
        Comparison(request, one, other, tuple(compare_answers(one, other, settings.base_url, ignored)))
        for request, one, other in zip(plan.requests, old_answers, new_answers, strict=True)
    ]
    is_changing = any(request.method not in READ_METHODS for request in plan.requests)
    diagnosis = Diagnosis(old, new, plan, tuple(comparisons), _NO_RESET if is_changing and reset is None else "")
    if form == "json":
        click.echo(json.dumps(report_json(diagnosis), indent=2, ensure_ascii=False))
    else:
        click.echo(report_text(diagnosis, Paint(sys.stdout)))
    context.exit(1 if diagnosis.different else 0)


def _load(text: str) -> App:
    """Import and build an application.

    Raises:
        UsageFailed: it cannot be; that is no difference between answers, so the exit code is not 1.
    """
    try:
        app = load_app(text)
        app.build()
    except Exception as error:
        raise UsageFailed(f"`{text}` cannot be loaded.\n\n{describe_failure(error)}") from error
    return app


def _ask(app: App, plan: ReplayPlan, settings: ReplaySettings, reset: str | None) -> list[Answer]:
    """Put the data back and send the requests to one application.

    Raises:
        UsageFailed: the command fails, or the application cannot start or stop.
    """
    if reset is not None:
        run_reset(reset)
    try:
        return replay(app, plan.requests, settings)
    except Exception as error:
        raise UsageFailed(f"`{app.name}` cannot be run.\n\n{describe_failure(error)}") from error


def _parse_header(text: str) -> tuple[str, str]:
    """Return the name and the value of a header."""
    name, colon, value = text.partition(":")
    if not colon or not is_token(name.strip().encode("utf-8", "replace")) or not value.isprintable():
        # SECURITY: the value may be a credential, and what is printed is kept by terminals and pipelines.
        raise click.UsageError("A header is 'Name: value'.")
    return name.strip(), value.strip()


def _checked_origin(base_url: str) -> str:
    """Return the origin of a URL."""
    try:
        origin = URL(base_url).origin
    except ValueError:
        origin = ""
    if not origin.startswith(("http://", "https://")):
        raise click.UsageError(f"{base_url!r:.100} is no URL: write one like https://shop.example.")
    return origin

"""How commands look in their ``--help``, and what an unknown name is answered with.

Every command has one sentence, an example and its options, each with its environment variable and default. Options
stand in sections. A misspelt command gets the nearest one offered; click does that for options.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import click

__all__ = ["CliCommand", "CliGroup", "SectionOption", "offer"]

HELP_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 80}
_NAME_WIDTH = 24


def offer(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the name nearest to `name`, or an empty text when none is near."""
    near = get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


class SectionOption(click.Option):
    """An option that stands under a heading of its own in the help.

    Args:
        section: the heading; without one it stands under ``Options``.
        env: the environment variable that says the same, for the help.
        shown_default: the default, for the help.
    """

    def __init__(self, *args: Any, section: str = "", env: str = "", shown_default: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # click's own parameters
        self.section = section
        self.env = env
        self.shown_default = shown_default

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Return what click adds to the help, without the range: an error message says it when it matters."""
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the left and the right column of the help."""
        record = super().get_help_record(ctx)
        if record is None:
            return None
        notes = [text for text in (self.env, f"default: {self.shown_default}" if self.shown_default else "") if text]
        return (record[0], f"{record[1]}  [{', '.join(notes)}]") if notes else record


class _Described(click.Command):
    """A command whose help has an example below its sentence, and its options in sections."""

    def __init__(self, *args: Any, example: str | Sequence[str] = (), **kwargs: Any) -> None:
        kwargs.setdefault("context_settings", HELP_SETTINGS)  # click's own parameters
        super().__init__(*args, **kwargs)
        self.examples: tuple[str] | tuple[str, ...] = (example,) if isinstance(example, str) else tuple(example)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; an unknown option gets the nearest one offered.

        Raises:
            click.UsageError: they are not those of this command.
        """
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            known = [
                name for parameter in self.get_params(ctx) for name in (*parameter.opts, *parameter.secondary_opts)
            ]
            raise click.UsageError(
                f"No such option '{error.option_name}'.{offer(error.option_name, known)}", ctx
            ) from None

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sentence, and below it the example."""
        super().format_help_text(ctx, formatter)
        if self.examples:
            with formatter.section("Example" if len(self.examples) == 1 else "Examples"):
                for line in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, each under its heading."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                sections.setdefault(getattr(parameter, "section", "") or "Options", []).append(record)
        for heading in sorted(sections, key=lambda name: name == "Options"):
            with formatter.section(heading):
                if any(len(name) > _NAME_WIDTH for name, _ in sections[heading]):
                    _write_stacked(formatter, sections[heading])
                else:
                    formatter.write_dl(sections[heading])


def _write_stacked(formatter: click.HelpFormatter, rows: Sequence[tuple[str, str]]) -> None:
    """Write each help below its option, where names are too long to stand beside it."""
    for name, text in rows:
        formatter.write(f"{'':{formatter.current_indent}}{name}\n")
        with formatter.indentation(), formatter.indentation():
            formatter.write_text(text)


class CliCommand(_Described):
    """A command of Costrel."""


class CliGroup(_Described, click.Group):
    """A group of commands that offers the nearest one for a name it does not know."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of the first argument.

        Raises:
            click.UsageError: there is none.
        """
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            raise click.UsageError(f"No such command {name!r}.{offer(name, self.list_commands(ctx))}", ctx)
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, then the options."""
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)

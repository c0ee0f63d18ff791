"""Write the pages of the documentation that follow from the code: settings, events, the command line, the errors.

The pages are kept in the repository, so that they can be read without building anything; a test compares them.

    python scripts/reference_pages.py           write the pages
    python scripts/reference_pages.py --check   exit with 1 when one of them is not what the code says
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import dedent

import click

from costrel.app import EVENTS, AppSettings
from costrel.cli.root import root
from costrel.server import ServerSettings

DOCS = Path(__file__).parent.parent / "docs"
ERROR_PAGES = DOCS / "errors"
MADE = "<!-- Made by scripts/reference_pages.py; change the code instead. -->"
HELP_WIDTH = 80
ROOMS = {
    "APP": "Applications, blueprints and settings",
    "CARRY": "Code that moves here",
    "CLI": "The command line",
    "CONTEXT": "`request`, `session`, `g` and their like",
    "HANDLER": "Handlers, hooks, providers and responses",
    "LAYERS": "Layers",
    "MOUNT": "Mounted applications",
    "PAGES": "Error pages",
    "REQUEST": "Requests and their bodies",
    "RESPONSE": "Responses",
    "ROUTE": "Routes and patterns",
    "SCHEDULE": "Work by the clock",
    "SERVER": "The server",
    "SESSION": "Sessions",
    "STATIC": "Static files",
    "STORE": "Stores",
    "TEMPLATE": "Templates",
    "TESTING": "The test clients",
    "WEBSOCKET": "WebSockets",
}


def argument_texts(cls: type) -> dict[str, str]:
    """Return what the docstrings of a class and its ancestors say about each argument."""
    texts: dict[str, str] = {}
    for ancestor in reversed(cls.__mro__):
        section = re.search(
            r"^Args:\n(.*?)(?:^\S|\Z)", inspect.cleandoc(ancestor.__doc__ or ""), re.DOTALL | re.MULTILINE
        )
        if section is None:
            continue
        for entry in re.split(r"\n(?=\w)", dedent(section[1]).strip()):
            name, _, text = entry.partition(":")
            texts[name] = " ".join(text.split()).replace("``", "`")
    return texts


def shown_default(value: object) -> str:
    """Return a default as a reader wants to see it: sizes in units, the rest as Python writes it."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1024 and value % 1024 == 0:
        return f"{value // 2**20} MiB" if value % 2**20 == 0 else f"{value // 1024} KiB"
    if isinstance(value, bool) or value is None:
        return {True: "on", False: "off", None: "none"}[value]
    if value == ():
        return "empty"
    return f"{value}" if isinstance(value, int) else f"`{value}`" if isinstance(value, str) else f"{value:g}"


def settings_rows(cls: type) -> Iterator[str]:
    """Make a row of the table for each field."""
    texts = argument_texts(cls)
    yield "| Setting | Default | Meaning |"
    yield "|---|---|---|"
    for field in dataclasses.fields(cls):
        default = "none" if field.name == "secret_key" else shown_default(field.default)
        text = texts[field.name].replace("|", "\\|")
        yield f"| `{field.name}` | {default} | {text[0].upper()}{text[1:]} |"


def settings_page() -> str:
    """Make the page of both classes of settings."""
    lines = [
        "# Settings",
        "",
        MADE,
        "",
        "Each setting is a variable: `max_body_bytes` is `COSTREL_MAX_BODY_BYTES`. Those of the server are flags of",
        "`costrel run` and `costrel dev` as well: `header_timeout_seconds` is `--header-timeout-seconds`. A flag wins",
        "over a variable. Lists are JSON, or separated by commas. A value out of its range stops the start.",
        "",
        "## The application",
        "",
        "`costrel.app.AppSettings`; they hold under every server.",
        "",
        *settings_rows(AppSettings),
        "",
        "## The server",
        "",
        "`costrel.server.ServerSettings`; for Costrel's own server.",
        "",
        *settings_rows(ServerSettings),
    ]
    return "\n".join(lines) + "\n"


def events_page() -> str:
    """Make the page of the events."""
    lines = [
        "# Events",
        "",
        MADE,
        "",
        "`app.on(event, function)` calls a function, plain or `async`, with a mapping of the fields. An error in it is",
        "logged and changes nothing. An event that nobody listens to costs nothing. Access log, counters and tracing",
        "are listeners of these.",
        "",
        "| Event | When, and with which fields |",
        "|---|---|",
        *(f"| `{name}` | {text.replace('|', chr(92) + '|')} |" for name, text in EVENTS.items()),
        "",
        'An extension adds its own with `app.declare_event("auth.login")`; their names have a dot.',
    ]
    return "\n".join(lines) + "\n"


def commands(command: click.Command, context: click.Context, name: str) -> Iterator[tuple[str, str]]:
    """Yield the full name and the help of a command and of those below it."""
    yield name, command.get_help(context)
    if isinstance(command, click.Group):
        for sub_name in sorted(command.commands):
            sub = command.commands[sub_name]
            sub_context = click.Context(sub, info_name=sub_name, parent=context, terminal_width=HELP_WIDTH)
            yield from commands(sub, sub_context, f"{name} {sub_name}")


def cli_page() -> str:
    """Make the page of the command line from the texts that ``--help`` prints."""
    context = click.Context(root, info_name="costrel", terminal_width=HELP_WIDTH)
    lines = [
        "# Command line",
        "",
        MADE,
        "",
        "Exit codes: 0 all is well, 1 the application is wrong, 2 the command line is wrong, 3 it could not start.",
        "",
        "An application is named by a file (`app.py`), a file and a name (`app.py:shop`), a module and a name",
        "(`shop.app:app`) or a call with plain values (`shop:create_app('dev')`). Without one, `app.py` and `main.py`",
        "are looked for.",
    ]
    for name, text in commands(root, context, "costrel"):
        lines += ["", f"## {name}", "", "```text", *(line.rstrip() for line in text.splitlines()), "```"]
    return "\n".join(lines) + "\n"


def errors_page() -> str:
    """Make the list of the pages of the errors, room by room."""
    rooms: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for page in sorted(ERROR_PAGES.glob("COS-*.md")):
        title = page.read_text("utf-8").partition("\n")[0].lstrip("# ").partition(":")[2].strip()
        rooms[page.stem.split("-")[1]].append((page.stem, title[:1].upper() + title[1:]))
    lines = [
        "# Errors",
        "",
        MADE,
        "",
        "A mistake in an application has a code, and its message says what, where, why and the fix. Here is more about",
        "each; `costrel explain COS-HANDLER-004` prints the same in the terminal.",
    ]
    for room, pages in sorted(rooms.items(), key=lambda item: ROOMS.get(item[0], item[0]).strip("`")):
        lines += ["", f"## {ROOMS.get(room, room.title())}", "", "| Code | Mistake |", "|---|---|"]
        lines += [f"| [{code}]({code}.md) | {title} |" for code, title in pages]
    return "\n".join(lines) + "\n"


def pages() -> dict[Path, str]:
    """Return every page with its text."""
    return {
        DOCS / "reference" / "settings.md": settings_page(),
        DOCS / "reference" / "events.md": events_page(),
        DOCS / "reference" / "cli.md": cli_page(),
        ERROR_PAGES / "index.md": errors_page(),
    }


def main(arguments: Sequence[str]) -> int:
    """Write or compare the pages and return the exit code."""
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        if "--check" in arguments:
            print(f"{path.relative_to(DOCS.parent)} is not what the code says; run `make docs`")
        else:
            path.write_text(pages()[path], "utf-8")
            print(f"wrote {path.relative_to(DOCS.parent)}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

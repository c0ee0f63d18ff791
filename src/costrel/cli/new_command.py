"""`costrel new`: a small project that passes its own tests.

Its files lie in `project/` beside this module, each with ``.txt`` behind its name; the word PROJECT in them becomes the
name of the project.
"""

from __future__ import annotations

import re
from pathlib import Path

import click

from costrel.cli.help import CliCommand
from costrel.cli.source import UsageFailed

__all__ = ["make_project", "new_command"]

_TEMPLATES = Path(__file__).parent / "project"
_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9])?")
_WORD = "PROJECT"
_RENAMED = {"gitignore": ".gitignore"}


@click.command("new", cls=CliCommand, example="costrel new shop")
@click.argument("name")
def new_command(name: str) -> None:
    """Make a small project: an app with a page, a form, an API and tests.

    NAME is the folder, which must not exist or be empty; its last part is the project's name.
    """
    folder = Path(name)
    files = make_project(folder)
    click.echo(f"Made {folder} with {len(files)} files:\n")
    for file in files:
        click.echo(f"    {file.relative_to(folder)}")
    click.echo(f"\nNext:\n\n    cd {folder}\n    costrel dev")


def make_project(folder: Path) -> list[Path]:
    """Write the files of a new project and return their paths.

    Args:
        folder: of the project; it must not exist or be empty.

    Raises:
        UsageFailed: the name is not one for a project, or something is there already.
    """
    name = folder.resolve().name
    if not _NAME.fullmatch(name):
        raise UsageFailed(
            f"{name!r:.100} is not a name for a project.\n\n"
            "    It has letters, digits, `-` and `_`, at most 64, and begins with a letter."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageFailed(f"{folder} exists and is not an empty folder.\n\n    Choose another name, or empty it.")
    written = []
    for template in sorted(_TEMPLATES.rglob("*.txt")):
        relative = template.relative_to(_TEMPLATES).with_suffix("")
        target = folder / relative.with_name(_RENAMED.get(relative.name, relative.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(template.read_text("utf-8").replace(_WORD, name), "utf-8")
        written.append(target)
    return written

"""`costrel explain`: the page of a mistake, by its code."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path

import click

from costrel.cli.help import CliCommand

__all__ = ["explain_command", "pages_folder"]

_CODE = re.compile(r"COS-[A-Z]+-\d{3}")
_HERE = Path(__file__).parent
_MAX_NEAR = 3


@click.command("explain", cls=CliCommand, example="costrel explain COS-ROUTE-003")
@click.argument("code")
def explain_command(code: str) -> None:
    """Explain a mistake by its code."""
    folder = pages_folder()
    wanted = code.upper()
    page = folder / f"{wanted}.md"
    if not _CODE.fullmatch(wanted) or not page.is_file():
        known = [path.stem for path in folder.glob("COS-*.md")]
        near = get_close_matches(wanted, known, n=_MAX_NEAR, cutoff=0.5)
        offer = f" Did you mean {' or '.join(near)}?" if near else ""
        raise click.UsageError(f"No mistake has the code {code!r}.{offer}")
    click.echo(_for_terminal(page.read_text("utf-8")))


def pages_folder() -> Path:
    """Return the folder of the pages: inside an installed package, else in the repository."""
    packaged = _HERE / "error_pages"
    return packaged if packaged.is_dir() else _HERE.parents[2] / "docs" / "errors"


def _for_terminal(page: str) -> str:
    """Show a page without the marks of Markdown: the title bold, code indented."""
    lines = []
    is_code = False
    for line in page.strip().splitlines():
        if line.startswith("```"):
            is_code = not is_code
        elif is_code:
            lines.append(click.style(f"    {line}".rstrip(), fg="cyan"))
        elif line.startswith("#"):
            lines.append(click.style(line.lstrip("# "), bold=True))
        else:
            lines.append(line.replace("`", ""))
    return "\n".join(lines)

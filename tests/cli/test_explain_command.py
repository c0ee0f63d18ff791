"""`costrel explain`: the page of a mistake."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from costrel.cli.explain_command import pages_folder
from costrel.cli.root import root


def explain(code: str) -> tuple[int, str]:
    """Explain a code; return exit code and output."""
    result = CliRunner().invoke(root, ["explain", code])
    return result.exit_code, result.output


@pytest.mark.parametrize("code", ["COS-CLI-003", "cos-cli-003"])
def test_a_page_is_printed_for_a_terminal(code: str) -> None:
    """Without the marks of Markdown, in any case of letters."""
    exit_code, shown = explain(code)

    assert 0 == exit_code
    assert shown.startswith("COS-CLI-003: The module has no such application\n")
    assert "```" not in shown
    assert "    costrel run shop.py:public\n" in shown


@pytest.mark.parametrize(
    ("code", "said"),
    [
        pytest.param("COS-CLY-003", "Did you mean COS-CLI-003", id="a-typing-error"),
        pytest.param("nonsense", "No mistake has the code 'nonsense'.\n", id="nothing-near"),
        pytest.param("../../README", "No mistake has the code", id="a-path"),
    ],
)
def test_an_unknown_code_gets_the_nearest(code: str, said: str) -> None:
    """And ends as a wrong command line does."""
    exit_code, shown = explain(code)

    assert said in shown
    assert 2 == exit_code


def test_every_code_of_this_room_has_a_page() -> None:
    """What the command line says can be looked up."""
    codes = {f"COS-CLI-{number:03d}" for number in range(1, 7)}

    assert codes <= {path.stem for path in pages_folder().glob("*.md")}

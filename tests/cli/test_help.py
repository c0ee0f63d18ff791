"""How commands look in their help, and what a misspelt name is answered with."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from costrel.cli.help import CliCommand, CliGroup, SectionOption, offer


@click.group("shop", cls=CliGroup)
def shop() -> None:
    """Sell things."""


@shop.command("list", cls=CliCommand, example=("shop list", "shop list --all"))
@click.option("--all", "everything", is_flag=True, help="Everything.")
@click.option(
    "--limit", cls=SectionOption, type=click.IntRange(min=1), help="At most so many.", section="How many",
    env="SHOP_LIMIT", shown_default="10",
)  # fmt: skip
def list_items(everything: bool, limit: int | None) -> None:
    """List the items."""


@shop.command("lift", cls=CliCommand)
@click.option("--a-name-that-is-far-too-long-for-a-column", help="Stands below its name.")
def lift(**_: object) -> None:
    """Lift an item."""


def run(*arguments: str) -> str:
    """Run a command and return what it printed."""
    return CliRunner().invoke(shop, arguments).output


def test_help_has_a_sentence_examples_and_sections() -> None:
    """In this order, with the options that have no section last."""
    shown = run("list", "--help")
    parts = ["List the items.", "Examples:", "  shop list --all", "How many:", "Options:"]

    assert sorted(parts, key=shown.index) == parts
    assert "[SHOP_LIMIT, default: 10]" in shown
    assert "x>=1" not in shown


def test_long_names_stand_above_their_help() -> None:
    """So that the help has the whole width."""

    assert "TEXT\n      Stands below its name.\n" in run("lift", "--help")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["lsit"], "No such command 'lsit'. Did you mean 'list'?", id="a-command"),
        pytest.param(["zzz"], "No such command 'zzz'.\n", id="nothing-near"),
        pytest.param(["list", "--al"], "No such option '--al'. Did you mean '--all'?", id="an-option"),
        pytest.param(["list", "--zzz"], "No such option '--zzz'.\n", id="no-option-near"),
        pytest.param(["list", "--limit", "0"], "0 is not in the range x>=1", id="a-value-out-of-range"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_nearest(arguments: list[str], said: str) -> None:
    """And ends with the exit code for a wrong command line."""
    result = CliRunner().invoke(shop, arguments)

    assert said in result.output
    assert 2 == result.exit_code


def test_an_offer_is_empty_without_anything_near() -> None:
    """Nothing is better than something far."""

    assert "" == offer("zzz", ["list", "lift"])
    assert " Did you mean 'list'?" == offer("lst", ["list", "xyz"])

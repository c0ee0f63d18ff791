"""Colour: on a terminal only, and never against the wish of who sits at it."""

from __future__ import annotations

import io

import pytest

from costrel.cli.terminal import Paint


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "expected"),
    [
        pytest.param(Terminal(), {}, "\x1b[31;1mno\x1b[0m", id="a-terminal"),
        pytest.param(io.StringIO(), {}, "no", id="a-file"),
        pytest.param(Terminal(), {"NO_COLOR": "1"}, "no", id="no-colour-wanted"),
        pytest.param(Terminal(), {"TERM": "dumb"}, "no", id="a-terminal-without-colour"),
    ],
)
def test_colour_is_for_terminals(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, environ: dict[str, str], expected: str
) -> None:
    """A file or a pipe gets the plain text."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert expected == Paint(stream)("no", "red", "bold")
    assert "plain" == Paint(stream)("plain")

"""`costrel dev` before it serves: the key, and the address."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from costrel.cli.root import root


def test_a_key_is_kept_in_the_working_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even when the application cannot be imported yet."""
    monkeypatch.setenv("COSTREL_SECRET_KEY", "")
    monkeypatch.setenv("COSTREL_DEBUG", "")
    result = CliRunner().invoke(root, ["dev", "--no-reload"])

    assert "COS-CLI-005" in result.output
    assert 2 == result.exit_code
    assert (folder / ".costrel" / "secret_key").is_file()


def test_a_folder_that_cannot_be_written_is_no_obstacle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said in one line, and the application is served."""
    (folder / ".costrel").write_text("a file where the folder would be")
    monkeypatch.setenv("COSTREL_DEBUG", "")
    result = CliRunner().invoke(root, ["dev", "--no-reload"])

    assert "No secret key is kept: " in result.output
    assert "COS-CLI-005" in result.output

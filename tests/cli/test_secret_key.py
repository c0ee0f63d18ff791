"""The key that `costrel dev` keeps."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from costrel.cli.secret_key import provide_secret_key, read_secret_key


@pytest.mark.security("D14")
def test_a_key_is_made_once_and_kept_for_its_owner(tmp_path: Path) -> None:
    """Sessions survive a restart, nobody else reads the key, and git leaves it alone."""
    first: dict[str, str] = {}
    second: dict[str, str] = {}
    provide_secret_key(tmp_path, first)
    provide_secret_key(tmp_path, second)
    file = tmp_path / ".costrel" / "secret_key"

    assert len(first["COSTREL_SECRET_KEY"]) >= 32
    assert first == second
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert "*\n" == (tmp_path / ".costrel" / ".gitignore").read_text()
    assert {".gitignore", "secret_key"} == {path.name for path in file.parent.iterdir()}


def test_a_key_that_is_set_stays(tmp_path: Path) -> None:
    """Then nothing is written at all."""
    environ = {"COSTREL_SECRET_KEY": "mine"}
    provide_secret_key(tmp_path, environ)

    assert {"COSTREL_SECRET_KEY": "mine"} == environ
    assert not (tmp_path / ".costrel").exists()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"short", id="too-short"),
        pytest.param(b"\xff" * 40, id="no-text"),
    ],
)
def test_a_file_that_holds_no_key_is_replaced(tmp_path: Path, content: bytes) -> None:
    """A write that was cut off must not end in a weak key."""
    (tmp_path / ".costrel").mkdir()
    (tmp_path / ".costrel" / "secret_key").write_bytes(content)
    environ: dict[str, str] = {}

    assert "" == read_secret_key(tmp_path)

    provide_secret_key(tmp_path, environ)

    assert environ["COSTREL_SECRET_KEY"] == read_secret_key(tmp_path) != ""


def test_no_folder_no_key(tmp_path: Path) -> None:
    """To look for a key makes nothing."""

    assert "" == read_secret_key(tmp_path)
    assert [] == list(tmp_path.iterdir())

"""Installs the contenders, each of its pinned version, into ``.bench/``: one Python environment, one for Node.

All peers of Python live in one environment, for their requirements do not conflict. When that cannot be installed as a
whole, they are installed one by one, and who fails is missing, with the reason.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from harness.contenders import Contender

__all__ = ["BENCHMARKS", "PROJECT", "Environments"]

BENCHMARKS = Path(__file__).parent.parent
PROJECT = BENCHMARKS.parent
_PEERS = BENCHMARKS / "peers"
_REQUIREMENTS = _PEERS / "requirements.txt"
_NODE_FILES = ("package.json", "package-lock.json", "schema_order.mjs")


def _run(command: list[str], folder: Path) -> str:
    """Run a command to its end; return the last line of its complaint, empty when there is none."""
    try:
        finished = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        return f"{command[0]}: {error.strerror}"
    if finished.returncode == 0:
        return ""
    lines = (finished.stderr.strip() or finished.stdout.strip()).splitlines()
    return lines[-1] if lines else f"{command[0]} ended with {finished.returncode}"


class Environments:
    """Where contenders are installed and started.

    Args:
        folder: what is installed goes here.

    Attributes:
        missing: the names of contenders that could not be installed, each with the reason.
    """

    def __init__(self, folder: Path = PROJECT / ".bench") -> None:
        self.missing: dict[str, str] = {}
        self._python = folder / f"py{sys.version_info.major}.{sys.version_info.minor}"
        self._node = folder / "node"

    def install(self, contenders: Iterable[Contender]) -> None:
        """Install what is not yet there; `missing` says afterwards who could not be installed."""
        wanted = list(contenders)
        if peers := [contender for contender in wanted if contender.home == "python"]:
            self._install_python(peers)
        if peers := [contender for contender in wanted if contender.home == "node"]:
            self._install_node(peers)

    def _install_python(self, peers: list[Contender]) -> None:
        stamp = self._python / "installed"
        state = hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()
        if stamp.exists() and stamp.read_text() == state:
            return
        print(f"installing the peers into {self._python.relative_to(PROJECT)}", flush=True)
        if reason := _run([sys.executable, "-m", "venv", "--clear", str(self._python)], PROJECT):
            self.missing.update((peer.name, reason) for peer in peers)
            return
        pip = [str(self._python / "bin" / "python"), "-m", "pip", "install", "--quiet", "--constraint"]
        pip.append(str(_REQUIREMENTS))
        if not _run([*pip, "--requirement", str(_REQUIREMENTS)], PROJECT):
            stamp.write_text(state)
            return
        for peer in peers:
            if reason := _run([*pip, *peer.packages], PROJECT):
                self.missing[peer.name] = reason

    def _install_node(self, peers: list[Contender]) -> None:
        if shutil.which("npm") is None:
            self.missing.update((peer.name, "npm is not installed") for peer in peers)
            return
        self._node.mkdir(parents=True, exist_ok=True)
        state = hashlib.sha256(b"".join((_PEERS / name).read_bytes() for name in _NODE_FILES[:2])).hexdigest()
        # A module is looked for beside the file that imports it, so the files go where the modules are.
        for path in (*(_PEERS / name for name in _NODE_FILES), *_PEERS.glob("*.mjs")):
            shutil.copy(path, self._node)
        stamp = self._node / "installed"
        if stamp.exists() and stamp.read_text() == state:
            return
        print(f"installing the peers into {self._node.relative_to(PROJECT)}", flush=True)
        if reason := _run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], self._node):
            self.missing.update((peer.name, reason) for peer in peers)
            return
        stamp.write_text(state)

    def python_of(self, contender: Contender) -> str:
        """Return the interpreter that has what a contender of Python needs."""
        return sys.executable if contender.home == "ours" else str(self._python / "bin" / "python")

    def command_of(self, contender: Contender, port: int) -> list[str]:
        """Return the arguments that start a contender."""
        folder = Path(self.python_of(contender)).parent
        return [part.format(port=port, bin=folder) for part in contender.command.split()]

    def folder_of(self, contender: Contender) -> Path:
        """Return the folder in which a contender is started."""
        return self._node if contender.home == "node" else BENCHMARKS

    def versions_of(self, contender: Contender) -> dict[str, str]:
        """Return the installed versions of what a contender consists of."""
        if contender.home == "node":
            return {name: self._node_version(name) for name in contender.packages}
        if contender.home == "ours":
            return {name: metadata.version(name) for name in contender.packages}
        site = self._python / "lib" / self._python.name.replace("py", "python") / "site-packages"
        found = {each.name.lower(): each.version for each in metadata.distributions(path=[str(site)])}
        return {name: found.get(name, "missing") for name in contender.packages}

    def _node_version(self, name: str) -> str:
        if name == "node":
            command = ["node", "--version"]
            return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip().lstrip("v")
        path = self._node / "node_modules" / name / "package.json"
        return str(json.loads(path.read_text())["version"]) if path.exists() else "missing"

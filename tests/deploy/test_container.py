"""The guide for containers, without a container engine: every step of the Dockerfile in an empty folder.

The file system of the image is a folder, its environment holds only what the file says, and `COPY`, `RUN` and `CMD` do
what they say there. What `FROM` brings is a fresh virtual environment.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import urllib.request
import venv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
PAGE = "deploy-container.md"


@dataclass
class Image:
    """What the steps of a Dockerfile have made so far."""

    folder: Path
    context: Path
    environment: dict[str, str]
    workdir: Path = field(default_factory=Path)
    command: list[str] = field(default_factory=list)
    user: str = ""
    base: str = ""

    def take(self, step: str, argument: str) -> None:
        """Do one step.

        Raises:
            KeyError: a step that this test does not know.
        """
        {
            "FROM": self._from,
            "ENV": self._env,
            "WORKDIR": self._workdir,
            "COPY": self._copy,
            "RUN": self._run,
            "USER": lambda text: setattr(self, "user", text),
            "EXPOSE": lambda text: None,
            "CMD": lambda text: setattr(self, "command", json.loads(text)),
        }[step](argument)

    def _from(self, argument: str) -> None:
        self.base = argument

    def _env(self, argument: str) -> None:
        name, _, value = argument.partition("=")
        self.environment[name] = value

    def _workdir(self, argument: str) -> None:
        self.workdir = self.folder / argument.lstrip("/")
        self.workdir.mkdir(parents=True)

    def _copy(self, argument: str) -> None:
        *sources, target = argument.split()
        for source in sources:
            shutil.copy(self.context / source, self.workdir / target)

    def _run(self, argument: str) -> None:
        subprocess.run(["/bin/sh", "-c", argument], cwd=self.workdir, env=self.environment, check=True, timeout=200)


@pytest.fixture
def context(kit: Any, shop: Path) -> Path:
    """The folder that is built from: the application, and the files of the guide."""
    for name in ("requirements.txt", "Dockerfile", "compose.yaml"):
        (shop / name).write_text(kit.file_of(PAGE, name))
    return shop


def build(context: Path, folder: Path, root: Path) -> Image:
    """Do all steps of the Dockerfile; Costrel comes from this folder, what it needs from the package index."""
    venv.create(folder / "python", with_pip=True)
    (folder / "tmp").mkdir()
    environment = {
        "PATH": f"{folder / 'python' / 'bin'}:/usr/bin:/bin",
        "HOME": str(folder / "tmp"),
        "TMPDIR": str(folder / "tmp"),
        **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "HTTPS_PROXY"))},
    }
    requirements = (context / "requirements.txt").read_text()
    (context / "requirements.txt").write_text(re.sub(r"^costrel\b", str(root), requirements, flags=re.MULTILINE))
    image = Image(folder, context, environment)
    for line in (context / "Dockerfile").read_text().replace("\\\n", " ").splitlines():
        if line.strip() and not line.startswith("#"):
            step, _, argument = line.partition(" ")
            image.take(step, argument.strip())
    return image


def test_every_step_in_an_empty_environment(kit: Any, context: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The image is built, the server answers as compose starts it, is healthy, and ends in order at SIGTERM."""
    yaml = pytest.importorskip("yaml")
    service = yaml.safe_load((context / "compose.yaml").read_text())["services"]["shop"]
    port = kit.free_port()
    image = build(context, tmp_path_factory.mktemp("image"), kit.root)

    assert "." == service["build"]
    assert image.base.startswith("python:3.")
    assert image.user.isdigit()
    assert int(image.user) > 0
    assert "127.0.0.1:8000:8000" in service["ports"]

    environment = {
        **image.environment,
        **{name: value_of(text) for name, text in service["environment"].items()},
    }
    command = [word.replace("8000", str(port)).replace("0.0.0.0", "127.0.0.1") for word in image.command]
    settled = [f"{name}={value}" for name, value in environment.items()]
    with kit.running(["/usr/bin/env", "-i", *settled, *command], image.workdir) as process:
        kit.wait_for(lambda: kit.is_listening(port), "the server")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as response:
            assert b'"host":"127.0.0.1"' in response.read()

        kind, *check = service["healthcheck"]["test"]

        assert "CMD" == kind

        check = [word.replace("8000", str(port)) for word in check]
        subprocess.run(check, env=environment, check=True, timeout=20, executable=f"{image.folder}/python/bin/python")
        process.send_signal(signal.SIGTERM)

        assert 0 == process.wait(20)

    assert int(service["stop_grace_period"].removesuffix("s")) > 30


def value_of(text: str) -> str:
    """Return what compose makes of a value: the default, or something for one that must be given."""
    found = re.fullmatch(r"\$\{\w+:([-?])(.*)\}", text)
    assert found is not None
    return found[2] if found[1] == "-" else "a secret that is long enough for anybody"

"""The guide for other servers: their own command lines, as the page shows them."""

from __future__ import annotations

import os
import shutil
import sys
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn", "granian", "gunicorn"])
def test_a_server_by_its_own_command(kit: Any, shop: Path, server: str) -> None:
    """Answers, an upload and an event stream come through, and a signal ends it."""
    folder = Path(sys.executable).parent
    if find_spec(server) is None or shutil.which(server, path=str(folder)) is None:
        kit.missing(server, server)
    port = kit.free_port()
    words = kit.command_of("deploy-servers.md", server).replace("8000", str(port)).split()
    path = os.pathsep.join([str(shop), str(kit.root / "src")])
    with kit.running([str(folder / words[0]), *words[1:]], shop, {"PYTHONPATH": path}) as process:
        kit.wait_for(lambda: kit.is_listening(port), server)
        address = f"http://127.0.0.1:{port}"
        with urllib.request.urlopen(f"{address}/", timeout=20) as response:
            assert b'"scheme":"http"' in response.read()
        with urllib.request.urlopen(f"{address}/up", bytes(3 << 20), 20) as response:
            assert b'{"size":3145728}' == response.read()
        with urllib.request.urlopen(f"{address}/events", timeout=20) as response:
            assert b"data: first\n\ndata: second\n\n" == response.read()
        process.terminate()
        process.wait(15)
    kit.wait_for(lambda: not kit.is_listening(port), "the end of its workers")

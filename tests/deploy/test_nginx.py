"""The guide for nginx: Debian's nginx loads the example and passes on whatever the application speaks."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
MIB = 1024 * 1024

FRAME = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
worker_processes 1;
{user}
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/client_body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/shop.conf;
}}
"""


@contextlib.contextmanager
def serving(kit: Any, folder: Path) -> Iterator[int]:
    """Serve the shop behind nginx with the example's configuration, and give nginx's port."""
    nginx = kit.need("nginx", "nginx-light")
    front, back = kit.free_port(), kit.free_port()
    text = kit.file_of("deploy-nginx.md", "shop.conf")
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{back}").replace("listen 80;", f"listen 127.0.0.1:{front};")
    (folder / "shop.conf").write_text(text)
    (folder / "nginx.conf").write_text(FRAME.format(folder=folder, user="user root;"))
    options = ["-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    subprocess.run([nginx, *options, "-t"], check=True, capture_output=True, timeout=20)
    environment = {"COSTREL_TRUSTED_PROXIES": "127.0.0.1", "COSTREL_ALLOWED_HOSTS": "shop.example"}
    costrel = [sys.executable, "-m", "costrel", "run", "shop:app", "--port", str(back), "--workers", "2"]
    with kit.running(costrel, folder, environment), kit.running([nginx, *options], folder):
        kit.wait_for(lambda: kit.is_listening(front) and kit.is_listening(back), "both servers")
        yield front


@pytest.mark.pain("P17")
def test_nginx_in_front(kit: Any, shop: Path) -> None:
    """Host, scheme and client arrive; an upload of 100 MB and an event stream pass while they are made."""
    with serving(kit, shop) as port:
        address = f"http://127.0.0.1:{port}"
        headers = {"Host": "shop.example", "X-Forwarded-For": "192.0.2.9"}

        def get(path: str, content: bytes | None = None) -> Any:
            return urllib.request.urlopen(urllib.request.Request(address + path, content, headers), timeout=60)

        with get("/") as response:
            assert b'{"client":"127.0.0.1","scheme":"http","host":"shop.example"}' == response.read()

        with get("/up", bytes(100 * MIB)) as response:
            assert b'{"size":104857600}' == response.read()

        with get("/events") as response:
            began = time.monotonic()

            assert b"data: first\n" == response.readline()
            assert time.monotonic() - began < 0.4
            assert b"\ndata: second\n\n" == response.read()


def test_a_websocket_passes_nginx(kit: Any, shop: Path) -> None:
    """The handshake and the messages of both sides go through."""
    client = pytest.importorskip("websockets.sync.client")
    with serving(kit, shop) as port:
        # The name and the origin are those of the site; the connection goes to this nginx.
        connection = socket.create_connection(("127.0.0.1", port), 10)
        with client.connect(
            "ws://shop.example/chat", sock=connection, open_timeout=10, origin="http://shop.example"
        ) as chat:
            chat.send("hello")

            assert "heard hello" == chat.recv(timeout=10)

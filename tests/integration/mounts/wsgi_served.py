"""The WSGI application that the tests of whole processes serve: ``python wsgi_served.py``; it prints its address."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from costrel import App
from costrel.server import ServerSettings, run

PIECE = b"x" * 65536
MEBIBYTE_PIECES = 16


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/up":
        size_bytes = 0
        while piece := environ["wsgi.input"].read(65536):
            size_bytes += len(piece)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"%d" % size_bytes]
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return (PIECE for _ in range(int(environ["QUERY_STRING"]) * MEBIBYTE_PIECES))


class Announce(logging.Handler):
    """Print the address when the server listens."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg == "listening address=%s" and isinstance(record.args, tuple):
            print(record.args[0], flush=True)


if __name__ == "__main__":
    logger = logging.getLogger("costrel.server")
    logger.setLevel(logging.INFO)
    logger.addHandler(Announce())
    app = App()
    app.mount("/old", application)
    run(app, ServerSettings(port=0, access_log=False))

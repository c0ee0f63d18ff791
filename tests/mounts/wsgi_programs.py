"""What the tests of mounted WSGI applications share: content that counts, applications, and an app around them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from costrel.app import App

Start = Callable[..., Callable[[bytes], object]]
Environ = dict[str, Any]
PLAIN = [("Content-Type", "text/plain")]


class Counted:
    """Content that counts how often it was closed, and in which threads it was used."""

    def __init__(self, pieces: Iterable[bytes], fails_in_close: bool = False) -> None:
        self._pieces = iter(pieces)
        self._fails = fails_in_close
        self.closed = 0
        self.threads: set[str] = set()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self.threads.add(threading.current_thread().name)
        return next(self._pieces)

    def close(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.closed += 1
        if self._fails:
            raise ValueError("close failed")


def answering(content: Any, status: str = "200 OK", headers: list[tuple[str, str]] = PLAIN) -> Any:
    def application(environ: Environ, start_response: Start) -> Any:
        start_response(status, headers)
        return content

    return application


def mounted(application: Any, path: str = "/old", *, use: Iterable[Any] = (), **options: Any) -> App:
    app = App("outer", extensions=(), use=list(use))
    app.mount(path, application, **options)
    return app

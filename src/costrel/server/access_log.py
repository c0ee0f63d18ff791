"""The access log: one line a request, written by a thread of its own.

`AccessLog` is a listener of the event ``request_finished``. It formats nothing on the loop: it puts the fields into a
bounded queue, and a thread takes what waits there, makes the lines, as text or as JSON, and hands them to the logger
``costrel.access``. When the place that the log goes to blocks, lines are dropped and counted, requests go on, and the
log says so when it can.

SECURITY: what a client chose is escaped and cut, so that it can neither begin a line of its own nor fill the disk.
"""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

__all__ = ["AccessLog", "format_access_json", "format_access_line"]

MAX_FIELD_LENGTH = 1024

_FIELD_NAMES = (
    "client",
    "method",
    "path",
    "status_code",
    "bytes_sent",
    "duration_seconds",
    "route",
    "handler",
    "mount",
    "request_id",
)


def format_access_line(fields: Mapping[str, object]) -> str:
    r"""Make the line of one request: ``name=value`` pairs in a fixed order.

    Args:
        fields: those of the event ``request_finished``; what is missing is shown as ``-``.

    >>> format_access_line({"method": "GET", "path": "/a\nb", "status_code": 200})[:59]
    'request client=- method=GET path=/a\\nb status_code=200 byte'
    """
    return "request " + " ".join([f"{name}={_shown(fields.get(name))}" for name in _FIELD_NAMES])


def format_access_json(fields: Mapping[str, object], finished_at: float) -> str:
    r"""Make the line of one request: a JSON object in ASCII, with the same fields in the same order.

    Args:
        fields: those of the event ``request_finished``; what is missing or unknown is ``null``.
        finished_at: when it ended, in seconds since 1970.

    >>> format_access_json({"method": "GET", "path": "/a\nb", "status_code": 200}, 0)[:72]
    '{"time": "1970-01-01T00:00:00.000Z", "client": null, "method": "GET", "p'
    """
    time_text = datetime.fromtimestamp(finished_at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    values = {name: _value(fields.get(name)) for name in _FIELD_NAMES}
    return json.dumps({"time": time_text, **values})


def _shown(value: object) -> str:
    """Return a value without spaces and control characters, at most `MAX_FIELD_LENGTH` long."""
    if value is None or value == "":
        return "-"
    if isinstance(value, float):
        return f"{value:.6f}"
    text = str(value)[: MAX_FIELD_LENGTH + 1]
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        text = text.encode("unicode_escape").decode("ascii").replace(" ", "\\x20")
    return text if len(text) <= MAX_FIELD_LENGTH else text[: MAX_FIELD_LENGTH - 1] + "~"


def _value(value: object) -> object:
    """Return a value for JSON; a text is at most `MAX_FIELD_LENGTH` long, and JSON escapes what is in it."""
    if value is None or value in ("", "-"):
        return None
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, int):
        return value
    text = str(value)
    return text if len(text) <= MAX_FIELD_LENGTH else text[: MAX_FIELD_LENGTH - 1] + "~"


class AccessLog:
    """A listener of ``request_finished`` that writes one line a request.

    A request that nobody asked for its `id` gets one here, for the line alone.

    Args:
        logger: where the lines go, at level INFO; `None` is ``costrel.access``.
        max_waiting: how many lines may wait for a sink that blocks.
        line_format: ``"text"`` for ``name=value`` pairs, ``"json"`` for one object a line.

    Attributes:
        dropped_count: lines that were dropped because too many waited.
    """

    __slots__ = (
        "_closed",
        "_is_json",
        "_logger",
        "_max_waiting",
        "_queue",
        "_ready",
        "_thread",
        "_told_count",
        "dropped_count",
    )

    def __init__(
        self,
        logger: logging.Logger | None = None,
        *,
        max_waiting: int = 10_000,
        line_format: Literal["text", "json"] = "text",
    ) -> None:
        self._logger = logger or logging.getLogger("costrel.access")
        self._max_waiting = max_waiting
        self._is_json = line_format == "json"
        self._queue: deque[tuple[float, dict[str, object]]] = deque()
        self._ready = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self.dropped_count: int = 0
        self._told_count = 0

    def __call__(self, fields: Mapping[str, object]) -> None:
        """Take the fields of one request; never blocks for longer than it takes to append to a queue."""
        with self._ready:
            if self._closed or len(self._queue) >= self._max_waiting:
                self.dropped_count += 1
                return
            # Only what the line needs: a request that waits here would keep its body in memory.
            self._queue.append((time.time(), {name: fields.get(name) for name in _FIELD_NAMES}))
            if len(self._queue) == 1:
                self._ready.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="costrel-access-log", daemon=True)
                self._thread.start()

    def close(self, timeout_seconds: float = 1.0) -> None:
        """Write what waits and end the thread, within `timeout_seconds`; later lines are dropped."""
        with self._ready:
            self._closed = True
            self._ready.notify()
            thread = self._thread
        if thread is not None:
            thread.join(timeout_seconds)

    def _write(self) -> None:
        """Write lines until the log is closed and nothing waits."""
        while True:
            with self._ready:
                while not self._queue and not self._closed:
                    self._ready.wait()
                if not self._queue:
                    return
                batch = list(self._queue)
                self._queue.clear()
            for finished_at, fields in batch:
                self._write_line(finished_at, fields)
            dropped_count = self.dropped_count
            if dropped_count != self._told_count:
                with contextlib.suppress(Exception):
                    self._logger.warning("access_log_dropped count=%d", dropped_count - self._told_count)
                self._told_count = dropped_count

    def _write_line(self, finished_at: float, fields: dict[str, object]) -> None:
        """Hand one line to the logger, with its fields for whoever formats records differently."""
        if fields["request_id"] is None:
            fields["request_id"] = secrets.token_hex(8)
        line = format_access_json(fields, finished_at) if self._is_json else format_access_line(fields)
        try:
            self._logger.info("%s", line, extra={"request_fields": fields})
        except Exception:
            self.dropped_count += 1

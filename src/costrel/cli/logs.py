"""What a serving process prints: four lines when it listens, one line a request, and errors without framework frames.

In production a line has a date, a level and ``name=value`` pairs, for machines. In development it is for people. An
application that configures logging itself gets every record through its own handlers, and these stay away.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import IO

from costrel.cli.log_queue import QueuedLog
from costrel.cli.plan import ServePlan
from costrel.cli.terminal import Paint
from costrel.cli.tracebacks import format_exception

__all__ = [
    "DevelopmentAccessLog",
    "LineFormatter",
    "ServerWatch",
    "announce_failure",
    "announce_start",
    "set_up_logging",
    "start_lines",
]

LISTENING = "listening address=%s"
_START_FAILED = "start_failed"
_MAX_PATH_LENGTH = 200
_OWN_PATHS = "/_costrel/"
_LEVEL_STYLES = {"WARNING": ("yellow",), "ERROR": ("red",), "CRITICAL": ("red", "bold")}


class LineFormatter(logging.Formatter):
    """Makes the line of a log record.

    Args:
        paint: colours, in development.
        readable: for people, with the time of day; else for machines, with date and level.
    """

    def __init__(self, paint: Paint, *, readable: bool) -> None:
        super().__init__()
        self._paint = paint
        self._readable = readable

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and below it the exception."""
        message = record.getMessage()
        if record.name == "costrel.access" and message.startswith("{"):
            return message  # an object of JSON, which has its date in it
        if self._readable:
            clock = self._paint(time.strftime("%H:%M:%S", time.localtime(record.created)), "dim")
            if record.name == "costrel.access":
                line = f"{clock}  {message}"
            else:
                level = self._paint(record.levelname.lower(), *_LEVEL_STYLES.get(record.levelname, ("dim",)))
                line = f"{clock}  {level}  {record.name}  {message}"
        else:
            date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            line = f"{date}.{int(record.msecs):03d}Z {record.levelname} {record.name} {message}"
        if record.exc_info and record.exc_info[1] is not None:
            line += "\n" + format_exception(record.exc_info[1])
        return line


class ServerWatch(logging.Handler):
    """Notices when the server listens, and keeps the exception of a start that failed.

    Args:
        announce: called with each address that the server listens on.

    Attributes:
        failure: what stopped the start, `None` when nothing did.
    """

    def __init__(self, announce: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self.failure: BaseException | None = None
        self._announce = announce

    def emit(self, record: logging.LogRecord) -> None:
        """Look for the two records that concern the start."""
        if record.msg == _START_FAILED and record.exc_info:
            self.failure = record.exc_info[1]
        elif record.msg == LISTENING and isinstance(record.args, tuple):
            self._announce(str(record.args[0]))


def announce_start(plan: ServePlan, threads: int, stream: IO[str]) -> Callable[[str], None]:
    """Return what prints the four lines at the first address, and one more for each other address.

    After a reload it prints one line: what changed and how long it took.
    """
    paint = Paint(stream)
    has_announced = False

    def announce(address: str) -> None:
        nonlocal has_announced
        if plan.reason:
            text = "" if has_announced else paint(f"  Reloaded in {_since(plan)}: {plan.reason}", "cyan")
        elif has_announced:
            text = f"  {'':8}  {_url_of(address, plan)}"
        else:
            text = "\n".join(["", *start_lines(plan, address, threads, paint), ""])
        if text:
            print(text, file=stream, flush=True)
        has_announced = True

    return announce


def _since(plan: ServePlan) -> str:
    return f"{time.monotonic() - plan.since:.2f} s"


def announce_failure(stream: IO[str], address: str) -> None:
    """Say where the page is that tells why the application cannot start."""
    paint = Paint(stream)
    print(f"\n  {_url_of(address)} shows this too. {paint('Waiting for a change.', 'bold')}", file=stream, flush=True)


def start_lines(plan: ServePlan, address: str, threads: int, paint: Callable[..., str]) -> list[str]:
    """Return the four lines of a start: address, workers, threads, and debug or production.

    Args:
        plan: what is served.
        address: ``host:port`` or the path of a socket.
        threads: size of the worker pool.
        paint: colours a text, as `Paint` does.
    """
    if plan.debug:
        mode = paint("debug", "yellow") + ": error pages show the code" + (", files reload" if plan.reloads else "")
    else:
        mode = paint("production", "green") + (", files reload" if plan.reloads else "")
    workers = plan.settings.workers
    rows = {
        "Address": f"{paint(_url_of(address, plan), 'bold')}  (Ctrl+C stops it)",
        "Workers": "1 process, one event loop" if workers == 1 else f"{workers} processes, one event loop each",
        "Threads": f"{threads} for handlers that block",
        "Mode": mode,
    }
    return [f"  {paint(f'{name:8}', 'dim')}  {value}" for name, value in rows.items()]


def _url_of(address: str, plan: ServePlan | None = None) -> str:
    scheme = "https" if plan is not None and plan.settings.tls_certificate_path is not None else "http"
    return f"{scheme}://{address}" if address.rpartition(":")[2].isdigit() else f"unix:{address}"


class DevelopmentAccessLog:
    """A listener of ``request_finished`` that writes one readable line a request.

    Args:
        paint: colours the status.
    """

    __slots__ = ("_logger", "_paint")

    def __init__(self, paint: Paint) -> None:
        self._logger = logging.getLogger("costrel.access")
        self._paint = paint

    def __call__(self, fields: Mapping[str, object]) -> None:
        """Write the line of one request, unless it was the page reload's own."""
        if str(fields.get("path", "")).startswith(_OWN_PATHS):
            return
        status_code = fields.get("status_code")
        status = f"{status_code:3d}" if isinstance(status_code, int) and status_code else "---"
        style = {"2": "green", "3": "cyan", "4": "yellow", "5": "red"}.get(status[0], "dim")
        seconds = fields.get("duration_seconds")
        took = f"{seconds * 1000:.1f} ms" if isinstance(seconds, float) else ""
        # SECURITY: what the client chose can neither begin a line nor move the cursor.
        method = _plain(str(fields.get("method", "-")))
        path = _plain(str(fields.get("path", "-")))
        self._logger.info("%s  %-6s %-40s %9s", self._paint(status, style), method, path, took)


def _plain(text: str) -> str:
    """Return a text without control characters, cut to a length that a line can hold."""
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[:_MAX_PATH_LENGTH])
    return shown + "…" if len(text) > _MAX_PATH_LENGTH else shown


def _is_own_path(arguments: tuple[object, ...]) -> bool:
    """Whether one of the values of a record is a path of the page reload."""
    return any(isinstance(value, str) and value.startswith(_OWN_PATHS) for value in arguments)


def set_up_logging(stream: IO[str], *, readable: bool) -> None:
    """Let the records of Costrel appear on `stream`, unless the application has handlers of its own for them.

    Args:
        stream: where the lines go.
        readable: for people rather than for machines.
    """
    logger = logging.getLogger("costrel")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    for name in ("costrel", "costrel.access", "costrel.server", "costrel.error"):
        # A `logging.config.dictConfig` in the application disables every logger that existed before it.
        logging.getLogger(name).disabled = False
    if not logger.hasHandlers():
        # SECURITY: whoever reads the log of a service may stop to do so, and no request may wait for that.
        handler = logging.StreamHandler(stream) if readable else QueuedLog(stream.fileno())
        handler.setFormatter(LineFormatter(Paint(stream), readable=readable))
        handler.addFilter(lambda record: record.msg not in (LISTENING, _START_FAILED))
        # A browser leaves the stream of the page reload whenever it goes to another page.
        handler.addFilter(lambda record: not (isinstance(record.args, tuple) and _is_own_path(record.args)))
        logger.addHandler(handler)

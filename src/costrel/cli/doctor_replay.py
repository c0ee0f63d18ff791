"""Sending a list of requests to one application, in this process, and keeping what it answers.

The application is started, asked and stopped on an event loop of its own, through the test client, so a request goes
the whole way but for the sockets. Cookies are kept from one request to the next, and redirects are not followed. What
the application raises is part of its answer: nothing that it does ends the replay but a start that fails.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from traceback import format_exception_only

from costrel.cli.doctor_compare import Answer
from costrel.cli.doctor_difference import cut
from costrel.cli.doctor_requests import ReplayRequest
from costrel.cli.source import UsageFailed
from costrel.cli.tracebacks import user_place
from costrel.errors import HTTPError
from costrel.messages import Application
from costrel.pages import hide_secrets
from costrel.testing import AsyncTestClient, RequestOptions, TestResponse

__all__ = ["ReplaySettings", "replay", "run_reset"]

MAX_KEPT_BYTES = 1024 * 1024
"""Of a longer body the digest is kept."""

MAX_READ_BYTES = 256 * 1024 * 1024
"""A body that is longer is not read to its end."""

RESET_SECONDS = 120.0
"""How long the command may take that puts data back."""

START_SECONDS = 30.0
"""How long the application may take to start, and to stop."""

_MAX_OUTPUT_LINES = 10


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """How requests are sent.

    Args:
        base_url: scheme, host and port that the applications are asked at.
        headers: of every request.
        timeout_seconds: how long an answer may take, its body included.
    """

    base_url: str
    headers: Sequence[tuple[str, str]] = ()
    timeout_seconds: float = 10.0


def replay(application: Application, requests: Iterable[ReplayRequest], settings: ReplaySettings) -> list[Answer]:
    """Start an application, send it the requests in order, stop it, and return its answers in the same order.

    Raises:
        BaseException: whatever its start or stop raised.
    """
    return asyncio.run(_replay(application, requests, settings))


async def _replay(
    application: Application, requests: Iterable[ReplayRequest], settings: ReplaySettings
) -> list[Answer]:
    client = AsyncTestClient(
        application,
        base_url=settings.base_url,
        headers=[("accept-encoding", "identity"), *settings.headers],
        raise_app_exceptions=False,
        timeout_seconds=START_SECONDS,
    )
    async with client:
        answers = [await _ask(client, request, settings.timeout_seconds) for request in requests]
        if not all(answer.is_whole for answer in answers):
            # What was not answered may still hold a thread, and then hangs at the stop too.
            with suppress(TimeoutError):
                await client.aclose()
    return answers


async def _ask(client: AsyncTestClient, request: ReplayRequest, timeout_seconds: float) -> Answer:
    """Send one request; what goes wrong is in the answer."""
    options: RequestOptions = {
        "headers": request.headers,
        "content": request.content,
        "timeout_seconds": timeout_seconds,
    }
    body = _Body()
    response: TestResponse | None = None
    broken = ""
    with _listening_for_errors() as ear:
        try:
            # The client's own limit is for each wait, and its error says more, so it may come first.
            async with (
                asyncio.timeout(timeout_seconds + 0.5),
                client.stream(request.method, request.target, **options) as response,
            ):
                async for piece in response.aiter_bytes():
                    if not body.add(piece):
                        broken = f"the body is longer than {MAX_READ_BYTES:,} bytes"
                        break
        except TimeoutError:
            broken = f"no {'end' if response is not None else 'answer'} within {timeout_seconds:g} seconds"
        except Exception as error:
            # What broke a body off is the cause of what the client says about it.
            broken = _last_line(error.__cause__ or error)
    failure = _failure_of(response, ear)
    if response is None:
        return Answer(0, failure=failure or broken, is_whole=False)
    return Answer(
        status_code=response.status_code,
        headers=response.headers,
        content=body.content,
        length_bytes=body.length_bytes,
        digest=body.digest,
        failure=failure or broken,
        is_whole=not broken,
        answered_at=time.time(),
    )


class _Body:
    """The body of an answer while it comes: its beginning, its length and its digest."""

    def __init__(self) -> None:
        self.length_bytes: int = 0
        self._hash = hashlib.sha256()
        self._kept = bytearray()

    def add(self, piece: bytes) -> bool:
        """Take a piece; return whether more may come."""
        self.length_bytes += len(piece)
        self._hash.update(piece)
        if self.length_bytes <= MAX_KEPT_BYTES:
            self._kept += piece
        else:
            self._kept.clear()
        return self.length_bytes <= MAX_READ_BYTES

    @property
    def content(self) -> bytes | None:
        return bytes(self._kept) if self.length_bytes <= MAX_KEPT_BYTES else None

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


class _ErrorEar(logging.Handler):
    """Keeps the first exception that is logged as an error; frameworks log what they answer with 500."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.exception: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Look for the exception of a record."""
        if self.exception is None and record.exc_info:
            self.exception = record.exc_info[1]


@contextmanager
def _listening_for_errors() -> Iterator[_ErrorEar]:
    ear = _ErrorEar()
    root = logging.getLogger()
    root.addHandler(ear)
    try:
        yield ear
    finally:
        root.removeHandler(ear)


def _failure_of(response: TestResponse | None, ear: _ErrorEar) -> str:
    """Return the last line of the traceback of what became an error of the server, or an empty text."""
    if response is not None and response.status_code < 500:
        return ""
    raised = response.exception if response is not None else None
    error = ear.exception if raised is None or isinstance(raised, HTTPError) else raised
    return "" if error is None else _last_line(error)


def _last_line(error: BaseException) -> str:
    """Return what an exception says, and where in the application it was raised."""
    line = " ".join(format_exception_only(error)[-1].split())
    place = user_place(error)
    # SECURITY: an error may repeat what it was given, a URL of a database for example.
    return cut(hide_secrets(line)) + (f" ({place})" if place else "")


def run_reset(command: str, timeout_seconds: float = RESET_SECONDS) -> None:
    """Run the command that puts everything back to where it was.

    Args:
        command: for the shell.
        timeout_seconds: how long it may take; then it is ended, with all that it has started.

    Raises:
        UsageFailed: it cannot be run, fails, or takes too long.
    """
    try:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise UsageFailed(f"The command of --reset cannot be run: {error.strerror or error}.") from error
    with process:
        try:
            output, _ = process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise UsageFailed(f"The command of --reset has not ended within {timeout_seconds:g} seconds.") from None
    if process.returncode:
        told = "".join(f"\n    {line}" for line in output.splitlines()[-_MAX_OUTPUT_LINES:])
        raise UsageFailed(f"The command of --reset ended with exit code {process.returncode}.{told}")

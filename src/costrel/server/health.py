"""Liveness and readiness: two paths that the server answers by itself.

They say something about the process and nothing about the application, so they are answered before the dispatch, also
when too many requests are in flight. Both are off until a setting names a path. Neither is in the access log, for a
load balancer asks every few seconds for as long as the process lives.

There is no readiness of a process that is still starting: it does not listen yet, and a connection is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from costrel.http import status_line
from costrel.server.settings import ServerSettings

__all__ = ["HealthAnswer", "HealthPaths", "health_bytes"]


@dataclass(frozen=True, slots=True)
class HealthAnswer:
    """What the server says about itself.

    Args:
        status_code: 200 or 503.
        text: the body, one word or two.
        fields: further field lines on the wire, each with its CRLF.
    """

    status_code: int
    text: bytes
    fields: bytes = b""


OK = HealthAnswer(200, b"ok")
STOPPING = HealthAnswer(503, b"stopping", b"retry-after: 1\r\n")


@dataclass(frozen=True, slots=True)
class HealthPaths:
    """The paths that are answered here.

    Args:
        liveness_path: answered with 200 as long as the loop runs; `None` for no such path.
        readiness_path: answered with 200 until the server is told to stop; `None` for no such path.
    """

    liveness_path: str | None = None
    readiness_path: str | None = None

    @classmethod
    def of(cls, settings: ServerSettings) -> HealthPaths | None:
        """Take the paths of the settings; `None` when there are none, which is the default."""
        if settings.liveness_path is None and settings.readiness_path is None:
            return None
        return cls(settings.liveness_path, settings.readiness_path)

    def answer(self, method: str, path: str, *, is_ready: bool) -> HealthAnswer | None:
        """Return the answer to a question about health, `None` for every other request.

        Args:
            method: GET or HEAD; with any other the request is the application's.
            path: as the client wrote it, without the query, which changes nothing.
            is_ready: false from the moment on at which the server was told to stop.
        """
        if method not in ("GET", "HEAD"):
            return None
        if path == self.liveness_path:
            return OK
        if path == self.readiness_path:
            return OK if is_ready else STOPPING
        return None


def health_bytes(answer: HealthAnswer, date_line: bytes, *, with_body: bool, keep_alive: bool) -> bytes:
    """Return a whole response.

    Args:
        answer: what to say.
        date_line: the Date field with its CRLF.
        with_body: false for HEAD.
        keep_alive: whether the connection can be used again.
    """
    return (
        b"%bcontent-type: text/plain; charset=utf-8\r\ncache-control: no-store\r\n%b%bcontent-length: %d\r\n%b\r\n%b"
        % (
            status_line(answer.status_code),
            answer.fields,
            date_line,
            len(answer.text),
            b"" if keep_alive else b"connection: close\r\n",
            answer.text if with_body else b"",
        )
    )

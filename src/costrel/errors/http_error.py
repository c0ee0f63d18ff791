"""`HTTPError`: an exception that is an answer to the client, and what the classes with a fixed status have in common.

The classes are in `client_errors` (4xx) and `server_errors` (5xx).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

__all__ = ["FixedStatus", "HTTPError"]


class HTTPError(Exception):
    """An answer with an error status; raise it anywhere below a layer.

    Args:
        status_code: 400 to 599; a subclass has its own and takes none.
        detail: one sentence for the client, or `None` for the phrase of the status.
        headers: further header fields of the answer, for example ``{"Retry-After": "1"}``.
        extra: further members of the problem document; the names of RFC 9457 §3.1 are taken.

    Spec:
        RFC 9110 §15.5, §15.6; RFC 9457.
    """

    status_code: int = 500

    def __init__(
        self,
        status_code: int,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **extra: object,
    ) -> None:
        if not 400 <= status_code <= 599:
            raise ValueError(f"an HTTPError has a status from 400 to 599, not {status_code}")
        super().__init__(status_code, detail)
        self.status_code = status_code
        self.detail = detail
        self.headers: dict[str, str] = dict(headers or {})
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.status_code}: {self.detail}" if self.detail else str(self.status_code)


class FixedStatus(HTTPError):
    """An `HTTPError` whose class says the status."""

    status_code: int
    fixed_status_code: ClassVar[int] = 500

    def __init__(self, detail: str | None = None, *, headers: Mapping[str, str] | None = None, **extra: object) -> None:
        super().__init__(self.fixed_status_code, detail, headers=headers, **extra)

    def __init_subclass__(cls) -> None:
        # The class attribute makes the status readable without an instance, for tools that list errors.
        cls.status_code = cls.fixed_status_code

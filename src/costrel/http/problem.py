"""Problem details of RFC 9457: an error as a plain value.

This is the shape only. It is encoded one floor up, where JSON is known, and which clients get it instead of a page is
decided by negotiation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from costrel.errors import HTTPError
from costrel.http.status import reason_phrase

__all__ = ["Problem", "problem_from"]

_MEMBERS = frozenset({"type", "title", "status", "detail", "instance"})


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem details object.

    Args:
        status: the status code of the answer, 400 to 599.
        title: a short summary of the kind of problem, the same each time.
        detail: a sentence about this occurrence, or `None`.
        type: a URI for the kind of problem; ``about:blank`` says that the status code is all there is to know.
        instance: a URI for this occurrence, or `None`.
        extensions: further members.

    Raises:
        ValueError: an extension has the name of one of the members above.

    Spec:
        RFC 9457 §3.

    >>> Problem(404, "Not Found").to_dict()
    {'type': 'about:blank', 'title': 'Not Found', 'status': 404}
    """

    status: int
    title: str
    detail: str | None = None
    type: str = "about:blank"
    instance: str | None = None
    extensions: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        taken = sorted(_MEMBERS.intersection(self.extensions))
        if taken:
            raise ValueError(f"A problem has members of its own named {', '.join(f'`{name}`' for name in taken)}.")

    def to_dict(self) -> dict[str, object]:
        """Return the members that are set, the standard ones first."""
        members: dict[str, object] = {"type": self.type, "title": self.title, "status": self.status}
        if self.detail is not None:
            members["detail"] = self.detail
        if self.instance is not None:
            members["instance"] = self.instance
        members.update(self.extensions)
        return members


def problem_from(error: HTTPError) -> Problem:
    """Make the problem that tells a client about an error.

    Args:
        error: its status, detail and further members are taken; the title is the status's reason phrase, as RFC 9457
            §4.2.1 wants it for ``about:blank``.

    Raises:
        ValueError: a further member has the name of a standard one.
    """
    return Problem(error.status_code, reason_phrase(error.status_code), error.detail, extensions=dict(error.extra))

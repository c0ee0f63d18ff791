"""What became of a request that failed, before it is a response.

An app turns an exception into a `Failure`; a responder for this type makes the response of it: problem details for
programs, a page for browsers. Error pages are nothing else than another responder.
"""

from __future__ import annotations

from dataclasses import dataclass

from costrel.http import Problem

__all__ = ["Failure"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A problem and the exception behind it.

    Args:
        problem: what may be told to the client.
        exception: what happened; shown only on the debug page, never to others.
    """

    problem: Problem
    exception: Exception

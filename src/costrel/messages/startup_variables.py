"""The context variables that an application sets while it starts, set again where its requests begin.

Our own server starts every request in a copy of the context after start-up. A transport whose requests begin in a
task of somebody else, a foreign server's or a test's, cannot choose the context; it sets what start-up has changed
when the request enters, and leaves everything else as it is.
"""

from __future__ import annotations

from contextvars import Context, ContextVar
from typing import Any

__all__ = ["StartupVariables"]


class StartupVariables:
    """What differs between the context before a start and the one after it.

    Args:
        before: a copy of the context in which the application was started.
        after: a copy of the context when it had started, `LoopState.base_context`.
    """

    __slots__ = ("_values",)

    def __init__(self, before: Context, after: Context) -> None:
        self._values: tuple[tuple[ContextVar[Any], object], ...] = tuple(
            (variable, value)
            for variable, value in after.items()
            if variable not in before or before[variable] is not value
        )

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._values)

    def set(self) -> None:
        """Set them in the current context."""
        for variable, value in self._values:
            variable.set(value)

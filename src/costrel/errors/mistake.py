"""A mistake in an application as a value, and the exceptions that carry one or several.

Each room has the texts of the mistakes that it finds; those that several rooms find are in `programmer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import indent

from costrel.errors.root import CostrelError

__all__ = ["BuildError", "ConfigurationError", "Mistake", "ProgrammerError"]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in an application: what happened, where, why it is one, and the fix.

    Args:
        code: ``COS-<ROOM>-<nnn>``; `docs/errors/` has a page of that name.
        what: one sentence with the value, ending with a period.
        where: ``path/to/file.py:41``, or empty when no line is to blame.
        why: the rule that was broken, one or two sentences, or empty.
        fix: what to write instead; code is indented by the caller, one suggestion a line.
    """

    code: str
    what: str
    where: str = ""
    why: str = ""
    fix: str = ""

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        head = f"{self.code}  {self.what}{place}"
        parts = [head, *(indent(text, "    ") for text in (self.why, self.fix) if text)]
        parts.append(indent(f"See docs/errors/{self.code}, or run `costrel explain {self.code}`.", "    "))
        return "\n\n".join(parts)


class ProgrammerError(CostrelError):
    """A mistake in the application's code, with a stable code and the fix.

    Args:
        mistake: what is shown; its ``code`` is also the attribute `code`.
    """

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(mistake)
        self.mistake = mistake

    @property
    def code(self) -> str:
        """The stable code, for example ``COS-HANDLER-004``."""
        return self.mistake.code

    def __str__(self) -> str:
        return str(self.mistake)


class ConfigurationError(ProgrammerError):
    """A mistake that is found while the application is put together, before any request."""


class BuildError(ConfigurationError):
    """All mistakes that one `App.build()` found, so that they can be mended in one go.

    Args:
        mistakes: one or more, in the order found.
    """

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__(mistakes[0])
        self.mistakes: tuple[Mistake, ...] = tuple(mistakes)

    def __str__(self) -> str:
        if len(self.mistakes) == 1:
            return str(self.mistakes[0])
        return "\n\n".join([f"{len(self.mistakes)} mistakes in the application:", *map(str, self.mistakes)])

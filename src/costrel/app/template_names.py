"""Filters, tests and globals of templates that were registered before there is anything that renders them.

The extension of the name ``templates`` is installed by the build. Until then the names wait here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from costrel.errors import ConfigurationError, Mistake

__all__ = ["TemplateKind", "TemplateNames"]

TemplateKind = Literal["filter", "test", "global_"]


@dataclass(frozen=True, slots=True)
class _TemplateName:
    kind: TemplateKind
    name: str
    function: object
    where: str


class TemplateNames:
    """Names that wait for the extension."""

    def __init__(self) -> None:
        self._waiting: list[_TemplateName] = []

    def add(self, kind: TemplateKind, name: str, function: object, where: str) -> None:
        """Keep a name for `hand_over`."""
        self._waiting.append(_TemplateName(kind, name, function, where))

    def hand_over(self, templates: object) -> None:
        """Give the names that wait to the extension, whose attributes ``filter``, ``test`` and ``global_`` take them.

        Raises:
            ConfigurationError: there is no such extension, and names wait for it.
        """
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        if templates is None:
            first = waiting[0]
            raise ConfigurationError(
                Mistake(
                    "COS-APP-044",
                    f"`{first.name}` was registered for templates, and the application has none.",
                    where=first.where,
                    why="Its list of extensions has none of the name `templates`.",
                    fix='Leave `extensions=` at its default, or add "costrel.templating:Templates" to it.',
                )
            )
        for item in waiting:
            table: Any = getattr(templates, item.kind)  # whatever the extension keeps names in
            table.set(item.name, item.function)

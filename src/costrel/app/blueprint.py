"""A group of routes with its own prefix, hooks, error handlers, layers, providers and templates.

Blueprints are made at import time without an app, and nest. What is registered on one holds for it and its
children and never for its siblings. The same blueprint may be registered twice under two prefixes and names.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from costrel.app.registration import AnyLayer, caller_where
from costrel.app.schedule_verbs import ScheduleVerbs
from costrel.errors import ConfigurationError, Mistake

if TYPE_CHECKING:
    from costrel.messages import TextAs, TrailingSlash

__all__ = ["Blueprint", "Group", "Registered"]


@dataclass(frozen=True, slots=True)
class Registered:
    """One registration of a blueprint on its parent."""

    blueprint: Blueprint
    prefix: str
    name: str
    where: str
    host: str | None = None


class Group(ScheduleVerbs):
    """What can hold blueprints: the app and blueprints themselves."""

    def __init__(
        self, *, use: Sequence[AnyLayer], text_as: TextAs | None, trailing_slash: TrailingSlash | None
    ) -> None:
        super().__init__(use=use, text_as=text_as, trailing_slash=trailing_slash)
        self.children: list[Registered] = []

    def register(self, blueprint: Blueprint, /, *, prefix: str | None = None, name: str | None = None) -> None:
        """Add a blueprint below this one.

        Args:
            blueprint: it may be registered more than once, under different names.
            prefix: put before its paths; its own prefix unless given.
            name: put before the names of its routes; its own name unless given.

        Raises:
            ConfigurationError: the application was built.
        """
        self.check_open("register")
        self._register(blueprint, prefix, name, None)

    def _register(self, blueprint: Blueprint, prefix: str | None, name: str | None, host: str | None) -> None:
        chosen = blueprint.prefix if prefix is None else prefix
        where = caller_where()
        if blueprint is self or blueprint.contains(self):
            raise ConfigurationError(
                Mistake(
                    "COS-APP-039",
                    f"The blueprint `{blueprint.name}` cannot be registered, because it would contain itself.",
                    where=where,
                    why="Its paths and names would have no end.",
                    fix="Register it on the app, or on a blueprint that is not below it.",
                )
            )
        self.children.append(
            Registered(blueprint, chosen.rstrip("/"), name or blueprint.name, where, host or blueprint.host)
        )

    def contains(self, other: Group) -> bool:
        """Whether another blueprint is registered below this one, at any depth."""
        return any(child.blueprint is other or child.blueprint.contains(other) for child in self.children)


class Blueprint(Group):
    """A group of routes.

    Args:
        name: put before the names of its routes, with a dot; no dot in it.
        prefix: put before its paths, begins with ``/`` or is empty.
        use: layers around all of its routes, outermost first.
        text_as: what a returned `str` is in its handlers, ``html`` or ``json``; the parent's unless given.
        trailing_slash: as the setting, for its routes.
        host: answer only for this host, which may have parameters: ``{tenant}.example.com``.
        template_folder: relative to the module that makes the blueprint; searched after the app's.
        static_folder: served under the prefix and ``/static``.

    Raises:
        ValueError: a name with a dot, or a prefix that does not begin with ``/``.
    """

    def __init__(
        self,
        name: str,
        *,
        prefix: str = "",
        use: Sequence[AnyLayer] = (),
        text_as: TextAs | None = None,
        trailing_slash: TrailingSlash | None = None,
        host: str | None = None,
        template_folder: str | None = None,
        static_folder: str | None = None,
    ) -> None:
        super().__init__(use=use, text_as=text_as, trailing_slash=trailing_slash)
        if "." in name or not name:
            raise ValueError(f"the name of a blueprint has no dot and is not empty: {name!r}")
        if prefix and not prefix.startswith("/"):
            raise ValueError(f"the prefix of a blueprint begins with a slash: {prefix!r}")
        self.name = name
        self.prefix = prefix
        self.host = host
        self.root_folder: Path = folder_of_module(sys._getframe(1).f_globals.get("__file__"))
        self.template_folder = template_folder
        self.static_folder = static_folder

    def __repr__(self) -> str:
        return f"<Blueprint {self.name!r} {self.prefix or '/'}>"


def folder_of_module(file_name: str | None) -> Path:
    """Return the folder of a module, or the working directory for one that has no file."""
    return Path(file_name).resolve().parent if file_name else Path.cwd()

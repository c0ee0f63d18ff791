"""The extensions of one application: which there are, what each needs, and that no two share a name."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from costrel.errors import BuildError, ConfigurationError, Mistake
from costrel.version import __version__

if TYPE_CHECKING:
    from costrel.messages import AppSetup, Extension

__all__ = ["DEFAULT_EXTENSIONS", "ExtensionRegistry"]

DEFAULT_EXTENSIONS: tuple[str, ...] = (
    "costrel.pages:ErrorPages",
    "costrel.static:StaticFiles",
    "costrel.templating:Templates",
    "costrel.sessions:SignedCookieSessions",
)
"""What an app has unless told otherwise. Each does nothing until it is used; the last lies outermost."""

_REQUIREMENT = re.compile(r"([A-Za-z0-9_.-]+)\s*(?:>=\s*([0-9.]+))?")


class ExtensionRegistry:
    """The extensions that were asked for, and those that were installed.

    Args:
        wanted: extensions or import strings, in the order of installation; the last one's layers lie outermost.
    """

    def __init__(self, wanted: Sequence[Extension | str]) -> None:
        self._wanted = list(wanted)
        self._installed: dict[str, Extension] = {}
        self.by_name: MappingProxyType[str, Extension] = MappingProxyType(self._installed)

    def install_wanted(self, app: AppSetup) -> None:
        """Import and install everything that was asked for and is not installed yet.

        Raises:
            BuildError: what cannot be imported, or misses another extension; all of it together.
        """
        mistakes = []
        while self._wanted:
            given = self._wanted.pop(0)
            try:
                self.install(_load(given) if isinstance(given, str) else given, app)
            except ConfigurationError as error:
                mistakes.append(error.mistake)
        mistakes.extend(self._missing())
        if mistakes:
            raise BuildError(mistakes)

    def install(self, extension: Extension, app: AppSetup) -> None:
        """Install one extension now.

        Raises:
            ConfigurationError: it is none, or one of its name is installed already.
        """
        from costrel.messages import Extension

        if not isinstance(extension, Extension):
            raise ConfigurationError(
                Mistake(
                    "COS-APP-026",
                    f"`install` was given {extension!r}, which is not an extension.",
                    why="An extension has a `name`, a tuple `requires` and a method `install(app)`.",
                    fix="If it is a class, make it first:  app.install(OpenAPI())",
                )
            )
        if extension.name in self._installed:
            raise ConfigurationError(
                Mistake(
                    "COS-APP-027",
                    f"Two extensions have the name `{extension.name}`.",
                    why="An extension is found by its name, so one would hide the other.",
                    fix=f"Install one of them, or rename one. Installed is {self._installed[extension.name]!r}.",
                )
            )
        self._installed[extension.name] = extension
        extension.install(app)

    def _missing(self) -> list[Mistake]:
        """Return a mistake for each requirement that no installed extension meets."""
        mistakes = []
        for extension in self._installed.values():
            for requirement in extension.requires:
                match = _REQUIREMENT.fullmatch(requirement.strip())
                name, minimum = match.groups() if match else (requirement, None)
                found = self._installed.get(name)
                if found is None:
                    mistakes.append(_missing_extension(extension.name, requirement))
                elif minimum is not None and _version_of(found) < _numbers(minimum):
                    mistakes.append(_too_old(extension.name, requirement, found))
        return mistakes


def _load(import_string: str) -> Extension:
    """Import ``module:Class`` and make one."""
    module_name, _, attribute = import_string.partition(":")
    try:
        made: Any = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            Mistake(
                "COS-APP-028",
                f"The extension `{import_string}` cannot be imported: {error}.",
                where="extensions=",
                why="An import string is `package.module:ClassName`.",
                fix="Install the package that has it, or take it out of `extensions=`.",
            )
        ) from error
    extension: Extension = made() if isinstance(made, type) else made
    return extension


def _version_of(extension: Extension) -> tuple[int, ...]:
    """Return its own version, or that of the distribution it came with."""
    own = getattr(extension, "version", None)
    if own is None:
        # Imported here because it costs 7 ms and hardly any extension asks for a version.
        from importlib.metadata import PackageNotFoundError, version

        try:
            own = version(type(extension).__module__.partition(".")[0])
        except PackageNotFoundError:
            own = __version__
    return _numbers(str(own))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _missing_extension(name: str, requirement: str) -> Mistake:
    return Mistake(
        "COS-APP-029",
        f"The extension `{name}` needs `{requirement}`, which is not installed.",
        where="extensions=",
        why="Without it the extension would fail at the first request.",
        fix=f"Install it before:  app.install(…)  with an extension named `{requirement.partition('>')[0]}`",
    )


def _too_old(name: str, requirement: str, found: Extension) -> Mistake:
    has = ".".join(map(str, _version_of(found)))
    return Mistake(
        "COS-APP-029",
        f"The extension `{name}` needs `{requirement}`, and `{found.name}` is version {has}.",
        where="extensions=",
        why="An older one lacks what it uses.",
        fix=f"Update the package that has `{found.name}`.",
    )

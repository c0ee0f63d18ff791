"""From an import string to an application; one of another framework comes in an `App` that hands everything to it.

What the command line got wrong is a `ConfigurationError` with a code of this room; what the application's own code
raises while it is imported comes out as it is, so that its author sees it.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType

from costrel.app import App
from costrel.cli.foreign_app import is_foreign_application, wrap_foreign
from costrel.cli.import_string import FILE_NAMES, ImportString, parse_import_string
from costrel.errors import ConfigurationError, Mistake

__all__ = ["ATTRIBUTE_NAMES", "find_file", "load_app", "watched_folders"]

ATTRIBUTE_NAMES = ("app", "application", "create_app", "make_app")
"""What is looked for in a module when no attribute is named, in this order."""

_FACTORY_NAMES = frozenset({"create_app", "make_app"})


def load_app(text: str | None) -> App:
    """Import an application.

    Args:
        text: an import string; `None` looks for one in the working directory.

    Raises:
        ConfigurationError: COS-CLI-001 to 006, the text leads to no application.
        Exception: whatever the application's modules raise.
    """
    wanted = _discovered() if text is None else parse_import_string(text)
    name, file, folder = _module_of(wanted)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    module = _import(name, file, wanted)
    if wanted.attribute:
        found = _attribute(module, wanted)
        return _application(found, wanted.attribute, wanted, name, is_factory=wanted.is_call)
    return _search(module, wanted)


def watched_folders(text: str | None) -> list[Path]:
    """Return where the application's source lies, as far as that can be told without importing anything.

    Args:
        text: as for `load_app`; what is wrong with it is found by the import.

    Returns:
        The folder that it is imported from, and the working directory unless that is somebody's home or the root.
    """
    here = Path.cwd()
    folders = [] if here in (Path.home(), Path(here.anchor)) else [here]
    try:
        _, _, folder = _module_of(_discovered() if text is None else parse_import_string(text))
    except ConfigurationError:
        folder = here
    return folders if folder in folders else [*folders, folder]


def find_file(folder: Path) -> Path | None:
    """Return the file of `folder` that is taken when none is named, or `None`."""
    return next((folder / name for name in FILE_NAMES if (folder / name).is_file()), None)


def _discovered() -> ImportString:
    file = find_file(Path())
    if file is None:
        raise ConfigurationError(
            Mistake(
                "COS-CLI-005",
                "No application was named, and none was found.",
                where=str(Path.cwd()),
                why=f"Without a name the file {' or '.join(FILE_NAMES)} of the working directory is taken.",
                fix="Name one:  costrel dev shop.py      or      export COSTREL_APP=shop.web:app",
            )
        )
    return ImportString(file.name, file=file)


def _module_of(wanted: ImportString) -> tuple[str, Path | None, Path]:
    """Return the module's name, its file when one was named, and the folder that it is imported from."""
    folder = Path.cwd()
    name, file = wanted.module, None
    if wanted.file is not None:
        file = _resolve_file(wanted)
        parts = [file.stem]
        folder = file.parent
        while (folder / "__init__.py").is_file() and folder.parent != folder:
            parts.insert(0, folder.name)
            folder = folder.parent
        if parts[-1] == "__init__" and len(parts) > 1:
            parts.pop()
        name = ".".join(parts)
    return name, file, folder


def _resolve_file(wanted: ImportString) -> Path:
    """Return the absolute path of the file that an import string names."""
    path = wanted.file if wanted.file is not None else Path()
    found = path if path.is_file() else find_file(path) if path.is_dir() else None
    if found is None:
        near = get_close_matches(path.name, [other.name for other in path.parent.glob("*.py")], n=1)
        what = f"The folder `{path}` has no {' or '.join(FILE_NAMES)}." if path.is_dir() else f"No file `{path}`."
        fix = f"Did you mean `{path.parent / near[0]}`?" if near else "Paths are relative to the working directory."
        raise ConfigurationError(Mistake("COS-CLI-002", what, where=str(Path.cwd()), fix=fix))
    return found.resolve()


def _import(name: str, file: Path | None, wanted: ImportString) -> ModuleType:
    """Import a module; that it does not exist is told apart from an import that fails inside it."""
    known = sys.modules.get(name)
    if file is not None and known is not None and Path(known.__file__ or "").resolve() != file:
        raise ConfigurationError(
            Mistake(
                "COS-CLI-002",
                f"The file `{file.name}` has the name of another module, `{name}`.",
                where=str(file),
                why=f"Python has imported {known.__file__ or 'a built-in module'} under that name already.",
                fix="Give the file another name.",
            )
        )
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise
        near = get_close_matches(name, [path.stem for path in Path().glob("*.py")], n=1)
        raise ConfigurationError(
            Mistake(
                "COS-CLI-002",
                f"No module `{error.name}`.",
                where=wanted.text,
                why=f"It was looked for in {Path.cwd()} and among the installed packages.",
                fix=f"Did you mean `{near[0]}`?"
                if near
                else "Is its folder the working directory, or is it installed?",
            )
        ) from None


def _attribute(module: ModuleType, wanted: ImportString) -> object:
    found: object = module
    for part in wanted.attribute.split("."):
        names = [name for name in dir(found) if not name.startswith("_")]
        try:
            found = getattr(found, part)
        except AttributeError:
            apps = [name for name, value in vars(module).items() if isinstance(value, App)]
            near = get_close_matches(part, [*apps, *names], n=1) or apps[:1]
            raise ConfigurationError(
                Mistake(
                    "COS-CLI-003",
                    f"`{module.__name__}` has no `{wanted.attribute}`.",
                    where=module.__file__ or module.__name__,
                    why="The name after the colon is looked up in the module.",
                    fix=f"Did you mean `{near[0]}`?" if near else "Name what holds the `App`, or what makes it.",
                )
            ) from None
    return found


def _search(module: ModuleType, wanted: ImportString) -> App:
    """Take what has one of the usual names, also of another framework, else the only `App` of the module."""
    names = vars(module)
    for name in ATTRIBUTE_NAMES:
        found, is_factory = names.get(name), name in _FACTORY_NAMES
        is_served = callable(found) if is_factory else isinstance(found, App) or is_foreign_application(found)
        if is_served or isinstance(found, App):
            return _application(found, name, wanted, module.__name__, is_factory=is_factory)
    apps = {id(value): name for name, value in names.items() if isinstance(value, App)}
    if len(apps) == 1:
        return _application(names[next(iter(apps.values()))], "", wanted, module.__name__, is_factory=False)
    several = ", ".join(f"`{name}`" for name in apps.values())
    raise ConfigurationError(
        Mistake(
            "COS-CLI-003",
            f"`{module.__name__}` has several applications: {several}."
            if apps
            else f"`{module.__name__}` has no application.",
            where=module.__file__ or module.__name__,
            why=f"Without a name after the colon one of {', '.join(f'`{name}`' for name in ATTRIBUTE_NAMES)} is taken, "
            "or the only `App`.",
            fix=f"Name one:  {wanted.text}:{next(iter(apps.values()), 'app')}",
        )
    )


def _application(found: object, name: str, wanted: ImportString, module_name: str, *, is_factory: bool) -> App:
    """Return the application itself, or what its factory makes."""
    if isinstance(found, App) and not wanted.is_call:
        return found
    if not is_factory and is_foreign_application(found):
        return wrap_foreign(found, module_name)
    if callable(found) and (is_factory or inspect.isroutine(found) or inspect.isclass(found)):
        made = _call(found, name, wanted)
        if isinstance(made, App):
            return made
        if is_foreign_application(made):
            return wrap_foreign(made, module_name)
        raise _not_an_app(made, f"What `{name}` returns", wanted)
    raise _not_an_app(found, f"`{name}`", wanted)


def _call(factory: Callable[..., object], name: str, wanted: ImportString) -> object:
    keywords = dict(wanted.keywords)
    try:
        inspect.signature(factory).bind(*wanted.arguments, **keywords)
    except TypeError as error:
        raise ConfigurationError(
            Mistake(
                "COS-CLI-006",
                f"`{name}` cannot be called as the import string says: {error}.",
                where=wanted.text,
                why="A factory is called with the literals between its parentheses, or without arguments.",
                fix=f"{wanted.text.partition(':')[0]}:{name}('value', key=1)",
            )
        ) from None
    except ValueError:  # a built-in that has no signature
        pass
    return factory(*wanted.arguments, **keywords)


def _not_an_app(found: object, what: str, wanted: ImportString) -> ConfigurationError:
    if inspect.iscoroutine(found):
        found.close()
    return ConfigurationError(
        Mistake(
            "COS-CLI-004",
            f"{what} is {found!r:.200}, which is not an `App`, nor an ASGI or WSGI application.",
            where=wanted.text,
            why="An ASGI 3 application is called with three arguments, a WSGI application with two.",
            fix="Name an application, or a function that returns one. "
            "One that cannot be recognised is given as `costrel.mounts.ASGIMount(app)` or `WSGIMount(app)`.",
        )
    )

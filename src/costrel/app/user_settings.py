"""`Settings`: a user's own configuration, typed, from the environment, a ``.env`` file and TOML.

Subclass it with annotated fields. What is missing or wrong stops the start with one message that names every
variable; values of type `Secret` never appear in ``repr``, in a traceback or on the debug page.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self, dataclass_transform, get_type_hints

import msgspec

from costrel.errors import BuildError, Mistake
from costrel.messages import parse_setting

__all__ = ["Secret", "Settings", "read_env_file"]


class Secret:
    """A text that must not be shown: ``repr`` and ``str`` are stars, `reveal` is the text.

    Args:
        value: the text.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled; pass what is made with it instead")


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Settings:
    """The base class of an application's own settings.

    Fields are annotated attributes; a default makes one optional. Values come, the first that has one, from keyword
    arguments, the environment, the ``.env`` file, the TOML file, and the default. A field whose type is a subclass of
    `Settings` is read from variables with its name before theirs, ``SHOP_MAIL_HOST``, and from the TOML table of its
    name; the keywords of its own class are not used then.

    Class keywords:
        prefix: before the name of each variable: ``class Shop(Settings, prefix="SHOP_")`` reads ``SHOP_DEBUG``.
        env_file: a file of ``NAME=value`` lines, relative to the working directory; it need not exist.
        toml_file: a TOML file whose top-level keys are the fields' names; it need not exist.

    Raises:
        BuildError: every field that is missing or wrong, by the name of its variable.

    Example:
        ``class Shop(Settings, prefix="SHOP_"): database_url: Secret; page_size: int = 20``
    """

    _prefix: ClassVar[str] = ""
    _env_file: ClassVar[str] = ".env"
    _toml_file: ClassVar[str | None] = None

    def __init_subclass__(cls, *, prefix: str = "", env_file: str = ".env", toml_file: str | None = None) -> None:
        super().__init_subclass__()
        cls._prefix = prefix
        cls._env_file = env_file
        cls._toml_file = toml_file

    def __init__(self, **given: object) -> None:
        hints = _fields_of(type(self))
        unknown = set(given) - set(hints)
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}")
        values, mistakes = _collect(type(self), given, _sources_of(type(self)))
        if mistakes:
            raise BuildError(mistakes)
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"settings are read once and do not change, so `{name}` stays")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"settings are read once and do not change; make another with .replace({name}=…)")

    def replace(self, **changes: object) -> Self:
        """Return a copy with other values, for tests."""
        return type(self)(**{**{name: getattr(self, name) for name in _fields_of(type(self))}, **changes})

    def __repr__(self) -> str:
        fields = (f"{name}={getattr(self, name)!r}" for name in _fields_of(type(self)))
        return f"{type(self).__name__}({', '.join(fields)})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), tuple(self.__dict__)))


def _fields_of(cls: type) -> dict[str, Any]:
    """Return the annotated fields with their types."""
    hints = get_type_hints(cls, include_extras=True)
    return {name: hint for name, hint in hints.items() if not name.startswith("_")}


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the fields of one class of settings are looked for, outside the environment."""

    dotenv: Mapping[str, str]
    toml: Mapping[str, Any]
    prefix: str

    def below(self, name: str) -> _Source:
        """Return where the fields of the settings in the field `name` are."""
        table = self.toml.get(name, {})
        return _Source(self.dotenv, table if isinstance(table, Mapping) else {}, f"{self.prefix}{name.upper()}_")

    def text_of(self, name: str) -> str | None:
        """Return what the environment or the ``.env`` file has for a field."""
        variable = self.variable_of(name)
        return os.environ.get(variable, self.dotenv.get(variable))

    def variable_of(self, name: str) -> str:
        """Return the name of the variable for a field."""
        return f"{self.prefix}{name.upper()}"


def _sources_of(cls: type[Settings]) -> _Source:
    return _Source(read_env_file(Path(cls._env_file)), _read_toml(cls._toml_file), cls._prefix)


def _collect(
    cls: type[Settings], given: Mapping[str, object], source: _Source
) -> tuple[dict[str, object], list[Mistake]]:
    """Find the value of each field, and what is wrong with those that have none."""
    values: dict[str, object] = {}
    mistakes: list[Mistake] = []
    for name, hint in _fields_of(cls).items():
        if name in given:
            values[name] = given[name]
            continue
        if isinstance(hint, type) and issubclass(hint, Settings):
            inner, wrong = _collect(hint, {}, source.below(name))
            if wrong and hasattr(cls, name) and not _is_mentioned(hint, source.below(name)):
                values[name] = getattr(cls, name)
            else:
                mistakes.extend(wrong)
                values[name] = _made(hint, inner)
            continue
        text = source.text_of(name)
        try:
            if text is not None:
                values[name] = Secret(text) if _is_secret(hint) else parse_setting(text, hint)
            elif name in source.toml:
                item = source.toml[name]
                values[name] = Secret(str(item)) if _is_secret(hint) else msgspec.convert(item, hint)
            elif hasattr(cls, name):
                values[name] = getattr(cls, name)
            else:
                mistakes.append(_missing(cls, name, source.variable_of(name)))
        except (ValueError, msgspec.ValidationError) as error:
            what = f"`{source.variable_of(name)}` cannot be read: {error}."
            mistakes.append(Mistake("COS-APP-041", what, where=f"{cls.__name__}.{name}"))
    return values, mistakes


def _is_secret(hint: object) -> bool:
    return hint is Secret or hint == (Secret | None)


def _is_mentioned(cls: type[Settings], source: _Source) -> bool:
    """Whether any field of settings inside others is set anywhere."""
    return bool(source.toml) or any(source.text_of(name) is not None for name in _fields_of(cls))


def _made(cls: type[Settings], values: Mapping[str, object]) -> Settings:
    """Make settings of values that have been read."""
    made = object.__new__(cls)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


def _missing(cls: type, name: str, variable: str) -> Mistake:
    return Mistake(
        "COS-APP-040",
        f"`{variable}` is not set.",
        where=f"{cls.__name__}.{name}",
        why="The field has no default, so it must be in the environment, in the .env file or in the TOML file.",
        fix=f"export {variable}=…",
    )


def read_env_file(path: Path) -> dict[str, str]:
    """Read ``NAME=value`` lines: comments, ``export``, single and double quotes; nothing is expanded.

    A file that does not exist is empty.
    """
    if not path.is_file():
        return {}
    values = {}
    for raw_line in path.read_text("utf-8").splitlines():
        line = raw_line.strip().removeprefix("export ")
        name, equals, value = line.partition("=")
        if not equals or line.startswith("#"):
            continue
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        else:
            value = value.partition(" #")[0].rstrip()
        values[name.strip()] = value
    return values


def _read_toml(name: str | None) -> Mapping[str, Any]:
    if name is None or not Path(name).is_file():
        return {}
    with Path(name).open("rb") as file:
        return tomllib.load(file)

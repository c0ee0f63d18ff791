"""Typed attributes of the application's own, and the names that are taken.

An application adds attributes by subclassing `Globals`, `State` or `App` with annotations. One that has the name of
something that is there already would hide it, for this code or for the framework's; the build refuses it.
"""

from __future__ import annotations

from costrel.errors import Mistake, explain_foreign_name, is_foreign_name

__all__ = ["hidden_by_class", "hidden_by_values", "unread_values"]


def hidden_by_class(cls: type, base: type, taken: frozenset[str] = frozenset()) -> list[Mistake]:
    """Return a mistake for each attribute that a subclass declares although `base` has one of that name.

    Methods may be overridden; what counts is an annotation or a plain value.

    Args:
        cls: the application's class.
        base: the framework's class.
        taken: further names, those that objects of `base` have besides those of the class.
    """
    mistakes: list[Mistake] = []
    for derived in cls.__mro__[: cls.__mro__.index(base)]:
        if derived in base.__mro__:
            continue
        values = {name for name, value in vars(derived).items() if not callable(value)}
        declared = values.union(vars(derived).get("__annotations__", ()))
        mistakes.extend(
            _hides(name, derived, base)
            for name in sorted(declared)
            if not name.startswith("_") and (hasattr(base, name) or name in taken)
        )
    return mistakes


def hidden_by_values(subject: object, base: type) -> list[Mistake]:
    """Return a mistake for each method of `base` that an attribute of an object hides."""
    return [
        _hides(name, type(subject), base)
        for name in sorted(vars(subject))
        if not name.startswith("__") and callable(getattr(base, name, None))
    ]


def unread_values(subject: object, base: type) -> list[Mistake]:
    """Return a mistake for each attribute of an object by which another framework is configured.

    It would have no effect, and nobody would say so. A class of the application's own may read what it likes.
    """
    if type(subject) is not base:
        return []
    return [
        Mistake(
            "COS-APP-045",
            f"`app.{name}` was set, and nothing reads it.",
            where=f"{base.__module__}.{base.__qualname__}",
            why="It is the name of another framework; setting it here would change nothing.",
            fix=explain_foreign_name(base.__name__, name),
        )
        for name in sorted(vars(subject))
        if is_foreign_name(base.__name__, name)
    ]


def _hides(name: str, cls: type, base: type) -> Mistake:
    by = "a value of that name" if cls is base else f"an attribute of `{cls.__name__}`"
    return Mistake(
        "COS-APP-042",
        f"`{base.__name__}.{name}` is hidden by {by}.",
        where=f"{cls.__module__}.{cls.__qualname__}",
        why="Whoever uses what was there before would get the new value.",
        fix=f"Give the attribute another name, for example `my_{name}`.",
    )

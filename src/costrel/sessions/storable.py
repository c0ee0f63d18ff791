"""Saying which value of a session its cookie cannot keep, and where it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from costrel.errors import Mistake, ProgrammerError

__all__ = ["not_storable"]

_SCALARS: Final = (str, int, float, type(None))


def not_storable(
    value: object,
    error: Exception,
    has_form: Callable[[object], bool] = lambda value: False,
    name: str = "session",
) -> ProgrammerError:
    """Make the error for a session that cannot be written; the walk is made only now that it is known to be there.

    Args:
        value: the session.
        error: what JSON says of it.
        has_form: whether a value that JSON does not know can be written all the same.
        name: what the value is called where it was given.
    """
    what = f"The {name} cannot be written."
    for where, found in _iter_foreign(value, name, has_form):
        what = f"`{where}` is of type `{type(found).__name__}`, which a {name} cannot keep."
        break
    return ProgrammerError(
        Mistake(
            "COS-SESSION-005",
            what,
            why=f"It is written as JSON: {error}.",
            fix=f"Keep an id or the text of it:   {name}['price'] = str(price)",
        )
    )


def _iter_foreign(value: object, where: str, has_form: Callable[[object], bool]) -> Iterator[tuple[str, object]]:
    """Yield each value that cannot be written, with the expression that leads to it."""
    if isinstance(value, dict):
        for key, item in value.items():
            place = f"{where}[{key!r}]"
            if not isinstance(key, _SCALARS):
                yield f"the key of {place}", key
            yield from _iter_foreign(item, place, has_form)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _iter_foreign(item, f"{where}[{index}]", has_form)
    elif not isinstance(value, _SCALARS) and not has_form(value):
        yield where, value

"""What the options of caches may be, checked when a cache is made."""

from __future__ import annotations

import math
from collections.abc import Sequence

from costrel.errors import ConfigurationError, Mistake
from costrel.http import is_token
from costrel.layers.mistakes import wrong_option

__all__ = ["check_body_bytes", "check_names", "check_seconds", "checked_statuses"]

MOST_BODY_BYTES = 15 * 1024 * 1024


def check_seconds(owner: str, option: str, value: object, *, is_zero_allowed: bool = True) -> None:
    """Refuse what is no number of seconds.

    Raises:
        ConfigurationError: COS-LAYERS-001.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and isinstance(value, int | float) and math.isfinite(value) and value >= 0) or (
        value == 0 and not is_zero_allowed
    ):
        why = "It is a number of seconds, 0 or more." if is_zero_allowed else "It is a number of seconds over 0."
        raise wrong_option(owner, option, value, why)


def checked_statuses(statuses: Sequence[int]) -> frozenset[int]:
    """Return the statuses of answers that may be kept.

    Raises:
        ConfigurationError: COS-LAYERS-040, one that must not be.
    """
    for status in statuses:
        if not isinstance(status, int) or not 200 <= status < 500 or status in (206, 304):
            raise ConfigurationError(
                Mistake(
                    "COS-LAYERS-040",
                    f"`Cached` was told to keep answers with status {status!r:.50}.",
                    why="An error of the server would outlive its cause, and 206 and 304 are parts of another answer.",
                    fix="Cached(60, statuses=[200, 404])",
                )
            )
    return frozenset(statuses)


def check_names(owner: str, option: str, names: object, *, are_fields: bool = False) -> None:
    """Refuse what is no list of names.

    Args:
        owner: the layer or function.
        option: the name of the option.
        names: what was given.
        are_fields: whether they name fields of a request.

    Raises:
        ConfigurationError: COS-LAYERS-001.
    """
    listed = names if isinstance(names, list | tuple | set | frozenset) else ("",)
    if not all(isinstance(name, str) and name for name in listed):
        raise wrong_option(owner, option, names, "It is a list of names.", f"{option}=[{names!r:.100}]")
    if are_fields and not all(name.isascii() and is_token(name.encode()) for name in listed):
        raise wrong_option(owner, option, names, "It names fields of a request.", f'{option}=["accept-language"]')


def check_body_bytes(owner: str, option: str, value: object) -> None:
    """Refuse what is no size of a body that a store can keep.

    Raises:
        ConfigurationError: COS-LAYERS-001.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_BODY_BYTES:
        raise wrong_option(owner, option, value, "It is a whole number of bytes, at most 15 MiB.")

"""Noticing what was changed inside a value: a copy of it from before, and whether a value is still like its copy.

Only containers are copied, and only when one is handed out; a session whose lists nobody looks at pays nothing.
"""

from __future__ import annotations

from typing import Final

__all__ = ["CONTAINERS", "copy_containers", "is_same_value"]

CONTAINERS: Final = frozenset((dict, list, tuple))
"""The types of values in which something can be changed in place; a tuple may hold a list."""


def copy_containers(value: object) -> object:
    """Return a value of which nobody else has a part that can be changed."""
    if isinstance(value, dict):
        return {key: copy_containers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copy_containers(item) for item in value]
    if isinstance(value, tuple):
        return tuple([copy_containers(item) for item in value])
    return value


def is_same_value(one: object, other: object) -> bool:
    """Whether two values are written alike: ``1``, ``1.0`` and ``True`` are equal and not the same."""
    if one is other and type(one) not in CONTAINERS:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same_value(item, other[key]) for key, item in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(is_same_value, one, other))
    return bool(one == other)

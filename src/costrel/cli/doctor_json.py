"""Comparing two JSON documents by their structure.

Every value has a path, ``$.items[2].price``. Objects are compared key by key; arrays of the same length item by item,
others after what stands in both was found, so that one item more is one difference. ``1`` and ``1.0`` are the same
number (RFC 8259 §6), ``1`` and ``true`` are not the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

from costrel.cli.doctor_difference import Difference, Ignored, Sign, shown_value
from costrel.pages import is_secret_name

__all__ = ["compare_json", "parse_json"]

ALWAYS_DIFFERENT = frozenset(
    {
        "csrf",
        "csrf_token",
        "csrftoken",
        "csrfmiddlewaretoken",
        "xsrf_token",
        "nonce",
        "request_id",
        "requestid",
        "correlation_id",
        "trace_id",
        "traceid",
    }
)
"""Keys whose values are drawn anew for each answer; that one is missing is told nevertheless."""

MAX_ALIGNED_ITEMS = 1000
"""Longer arrays of different length are compared item by item; finding what stands in both is quadratic."""

_is_plain_key = re.compile(r"[A-Za-z_$][\w$-]*").fullmatch
_TYPE_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}


def parse_json(content: bytes) -> Any:  # whatever the document is
    """Return the value of a JSON document.

    Raises:
        ValueError: it is none, or is nested too deeply to be compared.
    """
    try:
        # What is no JSON compares as text: a number that is none is not equal to itself.
        return json.loads(content, parse_constant=str)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def compare_json(old: object, new: object, ignored: Ignored) -> list[Difference]:
    """Return every difference between two values as `parse_json` returns them, in the order of the old one.

    Args:
        old: of the old application.
        new: of the new one.
        ignored: by path, or by the last key of it.

    >>> [item.name for item in compare_json({"a": [1, 2], "b": 1}, {"a": [1, 3]}, Ignored())]
    ['$.a[1]', '$.b']
    """
    found = []
    waiting: list[tuple[str, str, object, object]] = [("$", "", old, new)]
    # A document may be nested more deeply than functions can call each other.
    while waiting:
        path, key, old_value, new_value = waiting.pop()
        if ignored.covers(path, key):
            continue
        inner: list[tuple[str, str, object, object]] = []
        if isinstance(old_value, dict) and isinstance(new_value, dict):
            inner = list(_members(path, old_value, new_value))
        elif isinstance(old_value, list) and isinstance(new_value, list):
            inner = list(_items(path, key, old_value, new_value))
        else:
            difference = _compare_leaves(path, key, old_value, new_value)
            if difference is not None:
                found.append(difference)
        waiting.extend(reversed(inner))
    return found


class _Missing:
    """What stands for a value that one side does not have."""


_MISSING = _Missing()


def _members(path: str, old: dict[str, object], new: dict[str, object]) -> Iterator[tuple[str, str, object, object]]:
    """Yield the pairs of two objects."""
    for key in dict.fromkeys((*old, *new)):
        step = f".{key}" if _is_plain_key(key) else f"[{json.dumps(key, ensure_ascii=False)}]"
        yield f"{path}{step}", key, old.get(key, _MISSING), new.get(key, _MISSING)


def _items(path: str, key: str, old: list[object], new: list[object]) -> Iterator[tuple[str, str, object, object]]:
    """Yield the pairs of two arrays; an item's key is that of its array."""
    if len(old) == len(new) or max(len(old), len(new)) > MAX_ALIGNED_ITEMS:
        steps = [("replace", 0, len(old), 0, len(new))]
    else:
        old_texts, new_texts = ([json.dumps(item, sort_keys=True) for item in side] for side in (old, new))
        steps = list(SequenceMatcher(None, old_texts, new_texts, autojunk=False).get_opcodes())
    for _, old_start, old_stop, new_start, new_stop in steps:
        length = max(old_stop - old_start, new_stop - new_start)
        for offset in range(length):
            old_index, new_index = old_start + offset, new_start + offset
            has_old = old_index < old_stop
            yield (
                f"{path}[{old_index if has_old else new_index}]",
                key,
                old[old_index] if has_old else _MISSING,
                new[new_index] if new_index < new_stop else _MISSING,
            )


def _compare_leaves(path: str, key: str, old: object, new: object) -> Difference | None:
    """Compare two values that are not both objects or both arrays."""
    old_type, new_type = _type_name(old), _type_name(new)
    is_same_type = old_type == new_type
    if is_same_type and (old == new or key.lower().replace("-", "_") in ALWAYS_DIFFERENT):
        return None
    sign: Sign = "lost" if new is _MISSING else "gained" if old is _MISSING else "changed"
    name = key if is_secret_name(key) else path  # below a secret everything is one
    old_text, new_text = _shown(name, old), _shown(name, new)
    if sign == "changed" and not is_same_type:
        old_text, new_text = f"{old_text} ({old_type})", f"{new_text} ({new_type})"
    return Difference("body", path, sign, old_text, new_text)


def _type_name(value: object) -> str:
    return _TYPE_NAMES.get(type(value), "null" if value is None else "nothing")


def _shown(name: str, value: object) -> str:
    """Return a value as it is shown: a leaf as JSON, what has parts by their number."""
    if value is _MISSING:
        return ""
    if isinstance(value, dict):
        return f"{{{len(value)} member{'' if len(value) == 1 else 's'}}}"
    if isinstance(value, list):
        return f"[{len(value)} item{'' if len(value) == 1 else 's'}]"
    return shown_value(name, json.dumps(value, ensure_ascii=False))

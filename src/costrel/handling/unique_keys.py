"""JSON objects in which a key occurs twice, for bodies that must mean the same to every reader.

Of two equal keys the last counts, here as in every common reader. Something in front of the application that takes the
first one sees another document; where a body decides about access, such a document should be refused.
"""

from __future__ import annotations

import json

from costrel.errors import BadRequest

__all__ = ["check_unique_keys"]


def check_unique_keys(content: bytes) -> None:
    """Refuse a document in which an object has a key twice, in time linear in its length.

    Malformed documents pass: the decoder explains them. Check the depth before.

    Args:
        content: JSON in UTF-8.

    Raises:
        BadRequest: an object has a key twice.
    """
    try:
        # Numbers stay text: they are not looked at, and a long one would cost time.
        json.loads(content, object_pairs_hook=_check_object, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return


def _check_object(pairs: list[tuple[str, object]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise BadRequest("The body has a JSON object with a key that occurs twice.")

"""The key of a call: its arguments, with their types, in an encoding that no other call has.

Positional and named arguments and defaults are brought into one order first, so ``f(1)`` and ``f(x=1)`` are one call.
``1``, ``1.0``, ``True`` and ``"1"`` are four, and so are a UUID and its text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from inspect import Signature
from typing import Final

import msgspec

from costrel.errors import Mistake, ProgrammerError
from costrel.layers.cached_shelf import hashed

__all__ = ["compile_arguments_key"]

MAX_DEPTH: Final = 32

_PLAIN: Final = (str, int, bool, type(None))
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


def compile_arguments_key(
    name: str, signature: Signature, key: Callable[..., str] | None
) -> Callable[[tuple[object, ...], Mapping[str, object]], str]:
    """Return what makes the key of a call.

    Args:
        name: module and name of the function.
        signature: its parameters.
        key: makes text of the arguments in the place of their encoding; it is called like the function.
    """
    place = name.encode()

    def key_of(args: tuple[object, ...], kwargs: Mapping[str, object]) -> str:
        if key is not None:
            text: object = key(*args, **kwargs)
            if not isinstance(text, str):
                raise TypeError(f"`key` of `{name}` returned `{type(text).__name__}`, not `str`")
            return f"costrel.cache.call.{hashed(place, b'key', text.encode())}"
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        try:
            encoded = _encode([_typed(value, 0) for value in bound.arguments.values()])
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise _no_key(name, error) from error
        return f"costrel.cache.call.{hashed(place, b'arguments', encoded)}"

    return key_of


def _typed(value: object, depth: int) -> object:
    """Return a value for JSON that tells its type."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if depth >= MAX_DEPTH:
        raise ValueError(f"it is more than {MAX_DEPTH} levels deep")
    if isinstance(value, float):
        return [kind.__name__, repr(value)] if not math.isfinite(value) or kind is not float else value
    name = f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(value, list | tuple):
        return [name, [_typed(item, depth + 1) for item in value]]
    if isinstance(value, set | frozenset):
        return [name, sorted(_encode(_typed(item, depth + 1)).decode() for item in value)]
    if isinstance(value, Mapping):
        pairs = [[_typed(key, depth + 1), _typed(item, depth + 1)] for key, item in value.items()]
        return [name, sorted(_encode(pair).decode() for pair in pairs)]
    return [name, msgspec.to_builtins(value, order="deterministic")]


def _no_key(name: str, error: Exception) -> ProgrammerError:
    return ProgrammerError(
        Mistake(
            "COS-LAYERS-043",
            f"A call of the cached function `{name}` has no key: {error}.",
            why="The key is made of the arguments, so each of them must be a value that JSON has a form for.",
            fix="@cached(60, key=lambda user, page: f'{user.id}:{page}')",
        )
    )

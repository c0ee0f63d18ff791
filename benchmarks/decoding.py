"""What it costs to read values: scalars from text, bodies from JSON, and the errors of what does not fit.

`scalars` compares the readers for plain types with what constrained ones need, `bodies` a typed body with msgspec
alone, `errors` shows that collecting every error of a large body stays in proportion. Run it with
``python benchmarks/decoding.py``; it takes a few seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import Annotated

import msgspec

from costrel.errors import ValidationFailed
from costrel.handling.decoding import body_decoder, scalar_decoder

ROUNDS = 7


class Item(msgspec.Struct):
    """One line of an order."""

    sku: str
    quantity: int


class Order(msgspec.Struct):
    """A body of about a kibibyte."""

    id: int
    items: list[Item]


class Tree(msgspec.Struct):
    """A class that contains itself."""

    value: int
    children: list[Tree] = []


def best(call: Callable[[], object], count: int) -> float:
    """Return the least nanoseconds of a call."""
    least = float("inf")
    for _ in range(ROUNDS):
        start = perf_counter()
        for _ in range(count):
            call()
        least = min(least, (perf_counter() - start) / count * 1e9)
    return least


def scalars() -> None:
    """Measure one parameter from its text."""
    positive = Annotated[int, msgspec.Meta(ge=0)]
    for name, annotation, text in (
        ("int", int, "42"),
        ("int, constrained", positive, "42"),
        ("float", float, "1.5"),
        ("bool", bool, "true"),
        ("str", str, "text"),
        ("int | None", int | None, "42"),
    ):
        decode = scalar_decoder(annotation, "query", "value")
        print(f"scalars  {name:<24} {best(partial(decode, text), 20_000):10.0f} ns")


def bodies() -> None:
    """Measure a body of one kibibyte."""
    content = msgspec.json.encode(Order(1, [Item(f"sku-{number}", number) for number in range(35)]))
    alone = msgspec.json.Decoder(Order).decode
    for name, decode in (
        ("msgspec alone", alone),
        ("Order", body_decoder(Order, max_json_depth=64).decode),
        ("dict, untyped", body_decoder(dict, max_json_depth=64).decode),
    ):
        print(f"bodies   {name:<24} {best(partial(decode, content), 3000):10.0f} ns   {len(content)} bytes")


def refuse(decode: Callable[[bytes], object], content: bytes) -> None:
    """Decode a body that is wrong."""
    with suppress(ValidationFailed):
        decode(content)


def errors() -> None:
    """Measure bodies of about a mebibyte whose last member is wrong."""
    members = b'{"sku":"a","quantity":1},' * 40_000
    leaves = b'{"value":1},' * 80_000
    deep = b'{"value":1,"children":[' * 30 + leaves + b'{"value":"x"}' + b"]}" * 30
    for name, type_, content in (
        ("one of 40,000 items", Order, b'{"id":1,"items":[' + members + b'{"sku":1,"quantity":1}]}'),
        ("one of 80,000 leaves", Tree, b'{"value":1,"children":[' + leaves + b'{"value":"x"}]}'),
        ("the same 31 levels down", Tree, deep),
        ("every item", Order, b'{"id":1,"items":[' + b"5," * 500_000 + b"5]}"),
    ):
        decoder = body_decoder(type_, max_json_depth=64)
        milliseconds = best(partial(refuse, decoder.decode, content), 1) / 1e6
        print(f"errors   {name:<24} {milliseconds:10.1f} ms   {len(content)} bytes")


if __name__ == "__main__":
    scalars()
    bodies()
    errors()

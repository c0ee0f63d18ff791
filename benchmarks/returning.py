"""What it costs to declare the return type: a thousand rows against bytes written by hand.

`rows` is the claim: a handler that declares ``-> list[Row]`` and returns its rows costs at most 15 % more than one that
encodes them itself and returns the bytes. `item_check` compares ways to look at the types of the rows, `small` gives
the nanoseconds of the common values. Run it with ``python benchmarks/returning.py``; it takes a few seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import countOf
from time import perf_counter

import msgspec

from costrel.handling.returning import UNANNOTATED, response_maker

ROUNDS = 15


class Row(msgspec.Struct):
    """Something as it comes from a database."""

    id: int
    name: str
    email: str
    price: float
    is_active: bool


class Account(Row):
    """A row with a field that must not leave."""

    password: str = "secret"


ROWS = [Row(number, f"name {number}", f"user{number}@example.com", number * 1.5, True) for number in range(1000)]
DICTS = [{**msgspec.to_builtins(row), "password": "secret"} for row in ROWS]


def best(calls: dict[str, Callable[[], object]], count: int) -> dict[str, float]:
    """Return the least nanoseconds of each call, all of them in turns so that noise hits them alike."""
    least = dict.fromkeys(calls, float("inf"))
    for _ in range(ROUNDS):
        for name, call in calls.items():
            start = perf_counter()
            for _ in range(count):
                call()
            least[name] = min(least[name], (perf_counter() - start) / count * 1e9)
    return least


def rows() -> None:
    """Compare a declared list of a thousand rows with bytes that the handler has encoded."""
    encode = msgspec.json.Encoder().encode
    by_hand = response_maker(bytes, media_type="application/json").make
    declared = response_maker(list[Row]).make
    by_value = response_maker().make
    times = best(
        {
            "bytes by hand": lambda: by_hand(encode(ROWS)),
            "declared list[Row]": lambda: declared(ROWS),
            "not declared": lambda: by_value(ROWS),
            "dicts for list[Row]": lambda: declared(DICTS),
        },
        count=60,
    )
    floor = times["bytes by hand"]
    for name, nanoseconds in times.items():
        print(f"rows        {name:<22} {nanoseconds / 1000:8.1f} µs   {nanoseconds / floor - 1:+7.1%}")


def item_check() -> None:
    """Compare ways to see that every row is of one class."""
    only = frozenset({Row})
    times = best(
        {
            "countOf": lambda: countOf(map(type, ROWS), Row) == len(ROWS),
            "a set of the types": lambda: only.issuperset(map(type, ROWS)),
            "a loop": lambda: all(type(row) is Row for row in ROWS),
        },
        count=100,
    )
    for name, nanoseconds in times.items():
        print(f"item_check  {name:<22} {nanoseconds / len(ROWS):8.1f} ns an item")


def small() -> None:
    """Measure the values that most handlers return."""
    row = ROWS[0]
    cases: list[tuple[str, object, object]] = [
        ("-> str", str, "<h1>Hello</h1>"),
        ("-> dict", dict, {"id": 1}),
        ("-> Row", Row, row),
        ("-> Row | None", Row | None, row),
        ("-> None", None, None),
        ("str, not declared", UNANNOTATED, "<h1>Hello</h1>"),
        ("dict, not declared", UNANNOTATED, {"id": 1}),
    ]
    calls: dict[str, Callable[[], object]] = {}
    for name, annotation, value in cases:
        calls[name] = partial(response_maker(annotation).make, value)
    for name, nanoseconds in best(calls, count=5000).items():
        print(f"small       {name:<22} {nanoseconds:8.0f} ns")


if __name__ == "__main__":
    rows()
    item_check()
    small()

from __future__ import annotations

import asyncio
import enum
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pydantic
import pytest

from costrel.app import App, current_app, has_request_context
from costrel.errors import ConfigurationError, ProgrammerError
from costrel.layers import CacheStats, StillComputing, cached
from costrel.stores import FileStore, MemoryStore

HEX = "00000000-0000-0000-0000-000000000001"


class Clock:
    """Seconds since the epoch that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Point:
    """A data class."""

    x: int
    on: date


class Order(msgspec.Struct):
    """A Struct."""

    price: Decimal


class Model(pydantic.BaseModel):
    """A model of pydantic."""

    name: str


class Colour(enum.Enum):
    """A choice."""

    RED = "red"


@pytest.mark.capability("C144")
def test_a_hundred_calls_at_once_are_one_computation() -> None:
    """All get an equal result, and none can change that of another."""
    count = 0

    @cached(60)
    async def report(month: str) -> list[str]:
        nonlocal count
        count += 1
        await asyncio.sleep(0)
        return [month]

    async def scenario() -> list[list[str]]:
        return await asyncio.gather(*(report("may") for _ in range(100)))

    results = asyncio.run(scenario())
    results[0].append("changed")

    assert (1, 99) == (count, results.count(["may"]))
    assert CacheStats(misses=100, stored=1) == report.cache.stats


@pytest.mark.capability("C144")
def test_a_hundred_threads_at_once_are_one_computation() -> None:
    """A function written as `def` is called from threads."""
    count, barrier = 0, threading.Barrier(30)

    @cached(60)
    def report(month: str) -> tuple[str, int]:
        nonlocal count
        count += 1
        return month, threading.get_ident()

    def call(_: int) -> tuple[str, int]:
        barrier.wait()
        return report("may")

    with ThreadPoolExecutor(30) as threads:
        results = set(threads.map(call, range(30)))

    assert (1, 1) == (count, len(results))
    assert threading.get_ident() not in results.pop()


@pytest.mark.capability("C143")
@pytest.mark.parametrize("kind", ["memory", "file"])
@pytest.mark.parametrize("is_blocking", [False, True], ids=["async", "blocking"])
def test_results_are_kept_in_any_store(kind: str, is_blocking: bool, tmp_path: Path) -> None:
    """`drop` forgets one, `clear` all of the function, `purge` those of a tag; another function keeps its own."""
    store = MemoryStore() if kind == "memory" else FileStore(tmp_path)
    count = 0

    def counted() -> int:
        nonlocal count
        count += 1
        return count

    @cached(60, store=store, tags=("numbers",))
    async def number(of: int) -> int:
        return counted()

    @cached(60, store=store, tags=("numbers",))
    def blocking_number(of: int) -> int:
        return counted()

    async def scenario() -> list[int]:
        seen = [await number(1), await number(2), await number(1)]
        assert [True, False] == [await number.cache.drop(1), await number.cache.drop(of=1)]
        seen += [await number(1), await number(2)]
        await number.cache.clear()
        seen += [await number(1), await number(2)]
        await number.cache.purge("numbers")
        return [*seen, await number(1)]

    def blocking_scenario() -> list[int]:
        seen = [blocking_number(1), blocking_number(2), blocking_number(1)]
        cache = blocking_number.cache.blocking
        assert [True, False] == [cache.drop(1), cache.drop(of=1)]
        seen += [blocking_number(1), blocking_number(2)]
        cache.clear()
        seen += [blocking_number(1), blocking_number(2)]
        cache.purge("numbers")
        return [*seen, blocking_number(1)]

    assert [1, 2, 1, 3, 2, 4, 5, 6] == (blocking_scenario() if is_blocking else asyncio.run(scenario()))


@pytest.mark.capability("C144")
@pytest.mark.parametrize("is_blocking", [False, True], ids=["async", "blocking"])
def test_an_old_result_is_given_while_a_new_one_is_computed(is_blocking: bool) -> None:
    """Nobody waits for it."""
    clock, count, computed = Clock(), 0, threading.Event()

    def counted() -> int:
        nonlocal count
        count += 1
        if count == 2:
            computed.set()
        return count

    @cached(60, stale_seconds=30, clock=clock)
    async def number() -> int:
        return counted()

    @cached(60, stale_seconds=30, clock=clock)
    def blocking_number() -> int:
        return counted()

    async def scenario() -> list[int]:
        seen = [await number()]
        clock.now += 70
        seen += await asyncio.gather(*(number() for _ in range(20)))
        while number.cache.stats.stored != 2:
            await asyncio.sleep(0)
        return [*seen, await number()]

    def blocking_scenario() -> list[int]:
        seen = [blocking_number()]
        clock.now += 70
        seen += [blocking_number()]
        assert computed.wait(5)
        while blocking_number.cache.stats.stored != 2:
            computed.wait(0.001)
        return [*seen, *[1] * 19, blocking_number()]

    assert [*[1] * 21, 2] == (blocking_scenario() if is_blocking else asyncio.run(scenario()))
    clock.now += 200
    assert 3 == (blocking_number() if is_blocking else asyncio.run(_call(number)))


async def _call(function: Callable[[], Any]) -> Any:
    return await function()


@pytest.mark.parametrize("is_blocking", [False, True], ids=["async", "blocking"])
def test_a_computation_that_takes_too_long_goes_on(is_blocking: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Callers get a 503 with a time to come back, and later the result of that same computation."""
    count, gate = 0, threading.Event()

    @cached(60, generate_timeout_seconds=0.005)
    async def slow() -> int:
        nonlocal count
        count += 1
        await asyncio.to_thread(gate.wait)
        return count

    @cached(60, generate_timeout_seconds=0.005)
    def blocking_slow() -> int:
        nonlocal count
        count += 1
        gate.wait()
        return count

    async def scenario() -> int:
        for _ in range(2):
            with pytest.raises(StillComputing) as caught:
                await slow()
        assert (503, "1") == (caught.value.status_code, dict(caught.value.headers)["Retry-After"])
        gate.set()
        while not slow.cache.stats.stored:
            await asyncio.sleep(0.001)
        return await slow()

    def blocking_scenario() -> int:
        for _ in range(2):
            with pytest.raises(StillComputing):
                blocking_slow()
        gate.set()
        while not blocking_slow.cache.stats.stored:
            threading.Event().wait(0.001)
        return blocking_slow()

    assert (1, 1) == (blocking_scenario() if is_blocking else asyncio.run(scenario()), count)
    assert {"cached_function_slow"} == {record.getMessage().split()[0] for record in caplog.records}


@pytest.mark.parametrize("is_blocking", [False, True], ids=["async", "blocking"])
def test_a_failure_is_that_of_all_who_wait_and_is_not_kept(is_blocking: bool) -> None:
    """The next call computes again."""
    count = 0

    def fail_first() -> int:
        nonlocal count
        count += 1
        if count == 1:
            raise LookupError("no")
        return count

    @cached(60)
    async def number() -> int:
        await asyncio.sleep(0)
        return fail_first()

    @cached(60)
    def blocking_number() -> int:
        return fail_first()

    async def scenario() -> int:
        results = await asyncio.gather(*(number() for _ in range(3)), return_exceptions=True)
        assert [LookupError] * 3 == [type(result) for result in results]
        return await number()

    if is_blocking:
        with pytest.raises(LookupError):
            blocking_number()
    assert 2 == (blocking_number() if is_blocking else asyncio.run(scenario()))


def test_a_refresh_that_fails_is_logged_and_leaves_the_old_result(caplog: pytest.LogCaptureFixture) -> None:
    """It is given until its time is over."""
    clock, count = Clock(), 0

    @cached(60, stale_seconds=30, clock=clock)
    async def number() -> float:
        nonlocal count
        count += 1
        return 1 / (2 - count)

    async def scenario() -> list[float]:
        seen = [await number()]
        clock.now += 70
        seen.append(await number())
        while not caplog.records:
            await asyncio.sleep(0)
        return [*seen, await number()]

    with caplog.at_level(logging.ERROR, "costrel.cache"):
        assert [1.0, 1.0, 1.0] == asyncio.run(scenario())
    assert "cached_function_failed" in caplog.text


def test_a_caller_that_goes_away_takes_nothing_from_the_others() -> None:
    """Nobody computes in the task of a caller."""
    count = 0

    async def scenario() -> list[object]:
        gate = asyncio.Event()

        @cached(60)
        async def number() -> int:
            nonlocal count
            count += 1
            await gate.wait()
            return count

        tasks = [asyncio.create_task(number()) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(scenario())

    assert ([asyncio.CancelledError, int, int], 1) == ([type(result) for result in results], count)


def test_a_purge_reaches_what_is_being_computed() -> None:
    """Whoever asks after it gets what was computed after it."""

    async def scenario() -> list[int]:
        gate, count = asyncio.Event(), 0

        @cached(60, tags=["numbers"])
        async def number() -> int:
            nonlocal count
            count += 1
            made = count
            if made == 1:
                await gate.wait()
            return made

        before = asyncio.create_task(number())
        await asyncio.sleep(0.002)
        await number.cache.purge("numbers")
        after = await number()
        gate.set()
        return [await before, after, await number()]

    assert [1, 2, 2] == asyncio.run(scenario())


@pytest.mark.security("F7")
def test_a_result_is_computed_outside_of_the_request_that_asked() -> None:
    """What it took from one client, others would get."""
    app, seen = App("test"), []

    @cached(60)
    async def report() -> str:
        seen.append(has_request_context())
        return "report"

    @cached(60)
    def blocking_report() -> str:
        seen.append(has_request_context())
        return "report"

    @app.get("/")
    async def page() -> str:
        return await report() + current_app.name

    @app.get("/blocking")
    def blocking_page() -> str:
        return blocking_report() + current_app.name

    with app.test_client() as client:
        assert ["reporttest", "reporttest"] == [client.get(path).text for path in ("/", "/blocking")]
    assert [False, False] == seen


def test_one_cached_function_may_call_another() -> None:
    """However many wait for each other."""

    @cached(60)
    def fibonacci(n: int) -> int:
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    assert 6765 == fibonacci(20)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param((1,), (1,), True, id="the-same"),
        pytest.param((1,), (2,), False, id="another"),
        pytest.param((1,), ("1",), False, id="number-and-text"),
        pytest.param((1,), (1.0,), False, id="integer-and-float"),
        pytest.param((1,), (True,), False, id="integer-and-bool"),
        pytest.param((None,), (float("nan"),), False, id="none-and-nan"),
        pytest.param((float("inf"),), (float("-inf"),), False, id="infinities"),
        pytest.param((None,), ("null",), False, id="none-and-text"),
        pytest.param((UUID(HEX),), (HEX,), False, id="uuid-and-text"),
        pytest.param((Decimal("1.0"),), ("1.0",), False, id="decimal-and-text"),
        pytest.param(([1, 2],), ((1, 2),), False, id="list-and-tuple"),
        pytest.param(([[1], 2],), ([[1, 2]],), False, id="nested"),
        pytest.param(({"a": 1, "b": 2},), ({"b": 2, "a": 1},), True, id="order-of-a-dict"),
        pytest.param(({1: "a"},), ({"1": "a"},), False, id="types-of-keys"),
        pytest.param(({1, 2, 3},), ({3, 2, 1},), True, id="order-of-a-set"),
        pytest.param((Point(1, date(2026, 1, 1)),), (Point(1, date(2026, 1, 1)),), True, id="data-class"),
        pytest.param((Point(1, date(2026, 1, 1)),), (Point(1, date(2026, 1, 2)),), False, id="another-data-class"),
        pytest.param((Order(Decimal(1)),), ({"price": "1"},), False, id="struct-and-dict"),
        pytest.param((Colour.RED,), ("red",), False, id="choice-and-text"),
        pytest.param(("a", "b"), ("a,b",), False, id="a-comma"),
    ],
)
def test_calls_are_told_apart_by_their_arguments(one: tuple[Any, ...], other: tuple[Any, ...], expected: bool) -> None:
    """Two calls are one only if no argument differs in value or type."""
    count = 0

    @cached(60)
    async def number(a: object, b: object = None) -> int:
        nonlocal count
        count += 1
        return count

    async def scenario() -> bool:
        return await number(*one) == await number(*other)

    assert expected is asyncio.run(scenario())


def test_names_and_defaults_make_no_difference() -> None:
    """It is one call however it is written, and `key` may say which arguments count."""

    @cached(60)
    async def number(a: int, b: int = 2, *rest: int, c: int = 3, **more: int) -> int:
        return a

    @cached(60, key=lambda a, b: str(a))
    async def keyed(a: int, b: object) -> int:
        return a

    async def scenario() -> None:
        for call in (number(1), number(1, 2), number(a=1, b=2), number(1, c=3)):
            await call
        await number(1, d=1)
        await keyed(1, object())
        await keyed(1, object())

    asyncio.run(scenario())

    assert (3, 2) == (number.cache.stats.hits, number.cache.stats.misses)
    assert 1 == keyed.cache.stats.hits


@pytest.mark.parametrize("value", [object(), [object()], {"a": threading.Lock()}], ids=["object", "list", "dict"])
def test_an_argument_that_has_no_form_in_json_is_a_mistake(value: object) -> None:
    """The message says which function, and to give a key."""

    @cached(60)
    async def number(a: object) -> int:
        return 1

    with pytest.raises(ProgrammerError) as caught:
        asyncio.run(_call(lambda: number(value)))

    assert "COS-LAYERS-043" == caught.value.code
    assert ".number` has no key" in str(caught.value)


def test_an_argument_that_holds_itself_is_a_mistake() -> None:
    """It would never end."""
    loop: list[object] = []
    loop.append(loop)

    @cached(60)
    async def number(a: object) -> int:
        return 1

    with pytest.raises(ProgrammerError, match="levels deep"):
        asyncio.run(_call(lambda: number(loop)))


def test_results_are_read_by_the_annotation() -> None:
    """The first caller gets what all others get."""

    @cached(60)
    async def point() -> Point:
        return Point(1, date(2026, 1, 1))

    @cached(60)
    async def orders() -> dict[str, Order | None]:
        return {"a": Order(Decimal("1.50")), "b": None}

    @cached(60)
    async def model() -> Model:
        return Model(name="a")

    @cached(60)
    async def anything() -> Any:
        return (1, 2)

    @cached(60, encode=lambda value: value, decode=bytes)
    async def raw():
        return b"\x00\xff"

    async def scenario() -> list[object]:
        functions: list[Any] = [point, orders, model, anything, raw]
        first = [await function() for function in functions]
        assert first == [await function() for function in functions]
        return first

    assert [
        Point(1, date(2026, 1, 1)),
        {"a": Order(Decimal("1.50")), "b": None},
        Model(name="a"),
        [1, 2],
        b"\x00\xff",
    ] == asyncio.run(scenario())


@cached(60)
async def of_a_class_below() -> Below:
    """Its annotation names what comes further down."""
    return Below("a")


@dataclass
class Below:
    """Comes after the function that returns it."""

    name: str


def test_an_annotation_may_name_what_comes_later() -> None:
    """It is read when it is needed."""

    assert Below("a") == asyncio.run(_call(of_a_class_below))


def test_a_method_is_a_function_with_one_more_argument() -> None:
    """What it belongs to is part of the key, so that must have a form in JSON too."""

    @dataclass
    class Shop:
        name: str

        @cached(60)
        async def title(self) -> str:
            return self.name

    async def scenario() -> list[str]:
        return [await Shop("a").title(), await Shop("b").title(), await Shop("a").title()]

    assert ["a", "b", "a"] == asyncio.run(scenario())
    assert 1 == Shop.title.cache.stats.hits


def no_annotation():
    return 1


def wrong_annotation() -> list[threading.Thread]:
    raise NotImplementedError


def two_wrong_annotations() -> threading.Thread | threading.Event:
    raise NotImplementedError


def generator() -> Iterator[int]:
    yield 1


async def async_generator() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        pytest.param(no_annotation, "COS-LAYERS-041", id="no-annotation"),
        pytest.param(wrong_annotation, "COS-LAYERS-042", id="nothing-of-json"),
        pytest.param(two_wrong_annotations, "COS-LAYERS-042", id="two-that-are-nothing-of-json"),
        pytest.param(generator, "COS-LAYERS-044", id="generator"),
        pytest.param(async_generator, "COS-LAYERS-044", id="async-generator"),
        pytest.param(Point, "COS-LAYERS-044", id="class"),
        pytest.param(staticmethod(no_annotation), "COS-LAYERS-044", id="staticmethod"),
    ],
)
def test_a_function_whose_results_cannot_be_kept_is_refused(function: Any, expected: str) -> None:
    """A mistake shows when the decorator is written."""
    with pytest.raises(ConfigurationError) as caught:
        cached(60)(function)

    assert expected == caught.value.code


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"seconds": 0}, id="no-time"),
        pytest.param({"stale_seconds": -1}, id="stale"),
        pytest.param({"generate_timeout_seconds": 0}, id="timeout"),
        pytest.param({"wait_seconds": float("nan")}, id="wait"),
        pytest.param({"tags": "users"}, id="tags-text"),
        pytest.param({"encode": repr}, id="encode-alone"),
        pytest.param({"decode": bytes}, id="decode-alone"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(options: dict[str, Any]) -> None:
    """Before there is a function."""
    with pytest.raises(ConfigurationError) as caught:
        cached(**{"seconds": 60, **options})

    assert "COS-LAYERS-001" == caught.value.code


def test_a_key_that_is_no_text_is_a_mistake() -> None:
    """It would be another key each time."""

    @cached(60, key=lambda: 1)
    async def number() -> int:
        return 1

    with pytest.raises(TypeError, match="returned `int`"):
        asyncio.run(_call(number))

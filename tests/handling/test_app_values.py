"""Values with the lifetime of the application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from costrel.errors import BuildError
from costrel.handling import Provider, ProviderTable, check_app_providers, start_app_providers


class Engine:
    pass


class Pool:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine


class Cache:
    pass


def test_app_values_are_made_once_in_order_and_end_in_reverse(kit: Any) -> None:
    """Each is made after what it needs, given to every request, and ended at the stop."""
    log: list[str] = []

    async def make_engine() -> AsyncIterator[Engine]:
        log.append("engine")
        yield Engine()
        log.append("engine ends")

    def make_cache(pool: Pool) -> Iterator[Cache]:
        log.append("cache")
        yield Cache()
        log.append("cache ends")

    table = ProviderTable(
        [Provider(Cache, make_cache, "app"), Provider(Pool, Pool, "app"), Provider(Engine, make_engine, "app")]
    )
    seen: list[object] = []

    async def handler(pool: Pool, engine: Engine) -> str:
        seen.append((id(pool), pool.engine is engine))
        return "x"

    endpoint = kit.compile(handler, providers=table)

    async def main(client: Any) -> None:
        values = await start_app_providers(table, client.loop_state)
        for _ in range(2):
            await client.call(endpoint)
        await values.aclose()
        assert {} == client.loop_state.values

    kit.run(main)

    assert ["engine", "cache", "cache ends", "engine ends"] == log
    assert 1 == len(set(seen))
    assert seen[0][1]


def test_a_start_that_fails_ends_what_was_made(kit: Any) -> None:
    """A provider that raises at start-up rolls back those before it."""
    log: list[str] = []

    def make_engine() -> Iterator[Engine]:
        try:
            yield Engine()
        except LookupError:
            log.append("rolled back")
            raise

    def make_pool(engine: Engine) -> Pool:
        raise LookupError

    table = ProviderTable([Provider(Engine, make_engine, "app"), Provider(Pool, make_pool, "app")])

    async def main(client: Any) -> None:
        with pytest.raises(LookupError):
            await start_app_providers(table, client.loop_state)

    kit.run(main)

    assert ["rolled back"] == log


def test_a_value_that_was_not_made_is_explained(kit: Any) -> None:
    """A request before the start of the application gets an error with a code."""

    async def handler(engine: Engine) -> str:
        return "x"

    answer = kit.call(handler, providers=ProviderTable([Provider(Engine, Engine, "app")]))

    assert "ProgrammerError" == answer.json()["detail"]


def needs_request(page: int) -> Engine:
    return Engine()


def needs_pool(pool: Pool) -> Engine:
    return Engine()


MISTAKES = [
    pytest.param([Provider(Engine, needs_request, "app")], ["COS-HANDLER-015"], id="value-of-a-request"),
    pytest.param([Provider(Pool, Pool, "app"), Provider(Engine, needs_pool, "app")], ["COS-HANDLER-007"], id="cycle"),
    pytest.param(
        [Provider(Engine, Engine), Provider(Pool, Pool, "app")], ["COS-HANDLER-015"], id="value-that-ends-earlier"
    ),
]


@pytest.mark.parametrize(("providers", "expected"), MISTAKES)
def test_app_providers_are_checked(kit: Any, providers: list[Provider], expected: list[str]) -> None:
    """What cannot be made at start-up is a mistake, found without starting."""
    table = ProviderTable(providers)

    assert expected == [mistake.code for mistake in check_app_providers(table)]

    async def main(client: Any) -> None:
        with pytest.raises(BuildError):
            await start_app_providers(table, client.loop_state)

    kit.run(main)


def test_overrides_hide_providers(kit: Any) -> None:
    """A table with overrides makes other values and keeps the lifetimes."""

    class Fake(Engine):
        pass

    table = ProviderTable([Provider(Engine, Engine)])
    blueprint = ProviderTable([Provider(Cache, Cache)], table)
    overridden = blueprint.with_overrides({Engine: Fake})

    async def handler(engine: Engine, cache: Cache) -> str:
        return type(engine).__name__

    assert b"Engine" == kit.call(handler, providers=blueprint).body
    assert b"Fake" == kit.call(handler, providers=overridden).body
    assert {Engine, Cache} == {provider.type for provider in overridden}


def test_an_optional_parameter_finds_its_provider() -> None:
    """`X | None` and `Annotated[X, …]` find the provider for `X`; their own comes first."""
    from typing import Annotated

    plain, replica = Provider(Engine, Engine), Provider(Annotated[Engine, "replica"], Engine)
    table = ProviderTable([plain, replica])

    assert (plain, plain, replica, plain, None) == tuple(
        map(
            table.find,
            [Engine, Engine | None, Annotated[Engine, "replica"], Annotated[Engine, "other"], Annotated[int, []]],
        )
    )

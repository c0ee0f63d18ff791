"""What ten providers cost a request: the claim is less than 3 µs for ten that do nothing.

Run it with ``python benchmarks/providers.py``; it prints nanoseconds a request, the best of seven rounds. Quote
differences and ratios of one run, never the absolute times.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any, cast

from costrel.handling import HookSpec, Provider, ProviderTable, RouteSpec, compile_endpoint
from costrel.messages import Dispatch, Exchange, Request, Response

REQUEST_COUNT = 10_000
ROUNDS = 7


async def convert(request: Request, error: Exception) -> Response:
    """Fail loudly: nothing may go wrong in a benchmark."""
    raise error


def compile_handler(handler: Callable[..., Any], path: str = "/", **options: Any) -> Dispatch:
    """Compile a route without an app."""
    names = ("id",) if "{id}" in path else ()
    endpoint, mistakes = compile_endpoint(
        RouteSpec(handler, path, frozenset({"GET"}), "route", names, "here", convert, **options)
    )
    if endpoint is None:
        raise SystemExit("\n".join(map(str, mistakes)))
    return endpoint.dispatch


def measure(dispatch: Dispatch, path_params: dict[str, object] | None = None) -> float:
    """Return nanoseconds a request, driven without a loop."""
    exchange = cast("Exchange", SimpleNamespace())
    best = float("inf")
    for _ in range(ROUNDS):
        requests = [Request("GET", "/", b"/", b"", [], exchange) for _ in range(REQUEST_COUNT)]
        if path_params is not None:
            for request in requests:
                request.path_params = path_params
        started = time.perf_counter()
        for request in requests:
            try:
                cast("Any", dispatch(request)).send(None)
            except StopIteration:
                continue
        best = min(best, time.perf_counter() - started)
    return best / REQUEST_COUNT * 1e9


class Service:
    """What the providers make."""


def handler_with(count: int, factory_of: Callable[[], Callable[..., Any]]) -> tuple[Callable[..., Any], ProviderTable]:
    """Make a handler with `count` parameters of as many types, and their providers."""
    types = [type(f"Service{index}", (Service,), {}) for index in range(count)]

    namespace: dict[str, Any] = {}
    names = ", ".join(f"service_{index}" for index in range(count))
    exec(f"async def made({names}):\n    return 'hello'", namespace)
    made = namespace["made"]
    made.__annotations__ = {**{f"service_{index}": type_ for index, type_ in enumerate(types)}, "return": str}
    return made, ProviderTable([Provider(type_, factory_of()) for type_ in types])


def make_async() -> Callable[..., Any]:
    """Make an async factory."""

    async def factory() -> Service:
        return SERVICE

    return factory


def make_async_with_exit() -> Callable[..., Any]:
    """Make an async factory with an exit."""

    async def factory() -> AsyncIterator[Service]:
        yield SERVICE

    return factory


SERVICE = Service()


async def hello() -> str:
    """Answer with text."""
    return "hello"


async def user(id: int) -> dict[str, int]:
    """Answer with JSON."""
    return {"id": id}


async def layer(request: Request, call_next: Dispatch) -> Response:
    """Do nothing."""
    return await call_next(request)


async def before() -> None:
    """Do nothing."""


async def after(response: Response) -> Response:
    """Do nothing."""
    return response


def main() -> None:
    """Print the table."""
    base = measure(compile_handler(hello))
    print(f"{'hello() -> str':34}{base:8.0f} ns")
    print(f"{'user(id: int)':34}{measure(compile_handler(user, '/{id}'), {'id': 42}):8.0f} ns")
    for name, factory_of in (
        ("10 classes", lambda: Service),
        ("10 async providers", make_async),
        ("10 async providers with exit", make_async_with_exit),
    ):
        handler, table = handler_with(10, factory_of)
        print(f"{name:34}{measure(compile_handler(handler, providers=table)) - base:+8.0f} ns")
    print(f"{'one layer':34}{(measure(compile_handler(hello, layers=(layer,) * 5)) - base) / 5:+8.0f} ns")
    print(
        f"{'one before hook':34}{(measure(compile_handler(hello, before=(HookSpec(before),) * 5)) - base) / 5:+8.0f} ns"
    )
    print(f"{'one after hook':34}{(measure(compile_handler(hello, after=(HookSpec(after),) * 5)) - base) / 5:+8.0f} ns")


if __name__ == "__main__":
    main()

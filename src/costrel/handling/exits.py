"""Entering and leaving one generator of a provider: the part before its ``yield`` and the part after.

An exit sees the exception that ends the request, raised at its ``yield``. It may raise another one in its place; it
cannot swallow it, because there would be no value to answer with. So every function here returns the exception that is
in force afterwards. None of them leaves a frame that refers to its own exception. In which order and where exits run is
in `scope`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, cast

from costrel.errors import Mistake, ProgrammerError
from costrel.handling.signature import name_of, where_of

__all__ = [
    "AsyncExit",
    "SyncExit",
    "exit_async_generator",
    "exit_generator",
    "start_async_generator",
    "start_generator",
]

SyncExit = Generator[Any, None, None]
AsyncExit = AsyncGenerator[Any, None]


def start_generator(generator: object, factory: Callable[..., object]) -> object:
    """Run a generator to its ``yield`` and return the value.

    Raises:
        ProgrammerError: it ended without a ``yield``.
    """
    try:
        return next(cast("SyncExit", generator))
    except StopIteration:
        pass
    raise _no_yield(factory)


async def start_async_generator(generator: object, factory: Callable[..., object]) -> object:
    """Run an async generator to its ``yield`` and return the value; raises as `start_generator` does."""
    try:
        return await anext(cast("AsyncExit", generator))
    except StopAsyncIteration:
        pass
    raise _no_yield(factory)


def exit_generator(
    generator: SyncExit, failure: BaseException | None, factory: Callable[..., object]
) -> BaseException | None:
    """Run the part after the ``yield`` and return the exception that is in force afterwards.

    Args:
        generator: it has been started.
        failure: what ends the request, `None` when it succeeded.
        factory: its function, for messages.
    """
    traceback = failure.__traceback__ if failure is not None else None
    try:
        if failure is None:
            next(generator)
        else:
            generator.throw(failure)
    except StopIteration:
        return failure
    except BaseException as raised:
        if raised is failure:
            raised.__traceback__ = traceback
        return raised
    try:
        generator.close()
    except BaseException as raised:
        return raised
    return failure or _two_yields(factory)


async def exit_async_generator(
    generator: AsyncExit, failure: BaseException | None, factory: Callable[..., object]
) -> BaseException | None:
    """Run the part after the ``yield`` of an async generator; see `exit_generator`."""
    traceback = failure.__traceback__ if failure is not None else None
    try:
        if failure is None:
            await anext(generator)
        else:
            await generator.athrow(failure)
    except StopAsyncIteration:
        return failure
    except BaseException as raised:
        if raised is failure:
            raised.__traceback__ = traceback
        return raised
    try:
        await generator.aclose()
    except BaseException as raised:
        return raised
    return failure or _two_yields(factory)


def _no_yield(factory: Callable[..., object]) -> ProgrammerError:
    return ProgrammerError(
        Mistake(
            "COS-HANDLER-101",
            f"The provider `{name_of(factory)}` ended without a `yield`.",
            where_of(factory),
            why="A generator provider yields its value exactly once; what stands after the `yield` is its exit.",
            fix="Make sure that every way through it reaches the `yield`, or raise an error.",
        )
    )


def _two_yields(factory: Callable[..., object]) -> ProgrammerError:
    return ProgrammerError(
        Mistake(
            "COS-HANDLER-102",
            f"The provider `{name_of(factory)}` has yielded twice.",
            where_of(factory),
            why="A generator provider yields its value exactly once; what stands after the `yield` is its exit.",
            fix="Take the second `yield` away.",
        )
    )

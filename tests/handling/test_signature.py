"""Reading signatures: types, markers, colours."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any

import msgspec
import pytest

from costrel.handling.markers import UNSET, DependsMarker, Query, QueryMarker
from costrel.handling.providers import Provider
from costrel.handling.signature import Colour, name_of, path_annotations, read_signature, strip_optional


def sync(): ...
async def coroutine(): ...
def generator():
    yield


async def async_generator():
    yield


@functools.wraps(coroutine)
def wrapped(*args):
    return coroutine()


@functools.wraps(sync)
async def wrapped_later(*args):
    return sync()


@functools.wraps(wrapped_later)
def wrapped_twice(*args):
    return wrapped_later()


class Thing:
    def method(self): ...


COLOURS = [
    pytest.param(sync, Colour.SYNC, "sync", id="def"),
    pytest.param(coroutine, Colour.ASYNC, "coroutine", id="async-def"),
    pytest.param(generator, Colour.SYNC_GENERATOR, "generator", id="generator"),
    pytest.param(async_generator, Colour.ASYNC_GENERATOR, "async_generator", id="async-generator"),
    pytest.param(wrapped, Colour.MAYBE_ASYNC, "coroutine", id="sync-wrapper-around-async"),
    pytest.param(wrapped_later, Colour.ASYNC, "sync", id="async-wrapper-around-def"),
    pytest.param(wrapped_twice, Colour.MAYBE_ASYNC, "sync", id="sync-wrapper-around-async-wrapper-around-def"),
    pytest.param(Thing, Colour.CLASS, "Thing", id="class"),
    pytest.param(Thing().method, Colour.SYNC, "Thing.method", id="method"),
    pytest.param(functools.partial(coroutine), Colour.ASYNC, "coroutine", id="partial"),
]


@pytest.mark.parametrize(("function", "colour", "name"), COLOURS)
def test_the_colour_decides_how_a_function_is_called(function: Any, colour: Colour, name: str) -> None:
    """Each kind of callable has its colour and its name."""
    signature, mistakes = read_signature(function)

    assert [] == mistakes
    assert (colour, name) == (signature.colour, name_of(function))


def test_annotations_are_taken_apart() -> None:
    """Markers leave the annotation, other metadata stay, and a marker as default is a marker."""
    limit = msgspec.Meta(ge=1)

    def function(a, b: Annotated[int, limit, Query(alias="x")], c: int = Query(3), *, d: str = "d", **rest: int): ...

    namespace = {"limit": limit}
    function.__annotations__ = {"b": Annotated[int, limit, Query(alias="x")], "c": int, "d": str, "rest": int}
    signature, _ = read_signature(function)
    a, b, c, d, rest = signature.parameters

    assert (UNSET, None, UNSET) == (a.annotation, a.marker, a.default)
    assert (Annotated[int, namespace["limit"]], "x") == (b.annotation, b.marker.alias)
    assert (int, QueryMarker(3), 3) == (c.annotation, c.marker, c.default)
    assert ("d", True, False) == (d.default, d.by_keyword, d.is_rest)
    assert rest.is_rest


def test_a_marker_class_stands_for_a_marker() -> None:
    """`Annotated[int, Query]` is `Annotated[int, Query()]`."""

    def function(a): ...

    function.__annotations__ = {"a": Annotated[int, Query]}
    signature, _ = read_signature(function)

    assert QueryMarker() == signature.parameters[0].marker
    assert DependsMarker() == DependsMarker(None, use_cache=True)


def test_names_of_the_enclosing_function_are_known() -> None:
    """A type made inside a function can annotate a handler inside it, if the handler uses it."""

    class Local:
        pass

    def function(a: Local) -> None:
        Local()

    signature, mistakes = read_signature(function)

    assert [] == mistakes
    assert Local is signature.parameters[0].annotation


def test_path_annotations_are_those_of_the_pattern() -> None:
    """Only parameters of the path with a type and without a marker count."""

    def function(a: int, b: Annotated[float, "x"], c, d: str, e: int = Query(1)): ...

    assert {"a": int, "b": float} == path_annotations(function, ["a", "b", "c", "e"])


def test_a_context_manager_function_is_a_generator_provider() -> None:
    """What `contextlib` has wrapped is used as the generator it is."""

    @contextmanager
    def make() -> Iterator[int]:
        yield 1

    @asynccontextmanager
    async def make_async() -> AsyncIterator[int]:
        yield 1

    colours = [read_signature(Provider(int, factory).call)[0].colour for factory in (make, make_async)]

    assert [Colour.SYNC_GENERATOR, Colour.ASYNC_GENERATOR] == colours


@pytest.mark.parametrize(
    ("annotation", "expected"), [(int | None, int), (int, int), (int | str | None, int | str | None)]
)
def test_strip_optional(annotation: object, expected: object) -> None:
    """Only a union of one type with `None` is taken apart."""
    assert expected == strip_optional(annotation)

"""What routes of one build have in common, and when two descriptions are the same."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest

from costrel.handling.sharing import Shared
from costrel.messages import MessageLimits


class Item(msgspec.Struct):
    name: str


class Deceiver:
    """An object that claims to be equal to everything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1

    def act(self) -> None:
        """Be a method."""


POSITIVE = msgspec.Meta(gt=0)
ONE, OTHER = Deceiver(), Deceiver()


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        pytest.param("a", "".join(["a", ""]), True, id="texts"),
        pytest.param(1, 1, True, id="numbers"),
        pytest.param(1, True, False, id="a-number-and-a-bool"),
        pytest.param(1, 1.0, False, id="an-int-and-a-float"),
        pytest.param(0.0, -0.0, False, id="two-zeros"),
        pytest.param(None, None, True, id="none"),
        pytest.param(Item, Item, True, id="a-class"),
        pytest.param(int, bool, False, id="two-classes"),
        pytest.param(list[Item], list[Item], True, id="a-generic-type"),
        pytest.param(list[int], list[bool], False, id="two-generic-types"),
        pytest.param(list[int], tuple[int], False, id="two-containers"),
        pytest.param(int | str, int | str, True, id="a-union"),
        pytest.param(int | str, str | int, False, id="a-union-in-another-order"),
        pytest.param(Literal[1], Literal[True], False, id="two-literals"),
        pytest.param(Annotated[int, POSITIVE], Annotated[int, POSITIVE], True, id="one-constraint"),
        pytest.param(Annotated[int, POSITIVE], Annotated[int, msgspec.Meta(gt=1)], False, id="two-constraints"),
        pytest.param(ONE, ONE, True, id="an-object"),
        pytest.param(ONE, OTHER, False, id="two-objects-that-claim-to-be-equal"),
        pytest.param(ONE.act, ONE.act, True, id="a-method-taken-twice"),
        pytest.param(ONE.act, OTHER.act, False, id="methods-of-two-objects"),
        pytest.param([], [], False, id="two-lists"),
    ],
)
def test_what_is_written_alike_is_made_once(first: object, second: object, is_same: bool) -> None:
    """Only descriptions that cannot behave differently share what is made of them."""
    shared = Shared()

    assert is_same is (shared.once(object, "kind", first) is shared.once(object, "kind", second))


def test_an_identity_is_not_used_again() -> None:
    """A description lives as long as what was made of it, so another object is never taken for it."""
    shared = Shared()

    assert 100 == len({id(shared.once(object, [])) for _ in range(100)})


def test_what_fails_is_not_kept() -> None:
    """An exception comes out each time, and a later success counts."""
    shared = Shared()

    with pytest.raises(ZeroDivisionError):
        shared.once(lambda: 1 // 0, "x")

    assert 2 == shared.once(lambda: 2, "x")


def test_none_is_made_once_too() -> None:
    """What makes nothing is not asked again."""
    shared = Shared()
    calls: list[int] = []

    assert None is shared.once(lambda: calls.append(1), "x")
    assert None is shared.once(lambda: calls.append(1), "x")
    assert [1] == calls


def test_equal_lines_are_one() -> None:
    """The first text stands for all that are equal to it."""
    shared = Shared()
    first = shared.line("".join(["return ", "response\n"]))

    assert first is shared.line("".join(["return ", "response\n"]))


def find(page: int = 1, q: str = "") -> list[Item]:
    return []


def search(page: int = 1, q: str = "") -> list[Item]:
    return []


def count(page: int = 2, q: str = "") -> list[Item]:
    return []


def namespace_of(endpoint: Any) -> dict[str, Any]:
    """Return the globals of generated code."""
    found: dict[str, Any] = endpoint.dispatch.__globals__
    return found


def test_routes_of_one_build_share_readers_and_lines(kit: Any) -> None:
    """Readers of the same parameter, its description and equal lines are the same objects; others are not."""
    common: dict[str, Any] = {"shared": Shared(), "settings": MessageLimits(), "body_parsers": {}}
    endpoints = [kit.compile(handler, **common) for handler in (find, search, count)]
    one, two, three = map(namespace_of, endpoints)
    infos = [endpoint.info for endpoint in endpoints]
    lines = [endpoint.lines for endpoint in endpoints[:2]]

    assert one["read_page"] is two["read_page"]
    assert one["read_page"] is not three["read_page"]
    assert one["guard"] is two["guard"]
    assert one["convert"] is two["convert"]
    assert infos[0].parameters[0] is infos[1].parameters[0]
    assert infos[0].response is infos[1].response
    assert {True} == {a is b for a, b in zip(*lines, strict=True) if a == b}


def test_routes_of_two_builds_share_nothing(kit: Any) -> None:
    """A route without company has readers of its own."""
    one, two = (namespace_of(kit.compile(find)) for _ in range(2))

    assert one["read_page"] is not two["read_page"]


def test_a_route_keeps_only_the_names_that_its_text_uses(kit: Any) -> None:
    """The namespace of generated code has nothing that no line of it names."""
    endpoint = kit.compile(find)
    names = set(namespace_of(endpoint)) - {"__builtins__", "__name__"}

    assert {"find", "handler", "hop", "respond"} <= names
    assert all(name in endpoint.source for name in names)

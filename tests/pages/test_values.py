"""Showing values that nobody vouches for."""

from __future__ import annotations

import dataclasses
import os
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given, settings, strategies as st

from costrel.app import Secret
from costrel.http import Headers, MultiDict
from costrel.pages.values import MAX_CHARACTERS, show_value


@dataclasses.dataclass
class Account:
    name: str
    password: str
    hidden: str = dataclasses.field(default="h", repr=False)


class Key(msgspec.Struct):
    id: int
    api_key: str


@attrs.define
class Login:
    user: str
    token: str


class Form(pydantic.BaseModel):
    user: str
    secret: str


class Pair(NamedTuple):
    user: str
    password: str


class Plain:
    def __init__(self) -> None:
        self.user = "ada"
        self.password = "hunter2"
        self._internal = 1


class Slotted:
    __slots__ = ("user",)


@dataclasses.dataclass
class Written:
    password: str

    def __repr__(self) -> str:
        return "<Written by hand, password=hunter2>"


class Broken:
    def __repr__(self) -> str:
        raise ValueError("no")


class BrokenAttribute:
    def __init__(self) -> None:
        self.user = "ada"

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("no")


class Endless:
    def __repr__(self) -> str:
        return repr(self)


class Text(str):
    def __repr__(self) -> str:
        raise ValueError("no")

    def __len__(self) -> int:
        raise ValueError("no")

    def __getitem__(self, key: Any) -> str:
        raise ValueError("no")


def lines() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(None, "None", id="none"),
        pytest.param(True, "True", id="bool"),
        pytest.param(1.5, "1.5", id="float"),
        pytest.param(10**400, "<int of 1329 bits>", id="an-integer-that-python-refuses-to-print"),
        pytest.param("it's", '"it\'s"', id="text"),
        pytest.param("x" * 500, f"'{'x' * 400}'… (500 characters)", id="long-text"),
        pytest.param(b"ab", "b'ab'", id="bytes"),
        pytest.param(bytearray(b"y" * 1000), f"b'{'y' * 400}'… (1,000 bytes)", id="long-bytes"),
        pytest.param([1, "a", (2,)], "[1, 'a', (2,)]", id="list"),
        pytest.param((), "()", id="empty-tuple"),
        pytest.param({1}, "{1}", id="set"),
        pytest.param(frozenset({1}), "frozenset({1})", id="frozen-set"),
        pytest.param(deque([1]), "deque([1])", id="deque"),
        pytest.param(list(range(25)), f"[{', '.join(map(str, range(20)))}, …]", id="many-items"),
        pytest.param({"a": 1, 2: None}, "{'a': 1, 2: None}", id="dict"),
        pytest.param(OrderedDict(a=1), "OrderedDict({'a': 1})", id="ordered-dict"),
        pytest.param(defaultdict(int, a=1), "defaultdict({'a': 1})", id="default-dict"),
        pytest.param([[[[[[1]]]]]], "[[[[[…]]]]]", id="deep"),
        pytest.param(MultiDict([("a", "1"), ("a", "2")]), "MultiDict({'a': '1', 'a': '2'})", id="multi-dict"),
        pytest.param(Slotted(), "Slotted()", id="slots"),
        pytest.param(SimpleNamespace(a=1), "namespace(a=1)", id="own-repr"),
        pytest.param(Broken(), "<Broken: showing it raised ValueError>", id="broken-repr"),
        pytest.param([Broken(), 1], "[<Broken: showing it raised ValueError>, 1]", id="broken-repr-inside"),
        pytest.param(Endless(), "<Endless: showing it raised RecursionError>", id="endless-repr"),
        pytest.param(Text("ab"), "'ab'", id="text-that-lies"),
        pytest.param(os, "<module os>", id="module"),
        pytest.param(Plain, "<class Plain>", id="class"),
        pytest.param(lines, "<function lines>", id="function"),
        pytest.param(print, "<function print>", id="builtin"),
        pytest.param("x".upper, "<function str.upper>", id="method"),
    ],
)
def test_a_value_is_shown(value: object, expected: str) -> None:
    """Plain values look as in Python; what is long, deep or broken is bounded and says so."""

    assert expected == show_value(value)


@pytest.mark.security("L11")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"Authorization": "x", b"cookie": "y"}, "{'Authorization': '***', b'cookie': '***'}", id="dict"),
        pytest.param({"a": {"password": "x"}}, "{'a': {'password': '***'}}", id="inner-dict"),
        pytest.param(
            [("authorization", "x"), (b"cookie", b"y")], "[('authorization', '***'), ('cookie', '***')]", id="pairs"
        ),
        pytest.param(Headers({"cookie": "x", "a": "b"}), "Headers({'cookie': '***', 'a': 'b'})", id="header-fields"),
        pytest.param(MultiDict([("password", "x")]), "MultiDict({'password': '***'})", id="form"),
        pytest.param(Account("ada", "x"), "Account(name='ada', password='***')", id="dataclass"),
        pytest.param(Key(1, "x"), "Key(id=1, api_key='***')", id="struct"),
        pytest.param(Login("ada", "x"), "Login(user='ada', token='***')", id="attrs"),
        pytest.param(Form(user="ada", secret="x"), "Form(user='ada', secret='***')", id="pydantic"),
        pytest.param(Pair("ada", "x"), "Pair(user='ada', password='***')", id="named-tuple"),
        pytest.param(Plain(), "Plain(user='ada', password='***')", id="plain-object"),
        pytest.param(Written("x"), "<Written by hand, password=***>", id="repr-written-by-hand"),
        pytest.param(Secret("x"), "Secret('***')", id="secret"),
        pytest.param(pydantic.SecretStr("x"), "SecretStr('***')", id="foreign-secret"),
        pytest.param("postgres://a:x@db", "'postgres://a:***@db'", id="url"),
        pytest.param(b"Authorization: Bearer abcdefgh", "b'Authorization: Bearer ***'", id="bytes-with-a-token"),
    ],
)
def test_a_secret_is_masked_wherever_it_is(value: object, expected: str) -> None:
    """Secrets are found by the names of keys and fields, by type, and in text."""

    assert expected == show_value(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("x", "'***'", id="text"),
        pytest.param({"a": 1}, "'***'", id="a-whole-dict"),
        pytest.param(1234, "'***'", id="number"),
        pytest.param(None, "None", id="that-there-is-none-is-no-secret"),
        pytest.param(False, "False", id="a-flag-is-no-secret"),
    ],
)
def test_a_variable_is_masked_by_its_name(value: object, expected: str) -> None:
    """A variable whose name tells of a secret shows only whether it is set."""

    assert expected == show_value(value, "password")


@pytest.mark.security("L6")
def test_an_object_that_raises_at_everything_is_survived() -> None:
    """Not even looking at an attribute may break the page."""

    assert "BrokenAttribute" in show_value(BrokenAttribute())


def test_a_value_that_contains_itself_ends() -> None:
    """Cycles end at the depth that everything ends at."""
    value: list[object] = []
    value.append(value)

    assert "[[[[[…]]]]]" == show_value(value)


def test_a_dict_that_changes_meanwhile_is_survived() -> None:
    """Another thread may write to what is shown."""

    class Growing:
        def __init__(self, home: dict[object, int]) -> None:
            self._home = home

        def __repr__(self) -> str:
            self._home[object()] = 1
            return "growing"

    value: dict[object, Any] = {}
    value["a"] = Growing(value)
    value["b"] = 1

    assert show_value(value).endswith("<dict: showing it raised RuntimeError>")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=60,
)


@settings(max_examples=150)
@given(values)
def test_no_value_is_longer_than_its_limit(value: object) -> None:
    """Whatever it is, it fits, and it is text that can be sent."""
    shown = show_value(value)

    assert len(shown) <= MAX_CHARACTERS + 1
    assert isinstance(shown, str)


def test_the_limit_is_exact() -> None:
    """A text at the limit is whole, one over it ends with an ellipsis."""

    class Long:
        def __init__(self, length: int) -> None:
            self._length = length

        def __repr__(self) -> str:
            return "x" * self._length

    at, over = show_value(Long(MAX_CHARACTERS)), show_value(Long(10**6))

    assert "x" * MAX_CHARACTERS == at
    assert "x" * MAX_CHARACTERS + "…" == over

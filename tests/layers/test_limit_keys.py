"""The keys of requests: addresses in one spelling, IPv6 by network, users apart from clients."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from costrel.errors import ProgrammerError
from costrel.layers.limit_keys import By, compile_key
from costrel.messages import Request


def key_of(by: By, *, client: str | None = "192.0.2.1", user: object = None) -> str:
    place = None if client is None else (client, 5000)
    return compile_key(by)(cast(Request, SimpleNamespace(client=place, user=user)))


@pytest.mark.security("F6")
@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param("192.0.2.1", "c:192.0.2.1", id="ipv4"),
        pytest.param("::ffff:192.0.2.1", "c:192.0.2.1", id="ipv4-in-ipv6"),
        pytest.param("2001:db8:0:1::1", "c:2001:db8:0:1::", id="ipv6"),
        pytest.param("2001:DB8:0:1:ffff:ffff:ffff:ffff", "c:2001:db8:0:1::", id="the-last-of-the-network"),
        pytest.param("2001:db8:0:2::1", "c:2001:db8:0:2::", id="the-next-network"),
        pytest.param("fe80::1%eth0", "c:fe80::", id="zone"),
        pytest.param("_hidden", "c:_hidden", id="no-address"),
        pytest.param(None, "c:-", id="unix-socket"),
    ],
)
def test_a_client_has_one_key(host: str | None, expected: str) -> None:
    """However its address is written, and whichever address of its network it takes."""

    assert expected == key_of("client", client=host)


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        pytest.param("ann", "u:ann", id="text"),
        pytest.param(7, "u:7", id="number"),
        pytest.param(SimpleNamespace(id=7), "u:7", id="id"),
        pytest.param(SimpleNamespace(id=None, get_id=lambda: "8"), "u:8", id="get-id"),
        pytest.param("192.0.2.1", "u:192.0.2.1", id="called-like-an-address"),
        pytest.param(None, "c:192.0.2.1", id="nobody"),
    ],
)
def test_a_user_has_one_key(user: object, expected: str) -> None:
    """The name of a user is never the address of somebody."""

    assert expected == key_of("user", user=user)


def test_the_answer_of_a_function_is_a_key_and_none_is_the_client() -> None:
    """Empty text is a key too."""

    assert "f:a" == key_of(lambda request: "a")
    assert "f:" == key_of(lambda request: "")
    assert "c:192.0.2.1" == key_of(lambda request: None)


def test_a_long_key_is_cut_to_a_bound() -> None:
    """A client that chooses part of it does not choose how much memory it takes."""
    long, other = (key_of(lambda request, last=last: "x" * 100_000 + last) for last in "ab")

    assert len(long) < 50
    assert long != other
    assert len(key_of("client", client="y" * 100_000)) < 50
    assert key_of(lambda request: "\ud800" * 200).startswith("f#")


@pytest.mark.parametrize(
    ("by", "user"),
    [
        pytest.param("user", object(), id="user-without-identity"),
        pytest.param(lambda request: 5, None, id="function-returns-a-number"),
    ],
)
def test_who_cannot_be_told_is_a_mistake(by: By, user: object) -> None:
    """Counting such requests together or not at all would both be wrong."""
    with pytest.raises(ProgrammerError) as caught:
        key_of(by, user=user)

    assert "COS-LAYERS-030" == caught.value.code

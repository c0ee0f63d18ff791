"""Tests of the fields that an ASGI server's requests may have."""

from __future__ import annotations

import pytest

from costrel.gateways.asgi_fields import KnownFields

HOST = (b"host", b"example.org")


@pytest.mark.security("A1")
def test_no_underscore_is_let_in() -> None:
    """The first time and every other time, and what was let in is known."""
    known = KnownFields()
    lines = [HOST, (b"x_user", b"admin"), (b"accept", b"*/*")]

    assert [[HOST, (b"accept", b"*/*")]] * 2 == [known.check(lines), known.check(lines)]
    assert {b"host", b"accept"} == known.names


@pytest.mark.parametrize("host", [b"a/b", b"a b", b"", b"a@b"])
def test_a_host_that_is_none_is_refused_each_time(host: bytes) -> None:
    """What was refused is not kept."""
    known = KnownFields()
    for _ in range(2):
        with pytest.raises(ValueError, match="Host"):
            known.check([(b"host", host)])

    assert {None} == known.hosts


def test_the_second_of_two_hosts_is_looked_at_too() -> None:
    """A server may pass both on."""
    with pytest.raises(ValueError, match="Host"):
        KnownFields().check([HOST, (b"host", b"a/b")])


def test_a_thousand_are_kept() -> None:
    """However many names and hosts a client thinks of."""
    known = KnownFields()
    for number in range(1100):
        known.check([(b"host", b"h%d" % number), (b"x-%d" % number, b"")])

    assert [1000, 1000] == [len(known.hosts), len(known.names)]

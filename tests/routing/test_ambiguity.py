"""Routes that match the same requests equally well are mistakes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from costrel.routing import RouteEntry
from costrel.routing.ambiguity import find_ambiguities

MakeEntry = Callable[..., RouteEntry[str]]


def always(request: object) -> bool:
    """Agree."""
    return True


# the arguments of two entries
TIED = [
    pytest.param(["/a"], ["/a"], "GET, HEAD", id="the-same-literal-path"),
    pytest.param(["/a", "GET POST"], ["/a", "POST PUT"], "POST", id="one-shared-method"),
    pytest.param(["/{a}"], ["/{b}"], "GET, HEAD", id="other-names-only"),
    pytest.param(["/{a:int}"], ["/{b:int(min=5)}"], "GET, HEAD", id="ranges-that-overlap"),
    pytest.param(["/{a}-{b}"], ["/{a}.{b}"], "GET, HEAD", id="segments-that-overlap"),
    pytest.param(["/a"], ["/a/"], "GET, HEAD", id="only-the-ignored-slash-differs"),
    pytest.param(["/a/{b?}"], ["/a"], "GET, HEAD", id="an-optional-segment-left-out"),
    pytest.param(["/a/{b?}"], ["/a/{c?}"], "GET, HEAD", id="two-optional-segments"),
    pytest.param(["/f/{p:path}"], ["/f/{q:path}"], "GET, HEAD", id="two-paths"),
    pytest.param(["/{a}-{b}"], ["/{a}.{b}", "HEAD"], "HEAD", id="a-head-that-follows-get"),
    pytest.param(["/a", "WEBSOCKET"], ["/a", "WEBSOCKET"], "WEBSOCKET", id="two-handshakes"),
    pytest.param(["/{p:path}", None], ["/{q:path}", None], "any method", id="two-mounts"),
]

APART = [
    pytest.param(["/a"], ["/b"], id="other-paths"),
    pytest.param(["/a"], ["/a", "POST"], id="other-methods"),
    pytest.param(["/a"], ["/a", "WEBSOCKET"], id="a-get-and-a-handshake"),
    pytest.param(["/a"], ["/a", "HEAD"], id="an-explicit-head"),
    pytest.param(["/{a}"], ["/{b}", "HEAD"], id="an-explicit-head-of-the-same-shape"),
    pytest.param(["/a/b"], ["/a/{b}"], id="one-more-specific"),
    pytest.param(["/{a:int}"], ["/{b}"], id="one-converter-more-specific"),
    pytest.param(["/{a:any(x,y)}"], ["/{b:any(z)}"], id="words-apart"),
    pytest.param(["/{a:regex([a-z]+)}"], ["/{b:regex([0-9]+)}"], id="expressions-apart"),
    pytest.param(["/{a}.json"], ["/{b}.yaml"], id="ends-apart"),
    pytest.param(["/{a}/x"], ["/{b}/y"], id="literals-apart-later"),
    pytest.param(["/{p:path}/x"], ["/{p:path}"], id="a-path-with-an-end-is-more-specific"),
    pytest.param(["/{p:path}"], ["/{p:path}", None], id="a-route-and-a-mount"),
]


@pytest.mark.capability("C007")
@pytest.mark.pain("P35")
@pytest.mark.parametrize(("first", "second", "methods"), TIED)
def test_a_tie_is_a_mistake(make_entry: MakeEntry, first: list[Any], second: list[Any], methods: str) -> None:
    """The mistake names both routes, both places and the methods, once."""
    entries = [make_entry(*first, where="a.py:1"), make_entry(*second, where="b.py:2")]
    found = find_ambiguities(entries)

    assert [
        (
            "COS-ROUTE-013",
            f"The routes `{first[0]}` (a.py:1) and `{second[0]}` (b.py:2) match the same requests ({methods}).",
        )
    ] == [(mistake.code, mistake.what) for mistake in found]
    assert 1 == len(find_ambiguities(entries[::-1]))


@pytest.mark.capability("C007")
@pytest.mark.parametrize(("first", "second"), APART)
def test_no_tie_is_no_mistake(make_entry: MakeEntry, first: list[Any], second: list[Any]) -> None:
    """Routes that differ in specificity, method or text may stand together."""

    assert [] == find_ambiguities([make_entry(*first), make_entry(*second)])


def test_a_predicate_allows_a_tie(make_entry: MakeEntry) -> None:
    """With a predicate on either, the routes are told apart by it."""

    assert [] == find_ambiguities([make_entry("/a", when=always), make_entry("/a")])
    assert [] == find_ambiguities([make_entry("/a", when=always), make_entry("/a", when=always)])


@pytest.mark.capability("C010")
def test_hosts_are_apart(make_entry: MakeEntry) -> None:
    """Only routes of the same host tie; the names in a host make no difference."""

    assert [] == find_ambiguities([make_entry("/a", host="x.example"), make_entry("/a")])
    assert [] == find_ambiguities([make_entry("/a", host="x.example"), make_entry("/a", host="y.example")])
    assert ["The routes `{a}.example/x` (place unknown) and `{b}.example/x` (place unknown) "
            "match the same requests (GET, HEAD)."] == [
        mistake.what
        for mistake in find_ambiguities([make_entry("/x", host="{a}.example"), make_entry("/x", host="{b}.example")])
    ]  # fmt: skip


@pytest.mark.capability("C021")
def test_strict_slashes_are_apart(make_entry: MakeEntry) -> None:
    """With the strict policy `/a` and `/a/` are two routes; with one of them ignoring it they tie."""
    strict = [make_entry("/a", trailing_slash="strict"), make_entry("/a/", trailing_slash="strict")]

    assert [] == find_ambiguities(strict)
    assert 1 == len(find_ambiguities([strict[0], make_entry("/a/")]))


def test_all_ties_are_reported_in_order(make_entry: MakeEntry) -> None:
    """Every pair is one mistake, in order of declaration."""
    entries = [make_entry("/b", where="1"), make_entry("/a", where="2"), make_entry("/a", where="3"), make_entry("/b")]

    assert ["`/b` (1)", "`/a` (2)"] == [m.what.split(" and ")[0].split("routes ")[1] for m in find_ambiguities(entries)]

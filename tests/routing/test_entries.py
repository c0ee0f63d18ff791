"""Entries and the forms of their patterns."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from costrel.routing import RouteEntry, parse_pattern
from costrel.routing.entries import ANY_METHOD, WEBSOCKET_KEY, TrailingSlash, slash_forms


@pytest.mark.capability("C021")
@pytest.mark.parametrize(
    ("text", "policy", "expected"),
    [
        pytest.param("/", "ignore", (True,), id="the-root-is-itself"),
        pytest.param("/", "strict", (True,), id="the-root-is-itself-when-strict"),
        pytest.param("/a", "ignore", (False, True), id="both-when-ignored"),
        pytest.param("/a/", "ignore", (False, True), id="both-when-ignored-whatever-is-written"),
        pytest.param("/a", "strict", (False,), id="as-written-when-strict"),
        pytest.param("/a/", "strict", (True,), id="as-written-when-strict-with-a-slash"),
        pytest.param("/a/", "redirect", (True,), id="as-written-when-redirected"),
        pytest.param("/{p:path}", "strict", (False, True), id="a-path-keeps-its-slash"),
        pytest.param("/{p:path}/", "strict", (True,), id="a-slash-after-a-path"),
    ],
)
def test_the_policy_says_which_forms_match(text: str, policy: TrailingSlash, expected: tuple[bool, ...]) -> None:
    """With and without a slash at the end are the same, different, or one of them."""

    assert expected == slash_forms(parse_pattern(text), policy)


def test_methods_are_keys_that_no_client_can_send(make_entry: Callable[..., RouteEntry[str]]) -> None:
    """The handshake and the mount have keys with a space, which no method has."""

    assert {"GET", WEBSOCKET_KEY} == make_entry("/", "GET WEBSOCKET").method_keys
    assert {ANY_METHOD} == make_entry("/", None).method_keys
    assert make_entry("/", None).is_mount
    assert not make_entry("/").is_mount
    assert " " in WEBSOCKET_KEY
    assert " " in ANY_METHOD

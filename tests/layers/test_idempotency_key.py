from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from costrel.app import App
from costrel.http import Headers
from costrel.layers.idempotency_key import (
    INLINE_BYTES,
    MAX_KEY_CHARACTERS,
    digest,
    fingerprint_of,
    parse_idempotency_key,
    record_key,
)
from costrel.messages import Request

LONGEST = "k" * MAX_KEY_CHARACTERS


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(['"8e03978e-40d5-43dd"'], "8e03978e-40d5-43dd", id="string"),
        pytest.param(["8e03978e-40d5-43dd"], "8e03978e-40d5-43dd", id="bare"),
        pytest.param([r'"a\"b\\c"'], r'a"b\c', id="escapes"),
        pytest.param(['"a, b; c"'], "a, b; c", id="separators-in-a-string"),
        pytest.param(["order:5/+="], "order:5/+=", id="bare-with-signs"),
        pytest.param([" k\t"], "k", id="white-space-around"),
        pytest.param([f'"{LONGEST}"'], LONGEST, id="longest"),
        pytest.param([f'"{LONGEST}k"'], None, id="one-too-long"),
        pytest.param(['"' + r"\"" * MAX_KEY_CHARACTERS + '"'], '"' * MAX_KEY_CHARACTERS, id="longest-of-escapes"),
        pytest.param([], None, id="none"),
        pytest.param([""], None, id="empty"),
        pytest.param(['""'], None, id="empty-string"),
        pytest.param(["a", "a"], None, id="two-fields"),
        pytest.param(["a, b"], None, id="list"),
        pytest.param(["a,b"], None, id="list-without-a-space"),
        pytest.param(['"a", "b"'], None, id="list-of-strings"),
        pytest.param(['"a";p=1'], None, id="parameter"),
        pytest.param(["a b"], None, id="space"),
        pytest.param(['"a'], None, id="open-string"),
        pytest.param([r'"a\b"'], None, id="wrong-escape"),
        pytest.param(['"a\x7f"'], None, id="control"),
        pytest.param(["schl\u00fcssel"], None, id="beyond-ascii"),
        pytest.param(["k" * 100_000], None, id="very-long"),
    ],
)
def test_a_key_is_one_string_with_or_without_quotes(values: list[str], expected: str | None) -> None:
    """What is no key is none, and never a part of it."""
    assert expected == parse_idempotency_key(values)


@given(key=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=MAX_KEY_CHARACTERS))
def test_every_string_comes_back(key: str) -> None:
    """A key that is written as RFC 9651 §4.1.6 says is read as it was."""
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')

    assert key == parse_idempotency_key([f'"{escaped}"'])


@given(value=st.text(max_size=40))
def test_any_value_is_a_key_or_none(value: str) -> None:
    """A key has 1 to 255 printable characters, whatever was sent."""
    key = parse_idempotency_key([value])

    assert key is None or (0 < len(key) <= MAX_KEY_CHARACTERS and key.isascii() and key.isprintable())


def test_a_digest_knows_where_each_text_ends() -> None:
    """Moving a character from one to the next is another sequence."""
    assert 4 == len({digest(b"ab", b"c"), digest(b"a", b"bc"), digest(b"abc"), digest(b"", b"abc")})


def made_of(method: str = "POST", url: str = "/a?q=1", host: str = "a.test", root: str = "", **more: str) -> str:
    """Return the record's key of a request to a new application."""
    found: list[str] = []
    app = App(more.get("name", "test"))

    async def look(request: Request) -> str:
        request.root_path = root
        found.append(record_key(request, more.get("identity", "somebody"), more.get("key", "k")))
        return ""

    app.add_route("/{rest:path}", look, methods=["POST", "PATCH"])
    with app.test_client() as client:
        client.request(method, url, headers={"host": host})
    return found[0]


@pytest.mark.parametrize(
    ("options", "is_same"),
    [
        pytest.param({}, True, id="the-same"),
        pytest.param({"method": "PATCH", "url": "/b"}, True, id="another-request"),
        pytest.param({"host": "A.TEST"}, True, id="case-of-host"),
        pytest.param({"host": "b.test"}, False, id="host"),
        pytest.param({"root": "/shop"}, False, id="prefix"),
        pytest.param({"name": "other"}, False, id="application"),
        pytest.param({"identity": "another"}, False, id="identity"),
        pytest.param({"key": "K"}, False, id="key"),
    ],
)
def test_a_record_is_kept_for_one_client_and_key(options: dict[str, str], is_same: bool) -> None:
    """It is found by another request with the same key, so that this is noticed."""
    assert is_same == (made_of() == made_of(**options))


def fingerprint(
    method: str = "POST", url: str = "/a?q=1", content: bytes = b"x", kind: str = "text/plain", **fields: str
) -> bytes:
    """Return the fingerprint of a request."""
    found: list[bytes] = []
    app = App("test")

    async def look(request: Request) -> str:
        found.append(await fingerprint_of(request))
        return ""

    app.add_route("/{rest:path}", look, methods=["POST", "PATCH"])
    with app.test_client() as client:
        client.request(method, url, content=content, headers=Headers({"content-type": kind, **fields}))
    return found[0]


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        pytest.param({}, {}, True, id="the-same"),
        pytest.param({}, {"user-agent": "other"}, True, id="another-field"),
        pytest.param({}, {"method": "PATCH"}, False, id="method"),
        pytest.param({}, {"url": "/b?q=1"}, False, id="path"),
        pytest.param({}, {"url": "/a?q=2"}, False, id="query"),
        pytest.param({}, {"kind": "text/html"}, False, id="media-type"),
        pytest.param({}, {"content": b"y"}, False, id="content"),
        pytest.param({"content": bytes(INLINE_BYTES)}, {"content": bytes(INLINE_BYTES + 1)}, False, id="in-a-thread"),
        pytest.param({"content": bytes(600_000)}, {"content": bytes(600_000)}, True, id="from-a-file"),
        pytest.param({"content": bytes(600_000)}, {"content": b"\0" * 599_999 + b"1"}, False, id="its-last-byte"),
    ],
)
def test_a_fingerprint_is_of_all_that_is_asked(one: dict[str, str], other: dict[str, str], is_same: bool) -> None:
    """Where the content was kept while it was read does not matter."""
    assert is_same == (fingerprint(**one) == fingerprint(**other))

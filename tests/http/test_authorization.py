"""Credentials and challenges: syntax only, and no bad input raises."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given, settings, strategies as st

from costrel.http.authorization import (
    MAX_BASIC_CHARACTERS,
    MAX_PARAMETERS,
    Credentials,
    format_challenge,
    parse_authorization,
    parse_basic,
)


@pytest.mark.parametrize(
    ("field_value", "expected"),
    [
        pytest.param("Bearer abc.d-e_f~+/==", Credentials("bearer", "abc.d-e_f~+/=="), id="token"),
        pytest.param("BEARER   a", Credentials("bearer", "a"), id="several-spaces"),
        pytest.param("Negotiate", Credentials("negotiate"), id="scheme-alone"),
        pytest.param("Negotiate ", Credentials("negotiate"), id="scheme-and-a-space"),
        pytest.param(
            'Digest username="M \\"x\\"", URI="/a,b" ,nc=00000001',
            Credentials("digest", "", (("username", 'M "x"'), ("uri", "/a,b"), ("nc", "00000001"))),
            id="parameters",
        ),
        pytest.param(
            "A b = c , , d=e,", Credentials("a", "", (("b", "c"), ("d", "e"))), id="spaces-and-empty-elements"
        ),
        pytest.param("A b=", Credentials("a", "b="), id="a-token-may-end-in-equals-signs"),
    ],
)
def test_credentials_are_read(field_value: str, expected: Credentials) -> None:
    """A scheme, then a token or a list of parameters (RFC 9110 §11.4)."""
    assert expected == parse_authorization(field_value)


@pytest.mark.parametrize(
    "field_value",
    [
        pytest.param(None, id="no-field"),
        pytest.param("", id="empty"),
        pytest.param(" Bearer a", id="space-before"),
        pytest.param("Bea:rer a", id="scheme-is-no-token"),
        pytest.param("Bearer\ta", id="tab-after-the-scheme"),
        pytest.param("Bearer a b", id="two-tokens"),
        pytest.param("Bearer a, b", id="list-of-tokens"),
        pytest.param("Bearer é", id="not-ascii"),
        pytest.param("Bearer a\n", id="newline"),
        pytest.param("Digest a=b, A=c", id="a-parameter-twice"),
        pytest.param("Digest a=b c=d", id="no-comma"),
        pytest.param('Digest a="b', id="open-quote"),
        pytest.param('Digest a="b"c', id="text-after-a-quote"),
        pytest.param("Digest ,", id="comma-alone"),
    ],
)
def test_what_is_no_credentials_is_nothing(field_value: str | None) -> None:
    """Bad syntax is `None`, and the answer is 401."""
    assert parse_authorization(field_value) is None
    assert parse_basic(field_value) is None


@pytest.mark.parametrize(("count", "good"), [(MAX_PARAMETERS - 1, True), (MAX_PARAMETERS, True), (33, False)])
def test_at_most_32_parameters_are_read(count: int, good: bool) -> None:
    """A longer list is no credentials."""
    field_value = "Digest " + ",".join(f"p{index}=1" for index in range(count))

    assert good == (parse_authorization(field_value) is not None)


@pytest.mark.security("L16")
@pytest.mark.parametrize("piece", [",", "a=b,", '"', '\\"', " ", "=", "a", 'a="', "a=b, "])
def test_a_hostile_value_of_64_kib_is_survived(piece: str) -> None:
    """Whatever is repeated, nothing raises."""
    credentials = parse_authorization("Digest x=y," + piece * (65_536 // len(piece)))

    assert credentials is None or len(credentials.parameters) <= MAX_PARAMETERS


@given(st.text(max_size=40))
@settings(max_examples=200)
def test_no_text_raises(text: str) -> None:
    """The parsers never raise."""
    for field_value in (text, f"Basic {text}", f"Digest {text}"):
        assert isinstance(parse_authorization(field_value), Credentials | None)
        assert isinstance(parse_basic(field_value), tuple | None)


def basic(content: bytes) -> str:
    """Make the field value for decoded Basic credentials."""
    return f"Basic {b64encode(content).decode()}"


@pytest.mark.parametrize(
    ("field_value", "expected"),
    [
        pytest.param("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", ("Aladdin", "open sesame"), id="rfc-7617"),
        pytest.param("bAsIc dGVzdDoxMjPCow==", ("test", "123£"), id="rfc-7617-utf-8-and-case"),
        pytest.param(basic(b"a:b:c"), ("a", "b:c"), id="colons-in-the-password"),
        pytest.param(basic(b":"), ("", ""), id="both-empty"),
    ],
)
def test_basic_credentials_are_read(field_value: str, expected: tuple[str, str]) -> None:
    """User and password are UTF-8, split at the first colon."""
    assert expected == parse_basic(field_value)


@pytest.mark.security("H3")
@pytest.mark.parametrize(
    "field_value",
    [
        pytest.param("Basic", id="no-token"),
        pytest.param("Bearer YTpi", id="another-scheme"),
        pytest.param(basic(b"no colon"), id="no-colon"),
        pytest.param("Basic YTpi=", id="bad-padding"),
        pytest.param("Basic YTpi====", id="four-of-padding"),
        pytest.param("Basic YTp", id="missing-padding"),
        pytest.param("Basic YTpi-_", id="url-safe-alphabet"),
        pytest.param("Basic YQ==YTpi", id="data-after-padding"),
        pytest.param('Basic realm="a"', id="parameters"),
        pytest.param(basic(b"a\r\nb:c"), id="newline-in-the-user"),
        pytest.param(basic(b"a:\x00"), id="nul-in-the-password"),
        pytest.param(basic(b"a\x7f:b"), id="del"),
        pytest.param(basic("a\x85:b".encode()), id="c1-control"),
        pytest.param(basic(b"\xff:b"), id="not-utf-8"),
        pytest.param(basic(b"a:" + b"x" * 65_536), id="64-kib"),
    ],
)
def test_bad_basic_credentials_are_nothing(field_value: str) -> None:
    """What RFC 7617 forbids is `None`, never an error."""
    assert parse_basic(field_value) is None


@pytest.mark.parametrize(("length", "good"), [(MAX_BASIC_CHARACTERS, True), (MAX_BASIC_CHARACTERS + 4, False)])
def test_basic_credentials_have_a_limit(length: int, good: bool) -> None:
    """The token has at most 8192 characters."""
    field_value = basic(b"a:" + b"x" * (length // 4 * 3 - 2))
    assert length == len(field_value) - len("Basic ")

    assert good == (parse_basic(field_value) is not None)


def test_credentials_are_not_shown() -> None:
    """Logging a credentials object gives the scheme alone."""
    credentials = Credentials("bearer", "secret", (("a", "secret"),))

    assert repr(credentials) == "Credentials(scheme='bearer')"
    assert (credentials.parameter("a"), credentials.parameter("b")) == ("secret", None)


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        pytest.param(format_challenge("Bearer"), "Bearer", id="scheme-alone"),
        pytest.param(
            format_challenge("Basic", realm='My "Shop"', charset="UTF-8"),
            'Basic realm="My \\"Shop\\"", charset="UTF-8"',
            id="values-are-quoted",
        ),
        pytest.param(
            format_challenge("Digest", algorithm="SHA-256", stale="true", nonce="x"),
            'Digest algorithm=SHA-256, stale=true, nonce="x"',
            id="two-are-never-quoted",
        ),
        pytest.param(format_challenge("Digest", algorithm="a b"), 'Digest algorithm="a b"', id="unless-they-must"),
    ],
)
def test_a_challenge_is_formatted(actual: str, expected: str) -> None:
    """A challenge can be parsed by the grammar of RFC 9110 §11.3."""
    assert expected == actual


@pytest.mark.security("A48")
@pytest.mark.parametrize(
    ("scheme", "parameters"),
    [
        pytest.param("Ba sic", {}, id="space-in-the-scheme"),
        pytest.param("", {}, id="no-scheme"),
        pytest.param("Basic", {"re alm": "x"}, id="space-in-a-name"),
        pytest.param("Basic", {"realm": "a\r\nX: 1"}, id="newline-in-a-value"),
        pytest.param("Digest", {"stale": "a\x00"}, id="nul-in-a-value"),
    ],
)
def test_nothing_is_injected_into_a_challenge(scheme: str, parameters: dict[str, str]) -> None:
    """Bad parts are refused when the challenge is made."""
    with pytest.raises(ValueError):
        format_challenge(scheme, **parameters)

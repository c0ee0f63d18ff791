"""What is not to be shown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from costrel.app import Secret
from costrel.pages.secrecy import MASK, hide_credentials, hide_secrets, is_secret_name, is_secret_type


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "user_password",
        "PASSWORD_HASH",
        "X-Api-Key",
        "api_key",
        "Authorization",
        "Proxy-Authorization",
        "Cookie",
        "Set-Cookie",
        "secret",
        "SECRET_KEY",
        "access_token",
        "csrf_token",
        "private_key",
        "db_dsn",
        "DATABASE_URL",
        "pin",
        "user-pin",
        "card_number",
    ],
)
def test_a_secret_is_known_by_its_name(name: str) -> None:
    """Names are compared without case, with dashes and underscores alike."""

    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["", "name", "class_name", "path", "hotpot", "author", "spinner", "keyword", "x" * 9999]
)
def test_an_ordinary_name_is_none(name: str) -> None:
    """Short words count only when they stand alone."""

    assert not is_secret_name(name)


def test_a_secret_is_known_by_its_type() -> None:
    """Types that keep secrets are known by name, their subclasses too."""

    class ApiKey(Secret):
        pass

    assert (True, True, False) == (is_secret_type(Secret), is_secret_type(ApiKey), is_secret_type(str))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("at postgres://shop:hunter2@db/x", "at postgres://shop:***@db/x", id="password-in-a-url"),
        pytest.param("redis://:hunter2@db", "redis://:***@db", id="password-without-a-user"),
        pytest.param("http://shop.example:8000/", "http://shop.example:8000/", id="a-port-is-no-password"),
        pytest.param("Bearer abcdefgh", "Bearer ***", id="bearer-token"),
        pytest.param("basic QWxhZGRpbg==", "basic ***", id="basic-credentials"),
        pytest.param("password=x", "password=x", id="assignments-stay"),
    ],
)
def test_credentials_are_hidden_in_text(text: str, expected: str) -> None:
    """Messages lose their credentials and keep everything else."""

    assert expected == hide_credentials(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("User(name='a', password='x y')", "User(name='a', password=***)", id="field-of-a-repr"),
        pytest.param("{'api_key': 'x', 'a': 1}", "{'api_key': ***, 'a': 1}", id="key-of-a-dict"),
        pytest.param('token = "x"', "token = ***", id="double-quotes"),
        pytest.param("b'secret=abc&a=1'", "b'secret=***&a=1'", id="form"),
        pytest.param("password_hash=b'x'", "password_hash=***", id="bytes"),
        pytest.param("Order(id=1)", "Order(id=1)", id="nothing-to-hide"),
    ],
)
def test_what_is_assigned_to_a_secret_name_is_hidden(text: str, expected: str) -> None:
    """A `repr` that somebody wrote by hand is searched as text."""

    assert expected == hide_secrets(text)


@settings(max_examples=100)
@given(st.text(alphabet="ab:/@ '\"=password", max_size=200))
def test_hiding_twice_hides_no_more(text: str) -> None:
    """What was masked once stays as it is."""
    once = hide_credentials(text)

    assert once == hide_credentials(once)


@pytest.mark.security("L15")
@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "piece", ["://", "://a:", "password", "password=", "password='", "Bearer ", "token: ", "a", "'"]
)
def test_a_long_text_takes_no_time(piece: str) -> None:
    """The patterns look at each character a bounded number of times."""
    text = piece * (64 * 1024 // len(piece))

    assert len(hide_secrets(text)) <= len(text) + len(MASK)

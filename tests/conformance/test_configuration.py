"""Configuration that is nonsense stops the start; there is no value that quietly means "no limit"."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from costrel import App
from costrel.app import AppSettings
from costrel.errors import BuildError, ConfigurationError
from costrel.server import ServerSettings

NUMBERS = [
    field.name
    for settings in (AppSettings, ServerSettings)
    for field in dataclasses.fields(settings)
    if field.type in ("int", "float")
]
TEXTS = ["", "abc", "NaN", "nan", "inf", "-inf", "-1", "1 MiB", "0x10", "1_0", "\u0661", "1;2", "none", "9" * 5000]


def settings_with(name: str) -> type[AppSettings] | type[ServerSettings]:
    is_of_app = name in {field.name for field in dataclasses.fields(AppSettings)}
    return AppSettings if is_of_app else ServerSettings


@pytest.mark.security("C30")
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_in_the_environment_is_one(name: str) -> None:
    """A limit that cannot be read is an error at start-up that names its variable, for each of them."""
    variable = f"COSTREL_{name.upper()}"
    for text in TEXTS:
        with pytest.raises(ConfigurationError, match=f"{name}|{variable}"):
            settings_with(name).from_environment({variable: text})


@pytest.mark.security("C30")
@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [None, "abc", "10", -1, float("nan"), float("inf"), True, [], b"1"], ids=repr)
def test_a_number_in_code_is_one(name: str, value: Any) -> None:
    """What is no number of 0 or more is refused where it is written."""
    if value is None and "None" in str({f.name: f.type for f in dataclasses.fields(settings_with(name))}[name]):
        pytest.skip("this one may be left out")
    with pytest.raises(ConfigurationError, match=f"`{name}`"):
        settings_with(name)(**{name: value})


@pytest.mark.security("C30")
@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(AppSettings) if field.type == "int"])
def test_a_count_is_whole(name: str) -> None:
    """Half a byte is a slip, and so is half a thread."""
    with pytest.raises(BuildError, match="whole number"):
        AppSettings(**{name: 1.5})


@pytest.mark.security("C30")
@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"threads": 0}, id="no-threads"),
        pytest.param({"debug": "yes"}, id="debug-as-text"),
        pytest.param({"secret_key": 5}, id="key-as-a-number"),
        pytest.param({"secret_key": b"k" * 32}, id="key-as-bytes"),
        pytest.param({"secret_key": ("k" * 32, None)}, id="key-missing-in-the-list"),
        pytest.param({"session_cookie_secure": "no"}, id="secure-as-text"),
        pytest.param({"session_cookie_salt": ""}, id="no-salt"),
        pytest.param({"session_cookie_name": 5}, id="name-as-a-number"),
        pytest.param({"trailing_slash": "maybe"}, id="slash"),
        pytest.param({"trusted_proxies": "10.0.0.1"}, id="proxies-as-one-text"),
        pytest.param({"trusted_proxies": ("10.0.0.1/99",)}, id="no-network"),
        pytest.param({"trusted_proxies": (5,)}, id="proxy-as-a-number"),
        pytest.param({"allowed_hosts": "shop.example"}, id="hosts-as-one-text"),
        pytest.param({"allowed_hosts": ("https://shop.example/",)}, id="host-as-a-url"),
        pytest.param({"allowed_hosts": ("shop.example:80",)}, id="host-with-a-port"),
        pytest.param({"allowed_hosts": ("a b",)}, id="host-with-a-space"),
        pytest.param({"base_url": "shop.example"}, id="base-without-a-scheme"),
        pytest.param({"base_url": "javascript:alert(1)"}, id="base-of-another-scheme"),
        pytest.param({"base_url": "https:///x"}, id="base-without-a-host"),
        pytest.param({"base_url": "https://u:p@shop.example/"}, id="base-with-a-user"),
        pytest.param({"base_url": "https://shop.example/?a=1"}, id="base-with-a-query"),
        pytest.param({"base_url": "https://shop.example/\r\nX: y"}, id="base-with-a-line-break"),
    ],
)
def test_a_value_of_another_kind_is_refused(values: dict[str, Any]) -> None:
    """What a field cannot mean is an error at start-up that names it."""
    with pytest.raises(BuildError, match=f"`{next(iter(values))}`"):
        AppSettings(**values)


@pytest.mark.security("C30")
@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("COSTREL_DEBUG", "maybe"),
        ("COSTREL_SESSION_COOKIE_SECURE", "maybe"),
        ("COSTREL_TRAILING_SLASH", "maybe"),
        ("COSTREL_SECRET_KEY", ""),
        ("COSTREL_SECRET_KEY", "dev"),
        ("COSTREL_SECRET_KEY", "[1, 2]"),
        ("COSTREL_SECRET_KEY", '["' + "k" * 32 + '"'),
        ("COSTREL_SECRET_KEY", '["' + "k" * 32 + '", "dev"]'),
        ("COSTREL_ALLOWED_HOSTS", "[1]"),
        ("COSTREL_ALLOWED_HOSTS", "https://shop.example"),
        ("COSTREL_TRUSTED_PROXIES", "10.0.0.1,nobody"),
        ("COSTREL_TRUSTED_PROXIES", "[{}]"),
        ("COSTREL_BASE_URL", ""),
        ("COSTREL_BASE_URL", "shop"),
    ],
)
def test_a_variable_that_cannot_be_meant_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    """An application that reads it does not come up, and the error does not show a key."""
    monkeypatch.setenv(variable, text)
    with pytest.raises(BuildError) as caught:
        App()

    assert "COSTREL_" in str(caught.value)
    assert "k" * 32 not in str(caught.value)


@pytest.mark.security("C30")
def test_an_empty_variable_does_not_weaken_the_cookie() -> None:
    """``COSTREL_SESSION_COOKIE_SECURE=`` is as if it were not set, not the same as ``no``."""

    assert AppSettings.from_environment({"COSTREL_SESSION_COOKIE_SECURE": ""}).session_cookie_secure is None
    assert AppSettings.from_environment({"COSTREL_SESSION_COOKIE_SECURE": "no"}).session_cookie_secure is False


@pytest.mark.security("C30")
@pytest.mark.security("D4")
@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"session_cookie_name": "a b"}, id="name"),
        pytest.param({"session_cookie_name": ""}, id="no-name"),
        pytest.param({"session_cookie_path": "/;x"}, id="path"),
        pytest.param({"session_cookie_domain": "a\r\nb"}, id="domain"),
        pytest.param({"session_cookie_name": "__Host-a", "session_cookie_domain": "a.example"}, id="prefix-and-domain"),
        pytest.param({"session_cookie_name": "__Host-a", "session_cookie_path": "/x"}, id="prefix-and-path"),
    ],
)
def test_a_session_cookie_that_must_not_be_stops_the_build(values: dict[str, Any]) -> None:
    """The cookie is tried when the application is built, not when the first client logs in."""
    with pytest.raises(ConfigurationError):
        App(settings=AppSettings(**values)).build()

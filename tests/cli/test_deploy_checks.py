"""`check --deploy`: every weakness is provoked, and a sound deployment has none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from costrel import App
from costrel.cli.deploy_checks import DEPLOY_CHECKS, Deployment, find_weaknesses
from costrel.cli.secret_key import provide_secret_key
from costrel.messages import AppSettings
from costrel.server import ServerSettings

pytestmark = pytest.mark.capability("C158")

SOUND: dict[str, Any] = {
    "secret_key": "u0Tz5mL1qXn8vCwEyHbJrKpGfDsA7962",
    "base_url": "https://shop.example/",
    "allowed_hosts": ("shop.example",),
    "session_cookie_name": "__Host-session",
}


def names(folder: Path, settings: dict[str, Any], server: dict[str, Any] | None = None, **rest: Any) -> set[str]:
    """Return the names of what is found."""
    app = App("shop", settings=AppSettings(**{**SOUND, **settings}), extensions=())
    found = find_weaknesses(Deployment(app, ServerSettings(**(server or {})), folder, **rest))
    return {finding.name for finding in found}


def test_a_sound_deployment_has_no_findings(tmp_path: Path) -> None:
    """Behind a proxy on the same machine, over https, with a key."""

    assert set() == names(tmp_path, {})


@pytest.mark.parametrize(
    ("settings", "server", "expected"),
    [
        pytest.param({"debug": True}, {}, "debug-on", id="debug"),
        pytest.param({"secret_key": None}, {}, "secret-key-missing", id="no-key", marks=pytest.mark.security("D14")),
        pytest.param({"secret_key": "dev-dev-dev-dev-dev"}, {}, "secret-key-weak", id="a-short-key"),
        pytest.param({"secret_key": "ab" * 40}, {}, "secret-key-weak", id="a-long-key-of-two-letters"),
        pytest.param({"secret_key": (SOUND["secret_key"], "x" * 31)}, {}, "secret-key-weak", id="an-old-weak-key"),
        pytest.param({"base_url": None}, {}, "base-url", id="no-base-url"),
        pytest.param({"base_url": "http://shop.example/"}, {}, "base-url", id="a-base-url-without-tls"),
        pytest.param({"allowed_hosts": ()}, {}, "allowed-hosts", id="every-host"),
        pytest.param({"allowed_hosts": ("*",)}, {}, "allowed-hosts", id="every-host-by-a-star"),
        pytest.param({}, {"host": "0.0.0.0"}, "proxies-missing", id="all-interfaces-and-no-proxy"),
        pytest.param({}, {"host": "shop.example"}, "proxies-missing", id="a-name-and-no-proxy"),
        pytest.param({"trusted_proxies": ("0.0.0.0/0",)}, {}, "proxies-too-wide", id="everybody-is-a-proxy"),
        pytest.param({"trusted_proxies": ("::/0",)}, {}, "proxies-too-wide", id="everybody-on-ipv6-is-a-proxy"),
        pytest.param({"session_cookie_secure": False}, {}, "session-cookie-insecure", id="a-cookie-over-http"),
        pytest.param({"session_cookie_name": "session"}, {}, "session-cookie-name", id="flask's-cookie-name"),
        pytest.param({"session_cookie_domain": "shop.example"}, {}, "session-cookie-domain", id="a-wide-cookie"),
        pytest.param({"session_lifetime_seconds": 365 * 86400}, {}, "session-lifetime", id="a-session-of-a-year"),
        pytest.param({"max_body_bytes": 2**30}, {}, "body-limits", id="a-huge-body"),
        pytest.param({"max_multipart_bytes": 2**31}, {}, "body-limits", id="a-huge-upload"),
        pytest.param({"threads": 1000}, {}, "threads", id="too-many-threads"),
        pytest.param({"threads": 1}, {}, "threads", id="one-thread"),
        pytest.param({"thread_queue_timeout_seconds": 300.0}, {}, "thread-queue", id="a-long-queue"),
        pytest.param({}, {"access_log": False}, "access-log-off", id="no-access-log"),
        pytest.param(
            {}, {"header_timeout_seconds": 90, "keep_alive_timeout_seconds": 100}, "header-timeout", id="slow-heads"
        ),
        pytest.param({}, {"graceful_timeout_seconds": 0}, "graceful-timeout", id="a-stop-that-waits-for-nothing"),
    ],
)
def test_each_weakness_is_found_and_nothing_else(
    tmp_path: Path, settings: dict[str, Any], server: dict[str, Any], expected: str
) -> None:
    """One change to a sound deployment is one finding."""

    assert {expected} == names(tmp_path, settings, server)


def test_the_key_of_development_is_found(tmp_path: Path) -> None:
    """It lies in a folder that is copied around."""
    environ: dict[str, str] = {}
    provide_secret_key(tmp_path, environ)

    assert {"secret-key-of-development"} == names(tmp_path, {"secret_key": environ["COSTREL_SECRET_KEY"]})


@pytest.mark.parametrize(
    ("settings", "server"),
    [
        pytest.param({"trusted_proxies": ("10.0.0.0/8",)}, {"host": "0.0.0.0"}, id="a-private-network-of-proxies"),
        pytest.param({"trusted_proxies": ("private",)}, {"host": "::"}, id="the-private-networks-by-their-word"),
        pytest.param({}, {"uds": "/run/shop.sock", "host": "0.0.0.0"}, id="a-socket-file"),
        pytest.param({}, {"host": "localhost"}, id="loopback-by-name"),
    ],
)
def test_what_is_sound_is_let_through(tmp_path: Path, settings: dict[str, Any], server: dict[str, Any]) -> None:
    """A check that cries without reason is soon ignored."""

    assert set() == names(tmp_path, settings, server)


def test_the_name_of_the_cookie_is_flasks_as_long_as_a_flask_application_shares_it(tmp_path: Path) -> None:
    """Both must find it."""

    assert set() == names(tmp_path, {"session_cookie_name": "session"}, is_flask_mounted=True)


def test_there_are_more_than_ten_checks_and_warnings_come_first(tmp_path: Path) -> None:
    """Advice stands below what must be mended."""
    app = App("shop", settings=AppSettings(), extensions=())
    levels = [finding.level for finding in find_weaknesses(Deployment(app, ServerSettings(), tmp_path))]

    assert len(DEPLOY_CHECKS) > 10
    assert ["warning", "warning", "warning", "note"] == levels


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        pytest.param("COSTREL_TREADS", {"variable-misspelt"}, id="nearly-a-setting-of-the-app"),
        pytest.param("COSTREL_HEADER_TIMEOUT_SECOND", {"variable-misspelt"}, id="nearly-a-setting-of-the-server"),
        pytest.param("COSTREL_THREADS", set(), id="a-setting"),
        pytest.param("COSTREL_APP", set(), id="a-variable-of-the-command-line"),
        pytest.param("COSTREL_TRACE", set(), id="another"),
        pytest.param("COSTREL_SERVER", set(), id="a-third"),
        pytest.param("COSTREL_EDITOR", set(), id="a-fourth"),
        pytest.param("COSTREL_LOOP", set(), id="a-fifth"),
        pytest.param("SHOP_TREADS", set(), id="a-name-of-the-application"),
    ],
)
def test_a_variable_that_is_nearly_a_setting_is_told(tmp_path: Path, variable: str, expected: set[str]) -> None:
    """It changes nothing, and whoever set it believes that it does."""

    assert expected == names(tmp_path, {}, environ={variable: "1"})

"""Tests of the server's settings."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from costrel.errors import ConfigurationError
from costrel.server.settings import ServerSettings


@pytest.mark.security("C30")
@pytest.mark.parametrize(
    "values",
    [
        {"header_timeout_seconds": float("nan")},
        {"header_timeout_seconds": -1},
        {"header_timeout_seconds": 0},
        {"header_timeout_seconds": "10"},
        {"header_timeout_seconds": True},
        {"header_timeout_seconds": 75},
        {"keep_alive_timeout_seconds": float("inf")},
        {"max_header_bytes": 1.5},
        {"max_header_bytes": 0},
        {"max_header_bytes": -1},
        {"max_header_bytes": "1 MiB"},
        {"max_header_bytes": True},
        {"max_header_field_bytes": 40_000},
        {"port": 65_536},
        {"port": -1},
        {"host": ""},
        {"access_log": 1},
        {"uds": "/tmp/s", "fd": 3},
        {"ws_compression": "gzip"},
        {"access_log_format": "xml"},
        {"workers": 0},
        {"max_requests": -1},
        {"max_requests_per_connection": 1.5},
        {"max_event_loop_delay_seconds": -0.1},
        {"liveness_path": "healthz"},
        {"readiness_path": "/ready?now"},
        {"readiness_path": "/a%20b"},
        {"liveness_path": "/z", "readiness_path": "/z"},
        {"tls_key_path": "key.pem"},
        {"tls_key_password": "correct horse"},
        {"proxy_protocol": 1},
        {"proxy_protocol_networks": "10.0.0.0/8"},
        {"proxy_protocol_networks": ("10.0.0.0/99",)},
        {"proxy_protocol_networks": (1,)},
    ],
    ids=str,
)
def test_wrong_values(values: dict[str, Any]) -> None:
    """A value that is no sensible limit is refused at start-up, and the error names the setting."""
    with pytest.raises(ConfigurationError) as caught:
        ServerSettings(**values)

    assert any(f"`{name}`" in str(caught.value) for name in values)


def test_password_is_never_shown() -> None:
    """Neither by the settings themselves nor by an error about it."""
    settings = ServerSettings(tls_certificate_path="c.pem", tls_key_password="correct horse")
    with pytest.raises(ConfigurationError) as caught:
        ServerSettings(tls_key_password="correct horse")

    assert "correct horse" == settings.tls_key_password
    assert "correct horse" not in repr(settings)
    assert "correct horse" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["max_requests_per_connection", "max_requests", "max_requests_jitter", "max_event_loop_delay_seconds"]
)
def test_what_0_switches_off(name: str) -> None:
    """These are off unless they are set, and 0 says so."""

    assert ServerSettings() == ServerSettings(**{name: 0})


@pytest.mark.parametrize("port", [0, 1, 65_535])
def test_ports(port: int) -> None:
    """Every TCP port is accepted, and 0 for a free one."""
    assert port == ServerSettings(port=port).port


def test_environment() -> None:
    """Each field is read from its variable; what is given in code wins."""
    environ = {
        "COSTREL_PORT": "9000",
        "COSTREL_HEADER_TIMEOUT_SECONDS": "2.5",
        "COSTREL_ACCESS_LOG": "off",
        "COSTREL_UDS": "/run/s",
        "COSTREL_DEBUG": "1",
        "COSTREL_PROXY_PROTOCOL_NETWORKS": "10.0.0.0/8, ::1",
    }
    settings = ServerSettings.from_environment(environ, port=1)

    assert (1, 2.5, False, "/run/s", ("10.0.0.0/8", "::1")) == (
        settings.port,
        settings.header_timeout_seconds,
        settings.access_log,
        settings.uds,
        settings.proxy_protocol_networks,
    )


@pytest.mark.parametrize("text", ['["10.0.0.0/8", "::1"]', "10.0.0.0/8,::1", " 10.0.0.0/8 , ::1 ,"])
def test_lists_in_the_environment(text: str) -> None:
    """A list is JSON, or stands between commas."""
    settings = ServerSettings.from_environment({"COSTREL_PROXY_PROTOCOL_NETWORKS": text})

    assert ("10.0.0.0/8", "::1") == settings.proxy_protocol_networks


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PORT", "x"),
        ("PORT", "-1"),
        ("PORT", "9" * 16),
        ("ACCESS_LOG", "maybe"),
        ("BODY_TIMEOUT_SECONDS", "soon"),
        ("BODY_TIMEOUT_SECONDS", "nan"),
        ("PROXY_PROTOCOL_NETWORKS", "[1"),
    ],
)
def test_environment_that_cannot_be_read(name: str, text: str) -> None:
    """The error names the variable."""
    with pytest.raises(ConfigurationError, match=f"COSTREL_{name}"):
        ServerSettings.from_environment({f"COSTREL_{name}": text})


def test_unknown_setting() -> None:
    """A name that no field has is an error, not ignored."""
    with pytest.raises(ConfigurationError, match="no such setting"):
        ServerSettings.from_environment({}, timeout=3)


def test_every_field_is_documented() -> None:
    """The docstring says what each field means."""
    documented = ServerSettings.__doc__ or ""

    assert [] == [f.name for f in dataclasses.fields(ServerSettings) if f"    {f.name}:" not in documented]

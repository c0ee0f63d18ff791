"""How a client sends its requests."""

from __future__ import annotations

from dataclasses import fields

import pytest

from costrel.testing.settings import ClientOptions, ClientSettings


def test_every_setting_can_be_given_as_an_option() -> None:
    """The keyword arguments of the clients are the fields of the settings, all of them."""

    assert {field.name for field in fields(ClientSettings)} == set(ClientOptions.__annotations__)


def test_an_option_that_does_not_exist_is_refused() -> None:
    """The error says what another test client's is called here."""
    with pytest.raises(TypeError, match="here `raise_server_exceptions` is `raise_app_exceptions`; the options"):
        ClientSettings.of({"raise_server_exceptions": False})

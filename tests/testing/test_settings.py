"""How a client sends its requests."""

from __future__ import annotations

from dataclasses import fields

from costrel.testing.settings import ClientOptions, ClientSettings


def test_every_setting_can_be_given_as_an_option() -> None:
    """The keyword arguments of the clients are the fields of the settings, all of them."""

    assert {field.name for field in fields(ClientSettings)} == set(ClientOptions.__annotations__)

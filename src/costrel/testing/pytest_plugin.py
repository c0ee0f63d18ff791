"""Fixtures for pytest, found by its entry point; nothing in Costrel imports this module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Protocol, Unpack

import pytest

from costrel.messages import Application
from costrel.testing.client import TestClient
from costrel.testing.settings import ClientOptions

__all__ = ["ClientFactory", "client_factory"]


class ClientFactory(Protocol):
    """Makes test clients that are closed at the end of the test."""

    def __call__(self, application: Application, /, **options: Unpack[ClientOptions]) -> TestClient:
        """Make a client; the options are those of `TestClient`."""
        ...


@pytest.fixture
def client_factory() -> Iterator[ClientFactory]:
    """Make test clients: ``client = client_factory(app)``; they are closed at the end of the test."""
    with ExitStack() as stack:

        def make(application: Application, /, **options: Unpack[ClientOptions]) -> TestClient:
            return stack.enter_context(TestClient(application, **options))

        yield make

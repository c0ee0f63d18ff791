"""The fixtures of the plugin."""

from __future__ import annotations

from costrel.app import App
from costrel.testing.pytest_plugin import ClientFactory, client_factory

__all__ = ["client_factory"]


def test_the_factory_makes_started_clients(client_factory: ClientFactory) -> None:
    """A client of the factory needs no block; options are passed on."""
    app = App("tested", extensions=())

    @app.get("/")
    def fail() -> str:
        raise LookupError

    client = client_factory(app, raise_app_exceptions=False)

    assert 500 == client.get("/").status_code

"""Handlers as the methods of a class: one resource, one class."""

from __future__ import annotations

from collections.abc import Callable, Mapping

__all__ = ["Resource"]

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "query")


class Resource:
    """A resource whose methods answer the HTTP methods of the same names.

    Subclass it with ``def get``, ``async def post`` … and register it with ``app.add_resource(path, Users)``. One
    instance serves all requests; what belongs to a request is a parameter of the method. A method that is missing
    answers 405, with those that exist in ``Allow``.
    """

    def handlers(self) -> Mapping[str, Callable[..., object]]:
        """Return the bound method for each HTTP method; only the names of methods count, never a request's text."""
        return {name.upper(): getattr(self, name) for name in _METHODS if callable(getattr(self, name, None))}

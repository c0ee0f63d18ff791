"""The mistakes of middleware that was wrapped around an application, each with its text."""

from __future__ import annotations

from costrel.errors import Mistake, ProgrammerError

__all__ = ["called_twice", "foreign_scope", "not_made", "not_middleware"]

_FIX = "Give the class, and its options by name:  app.wrap_asgi(GZipMiddleware, minimum_size=500)"


def not_made(name: str, where: str, error: Exception) -> Mistake:
    """Return the mistake of middleware that cannot be made.

    Args:
        name: of its class or function.
        where: file and line of the call of ``wrap_asgi``.
        error: what making it has raised.
    """
    return Mistake(
        "COS-MOUNT-009",
        f"The middleware `{name}` could not be made: {type(error).__name__}: {error}",
        where,
        "It is called once, by the build, with the application inside it and with the options that were given.",
        _FIX,
    )


def not_middleware(name: str, where: str, made: object) -> Mistake:
    """Return the mistake of something that makes no ASGI application; `made` is what it has made instead."""
    return Mistake(
        "COS-MOUNT-009",
        f"`{name}` made an object of type `{type(made).__name__}`, which is no ASGI application.",
        where,
        "What middleware makes is called for each request, with `scope, receive, send`.",
        _FIX,
    )


def called_twice(name: str) -> ProgrammerError:
    """Return the error of middleware that has called the application a second time for one request."""
    return ProgrammerError(
        Mistake(
            "COS-MOUNT-007",
            f"The middleware `{name}` called the application twice for one request.",
            why="A request goes through layers, hooks and handler once: its body has been read, its session opened.",
            fix="Let the client try again, or repeat in the handler what can be repeated.",
        )
    )


def foreign_scope(name: str) -> ProgrammerError:
    """Return the error of middleware that has called the application with a scope that belongs to no request."""
    return ProgrammerError(
        Mistake(
            "COS-MOUNT-008",
            f"The middleware `{name}` called the application with a scope that is not that of its request.",
            why="The request is found in the scope. Middleware passes on the scope that it got, or a copy of it.",
            fix='Keep what it does not know:  await self.app({**scope, "path": path}, receive, send)',
        )
    )

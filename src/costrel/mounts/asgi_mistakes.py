"""The mistakes of a foreign ASGI application, each with its text."""

from __future__ import annotations

from costrel.errors import ConfigurationError, Mistake, ProgrammerError

__all__ = ["incomplete_response", "lifespan_failed", "no_response", "wrong_message"]


def lifespan_failed(name: str, phase: str, message: str) -> ConfigurationError:
    """Return the error of a lifespan that failed.

    Args:
        name: of the mount.
        phase: ``start`` or ``stop``.
        message: what the application says about it, often a traceback.
    """
    return ConfigurationError(
        Mistake(
            "COS-MOUNT-004",
            f"The mounted application `{name}` failed to {phase}.",
            why=f"It says: {message.strip() or 'nothing'}",
            fix="Start it alone under its own server to see the same; `lifespan=False` of `app.mount` leaves it out.",
        )
    )


def no_response(name: str, *, is_started: bool) -> ProgrammerError:
    """Return the error of an application that has returned without an answer."""
    missing = "the body of its response" if is_started else "a response"
    return ProgrammerError(
        Mistake(
            "COS-MOUNT-005",
            f"The mounted application `{name}` returned without {missing}.",
            why="An ASGI application answers with `http.response.start` and at least one `http.response.body`; "
            "on a handshake with `websocket.accept` or `websocket.close`.",
            fix="Send what is missing, on every way through the application. If it is a middleware, look whether it "
            "awaits the application inside it.",
        )
    )


def incomplete_response(name: str) -> ProgrammerError:
    """Return the error of an application that has returned in the middle of its body."""
    return ProgrammerError(
        Mistake(
            "COS-MOUNT-005",
            f"The mounted application `{name}` returned before its response was complete.",
            why="The last `http.response.body` is the one without `more_body`. The response was cut off, so that "
            "nobody takes it for complete.",
            fix='End the body:  await send({"type": "http.response.body", "body": b""})',
        )
    )


def wrong_message(name: str, what: str, why: str) -> ProgrammerError:
    """Return the error of a message that was sent at the wrong time or with the wrong content.

    Args:
        name: of the mount.
        what: what was sent, for example ``"`http.response.body` before `http.response.start`"``.
        why: the rule.
    """
    return ProgrammerError(
        Mistake(
            "COS-MOUNT-006",
            f"The mounted application `{name}` sent {what}.",
            why=why,
            fix="Mend the application, or the middleware around it that sends this.",
        )
    )

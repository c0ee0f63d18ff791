"""Mistakes that are found while a request is handled, and the key that is missing: each an exception class of its own.

Most are made of the values that their text needs, and write the text themselves.
"""

from __future__ import annotations

from collections.abc import Mapping

from costrel.errors.mistake import ConfigurationError, Mistake, ProgrammerError

__all__ = [
    "BodyNotRead",
    "BodyStreamed",
    "MissingSecretKey",
    "OutsideRequest",
    "RequestEnded",
    "SessionClosed",
    "SessionTooLarge",
    "URLValueError",
]


class MissingSecretKey(ConfigurationError):
    """Something that must be signed was used, and the application has no secret key."""

    def __init__(self, used_for: str) -> None:
        super().__init__(
            Mistake(
                "COS-APP-010",
                f"{used_for} needs a secret key, and the application has none.",
                why="Costrel signs sessions, flashed messages and signed URLs so that clients cannot change them.",
                fix=(
                    "Make a key:        python -c 'import secrets; print(secrets.token_urlsafe(32))'\n"
                    "and set it:        export COSTREL_SECRET_KEY=…\n"
                    "or in code:        App(settings=AppSettings(secret_key=…))\n"
                    "`costrel dev` makes and keeps one by itself."
                ),
            )
        )


class BodyNotRead(ProgrammerError):
    """The body was asked for before it was read; layers run before it is."""

    def __init__(self, name: str) -> None:
        super().__init__(
            Mistake(
                "COS-REQUEST-001",
                f"`request.{name}` was used before the body was read.",
                why="Layers run before the body is read, so that they can refuse an upload early.",
                fix="Write `await request.read()` first; in hooks and handlers it has been done already.",
            )
        )


class BodyStreamed(ProgrammerError):
    """The body is consumed as a `BodyStream`, so it is not kept anywhere to be read again."""

    def __init__(self, name: str) -> None:
        super().__init__(
            Mistake(
                "COS-REQUEST-002",
                f"`request.{name}` was used, but the handler takes the body as a `BodyStream`.",
                why="A streamed body is handed over piece by piece and never kept.",
                fix="Read it from the stream, or take the `BodyStream` parameter away.",
            )
        )


class OutsideRequest(ProgrammerError):
    """A name that stands for the current request was used where there is none."""

    def __init__(self, name: str) -> None:
        super().__init__(
            Mistake(
                "COS-CONTEXT-001",
                f"`{name}` was used outside a request.",
                why=f"`{name}` stands for the request that is being handled, and none is being handled here.",
                fix=(
                    "Take it as a parameter of the handler, pass the value on,\n"
                    "or in tests and scripts:  with app.test_request_context('/'): …"
                ),
            )
        )


class RequestEnded(ProgrammerError):
    """The context of a request that has ended was used, for example by a task it started."""

    def __init__(self, name: str) -> None:
        super().__init__(
            Mistake(
                "COS-CONTEXT-002",
                f"`{name}` was used after its request had ended.",
                why="Something that the request started outlived it; what it would read may belong to nobody.",
                fix="Read what you need before the response is returned and pass the values to the task.",
            )
        )


class SessionClosed(ProgrammerError):
    """The session was touched after the head of the response had been sent."""

    def __init__(self) -> None:
        super().__init__(
            Mistake(
                "COS-SESSION-001",
                "`session` was used after the head of the response had been sent.",
                why="The session travels in a header field, and the header fields are gone.",
                fix="Touch the session before the stream starts, for example before its first `yield`.",
            )
        )


class SessionTooLarge(ProgrammerError):
    """The session does not fit into a cookie."""

    def __init__(self, size_bytes: int, max_bytes: int) -> None:
        super().__init__(
            Mistake(
                "COS-SESSION-002",
                f"The session cookie would be {size_bytes} bytes; browsers keep at most {max_bytes}.",
                why="A cookie that is too large is dropped silently by the browser, and the session with it.",
                fix="Keep an id in the session and the rest in your database.",
            )
        )


class URLValueError(ProgrammerError, ValueError):
    """A URL was asked for with a value that it cannot have in that place, for example ``..`` as a segment.

    Catch it where the value comes from a client.

    Args:
        mistake: the text, which names all of this.
        route: the name of the route.
        values: what was given, by parameter; several where only together they do not fit.
    """

    def __init__(self, mistake: Mistake, route: str, values: Mapping[str, object]) -> None:
        super().__init__(mistake)
        self.route = route
        self.values: dict[str, object] = dict(values)

"""What a WSGI application can do wrong, in words; each ends its request with 500 and a line in the log.

Spec: PEP 3333 "Specification Details", "The start_response() Callable".
"""

from __future__ import annotations

from costrel.errors import Mistake, ProgrammerError

__all__ = ["bad_header", "bad_piece", "bad_status", "called_twice", "ended_by_force", "no_start", "not_iterable"]


def no_start(name: str) -> ProgrammerError:
    """Make the error of an application that gave content without `start_response`."""
    return ProgrammerError(
        Mistake(
            "COS-MOUNT-101",
            f"The WSGI application {_called(name)} did not call `start_response` before its content.",
            why="Status and header fields must be known before the first byte of content is sent.",
            fix='Call `start_response("200 OK", headers)` before the first piece is returned or yielded.',
        )
    )


def called_twice(name: str) -> ProgrammerError:
    """Make the error of a second `start_response` without `exc_info`."""
    return ProgrammerError(
        Mistake(
            "COS-MOUNT-102",
            f"The WSGI application {_called(name)} called `start_response` a second time.",
            why="Only an application that answers an exception may replace the status, and it says so.",
            fix="Pass the exception: `start_response(status, headers, sys.exc_info())`.",
        )
    )


def bad_status(name: str, status: object) -> ProgrammerError:
    """Make the error of a status that is none."""
    return ProgrammerError(
        Mistake(
            "COS-MOUNT-103",
            f"The WSGI application {_called(name)} gave {status!r:.100} as status.",
            why="A status is a `str` of three digits from 200 to 999, a space and a reason without control characters.",
            fix='Write `start_response("200 OK", headers)`.',
        )
    )


def bad_header(name: str, field: object, reason: str) -> ProgrammerError:
    """Make the error of a header field that cannot be sent; its value is never shown."""
    return ProgrammerError(
        Mistake(
            "COS-MOUNT-104",
            f"The WSGI application {_called(name)} gave a header field that cannot be sent: {field!r:.100}.",
            why=reason,
            fix="Pass a list of pairs `(name, value)`, both `str`, without line breaks or other control characters.",
        )
    )


def bad_piece(name: str, piece: object) -> ProgrammerError:
    """Make the error of content that is not bytes."""
    return ProgrammerError(
        Mistake(
            "COS-MOUNT-105",
            f"The WSGI application {_called(name)} gave content of type `{type(piece).__name__}`.",
            why="The content of a response consists of `bytes`.",
            fix='Encode text before it is returned, yielded or written: `text.encode("utf-8")`.',
        )
    )


def not_iterable(name: str, result: object) -> ProgrammerError:
    """Make the error of an application that returned something else than an iterable."""
    return ProgrammerError(
        Mistake(
            "COS-MOUNT-106",
            f"The WSGI application {_called(name)} returned an object of type `{type(result).__name__}`.",
            why="An application returns an iterable of `bytes`, also when there is no content.",
            fix="Return a list: `return [content]`, or `return []` without content.",
        )
    )


def ended_by_force(name: str, raised: BaseException) -> ProgrammerError:
    """Make the error of an application that raised what would end the process or the task."""
    return ProgrammerError(
        Mistake(
            "COS-MOUNT-107",
            f"The WSGI application {_called(name)} raised `{type(raised).__name__}`.",
            why="One request must not end the process that serves others, so this counts as a failure of the request.",
            fix="Raise an exception, or return a response.",
        )
    )


def _called(name: str) -> str:
    return f"`{name}`" if name else "of this mount"

"""What is said when a handler returns something that is no response: what it was, why, and what to write instead.

Each function makes one error with its code; `returning` and `responders` decide when. The texts stand here together,
because they answer one question: how do I say what I mean?
"""

from __future__ import annotations

from costrel.errors import ConfigurationError, Mistake, ProgrammerError
from costrel.handling.type_shapes import type_text

__all__ = [
    "content_without_body",
    "no_response_type",
    "no_response_value",
    "not_as_declared",
    "returned_none",
    "unencodable",
]


def no_response_type(annotation: object, where: str, why: str = "") -> ConfigurationError:
    """The return annotation is a type from which no response can be made; found while the app is built."""
    name = type_text(annotation)
    return ConfigurationError(
        Mistake(
            "COS-HANDLER-204",
            f"A handler is declared to return `{name}`, of which no response can be made.",
            where,
            why or "It has no form in JSON, and no responder is registered for it.",
            "Declare what leaves:               -> a Struct, dataclass, dict, list, str, bytes or Response\n"
            f"or say how it becomes a response:  app.responder({name}, make_response)",
        )
    )


def no_response_value(value: object, where: str) -> ProgrammerError:
    """A handler without a return annotation returned something that is no response."""
    return ProgrammerError(
        Mistake(
            "COS-HANDLER-205",
            f"A handler returned an object of type `{type(value).__name__}`, which is no response.",
            where,
            "Without a return annotation these are understood: str, bytes, dict, list, set, objects with fields,\n"
            "(value, status), (value, headers), (value, status, headers), generators, None and Response.",
            _fix_for(value),
        )
    )


def _fix_for(value: object) -> str:
    name = type(value).__name__
    if hasattr(value, "__await__"):
        return "It was not awaited. Write:   return await …"
    if isinstance(value, type) or callable(value):
        return "It was not called. Write the parentheses after its name."
    if isinstance(value, tuple):
        return "To send it as JSON, declare it:   -> tuple[…], or return list(…)"
    if isinstance(value, bool | int | float):
        return f"To send it as JSON, declare it:   -> {name}\nor return text:                    return str(…)"
    if isinstance(value, BaseException):
        return "Raise it instead of returning it."
    return (
        f"To send it as JSON, declare what leaves:   -> SomeStruct\n"
        f"or say how it becomes a response:          app.responder({name}, make_response)"
    )


def not_as_declared(value: object, annotation: object, where: str, errors: str) -> ProgrammerError:
    """A handler returned something that does not fit its return annotation."""
    why = f"What is declared decides what leaves, so that nothing else does.\n{errors}".rstrip()
    fix = "Return what is declared, or correct the annotation."
    if isinstance(value, tuple):
        fix = (
            "With a return annotation a tuple is data. For a status or header fields return a Response:\n"
            "    return JSONResponse(value, status_code=201, headers={…})\n"
            "set the status of the route (`status_code=201`), raise an HTTPError, or leave the annotation out."
        )
    elif hasattr(value, "__next__"):
        fix = "Collect what it yields:   return list(…)\nor stream it:             -> Iterator[str]"
    elif hasattr(value, "__await__"):
        fix = "It was not awaited. Write:   return await …"
    return ProgrammerError(
        Mistake(
            "COS-HANDLER-206",
            f"A handler declared to return `{type_text(annotation)}` returned `{type(value).__name__}`, "
            "which does not fit.",
            where,
            why,
            fix,
        )
    )


def returned_none(annotation: object, where: str) -> ProgrammerError:
    """A handler with a return annotation came to its end without a value; an error in debug mode."""
    name = type_text(annotation)
    return ProgrammerError(
        Mistake(
            "COS-HANDLER-207",
            f"A handler declared to return `{name}` returned None.",
            where,
            "Most often a `return` is missing on one path. Outside debug mode the answer is an empty 204.",
            f"Add the `return`, or declare that None is meant:   -> {name} | None   (JSON null)\n"
            "or that nothing is sent:                           -> None   (204)",
        )
    )


def content_without_body(annotation: object, status_code: int, where: str) -> ConfigurationError:
    """The status of a route allows no content, and its handler returns some; found while the app is built."""
    return ConfigurationError(
        Mistake(
            "COS-HANDLER-208",
            f"A route has status {status_code}, and its handler is declared to return `{type_text(annotation)}`.",
            where,
            f"A response with status {status_code} has no content (RFC 9110 §6.4.1).",
            "Declare that nothing is sent:   -> None\nor take another status:         status_code=200",
        )
    )


def unencodable(value: object, where: str, error: Exception) -> ProgrammerError:
    """A value, or something inside it, has no form in JSON."""
    return ProgrammerError(
        Mistake(
            "COS-HANDLER-209",
            f"A handler returned an object of type `{type(value).__name__}` that cannot be written as JSON.",
            where,
            f"{error}.",
            "Return only str, numbers, bool, None, dates, UUID, Decimal, enums, lists, dicts with plain keys,\n"
            "and objects with declared fields; convert the rest first.",
        )
    )

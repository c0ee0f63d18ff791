"""The page for a failed request as everybody may see it: the status, what it means, and what to do next.

It says nothing about the application but what the error itself says, and repeats nothing of the request: a page that
shows the path it was asked for can be made to say anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from costrel.http import Problem
from costrel.messages import Response
from costrel.pages.markup import Markup, content_security_policy, document, read_asset, tag, with_code

__all__ = ["make_error_page"]

_MAX_ERRORS = 100

_MEANINGS: Mapping[int, str] = {
    400: "The request could not be understood.",
    401: "You have to sign in to see this.",
    403: "You are not allowed to see this.",
    404: "There is nothing at this address. It may have moved, or the link is wrong.",
    405: "This address cannot be used in this way.",
    406: "This is not available in a form that your browser accepts.",
    408: "The request took too long to arrive. Please try again.",
    409: "Somebody else has changed this in the meantime. Load it again and repeat your change.",
    410: "What was here is gone for good.",
    413: "What you sent is too large.",
    414: "The address is too long.",
    415: "What you sent is of a kind that cannot be read here.",
    422: "Some of what you sent is not right.",
    429: "That was a little too fast. Please wait a moment and try again.",
    431: "Your browser sent too much data along. Deleting the cookies of this site helps.",
    451: "This cannot be shown for legal reasons.",
    500: "Something went wrong on our side. It has been recorded.",
    501: "This is not possible here.",
    502: "A part of this site does not answer as it should. Please try again in a moment.",
    503: "This site is busy or being updated. Please try again in a moment.",
    504: "A part of this site did not answer in time. Please try again in a moment.",
}


def make_error_page(
    problem: Problem, *, retry_after: str = "", near: Sequence[str] = (), allowed: Sequence[str] = ()
) -> Response:
    """Make the page for a problem.

    Args:
        problem: what may be told.
        retry_after: the ``Retry-After`` of the answer; shown when it is a number of seconds.
        near: patterns of routes that are nearly what was asked for, for the developer alone.
        allowed: methods that the address answers, for the developer alone.
    """
    meaning = problem.detail or _MEANINGS.get(problem.status, "")
    parts: list[Markup | None] = [
        tag("p", str(problem.status), class_="status", aria_hidden="true"),
        tag("h1", problem.title),
        tag("p", with_code(meaning), class_="meaning") if meaning else None,
        _errors(problem.extensions.get("errors")),
        tag("p", f"Try again in {retry_after} seconds.") if retry_after.isdecimal() and int(retry_after) > 1 else None,
        _for_developer("Routes that are nearly this one:", near),
        _for_developer("This address answers:", allowed),
        _reference(problem.extensions.get("request_id")),
    ]
    style = read_asset("error_page.css")
    body = tag("main", parts)
    page = Response(document(f"{problem.status} {problem.title}", body, style=style), problem.status)
    page.media_type = "text/html; charset=utf-8"
    page.headers["x-content-type-options"] = "nosniff"
    page.headers["content-security-policy"] = content_security_policy(style=style)
    return page


def _errors(errors: object) -> Markup | None:
    """List what a form or query got wrong."""
    if not isinstance(errors, Sequence) or isinstance(errors, str) or not errors:
        return None
    rows = []
    for error in errors[:_MAX_ERRORS]:
        if isinstance(error, Mapping):
            fields = cast("Mapping[str, object]", error)
            place = str(fields.get("at", "")).removeprefix("$.")
            rows.append([tag("dt", place), tag("dd", with_code(str(fields.get("message", ""))))])
    return tag("dl", rows)


def _for_developer(title: str, items: Sequence[str]) -> Markup | None:
    if not items:
        return None
    shown = tag("ul", [tag("li", tag("code", item)) for item in items])
    return tag("aside", tag("p", title), shown, tag("p", "You see this because of debug mode.", class_="why"))


def _reference(request_id: object) -> Markup | None:
    if not isinstance(request_id, str) or not request_id:
        return None
    return tag("p", "If you report this, please add the reference ", tag("code", request_id), ".", class_="reference")

"""Messages for the next page: `flash` keeps one in the session, `get_flashed_messages` shows it once.

The key and the form in the session are Flask's, so messages survive the way from one framework to the other.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal, overload

from costrel.errors import OutsideRequest, RequestEnded
from costrel.messages import Request, current_request

__all__ = ["flash", "get_flashed_messages"]

KEY: Final = "_flashes"
STATE_KEY: Final = "costrel.flashed_messages"  # no identifier, so no attribute of an application's state


def flash(message: str, category: str = "message") -> None:
    """Keep a message in the session until a page shows it.

    Args:
        message: text, or markup that templates do not escape again.
        category: for example ``"error"``; pages choose colours and filter by it.

    Raises:
        OutsideRequest: no request is current.
        SessionClosed: the head of the response was sent.
        MissingSecretKey: the application has no secret key.
    """
    request = _current("flash")
    session = request.session
    session[KEY] = [*session.get(KEY, ()), (category, message)]
    request.app.emit("message_flashed", {"message": message, "category": category})


@overload
def get_flashed_messages(
    with_categories: Literal[False] = False, category_filter: Collection[str] = ()
) -> list[str]: ...
@overload
def get_flashed_messages(
    with_categories: Literal[True], category_filter: Collection[str] = ()
) -> list[tuple[str, str]]: ...
def get_flashed_messages(
    with_categories: bool = False, category_filter: Collection[str] = ()
) -> list[str] | list[tuple[str, str]]:
    """Return the messages that were flashed, and take them out of the session.

    All calls during one request return the same messages, so a page may show them in several places.

    Args:
        with_categories: whether pairs of category and message are returned.
        category_filter: only messages of these categories; all of them when empty.

    Raises:
        OutsideRequest: no request is current.
        SessionClosed: the head of the response was sent before the first call.
        MissingSecretKey: the application has no secret key.
    """
    request = _current("get_flashed_messages")
    kept = vars(request.state)
    taken: list[tuple[str, str]] | None = kept.get(STATE_KEY)
    if taken is None:
        taken = kept[STATE_KEY] = [(category, message) for category, message in request.session.pop(KEY, ())]
    chosen = [pair for pair in taken if not category_filter or pair[0] in category_filter]
    return chosen if with_categories else [message for _, message in chosen]


def _current(name: str) -> Request:
    """Return the request that is being handled, on behalf of `name`."""
    request = current_request.get(None)
    if request is None:
        raise OutsideRequest(name)
    if request.ended:
        raise RequestEnded(name)
    return request

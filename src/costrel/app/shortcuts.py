"""Small functions of the front door that act on the current request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NoReturn, Protocol, cast

from costrel.app.context import current, handled
from costrel.app.conversion import ResponseRaised
from costrel.app.error_handlers import class_of_status
from costrel.app.registration import where_of
from costrel.errors import HTTPError, MethodNotAllowed
from costrel.http import is_safe_next
from costrel.messages import RedirectResponse, Request, Response

__all__ = ["abort", "after_response", "redirect", "safe_next", "url_for"]


class _MadeOfDetail(Protocol):
    """An error class that has its status."""

    def __call__(self, detail: str | None, *, headers: Mapping[str, str] | None, **extra: object) -> HTTPError: ...


def abort(
    status_code: int | Response, detail: str | None = None, *, headers: Mapping[str, str] | None = None, **extra: object
) -> NoReturn:
    """End the request with an error.

    Args:
        status_code: 400 to 599, or a finished `Response`, which is sent as it is.
        detail: one sentence for the client.
        headers: further header fields.
        extra: further members of the problem document.

    Raises:
        HTTPError: always; of the class that the status has, for example `NotFound`.
    """
    if detail is None and isinstance(extra.get("description"), str):
        detail = str(extra.pop("description"))  # the name that Flask has for it
    if isinstance(status_code, Response):
        raise ResponseRaised(status_code)
    cls = class_of_status(status_code)
    if cls is HTTPError or cls is MethodNotAllowed:
        raise HTTPError(status_code, detail, headers=headers, **extra)
    raise cast("_MadeOfDetail", cls)(detail, headers=headers, **extra)


def redirect(location: str, status_code: int = 303, *, external: bool = False) -> RedirectResponse:
    """Make a redirect.

    Args:
        location: where to; an absolute path such as `url_for` returns, or a URL with `external`.
        status_code: 303 turns any method into GET; 307 and 308 keep method and body.
        external: whether another host is meant; without it one is refused.

    Raises:
        ValueError: control characters, a scheme other than http and https, or another host without `external`.

    Spec:
        RFC 9110 §15.4.
    """
    return RedirectResponse(location, status_code, external=external)


def safe_next(request: Request, default: str = "/") -> str:
    """Return where a form or link asked to go next, if that is a path of this application.

    Args:
        request: its query or form has the field ``next``.
        default: what to return when there is none or it leads elsewhere.
    """
    target = request.query.get("next")
    if target is None and request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        target = request.form.get("next")
    return target if target is not None and is_safe_next(target) else default


def url_for(
    name: str, /, *, external: bool = False, anchor: str | None = None, scheme: str | None = None, **values: Any
) -> str:
    """Build the URL of a route of the current application; see `App.url_for`.

    Raises:
        OutsideRequest: neither a request nor an app context is current.
        URLValueError: a value that cannot stand in its place.
    """
    app = current("url_for").app
    return app.url_for(name, external=external, anchor=anchor, scheme=scheme, **values)


def after_response(function: Callable[..., object], /, *args: object, **kwargs: object) -> None:
    """Call `function` once the response of the current request was sent.

    It runs in a supervisor that the application owns, not in the request: the next request on the connection does not
    wait for it, a client that leaves does not stop it, and a shutdown waits for it, bounded. ``async def`` runs on the
    event loop, ``def`` in a thread. It is lost when the process dies; durable work is a job.

    Args:
        function: called with `args` and `kwargs`; its error is logged with where it came from.
        args: values, never objects that the request owns, such as its database session.
        kwargs: likewise.

    Raises:
        OutsideRequest: no request is current.
    """
    request = handled("after_response")
    supervisor = request.exchange.loop_state.supervisor
    origin = where_of(function)

    def start(ended: Request) -> None:
        supervisor.spawn(partial(function, *args, **kwargs), origin=origin, group=ended)

    request.on_end(start, last=True)

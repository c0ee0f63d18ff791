"""`csrf_token` and `csrf_field`: the token for a page, and what the response has to say because of it.

A token is made when somebody asks for one. Then the response sets the cookie that goes with it, if the browser has not
got it, and is this client's alone.
"""

from __future__ import annotations

import os
from contextvars import ContextVar
from html import escape
from typing import Final
from weakref import ref

from costrel.errors import MissingSecretKey, Mistake, OutsideRequest, ProgrammerError, RequestEnded
from costrel.http import parse_cache_control
from costrel.layers.csrf_refusal import Refusal
from costrel.layers.csrf_secret import SECRET_BYTES, encode_secret, mask, seal
from costrel.layers.csrf_tokens import SESSION_KEY, FormTokens, bound_secret, find_session
from costrel.messages import AppView, Request, Response, current_request

__all__ = ["csrf_field", "csrf_token", "rendering"]

rendering: ContextVar[tuple[ref[Request], FormTokens, AppView]] = ContextVar("costrel_csrf")
"""The request that a layer was last around, and what it left for it.

One connection's requests may share a context, so whoever looks compares the request.
"""

_KEY: Final = "costrel.csrf"  # no identifier, so no attribute of an application's state

REFRESH_SHARE: Final = 10
"""A cookie is signed again once a tenth of its lifetime has passed."""


class _FieldMarkup(str):
    """Markup: templates take it as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


def csrf_token() -> str:
    """Return the token of the current request, for a header field of a script or a form of one's own.

    All calls during one request return the same token. The response gets its cookie, ``Vary: Cookie``, and stays out of
    shared caches.

    Templates have it once `CSRF` was installed as an extension, or this function was given to `App.template_global`.

    Raises:
        OutsideRequest: there is no request.
        ProgrammerError: COS-LAYERS-021, no `CSRF` stands around the handler; COS-LAYERS-022, the first call came after
            the head of the response had been sent.
        MissingSecretKey: the application has no secret key.
    """
    request = _current("csrf_token")
    kept = vars(request.state)
    if _KEY not in kept:
        kept[_KEY] = _make_token(request, *_layer_of(request, "csrf_token"))
    return str(kept[_KEY])


def csrf_field() -> str:
    """Return a hidden field with the token, for a form; templates do not escape it. Raises as `csrf_token` does."""
    tokens, _ = _layer_of(_current("csrf_field"), "csrf_field")
    return _FieldMarkup(f'<input type="hidden" name="{escape(tokens.field_name)}" value="{csrf_token()}">')


def _make_token(request: Request, tokens: FormTokens, app: AppView) -> str:
    """Choose the secret, and see to it that the browser and the session have it."""
    if not app.settings.secret_keys:
        raise MissingSecretKey("`csrf_token()`")
    if request.exchange.status_code or request.ended:
        raise ProgrammerError(_too_late())
    known = tokens.read_cookie(request, app)
    session = find_session(request)
    is_fresh = False
    if session is not None and len(session):
        secret = bound_secret(session)
        if secret is None:
            # SECURITY: the secret of the cookie may have been planted before the session began.
            secret = os.urandom(SECRET_BYTES)
            session[SESSION_KEY] = encode_secret(secret)
    elif isinstance(known, Refusal):
        secret, is_fresh = os.urandom(SECRET_BYTES), True
    else:
        # Forms that are open in other windows stay good.
        secret = known.secret
    now = tokens.clock()
    lifetime_seconds = app.settings.session_lifetime_seconds
    sets_cookie = (
        isinstance(known, Refusal)
        or known.secret != secret
        or (now - known.signed_at) * REFRESH_SHARE >= lifetime_seconds
    )

    def finish(request: Request, response: Response) -> None:
        begun = request.opened_session
        if is_fresh and begun is not None and len(begun) and SESSION_KEY not in begun:
            # The session has begun after the token was made, and is saved after this.
            begun[SESSION_KEY] = encode_secret(secret)
        if sets_cookie:
            response.set_cookie(
                tokens.cookie_name(request, app),
                seal(secret, app.settings.secret_keys, tokens.purpose(app), now),
                max_age_seconds=lifetime_seconds,
                secure=tokens.is_secure(request, app),
            )
        _keep_private(response, sets_cookie=sets_cookie)

    request.on_response(finish)
    return mask(secret)


def _keep_private(response: Response, *, sets_cookie: bool) -> None:
    """Keep a response with a token out of shared caches, whatever the application has said."""
    response.vary("Cookie")
    said = response.headers.get_combined("cache-control")
    control = parse_cache_control(said) if said is not None else None
    # SECURITY: a shared cache would give this client's token and cookie to the next one.
    if control is None or not (control.private or control.no_store):
        response.headers["cache-control"] = "no-store" if sets_cookie else "private"


def _current(name: str) -> Request:
    """Return the request that is being handled, on behalf of `name`."""
    request = current_request.get(None)
    if request is None:
        raise OutsideRequest(name)
    if request.ended:
        raise RequestEnded(name)
    return request


def _layer_of(request: Request, name: str) -> tuple[FormTokens, AppView]:
    """Return what the layer around the handler has left for the request, on behalf of `name`."""
    found = rendering.get(None)
    if found is None or found[0]() is not request:
        raise ProgrammerError(
            Mistake(
                "COS-LAYERS-021",
                f"`{name}()` was called, and no `CSRF` stands around this handler.",
                why="The layer says how the cookie and the field are called, and it is what asks for the token.",
                fix="App(use=[CSRF()])   or   app.install(CSRF())",
            )
        )
    return found[1], found[2]


def _too_late() -> Mistake:
    return Mistake(
        "COS-LAYERS-022",
        "`csrf_token()` was first called after the head of the response had been sent.",
        why="A token goes with a cookie, and the head was the last place for one.",
        fix="Call `csrf_token()` before the stream begins; later calls return the same token.",
    )

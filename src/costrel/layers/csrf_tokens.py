"""Whose token it is: what a browser has sent in its cookie, and what stands in its session.

The secret of a form goes to the browser in a cookie, and with the form as a token (`csrf_secret`). A form that comes
back with the token of its cookie was made here, for no page of another site can read or write that cookie.

A neighbouring host, or somebody between, can plant one: a cookie that was signed here, for himself. Over https the
prefix ``__Host-`` keeps him from it. And where there is a session, the secret stands in it too, so that a planted one
is not its.

Spec: RFC 6265bis §4.1.3.2.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from costrel.layers.csrf_refusal import Refusal
from costrel.layers.csrf_secret import decode_secret, open_seal
from costrel.messages import AppView, Request, SessionView

__all__ = ["SESSION_KEY", "FormTokens", "KnownSecret", "bound_secret", "find_session"]

SESSION_KEY: Final = "_csrf_secret"


@dataclass(frozen=True, slots=True)
class KnownSecret:
    """A secret that a browser has sent, and when it was signed, in seconds since the epoch."""

    secret: bytes
    signed_at: int


class FormTokens:
    """Reads what a browser has sent, for one layer.

    Args:
        cookie_name: of the cookie, without a prefix.
        field_name: of the field in a form.
        clock: returns the time in seconds since the epoch.
    """

    __slots__ = ("_cookie_name", "clock", "field_name")

    def __init__(self, cookie_name: str, field_name: str, clock: Callable[[], float]) -> None:
        self._cookie_name = cookie_name
        self.field_name: str = field_name
        self.clock: Callable[[], float] = clock

    def cookie_name(self, request: Request, app: AppView) -> str:
        """Return the name of the cookie; one that is for https alone has the prefix ``__Host-``."""
        return f"__Host-{self._cookie_name}" if self.is_secure(request, app) else self._cookie_name

    @staticmethod
    def is_secure(request: Request, app: AppView) -> bool:
        """Whether the cookie is for https alone."""
        return request.scheme == "https" or app.settings.session_cookie_secure is True

    def purpose(self, app: AppView) -> str:
        """Return what secrets are signed for, so that those of another application with the same key are none."""
        return f"costrel.csrf:{app.name}:{self._cookie_name}"

    def read_cookie(self, request: Request, app: AppView) -> KnownSecret | Refusal:
        """Return the secret of the cookie, or what is wrong with it."""
        text = request.cookies.get(self.cookie_name(request, app))
        if text is None:
            return Refusal.NO_COOKIE
        opened = open_seal(text, app.settings.secret_keys, self.purpose(app))
        if opened is None or self.clock() - opened[1] > app.settings.session_lifetime_seconds:
            return Refusal.BAD_COOKIE
        return KnownSecret(*opened)

    def expected_secret(self, request: Request, app: AppView) -> bytes | Refusal:
        """Return the secret that the token of a request must have, or why there can be none."""
        known = self.read_cookie(request, app)
        if isinstance(known, Refusal):
            return known
        session = find_session(request)
        if session is not None and len(session):
            bound = bound_secret(session)
            # SECURITY: a token that was made without a session may be the attacker's own, planted with its cookie.
            if bound is None or not hmac.compare_digest(bound, known.secret):
                return Refusal.OTHER_SESSION
        return known.secret


def find_session(request: Request) -> SessionView | None:
    """Return the session of a request, `None` in an application that keeps none."""
    if request.opened_session is None and request.session_keeper is None and "sessions" not in request.app.extensions:
        return None
    return request.session


def bound_secret(session: SessionView) -> bytes | None:
    """Return the secret that stands in a session, `None` when there is none."""
    return decode_secret(session.get(SESSION_KEY))

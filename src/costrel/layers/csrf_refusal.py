"""Why `CSRF` refuses a request: what the client is told, and in debug mode what the developer can do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["Refusal", "RefusalText"]

_PUT_IN_FORM = (
    "Put {{{{ csrf_field() }}}} into the form, or send csrf_token() in the header; a test or a script may instead send "
    "Sec-Fetch-Site: same-origin, or Origin: {own}."
)


@dataclass(frozen=True, slots=True)
class RefusalText:
    """What is said of one refusal.

    Args:
        detail: one sentence for the client.
        fix: for the developer; ``{origin}`` is the page's origin and ``{own}`` the application's.
    """

    detail: str
    fix: str


class Refusal(Enum):
    """Why a request is refused; the name stands in the log and, with hyphens, in the problem document."""

    CROSS_SITE = RefusalText(
        "A page of another site has sent this request.",
        "If you trust its origin: CSRF(trusted_origins=[{origin!r}]).",
    )
    SAME_SITE = RefusalText(
        "A page of another host of this site has sent this request.",
        "If you trust its origin: CSRF(trusted_origins=[{origin!r}]).",
    )
    OTHER_ORIGIN = RefusalText(
        "A page of another origin has sent this request.",
        "It came from {origin!r}, and this is {own}. Behind a proxy set COSTREL_TRUSTED_PROXIES or COSTREL_BASE_URL. "
        "If you trust the origin: CSRF(trusted_origins=[{origin!r}]).",
    )
    OPAQUE_ORIGIN = RefusalText(
        "A page without an origin has sent this request.",
        "It may be in a sandboxed frame, or its policy is Referrer-Policy: no-referrer; same-origin does as much and "
        "keeps the origin.",
    )
    NO_COOKIE = RefusalText(
        "The cookie that protects forms is missing. Allow cookies, load the page again and send it once more.",
        _PUT_IN_FORM,
    )
    BAD_COOKIE = RefusalText(
        "The form is too old. Load the page again and send it once more.",
        "The signature of the cookie is wrong or too old. " + _PUT_IN_FORM,
    )
    OTHER_SESSION = RefusalText(
        "The form belongs to another session. Load the page again and send it once more.",
        "A session has begun, ended or changed since the form was made, or the cookie was planted. " + _PUT_IN_FORM,
    )
    NO_TOKEN = RefusalText(
        "The request has no token against forgery. Load the page again and send it once more.",
        _PUT_IN_FORM,
    )
    WRONG_TOKEN = RefusalText(
        "The token against forgery is not the one of the cookie. Load the page again and send it once more.",
        _PUT_IN_FORM,
    )

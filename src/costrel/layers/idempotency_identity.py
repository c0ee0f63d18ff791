"""Whose key it is, where `Idempotency` is not told: all that a request says of its client.

SECURITY: two clients that choose one key must never meet. So everything counts by which an application tells clients
apart, and not only the first thing that is there: behind one password for a whole site, the cookie still says who it
is. Only a client that says nothing of itself is its address.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from costrel.errors import Mistake, ProgrammerError
from costrel.layers.idempotency_key import digest
from costrel.messages import Request

__all__ = ["identity_of"]


def identity_of(request: Request) -> str:
    """Return whose key it is.

    Counted are ``Authorization``, ``X-API-Key``, and the identifier of `Request.user`. Without a user, the cookie of
    the session counts, or all cookies where there is no session. Without all of these it is the client's address.

    Raises:
        ProgrammerError: COS-LAYERS-050, the user has nothing that says who he is.
    """
    headers = request.headers
    parts = [
        f"{name} {', '.join(values)}".encode("latin-1")
        for name in ("authorization", "x-api-key")
        if (values := headers.getlist(name))
    ]
    user = _user_id(request)
    if user is not None:
        parts.append(b"user %b" % user.encode("utf-8", "surrogatepass"))
    elif "cookie" in headers:
        parts.append(b"cookie %b" % _cookie_of(request))
    if not parts:
        client = request.client
        parts.append(b"client %b" % (client[0] if client is not None else "").encode())
    return digest(*parts).hex()


def _cookie_of(request: Request) -> bytes:
    """Return the cookie of the session; all cookies when there is none, for one of them may say who it is."""
    keeper = request.session_keeper or request.app.extensions.get("sessions")
    name = getattr(keeper, "cookie_name", None) or request.app.settings.session_cookie_name
    value = request.cookies.get(name)
    if value is not None:
        return f"{name}={value}".encode("utf-8", "surrogatepass")
    return "; ".join(request.headers.getlist("cookie")).encode("latin-1")


def _user_id(request: Request) -> str | None:
    """Return what tells the user from others; `None` for nobody."""
    user: object = request.user
    if user is None or getattr(user, "is_authenticated", True) is False:
        return None
    found: object = user
    if isinstance(user, Mapping):
        found = user.get("id")
    elif not isinstance(user, str | int | UUID):
        found = getattr(user, "id", None)
    if isinstance(found, str | int | UUID) and not isinstance(found, bool):
        return f"{type(found).__name__} {found}"
    kind = type(user).__name__
    raise ProgrammerError(
        Mistake(
            "COS-LAYERS-050",
            f"`Idempotency` cannot tell the user of this request, a `{kind}`, from other users.",
            why="It has no `id` that is text, a whole number or a UUID, and one client's key must not find the answer "
            "of another.",
            fix="Idempotency(by=lambda request: str(request.user.number))",
        )
    )

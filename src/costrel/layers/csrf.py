"""`CSRF`: requests that change something must come from a page of this site.

A browser sends the cookies of a site with every request to it, whichever site the page is of. Current browsers say
where the page is from: ``Sec-Fetch-Site`` over https, else ``Origin``. Nothing has to stand in the form then. Only a
request with neither of them, from an old browser or from no browser at all, is asked for a token (`csrf_tokens`), and
only if another site's page could have sent it.

A safe method is never asked, so it must change nothing. The handshake of a WebSocket passes: its origin is checked by
the route.

Spec: Fetch Metadata §2.3; Fetch §3.2; RFC 6454 §7; RFC 9110 §9.2.1.
"""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final
from weakref import ref

from costrel.errors import ConfigurationError, Forbidden, Mistake
from costrel.http import SAFE_METHODS, is_token
from costrel.layers.csrf_origins import normalise_origin, own_origins
from costrel.layers.csrf_refusal import Refusal
from costrel.layers.csrf_rendering import csrf_field, csrf_token, rendering
from costrel.layers.csrf_secret import unmask
from costrel.layers.csrf_tokens import FormTokens
from costrel.layers.exempt_paths import exempt_paths
from costrel.layers.mistakes import wrong_option
from costrel.messages import AppSetup, Dispatch, Layer, LayerInfo, Request, Response, RouteView

__all__ = ["CSRF"]

logger: logging.Logger = logging.getLogger("costrel.csrf")

_EXAMPLE: Final = 'CSRF(trusted_origins=["https://app.example.com"])'
_FORMS_WITH_FIELDS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
# Fetch §2.2.2: a page sends these without asking first, and a body without a type as well.
_SENT_WITHOUT_ASKING: Final = (*_FORMS_WITH_FIELDS, "text/plain", "")
# RFC 9110 §11, RFC 4559: what a browser adds by itself once it knows a password or a ticket.
_ADDED_BY_BROWSERS: Final = frozenset({"basic", "digest", "negotiate", "ntlm"})


class CSRF:
    """Refuses requests with an unsafe method that a page of another site has sent, with 403.

    In the order in which it is asked: ``Sec-Fetch-Site`` is ``same-origin`` or ``none``; the page's origin is one of
    `trusted_origins`; without ``Sec-Fetch-Site``, the origin is the one of the request or of `AppSettings.base_url`;
    without ``Origin`` too, no page could have sent the request; it has a token. The first that holds lets it pass, and
    a field that says otherwise ends the search.

    It is an `Extension` too: ``app.install(CSRF())`` puts it around everything and gives templates `csrf_field` and
    `csrf_token`.

    Args:
        trusted_origins: scheme, host and perhaps port of other pages that may send, ``https://app.example.com``.
        cookie_name: of the cookie that goes with a token; over https it begins with ``__Host-``.
        header_name: the request field that may have the token.
        field_name: the field of a form that may have it.
        exempt: paths that are never asked, ``/hooks/payment`` or everything below ``/hooks/*``.
        clock: returns the time in seconds since the epoch; for tests.

    Attributes:
        name: ``csrf``.
        requires: nothing.
        template_globals: what every template has of it when it was installed.

    Raises:
        ConfigurationError: COS-LAYERS-001, an option that cannot be meant; COS-LAYERS-020, an origin that is
            everybody's.
    """

    name = "csrf"
    requires: tuple[str, ...] = ()
    template_globals: Mapping[str, object] = {"csrf_field": csrf_field, "csrf_token": csrf_token}

    def __init__(
        self,
        trusted_origins: Collection[str] = (),
        *,
        cookie_name: str = "csrf",
        header_name: str = "x-csrf-token",
        field_name: str = "csrf_token",
        exempt: Collection[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        if isinstance(trusted_origins, str):
            raise wrong_option("CSRF", "trusted_origins", trusted_origins, "It is a list of origins.", _EXAMPLE)
        for option, given in (("cookie_name", cookie_name), ("header_name", header_name)):
            if not is_token(given.encode("ascii", "replace")):
                raise wrong_option("CSRF", option, given, "It is no name that HTTP knows.")
        if cookie_name.lower().startswith(("__host-", "__secure-")):
            why = "The prefix `__Host-` is added where browsers keep what it promises: over https."
            raise wrong_option("CSRF", "cookie_name", cookie_name, why, 'CSRF(cookie_name="csrf")')
        if not field_name:
            raise wrong_option("CSRF", "field_name", field_name, "A field without a name is not sent.")
        self._trusted = frozenset(_listed(origin) for origin in trusted_origins)
        self._header_name = header_name.lower()
        self._is_exempt = exempt_paths("CSRF", exempt) if exempt else None
        self._tokens = FormTokens(cookie_name, field_name, clock)

    def __repr__(self) -> str:
        return f"CSRF({sorted(self._trusted)!r})"

    def install(self, app: AppSetup) -> None:
        """Put the layer around everything."""
        app.add_layer(self)

    def bind(self, route: RouteView) -> Layer | None:
        """Return the layer; it is the same for every route, for a page with a form may be at any."""
        tokens, judge, is_exempt = self._tokens, self._judge, self._is_exempt

        def csrf(request: Request, call_next: Dispatch) -> Awaitable[Response]:
            # Kept in a variable of the context: to make the state of a request would cost more than all of this.
            rendering.set((ref(request), tokens, request.app))
            if request.method in SAFE_METHODS or request.is_websocket:
                return call_next(request)
            site = request.headers.get_raw(b"sec-fetch-site")
            if site == b"same-origin" or site == b"none" or (is_exempt is not None and is_exempt(request.route_path)):
                return call_next(request)
            return judge(request, call_next, site)

        return csrf

    def describe(self) -> LayerInfo:
        """Say that it may answer 403, and what it reads."""
        return LayerInfo(
            {403: "The request may have been sent by a page of another site."},
            request_headers=("sec-fetch-site", "origin", self._header_name),
        )

    def _judge(self, request: Request, call_next: Dispatch, site: bytes | None) -> Awaitable[Response]:
        """Let a request pass that did not come from the same origin, or did not say so.

        Raises:
            Forbidden: it was sent by a page of another site.
        """
        origins = request.headers.getlist("origin")
        if site is None and origins == [f"{request.scheme}://{request.headers.get('host')}"]:
            return call_next(request)
        # SECURITY: of two origins, one might be checked and the other be true.
        origin = normalise_origin(origins[0]) if len(origins) == 1 else None
        if origin is not None and origin in self._trusted:
            return call_next(request)
        if site is not None:
            raise _refused(request, Refusal.SAME_SITE if site == b"same-site" else Refusal.CROSS_SITE)
        if origins:
            if origin is not None and origin in own_origins(request):
                return call_next(request)
            raise _refused(request, Refusal.OPAQUE_ORIGIN if origins == ["null"] else Refusal.OTHER_ORIGIN)
        if not _can_be_forged(request):
            return call_next(request)
        return self._ask_for_token(request, call_next)

    async def _ask_for_token(self, request: Request, call_next: Dispatch) -> Response:
        """Let a request pass that has the token of its cookie and session.

        Raises:
            Forbidden: it has not.
        """
        expected = self._tokens.expected_secret(request, request.app)
        if isinstance(expected, Refusal):
            raise _refused(request, expected)
        token = request.headers.get(self._header_name)
        if token is None and request.content_type in _FORMS_WITH_FIELDS:
            await request.read()
            token = request.form.get(self._tokens.field_name)
        if token is None:
            raise _refused(request, Refusal.NO_TOKEN)
        secret = unmask(token)
        # SECURITY: `==` would answer sooner the earlier two secrets differ.
        if secret is None or not hmac.compare_digest(secret, expected):
            raise _refused(request, Refusal.WRONG_TOKEN)
        return await call_next(request)


def _can_be_forged(request: Request) -> bool:
    """Whether a page of another site could have had a browser send this, credentials or effect included.

    Without ``Origin`` and ``Sec-Fetch-Site`` the browser would be an old one. By itself such a page can only send what
    a form sends; for anything else a browser asks with a preflight first, and names the origin then.
    """
    headers = request.headers
    if headers.get_raw(b"cookie") is not None:
        # SECURITY: whatever the type is: there have been browsers and plugins that sent any type without asking.
        return True
    authorization = headers.get("authorization")
    if authorization is not None:
        return authorization.partition(" ")[0].lower() in _ADDED_BY_BROWSERS
    # SECURITY: a login form has no cookie yet, and forged it logs somebody in as the attacker.
    return request.method == "POST" and request.content_type in _SENT_WITHOUT_ASKING


def _refused(request: Request, refusal: Refusal) -> Forbidden:
    """Return the answer to a request that does not pass, and note it."""
    origin = request.headers.get("origin", "")[:200]
    logger.info(
        "csrf_refused reason=%s method=%s path=%r origin=%r request_id=%s",
        refusal.name.lower(),
        request.method,
        request.path[:200],
        origin,
        request.id,
    )
    detail = refusal.value.detail
    if request.app.debug:
        detail = f"{detail} {refusal.value.fix.format(origin=origin, own=' or '.join(own_origins(request)))}"
    return Forbidden(detail, headers={"Cache-Control": "no-store"}, reason=refusal.name.lower().replace("_", "-"))


def _listed(origin: str) -> str:
    """Return an origin of the list as it is compared."""
    if origin in ("*", "null"):
        raise ConfigurationError(
            Mistake(
                "COS-LAYERS-020",
                f"`CSRF` was given the trusted origin `{origin}`.",
                why="Every page can have it, so nothing would be refused: any site can put its form into a frame "
                "without an origin.",
                fix=_EXAMPLE,
            )
        )
    normal = normalise_origin(origin)
    if normal is None or "*" in normal:
        why = "An origin is a scheme, a host and perhaps a port; no path, no `*`, and names beyond ASCII as xn--."
        raise wrong_option("CSRF", "trusted_origins", origin, why, _EXAMPLE)
    return normal

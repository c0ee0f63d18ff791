"""`HTTPSRedirect`: a request that came over plain http is sent to the same address over https.

Whether it did is what the transport says, which believes a proxy only when it is trusted. The host of the new address
comes from the application's own settings where they name one; see `HTTPSRedirect`. The handshake of a WebSocket is
refused: no browser follows a redirect there.

Spec: RFC 9110 §15.4, §4.2.2.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection

from costrel.errors import BadRequest, Forbidden
from costrel.http import URL, is_valid_authority, parse_authority
from costrel.layers.exempt_paths import exempt_paths
from costrel.layers.mistakes import wrong_option
from costrel.messages import Dispatch, Layer, LayerInfo, Request, Response, RouteView

__all__ = ["HTTPSRedirect"]

_STATUS_CODES = (301, 302, 307, 308)


class HTTPSRedirect:
    """Redirects from http to https, path and query kept; refuses WebSockets over http with 403.

    The host of the new address is the first of these that there is: `host`; the request's own, if
    `AppSettings.allowed_hosts` has it; that of `AppSettings.base_url`; and only with neither setting the request's own,
    which then has to be a host by its grammar. Where it names none that may be used the answer is 400.

    Behind a proxy that ends TLS the application must trust it (`AppSettings.trusted_proxies`), or every request seems
    to be http and is redirected for ever.

    Args:
        status_code: 308 and 307 keep the method; 301 and 302 do not in every client.
        host: where to, ``shop.example`` or ``shop.example:8443``; `None` is as above. The port of the request is never
            kept, for it is that of plain http.
        exempt: paths that are answered over http too, such as ``/.well-known/acme-challenge/*``.

    Raises:
        ConfigurationError: COS-LAYERS-001, an option that cannot be.
    """

    def __init__(self, status_code: int = 308, *, host: str | None = None, exempt: Collection[str] = ()) -> None:
        if status_code not in _STATUS_CODES:
            why = f"A redirect to the same resource is one of {', '.join(map(str, _STATUS_CODES))}."
            raise wrong_option("HTTPSRedirect", "status_code", status_code, why, "HTTPSRedirect(status_code=308)")
        if host is not None and not (host.isascii() and is_valid_authority(host.encode())):
            why = "It is a host with an optional port: no scheme and no path."
            raise wrong_option("HTTPSRedirect", "host", host, why, 'HTTPSRedirect(host="shop.example")')
        self._status_code = status_code
        self._host = host
        self._is_exempt = exempt_paths("HTTPSRedirect", exempt)

    def __repr__(self) -> str:
        return f"HTTPSRedirect({self._status_code})"

    def bind(self, route: RouteView) -> Layer | None:
        """Return the check; it is the same for every route."""
        status_code, host, is_exempt = self._status_code, self._host, self._is_exempt

        def https_redirect(request: Request, call_next: Dispatch) -> Awaitable[Response]:
            if request.scheme == "https" or is_exempt(request.route_path):
                return call_next(request)
            if request.is_websocket:
                raise Forbidden("This WebSocket is open over TLS only: use `wss`.")
            return _redirect(request, host or _host_for(request), status_code)

        return https_redirect

    def describe(self) -> LayerInfo:
        """Say that it may redirect."""
        return LayerInfo(
            {self._status_code: "The request came over http; the same address over https is in `Location`."},
            response_headers=("location",),
        )


async def _redirect(request: Request, authority: str, status_code: int) -> Response:
    location = URL.build(
        scheme="https",
        authority=authority,
        path=request.path,
        raw_path=request.raw_path,
        query_string=request.query_string,
    )
    return Response(None, status_code, {"location": location})


def _host_for(request: Request) -> str:
    """Return the host that the settings name, or that of the request if they have nothing against it."""
    settings = request.app.settings
    asked = _asked_host(request)
    # SECURITY: a host that only the client has named must not become an address to which we send others.
    if asked and asked in settings.allowed_hosts:
        return asked
    if settings.base_url is not None:
        base = URL(settings.base_url)
        return base.authority if base.scheme == "https" else base.host
    if asked and (not settings.allowed_hosts or "*" in settings.allowed_hosts):
        return asked
    raise BadRequest("This server does not answer for the host that the request names.")


def _asked_host(request: Request) -> str:
    """Return the host of the request without its port, empty when it names none or something that is none."""
    try:
        return parse_authority(request.headers.get_raw(b"host") or b"")[0]
    except ValueError:
        return ""

"""Who asks: a browser that wants a page, or a program that wants JSON; and whether it is the developer, at home."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from costrel.http import parse_accept, quality_of
from costrel.messages import Request

__all__ = ["may_see_inside", "wants_page"]

_FORWARDING_FIELDS = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"via")


def wants_page(accept: str | None) -> bool:
    """Tell whether HTML is the answer to an Accept field: it names ``text/html`` and likes JSON no better.

    ``*/*`` and no field at all are what programs send.

    Args:
        accept: the field value, or `None` when the request has none.
    """
    named = [item.quality for item in parse_accept(accept or "") if item.value == "text/html"]
    if not named or max(named) == 0:
        return False
    json = max(quality_of(accept, media_type) for media_type in ("application/json", "application/problem+json"))
    return max(named) >= json


def may_see_inside(request: Request) -> bool:
    """Tell whether an answer may show the inside of the application: in debug mode, to this machine alone.

    SECURITY: a page of a foreign site can reach this machine under a name of its own (DNS rebinding), so the host must
    be a local one too. What came through a proxy may come from anywhere, whatever address the proxy has.
    """
    if request.app is None or not request.app.debug:
        return False
    peer, client = request.exchange.peer, request.client
    if peer is None or client is None or not (_is_loopback(peer[0]) and _is_loopback(client[0])):
        return False
    if any(name in _FORWARDING_FIELDS for name, _ in request.raw_headers):
        return False
    host = request.host
    return host == "localhost" or host.endswith(".localhost") or _is_loopback(host.strip("[]"))


def _is_loopback(address: str) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        return ip.ipv4_mapped.is_loopback
    return ip.is_loopback

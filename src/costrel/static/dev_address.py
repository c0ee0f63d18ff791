"""Where Vite's dev server listens, and who may reach it through the application: the developer, on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from costrel.http import URL
from costrel.messages import Request

__all__ = ["DevAddress", "is_at_home"]

DEFAULT_PORTS = {"http": 80, "https": 443}

_FORWARDING_FIELDS = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"via")


@dataclass(frozen=True, slots=True)
class DevAddress:
    """The origin of a dev server.

    Args:
        scheme: ``http`` or ``https``.
        host: a name or an address, without brackets.
        port: 1 to 65535.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, origin: str, *, is_proxied: bool) -> DevAddress:
        """Read an origin such as ``http://localhost:5173``.

        Args:
            origin: as written.
            is_proxied: whether the application itself connects to it.

        Raises:
            ValueError: it is no origin; or it is proxied, and is not ``http`` on this machine.
        """
        url = URL(origin)
        host = url.host.strip("[]")
        if url.scheme not in DEFAULT_PORTS or not host or url.raw_path.strip("/") or url.query_string:
            raise ValueError(f"`dev_server` is an origin such as http://localhost:5173, not {origin!r}.")
        # SECURITY: a proxy to other machines would lend the developer's network to whatever page is open.
        if is_proxied and (url.scheme != "http" or not _is_local(host)):
            raise ValueError(
                f"Through the proxy, `dev_server` is http on this machine, not {origin!r}; see `proxy=False`."
            )
        return cls(url.scheme, host, url.port or DEFAULT_PORTS[url.scheme])

    @property
    def authority(self) -> str:
        """Host and port as they stand in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.authority}"


def is_at_home(request: Request) -> bool:
    """Tell whether a request comes from this machine alone, to a name of this machine.

    SECURITY: a page of a foreign site can reach this machine under a name of its own (DNS rebinding), and would read
    the sources; Vite looks at the host for that reason, and the proxy hides it from Vite. What came through a proxy may
    come from anywhere.
    """
    peer, client = request.exchange.peer, request.client
    if peer is None or client is None or not (_is_local(peer[0]) and _is_local(client[0])):
        return False
    if any(name in _FORWARDING_FIELDS for name, _ in request.raw_headers):
        return False
    return _is_local(request.host.strip("[]"))


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        ip = ip_address(host)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        return ip.ipv4_mapped.is_loopback
    return ip.is_loopback

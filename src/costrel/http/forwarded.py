"""Who the client is when proxies stand between: ``Forwarded`` and ``X-Forwarded-*``.

Anybody can send these fields, so they count only when the *peer* is a trusted proxy, and only as far from the right
as trusted proxies have written. Each property (client, scheme, host, prefix) is looked at by itself, so that a proxy
that writes one of them does not make the others believable by accident.

Read in this order: `TrustedProxies` (what an operator says), `resolve_client` (the rule), `parse_forwarded` (RFC 7239).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias, TypeVar

from costrel.http.urls import is_valid_authority

__all__ = [
    "ForwardedElement",
    "Origin",
    "TrustedProxies",
    "canonical_ip",
    "parse_forwarded",
    "resolve_client",
]

_T = TypeVar("_T")
_Client: TypeAlias = tuple[str | None, int | None]

_UNKNOWN: _Client = (None, None)
_MAX_PORT = 65535

_MAX_ITEMS = 20
_COUNT = re.compile(r"[0-9]{1,2}")
_MAX_ADDRESS_CHARACTERS = 64
_PRIVATE_NETWORKS = (
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)
# RFC 7239 §4: forwarded-pair = token "=" value; addresses are accepted without their quotes too.
_PAIR = re.compile(
    r"[ \t]*+([!#$%&'*+.^_`|~0-9A-Za-z-]++)=(?:\"((?:[^\"\\]|\\.)*+)\"|([^\s\",;=]++))[ \t]*+(?:([;,])|\Z)", re.DOTALL
)
_SEPARATORS = re.compile(r"[ \t;,]++")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_NODE_WITH_PORT = re.compile(r"(\[[^\[\]]++\]|[^:\[\]]++)(?::([0-9]{1,5}))?")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@-]++)+")
_MAX_PREFIX_CHARACTERS = 255
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class ForwardedElement:
    """What one proxy says about the request it received.

    Args:
        for_node: who sent it the request, with a port if it says one; `None` when it does not say.
        by_node: where it received the request.
        host: the Host field it received.
        proto: the scheme it was asked with, in lower case.

    Spec:
        RFC 7239 §5.
    """

    for_node: str | None = None
    by_node: str | None = None
    host: str | None = None
    proto: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from and what the client asked for.

    Args:
        client_host: the client's address in canonical form; `None` when it is not known, and then it must not be
            taken for a trusted one.
        client_port: its port, when known.
        scheme: ``http`` or ``https`` as trusted proxies say, or `None` when none does.
        host: the authority that the client asked for, or `None` when none says.
        prefix: the path in front of the application, without a final ``/``, or `None`.
    """

    client_host: str | None
    client_port: int | None = None
    scheme: str | None = None
    host: str | None = None
    prefix: str | None = None


def canonical_ip(value: str) -> str | None:
    """Return the one spelling of an IP address.

    Args:
        value: an IPv4 or IPv6 address, without port and brackets; a zone is dropped.

    Returns:
        The address as `ipaddress` writes it, an IPv4 address mapped into IPv6 as IPv4; `None` when it is no address.

    >>> canonical_ip("::FFFF:127.0.0.1"), canonical_ip("2001:DB8:0:0::1"), canonical_ip("example.com")
    ('127.0.0.1', '2001:db8::1', None)
    """
    address = _address(value)
    return None if address is None else str(address)


def _address(value: str) -> IPv4Address | IPv6Address | None:
    if len(value) > _MAX_ADDRESS_CHARACTERS:
        return None
    try:
        address = ip_address(value.partition("%")[0] if ":" in value else value)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


class TrustedProxies:
    """Which peers are proxies whose word counts; parsed once at start-up.

    Args:
        trusted: networks such as ``"10.0.0.0/8"``, single addresses and the word ``"private"`` (loopback, link-local
            and private networks), as one text or several; or the number of proxies in front of the application,
            whatever their addresses, also as the only text. Nothing is trusted by default.

    Raises:
        ValueError: something that is none of these; the message names it.

    >>> TrustedProxies(("10.0.0.0/8", "::1")).is_trusted("10.1.2.3")
    True
    """

    __slots__ = ("_hop_count", "_networks")

    def __init__(self, trusted: Sequence[str] | str | int = ()) -> None:
        self._hop_count = 0
        networks: list[IPv4Network | IPv6Network] = []
        words = (trusted,) if isinstance(trusted, str) else () if isinstance(trusted, int) else trusted
        if len(words) == 1 and _COUNT.fullmatch(words[0]):
            trusted = int(words[0])
        if isinstance(trusted, int):
            if isinstance(trusted, bool) or not 0 <= trusted <= _MAX_ITEMS:
                raise ValueError(f"The number of trusted proxies is from 0 to {_MAX_ITEMS}, not {trusted!r}.")
            self._hop_count = trusted
        else:
            for word in words:
                networks.extend(_parse_networks(word))
        self._networks = tuple(networks)

    def __bool__(self) -> bool:
        return bool(self._hop_count or self._networks)

    @property
    def hop_count(self) -> int:
        """The number of proxies in front of the application, or 0 when they are known by address."""
        return self._hop_count

    def is_trusted(self, host: str) -> bool:
        """Tell whether an address lies in one of the networks; never so for what is no IP address.

        Args:
            host: an address in any spelling.
        """
        address = _address(host)
        return address is not None and any(address in network for network in self._networks)

    def __repr__(self) -> str:
        inside = self._hop_count or tuple(str(network) for network in self._networks)
        return f"TrustedProxies({inside!r})"


def _parse_networks(word: str) -> list[IPv4Network | IPv6Network]:
    if word == "private":
        return [ip_network(network) for network in _PRIVATE_NETWORKS]
    try:
        return [ip_network(word)]
    except ValueError as error:
        raise ValueError(
            f"{word[:100]!r} is not a trusted proxy: write a network such as '10.0.0.0/8', an address, 'private', "
            f"or the number of proxies ({error})."
        ) from None


def parse_forwarded(value: str, max_items: int = _MAX_ITEMS) -> tuple[ForwardedElement, ...]:
    """Parse one field line of Forwarded, in linear time.

    Args:
        value: the field value.
        max_items: only the last so many elements are kept; those on the left are anybody's.

    Returns:
        The elements in the order sent, the last from the nearest proxy. A field value that is not of the grammar, or
        an element that says something twice, has no elements at all.

    Spec:
        RFC 7239 §4.

    >>> parse_forwarded('for="[2001:db8::1]:47011";proto=https, for=10.0.0.1')[0].for_node
    '[2001:db8::1]:47011'
    """
    elements: list[ForwardedElement] = []
    pairs: dict[str, str] = {}
    position = 0
    while position < len(value):
        match = _PAIR.match(value, position)
        if match is not None:
            name = match[1].lower()
            if name in pairs:
                return ()
            pairs[name] = match[3] if match[2] is None else _QUOTED_PAIR.sub(r"\1", match[2])
            separator = match[4]
        else:
            match = _SEPARATORS.match(value, position)
            if match is None:
                return ()
            separator = "," if "," in match[0] else ";"
        position = match.end()
        if separator == "," and pairs:
            elements.append(_element_of(pairs))
            pairs = {}
    if pairs:
        elements.append(_element_of(pairs))
    return tuple(elements[-max_items:])


def _element_of(pairs: dict[str, str]) -> ForwardedElement:
    proto = pairs.get("proto")
    return ForwardedElement(
        for_node=pairs.get("for"),
        by_node=pairs.get("by"),
        host=pairs.get("host"),
        proto=None if proto is None else proto.lower(),
    )


def resolve_client(
    peer: tuple[str, int] | None, headers_getlist: Callable[[bytes], list[bytes]], trusted: TrustedProxies
) -> Origin:
    """Tell who sent a request and what it asked for, as far as trusted proxies say.

    From the right, each proxy that is trusted vouches for what stands left of it, up to the first address that is not
    a trusted proxy: that is the client. The other properties are taken from the same distance, or from the leftmost
    entry where there are fewer. ``Forwarded`` and ``X-Forwarded-*`` are both read; where they disagree about a
    property, one of them came from the client, and the property is unknown. So is a client that a proxy names in a
    form that is no address.

    Args:
        peer: address and port of the other end of the connection, or `None` when it has none.
        headers_getlist: returns the values of all field lines of a lower-case name, in order.
        trusted: whom to believe.

    Returns:
        The origin. From a peer that is not trusted it is the peer's address and nothing else; from a trusted one that
        names no client it is the peer's address and what else it says.

    Spec:
        RFC 7239 §5, §8.1.
    """
    host = None if peer is None else (canonical_ip(peer[0]) or peer[0])
    port = None if peer is None else peer[1]
    if not trusted.hop_count and (host is None or not trusted.is_trusted(host)):
        return Origin(host, port)

    forwarded_lines = headers_getlist(b"forwarded")
    elements = _forwarded_elements(forwarded_lines)
    forwarded_client, forwarded_hops = _walk([element.for_node for element in elements], trusted)
    if not elements and any(line.strip(b" \t,;") for line in forwarded_lines):
        forwarded_client = _UNKNOWN
    listed_client, listed_hops = _walk(_comma_list(headers_getlist(b"x-forwarded-for")), trusted)
    said = [client for client in (forwarded_client, listed_client) if client is not None]
    if said:
        # SECURITY: falling back to the proxy's own address would give a client that sends nonsense the rights of one
        # from the inside.
        host = said[0][0] if len({client_host for client_host, _ in said}) == 1 else None
        port = next((client_port for _, client_port in said if client_port is not None), None) if host else None

    def nearest_to_client(field_name: bytes) -> str | None:
        values = _comma_list(headers_getlist(field_name))
        return values[-min(listed_hops, len(values))] if values else None

    written = elements[-forwarded_hops:]
    scheme = _agreed(
        _scheme(next((element.proto for element in written if element.proto is not None), None)),
        _scheme(nearest_to_client(b"x-forwarded-proto")),
    )
    asked_host = _agreed(
        _host(next((element.host for element in written if element.host is not None), None)),
        _host(nearest_to_client(b"x-forwarded-host")),
    )
    return Origin(host, port, scheme, asked_host, _prefix(nearest_to_client(b"x-forwarded-prefix")))


def _forwarded_elements(field_lines: list[bytes]) -> tuple[ForwardedElement, ...]:
    """Read field lines from the last one; a broken line hides itself and everything before it."""
    elements: tuple[ForwardedElement, ...] = ()
    for line in reversed(field_lines):
        parsed = parse_forwarded(line.decode("latin-1"))
        elements = parsed + elements
        if not parsed or len(elements) >= _MAX_ITEMS:
            break
    return elements[-_MAX_ITEMS:]


def _comma_list(field_lines: list[bytes]) -> list[str]:
    """Return the last entries of a comma-separated field, without the empty ones."""
    last = b",".join(field_lines).rsplit(b",", _MAX_ITEMS)[-_MAX_ITEMS:]
    return [entry for entry in (piece.strip(b" \t").decode("latin-1") for piece in last) if entry]


def _walk(nodes: Sequence[str | None], trusted: TrustedProxies) -> tuple[_Client | None, int]:
    """Go from the right as far as proxies are trusted; return the client, if one is named, and the trusted hops."""
    client: _Client | None = None
    hops = 1
    for distance, node in enumerate(reversed(nodes), start=1):
        if node is None:
            break
        client = _parse_node(node)
        if client[0] is None:
            break
        vouched_for = distance < trusted.hop_count if trusted.hop_count else trusted.is_trusted(client[0])
        if not vouched_for:
            break
        hops = distance + 1
    return client, trusted.hop_count or hops


def _parse_node(node: str) -> _Client:
    """Read an address with an optional port; everything else, obfuscated names included, is nobody known."""
    bare = canonical_ip(node)
    if bare is not None:
        return bare, None
    match = _NODE_WITH_PORT.fullmatch(node)
    host = canonical_ip(match[1].strip("[]")) if match else None
    if match is None or host is None:
        return _UNKNOWN
    return host, None if match[2] is None or int(match[2]) > _MAX_PORT else int(match[2])


def _agreed(first: _T | None, second: _T | None) -> _T | None:
    """Return what both say, or what one says when the other is silent."""
    if first is None or second is None:
        return second if first is None else first
    return first if first == second else None


def _scheme(value: str | None) -> str | None:
    return None if value is None else _SCHEMES.get(value.lower())


def _host(value: str | None) -> str | None:
    return value if value is not None and value.isascii() and is_valid_authority(value.encode()) else None


def _prefix(value: str | None) -> str | None:
    """Accept a path of plain segments; what would be another origin or leave the path is not believed."""
    if value is None or len(value) > _MAX_PREFIX_CHARACTERS:
        return None
    prefix = value.removesuffix("/")
    if not _PREFIX.fullmatch(prefix) or any(segment in (".", "..") for segment in prefix.split("/")):
        return None
    return prefix

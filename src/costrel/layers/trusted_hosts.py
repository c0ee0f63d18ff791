"""`TrustedHosts`: requests for other hosts than one's own are refused.

A client can write anything into ``Host``. Whatever is made of it, the link in a mail or the key of a cache, is then the
client's. Hosts are compared in lower case and without a final dot, an IPv6 address by its value; ``*.example.com`` is
every name below ``example.com`` and never that name itself. The port counts only where a pattern names one.

Spec: RFC 9110 §7.2; RFC 3986 §3.2.2.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from ipaddress import IPv6Address

from costrel.errors import BadRequest, ConfigurationError, Mistake
from costrel.http import parse_authority
from costrel.layers.mistakes import wrong_option
from costrel.messages import Dispatch, Layer, LayerInfo, Request, Response, RouteView

__all__ = ["TrustedHosts"]

_EXAMPLE = 'TrustedHosts("example.com", "*.example.com")'


class TrustedHosts:
    """Refuses requests for hosts that are not listed, with 400.

    Args:
        hosts: ``example.com``, ``*.example.com`` for every name below it, ``[::1]``, or with a port,
            ``localhost:8000``; names beyond ASCII as ``xn--…``.
        any_host: asks for the pattern ``*``, which lets every host pass that is one by its grammar.

    Raises:
        ConfigurationError: COS-LAYERS-001, no host or one that is none; COS-LAYERS-002, ``*`` without `any_host`.
    """

    def __init__(self, *hosts: str, any_host: bool = False) -> None:
        if not hosts and not any_host:
            raise wrong_option(
                "TrustedHosts", "hosts", hosts, "Without a host every request would be refused.", _EXAMPLE
            )
        if "*" in hosts and not any_host:
            raise ConfigurationError(_is_open())
        self._hosts = hosts
        self._any_host = any_host
        self._patterns = tuple(_parse(host) for host in hosts if host != "*")

    def __repr__(self) -> str:
        return f"TrustedHosts({', '.join(map(repr, self._hosts))})"

    def bind(self, route: RouteView) -> Layer | None:
        """Return the check; it is the same for every route."""
        # Most requests write a host as it is listed, so those bytes are compared first.
        listed = frozenset(pattern.as_listed() for pattern in self._patterns if not pattern.is_wildcard)
        patterns, any_host = self._patterns, self._any_host

        def trusted_hosts(request: Request, call_next: Dispatch) -> Awaitable[Response]:
            host = request.headers.get_raw(b"host")
            if host not in listed and (host is None or not _is_trusted(host, patterns, any_host)):
                raise BadRequest("This server does not answer for the host that the request names.")
            return call_next(request)

        return trusted_hosts

    def describe(self) -> LayerInfo:
        """Say that it may answer 400."""
        return LayerInfo({400: "The request names a host that is not served here."}, request_headers=("host",))


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A host, or with `is_wildcard` what the names below a domain end with, and a port if that counts."""

    name: str
    port: int | None
    is_wildcard: bool

    def as_listed(self) -> bytes:
        return (self.name if self.port is None else f"{self.name}:{self.port}").encode("ascii")

    def matches(self, name: str, port: int | None) -> bool:
        if self.port is not None and self.port != port:
            return False
        if not self.is_wildcard:
            return name == self.name
        return name.endswith(self.name) and all(name[: -len(self.name)].split("."))


def _parse(text: str) -> _Pattern:
    is_wildcard = text.startswith("*.")
    try:
        name, port = parse_authority(text.removeprefix("*.").encode("ascii"))
    except ValueError:
        why = (
            "A host is a name, an IPv4 address or an IPv6 address in brackets, and may have a port; no scheme, no path."
        )
        raise wrong_option("TrustedHosts", "hosts", text, why, f"{_EXAMPLE}   names beyond ASCII as xn--…") from None
    if "*" in name or not all(_canonical(name).split(".")):
        why = "A `*` stands alone for the first labels of a name, and no label is empty."
        raise wrong_option("TrustedHosts", "hosts", text, why, _EXAMPLE)
    return _Pattern(f".{_canonical(name)}" if is_wildcard else _canonical(name), port, is_wildcard)


def _is_trusted(field_value: bytes, patterns: tuple[_Pattern, ...], any_host: bool) -> bool:
    try:
        name, port = parse_authority(field_value)
    except ValueError:
        return False
    name = _canonical(name)
    return any_host or any(pattern.matches(name, port) for pattern in patterns)


def _canonical(name: str) -> str:
    """Return the one spelling of a host that `parse_authority` has accepted."""
    return f"[{IPv6Address(name[1:-1]).compressed}]" if name[0] == "[" else name.removesuffix(".")


def _is_open() -> Mistake:
    return Mistake(
        "COS-LAYERS-002",
        '`TrustedHosts` was given "*", which lets every host pass.',
        why="Then the layer refuses nothing, and whoever reads the list believes that it does.",
        fix=f"{_EXAMPLE}\nor, if every host is meant:   TrustedHosts(any_host=True)",
    )

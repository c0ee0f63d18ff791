"""Whose request it is: the keys under which a limit counts.

A key has nothing of the path, so a limit counts the same for ``/a``, ``/a/`` and ``/A``, GET and HEAD. A client is what
the transport says, which believes a proxy only when it is trusted. The first letter keeps the kinds apart: no user can
be called like somebody's address.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from inspect import iscoroutinefunction
from ipaddress import IPv6Address, IPv6Network
from typing import Literal, TypeAlias

from costrel.errors import Mistake, ProgrammerError
from costrel.http import canonical_ip
from costrel.layers.mistakes import wrong_option
from costrel.messages import Request

__all__ = ["By", "compile_key"]

By: TypeAlias = Literal["client", "user"] | Callable[[Request], str | None]

IPV6_PREFIX_LENGTH = 64
MAX_KEY_CHARACTERS = 100
NO_ADDRESS = "c:-"
"""The key of everybody who comes without an address, over a Unix socket."""


def compile_key(by: By) -> Callable[[Request], str]:
    """Return the function from a request to its key.

    Raises:
        ConfigurationError: COS-LAYERS-001, it is none of the three.
    """
    if by == "client":
        return client_key
    if by == "user":
        return _user_key
    if not callable(by) or iscoroutinefunction(by):
        why = 'It is "client", "user", or a function of the request, not `async`, that returns text or `None`.'
        raise wrong_option("Limit", "by", by, why, 'Limit("10/minute", by=lambda request: request.path_params["team"])')

    def key_of_function(request: Request) -> str:
        found = by(request)
        # SECURITY: a client that leaves out what the function looks at is limited all the same.
        return client_key(request) if found is None else _bounded("f", found, by)

    return key_of_function


def client_key(request: Request) -> str:
    """Return the key of a client: an IPv4 address, or the /64 network of an IPv6 address."""
    client = request.client
    return NO_ADDRESS if client is None else _key_of_host(client[0])


# An address is looked up some thirty times as fast as it is parsed.
@lru_cache(4096)
def _key_of_host(host: str) -> str:
    canonical = canonical_ip(host)
    if canonical is None:
        return _bounded("c", host, client_key)
    if ":" not in canonical:
        return f"c:{canonical}"
    # SECURITY: whoever has one address of a /64 has all of them.
    network = IPv6Network((IPv6Address(canonical), IPV6_PREFIX_LENGTH), strict=False)
    return f"c:{network.network_address}"


def _user_key(request: Request) -> str:
    user = request.user
    if user is None:
        return client_key(request)
    if not isinstance(user, str | int):
        found = getattr(user, "id", None)
        if found is None and callable(get_id := getattr(user, "get_id", None)):
            found = get_id()
        if found is None:
            raise _no_text(f"`request.user` is a `{type(user).__name__}` without `id` and `get_id()`.")
        user = found
    return _bounded("u", str(user), _user_key)


def _bounded(kind: str, text: str, source: object) -> str:
    """Return a key of bounded length."""
    if not isinstance(text, str):
        raise _no_text(f"`{getattr(source, '__name__', source)}` returned a `{type(text).__name__}`.")
    if len(text) <= MAX_KEY_CHARACTERS:
        return f"{kind}:{text}"
    return f"{kind}#{blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=20).hexdigest()}"


def _no_text(what: str) -> ProgrammerError:
    return ProgrammerError(
        Mistake(
            "COS-LAYERS-030",
            f"`Limit` does not know whose request it is: {what}",
            why="The key under which it counts is text.",
            fix="Limit(..., by=lambda request: str(request.user.number))",
        )
    )

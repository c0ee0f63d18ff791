"""What an answer is kept under: all that the answer may follow from, in an encoding that nothing else can produce.

The key is made of the route and the values of its parameters, not of the spelled path; of scheme, host and the prefixes
under which the application is served; of the query, whole or the parameters that are named; of the request fields that
are named; and of whose answer it is. It is hashed, so its length does not depend on the request.

SECURITY: what is not in the key must not be in the answer, or one client chooses what others get (cache poisoning).
Query parameters that are not named are hidden from the handler while it makes an answer that is kept. Fields of the
request cannot be hidden that way: a handler that reads one says so in `Response.vary`, or the layer names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from costrel.http import format_query
from costrel.layers.cached_shelf import hashed
from costrel.messages import Request, RouteView

__all__ = ["Asked", "compile_key", "variant_key"]

RECORD_VERSION: Final = 1

_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that the cache concerns.

    Args:
        key: what its answer is kept under, if the answer says nothing of other fields.
        identity: whose answer it is, `None` for everybody's.
        query_string: what the handler may see of the query; `None` is all of it.
    """

    key: str
    identity: str | None
    query_string: bytes | None


def compile_key(
    route: RouteView,
    *,
    vary: Sequence[str],
    query: Sequence[str] | None,
    by: Callable[[Request], str | None] | None,
) -> Callable[[Request], Asked | None]:
    """Return what makes the key of a request; `None` when its answer belongs to somebody and nobody said to whom.

    Args:
        route: the route.
        vary: names of request fields, lower-case.
        query: names of query parameters; `None` is all.
        by: says whose answer it is.
    """
    place = (RECORD_VERSION, route.path, route.name)

    def key_of(request: Request) -> Asked | None:
        headers = request.headers
        get = headers.get_raw
        identity = by(request) if by is not None else None
        if identity is None:
            session = request.opened_session
            if (
                get(b"authorization") is not None
                or request.user is not None
                or (session is not None and session.accessed)
            ):
                return None
        visible = None if query is None else _visible_query(request, query)
        rest = (
            request.app.name,
            request.root_path,
            request.mount_prefix,
            request.scheme,
            (get(b"host") or b"").lower(),
            request.query_string if visible is None else visible,
            [headers.get_combined(name) for name in vary] if vary else (),
            identity,
        )
        try:
            encoded = _encode((place, request.path_params, rest))
        except (TypeError, OverflowError):
            # A converter of the application's own, with values that have no encoding: then the path says it.
            encoded = _encode((place, request.route_path, rest))
        return Asked(f"costrel.cache.response.{hashed(encoded)}", identity, visible)

    return key_of


def _visible_query(request: Request, names: Sequence[str]) -> bytes:
    """Return the query string of the parameters that are named, in the order of their names.

    Raises:
        BadRequest: too many parameters.
    """
    if not request.query_string:
        return b""
    fields = request.query
    return format_query([(name, value) for name in names for value in fields.getlist(name)]).encode("ascii")


def variant_key(request: Request, key: str, names: Iterable[str]) -> str:
    """Return the key of one of several answers to the same question.

    Args:
        request: what its fields say chooses the answer.
        key: the key of the question.
        names: the fields that answers have named in ``Vary``, lower-case.
    """
    headers = request.headers
    values = [(name, headers.get_combined(name)) for name in names]
    return f"{key}.{hashed(_encode(values))}"

"""What is kept of a response, which responses may be kept, and the response that is made of what was kept.

SECURITY: an answer that belongs to one client must never reach another. What sets a cookie, what says ``no-store`` or
``private``, what was made with a session or for a user, and what holds the nonce of a policy is not kept, whatever the
handler meant. Errors of the server are never kept.

Spec: RFC 9111 §3, §4.1, §4.2; RFC 9211.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

import msgspec

from costrel.errors import PreconditionFailed
from costrel.http import CacheControl, Headers, Precondition, make_etag, parse_cache_control, parse_http_date
from costrel.layers.cached_key import Asked
from costrel.layers.cached_shelf import Tokens
from costrel.messages import Request, Response

__all__ = ["MAX_VARY_NAMES", "Record", "RecordRules", "Signpost", "decode_entry", "encode_entry", "mark", "settle"]

MAX_VARY_NAMES: Final = 16

# Of one connection, of one moment, or written anew for each answer.
_NOT_KEPT: Final = frozenset(
    (b"age", b"connection", b"content-length", b"date", b"keep-alive", b"transfer-encoding", b"upgrade")
)
_OF_THE_CONTENT: Final = ("content-type", "content-encoding", "content-language", "content-disposition")


class Record(msgspec.Struct, array_like=True, frozen=True, tag="r"):
    """A response that is kept.

    Attributes:
        created_at: when it was made, in seconds since the epoch.
        fresh_seconds: how long it is fresh.
        tokens: those of its tags, as they were before it was made.
        vary: fields in ``Vary`` beyond those that the layer names, lower-case and sorted.
        status_code: its status.
        fields: its header fields.
        body: its content.
    """

    created_at: float
    fresh_seconds: float
    tokens: tuple[bytes | None, ...]
    vary: tuple[str, ...]
    status_code: int
    fields: list[tuple[bytes, bytes]]
    body: bytes

    def counts(self, tokens: Tokens | None) -> bool:
        """Whether no tag of it was purged."""
        return self.tokens == tokens and None not in self.tokens

    def left_seconds(self, now: float) -> float:
        """How long it is still fresh; negative when it is stale."""
        return self.created_at + self.fresh_seconds - now

    def answer(self, request: Request, now: float, status: str) -> Response:
        """Make the response of it.

        Args:
            request: whose conditions decide between 200, 304 and 412.
            now: seconds since the epoch.
            status: what ``Cache-Status`` says.

        Raises:
            PreconditionFailed: the client means another answer.
        """
        response = Response(self.body, self.status_code)
        # Behind what caches further in have said, in a line of its own (RFC 9211 §2, RFC 9110 §5.3).
        ours = (b"age", b"%d" % max(now - self.created_at, 0)), (b"cache-status", b"costrel; " + status.encode())
        response.own_headers = Headers.from_raw([*self.fields, *ours])
        return settle(request, response)


class Signpost(msgspec.Struct, array_like=True, frozen=True, tag="v"):
    """In the place of a record: the answers differ by more fields, and each is kept under what those say."""

    vary: tuple[str, ...]


Entry: TypeAlias = Record | Signpost

encode_entry: Callable[[Entry], bytes] = msgspec.msgpack.Encoder().encode
_decode: Callable[[bytes], Entry] = msgspec.msgpack.Decoder(Entry).decode


def decode_entry(value: bytes | None) -> Entry | None:
    """Read what is kept; what cannot be read was kept by another version and counts as nothing."""
    if value is None:
        return None
    try:
        return _decode(value)
    except msgspec.MsgspecError:
        return None


@dataclass(frozen=True, slots=True)
class RecordRules:
    """Which responses are kept, and how.

    Args:
        seconds: how long they are fresh, unless their ``Cache-Control`` says less.
        vary: the fields that are in their keys already, lower-case.
        statuses: those that may be kept.
        max_body_bytes: larger content is not kept.
        client_seconds: what ``Cache-Control`` says when the handler said nothing; `None` is nothing.
    """

    seconds: float
    vary: tuple[str, ...]
    statuses: frozenset[int]
    max_body_bytes: int
    client_seconds: int | None

    def make(self, request: Request, response: Response, asked: Asked, *, now: float, tokens: Tokens) -> Record | None:
        """Return what to keep of a response, which gets the fields of a kept one; `None` to keep nothing.

        Args:
            request: as the handler has left it.
            response: as the handler and the layers inside have left it.
            asked: what it is kept under.
            now: when it was asked for, in seconds since the epoch.
            tokens: of its tags, from before it was made.
        """
        body, headers = response.body, response.headers
        if type(body) is not bytes or response.needs_resolving or response.trailers is not None:
            return None
        if response.status_code not in self.statuses or len(body) > self.max_body_bytes:
            return None
        control = parse_cache_control(headers.get_combined("cache-control") or "")
        if "set-cookie" in headers or control.no_store or control.no_cache:
            return None
        if "accept-ranges" in headers:
            # A file that was small enough to be read at once; whoever offers parts of it gives them too.
            return None
        if asked.identity is None and (control.private or _belongs_to_somebody(request)):
            return None
        named = {name.strip().lower() for name in (headers.get_combined("vary") or "").split(",")} - {""}
        if "*" in named or len(named) > MAX_VARY_NAMES or _has_nonce(request, response, body):
            return None
        limit = control.s_maxage_seconds if control.s_maxage_seconds is not None else control.max_age_seconds
        fresh_seconds = self.seconds if limit is None else min(self.seconds, limit)
        if fresh_seconds <= 0:
            return None
        self._complete(response, control, is_private=asked.identity is not None)
        kept = [line for line in response.headers.raw if line[0] not in _NOT_KEPT]
        others = tuple(sorted(named.difference(self.vary)))
        return Record(now, fresh_seconds, tokens, others, response.status_code, kept, body)

    def _complete(self, response: Response, control: CacheControl, *, is_private: bool) -> None:
        """Add the fields that a response has because it is kept."""
        headers = response.headers
        if self.vary:
            headers.vary(*self.vary)
        if self.client_seconds is not None and "cache-control" not in headers:
            control.max_age_seconds = self.client_seconds
            headers["cache-control"] = control.format()
        if is_private:
            # SECURITY: on a hit no session is opened that would say so, and a cache on the way must not mix up clients.
            control.private, control.public, control.s_maxage_seconds = True, False, None
            headers["cache-control"] = control.format()
        if response.status_code == 200 and response.body and response.etag is None:
            response.etag = make_etag(cast("bytes", response.body))


def _belongs_to_somebody(request: Request) -> bool:
    """Whether the answer was made for whoever sent this request."""
    session = request.opened_session
    return request.user is not None or (session is not None and session.accessed)


def _has_nonce(request: Request, response: Response, body: bytes) -> bool:
    """Whether the answer holds the nonce of its Content-Security-Policy, which is good for one answer only."""
    nonce = vars(request.state).get("csp_nonce")
    if not isinstance(nonce, str):
        return False
    wanted = nonce.encode()
    return wanted in body or any(wanted in value for _, value in response.headers.raw)


def mark(response: Response, status: str) -> None:
    """Say in ``Cache-Status`` what the cache did, behind what caches further in have said (RFC 9211 §2)."""
    headers = response.headers
    earlier = headers.get_combined("cache-status")
    headers["cache-status"] = f"{earlier}, costrel; {status}" if earlier else f"costrel; {status}"


def settle(request: Request, response: Response) -> Response:
    """Turn a response into a 304 where the request's conditions say so.

    Raises:
        PreconditionFailed: the client means another answer.
    """
    get = request.headers.get_raw
    is_conditional = (
        get(b"if-none-match") is not None
        or get(b"if-modified-since") is not None
        or get(b"if-match") is not None
        or get(b"if-unmodified-since") is not None
    )
    if not is_conditional or response.status_code != 200:
        return response
    modified = response.headers.get("last-modified")
    tag = response.etag
    if tag is None and modified is None:
        return response
    outcome = request.check_preconditions(
        etag=tag, last_modified=parse_http_date(modified) if modified is not None else None
    )
    if outcome is Precondition.FAILED:
        raise PreconditionFailed
    if outcome is Precondition.NOT_MODIFIED:
        response.status_code = 304
        response.body = b""
        for name in _OF_THE_CONTENT:
            response.headers.pop(name, None)
    return response

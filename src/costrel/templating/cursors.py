"""`Cursor`: a place in a list, between two rows, that a client hands back to get the rows behind it.

The place is the key of the last row shown, so rows that come or go elsewhere change nothing: no row is shown twice or
left out. The client gets it as one opaque text, signed for the route that has made it.

Spec: RFC 2104 (HMAC); RFC 4648 §5 (base64url).
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from costrel.errors import MissingSecretKey, ValidationFailed
from costrel.messages import Request, encode_json
from costrel.templating.listings import Listing, announce_links, reference

__all__ = ["MAX_CURSOR_CHARACTERS", "Cursor", "open_cursor"]

K = TypeVar("K")
T = TypeVar("T")

MAX_CURSOR_CHARACTERS = 1024
_SIGNATURE_BYTES = 16
_WRONG = "Expected a cursor that this list has given out"


class Cursor:
    """The place behind which a client wants to go on: ``?cursor=…&size=20``; a parameter of a handler.

    The rows must have a key that orders them and that no two share, for example when they were made and their number.

    Args:
        request: that asks.
        place: the key of the row before it, as plain values of JSON, in a list; empty for the beginning.
        size: how many rows are wanted.

    Attributes:
        limit: one row more than that: whether it comes tells `of` whether there are more.
    """

    __slots__ = ("_place", "_request", "limit", "size")

    def __init__(self, request: Request, place: Sequence[object], size: int) -> None:
        self._request = request
        self._place = place
        self.size: int = size
        self.limit: int = size + 1

    def __repr__(self) -> str:
        return f"<Cursor of {self.size} rows>"

    def after(self, type_: type[K]) -> K | None:
        """Return the key of the row before the place, `None` at the beginning of the list.

        Args:
            type_: of the key, for example ``int`` or ``tuple[datetime, int]``.

        Raises:
            ValidationFailed: it is of another type, because the list had another key when it was given out.
        """
        if not self._place:
            return None
        try:
            return msgspec.convert(self._place[0], type_)
        except msgspec.ValidationError:
            raise _refused() from None

    def of(self, rows: Sequence[T], key: Callable[[T], object]) -> Listing[T]:
        """Return the rows with a link to those behind them, which the field Link of the response has too.

        Args:
            rows: those behind the place, in the order of their keys, at most `limit`.
            key: returns the key of a row, a value that JSON can hold.

        Raises:
            MissingSecretKey: there are more rows, and the application has no key to sign the place with.
        """
        shown = rows[: self.size]
        links = {"first": reference(self._request, cursor=None)} if self._place else {}
        if len(rows) > self.size:
            links["next"] = reference(self._request, cursor=_seal(self._request, key(shown[-1])))
        announce_links(self._request, links)
        return Listing(shown, links)


def open_cursor(request: Request, text: str, size: int) -> Cursor:
    """Make the cursor of a text that a client has sent.

    Args:
        request: the one it came with.
        text: empty for the beginning.
        size: how many rows are wanted.

    Raises:
        ValidationFailed: the text was not made by this route with one of the application's keys.
        MissingSecretKey: the application has no keys.
    """
    if not text:
        return Cursor(request, (), size)
    try:
        sealed = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:
        raise _refused() from None
    signature, content = sealed[:_SIGNATURE_BYTES], sealed[_SIGNATURE_BYTES:]
    # SECURITY: the signature is looked at before the content is, and in constant time.
    if not any(hmac.compare_digest(signature, _sign(request, secret, content)) for secret in _secrets_of(request)):
        raise _refused()
    return Cursor(request, msgspec.json.decode(content), size)


def _seal(request: Request, key: Any) -> str:
    content = encode_json([key])
    text = urlsafe_b64encode(_sign(request, _secrets_of(request)[0], content) + content).decode("ascii").rstrip("=")
    if len(text) > MAX_CURSOR_CHARACTERS:
        raise ValueError(f"The key of a row is too long for a cursor, {len(content)} bytes of JSON.")
    return text


def _sign(request: Request, secret: str, content: bytes) -> bytes:
    # SECURITY: a cursor of one list would be a key of another, so the route is signed with it.
    purpose = f"costrel.cursor\0{request.app.name}\0{request.route.name if request.route is not None else ''}\0"
    return hmac.digest(secret.encode(), purpose.encode() + content, hashlib.sha256)[:_SIGNATURE_BYTES]


def _secrets_of(request: Request) -> Sequence[str]:
    secrets = request.app.settings.secret_keys
    if not secrets:
        raise MissingSecretKey("A cursor")
    return secrets


def _refused() -> ValidationFailed:
    return ValidationFailed([{"in": "query", "at": "cursor", "message": _WRONG}])

"""`Idempotency`: a request that a client repeats, because it has got no answer, is done once.

A client puts a key of its own choice into ``Idempotency-Key``. The first request with it runs the handler, and what it
answers is kept; the same request again gets that answer. Whose key it is says `idempotency_identity`, what it is kept
under `idempotency_key`, which answers are kept `idempotency_record`, and who may run the handler `idempotency_holds`.

What becomes of a key:

- The handler answered, with a status below 500 that does not say `not now` or `not as you`: the answer is kept.
- It answered 5xx, 401, 403, 407, 408, 409, 421, 423, 425 or 429, or was cancelled on the loop: the key is free at once.
- It was left behind in a thread by a deadline or a cancellation, or its process died: nobody knows what it still does,
  so the key is free when `lock_seconds` are over.
- It answered with a stream or too much to keep: that it was done is kept, and the same request again is 409.

Spec: draft-ietf-httpapi-idempotency-key-header-07.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import replace
from inspect import iscoroutinefunction
from typing import Any, Final, Literal, cast

from costrel.errors import (
    BadRequest,
    ClientDisconnected,
    Conflict,
    RequestAbandoned,
    ServiceUnavailable,
    UnprocessableContent,
)
from costrel.execution import Outcome
from costrel.http import is_token
from costrel.layers.idempotency_holds import Hold, Holds
from costrel.layers.idempotency_identity import identity_of
from costrel.layers.idempotency_key import fingerprint_of, parse_idempotency_key, record_key
from costrel.layers.idempotency_record import Done, Entry, Running, is_outcome
from costrel.layers.idempotency_stream import HeldBody
from costrel.layers.mistakes import wrong_option
from costrel.messages import (
    Dispatch,
    FileBody,
    Layer,
    LayerInfo,
    Request,
    Response,
    ResponseStream,
    RouteView,
    Store,
    StoreUnavailable,
)
from costrel.stores import MemoryStore, open_store

__all__ = ["Idempotency"]

MOST_BODY_BYTES: Final = 15 * 1024 * 1024
_STATE: Final = "idempotency_key"


class Idempotency:
    """Runs the handler once for each ``Idempotency-Key`` of a client, and repeats its answer.

    A request with a key is read to its end before the handler runs. The handler finds the key in
    ``request.state.idempotency_key``. Of several such layers around one handler the outermost one counts. A route
    stands outside with ``meta={"idempotency": False}``.

    Args:
        store: where answers are kept: a store, its URL, or `None` for one in the memory of this process alone.
        ttl_seconds: how long an answer is kept.
        required: whether a request without a key is refused with 400.
        by: says whose key it is, from the request; with `None` of it the request has no key. By default it is all that
            tells clients apart: ``Authorization``, ``X-API-Key``, the user, the session, or else the client's address.
        lock_seconds: how long a handler may take. After that its request may be done again, although it goes on; it is
            more than the deadline of the route, and not more than `ttl_seconds`.
        methods: the methods it concerns, in upper case.
        max_body_bytes: an answer with larger content is not kept, at most 15 MiB.
        on_store_failure: ``closed`` answers 503 when the store is away, before the handler runs; ``open`` runs the
            handler, perhaps twice.
        clock: seconds since the epoch.

    Raises:
        ConfigurationError: COS-LAYERS-001, an option that cannot be meant; COS-STORE-001, a URL that names no store.
    """

    def __init__(
        self,
        store: Store | str | None = None,
        *,
        ttl_seconds: float = 86_400,
        required: bool = False,
        by: Callable[[Request], str | None] | None = None,
        lock_seconds: float = 60,
        methods: Collection[str] = ("POST", "PATCH"),
        max_body_bytes: int = 1_048_576,
        on_store_failure: Literal["open", "closed"] = "closed",
        clock: Callable[[], float] = time.time,
    ) -> None:
        _check_seconds("ttl_seconds", ttl_seconds)
        _check_seconds("lock_seconds", lock_seconds)
        if lock_seconds > ttl_seconds:
            why = "A request that runs for longer than its answer is kept could be done twice."
            raise wrong_option("Idempotency", "lock_seconds", lock_seconds, why)
        if isinstance(methods, str) or not methods or not all(map(_is_method, methods)):
            why = "It is a list of methods, in upper case."
            raise wrong_option("Idempotency", "methods", methods, why, 'Idempotency(methods=["POST"])')
        if isinstance(max_body_bytes, bool) or not isinstance(max_body_bytes, int):
            raise wrong_option("Idempotency", "max_body_bytes", max_body_bytes, "It is a whole number of bytes.")
        if not 0 <= max_body_bytes <= MOST_BODY_BYTES:
            raise wrong_option("Idempotency", "max_body_bytes", max_body_bytes, "It is at most 15 MiB.")
        if on_store_failure not in ("open", "closed"):
            raise wrong_option("Idempotency", "on_store_failure", on_store_failure, 'It is "open" or "closed".')
        if by is not None and (not callable(by) or iscoroutinefunction(by)):
            why = "It is a plain function of the request that returns text or `None`."
            raise wrong_option("Idempotency", "by", by, why)
        if store is None:
            store = MemoryStore()
        elif isinstance(store, str):
            store = open_store(store)
        elif not hasattr(store, "compare_and_set"):
            why = "It is a store or the URL of one."
            raise wrong_option("Idempotency", "store", store, why, 'Idempotency("redis://localhost/0")')
        self._holds = Holds(store, lock_seconds=lock_seconds, ttl_seconds=ttl_seconds, clock=clock)
        self._required = required
        self._by: Callable[[Request], str | None] = by or identity_of
        self._methods = frozenset(methods)
        self._max_body_bytes = max_body_bytes
        self._is_open = on_store_failure == "open"
        self._settling: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"Idempotency({self._holds.store!r})"

    async def aclose(self) -> None:
        """Close the connections of the store on the running loop; for `App.on_stop`."""
        await self._holds.store.aclose()

    def bind(self, route: RouteView) -> Layer | None:
        """Return the layer, or `None` for a route without the methods and for one that stands outside."""
        methods, required, answer_once = self._methods, self._required, self._answer_once
        # What no route matched has neither methods nor a name; a mount has a name.
        concerned = not methods.isdisjoint(route.methods) if route.methods else bool(route.name)
        if not concerned or route.meta.get("idempotency") is False:
            return None

        def idempotency(request: Request, call_next: Dispatch) -> Awaitable[Response]:
            if request.method not in methods:
                return call_next(request)
            if request.headers.get_raw(b"idempotency-key") is not None:
                return answer_once(request, call_next)
            if required:
                raise BadRequest("This operation needs the field `Idempotency-Key`.")
            return call_next(request)

        return idempotency

    def describe(self) -> LayerInfo:
        """Say what it answers by itself, reads and sets."""
        status_codes = {
            400: "The `Idempotency-Key` is missing or no key.",
            409: "A request with this `Idempotency-Key` is under way, or its answer was not kept.",
            422: "The `Idempotency-Key` was used with another request.",
        }
        if not self._is_open:
            status_codes[503] = "Keys cannot be looked up now."
        return LayerInfo(status_codes, ("idempotency-key",), ("idempotency-replayed", "retry-after"))

    async def _answer_once(self, request: Request, call_next: Dispatch) -> Response:
        """Answer a request that names a key: by its handler, or as it was answered before."""
        if _STATE in vars(request.state):
            return await call_next(request)
        key = parse_idempotency_key(request.headers.getlist("idempotency-key"))
        if key is None:
            raise BadRequest("`Idempotency-Key` is one string of 1 to 255 visible characters.")
        identity = self._by(request)
        if identity is None:
            return await call_next(request)
        await request.read()
        hold = self._holds.make(record_key(request, identity, key), await fingerprint_of(request))
        try:
            found = await self._holds.take(hold)
        except StoreUnavailable as error:
            self._holds.note("idempotency_unavailable")
            if not self._is_open:
                detail = "It cannot be found out now whether this request was done. Try again."
                raise ServiceUnavailable(detail, headers={"Retry-After": "1"}) from error
            found, hold = None, replace(hold, is_certain=False)
        if found is not None:
            return self._repeat(hold, found)
        vars(request.state)[_STATE] = key
        try:
            response = await call_next(request)
        except Exception:
            # The handler passes the request on, to a route that may have this layer around it.
            vars(request.state).pop(_STATE, None)
            await self._settle(self._holds.release(hold))
            raise
        except (asyncio.CancelledError, ClientDisconnected, RequestAbandoned):
            if request.used_worker is None:
                await self._settle(self._holds.release(hold))
            raise
        return await self._keep(request, response, hold)

    def _repeat(self, hold: Hold, found: Entry) -> Response:
        """Answer a request that was there before.

        Raises:
            UnprocessableContent: it was another one.
            Conflict: it is under way, or its answer was not kept.
        """
        if found.fingerprint != hold.fingerprint:
            raise UnprocessableContent("This `Idempotency-Key` was used with another request.")
        if isinstance(found, Running):
            headers = {"Retry-After": str(self._holds.wait_seconds(found))}
            raise Conflict("The request with this `Idempotency-Key` is still under way.", headers=headers)
        response = found.answer()
        if response is None:
            raise Conflict("The request with this `Idempotency-Key` was done, and its answer was not kept.")
        return response

    async def _keep(self, request: Request, response: Response, hold: Hold) -> Response:
        """Note what became of a request, and return its answer."""
        holds, body = self._holds, response.body
        status_code = response.status_code
        if not is_outcome(status_code):
            is_left_behind = request.used_worker is not None and request.claim.outcome is Outcome.ABANDONED
            if not is_left_behind:
                await self._settle(holds.release(hold))
            return response
        if isinstance(body, FileBody) and body.content_length is not None:
            if body.content_length <= self._max_body_bytes:
                try:
                    body = response.body = await _read_file(body)
                except Exception:
                    await self._settle(holds.release(hold))
                    raise
        elif hasattr(body, "__anext__"):
            stream = cast("ResponseStream", body)
            response.body = HeldBody(stream, status_code, holds, hold, settle=self._settle, clock=time.monotonic)
            return response
        is_kept = type(body) is bytes and len(body) <= self._max_body_bytes and not response.needs_resolving
        if is_kept and response.trailers is None:
            done = Done.with_answer(hold.fingerprint, response, cast("bytes", body))
        else:
            done = Done.without_answer(hold.fingerprint, status_code)
        await self._settle(holds.finish(hold, done))
        return response

    async def _settle(self, step: Coroutine[Any, Any, None]) -> None:
        """Await a step that goes on although the request is cancelled meanwhile: its handler has run."""
        task = asyncio.get_running_loop().create_task(step)
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        await asyncio.shield(task)


def _is_method(name: str) -> bool:
    return is_token(name.encode("utf-8", "replace")) and name == name.upper()


async def _read_file(body: FileBody) -> bytes:
    try:
        return b"".join([piece async for piece in body])
    finally:
        await body.aclose()


def _check_seconds(option: str, value: object) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and isinstance(value, int | float) and math.isfinite(value) and value > 0):
        raise wrong_option("Idempotency", option, value, "It is a number of seconds over 0.")

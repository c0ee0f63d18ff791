"""The request: one object for one exchange, passed through every layer, hook and handler.

It is also the context of the request: `current_request` holds it, and what the app, the sessions and the
authentication put on it (`app`, `session`, `user`, `g`, `route`) are slots of it. So both sides of a thread hop
see the same object, and there is nothing to copy.

What is seldom asked for is a property over a slot that nobody has set: the first use computes the value and keeps it
there, and a request that never asks pays nothing. There is no `__getattr__`; see `costrel.errors.foreign_names`.

What it says is in two modules below: the head in `head_values.py`, the body in `content_values.py`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Protocol, cast

from costrel.errors import (
    Mistake,
    ProgrammerError,
    SessionClosed,
    with_foreign_names,
)
from costrel.execution import Claim, WorkerContext
from costrel.http import (
    URL,
    ByteRange,
    parse_range,
)
from costrel.messages.callbacks import LateWork, added, run_end_callbacks
from costrel.messages.content import Content, ReadFailure, Streamed
from costrel.messages.content_values import ContentValues
from costrel.messages.exchange import Exchange
from costrel.messages.limits import DEFAULT_LIMITS, MessageLimits
from costrel.messages.state import State
from costrel.messages.views import AppView, MountView, RouteView, SessionView

__all__ = ["Request", "SessionKeeper", "current_request"]

logger: logging.Logger = logging.getLogger("costrel.request")
EndCallback = Callable[["Request"], Awaitable[None] | None]
_PEER: Any = object()  # the client is whoever the exchange says, until somebody says another
_NO_APP: Any = None  # a request has an application before anybody sees it
ResponseCallback = Callable[["Request", Any], Any]  # the response and what may stand for it are built upon this module


class SessionKeeper(Protocol):
    """What opens a request's session when it is first asked for: the extension named ``sessions``."""

    def open_session(self, request: Request, /) -> SessionView:
        """Make the session of a request, and see to it with `Request.on_response` that it is kept."""
        ...

    def keeps_same_session(self, other: object, /) -> bool:
        """Whether one session serves an application of `other` and, mounted in it, one of this keeper."""
        ...


@with_foreign_names
class Request(ContentValues):
    """One HTTP request, or the handshake of a WebSocket.

    Transports make it; handlers take it as a parameter of this type, or use the proxy `costrel.request`.

    Args:
        method: upper-case, for example ``GET``.
        path: the decoded path, begins with ``/``; `root_path` is a prefix of it when a gateway set one.
        raw_path: the path as it came, still percent-encoded, without the query.
        query_string: what stood behind ``?``, still percent-encoded, empty without one.
        raw_headers: pairs of lower-case name and value in the order they came; taken, not copied.
        exchange: the seam to the transport.
        scheme: ``http`` or ``https`` (``ws`` and ``wss`` are never used), as the client spoke it.
        http_version: ``1.0``, ``1.1`` or ``2``.
        root_path: the prefix under which a gateway or proxy serves the application, without a final slash.
        is_websocket: whether this is the handshake of a WebSocket.
        has_content: whether a body may follow; a transport that knows better says no.

    Attributes:
        content: what `read` has kept of the body, `None` before; use `body`, `text`, `json()`, `form` and `files`.
        path_params: the values of the route's parameters by name, converted.
        app: the innermost application that handles the request.
        route: the route that matched, `None` for 404, 405 and automatic answers.
        session_keeper: what opens the session; `None` is the extension of `app` that is named ``sessions``.
        opened_session: the session if somebody has asked for it, else `None`.
        user: what authentication made of the credentials, `None` without any.
        mount: the mount through which `app` was reached, `None` for the outermost application.
        route_path: the path relative to the innermost app; what its routes are matched against.
        deadline_at: when the answer must be there, as a time of the event loop's clock, `None` without a deadline; set
            it through `deadline_seconds`.
        late_work: what `go_on_after` has collected, `None` as long as there is nothing; transports give it to
            `begin_late_work` when the request has ended.
        end_callbacks: what `on_end` has collected, `None` as long as there is nothing; a transport that finds `None`
            may set `ended` itself, and close `used_worker`, instead of awaiting `finish`.
        used_worker: the context of the worker threads, `None` before the first hop.
        response_callbacks: what `on_response` has collected, `None` as long as there is nothing; transports run them.
        max_body_bytes: the limit for the body, every media type; `None` stands for the limits of the settings.

    Spec:
        RFC 9110 §9, §6; the names follow the ASGI HTTP scope.
    """

    __slots__ = (
        "__weakref__",
        "_claim",
        "_client",
        "_g",
        "_id",
        "_state",
        "app",
        "deadline_at",
        "ended",
        "is_websocket",
        "late_work",
        "mount",
        "opened_session",
        "path_params",
        "response_callbacks",
        "route",
        "route_path",
        "session_keeper",
        "used_worker",
        "user",
    )

    app: AppView
    ended: bool
    path_params: dict[str, Any]
    route: RouteView | None
    route_path: str
    user: Any
    _client: tuple[str, int] | None
    _g: Any
    _id: str | None
    _state: State

    def __init__(
        self,
        method: str,
        path: str,
        raw_path: bytes,
        query_string: bytes,
        raw_headers: list[tuple[bytes, bytes]],
        exchange: Exchange,
        scheme: str = "http",
        http_version: str = "1.1",
        root_path: str = "",
        is_websocket: bool = False,
        has_content: bool = True,
    ) -> None:
        self.method = method
        self.path = self.route_path = path
        self.raw_path = raw_path
        self.query_string = query_string
        self.raw_headers = raw_headers
        self._headers = None
        self.exchange: Exchange = exchange
        self.scheme = scheme
        self.http_version = http_version
        self.root_path = root_path
        self.is_websocket: bool = is_websocket
        self.ended = False
        self.content: Content | Streamed | ReadFailure | None = None if has_content else b""
        self.end_callbacks = None
        self.response_callbacks: list[ResponseCallback] | None = None
        self.late_work: list[LateWork] | None = None
        self.deadline_at: float | None = None
        self.max_body_bytes: int | None = None
        self.mount: MountView | None = None
        self.used_worker: WorkerContext | None = None
        self.session_keeper: SessionKeeper | None = None
        self.opened_session: SessionView | None = None
        self.app = _NO_APP
        self.route = self.user = None
        self.path_params = {}
        self._claim: Claim | None = None
        self._client = _PEER
        self._id = None

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"

    @property
    def base_url(self) -> URL:
        """Scheme, authority and `root_path`, ending with a slash; what external links begin with."""
        return URL.build(
            scheme=self.scheme, authority=self.headers.get("host", ""), path=f"{self.root_path}{self.mount_prefix}/"
        )

    @property
    def session(self) -> SessionView:
        """The session; it is opened when it is first asked for, and read when it is first touched.

        Raises:
            ProgrammerError: COS-SESSION-003, the application keeps no sessions.
            SessionClosed: the head of the response was sent, so what would be put into it could not be kept.
        """
        session = self.opened_session
        if session is None:
            session = self.opened_session = self._find_keeper().open_session(self)
        return session

    def _find_keeper(self) -> SessionKeeper:
        if self.exchange.status_code not in (0, 101):
            raise SessionClosed
        keeper = self.session_keeper
        if keeper is None and self.app is not None:
            keeper = cast("SessionKeeper | None", self.app.extensions.get("sessions"))
        if keeper is None:
            raise ProgrammerError(
                Mistake(
                    "COS-SESSION-003",
                    "`session` was used in an application without sessions.",
                    why="Its list of extensions has none that keeps sessions.",
                    fix='Leave `extensions=` at its default, or add "costrel.sessions:SignedCookieSessions".',
                )
            )
        return keeper

    @property
    def mount_prefix(self) -> str:
        """Where the innermost app is mounted inside the outermost, empty for the outermost."""
        return self.mount.prefix if self.mount is not None else ""

    @property
    def id(self) -> str:
        """An identifier of this request for logs and error pages, 16 hexadecimal digits unless a layer sets it."""
        known = self._id
        if known is None:
            known = self._id = os.urandom(8).hex()
        return known

    @id.setter
    def id(self, value: str) -> None:
        self._id = value

    @property
    def known_id(self) -> str | None:
        """The identifier if it was set or asked for; nobody can know another one, and none is made here."""
        return self._id

    @property
    def blueprint(self) -> str:
        """The dotted name of the blueprint whose route matched, empty for the app's own routes."""
        route = self.route
        return route.blueprint if route is not None else ""

    @property
    def limits(self) -> MessageLimits:
        """The limits of the application that handles the request."""
        return self.app.settings if self.app is not None else DEFAULT_LIMITS

    @property
    def is_disconnected(self) -> bool:
        """Whether the client is known to be gone; costs nothing to ask."""
        return self.exchange.is_disconnected

    async def wait_disconnected(self) -> None:
        """Wait until the client is gone."""
        await self.exchange.wait_disconnected()

    def byte_ranges(self, content_length_bytes: int) -> tuple[ByteRange, ...] | None:
        """Read the ``Range`` field for a representation of known length; `None` means: send all of it.

        Raises:
            RangeNotSatisfiable: no range overlaps the representation.
        """
        value = self.headers.get("range")
        if value is None or self.method != "GET":
            return None
        return parse_range(value, content_length_bytes, max_ranges=self.limits.max_ranges)

    @property
    def client(self) -> tuple[str, int] | None:
        """Address and port of the client: the peer, or what a trusted proxy says; `None` on a Unix socket."""
        client = self._client
        return self.exchange.peer if client is _PEER else client

    @client.setter
    def client(self, value: tuple[str, int] | None) -> None:
        self._client = value

    @property
    def g(self) -> Any:  # whatever the application's class of globals declares
        """A namespace for the application's own values during this request."""
        try:
            return self._g
        except AttributeError:
            pass
        self._g = made = self.app.make_globals()
        return made

    @property
    def state(self) -> State:
        """A namespace for layers."""
        try:
            return self._state
        except AttributeError:
            self._state = made = State()
            return made

    @property
    def worker(self) -> WorkerContext:
        """The context in which worker threads run the synchronous steps of this request."""
        worker = self.used_worker
        if worker is None:
            worker = self.used_worker = WorkerContext()
        return worker

    @property
    def claim(self) -> Claim:
        """Who settles the outcome of this request: its handler, or a deadline or disconnect that abandons it."""
        claim = self._claim
        if claim is None:
            claim = self._claim = Claim()
        return claim

    @property
    def deadline_seconds(self) -> float | None:
        """How long the handler may take from now on; `None` is without limit.

        Set it in a layer: the request is answered with 503 when the time is over, and nothing commits.
        """
        at = self.deadline_at
        return None if at is None else at - self.exchange.loop_state.loop.time()

    @deadline_seconds.setter
    def deadline_seconds(self, value: float | None) -> None:
        self.deadline_at = None if value is None else self.exchange.loop_state.loop.time() + value

    async def send_informational(
        self, status_code: int, headers: Mapping[str, str] | Sequence[tuple[str, str]]
    ) -> None:
        """Send an interim response before the final one, for example 103 with ``Link`` fields (RFC 8297).

        Clients of HTTP/1.0 and servers that know no interim responses get nothing.
        """
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        raw = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in pairs]
        await self.exchange.send_informational(status_code, raw)

    def url_for(self, name: str, /, **values: Any) -> str:  # whatever the converters of the pattern take
        """Build the URL of a route of the application that handles the request; see `App.url_for`."""
        return self.app.url_for(name, **values)

    def on_response(self, callback: ResponseCallback, *, last: bool = False) -> None:
        """Call `callback` with the request and its response when all layers have seen it, before its head is sent.

        Callbacks run in reverse order. They may change the response or return another one, and may be ``async def``;
        one that raises is answered like a layer that does. This is for what is only sometimes needed and decided deep
        inside, for example a cookie; what stands around every request is a layer.

        Args:
            callback: called once; a `Response` that it returns, or that its awaitable has as result, is sent instead.
            last: after all others, and of several that are last in the order in which they were given.

        Raises:
            RuntimeError: the head of the response was sent.
        """
        if self.exchange.status_code or self.ended:
            raise RuntimeError("`request.on_response` came too late: the head of the response was sent.")
        self.response_callbacks = added(self.response_callbacks, callback, last=last)

    def on_end(self, callback: EndCallback, *, last: bool = False) -> None:
        """Call `callback` with the request once its last byte was sent or the client is gone.

        Callbacks run in reverse order, all of them although one raises; an error is logged. They may be
        ``async def``. This is for layers that measure or bound a whole exchange.

        Args:
            callback: called once; what it returns is awaited when it can be.
            last: after all others, and of several that are last in the order in which they were given.
        """
        self.end_callbacks = added(self.end_callbacks, callback, last=last)

    def go_on_after(self, work: LateWork) -> None:
        """Do something in the task of this request when it has ended and its connection is free for the next one.

        This is for an application in that task that is not done with its response, for example one that is mounted.
        Works are done in order. What needs no task of its own request is `after_response`.

        Args:
            work: returns an awaitable if it has to wait, and raises nothing.
        """
        if self.late_work is None:
            self.late_work = [work]
        else:
            self.late_work.append(work)

    async def finish(self) -> None:
        """End the request: run what `on_end` collected and mark it as ended. Called once, by the transport."""
        try:
            await run_end_callbacks(self.end_callbacks, self)
        finally:
            self.ended = True
            if self.used_worker is not None:
                self.used_worker.close()


current_request: ContextVar[Request] = ContextVar("costrel_request")

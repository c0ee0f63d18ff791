"""The request: one object for one exchange, passed through every layer, hook and handler.

It is also the context of the request: `current_request` holds it, and what the app, the sessions and the
authentication put on it (`app`, `session`, `user`, `g`, `route`) are slots of it. So both sides of a thread hop
see the same object, and there is nothing to copy.

A slot that is not set costs nothing. The first use of a lazy name ends in `__getattr__`, which computes the value,
keeps it in the slot and is never asked again; a name that does not exist ends there too and is explained.

The body is read once, by `read()`; after that everything about it is a plain synchronous call. How it is read,
limited and spooled is in `content.py`, how forms are taken apart in `forms.py`.
"""

from __future__ import annotations

import logging
import secrets
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Protocol, cast

from costrel.errors import BodyNotRead, BodyStreamed, HTTPError, Mistake, ProgrammerError, SessionClosed
from costrel.execution import Claim, WorkerContext
from costrel.http import (
    URL,
    ByteRange,
    MultiDict,
    parse_authorization,
    parse_cookies,
    parse_query_string,
    parse_range,
)
from costrel.messages.callbacks import added, run_end_callbacks
from costrel.messages.content import STREAMED, Content, ReadFailure, Streamed, read_content, take_arrived_content
from costrel.messages.exchange import Exchange
from costrel.messages.foreign_names import explain_foreign_name
from costrel.messages.forms import FormData, UploadFile, parse_form
from costrel.messages.head_values import HeadValues, host_of, url_of
from costrel.messages.json_body import JSONReader
from costrel.messages.limits import DEFAULT_LIMITS, MessageLimits
from costrel.messages.state import State
from costrel.messages.views import AppView, MountView, RouteView, SessionView

__all__ = ["Request", "SessionKeeper", "current_request"]

logger: logging.Logger = logging.getLogger("costrel.request")
EndCallback = Callable[["Request"], Awaitable[None] | None]
ResponseCallback = Callable[["Request", Any], Any]  # the response and what may stand for it are built upon this module


class SessionKeeper(Protocol):
    """What opens a request's session when it is first asked for: the extension named ``sessions``."""

    def open_session(self, request: Request, /) -> SessionView:
        """Make the session of a request, and see to it with `Request.on_response` that it is kept."""
        ...

    def keeps_same_session(self, other: object, /) -> bool:
        """Whether one session serves an application of `other` and, mounted in it, one of this keeper."""
        ...


class Request(HeadValues):
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
        g: a namespace for the application's own values during this request.
        state: a namespace for layers.
        mount: the mount through which `app` was reached, `None` for the outermost application.
        route_path: the path relative to the innermost app; what its routes are matched against.
        deadline_at: when the answer must be there, as a time of the event loop's clock, `None` without a deadline; set
            it through `deadline_seconds`.
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
        "_form_data",
        "_id",
        "app",
        "client",
        "content",
        "deadline_at",
        "end_callbacks",
        "ended",
        "exchange",
        "g",
        "is_websocket",
        "max_body_bytes",
        "mount",
        "opened_session",
        "path_params",
        "response_callbacks",
        "route",
        "route_path",
        "session_keeper",
        "state",
        "used_worker",
        "user",
    )

    app: AppView
    client: tuple[str, int] | None
    ended: bool
    g: Any
    path_params: dict[str, Any]
    route: RouteView | None
    route_path: str
    state: State
    user: Any
    _claim: Claim | None
    _form_data: FormData
    _id: str

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
        # Asked for by nearly everyone, so it is not among the lazy names that cost a look at `__getattr__`.
        self._headers = None
        self.exchange: Exchange = exchange
        self.scheme = scheme
        self.http_version = http_version
        self.root_path = root_path
        self.is_websocket: bool = is_websocket
        self.ended = False
        self.content: Content | Streamed | ReadFailure | None = None if has_content else b""
        self.end_callbacks: list[EndCallback] | None = None
        self.response_callbacks: list[ResponseCallback] | None = None
        self.deadline_at: float | None = None
        self.max_body_bytes: int | None = None
        self.mount: MountView | None = None
        self.used_worker: WorkerContext | None = None
        self.session_keeper: SessionKeeper | None = None
        self.opened_session: SessionView | None = None

    def __getattr__(self, name: str) -> Any:  # a lazy name, or one that another framework has
        make = _LAZY.get(name)
        if make is None:
            raise AttributeError(explain_foreign_name("Request", name), name=name)
        value = make(self)
        setattr(self, name, value)
        return value

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
        return self._id

    @id.setter
    def id(self, value: str) -> None:
        self._id = value

    @property
    def known_id(self) -> str | None:
        """The identifier if it was set or asked for; nobody can know another one, and none is made here."""
        try:
            known: str = object.__getattribute__(self, "_id")
        except AttributeError:
            return None
        return known

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

    async def read(self) -> None:
        """Read the body, once; later calls return at once.

        Up to `AppSettings.spool_threshold_bytes` stay in memory, more goes to a temporary file. After it `body`,
        `text`, `json()`, `form` and `files` are plain synchronous calls, as often as you like.

        Raises:
            ContentTooLarge: the body is larger than the limit; nothing of it is kept.
            BadRequest: its framing or its multipart structure is broken.
            ClientDisconnected: the client left before it was complete.
            BodyStreamed: the handler took it as a `BodyStream`.
        """
        if self.content is not None:
            self._read_content("read()")
            return
        arrived = take_arrived_content(self.exchange, self.headers, self.limits, max_body_bytes=self.max_body_bytes)
        if arrived is not None:
            self.content = arrived
            return
        try:
            content = await read_content(self.exchange, self.headers, self.limits, max_body_bytes=self.max_body_bytes)
        except (HTTPError, CancelledError) as error:
            # SECURITY: what is left of the body must not be read as a body by whoever asks next.
            self.content = ReadFailure(error)
            raise
        self.content = content
        if not isinstance(content, bytes):
            close = content.close
            self.on_end(lambda _: close())

    def _read_content(self, name: str) -> Content:
        """Return the content that `read` kept; `name` is what the error speaks of."""
        content = self.content
        if content is None:
            raise BodyNotRead(name)
        if content is STREAMED:
            raise BodyStreamed(name)
        if isinstance(content, ReadFailure):
            raise content.again()
        return content

    @property
    def body(self) -> bytes:
        """The content as bytes; one that was spooled to disk is read back.

        Raises:
            BodyNotRead: used in a layer before `await request.read()`.
            BodyStreamed: the handler takes a `BodyStream`.
        """
        content = self._read_content("body")
        return content if isinstance(content, bytes) else content.read()

    @property
    def text(self) -> str:
        """The content as text in UTF-8; bytes that are none become U+FFFD. Raises as `body` does."""
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> JSONReader:
        """Decode the content as JSON: ``request.json()`` or ``request.json(type=Order)``. Raises as `body` does.

        Called, it raises `UnsupportedMediaType` when the content is not JSON (``force=True`` decodes it anyway),
        `BadRequest` when it is malformed and `ValidationFailed` when it does not fit ``type``.
        """
        return JSONReader(self._read_content("json()"), self.content_type, self.limits)

    @property
    def form(self) -> MultiDict[str]:
        """The text fields of a form, urlencoded or multipart; empty for any other media type. Raises as `body` does."""
        return self._form_data.fields

    @property
    def files(self) -> MultiDict[UploadFile]:
        """The files of a multipart form; empty for any other media type. Raises as `body` does."""
        return self._form_data.files

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

    async def finish(self) -> None:
        """End the request: run what `on_end` collected and mark it as ended. Called once, by the transport."""
        try:
            await run_end_callbacks(self.end_callbacks, self)
        finally:
            self.ended = True
            if self.used_worker is not None:
                self.used_worker.close()

    def take_stream(self, name: str) -> None:
        """Mark the body as consumed by a `BodyStream`, so that nobody waits for it a second time.

        Raises:
            BodyStreamed: it was taken before.
        """
        if self.content is STREAMED:
            raise BodyStreamed(name)
        if isinstance(self.content, ReadFailure):
            raise self.content.again()
        if self.content is None:
            self.content = STREAMED

    @property
    def kept_content(self) -> Content | None:
        """The content if `read` has kept it, else `None`; for a `BodyStream` or a mount that replays it."""
        content = self.content
        return None if content is STREAMED or isinstance(content, ReadFailure) else content


def _parse_form(request: Request) -> FormData:
    return parse_form(request._read_content("form"), request.headers.get("content-type", ""), request.limits)


_LAZY: Mapping[str, Callable[[Request], object]] = {
    "_authorization": lambda request: parse_authorization(request.headers.get("authorization", "")),
    "_claim": lambda request: None,
    "_cookies": lambda request: parse_cookies(
        [value for name, value in request.raw_headers if name == b"cookie"], max_cookies=request.limits.max_cookies
    ),
    "_form_data": _parse_form,
    "_host": host_of,
    "_id": lambda request: secrets.token_hex(8),
    "_query": lambda request: parse_query_string(request.query_string, max_fields=request.limits.max_query_fields),
    "_url": url_of,
    "app": lambda request: None,
    "client": lambda request: request.exchange.peer,
    "g": lambda request: request.app.make_globals(),
    "path_params": lambda request: {},
    "route": lambda request: None,
    "state": lambda request: State(),
    "user": lambda request: None,
}

current_request: ContextVar[Request] = ContextVar("costrel_request")

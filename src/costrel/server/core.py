"""What all connections of one loop share: the application, the limits, the clock, the heads and the counters.

A connection asks here what time it is, whether it may start a request, and whom to tell that one has ended. The clock
is a number that one timer moves on every quarter of a second; on the same occasion every connection is asked whether
it has waited too long. So a request costs no timer of its own.

Who makes a `ServerCore` and stops it is in `serve`; what a connection does with it is in `connection`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any, Protocol

from costrel.execution import LoopState
from costrel.http import TrustedProxies
from costrel.messages import Application, Request, apply_forwarded
from costrel.server.exchange import NativeExchange
from costrel.server.framing import UNAVAILABLE, Refusal
from costrel.server.health import HealthAnswer, HealthPaths
from costrel.server.parser_state import ParserLimits
from costrel.server.settings import ServerSettings
from costrel.server.shedding import Shedding
from costrel.server.writer import HeadCache

__all__ = ["SWEEP_SECONDS", "ServedConnection", "ServerCore"]

logger: logging.Logger = logging.getLogger("costrel.server")

SWEEP_SECONDS = 0.25
# The clock stands still while the loop is blocked: what waited in the kernel meanwhile is not the client's fault.
_MAX_STEP_SECONDS = 2 * SWEEP_SECONDS


class ServedConnection(Protocol):
    """What the core needs of a connection."""

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a next request."""
        ...

    @property
    def since(self) -> float:
        """The time of the core's clock at which it began to wait."""
        ...

    def sweep(self, elapsed_seconds: float) -> None:
        """Look whether something has taken too long."""
        ...

    def close_idle(self) -> None:
        """Close it if no request is being answered or has begun to arrive."""
        ...

    def note_stop(self) -> None:
        """Count the requests that have begun to arrive when the server stops."""
        ...

    def abort(self) -> None:
        """Cut it."""
        ...

    def cancel(self) -> str:
        """Cancel the request that is being answered and say which one it is."""
        ...


class ServerCore:
    """The shared state of the connections of one loop.

    Args:
        application: what is served.
        settings: the limits.
        loop_state: what the application has on this loop.
        on_exit: called when a handler asked the process to end, with the exit code.

    Attributes:
        now: the clock, in seconds; it moves every `SWEEP_SECONDS`.
        heads: the ready-made heads of responses.
        ok_heads: those of status 200 by media type, looked up once.
        has_plain_ends: whether nobody listens to the end of a request.
        trusted_proxies: who is believed about the client of a request, `None` for nobody.
        prepares_requests: whether `prepare` has anything to do.
        connections: all that are open, oldest first.
        orphans: connections that are lost while their request still runs.
        late_tasks: tasks of requests that have ended, in which something goes on; see `Request.go_on_after`.
        active_count: requests in flight.
        requests_left: after so many more requests `on_worn_out` is called once, 0 for never.
        unseen_count: as long as fewer are in flight, a request starts without `judge`.
        is_ready: false from the moment at which the server was told to stop; see `HealthPaths`.
        drained: set by whoever waits for the last request to end, all_closed: for the last connection to close.
        is_stopping: whether connections end with the last response that they owe.
        refuses_requests: whether a request that had not begun to arrive when the server stopped gets 503.
        max_connections: how many may be open.
    """

    __slots__ = (
        "_has_hinted",
        "_health",
        "_idle_candidates",
        "_idle_searched_at",
        "_last_time",
        "_max_requests_per_connection",
        "_shedding",
        "_timer",
        "active_count",
        "all_closed",
        "application",
        "base_context",
        "connections",
        "drained",
        "has_plain_ends",
        "heads",
        "is_ready",
        "is_stopping",
        "late_tasks",
        "limits",
        "listens_finished",
        "loop",
        "loop_state",
        "max_connections",
        "now",
        "ok_heads",
        "on_exit",
        "on_worn_out",
        "orphans",
        "prepares_requests",
        "refuses_requests",
        "requests_left",
        "settings",
        "trusted_proxies",
        "unseen_count",
    )

    def __init__(
        self,
        application: Application,
        settings: ServerSettings,
        loop_state: LoopState,
        on_exit: Callable[[int], None],
    ) -> None:
        self.application: Application = application
        self.settings: ServerSettings = settings
        self.limits: ParserLimits = ParserLimits.of(settings)
        self.loop_state: LoopState = loop_state
        self.loop: asyncio.AbstractEventLoop = loop_state.loop
        self.base_context: Context = loop_state.base_context or copy_context()
        self.on_exit: Callable[[int], None] = on_exit
        self.heads: HeadCache = HeadCache()
        self.heads.refresh(time.time())
        self.ok_heads: dict[str | None, bytes] = self.heads.ok_heads
        self.connections: dict[ServedConnection, None] = {}
        self.orphans: set[ServedConnection] = set()
        self.late_tasks: set[asyncio.Task[Any]] = set()
        self.max_connections: int = settings.max_connections
        self.active_count: int = 0
        self.is_ready: bool = True
        self.is_stopping: bool = False
        self.refuses_requests: bool = False
        self.requests_left: int = 0
        self.on_worn_out: Callable[[], None] | None = None
        self._has_hinted = False
        self._shedding = Shedding(settings)
        self._health = HealthPaths.of(settings)
        self.unseen_count: int = 0
        self._settle_unseen_count()
        self.drained: asyncio.Future[None] | None = None
        self.all_closed: asyncio.Future[None] | None = None
        self.listens_finished: bool = application.listens("request_finished")
        self.has_plain_ends: bool = not self.listens_finished
        proxies = getattr(application.settings, "trusted_proxies", ())
        self.trusted_proxies: TrustedProxies | None = TrustedProxies(proxies) if proxies else None
        self._max_requests_per_connection = settings.max_requests_per_connection
        self.prepares_requests: bool = (
            self.listens_finished
            or self.trusted_proxies is not None
            or self._max_requests_per_connection > 0
            or settings.tls_certificate_path is not None
        )
        self.now: float = self.loop.time()
        self._last_time = self.now
        self._timer: asyncio.TimerHandle | None = None
        self._idle_candidates: deque[ServedConnection] = deque()
        self._idle_searched_at = -1.0

    # The clock.

    def start_clock(self) -> None:
        """Begin to sweep."""
        self._last_time = self.loop.time()
        self._timer = self.loop.call_later(SWEEP_SECONDS, self._sweep)

    def stop_clock(self) -> None:
        """Sweep no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        self._timer = self.loop.call_later(SWEEP_SECONDS, self._sweep)
        last, self._last_time = self._last_time, self.loop.time()
        elapsed_seconds = self._last_time - last
        if self._shedding.is_on:
            self.loop.call_soon(self._note_delay, elapsed_seconds - SWEEP_SECONDS, time.monotonic(), 1)
        self.advance(elapsed_seconds)

    def _note_delay(self, delay_seconds: float, asked_at: float, turns_left: int) -> None:
        """Note how late the sweep came, or how long a turn of the loop took, whichever is more.

        What the loop does in a turn is waited for by every request that has just arrived, and a timer can come in time
        between two long ones. There are two turns, because in the first uvloop does not look at sockets.
        """
        now = time.monotonic()
        delay_seconds = max(delay_seconds, now - asked_at)
        if turns_left:
            self.loop.call_soon(self._note_delay, delay_seconds, now, turns_left - 1)
            return
        self._shedding.note_delay(delay_seconds)
        self._settle_unseen_count()

    def advance(self, elapsed_seconds: float) -> None:
        """Move the clock on, renew the date, and let every connection look at its own times."""
        step = min(elapsed_seconds, _MAX_STEP_SECONDS)
        self.now += step
        self.heads.refresh(time.time())
        for connection in list(self.connections):
            connection.sweep(step)

    # Connections and requests.

    def shed_idle(self) -> bool:
        """Close the connection that has been idle longest; false when none is idle."""
        if not self._idle_candidates and self._idle_searched_at != self.now:
            # One search serves many new connections, and there is at most one for each step of the clock.
            self._idle_searched_at = self.now
            idle = [connection for connection in self.connections if connection.is_idle]
            self._idle_candidates.extend(sorted(idle, key=lambda connection: connection.since))
        while self._idle_candidates:
            connection = self._idle_candidates.popleft()
            if connection in self.connections and connection.is_idle:
                connection.close_idle()
                self.emit("connection_shed", reason="idle")
                return True
        return False

    def note_forwarded(self, peer: tuple[str, int] | None) -> None:
        """Say once that a proxy is in front that nobody trusts, for then every client has its address."""
        host = peer[0] if peer is not None else "-"
        trusted = self.trusted_proxies
        if not self._has_hinted and (trusted is None or not (trusted.hop_count or trusted.is_trusted(host))):
            self._has_hinted = True
            hint = "if this is a proxy of yours, set COSTREL_TRUSTED_PROXIES to its network"
            logger.warning("forwarded_fields_ignored client=%s hint=%r", host, hint)

    def _settle_unseen_count(self) -> None:
        # Where paths are answered by the server itself, it has to look at each request.
        looks_at_all = self._health is not None or self.refuses_requests
        self.unseen_count = 0 if looks_at_all else self._shedding.free_count

    def call_when_worn_out(self, request_count: int, on_worn_out: Callable[[], None]) -> None:
        """Call back once, at the start of the request with this number."""
        self.requests_left, self.on_worn_out = request_count, on_worn_out
        self.prepares_requests = True

    def begin_stopping(self, *, refuses_requests: bool) -> None:
        """End every connection with the last response that it owes.

        Args:
            refuses_requests: whether a request that has not begun to arrive gets 503 rather than its answer.
        """
        self.is_stopping = True
        if refuses_requests:
            self.refuses_requests = True
            self._settle_unseen_count()
            for connection in self.connections:
                connection.note_stop()

    def judge(self, exchange: NativeExchange, *, is_owed: bool) -> Refusal | HealthAnswer | None:
        """Look at a request before it starts, once `unseen_count` are in flight.

        Args:
            exchange: of the request.
            is_owed: whether it had begun to arrive when the server stopped.

        Returns:
            What the server answers by itself, `None` for a request that the application answers.
        """
        if self._health is not None:
            answer = self._health.answer(exchange.method, exchange.path, is_ready=self.is_ready)
            if answer is not None:
                return answer
        if self.refuses_requests and not is_owed:
            return UNAVAILABLE
        return self._shedding.judge(self.active_count)

    def prepare(self, exchange: NativeExchange, request: Request) -> None:
        """Do what comes before the dispatch of a request where something was asked for."""
        if self.requests_left:
            self.requests_left -= 1
            if self.requests_left == 0 and self.on_worn_out is not None:
                self.on_worn_out()
        if self.listens_finished:
            exchange.started_at = time.perf_counter()
        if self._max_requests_per_connection and exchange.carrier is not None:
            exchange.carrier.request_count += 1
            if exchange.carrier.request_count >= self._max_requests_per_connection:
                exchange.keep_alive = exchange.is_plain = False
        if exchange.carrier is not None and exchange.carrier.tls is not None:
            exchange.tls = exchange.carrier.tls
            request.scheme = "https"
        if self.trusted_proxies is not None:
            apply_forwarded(request, self.trusted_proxies)

    def request_ended(self) -> None:
        """Count a request as ended."""
        self.active_count -= 1
        if self.active_count == 0 and self.drained is not None and not self.drained.done():
            self.drained.set_result(None)

    def connection_closed(self) -> None:
        """Note that a connection is gone."""
        if not self.connections and self.all_closed is not None and not self.all_closed.done():
            self.all_closed.set_result(None)

    # Events.

    def emit(self, event: str, **fields: object) -> None:
        """Tell the listeners of `event`, if there are any."""
        if self.application.listens(event):
            self.application.emit(event, fields)

    def emit_finished(self, exchange: NativeExchange, request: Request | None) -> None:
        """Tell that the last byte of a response was sent, or that the client left before it.

        Args:
            exchange: what was answered.
            request: `None` when the server answered by itself.
        """
        route = request.route if request is not None else None
        mount = request.mount if request is not None else None
        client = request.client if request is not None else exchange.peer
        self.application.emit(
            "request_finished",
            {
                "request": request,
                "method": exchange.method or "-",
                "path": exchange.path or exchange.raw_path.decode("latin-1"),
                "route": route.path if route is not None else "-",
                "handler": route.handler if route is not None else "-",
                "mount": mount.full_name if mount is not None else "",
                "status_code": exchange.status_code,
                "bytes_sent": exchange.bytes_sent,
                "duration_seconds": time.perf_counter() - exchange.started_at if request is not None else 0.0,
                "http_version": exchange.version,
                "client": client[0] if client is not None else "-",
                "request_id": request.known_id if request is not None else "-",
            },
        )

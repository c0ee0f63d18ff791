"""What all connections of one loop share: the application, the limits, the clock, the heads and the counters.

A connection asks here what time it is, whether it may start a request, and whom to tell that one has ended. The clock
is a number that one timer moves on every quarter of a second; on the same occasion every connection is asked whether
it has waited too long. So a request costs no timer of its own.

Who makes a `ServerCore` and stops it is in `serve`; what a connection does with it is in `connection`.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Protocol

from costrel.execution import LoopState
from costrel.http import TrustedProxies
from costrel.messages import Application, Request, apply_forwarded
from costrel.server.exchange import NativeExchange
from costrel.server.parser_state import ParserLimits
from costrel.server.settings import ServerSettings
from costrel.server.writer import HeadCache

__all__ = ["SWEEP_SECONDS", "ServedConnection", "ServerCore"]

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
        active_count: requests in flight.
        drained: set by whoever waits for the last request to end, all_closed: for the last connection to close.
        is_stopping: whether the server takes no more requests than have begun.
        max_connections: how many may be open.
    """

    __slots__ = (
        "_idle_candidates",
        "_idle_searched_at",
        "_last_time",
        "_timer",
        "active_count",
        "all_closed",
        "application",
        "base_context",
        "connections",
        "drained",
        "has_plain_ends",
        "heads",
        "is_stopping",
        "limits",
        "listens_finished",
        "loop",
        "loop_state",
        "max_connections",
        "now",
        "ok_heads",
        "on_exit",
        "orphans",
        "prepares_requests",
        "settings",
        "trusted_proxies",
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
        self.max_connections: int = settings.max_connections
        self.active_count: int = 0
        self.is_stopping: bool = False
        self.drained: asyncio.Future[None] | None = None
        self.all_closed: asyncio.Future[None] | None = None
        self.listens_finished: bool = application.listens("request_finished")
        self.has_plain_ends: bool = not self.listens_finished
        proxies = getattr(application.settings, "trusted_proxies", ())
        self.trusted_proxies: TrustedProxies | None = TrustedProxies(proxies) if proxies else None
        self.prepares_requests: bool = self.listens_finished or self.trusted_proxies is not None
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
        self.advance(self._last_time - last)

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

    def prepare(self, exchange: NativeExchange, request: Request) -> None:
        """Do what comes before the dispatch of a request where something was asked for."""
        if self.listens_finished:
            exchange.started_at = time.perf_counter()
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
        client = request.client if request is not None else exchange.peer
        self.application.emit(
            "request_finished",
            {
                "request": request,
                "method": exchange.method or "-",
                "path": exchange.path or exchange.raw_path.decode("latin-1"),
                "route": route.path if route is not None else "-",
                "handler": route.handler if route is not None else "-",
                "mount": request.mount_prefix if request is not None else "",
                "status_code": exchange.status_code,
                "bytes_sent": exchange.bytes_sent,
                "duration_seconds": time.perf_counter() - exchange.started_at if request is not None else 0.0,
                "http_version": exchange.version,
                "client": client[0] if client is not None else "-",
            },
        )

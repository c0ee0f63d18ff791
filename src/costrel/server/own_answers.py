"""What the server answers by itself: refusals, and questions after its health. No application sees these requests.

`OwnAnswers` is a connection as something that can say a fixed sentence; `Connection` decides when.
"""

from __future__ import annotations

import logging

from costrel.server.core import ServerCore
from costrel.server.exchange import NativeExchange
from costrel.server.framing import Refusal, refusal_bytes
from costrel.server.health import HealthAnswer, health_bytes
from costrel.server.intake import Intake
from costrel.server.wire import Phase

__all__ = ["OwnAnswers"]

logger: logging.Logger = logging.getLogger("costrel.server")

_LINGERING = Phase.LINGERING


class OwnAnswers(Intake):
    """A connection as something that answers without an application.

    Args:
        core: what it shares with all others.
    """

    __slots__ = ("_owed_count",)

    peer: tuple[str, int] | None
    phase: Phase
    since: float

    def __init__(self, core: ServerCore) -> None:
        super().__init__(core)
        self._owed_count = 0

    def _refuse(self, exchange: NativeExchange, refusal: Refusal) -> None:
        """Answer a request that no application sees, and close."""
        # SECURITY: whoever listens writes a line of its own, and a flood of bad requests gets one line each, not two.
        logger.log(
            logging.DEBUG if self._core.listens_finished else logging.INFO,
            "request_refused status_code=%d method=%s target=%.120r",
            refusal.status_code,
            exchange.method or "-",
            exchange.raw_path[:80],
        )
        self._answer(exchange, refusal)
        if self._core.listens_finished:
            self._core.emit_finished(exchange, None)
        exchange.end()
        self._linger()

    def _answer(self, exchange: NativeExchange, refusal: Refusal) -> None:
        """Write a fixed answer."""
        exchange.keep_alive = False
        exchange.status_code = refusal.status_code
        with_body = exchange.method != "HEAD"
        exchange.bytes_sent = len(refusal.reason) if with_body else 0
        self._say(refusal, with_body=with_body)

    def _answers_itself(self, exchange: NativeExchange) -> bool:
        """Answer a request that the application does not get to see; whether it was one."""
        is_owed = self._owed_count > 0
        self._owed_count -= is_owed
        answer = self._core.judge(exchange, is_owed=is_owed)
        if isinstance(answer, HealthAnswer):
            self._answer_health(exchange, answer)
        elif answer is not None:
            self._refuse(exchange, answer)
        return answer is not None

    def _answer_health(self, exchange: NativeExchange, answer: HealthAnswer) -> None:
        """Write what the server says about itself, and go on with the connection."""
        has_body = exchange.body is not None
        goes_on = not self._core.is_stopping or self._owes_more
        keep_alive = exchange.keep_alive and exchange.version == "1.1" and not has_body and goes_on
        date_line = self._core.heads.date_line
        self.write(health_bytes(answer, date_line, with_body=exchange.method != "HEAD", keep_alive=keep_alive))
        exchange.end()
        if keep_alive:
            self._await_next()
        else:
            self._close_politely(has_unread=has_body or self._has_unread)

    def _say(self, refusal: Refusal, *, with_body: bool = True) -> None:
        """Write a fixed answer if there is still a connection."""
        if self._transport is not None and self.phase < _LINGERING:
            self.write(refusal_bytes(refusal, self._core.heads.date_line, with_body=with_body))

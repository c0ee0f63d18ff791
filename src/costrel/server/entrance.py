"""What stands in front of HTTP: the PROXY header of a load balancer, and the handshake of TLS.

Without either the event loop accepts connections by itself, unless several processes share the socket: the loop would
take all that waits and leave nothing to the others. In these cases an `Entrance` accepts: it takes a connection
from the kernel, reads the PROXY header byte by byte so that nothing of what follows is taken, lets the loop do the
handshake, and only then makes a `Connection` of it. Whoever stands in the entrance is counted and has a time limit.

How the header is read is in `proxy_protocol`, what is negotiated in `tls`.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl

from costrel.errors import ConfigurationError, Mistake
from costrel.http import TrustedProxies
from costrel.messages import Application
from costrel.server.connection import Connection
from costrel.server.core import ServerCore
from costrel.server.proxy_protocol import ProxyHeader, ProxyHeaderError
from costrel.server.settings import ServerSettings
from costrel.server.tls import Certificates

__all__ = ["Entrance", "balancers_of"]

logger: logging.Logger = logging.getLogger("costrel.server")

_PAUSE_SECONDS = 1.0
_PEEK_BYTES = 256
_ACCEPTED_AT_ONCE = 64
_TURN_SECONDS = 0.001


def balancers_of(application: Application, settings: ServerSettings) -> TrustedProxies | None:
    """Return who may send a PROXY header, `None` when nobody does.

    Raises:
        ConfigurationError: COS-SERVER-004, somebody should and it is not said who.
    """
    if not settings.proxy_protocol:
        return None
    networks = settings.proxy_protocol_networks or getattr(application.settings, "trusted_proxies", ())
    balancers = TrustedProxies(networks)
    if (not balancers or balancers.hop_count) and settings.uds is None:
        raise ConfigurationError(
            Mistake(
                "COS-SERVER-004",
                "The PROXY protocol is on, and no load balancer may speak it.",
                where="COSTREL_PROXY_PROTOCOL, or ServerSettings(proxy_protocol=True)",
                why="Whoever connects could say that it is another client, so its address must be in a known network.",
                fix="Name the networks of the load balancers:  COSTREL_PROXY_PROTOCOL_NETWORKS=10.0.0.0/8",
            )
        )
    return balancers


class _EnteredConnection(Connection):
    """A connection that knows what was said in the entrance.

    Args:
        core: what it shares with all others.
        certificates: those that its handshake was made with, `None` without TLS.
        header: what its balancer said, `None` without one.
    """

    __slots__ = ("_certificates", "_header")

    def __init__(self, core: ServerCore, certificates: Certificates | None, header: ProxyHeader | None) -> None:
        super().__init__(core)
        self._certificates = certificates
        self._header = header

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport, and then what is known about it."""
        super().connection_made(transport)
        header, self._header = self._header, None
        if header is not None and not header.is_local:
            # SECURITY: a client that the balancer does not name is nobody; with the balancer's address it would be
            # believed what it says in `X-Forwarded-For`.
            self.peer = header.client
        if self._certificates is not None:
            self.tls = self._certificates.info_of(transport.get_extra_info("ssl_object"))
            self._certificates = None

    def eof_received(self) -> bool:
        """Note that the client sends no more; a TLS connection is not kept half open, whatever is said here."""
        return super().eof_received() and self.tls is None


class Entrance:
    """Lets connections in.

    Args:
        core: what the connections share.
        certificates: for TLS, `None` without.
        balancers: who may connect and begins with a PROXY header, `None` for everybody and without one.
        has_siblings: whether other processes accept from the same sockets; then they take turns.
    """

    def __init__(
        self,
        core: ServerCore,
        certificates: Certificates | None,
        balancers: TrustedProxies | None,
        *,
        has_siblings: bool = False,
    ) -> None:
        self._core = core
        self._certificates = certificates
        self._balancers = balancers
        self._is_guarded = certificates is not None or balancers is not None
        self._has_siblings = has_siblings
        self._accepted_at_once = 1 if has_siblings else _ACCEPTED_AT_ONCE
        self._accepted_at = 0.0
        self._listening: list[socket.socket] = []
        self._entering: set[asyncio.Task[None]] = set()

    def open(self, listening: socket.socket) -> None:
        """Accept what connects to a socket, which is closed with the entrance."""
        listening.setblocking(False)
        self._listening.append(listening)
        self._core.loop.add_reader(listening, self._accept, listening)

    def close(self) -> None:
        """Accept nothing more; who has been accepted may still come in."""
        listening, self._listening = self._listening, []
        for one in listening:
            self._core.loop.remove_reader(one)
            one.close()

    async def wait_entered(self) -> None:
        """Wait until nobody stands in the entrance."""
        while self._entering:
            await asyncio.wait(self._entering)

    def clear(self) -> None:
        """Send everybody away who still stands in the entrance."""
        for task in self._entering:
            task.cancel()

    def take_waiting(self, listening: socket.socket) -> None:
        """Take all that waits in the kernel, before the socket is closed."""
        while (accepted := _accept_from(listening)) is not None:
            self._enter(accepted)

    def _accept(self, listening: socket.socket) -> None:
        """Take some of what waits in the kernel."""
        for _ in range(self._next_count()):
            try:
                accepted = _accept_from(listening)
            except OSError as error:
                # Without a descriptor to give away the socket would stay readable and the loop spin.
                logger.error("accept_failed error=%s", error.strerror)
                self._pause(listening, _PAUSE_SECONDS)
                return
            if accepted is None:
                break
            self._enter(accepted)
        if self._has_siblings:
            self._pause(listening, _TURN_SECONDS)

    def _next_count(self) -> int:
        """Return how many to accept at once: of a crowd each sibling takes its part, in pieces that double."""
        if self._has_siblings:
            now, before = self._core.loop.time(), self._accepted_at
            self._accepted_at = now
            is_crowd = now - before < 10 * _TURN_SECONDS
            self._accepted_at_once = min(2 * self._accepted_at_once, _ACCEPTED_AT_ONCE) if is_crowd else 1
        return self._accepted_at_once

    def _pause(self, listening: socket.socket, pause_seconds: float) -> None:
        self._core.loop.remove_reader(listening)
        self._core.loop.call_later(pause_seconds, self._accept_again, listening)

    def _accept_again(self, listening: socket.socket) -> None:
        if listening in self._listening:
            self._core.loop.add_reader(listening, self._accept, listening)

    def _enter(self, accepted: socket.socket) -> None:
        """Let a connection in, unless it comes from the wrong place or there are too many."""
        core = self._core
        accepted.setblocking(False)
        if not self._is_welcome(accepted):
            accepted.close()
        elif (
            self._is_guarded
            and len(core.connections) + len(self._entering) >= core.max_connections
            and not core.shed_idle()
        ):
            # Without a guard the connection itself says 503.
            core.emit("connection_shed", reason="full")
            accepted.close()
        else:
            task = core.loop.create_task(self._let_in(accepted), name="entrance")
            self._entering.add(task)
            task.add_done_callback(self._entering.discard)

    def _is_welcome(self, accepted: socket.socket) -> bool:
        """Whether its address may connect at all; on a Unix socket the permissions of the file decide."""
        if self._balancers is None or accepted.family not in (socket.AF_INET, socket.AF_INET6):
            return True
        try:
            host = accepted.getpeername()[0]
        except OSError:  # it has gone again
            return False
        if self._balancers.is_trusted(host):
            return True
        logger.info("proxy_protocol_refused client=%s reason=not_a_trusted_network", host)
        return False

    async def _let_in(self, accepted: socket.socket) -> None:
        """Go through what stands in front of HTTP, one after the other."""
        core, certificates = self._core, self._certificates
        header = None
        try:
            if self._balancers is not None:
                async with asyncio.timeout(core.settings.header_timeout_seconds):
                    header = await self._read_header(accepted)
            limit = None if certificates is None else core.settings.tls_handshake_timeout_seconds
            await core.loop.connect_accepted_socket(
                lambda: _EnteredConnection(core, certificates, header),
                accepted,
                ssl=None if certificates is None else certificates.context,
                ssl_handshake_timeout=limit,
            )
        except ProxyHeaderError as error:
            accepted.close()
            logger.info("proxy_protocol_refused reason=%r", str(error))
        except (OSError, ssl.SSLError) as error:  # a time-out is one of them
            accepted.close()
            logger.debug("connection_not_entered error=%r", error)
        except asyncio.CancelledError:
            accepted.close()
            raise

    async def _read_header(self, accepted: socket.socket) -> ProxyHeader:
        """Read a PROXY header and nothing of what follows it.

        Raises:
            ProxyHeaderError: there is none, or the connection ends in it.
        """
        header = ProxyHeader()
        loop = self._core.loop
        while not header.is_complete:
            readable: asyncio.Future[None] = loop.create_future()
            loop.add_reader(accepted, _set_done, readable)
            try:
                await readable
            finally:
                loop.remove_reader(accepted)
            try:
                seen = accepted.recv(_PEEK_BYTES, socket.MSG_PEEK)
            except (BlockingIOError, InterruptedError):
                continue
            if not seen:
                raise ProxyHeaderError("The connection ended in front of its PROXY header.")
            accepted.recv(header.feed(seen))
        return header


def _accept_from(listening: socket.socket) -> socket.socket | None:
    """Accept one connection, `None` when none waits.

    Raises:
        OSError: there is no descriptor or no memory for it.
    """
    while True:
        try:
            accepted, _ = listening.accept()
        except (BlockingIOError, InterruptedError):
            return None
        except ConnectionAbortedError:  # that client has gone again
            continue
        return accepted


def _set_done(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)

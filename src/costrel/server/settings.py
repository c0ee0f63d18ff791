"""The settings of the server: one frozen value, checked when it is made.

The command line, the environment and the reference page derive from the fields of `ServerSettings`: the field
``header_timeout_seconds`` is the flag ``--header-timeout-seconds`` and the variable
``COSTREL_HEADER_TIMEOUT_SECONDS``; a secret has no flag, for a command line is anybody's to read. A value that is no
sensible limit is an error at start-up. No limit that protects the server can be switched off; the few that 0 switches
off say so. What an application decides for itself, such as the size of a body, is in its own settings.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from costrel.errors import ConfigurationError, Mistake
from costrel.http import TrustedProxies

__all__ = ["ServerSettings"]

KIB = 1024
MIB = 1024 * KIB

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_MAX_INTEGER_DIGITS = 15
_MAY_BE_ZERO = frozenset(
    {
        "port",
        "fd",
        "graceful_timeout_seconds",
        "shutdown_delay_seconds",
        "max_requests_per_connection",
        "max_requests",
        "max_requests_jitter",
        "max_event_loop_delay_seconds",
    }
)
# As a request target has it, without anything that would have to be decoded.
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/-]*+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How the server listens, and how much of what clients send it takes.

    Args:
        host: the address to listen on; loopback unless given.
        port: the TCP port, 0 to 65535; 0 takes a free one, which `Server.addresses` then shows.
        uds: path of a Unix socket to listen on instead of `host` and `port`.
        fd: number of an inherited listening socket to use instead.
        workers: processes that serve; above 1 a supervisor starts them and keeps them running.
        access_log: whether each request gets one line on the logger ``costrel.access``.
        access_log_format: ``"text"`` for ``name=value`` pairs, ``"json"`` for one object a line.
        liveness_path: a path that the server answers by itself with 200 as long as it runs; none unless given.
        readiness_path: a path that the server answers with 200, and with 503 once it was told to stop; none unless
            given.
        tls_certificate_path: the certificate with its chain, in PEM; with it the server speaks TLS and nothing else.
        tls_key_path: the private key in PEM; without it the key is looked for beside the certificate.
        tls_key_password: of the private key; never shown.
        proxy_protocol: whether each connection begins with the PROXY header of a load balancer, version 1 or 2.
        proxy_protocol_networks: who may connect and send that header; empty is the application's `trusted_proxies`.
        max_request_line_bytes: method, target and version together; above it 414.
        max_header_bytes: the header section, all field lines together; above it 431.
        max_header_field_bytes: one field line; above it 431.
        max_header_count: field lines of one request; above it 431.
        max_trailer_bytes: the trailer section of a chunked body; above it 431.
        max_trailer_count: field lines of that section; above it 431.
        max_chunk_overhead_bytes: what a chunked body may have besides its content, plus eight times its content;
            above it 400.
        header_timeout_seconds: from the connection to the end of the first head, and from the first byte of each
            later one to its end; after it 408, or nothing when nothing was sent.
        body_timeout_seconds: silence while the application waits for the body; after it 408.
        min_transfer_bytes_per_second: the average that a body and a reader of a response must reach once they
            took longer than the grace of ten seconds, or `write_timeout_seconds`.
        write_timeout_seconds: a client that reads nothing of its response for so long is cut off.
        keep_alive_timeout_seconds: how long a connection may be idle between two requests.
        tls_handshake_timeout_seconds: how long a TLS handshake may take.
        max_connections: open connections of this process; the longest idle one is closed for a new one, and when
            none is idle the new one gets 503.
        max_pipelined_requests: requests that may wait on one connection before it is read no further.
        max_concurrent_requests: requests in flight in this process; above it 503 with ``Retry-After: 1``.
        max_requests_per_connection: requests of one connection, of which the last is answered with
            ``Connection: close``; 0 is unlimited.
        worker_timeout_seconds: silence of a worker whose event loop hangs, after which it is ended and replaced.
        max_requests: requests after which a worker is replaced; 0 is never.
        max_requests_jitter: at most so many more, chosen at random, so that workers are not replaced all at once.
        max_event_loop_delay_seconds: how late the event loop may be; above it 503 with ``Retry-After: 1`` until it
            has caught up; 0 is off.
        backlog: connections that the kernel keeps until they are accepted.
        graceful_timeout_seconds: how long requests in flight may take to end when the server stops.
        shutdown_delay_seconds: how long the server goes on accepting after it was told to stop.
        ws_max_message_bytes: one WebSocket message; above it close code 1009.
        ws_max_fragments: frames of one message; above it close code 1009.
        ws_max_queue_count: messages that wait for the application before the socket is read no further.
        ws_ping_interval_seconds: silence after which a ping is sent.
        ws_ping_timeout_seconds: how long the answer to a ping may take.
        ws_close_timeout_seconds: how long the closing handshake may take.
        ws_compression: ``"off"``, or ``"deflate"`` for permessage-deflate.

    Raises:
        ConfigurationError: a value of the wrong type or out of its range, or two that contradict each other.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    uds: str | None = None
    fd: int | None = None
    workers: int = 1
    access_log: bool = True
    access_log_format: Literal["text", "json"] = "text"
    liveness_path: str | None = None
    readiness_path: str | None = None
    tls_certificate_path: str | None = None
    tls_key_path: str | None = None
    tls_key_password: str | None = field(default=None, repr=False)
    proxy_protocol: bool = False
    proxy_protocol_networks: tuple[str, ...] = ()
    max_request_line_bytes: int = 8 * KIB
    max_header_bytes: int = 32 * KIB
    max_header_field_bytes: int = 16 * KIB
    max_header_count: int = 100
    max_trailer_bytes: int = 16 * KIB
    max_trailer_count: int = 32
    max_chunk_overhead_bytes: int = 16 * KIB
    header_timeout_seconds: float = 10
    body_timeout_seconds: float = 20
    min_transfer_bytes_per_second: int = 500
    write_timeout_seconds: float = 30
    keep_alive_timeout_seconds: float = 75
    tls_handshake_timeout_seconds: float = 10
    max_connections: int = 10_000
    max_pipelined_requests: int = 16
    max_concurrent_requests: int = 1000
    max_requests_per_connection: int = 0
    worker_timeout_seconds: float = 30
    max_requests: int = 0
    max_requests_jitter: int = 0
    max_event_loop_delay_seconds: float = 0
    backlog: int = 2048
    graceful_timeout_seconds: float = 30
    shutdown_delay_seconds: float = 0
    ws_max_message_bytes: int = MIB
    ws_max_fragments: int = 1024
    ws_max_queue_count: int = 16
    ws_ping_interval_seconds: float = 20
    ws_ping_timeout_seconds: float = 20
    ws_close_timeout_seconds: float = 10
    ws_compression: Literal["off", "deflate"] = "off"

    def __post_init__(self) -> None:
        for one in dataclasses.fields(self):
            _check(one.name, str(one.type), getattr(self, one.name))
        if self.ws_compression not in ("off", "deflate"):
            raise _wrong("ws_compression", self.ws_compression, 'It is "off" or "deflate".')
        if self.access_log_format not in ("text", "json"):
            raise _wrong("access_log_format", self.access_log_format, 'It is "text" or "json".')
        self._check_addresses()
        self._check_tls()
        if self.header_timeout_seconds >= self.keep_alive_timeout_seconds:
            why = (
                "It must be shorter than `keep_alive_timeout_seconds`, so that a slow head never outlives an idle wait."
            )
            raise _wrong("header_timeout_seconds", self.header_timeout_seconds, why)
        if self.max_header_field_bytes > self.max_header_bytes:
            why = "One field line cannot be longer than `max_header_bytes`, the section that it stands in."
            raise _wrong("max_header_field_bytes", self.max_header_field_bytes, why)

    def _check_addresses(self) -> None:
        """Check where it listens, whom it listens to and which paths it answers by itself."""
        if not 0 <= self.port <= 65535:
            raise _wrong("port", self.port, "A TCP port is from 0 to 65535.")
        if self.uds is not None and self.fd is not None:
            raise _wrong("fd", self.fd, "`uds` is set as well, and a server listens in one place.")
        try:
            TrustedProxies(self.proxy_protocol_networks)
        except ValueError as error:
            raise _wrong("proxy_protocol_networks", self.proxy_protocol_networks, str(error)) from None
        for name in ("liveness_path", "readiness_path"):
            path = getattr(self, name)
            if path is not None and not _PLAIN_PATH.fullmatch(path):
                raise _wrong(name, path, "It is a path that begins with `/`, without a query and without escapes.")
        if self.readiness_path is not None and self.readiness_path == self.liveness_path:
            raise _wrong("readiness_path", self.readiness_path, "It is the `liveness_path` as well.")

    def _check_tls(self) -> None:
        """Check that a key has a certificate."""
        for name in ("tls_key_path", "tls_key_password"):
            if getattr(self, name) is not None and self.tls_certificate_path is None:
                raise _wrong(name, getattr(self, name), "Without `tls_certificate_path` the server speaks no TLS.")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], **given: object) -> Self:
        """Read the fields that are set as ``COSTREL_<FIELD>``.

        Args:
            environ: the variables, for example ``os.environ``; variables of other names are left alone.
            **given: fields that are set in code or on the command line; they win over the environment.

        Raises:
            ConfigurationError: a variable that cannot be read, by its name, or an unknown name in `given`.
        """
        fields = {one.name: str(one.type) for one in dataclasses.fields(cls)}
        for name in given:
            if name not in fields:
                raise _wrong(name, given[name], "The server has no such setting.")
        # Of the fields' types, which `__post_init__` checks; JSON has lists.
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
        }
        for name, type_ in fields.items():
            text = environ.get(f"COSTREL_{name.upper()}")
            if text is not None and name not in given:
                values[name] = _parse(name, type_, text.strip())
        return cls(**values)


def _check(name: str, type_: str, value: object) -> None:
    """Check the type and the range that the name and the annotation of a field promise."""
    if value is None and type_.endswith("| None"):
        return
    if type_ == "bool":
        if not isinstance(value, bool):
            raise _wrong(name, value, "It is True or False.")
    elif type_.startswith("str"):
        if not isinstance(value, str) or not value or "\0" in value:
            raise _wrong(name, value, "It is a text that is not empty.")
    elif type_.startswith("tuple"):
        if not isinstance(value, tuple) or not all(isinstance(item, str) for item in value):
            raise _wrong(name, value, "It is a tuple of texts.")
    elif type_ == "float":
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise _wrong(name, value, "It is a finite number of seconds, 0 or more.")
        if value == 0 and name not in _MAY_BE_ZERO:
            raise _wrong(name, value, "It is a number of seconds above 0; there is no value for `no limit`.")
    elif type_.startswith("int"):
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong(name, value, "It is a whole number.")
        if value < 0 or (value == 0 and name not in _MAY_BE_ZERO):
            raise _wrong(name, value, "It is a whole number above 0; there is no value for `no limit`.")


def _parse(name: str, type_: str, text: str) -> object:
    """Turn the text of a variable into a value for the field `name`."""
    if type_ == "bool":
        if text.lower() in _TRUE:
            return True
        if text.lower() in _FALSE:
            return False
        raise _wrong(name, text, "It must be one of 1, 0, true, false, yes, no, on, off.")
    if type_.startswith("int"):
        if text.isascii() and text.isdigit() and len(text) <= _MAX_INTEGER_DIGITS:
            return int(text)
        raise _wrong(name, text, "It must be a whole number in decimal digits.")
    if type_ == "float":
        try:
            # `float` also reads "1_0" and digits of other scripts, which nobody means.
            if text.isascii() and "_" not in text:
                return float(text)
        except ValueError:
            pass
        raise _wrong(name, text, "It must be a number of seconds.")
    if type_.startswith("tuple"):
        return _parse_words(name, text)
    return text


def _parse_words(name: str, text: str) -> object:
    """Read a JSON list, or words between commas."""
    if not text.startswith("["):
        return tuple(word.strip() for word in text.split(",") if word.strip())
    try:
        return tuple(json.loads(text))
    except ValueError:
        raise _wrong(name, text, "It must be a JSON list of texts, or texts between commas.") from None


def _wrong(name: str, value: object, why: str) -> ConfigurationError:
    """Say which setting is wrong, where it is set and what it must be."""
    shown = "***" if name == "tls_key_password" else f"{value!r:.100}"
    return ConfigurationError(
        Mistake(
            "COS-SERVER-001",
            f"The server setting `{name}` is {shown}.",
            where=f"COSTREL_{name.upper()}, or ServerSettings({name}=…)",
            why=why,
            fix=f"Leave it out to have its default, or set COSTREL_{name.upper()}=… to a value in its range.",
        )
    )

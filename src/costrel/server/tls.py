"""TLS: the certificate, what is negotiated, and how a new certificate takes the place of an old one.

`Certificates` holds the context that handshakes begin with. A reload loads the files into a context of its own, which
later handshakes are switched to; connections that exist keep the keys that they agreed on. When the new files are
wrong, the old certificate stays.

Handshakes themselves are the event loop's; who waits for one, and for how long, is in `entrance`.

Spec: RFC 8446, RFC 5246, RFC 7301 (ALPN), RFC 9325 (recommendations for the use of TLS).
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from weakref import WeakKeyDictionary

from costrel.errors import ConfigurationError, Mistake
from costrel.messages import TLSInfo
from costrel.server.settings import ServerSettings

__all__ = ["Certificates", "expiry_of"]

logger: logging.Logger = logging.getLogger("costrel.server")

# RFC 9325 §4.2: forward secrecy and authenticated encryption; TLS 1.3 has no others.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_SEQUENCE, _INTEGER, _CONTEXT_0, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0x02, 0xA0, 0x17, 0x18


class Certificates:
    """The certificate of a server, in the context that its handshakes begin with.

    Args:
        settings: with a `tls_certificate_path`.
        now: returns the time that a certificate must not have expired at.

    Attributes:
        context: for the event loop.

    Raises:
        ConfigurationError: COS-SERVER-003, the files cannot be used.
    """

    def __init__(self, settings: ServerSettings, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._settings = settings
        self._now = now
        self._names: WeakKeyDictionary[ssl.SSLObject, str] = WeakKeyDictionary()
        self.context: ssl.SSLContext = self._load()
        self._current = self.context
        self.context.sni_callback = self._on_hello

    def reload(self) -> bool:
        """Take the certificate from its files again, for handshakes from now on.

        Returns:
            Whether it could be used; if not, the log says why, and the old one stays.
        """
        try:
            self._current = self._load()
        except ConfigurationError as error:
            logger.error("certificate_not_reloaded error=%s", error.mistake.why)
            return False
        logger.info("certificate_reloaded path=%s", self._settings.tls_certificate_path)
        return True

    def info_of(self, connection: ssl.SSLObject) -> TLSInfo:
        """Return what was agreed on in the handshake of a connection."""
        cipher = connection.cipher()
        return TLSInfo(
            version=connection.version() or "",
            cipher=cipher[0] if cipher is not None else "",
            server_name=self._names.get(connection),
        )

    def _on_hello(self, connection: ssl.SSLObject, server_name: str | None, _: ssl.SSLContext) -> None:
        """Note the name that a client asks for, and give it the certificate that was loaded last."""
        if server_name is not None:
            self._names[connection] = server_name
        if self._current is not self.context:
            connection.context = self._current

    def _load(self) -> ssl.SSLContext:
        settings = self._settings
        path = settings.tls_certificate_path or ""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        context.set_alpn_protocols(["http/1.1"])
        # SECURITY: a client that renegotiates makes the server work for nothing; compression tells secrets (CRIME).
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        is_locked = False

        def password() -> str:
            nonlocal is_locked
            is_locked = True
            return settings.tls_key_password or ""

        try:
            # Without this function OpenSSL asks for a password on the terminal, where nobody sits.
            context.load_cert_chain(path, settings.tls_key_path, password=password)
            self._warn_if_expired(Path(path).read_text("ascii"))
        except (OSError, ValueError) as error:
            raise _unusable(settings, error, is_locked=is_locked) from error
        return context

    def _warn_if_expired(self, chain: str) -> None:
        """Say so when the first certificate of a chain is too old; clients will refuse it."""
        begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
        first = chain[chain.index(begin) : chain.index(end) + len(end)]
        expiry = expiry_of(ssl.PEM_cert_to_DER_cert(first))
        if expiry <= self._now():
            logger.warning(
                "certificate_expired path=%s not_after=%s", self._settings.tls_certificate_path, expiry.isoformat()
            )


def _unusable(settings: ServerSettings, error: Exception, *, is_locked: bool) -> ConfigurationError:
    """Say which file is wrong, and how; OpenSSL says it in a word that nobody understands."""
    reason = getattr(error, "reason", "") or ""
    certificate, key = settings.tls_certificate_path, settings.tls_key_path
    missing = [path for path in (certificate, key) if path is not None and not Path(path).is_file()]
    if missing:
        why = f"There is no file {missing[0]}."
    elif isinstance(error, PermissionError):
        why = f"This user may not read {certificate if key is None else f'{certificate} or {key}'}."
    elif reason == "KEY_VALUES_MISMATCH":
        why = f"The private key in {key or certificate} belongs to another certificate."
    elif is_locked:
        why = f"The private key in {key or certificate} has a password, and `tls_key_password` is not it."
    elif key is None:
        why = f"{certificate} does not have both a certificate and its private key in PEM ({reason or error})."
    else:
        why = f"{certificate} is no certificate, or {key} is no private key, in PEM ({reason or error})."
    return ConfigurationError(
        Mistake(
            "COS-SERVER-003",
            "The certificate for TLS cannot be used.",
            where="COSTREL_TLS_CERTIFICATE_PATH and COSTREL_TLS_KEY_PATH, or ServerSettings(…)",
            why=why,
            fix="Name a file with the certificate and its chain, and one with its private key.",
        )
    )


def expiry_of(certificate: bytes) -> datetime:
    """Return until when a certificate is valid; the standard library reads it only from a peer's.

    Args:
        certificate: one certificate in DER.

    Raises:
        ValueError: this is no certificate.

    Spec:
        RFC 5280 §4.1: the validity is the fourth part of what is signed, after an optional version.
    """
    signed = _element(_element(certificate, 0, _SEQUENCE)[0], 0, _SEQUENCE)[0]
    position = _element(signed, 0, _CONTEXT_0)[1] if signed[:1] == bytes([_CONTEXT_0]) else 0
    for tag in (_INTEGER, _SEQUENCE, _SEQUENCE):  # serial number, algorithm, issuer
        position = _element(signed, position, tag)[1]
    validity = _element(signed, position, _SEQUENCE)[0]
    position = _element(validity, 0, _UTC_TIME, _GENERALIZED_TIME)[1]
    text = _element(validity, position, _UTC_TIME, _GENERALIZED_TIME)[0].decode("ascii")
    if len(text) == len("YYMMDDHHMMSSZ"):
        text = ("19" if text >= "5" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _element(data: bytes, start: int, *tags: int) -> tuple[bytes, int]:
    """Return the content of the DER element at `start`, and where the next one begins."""
    if start + 2 > len(data) or data[start] not in tags:
        raise ValueError("This is no certificate in DER.")
    size, begin = data[start + 1], start + 2
    if size & 0x80:
        begin += size & 0x7F
        size = int.from_bytes(data[start + 2 : begin], "big")
    if begin + size > len(data):
        raise ValueError("This is no certificate in DER.")
    return data[begin : begin + size], begin + size

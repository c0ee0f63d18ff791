"""From the environment of a WSGI server to a `Request`.

In an environment every header field is a variable, whose name has lost its case and whose hyphens are underscores; two
fields of one name are one value. Paths have lost their percent-encoding, so that as it came is looked up in what most
servers add. All text is bytes, written as latin-1.

Spec: PEP 3333, "environ Variables" and "Unicode Issues"; RFC 3875 §4.1.
"""

from __future__ import annotations

from typing import Any

from costrel.gateways.answering import raw_form
from costrel.http import is_valid_authority
from costrel.messages import Exchange, Request

__all__ = ["Environ", "EnvironReader", "body_length", "is_handshake"]

Environ = dict[str, Any]  # a server puts into it what it likes

_MAX_KEPT = 1000
_HTTP_VERSIONS = {"HTTP/1.1": "1.1", "HTTP/1.0": "1.0", "HTTP/2": "2", "HTTP/2.0": "2"}


class EnvironReader:
    """Makes requests of environments; what many of them have in common is looked at once, bounded."""

    def __init__(self) -> None:
        self._names: dict[str, bytes] = {}
        self._hosts: set[bytes] = set()

    def make_request(self, environ: Environ, exchange: Exchange, *, has_content: bool) -> Request:
        """Make a request of an environment.

        Args:
            environ: of the server.
            exchange: the seam.
            has_content: whether a body may follow.

        Raises:
            ValueError: the path is malformed, or the Host field is not one; answer 400.
        """
        root_path = _decode(environ.get("SCRIPT_NAME") or "").rstrip("/")
        path_info = _decode(environ.get("PATH_INFO") or "")
        if path_info[:1] != "/" and path_info not in ("", "*"):
            raise ValueError("the path does not begin with a slash")
        path = root_path + path_info or "/"
        request = Request(
            environ["REQUEST_METHOD"],
            path,
            raw_form(path, _sent_path(environ)),
            (environ.get("QUERY_STRING") or "").encode("latin-1"),
            self._fields_of(environ),
            exchange,
            environ.get("wsgi.url_scheme") or "http",
            _HTTP_VERSIONS.get(environ.get("SERVER_PROTOCOL", ""), "1.0"),
            root_path,
            False,
            has_content,
        )
        request.route_path = path_info or "/"
        return request

    def _fields_of(self, environ: Environ) -> list[tuple[bytes, bytes]]:
        """Return the header fields.

        Raises:
            ValueError: the Host field is no host with an optional port.
        """
        names = self._names
        fields = []
        for key, value in environ.items():
            name = names.get(key)
            if name is None:
                if key[:5] != "HTTP_" or key in _DOUBLES:
                    continue
                name = self._name_of(key)
            fields.append((name, value.encode("latin-1")))
        for key, name in _CONTENT_FIELDS:
            if environ.get(key):
                fields.append((name, environ[key].encode("latin-1")))
        host: str | None = environ.get("HTTP_HOST")
        # HTTP/1.0 needs no host, and whether one is missing the server has seen.
        if host is not None and (sent := host.encode("latin-1")) not in self._hosts:
            if not is_valid_authority(sent):
                raise ValueError("the Host field is not a host with an optional port")
            if len(self._hosts) < _MAX_KEPT:
                self._hosts.add(sent)
        return fields

    def _name_of(self, key: str) -> bytes:
        name = key[5:].lower().replace("_", "-").encode("latin-1")
        if len(self._names) < _MAX_KEPT:
            self._names[key] = name
        return name


_CONTENT_FIELDS = (("CONTENT_TYPE", b"content-type"), ("CONTENT_LENGTH", b"content-length"))
# SECURITY: a client that sends ``Content_Length`` must not speak for the field that the server has read.
_DOUBLES = frozenset({"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"})


def body_length(environ: Environ) -> int | None:
    """Return how long the body of the request is; `None` is up to the end of ``wsgi.input``.

    Without a length there is no body, unless the server says that its input ends where the body does. Of HTTP/1 it is
    asked only where the client has announced one (RFC 9112 §6.3).

    Raises:
        ValueError: the length is no number; answer 400.
    """
    length = environ.get("CONTENT_LENGTH")
    if not length:
        may_follow = "HTTP_TRANSFER_ENCODING" in environ or environ.get("SERVER_PROTOCOL", "")[:7] != "HTTP/1."
        return None if may_follow and environ.get("wsgi.input_terminated") else 0
    if not (length.isascii() and length.isdigit()):
        raise ValueError("the Content-Length field is not a number")
    return int(length)


def is_handshake(environ: Environ) -> bool:
    """Whether the client wants to speak WebSocket (RFC 6455 §4.1)."""
    upgrade: str | None = environ.get("HTTP_UPGRADE")
    return (
        upgrade is not None
        and upgrade.strip().lower() == "websocket"
        and "upgrade" in environ.get("HTTP_CONNECTION", "").lower()
    )


def _sent_path(environ: Environ) -> bytes | None:
    """Return the path as the client has sent it, `None` when the server does not say."""
    target: str = environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""
    return target.partition("?")[0].encode("latin-1") if target[:1] in ("/", "*") else None


def _decode(value: str) -> str:
    """Return the text of bytes that are written as latin-1; what is no UTF-8 becomes U+FFFD.

    Raises:
        ValueError: there is a NUL, or a character that stands for no byte.
    """
    if "\0" in value:
        raise ValueError("the path contains a NUL")
    return value if value.isascii() else value.encode("latin-1").decode("utf-8", "replace")

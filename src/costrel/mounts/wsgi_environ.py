"""The environ of PEP 3333, made of a request.

`make_environ` is the one function that says what a WSGI application sees of a request. What the client controls is kept
apart from what the server says: header fields whose names could be taken for others are left out, and the name of the
server is the Host field only where that can be one.

Spec: PEP 3333 "environ Variables"; RFC 3875 §4.1.
"""

from __future__ import annotations

import re
import sys
from typing import Any, BinaryIO, Final, Protocol
from urllib.parse import unquote_to_bytes

from costrel.messages import Request
from costrel.mounts.wsgi_file import FileWrapper

__all__ = ["ErrorStream", "make_environ"]

_MAX_KNOWN_NAMES: Final = 512
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
_DROPPED: Final = ""

# RFC 3986 §3.2.2: a name or an IPv4 address, or an IPv6 address in brackets; then a port.
_AUTHORITY: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]+)(?::([0-9]{1,5})?)?")

_known_keys: Final[dict[bytes, str]] = {
    b"content-type": "CONTENT_TYPE",
    b"content-length": "CONTENT_LENGTH",
    # SECURITY: HTTP_PROXY is a setting of many HTTP clients, which a request must not make (CVE-2016-5385).
    b"proxy": _DROPPED,
}


class ErrorStream(Protocol):
    """What `wsgi.errors` has to be."""

    def write(self, text: str, /) -> object:
        """Take some text."""
        ...

    def writelines(self, lines: list[str], /) -> None:
        """Take several pieces of text."""
        ...

    def flush(self) -> None:
        """Let the text be seen."""
        ...


def make_environ(
    request: Request,
    *,
    script_name: str,
    path_info: str,
    input: BinaryIO,
    errors: ErrorStream | None = None,
    is_multiprocess: bool = True,
) -> dict[str, Any]:
    """Make the environ with which a WSGI application is called.

    Lines of one field are joined by commas, cookies by semicolons. `costrel.request` is the request itself.

    Args:
        request: the request.
        script_name: the path under which the application is, decoded, without a final slash; may be empty.
        path_info: the rest of the path, decoded; empty or beginning with a slash.
        input: the content of the request, a binary file to be read.
        errors: where the application writes what goes wrong; `None` is the standard error stream.
        is_multiprocess: whether other processes may run the same application.

    Returns:
        A dict of its own. Texts that came from the client are latin-1, one character for each byte.

    Spec:
        PEP 3333 "environ Variables", "Unicode Issues".
    """
    query_string = request.query_string.decode("latin-1")
    target = request.raw_path.decode("latin-1")
    if query_string:
        target = f"{target}?{query_string}"
    scheme = request.scheme
    peer = request.client
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": script_name if script_name.isascii() else _as_bytes_text(script_name),
        "PATH_INFO": path_info if path_info.isascii() else _path_text(request, path_info),
        "QUERY_STRING": query_string,
        "SERVER_PROTOCOL": f"HTTP/{request.http_version}",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": _DEFAULT_PORTS.get(scheme, "80"),
        "REQUEST_URI": target,
        "RAW_URI": target,
        "REMOTE_ADDR": "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": input,
        "wsgi.errors": sys.stderr if errors is None else errors,
        "wsgi.multithread": True,
        "wsgi.multiprocess": is_multiprocess,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
        "wsgi.input_terminated": True,
        "costrel.request": request,
    }
    if peer is not None:
        environ["REMOTE_ADDR"] = peer[0]
        environ["REMOTE_PORT"] = str(peer[1])
    keys = _known_keys
    for name, value in request.raw_headers:
        key = keys.get(name)
        if key is None:
            key = _key_of(name)
        if key is _DROPPED:
            continue
        text = value.decode("latin-1")
        if key in environ:
            text = f"{environ[key]}{'; ' if name == b'cookie' else ', '}{text}"
        environ[key] = text
    host = environ.get("HTTP_HOST")
    if host:
        match = _AUTHORITY.fullmatch(host)
        if match is not None:
            environ["SERVER_NAME"] = match[1]
            if match[2]:
                environ["SERVER_PORT"] = match[2]
    return environ


def _key_of(name: bytes) -> str:
    """Return the key of a header field, `_DROPPED` for one that is left out; names that were seen are kept."""
    # SECURITY: X_Real_IP and X-Real-IP have one key, so a client could pass for what only a proxy may say.
    key = _DROPPED if b"_" in name else "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
    if len(_known_keys) < _MAX_KNOWN_NAMES and len(name) <= 64:
        _known_keys[name] = key
    return key


def _as_bytes_text(path: str) -> str:
    """Write text as PEP 3333 wants it: the bytes of its UTF-8, each as one character."""
    return path.encode("utf-8", "replace").decode("latin-1")


def _path_text(request: Request, path_info: str) -> str:
    """Do that with the path; bytes that were no UTF-8 are taken from the path as it came."""
    if "\ufffd" in path_info:
        whole = unquote_to_bytes(request.raw_path)
        decoded = whole.decode("utf-8", "replace")
        if decoded.endswith(path_info):
            prefix = decoded[: len(decoded) - len(path_info)].encode()
            if whole.startswith(prefix):
                return whole[len(prefix) :].decode("latin-1")
    return _as_bytes_text(path_info)

"""What a foreign application is told about a request."""

from __future__ import annotations

from typing import Any

import pytest

from costrel import App
from costrel.messages import Request, TLSInfo
from costrel.mounts.asgi_scope import make_scope
from costrel.testing import make_request

app = App("outer")


def request_for(path: str, **options: Any) -> Request:
    return make_request(app, options.pop("method", "GET"), path, **options)


class Prefix:
    """A mount, as far as a scope asks for one."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix


def mounted(request: Request, prefix: str) -> Request:
    mount: Any = Prefix(prefix)
    request.mount = mount
    request.route_path = request.path[len(request.root_path) + len(prefix) :]
    return request


def test_a_scope_has_all_that_the_specification_names() -> None:
    """Every key of the HTTP scope is there, and our request beside them."""
    request = request_for("/a%20b?c=d", method="POST", headers={"X-A": "1"}, content=b"abc")
    state = {"pool": object()}
    scope = make_scope(request, state)

    assert {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"c=d",
        "root_path": "",
        "headers": request.raw_headers,
        "client": ("127.0.0.1", 50000),
        "server": ("localhost", 80),
        "state": state,
        "extensions": {"http.response.trailers": {}, "http.response.early_hint": {}},
        "costrel.request": request,
    } == scope
    assert scope["headers"] is not request.raw_headers
    assert scope["state"] is not state


def test_a_handshake_is_a_scope_of_its_own() -> None:
    """The scheme is that of WebSockets, the subprotocols are listed, and there is no method."""
    request = request_for("/chat", headers=[("Sec-WebSocket-Protocol", "a, b"), ("Sec-WebSocket-Protocol", "c")])
    request.is_websocket = True
    scope = make_scope(request, {})

    assert ("websocket", "ws", ["a", "b", "c"]) == (scope["type"], scope["scheme"], scope["subprotocols"])
    assert {"websocket.http.response": {}} == scope["extensions"]
    assert "method" not in scope


@pytest.mark.parametrize(
    ("root_path", "prefix", "path"),
    [
        ("", "/old", "/old/x"),
        ("", "/old", "/old"),
        ("", "/old", "/old/"),
        ("/gate", "/old", "/gate/old/x"),
        ("/gate", "", "/gate/x"),
        ("", "", "/x"),
    ],
)
def test_the_path_is_whole_and_the_root_path_a_prefix_of_it(root_path: str, prefix: str, path: str) -> None:
    """What the gateway and the mounts have taken is in `root_path`; the path is as it came."""
    request = request_for(path)
    request.root_path = root_path
    scope = make_scope(mounted(request, prefix), {})

    assert (path, path.encode(), root_path + prefix) == (scope["path"], scope["raw_path"], scope["root_path"])


def test_a_path_that_was_rewritten_is_the_new_one() -> None:
    """Where the application rewrites paths, the foreign one sees what they have become."""
    request = mounted(request_for("/old/x"), "/old")
    request.route_path = "/ü"
    scope = make_scope(request, {})

    assert ("/old/ü", b"/old/%C3%BC") == (scope["path"], scope["raw_path"])


@pytest.mark.parametrize(
    ("host", "scheme", "server"),
    [
        ("a.example", "http", ("a.example", 80)),
        ("a.example", "https", ("a.example", 443)),
        ("a.example:8000", "http", ("a.example", 8000)),
        ("[::1]:8000", "http", ("[::1]", 8000)),
        ("[::1]", "http", ("[::1]", 80)),
        ("", "http", None),
    ],
)
def test_the_server_is_what_the_client_asked_for(host: str, scheme: str, server: tuple[str, int] | None) -> None:
    """Host and port come from the Host field, the port from the scheme where it has none."""
    request = request_for("/")
    request.raw_headers = [(b"host", host.encode())] if host else []
    request.scheme = scheme

    assert server == make_scope(request, {})["server"]


@pytest.mark.parametrize(("version", "number"), [("TLSv1.3", 0x0304), ("TLSv1.2", 0x0303), ("", None)])
def test_tls_is_told_as_far_as_it_is_known(version: str, number: int | None) -> None:
    """The extension has all its keys."""
    request = request_for("/")
    request.exchange.tls = TLSInfo(version=version)
    extension = make_scope(request, {})["extensions"]["tls"]

    assert number == extension["tls_version"]
    assert {
        "server_cert",
        "client_cert_chain",
        "client_cert_name",
        "client_cert_error",
        "tls_version",
        "cipher_suite",
    } == set(extension)
    assert "tls" not in make_scope(request_for("/"), {})["extensions"]

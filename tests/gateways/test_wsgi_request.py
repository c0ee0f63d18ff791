"""From the environment of a WSGI server to a request."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from costrel.gateways.wsgi_request import EnvironReader, body_length, is_handshake
from costrel.http import encode_path
from costrel.messages import Request


def read(**environ: Any) -> Request:
    """Make a request of an environment."""
    exchange: Any = SimpleNamespace(peer=None, status_code=0)
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_PROTOCOL": "HTTP/1.1", **environ}
    return EnvironReader().make_request(environ, exchange, has_content=False)


@pytest.mark.parametrize(
    ("environ", "path", "root_path", "route_path", "raw_path"),
    [
        pytest.param({"PATH_INFO": ""}, "/", "", "/", b"/", id="nothing-is-the-root"),
        pytest.param({"PATH_INFO": "/caf\xc3\xa9"}, "/café", "", "/café", b"/caf%C3%A9", id="bytes-as-latin-1"),
        pytest.param({"PATH_INFO": "/\xff"}, "/\ufffd", "", "/\ufffd", b"/%EF%BF%BD", id="no-utf-8"),
        pytest.param({"SCRIPT_NAME": "/api", "PATH_INFO": "/a"}, "/api/a", "/api", "/a", b"/api/a", id="a-prefix"),
        pytest.param({"SCRIPT_NAME": "/api/", "PATH_INFO": ""}, "/api", "/api", "/", b"/api", id="the-prefix-itself"),
        pytest.param({"PATH_INFO": "*"}, "*", "", "*", b"*", id="the-server-in-general"),
        pytest.param(
            {"PATH_INFO": "/a/b", "REQUEST_URI": "/a%2Fb?x=1"}, "/a/b", "", "/a/b", b"/a%2Fb", id="as-it-was-sent"
        ),
        pytest.param({"PATH_INFO": "/a/b", "RAW_URI": "/a%2fb"}, "/a/b", "", "/a/b", b"/a%2fb", id="gunicorn's-name"),
        pytest.param(
            {"PATH_INFO": "/a", "REQUEST_URI": "/other"}, "/a", "", "/a", b"/a", id="stale-because-somebody-changed-it"
        ),
        pytest.param(
            {"PATH_INFO": "/a", "REQUEST_URI": "http://h/a"}, "/a", "", "/a", b"/a", id="an-absolute-form-is-not-read"
        ),
    ],
)
def test_paths(environ: dict[str, Any], path: str, root_path: str, route_path: str, raw_path: bytes) -> None:
    """Decoded, with the prefix and without, and as they came."""
    request = read(**environ)

    assert (path, root_path, route_path, raw_path) == (
        request.path,
        request.root_path,
        request.route_path,
        request.raw_path,
    )


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\\"), max_size=20))
def test_every_path_comes_back(path: str) -> None:
    """Whatever a client can write is the path that it meant."""
    request = read(PATH_INFO=f"/{path}".encode().decode("latin-1"), REQUEST_URI=f"{encode_path(f'/{path}')}?{'q'}")

    assert (f"/{path}", encode_path(f"/{path}").encode()) == (request.path, request.raw_path)


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({"PATH_INFO": "/a\0"}, id="nul"),
        pytest.param({"PATH_INFO": "a"}, id="no-slash"),
        pytest.param({"PATH_INFO": "/\u20ac"}, id="no-byte"),
        pytest.param({"PATH_INFO": "/a\\b", "REQUEST_URI": "/a\\b"}, id="backslash"),
        pytest.param({"REQUEST_URI": "/%zz"}, id="broken-encoding"),
        pytest.param({"HTTP_HOST": "a, b"}, id="two-hosts"),
        pytest.param({"HTTP_HOST": ""}, id="an-empty-host"),
    ],
)
def test_a_malformed_head_is_refused(environ: dict[str, Any]) -> None:
    """The gateway answers 400."""
    with pytest.raises(ValueError, match=r"."):
        read(**environ)


def test_header_fields_get_their_names_back() -> None:
    """Only the client's, each once; what the server has read of the content counts, not what a client calls so."""
    request = read(
        HTTP_X_TEST="1",
        HTTP_ACCEPT="caf\xe9",
        CONTENT_TYPE="text/plain",
        CONTENT_LENGTH="3",
        HTTP_CONTENT_LENGTH="7",
        HTTP_CONTENT_TYPE="text/evil",
        SERVER_NAME="x",
        HTTPS="on",
    )

    assert [
        (b"accept", b"caf\xe9"),
        (b"content-length", b"3"),
        (b"content-type", b"text/plain"),
        (b"x-test", b"1"),
    ] == sorted(request.raw_headers)


@pytest.mark.parametrize(
    ("protocol", "version"),
    [("HTTP/1.1", "1.1"), ("HTTP/1.0", "1.0"), ("HTTP/2", "2"), ("HTTP/2.0", "2"), ("INCLUDED", "1.0")],
)
def test_the_version(protocol: str, version: str) -> None:
    """As the server says; what nobody knows is the oldest."""
    assert version == read(SERVER_PROTOCOL=protocol).http_version


def test_the_caches_of_a_reader_are_bounded() -> None:
    """No client fills the memory with names and hosts."""
    reader = EnvironReader()
    exchange: Any = SimpleNamespace(peer=None)
    for number in range(1100):
        environ = {"REQUEST_METHOD": "GET", f"HTTP_X{number}": "1", "HTTP_HOST": f"h{number}"}
        request = reader.make_request(environ, exchange, has_content=False)

        assert (f"x{number}".encode(), b"1") in request.raw_headers
    assert (1000, 1000) == (len(reader._names), len(reader._hosts))


@pytest.mark.parametrize(
    ("environ", "length"),
    [
        ({}, 0),
        ({"CONTENT_LENGTH": ""}, 0),
        ({"CONTENT_LENGTH": "12"}, 12),
        ({"wsgi.input_terminated": True, "SERVER_PROTOCOL": "HTTP/1.1"}, 0),
        ({"wsgi.input_terminated": True, "SERVER_PROTOCOL": "HTTP/2"}, None),
        (
            {
                "wsgi.input_terminated": True,
                "SERVER_PROTOCOL": "HTTP/1.1",
                "HTTP_TRANSFER_ENCODING": "chunked",
            },
            None,
        ),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, 0),
        ({"wsgi.input_terminated": True, "CONTENT_LENGTH": "0"}, 0),
    ],
)
def test_the_length_of_a_body(environ: dict[str, Any], length: int | None) -> None:
    """A number, or up to the end of an input that has one."""
    assert length == body_length(environ)


@pytest.mark.parametrize("value", ["-1", "+1", "1_0", "1, 1", "\u0663", "9" * 5000])
def test_a_length_that_is_no_number_is_refused(value: str) -> None:
    """Two readers could understand two things."""
    with pytest.raises(ValueError, match=r"."):
        body_length({"CONTENT_LENGTH": value})


@pytest.mark.parametrize(
    ("upgrade", "connection", "is_one"),
    [
        ("websocket", "Upgrade", True),
        (" WebSocket ", "keep-alive, upgrade", True),
        ("h2c", "upgrade", False),
        ("websocket", "keep-alive", False),
    ],
)
def test_a_handshake_is_known(upgrade: str, connection: str, is_one: bool) -> None:
    """By both of its fields."""
    assert is_one is is_handshake({"HTTP_UPGRADE": upgrade, "HTTP_CONNECTION": connection})
    assert not is_handshake({})

"""The environ of PEP 3333: every variable, and what a client cannot make of it."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any, cast
from wsgiref.validate import validator

import pytest

from costrel.app import App
from costrel.messages import Request
from costrel.mounts import make_environ
from costrel.mounts.wsgi_file import FileWrapper
from costrel.testing import make_request

APP = App("outer", extensions=())


def environ_of(request: Request, script_name: str = "", path_info: str = "/", **options: Any) -> dict[str, Any]:
    return make_environ(request, script_name=script_name, path_info=path_info, input=io.BytesIO(), **options)


def environ_with(lines: list[tuple[str, str]], path: str = "/") -> dict[str, Any]:
    request = make_request(APP, "GET", path)
    request.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in lines]
    return environ_of(request)


def test_environ_says_all_that_a_gateway_says() -> None:
    """Method, paths, query, protocol and both ends are there, each as a `str`."""
    request = make_request(APP, "POST", "/old/a%20b?x=1&y=%41", json={"a": 1})

    environ = environ_of(request, "/old", "/a b")

    assert {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "/old",
        "PATH_INFO": "/a b",
        "QUERY_STRING": "x=1&y=%41",
        "REQUEST_URI": "/old/a%20b?x=1&y=%41",
        "RAW_URI": "/old/a%20b?x=1&y=%41",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": "7",
    }.items() <= environ.items()


def test_environ_has_the_variables_of_wsgi() -> None:
    """The `wsgi.` variables say what runs here, and the request itself is among them."""
    request = make_request(APP, "GET", "/")

    environ = environ_of(request, is_multiprocess=False)

    assert {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
        "wsgi.input_terminated": True,
        "costrel.request": request,
    }.items() <= environ.items()


def test_environ_passes_the_validator() -> None:
    """`wsgiref.validate` finds nothing wrong with it."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    environ = environ_of(make_request(APP, "POST", "/a?b=c", data={"d": "e"}), "/old", "/a")
    content = validator(application)(environ, lambda status, headers, exc_info=None: lambda data: None)

    assert [b"ok"] == list(content)
    cast("Any", content).close()


@pytest.mark.parametrize(
    ("path", "raw_path", "shown"),
    [
        pytest.param("/caf\u00e9", b"/caf%C3%A9", "/caf\u00c3\u00a9", id="utf-8-bytes-as-latin-1"),
        pytest.param("/a", b"/a", "/a", id="ascii"),
        pytest.param("", b"", "", id="empty"),
        pytest.param("/\ufffd", b"/%FF", "/\u00ff", id="bytes-that-are-no-utf-8-are-kept"),
        pytest.param("/\ufffd", b"/%EF%BF%BD", "/\u00ef\u00bf\u00bd", id="a-replacement-character-that-was-sent"),
        pytest.param("/\ufffdx", b"/other", "/\u00ef\u00bf\u00bdx", id="a-path-that-was-rewritten"),
    ],
)
def test_path_info_is_bytes_in_latin_1(path: str, raw_path: bytes, shown: str) -> None:
    """PATH_INFO has one character for each byte of the decoded path."""
    request = make_request(APP, "GET", "/")
    request.raw_path = raw_path

    assert shown == environ_of(request, path_info=path)["PATH_INFO"]


def test_broken_bytes_are_found_behind_the_prefix() -> None:
    """The prefix of a mount may have characters of several bytes itself."""
    request = make_request(APP, "GET", "/")
    request.raw_path = b"/%C3%A9/%FF%2Fx"

    environ = environ_of(request, "/\u00e9", "/\ufffd/x")

    assert ("/\u00c3\u00a9", "/\u00ff/x") == (environ["SCRIPT_NAME"], environ["PATH_INFO"])


@pytest.mark.parametrize(
    ("lines", "key", "value"),
    [
        pytest.param([("accept", "a"), ("accept", "b")], "HTTP_ACCEPT", "a, b", id="lines-are-joined-by-commas"),
        pytest.param([("cookie", "a=1"), ("cookie", "b=2")], "HTTP_COOKIE", "a=1; b=2", id="cookies-by-semicolons"),
        pytest.param([("x-new-name", "\u00e9")], "HTTP_X_NEW_NAME", "\u00e9", id="latin-1"),
        pytest.param([("content-type", "text/plain")], "CONTENT_TYPE", "text/plain", id="content-type"),
        pytest.param([("x_real_ip", "6.6.6.6")], "HTTP_X_REAL_IP", None, id="an-underscore-is-no-hyphen"),
        pytest.param([("content_length", "5")], "CONTENT_LENGTH", None, id="nor-in-content-length"),
        pytest.param([("proxy", "http://evil")], "HTTP_PROXY", None, id="proxy-is-never-set"),
        pytest.param([("accept", "a")], "CONTENT_TYPE", None, id="no-content-type-no-variable"),
    ],
)
def test_header_fields(lines: list[tuple[str, str]], key: str, value: str | None) -> None:
    """Each field has one variable, or none where it could be taken for something else."""
    assert value == environ_with(lines).get(key)


def test_spoofed_name_does_not_join_the_real_one() -> None:
    """A name with an underscore neither replaces nor extends the field it imitates, in whatever order they come."""
    lines = [("x_forwarded_for", "6.6.6.6"), ("x-forwarded-for", "10.0.0.1"), ("x_forwarded_for", "7.7.7.7")]

    assert "10.0.0.1" == environ_with(lines)["HTTP_X_FORWARDED_FOR"]


@pytest.mark.parametrize(
    ("host", "server"),
    [
        pytest.param("example.org", ("example.org", "80"), id="name"),
        pytest.param("example.org:8080", ("example.org", "8080"), id="port"),
        pytest.param("[::1]:8080", ("[::1]", "8080"), id="ipv6"),
        pytest.param("example.org:", ("example.org", "80"), id="empty-port"),
        pytest.param("a b", ("localhost", "80"), id="no-host"),
        pytest.param("example.org:8080/x", ("localhost", "80"), id="more-than-an-authority"),
        pytest.param("user@example.org", ("localhost", "80"), id="user"),
        pytest.param("", ("localhost", "80"), id="empty"),
    ],
)
def test_server_is_the_host_where_that_can_be_one(host: str, server: tuple[str, str]) -> None:
    """SERVER_NAME and SERVER_PORT come from a Host field that is an authority, else they are the default."""
    environ = environ_with([("host", host)])

    assert server == (environ["SERVER_NAME"], environ["SERVER_PORT"])


def test_https_has_its_port() -> None:
    """Without a port in the Host field, that of the scheme is meant."""
    environ = environ_of(make_request(APP, "GET", "https://example.org/"))

    assert ("https", "443") == (environ["wsgi.url_scheme"], environ["SERVER_PORT"])


def test_unknown_client_has_no_port() -> None:
    """On a Unix socket the address is empty and there is no port."""
    request = make_request(APP, "GET", "/")
    request.client = None

    environ = environ_of(request)

    assert ("", None) == (environ["REMOTE_ADDR"], environ.get("REMOTE_PORT"))


def test_names_that_were_seen_are_bounded() -> None:
    """However many names clients invent, all arrive and few are remembered."""
    from costrel.mounts.wsgi_environ import _known_keys

    environ = environ_with([(f"x-{number}", "1") for number in range(2000)])

    assert 2000 == sum(key.startswith("HTTP_X_") for key in environ)
    assert len(_known_keys) <= 512

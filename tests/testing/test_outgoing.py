"""From the options of a test to the parts of a request."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest

from costrel.http import URL, Headers
from costrel.testing.outgoing import RequestOptions, build_request, join_url

BASE = URL("http://localhost")


def build(method: str = "POST", path: str = "/", /, **options: Any) -> Any:
    """Put a request together as a client without settings does."""
    return build_request(method, join_url(BASE, path), Headers(), RequestOptions(**options))


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        pytest.param("/a", "http://localhost/a", id="a-path"),
        pytest.param("a", "http://localhost/a", id="a-relative-path-is-taken-from-the-root"),
        pytest.param("", "http://localhost/", id="nothing-is-the-root"),
        pytest.param("/a?b=1", "http://localhost/a?b=1", id="a-path-with-a-query"),
        pytest.param("?b=1", "http://localhost/?b=1", id="a-query"),
        pytest.param("/käse und brot", "http://localhost/k%C3%A4se%20und%20brot", id="what-must-be-escaped"),
        pytest.param("/a%2Fb", "http://localhost/a%2Fb", id="what-is-escaped-stays"),
        pytest.param("https://other.example/x", "https://other.example/x", id="a-url"),
        pytest.param("//other.example/x", "http://other.example/x", id="a-url-without-a-scheme"),
        pytest.param("/to?u=http://x.example/", "http://localhost/to?u=http://x.example/", id="a-url-in-the-query"),
    ],
)
def test_a_reference_is_joined(reference: str, expected: str) -> None:
    """A path is on the host of the client, a URL stands for itself."""

    assert expected == join_url(BASE, reference)


@pytest.mark.capability("C159")
@pytest.mark.parametrize(
    ("options", "content", "media_type"),
    [
        pytest.param({}, b"", None, id="nothing"),
        pytest.param({"json": {"a": [1, None]}}, b'{"a":[1,null]}', "application/json", id="json"),
        pytest.param({"json": None}, b"null", "application/json", id="json-null"),
        pytest.param(
            {"data": {"a": "1 2", "b": ["x", "y"], "c": None}},
            b"a=1%202&b=x&b=y",
            "application/x-www-form-urlencoded",
            id="a-form",
        ),
        pytest.param({"data": b"raw"}, b"raw", None, id="data-that-is-finished"),
        pytest.param({"content": "ü"}, "ü".encode(), None, id="text"),
        pytest.param({"content": b"x", "headers": {"Content-Type": "a/b"}}, b"x", "a/b", id="a-type-of-its-own"),
    ],
)
def test_a_body_and_its_type(options: dict[str, Any], content: bytes, media_type: str | None) -> None:
    """Each way to say what the body is has its content and its media type."""
    outgoing = build(**options)

    assert (content, media_type, str(len(content))) == (
        outgoing.content,
        outgoing.headers.get("content-type"),
        outgoing.headers["content-length"],
    )


@pytest.mark.parametrize(
    ("given", "head", "content"),
    [
        pytest.param(
            ("n.txt", b"abc"), b'name="f"; filename="n.txt"\r\nContent-Type: text/plain', b"abc", id="name-and-content"
        ),
        pytest.param(
            ("n.txt", "ü", "a/b"),
            b'name="f"; filename="n.txt"\r\nContent-Type: a/b',
            "ü".encode(),
            id="name-content-and-type",
        ),
        pytest.param(
            b"abc",
            b'name="f"; filename="upload"\r\nContent-Type: application/octet-stream',
            b"abc",
            id="content-alone",
        ),
        pytest.param(
            ('a"b\r\n.txt', io.BytesIO(b"abc")),
            b'name="f"; filename="a%22b%0D%0A.txt"\r\nContent-Type: text/plain',
            b"abc",
            id="an-open-file-and-a-hostile-name",
        ),
        pytest.param((None, b"abc"), b'name="f"\r\nContent-Type: application/octet-stream', b"abc", id="no-name"),
    ],
)
def test_a_file_becomes_a_part(given: Any, head: bytes, content: bytes) -> None:
    """A file is one part with its name and type; a name cannot break out of its quotes."""
    outgoing = build(files={"f": given})
    boundary = outgoing.headers["content-type"].partition("boundary=")[2].encode()

    assert (
        b"--%b\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n--%b--\r\n" % (boundary, head, content, boundary)
        == outgoing.content
    )


def test_an_option_that_does_not_exist_is_refused() -> None:
    """A misspelt one would be ignored, and the test would prove nothing."""
    with pytest.raises(
        TypeError, match="no option 'query_string'; here `query_string` is `params`; the options are auth"
    ):
        build(query_string={"a": 1})


def test_fields_and_files_share_a_form() -> None:
    """With `files` the fields of `data` are parts too, lists repeated."""
    outgoing = build(files=[("f", b"1"), ("f", b"2")], data={"a": ["x", "y"], "n": 3, "none": None, "yes": True})

    assert (2, 2, 1, 1, 0) == tuple(
        outgoing.content.count(b'name="%b"' % name) for name in (b"f", b"a", b"n", b"yes", b"none")
    )
    assert b"\r\n\r\ntrue\r\n" in outgoing.content


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"json": 1, "data": {}}, id="json-and-data"),
        pytest.param({"content": b"", "files": {"a": b""}}, id="content-and-files"),
        pytest.param({"data": b"x", "files": {"a": b""}}, id="finished-data-and-files"),
        pytest.param({"content": 5}, id="content-of-another-type"),
        pytest.param({"files": {"a": 5}}, id="a-file-of-another-type"),
    ],
)
def test_a_request_has_one_body(options: dict[str, Any]) -> None:
    """Options that contradict each other are refused, and not one of them silently preferred."""
    with pytest.raises(TypeError):
        build(**options)


def test_an_iterator_is_sent_in_chunks() -> None:
    """A body of unknown length has no Content-Length."""

    def pieces() -> Iterator[bytes]:
        yield b"a"

    headers = build(content=pieces()).headers

    assert ("chunked", None) == (headers["transfer-encoding"], headers.get("content-length"))


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
def test_a_request_without_a_body_has_no_length(method: str) -> None:
    """Only methods that anticipate content announce that there is none (RFC 9110 §8.6)."""

    assert "content-length" not in build(method).headers


def test_params_are_added_to_the_query() -> None:
    """What the URL has stays; a fragment is never sent."""

    assert b"a=1&b=2&b=3" == build("GET", "/p?a=1#top", params={"b": [2, 3]}).query_string


def test_headers_of_a_request_replace_those_of_the_client() -> None:
    """A name of the request takes the place of all lines of that name."""
    base = Headers([("accept", "a/a"), ("accept", "b/b"), ("x-kept", "1")])
    outgoing = build_request("get", BASE, base, {"headers": [("Accept", "c/c")], "auth": ("ann", "pässword")})

    assert [
        ("host", "localhost"),
        ("x-kept", "1"),
        ("authorization", "Basic YW5uOnDDpHNzd29yZA=="),
        ("accept", "c/c"),
    ] == list(outgoing.headers.items(multi=True))
    assert "GET" == outgoing.method


def test_cookies_of_a_request_are_quoted() -> None:
    """A value that a cookie cannot hold as it is round-trips."""

    assert r'a=1; b="x\040y"' == build("GET", cookies={"a": "1", "b": "x y"}).headers["cookie"]

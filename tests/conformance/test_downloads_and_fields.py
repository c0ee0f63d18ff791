"""What goes out: ranges and conditions of files, names of downloads, and fields that an application sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from costrel import App, FileResponse, Request, Response, TextResponse
from costrel.testing import TestClient

CONTENT = b"0123456789" * 10


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    (tmp_path / "static").mkdir()
    for name in ("a.txt", "page.html", "picture.svg", "photo.png"):
        (tmp_path / "static" / name).write_bytes(CONTENT)
    app = App()
    app.root_folder = tmp_path

    @app.get("/download")
    async def download(name: str) -> Response:
        return FileResponse(tmp_path / "static" / "a.txt", filename=name)

    @app.get("/upload/{name}")
    async def upload(name: str) -> Response:
        return FileResponse(tmp_path / "static" / name, untrusted=True)

    with app.test_client(raise_app_exceptions=False) as client:
        yield client


@pytest.mark.security("B19")
@pytest.mark.parametrize(
    ("value", "status_code"),
    [
        pytest.param("bytes=0-9", 206, id="plain"),
        pytest.param("bytes=-10", 206, id="suffix"),
        pytest.param("bytes=0-999", 206, id="beyond-the-end"),
        pytest.param("bytes=0-0,2-2,4-4", 206, id="three"),
        pytest.param("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 32, 2)), 206, id="16-ranges"),
        pytest.param("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 34, 2)), 200, id="17-ranges"),
        pytest.param("bytes=" + "0-0,2-2," * 1300, 200, id="2600-ranges"),
        pytest.param("bytes=" + "0-," * 1300, 200, id="the-whole-file-1300-times"),
        pytest.param("bytes=-0", 416, id="suffix-of-nothing"),
        pytest.param("bytes=100-", 416, id="behind-the-end"),
        pytest.param("bytes=" + "9" * 4000 + "-", 416, id="4000-digits"),
        pytest.param("bytes=5-1", 200, id="backwards"),
        pytest.param("bytes=--1", 200, id="two-hyphens"),
        pytest.param("bytes=\u0660-\u0661".encode().decode("latin-1"), 200, id="digits-of-another-script"),
        pytest.param("lines=0-1", 200, id="another-unit"),
        pytest.param("bytes", 200, id="no-ranges"),
    ],
)
def test_a_range_is_never_more_than_the_file(client: TestClient, value: str, status_code: int) -> None:
    """What is too much or malformed is ignored, what is nowhere in the file is 416, and no answer is amplified."""
    response = client.get("/static/a.txt", headers={"Range": value})

    assert status_code == response.status_code
    assert response.status_code != 200 or CONTENT == response.content
    assert len(response.content) < 3000


@pytest.mark.security("B19")
def test_ranges_that_overlap_are_sent_once(client: TestClient) -> None:
    """Ranges are joined, so their sum is at most the file."""
    response = client.get("/static/a.txt", headers={"Range": "bytes=0-60,10-70,20-80"})

    assert (206, 81, "bytes 0-80/100") == (
        response.status_code,
        len(response.content),
        response.headers["content-range"],
    )


@pytest.mark.security("B20")
@pytest.mark.parametrize(
    ("headers", "status_code"),
    [
        pytest.param({"If-Range": "W/{etag}", "Range": "bytes=0-0"}, 200, id="weak-tag-for-a-range"),
        pytest.param({"If-Range": "{etag}", "Range": "bytes=0-0"}, 206, id="strong-tag-for-a-range"),
        pytest.param({"If-Range": "nonsense", "Range": "bytes=0-0"}, 200, id="no-tag-for-a-range"),
        pytest.param({"If-None-Match": '"a",' * 4000}, 200, id="many-tags"),
        pytest.param({"If-None-Match": '"' * 10_000}, 200, id="quotes"),
        pytest.param({"If-Modified-Since": "garbage"}, 200, id="no-date"),
        pytest.param({"If-Modified-Since": "Mon, 99 Foo 99999 99:99:99 GMT"}, 200, id="impossible-date"),
        pytest.param({"If-Modified-Since": "9" * 5000}, 200, id="digits"),
        pytest.param({"If-Unmodified-Since": "garbage"}, 200, id="no-date-to-be-unmodified-since"),
    ],
)
def test_a_condition_that_is_none_is_ignored(client: TestClient, headers: dict[str, str], status_code: int) -> None:
    """A weak tag guards no range, and garbage is no error of the server."""
    etag = client.get("/static/a.txt").headers["etag"].removeprefix("W/")
    response = client.get("/static/a.txt", headers={k: v.replace("{etag}", etag) for k, v in headers.items()})

    assert status_code == response.status_code


@pytest.mark.security("B23")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("plain.txt", 'attachment; filename="plain.txt"', id="plain"),
        pytest.param('a".txt', None, id="quote"),
        pytest.param('a"\r\nX: y.txt', None, id="line-break"),
        pytest.param("a\0.txt", None, id="nul"),
        pytest.param("na\u00efve \u20ac.txt", None, id="not-ascii"),
        pytest.param("../../etc/passwd", None, id="climbing"),
        pytest.param("a; filename=evil.exe", None, id="semicolon"),
    ],
)
def test_the_name_of_a_download_is_one_parameter(client: TestClient, name: str, expected: str | None) -> None:
    """Whatever a user calls a file, the field has one name in quotes, and its full form beside it if needed."""
    response = client.get("/download", params={"name": name})
    value = response.headers["content-disposition"]

    assert 200 == response.status_code
    assert expected is None or expected == value
    assert "x" not in response.headers
    assert value.isprintable()
    assert value.isascii()
    assert 2 == value.partition(";")[2].partition("; filename*=")[0].replace('\\"', "").count('"')
    assert ".." not in value


@pytest.mark.security("B24")
@pytest.mark.parametrize(
    ("name", "disposition"), [("page.html", "attachment"), ("picture.svg", "attachment"), ("photo.png", None)]
)
def test_what_a_user_uploaded_runs_nothing(client: TestClient, name: str, disposition: str | None) -> None:
    """It is in a sandbox, of the declared type, and to be saved unless its type runs nothing."""
    headers = client.get(f"/upload/{name}").headers

    assert "nosniff" == headers["x-content-type-options"]
    assert "sandbox" in headers["content-security-policy"]
    assert disposition is None or headers["content-disposition"].startswith(disposition)


def set_header(response: Response) -> None:
    response.headers["x-a"] = "v\r\nX-Evil: 1"


def set_control(response: Response) -> None:
    response.headers["x-a"] = "v\x00\x01\x7f"


def set_name(response: Response) -> None:
    response.headers["x a"] = "v"


def add_header(response: Response) -> None:
    response.headers.add("x-a", "v\nX-Evil: 1")


def set_cookie(response: Response) -> None:
    response.set_cookie("a", "b", path="/; X-Evil")


@pytest.mark.security("A48")
@pytest.mark.parametrize("change", [set_header, set_control, set_name, add_header, set_cookie])
def test_a_field_that_would_be_two_is_refused_where_it_is_set(change: Callable[[Response], None]) -> None:
    """The line that sets it raises a `ValueError`, and the client gets a plain 500."""
    app = App(extensions=())

    @app.get("/")
    async def index() -> Response:
        response = TextResponse("x")
        with pytest.raises(ValueError):
            change(response)
        change(response)
        return response

    @app.get("/tuple")
    async def pair():
        return "x", 200, {"x-a": "v\r\nX-Evil: 1"}

    with app.test_client(raise_app_exceptions=False) as client:
        responses = [client.get("/"), client.get("/tuple")]

    assert [500, 500] == [response.status_code for response in responses]
    assert all({"x-evil", "x-a", "set-cookie"}.isdisjoint(response.headers) for response in responses)


@pytest.mark.security("A48")
@pytest.mark.parametrize("name", ["X-Evil", "Location", "Set-Cookie"])
def test_what_a_client_says_cannot_become_a_field(name: str) -> None:
    """A value that was decoded from a query and put into a field brings no line break with it."""
    app = App(extensions=())

    @app.get("/")
    async def index(request: Request) -> Response:
        return Response("x", headers={"X-Said": request.query["q"]})

    with app.test_client(raise_app_exceptions=False) as client:
        response = client.get(f"/?q=a%0d%0a{name}:%20b")

    assert 500 == response.status_code
    assert name.lower() not in response.headers

"""Queries, forms and uploads as attackers write them, through a whole application and the limits it has by default."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from costrel import App, Request
from costrel.testing import TestClient

URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}
LIMIT_BYTES = 1024 * 1024


def part(head: str | bytes = 'name="a"', content: bytes = b"1", extra: bytes = b"") -> bytes:
    head = head if isinstance(head, bytes) else head.encode()
    return b"--b\r\nContent-Disposition: form-data; " + head + b"\r\n" + extra + b"\r\n" + content + b"\r\n"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """An application that shows what it was sent, in a folder of its own."""
    app = App(extensions=())

    @app.get("/query")
    async def query(request: Request) -> dict[str, Any]:
        return {"pairs": list(request.query.items(multi=True)), "first": dict(request.query)}

    @app.post("/form")
    async def form(request: Request) -> dict[str, Any]:
        return {
            "pairs": list(request.form.items(multi=True)),
            "files": [[name, file.filename, file.read().decode("latin-1")] for name, file in request.files.items()],
        }

    @app.post("/save")
    def save(request: Request) -> list[str]:
        target = tmp_path / "uploads"
        target.mkdir(exist_ok=True)
        for file in request.files.values():
            file.save(target / file.filename)
        return sorted(path.name for path in target.iterdir())

    @app.get("/typed")
    async def typed(a: int) -> int:
        return a

    with app.test_client() as client:
        yield client


QUERIES = [
    pytest.param("a=1&" * 999 + "a=1", 200, id="1000-fields", marks=pytest.mark.security("C1")),
    pytest.param("a=1&" * 1000 + "a=1", 400, id="1001-fields", marks=pytest.mark.security("C1")),
    pytest.param("a=1&" * 200_000, 400, id="200000-fields", marks=pytest.mark.security("C1")),
    pytest.param("&" * 200_000, 200, id="nothing-but-separators", marks=pytest.mark.security("C1")),
    pytest.param(
        "&".join(f"{n * (2**61 - 1)}=1" for n in range(1, 1001)), 200, id="1000-keys", marks=pytest.mark.security("C33")
    ),
    pytest.param(
        "&".join(f"{n * (2**61 - 1)}=1" for n in range(1, 1002)), 400, id="1001-keys", marks=pytest.mark.security("C33")
    ),
]


@pytest.mark.parametrize(("query", "status_code"), QUERIES)
def test_a_query_has_a_limit(client: TestClient, query: str, status_code: int) -> None:
    """A thousand fields are read, one more is 400."""

    assert status_code == client.get(f"/query?{query}").status_code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "role=user&x=;role=admin",
            [["role", "user"], ["x", ";role=admin"]],
            id="semicolon",
            marks=pytest.mark.security("C3"),
        ),
        pytest.param("a=%zz%ff", [["a", "%zz\ufffd"]], id="broken-escapes", marks=pytest.mark.security("C4")),
        pytest.param("a=%00", [["a", "\0"]], id="nul", marks=pytest.mark.security("C4")),
        pytest.param("a[x][y]=1", [["a[x][y]", "1"]], id="nesting", marks=pytest.mark.security("C5")),
        pytest.param(
            "a" + "[x]" * 2000 + "=1", [["a" + "[x]" * 2000, "1"]], id="deep", marks=pytest.mark.security("C5")
        ),
        pytest.param("a[999999999]=1", [["a[999999999]", "1"]], id="index", marks=pytest.mark.security("C5")),
        pytest.param(
            "__proto__=1&__class__=2&constructor=3",
            [["__proto__", "1"], ["__class__", "2"], ["constructor", "3"]],
            id="names-of-insides",
            marks=pytest.mark.security("C5"),
        ),
        pytest.param("a=1&a=2", [["a", "1"], ["a", "2"]], id="twice", marks=pytest.mark.security("C6")),
    ],
)
def test_a_query_and_a_form_are_read_alike(client: TestClient, text: str, expected: list[list[str]]) -> None:
    """Only ``&`` separates, names are plain text, and nothing of it is an error."""
    asked, sent = client.get(f"/query?{text}"), client.post("/form", content=text, headers=URLENCODED)

    assert (200, expected) == (asked.status_code, asked.json()["pairs"])
    assert (200, expected) == (sent.status_code, sent.json()["pairs"])


@pytest.mark.security("C6")
def test_validation_sees_the_value_that_the_handler_sees(client: TestClient) -> None:
    """Of a key that comes twice the first counts for both."""

    assert (200, "1") == (client.get("/typed?a=1&a=x").status_code, client.get("/typed?a=1&a=x").text)
    assert 422 == client.get("/typed?a=x&a=1").status_code
    assert {"a": "1"} == client.get("/query?a=1&a=2").json()["first"]


@pytest.mark.security("C2")
@pytest.mark.parametrize(
    ("body", "status_code"),
    [
        pytest.param(b"a=1&" * 999 + b"a=1", 200, id="1000-fields"),
        pytest.param(b"a=1&" * 1000 + b"a=1", 413, id="1001-fields"),
        pytest.param(b"a=" + b"x" * 256 * 1024, 200, id="field-of-256-KiB"),
        pytest.param(b"a=" + b"x" * (256 * 1024 + 1), 413, id="field-over-256-KiB"),
        pytest.param(b"a=" + b"x" * 3_000_000, 413, id="field-of-3-MB"),
        pytest.param(b"&" * LIMIT_BYTES, 200, id="nothing-but-separators"),
    ],
)
def test_an_urlencoded_form_has_limits(client: TestClient, body: bytes, status_code: int) -> None:
    """The limits of forms hold whatever their media type."""

    assert status_code == client.post("/form", content=body, headers=URLENCODED).status_code


FORMS = [
    pytest.param(part() * 1000, 200, id="1000-fields", marks=pytest.mark.security("C7")),
    pytest.param(part() * 1001, 413, id="1001-fields", marks=pytest.mark.security("C7")),
    pytest.param(part('name="f"; filename="x"') * 100, 200, id="100-files", marks=pytest.mark.security("C7")),
    pytest.param(part('name="f"; filename="x"') * 101, 413, id="101-files", marks=pytest.mark.security("C7")),
    pytest.param(part(content=b"x" * 2 * LIMIT_BYTES), 413, id="field-of-2-MiB", marks=pytest.mark.security("C8")),
    pytest.param(b"\n" * 200_000 + part(), 400, id="preamble-of-200-kB", marks=pytest.mark.security("C11")),
    pytest.param(
        part(extra=b"X: " + b"y" * 100_000 + b"\r\n"), 400, id="head-of-100-kB", marks=pytest.mark.security("C13")
    ),
    pytest.param(part(extra=b"X: y\r\n" * 1000), 400, id="1000-header-fields", marks=pytest.mark.security("C13")),
    pytest.param(part(extra=b"X: a\rb\r\n"), 400, id="carriage-return-in-a-head", marks=pytest.mark.security("C13")),
    pytest.param(part().replace(b"\r\n", b"\n"), 400, id="bare-line-feeds", marks=pytest.mark.security("C13")),
    pytest.param(
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n1\r\n',
        400,
        id="no-blank-line",
        marks=pytest.mark.security("C13"),
    ),
    pytest.param(part("x=1"), 400, id="no-name", marks=pytest.mark.security("C17")),
    pytest.param(b"--b\r\nX: y\r\n\r\n1\r\n", 400, id="no-disposition", marks=pytest.mark.security("C17")),
    pytest.param(
        part(extra=b'Content-Disposition: form-data; name="z"\r\n'),
        400,
        id="two-dispositions",
        marks=pytest.mark.security("C17"),
    ),
]


@pytest.mark.parametrize(("parts", "status_code"), FORMS)
def test_a_multipart_form_has_limits_and_a_grammar(client: TestClient, parts: bytes, status_code: int) -> None:
    """What is over a limit is 413 (of a head: 400), what is malformed 400; nothing is read by halves."""

    assert status_code == client.post("/form", content=parts + b"--b--\r\n", headers=MULTIPART).status_code


@pytest.mark.security("C9")
@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param("", id="none"),
        pytest.param("; boundary=", id="empty"),
        pytest.param(f"; boundary={'b' * 300}", id="300-characters"),
        pytest.param('; boundary="a b"', id="space"),
        pytest.param('; boundary="a\\"b"', id="quote"),
        pytest.param("; boundary=--", id="hyphens"),
        pytest.param("; boundary=b; boundary=c", id="two"),
    ],
)
def test_a_boundary_that_is_none_is_refused(client: TestClient, parameters: str) -> None:
    """A form that cannot be taken apart is 400, never an empty form."""
    headers = {"Content-Type": f"multipart/form-data{parameters}"}

    assert 400 == client.post("/form", content=part() + b"--b--\r\n", headers=headers).status_code


@pytest.mark.security("C10")
@pytest.mark.parametrize("size_bytes", [0, 1, 20, 46, 50, 53, 55, 56])
def test_a_form_that_is_cut_off_is_refused(client: TestClient, size_bytes: int) -> None:
    """Without its final boundary a form is 400, never one with fewer fields."""
    whole = part() + b"--b--"  # 57 bytes

    assert 400 == client.post("/form", content=whole[:size_bytes], headers=MULTIPART).status_code
    assert 200 == client.post("/form", content=whole, headers=MULTIPART).status_code


@pytest.mark.parametrize(
    ("epilogue", "status_code"), [(b"\r\n", 200), (b"\n" * 1024, 200), (b"\n" * 1025, 400), (b"\n" * 200_000, 400)]
)
@pytest.mark.security("C11")
def test_an_epilogue_has_a_limit(client: TestClient, epilogue: bytes, status_code: int) -> None:
    """What stands behind the final boundary is ignored up to 1 KiB."""

    assert status_code == client.post("/form", content=part() + b"--b--" + epilogue, headers=MULTIPART).status_code


@pytest.mark.parametrize(
    ("parts", "pairs", "files"),
    [
        pytest.param(
            part('name="f"; filename="safe.txt"; filename*=UTF-8\'\'evil.php'),
            [],
            [["f", "safe.txt", "1"]],
            id="two-file-names",
            marks=pytest.mark.security("C15"),
        ),
        pytest.param(
            part("name=\"comment\"; name*=utf-8''role"),
            [["comment", "1"]],
            [],
            id="two-names",
            marks=pytest.mark.security("C15"),
        ),
        pytest.param(
            part('name="f"; filename="x"; filename*0="evil"'),
            [],
            [["f", "x", "1"]],
            id="continued-name",
            marks=pytest.mark.security("C15"),
        ),
        pytest.param(
            part('name="f"; filename="x"; filename*=UTF-8\'\'%zz%ff'),
            [],
            [["f", "x", "1"]],
            id="broken-extended-name",
            marks=pytest.mark.security("C16"),
        ),
        pytest.param(
            part('name="f"; filename="x"; filename*=nope\'\'x'),
            [],
            [["f", "x", "1"]],
            id="unknown-charset",
            marks=pytest.mark.security("C16"),
        ),
        pytest.param(part('name=""'), [["", "1"]], [], id="empty-name", marks=pytest.mark.security("C17")),
        pytest.param(
            part(b'name="\xff"'), [["\ufffd", "1"]], [], id="name-without-utf-8", marks=pytest.mark.security("C17")
        ),
        pytest.param(
            part('name="_charset_"', b"utf-7")
            + part(content=b"+ADw-", extra=b"Content-Type: text/plain; charset=utf-7\r\n"),
            [["_charset_", "utf-7"], ["a", "+ADw-"]],
            [],
            id="another-charset",
            marks=pytest.mark.security("C18"),
        ),
        pytest.param(
            part(content=b"MQ==", extra=b"Content-Transfer-Encoding: base64\r\n"),
            [["a", "MQ=="]],
            [],
            id="transfer-encoding",
            marks=pytest.mark.security("C19"),
        ),
        pytest.param(
            part(
                'name="f"; filename="n"',
                b"--n\r\n\r\nx\r\n--n--",
                extra=b"Content-Type: multipart/mixed; boundary=n\r\n",
            ),
            [],
            [["f", "n", "--n\r\n\r\nx\r\n--n--"]],
            id="nested",
            marks=pytest.mark.security("C20"),
        ),
    ],
)
def test_an_odd_form_has_one_reading(
    client: TestClient, parts: bytes, pairs: list[list[str]], files: list[list[str]]
) -> None:
    """The plain parameter wins, text is UTF-8 and content is never decoded a second time (RFC 7578 §4)."""
    response = client.post("/form", content=parts + b"--b--\r\n", headers=MULTIPART)

    assert (200, pairs, files) == (response.status_code, response.json()["pairs"], response.json()["files"])


@pytest.mark.security("C14")
@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        pytest.param("../../etc/passwd", "passwd", id="climbing"),
        pytest.param("/etc/passwd", "passwd", id="absolute"),
        pytest.param("C:\\x\\y.exe", "y.exe", id="windows"),
        pytest.param("CON.txt", "_CON.txt", id="device"),
        pytest.param("a\u202egpj.exe", "agpj.exe", id="right-to-left"),
        pytest.param("x" * 3000 + ".png", "x" * 250 + ".png", id="long"),
    ],
)
def test_an_upload_cannot_choose_where_it_goes(client: TestClient, tmp_path: Path, raw: str, safe: str) -> None:
    """Saved under the name it claims, an upload is a file of that folder."""
    before = {path for path in tmp_path.parent.rglob("*") if path.parent.name != "uploads"}
    response = client.post("/save", content=part(f'name="f"; filename="{raw}"') + b"--b--\r\n", headers=MULTIPART)
    after = {path for path in tmp_path.parent.rglob("*") if path.parent.name != "uploads"}

    assert (200, [safe]) == (response.status_code, response.json())
    assert {tmp_path / "uploads"} == after - before


@pytest.mark.security("C14")
def test_an_upload_whose_name_is_no_text(client: TestClient) -> None:
    """A NUL in a name is refused with the head that it stands in, or is gone; it never reaches a file system."""
    response = client.post("/save", content=part('name="f"; filename="a\0.png"') + b"--b--\r\n", headers=MULTIPART)

    assert response.status_code == 400 or ["a.png"] == response.json()


@pytest.mark.security("C12")
@pytest.mark.parametrize(
    ("content", "status_code"),
    [
        pytest.param(b"\r" * 200_000, 200, id="carriage-returns"),
        pytest.param(b"\r" + b"x" * 1_000_000, 200, id="one-carriage-return"),
        pytest.param(b"\r\n--an" * 40_000, 200, id="look-alikes"),
        pytest.param(b"\r\n--" * 40_000, 200, id="halves-of-the-boundary"),
        pytest.param(b"\r\n--bn" * 40_000, 400, id="lines-that-begin-with-the-boundary"),
    ],
)
def test_a_file_full_of_look_alikes(client: TestClient, content: bytes, status_code: int) -> None:
    """What resembles a boundary is content; a line that begins with the boundary must be one (RFC 2046 §5.1.1)."""
    body = part('name="f"; filename="x"', content) + b"--b--\r\n"
    response = client.post("/form", content=body, headers=MULTIPART)

    assert status_code == response.status_code
    assert status_code == 400 or content.decode("latin-1") == response.json()["files"][0][2]


@pytest.mark.security("C21")
def test_uploads_that_fail_leave_nothing_behind(client: TestClient) -> None:
    """A spooled upload that is refused or breaks off frees its file, whatever happened."""
    client.get("/query")
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n'

    def broken() -> Iterator[bytes]:
        yield head + b"x" * 600_000
        raise ConnectionError

    before = set(Path("/proc/self/fd").iterdir())
    for _ in range(20):
        with pytest.raises(ConnectionError):
            client.post("/form", content=broken(), headers=MULTIPART)
        assert 400 == client.post("/form", content=head + b"x" * 600_000, headers=MULTIPART).status_code

    assert before == set(Path("/proc/self/fd").iterdir())

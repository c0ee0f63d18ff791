from __future__ import annotations

import io
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from costrel.errors import CostrelError, NotFound, PreconditionFailed, RangeNotSatisfiable
from costrel.http import RequestHeaders
from costrel.messages.file_body import FileBody
from costrel.messages.files import FileResponse, send_file
from costrel.messages.limits import DEFAULT_LIMITS

DIGITS = b"0123456789"


@pytest.fixture
def digits(tmp_path):
    path = tmp_path / "digits.txt"
    path.write_bytes(DIGITS)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


@pytest.fixture
def ask(run, scripted):
    """Resolve a response for a request and read its body."""

    def ask(response, method="GET", **fields):
        async def main(loop_state):
            headers = RequestHeaders([(name.replace("_", "-"), value) for name, value in fields.items()])
            exchange = scripted([], loop_state)
            request = SimpleNamespace(method=method, headers=headers, exchange=exchange, limits=DEFAULT_LIMITS)
            resolved = await response.owned_by(exchange).resolve(request)
            body = resolved.body
            if isinstance(body, FileBody):
                length = body.content_length
                body = b"" if method == "HEAD" else b"".join([piece async for piece in body])
                await resolved.body.aclose()
                assert method == "HEAD" or length == len(body)
            return resolved, body

        return run(main)

    return ask


@pytest.mark.capability("C042")
@pytest.mark.parametrize("size", [10, 64 * 1024, 64 * 1024 + 1, 700_000])
def test_a_file_is_sent_with_its_validators(tmp_path, ask, size):
    """A file of any size comes whole, with type, ETag, Last-Modified and nosniff."""
    path = tmp_path / "page.html"
    content = os.urandom(size)
    path.write_bytes(content)
    response, body = ask(FileResponse(path))

    assert (200, content) == (response.status_code, body)
    assert ("text/html; charset=utf-8", "nosniff", "bytes") == (
        response.headers["content-type"],
        response.headers["x-content-type-options"],
        response.headers["accept-ranges"],
    )
    assert {"etag", "last-modified"} <= set(response.headers)
    assert not response.needs_resolving


@pytest.mark.capability("C042")
@pytest.mark.pain("P34")
def test_the_second_get_is_304(digits, ask):
    """A client that has the file already gets a 304 without content, and keeps its cookies."""
    first, _ = ask(FileResponse(digits))
    described = FileResponse(digits, headers={"Cache-Control": "max-age=60"})
    described.set_cookie("a", "1")
    second, body = ask(described, if_none_match=first.headers["etag"])

    assert (304, b"", None) == (second.status_code, body, second.headers.get("content-type"))
    assert ("max-age=60", first.headers["etag"]) == (second.headers["cache-control"], second.headers["etag"])
    assert "set-cookie" in second.headers
    assert 304 == ask(FileResponse(digits), if_modified_since=first.headers["last-modified"])[0].status_code
    assert 200 == ask(FileResponse(digits), if_modified_since="garbage")[0].status_code
    assert 200 == ask(FileResponse(digits, conditional=False), if_none_match="*")[0].status_code


@pytest.mark.security("B20")
def test_a_precondition_that_fails_is_412(digits, ask):
    """If-Match with another tag is 412."""
    with pytest.raises(PreconditionFailed):
        ask(FileResponse(digits), if_match='"other"')


@pytest.mark.capability("C043")
@pytest.mark.security("B19")
@pytest.mark.parametrize(
    ("field", "status_code", "expected", "content_range"),
    [
        pytest.param("bytes=2-4", 206, b"234", "bytes 2-4/10", id="middle"),
        pytest.param("bytes=7-", 206, b"789", "bytes 7-9/10", id="to-the-end"),
        pytest.param("bytes=-2", 206, b"89", "bytes 8-9/10", id="suffix"),
        pytest.param("bytes=0-0,1-3", 206, b"0123", "bytes 0-3/10", id="touching-ranges-are-one"),
        pytest.param("bytes=5-1", 200, DIGITS, None, id="backwards"),
        pytest.param("bytes=--1", 200, DIGITS, None, id="two-hyphens"),
        pytest.param("lines=0-1", 200, DIGITS, None, id="other-unit"),
        pytest.param("bytes=" + ",".join(["0-0,2-2"] * 650), 200, DIGITS, None, id="1300-ranges"),
        pytest.param("bytes=" + ",".join(["0-"] * 17), 200, DIGITS, None, id="17-ranges"),
    ],
)
def test_a_range_is_sent_or_ignored(digits, ask, field, status_code, expected, content_range):
    """A good range is 206, an odd one is as if it were not there."""
    response, body = ask(FileResponse(digits), range=field)

    assert (status_code, expected, content_range) == (
        response.status_code,
        body,
        response.headers.get("content-range"),
    )


@pytest.mark.security("B19")
@pytest.mark.parametrize("field", ["bytes=10-", "bytes=-0", "bytes=" + "9" * 4000 + "-"])
def test_a_range_outside_the_file_is_416(digits, ask, field):
    """A range that overlaps nothing is 416 and names the length."""
    with pytest.raises(RangeNotSatisfiable) as caught:
        ask(FileResponse(digits), range=field)

    assert {"Content-Range": "bytes */10"} == caught.value.headers


@pytest.mark.capability("C043")
@pytest.mark.security("B20")
def test_a_range_of_another_version_is_ignored(digits, ask):
    """If-Range with the current validator gives the range, with another or a weak one the whole file."""
    etag = ask(FileResponse(digits))[0].headers["etag"]

    assert 206 == ask(FileResponse(digits), range="bytes=0-1", if_range=etag)[0].status_code
    assert 200 == ask(FileResponse(digits), range="bytes=0-1", if_range="W/" + etag)[0].status_code
    assert 200 == ask(FileResponse(digits), range="bytes=0-1", if_range='"other"')[0].status_code


@pytest.mark.capability("C044")
@pytest.mark.parametrize("source", ["file", "bytes"])
def test_several_ranges_are_one_multipart_answer(digits, ask, source):
    """Three ranges come as three parts, each with its place, and overlapping ones as one."""
    described = FileResponse(digits) if source == "file" else send_file(DIGITS, filename="digits.txt")
    response, body = ask(described, range="bytes=0-1,3-4,4-5,8-")
    kind, _, boundary = response.headers["content-type"].partition("; boundary=")
    parts = body.split(b"--" + boundary.strip('"').encode())

    assert (206, "multipart/byteranges") == (response.status_code, kind)
    assert [b"01", b"345", b"89"] == [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in parts[1:-1]]
    assert [b"bytes 0-1/10", b"bytes 3-5/10", b"bytes 8-9/10"] == [
        part.partition(b"Content-Range: ")[2].partition(b"\r\n")[0] for part in parts[1:-1]
    ]


def test_head_reads_nothing_and_knows_the_length(digits, ask):
    """A HEAD has the length of GET, and ranges do not matter to it."""
    response, _ = ask(FileResponse(digits), method="HEAD", range="bytes=0-1")

    assert (200, 10) == (response.status_code, response.body.content_length)


@pytest.mark.security("B11")
@pytest.mark.parametrize(
    "kind", ["missing", "directory", "fifo", "device", "long-name", "nul", "below-a-file", "socket"]
)
def test_what_is_no_regular_file_is_404(digits, tmp_path, ask, kind):
    """Only regular files are sent, and nothing hangs."""
    import socket

    path = tmp_path / "x"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path = "/dev/zero"
    elif kind == "long-name":
        path = tmp_path / ("x" * 300)
    elif kind == "nul":
        path = f"{tmp_path}/a\0b"
    elif kind == "below-a-file":
        path = digits / "x"
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(str(path))
    with pytest.raises(NotFound):
        ask(FileResponse(path))


def test_symbolic_links_are_followed_unless_told(digits, tmp_path, ask):
    """A link is opened by default, and 404 where it is not to be followed."""
    link = tmp_path / "link.txt"
    link.symlink_to(digits)

    assert DIGITS == ask(FileResponse(link))[1]
    with pytest.raises(NotFound):
        ask(FileResponse(link, follow_symlinks=False))


@pytest.mark.security("B23")
@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        pytest.param("a.txt", 'attachment; filename="a.txt"', id="plain"),
        pytest.param("é.txt", "attachment; filename=\"e.txt\"; filename*=UTF-8''%C3%A9.txt", id="not-ascii"),
        pytest.param('a"\r\nX: y.txt', 'attachment; filename="a_X_ y.txt"', id="header-injection"),
    ],
)
def test_a_file_name_makes_an_attachment(digits, ask, filename, expected):
    """A name for saving is written for every client, and cannot leave its field."""
    response, _ = ask(FileResponse(digits, filename=filename))

    assert expected == response.headers["content-disposition"]


@pytest.mark.security("B24")
@pytest.mark.parametrize(
    ("name", "disposition"),
    [("x.svg", "attachment"), ("x.html", "attachment"), ("x", "attachment"), ("x.png", None), ("x.txt", None)],
)
def test_files_of_others_are_confined(tmp_path, ask, name, disposition):
    """An upload is shown in a sandbox, and only saved when it could run something."""
    (tmp_path / name).write_bytes(b"<svg/>")
    response, _ = ask(FileResponse(tmp_path / name, untrusted=True))

    assert (disposition, "nosniff") == (
        response.headers.get("content-disposition"),
        response.headers["x-content-type-options"],
    )
    assert response.headers["content-security-policy"].endswith("sandbox")
    inline, _ = ask(FileResponse(tmp_path / name, untrusted=True, disposition="inline"))
    assert (disposition or "inline") == inline.headers["content-disposition"]


@pytest.mark.security("B21")
@pytest.mark.parametrize("change", ["truncated", "rewritten"])
def test_a_file_that_changes_while_it_is_sent_aborts(tmp_path, run, scripted, change):
    """A file cut off or written to while it is sent ends the response with an exception."""
    path = tmp_path / "x"
    path.write_bytes(b"x" * 1_000_000)

    async def main(loop_state):
        request = SimpleNamespace(
            method="GET", headers=RequestHeaders(), exchange=scripted([], loop_state), limits=DEFAULT_LIMITS
        )
        body = (await FileResponse(path).resolve(request)).body
        await anext(body)
        if change == "truncated":
            os.truncate(path, 10)
        else:
            path.write_bytes(b"y" * 1_000_000)
            os.utime(path, (1, 1))
        with pytest.raises(CostrelError):
            [piece async for piece in body]
        await body.aclose()

    run(main)


@pytest.mark.security("B21")
def test_a_file_that_is_replaced_is_sent_as_it_was(tmp_path, run, scripted):
    """A file that another one takes the name of is sent to its end."""
    path = tmp_path / "x"
    path.write_bytes(b"x" * 1_000_000)
    other = tmp_path / "y"
    other.write_bytes(b"y" * 10)

    async def main(loop_state):
        request = SimpleNamespace(
            method="GET", headers=RequestHeaders(), exchange=scripted([], loop_state), limits=DEFAULT_LIMITS
        )
        body = (await FileResponse(path).resolve(request)).body
        first = await anext(body)
        other.replace(path)
        rest = b"".join([piece async for piece in body])
        await body.aclose()
        return first + rest

    assert b"x" * 1_000_000 == run(main)


@pytest.mark.parametrize("source", ["bytes", "memory", "memory-at-3", "file", "path"])
def test_anything_with_bytes_in_it_is_sent(digits, ask, source):
    """`send_file` takes a path, bytes, and open files from their position on."""
    memory = io.BytesIO(DIGITS)
    if source == "memory-at-3":
        memory.seek(3)
    chosen = {"bytes": DIGITS, "path": digits, "file": None}.get(source, memory)
    if source == "file":
        chosen = digits.open("rb")
        chosen.seek(3)
    response, body = ask(send_file(chosen, filename="d.txt"))

    assert (DIGITS[3:] if source in ("file", "memory-at-3") else DIGITS) == body
    assert "text/plain; charset=utf-8" == response.headers["content-type"]
    assert response.headers["content-disposition"].startswith("attachment")


def test_what_has_no_bytes_is_explained():
    """Anything else is a mistake that says so."""
    with pytest.raises(TypeError, match="not `int`"):
        send_file(5)


def test_nothing_stays_open(digits, ask):
    """Every answer closes its file: whole, partial, 304 and errors."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    ask(FileResponse(digits))
    ask(FileResponse(digits), range="bytes=0-1")
    ask(FileResponse(digits), if_none_match="*")
    with pytest.raises(RangeNotSatisfiable):
        ask(FileResponse(digits), range="bytes=10-")

    assert before == len(list(Path("/proc/self/fd").iterdir()))


def test_a_copy_of_a_file_response_is_one(digits, ask):
    """A module-level file response can be returned for many requests."""
    constant = FileResponse(digits, headers={"X-A": "1"})

    assert [DIGITS, DIGITS] == [ask(constant)[1], ask(constant)[1]]
    assert "1" == constant.copy().headers["x-a"]

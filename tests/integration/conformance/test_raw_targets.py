"""Targets and fields that no client library would send, over a socket to a whole application."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from costrel import App, Blueprint, Forbidden, Request, Response
from costrel.app import AppSettings
from costrel.messages import Dispatch

pytestmark = pytest.mark.integration
Talk = Callable[..., list[bytes]]
SECRET = b"top secret"


def get(target: bytes, *fields: bytes) -> bytes:
    lines = [b"GET %b HTTP/1.1" % target, b"Host: a", b"Connection: close", *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:100]
    return int(answer[9:12])


def location(answer: bytes) -> bytes | None:
    found = re.search(rb"\r\n[Ll]ocation: ([^\r\n]*)\r\n", answer)
    return found[1] if found else None


@pytest.fixture
def site(tmp_path: Path) -> App:
    """Static files with a secret beside them."""
    (tmp_path / "static" / "sub").mkdir(parents=True)
    (tmp_path / "static" / "a.txt").write_text("public", "utf-8")
    (tmp_path / "static" / ".env").write_bytes(SECRET)
    (tmp_path / "static_secret").mkdir()
    (tmp_path / "static_secret" / "x").write_bytes(SECRET)
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "static" / "link").symlink_to(tmp_path / "secret")
    app = App()
    app.root_folder = tmp_path
    return app


TRAVERSAL = [
    ("B1", b"/static/../secret"),
    ("B1", b"/static/%2e%2e/secret"),
    ("B1", b"/static/.%2e/secret"),
    ("B1", b"/static/..;/secret"),
    ("B2", b"/static/..%2fsecret"),
    ("B2", b"/static/%2e%2e%2fsecret"),
    ("B3", b"/static/%252e%252e%252fsecret"),
    ("B4", b"/static/..%5csecret"),
    ("B4", b"/static/..\\secret"),
    ("B5", b"/static/a.txt%00.png"),
    ("B5", b"/static/%00"),
    ("B5", b"/static/a.txt\x00.png"),
    ("B6", b"/static//etc/passwd"),
    ("B6", b"/static/%2fetc%2fpasswd"),
    ("B6", b"/static/C:/x"),
    ("B6", b"/static/\\\\host\\share"),
    ("B7", b"/static/CON"),
    ("B7", b"/static/COM1%20"),
    ("B7", b"/static/a.txt::$DATA"),
    ("B8", b"/static/../static_secret/x"),
    ("B9", b"/static/link"),
    ("B10", b"/static/a.txt/"),
    ("B11", b"/static/%ff"),
    ("B11", b"/static/" + b"n" * 300),
    ("B12", b"/static/.env"),
]


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(target, marks=pytest.mark.security(row), id=f"{row}-{n}")
        for n, (row, target) in enumerate(TRAVERSAL)
    ],
)
def test_a_target_stays_in_the_folder(talk: Talk, site: App, target: bytes) -> None:
    """Nothing beside or hidden in the folder comes; a NUL and a bare backslash are a bad request."""
    good, bad = talk(site, get(b"/static/a.txt"), get(target))

    assert (200, True) == (status(good), good.endswith(b"\r\n\r\npublic"))
    assert status(bad) == (400 if any(byte in target for byte in (b"\0", b"%00", b"\\")) else 404)
    assert SECRET not in bad


@pytest.mark.security("B14")
@pytest.mark.parametrize(
    "target",
    [
        b"/admin/secret",
        b"/admin%2Fsecret",
        b"//admin/secret",
        b"/admin;x/../admin/secret",
        b"/./admin/secret",
        b"/%61dmin/secret",
        b"/admin\\secret",
        b"/admin%00/secret",
        b"http://a/admin/secret",
    ],
)
def test_a_guard_sees_what_the_handler_sees(talk: Talk, target: bytes) -> None:
    """However the target is written, the guard runs or the handler does not."""

    async def guard(request: Request, call_next: Dispatch) -> Response:
        raise Forbidden

    app = App(extensions=())
    admin = Blueprint("admin", use=[guard])

    @admin.get("/{path:path}")
    async def secret(path: str) -> bytes:
        return SECRET

    app.register(admin, prefix="/admin")
    (answer,) = talk(app, get(target))

    assert status(answer) in (400, 403, 404)
    assert SECRET not in answer


@pytest.mark.security("B16")
@pytest.mark.parametrize(
    ("target", "host", "expected"),
    [
        pytest.param(b"/admin", b"a/?", 400, id="host-that-ends-early"),
        pytest.param(b"/admin", b"u@evil.example", 400, id="host-with-a-user"),
        pytest.param(b"@evil.example/", b"a", 400, id="target-without-a-slash"),
        pytest.param(b"//evil.example/x", b"a", 404, id="two-slashes"),
        pytest.param(b"/a%2Fb?c=/d", b"a", b"/a/b /a/b", id="encoded-slash"),
        pytest.param(b"http://a/x", b"a", b"/x /x", id="absolute-form"),
    ],
)
def test_the_url_of_a_request_has_its_path(talk: Talk, target: bytes, host: bytes, expected: int | bytes) -> None:
    """What would move the path is refused, and otherwise URL and path agree (CVE-2026-48710, CVE-2026-54282)."""
    app = App(extensions=())

    @app.get("/{path:path}")
    async def show(request: Request, path: str) -> str:
        return f"{request.path} {request.url.path}"

    (answer,) = talk(app, get(target).replace(b"Host: a\r\n", b"Host: %b\r\n" % host))

    assert expected == (status(answer) if isinstance(expected, int) else answer.partition(b"\r\n\r\n")[2])


@pytest.mark.security("C4")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param(b"a=%zz%ff", "%zz\ufffd", id="broken-escapes"),
        pytest.param(b"a=%00", "\0", id="encoded-nul"),
        pytest.param(b"a=\xff", None, id="raw-byte"),
    ],
)
def test_a_query_of_odd_bytes(talk: Talk, query: bytes, expected: str | None) -> None:
    """Escapes that are none stay as they are; bytes that no target has are a bad request."""
    app = App(extensions=())

    @app.get("/")
    async def show(request: Request) -> bytes:
        return request.query["a"].encode()

    (answer,) = talk(app, get(b"/?" + query))
    if expected is None:
        assert 400 == status(answer)
    else:
        assert (200, expected.encode()) == (status(answer), answer.partition(b"\r\n\r\n")[2])


@pytest.mark.security("E2")
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"/items?page=2", (308, b"/items/?page=2")),
        (b"//evil.example/items", (404, None)),
        (b"/\\evil.example/items", (400, None)),
        (b"/%5cevil.example/items", (404, None)),
        (b"/items?x=%0d%0aSet-Cookie:a=b", (308, b"/items/?x=%0d%0aSet-Cookie:a=b")),
        (b"http://a/items", (308, b"/items/")),
    ],
)
def test_the_slash_redirect_on_the_wire(talk: Talk, target: bytes, expected: tuple[int, bytes | None]) -> None:
    """The framework's own redirect names a path of this site."""
    app = App(extensions=())
    app.add_route("/items/", lambda: "items", name="items", trailing_slash="redirect")
    (answer,) = talk(app, get(target))

    assert expected == (status(answer), location(answer))
    assert b"\r\nSet-Cookie" not in answer


@pytest.mark.security("D1")
@pytest.mark.security("D2")
@pytest.mark.parametrize(
    ("field_value", "expected"),
    [
        (b"=__Host-session=evil", b"{}"),
        (b"=session=x", b"{}"),
        (b"  session=x", b'{"session":"x"}'),
        (b"session =x", b'{"session":"x"}'),
        (b"session=1; session=2", b'{"session":"1"}'),
        (b'a="' + b"\\1" * 5000 + b'"', b'{"a":"' + b"1" * 5000 + b'"}'),
        (b";" * 16_000, b"{}"),
    ],
)
def test_a_cookie_field_on_the_wire(talk: Talk, field_value: bytes, expected: bytes) -> None:
    """What has no name is no cookie, spaces belong to none, and the first of several counts."""
    app = App(extensions=())

    @app.get("/")
    async def show(request: Request) -> dict[str, str]:
        return dict(request.cookies)

    (answer,) = talk(app, get(b"/", b"Cookie: " + field_value))

    assert (200, expected) == (status(answer), answer.partition(b"\r\n\r\n")[2])


@pytest.mark.security("F10")
@pytest.mark.security("F9")
def test_fields_that_rewrite_a_request_do_not(talk: Talk) -> None:
    """The target, the method and the host are those of the request line and the Host field."""
    app = App(extensions=())

    @app.route("/{path:path}", methods=["GET", "DELETE"])
    async def show(request: Request, path: str) -> str:
        return f"{request.method} {request.path} {request.host} {request.scheme}"

    forged = [
        b"X-Original-URL: /admin",
        b"X-Rewrite-URL: /admin",
        b"X-HTTP-Method-Override: DELETE",
        b"X-Forwarded-Host: evil.example",
        b"X-Forwarded-Proto: https",
        b"Proxy: http://evil.example",
    ]
    (answer,) = talk(app, get(b"/public?_method=DELETE", *forged))

    assert b"GET /public a http" == answer.partition(b"\r\n\r\n")[2]


@pytest.mark.security("F8")
@pytest.mark.parametrize("target", [b"/account/x.css", b"/account;x.css", b"/account%0a.css", b"/account%00.css"])
def test_a_suffix_makes_no_other_path(talk: Talk, target: bytes) -> None:
    """What a cache would take for a style sheet is no page."""
    app = App(extensions=())
    app.add_route("/account", lambda: SECRET, name="account")
    (answer,) = talk(app, get(target))

    assert status(answer) == (400 if b"%00" in target else 404)
    assert SECRET not in answer


@pytest.mark.security("L6")
def test_no_field_says_what_runs_here(talk: Talk) -> None:
    """Neither a good answer nor a failure nor a refusal by the server names software or versions."""
    app = App(settings=AppSettings(secret_key="k" * 32))

    @app.get("/")
    async def index() -> str:
        return "index"

    @app.get("/broken")
    async def broken() -> str:
        raise ValueError("secret")

    answers = talk(app, get(b"/"), get(b"/broken"), get(b"/missing"), b"GET \x01 HTTP/1.1\r\n\r\n")

    assert [200, 500, 404, 400] == [status(answer) for answer in answers]
    for answer in answers:
        assert not re.search(rb"(?i)\r\n(server|x-powered-by|via):|costrel|python|traceback|secret", answer)


@pytest.mark.security("L8")
def test_a_refusal_by_the_server_echoes_nothing(talk: Talk) -> None:
    """What the parser refuses is not in the answer."""
    refused = talk(
        App(extensions=()),
        b"GET /<script>alert(1)</script> HTTP/9.9\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: <script>\r\n\r\n",
        b"<script> / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n<script>: x\r\n\r\n",
    )

    assert not any(b"script" in answer for answer in refused)


@pytest.mark.security("L9")
@pytest.mark.security("L10")
def test_a_bad_request_is_one_escaped_line(talk: Talk, caplog: pytest.LogCaptureFixture) -> None:
    """Bytes that the parser refuses stand in no log as they came."""
    caplog.set_level(logging.DEBUG)
    talk(
        App(extensions=()), b"BAD\x1b[2J\r\nINFO fake / HTTP/1.1\r\n\r\n", b"GET /\x1b[31m HTTP/1.1\r\nHost: a\r\n\r\n"
    )

    lines = [record.getMessage() for record in caplog.records if record.name.startswith("costrel")]
    assert all(line.isprintable() and len(line) <= 1024 for line in lines)
    assert len([line for line in lines if "listening" not in line and "stop" not in line]) <= 2

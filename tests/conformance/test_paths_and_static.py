"""Paths as attackers write them, through a whole application: nothing outside the folder, one reading of a path."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from costrel import App, Blueprint, Forbidden, Request, Resource, Response
from costrel.messages import Dispatch
from costrel.static import StaticFiles
from costrel.testing import TestClient

SECRET = "top secret"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of static files, with secrets beside it and all that is no plain file in it."""
    files = {
        "static/a.txt": "public",
        "static/sub/b.txt": "public",
        "static/page.html": "<p>public</p>",
        "static/picture.svg": "<svg/>",
        "static/.env": SECRET,
        "static/.htaccess": SECRET,
        "static/.git/config": SECRET,
        "static/notes.txt~": SECRET,
        "static/<img src=x onerror=alert(1)>.txt": "public",
        "static_secret/x": SECRET,
        "secret": SECRET,
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    static = tmp_path / "static"
    (static / "link").symlink_to(tmp_path / "secret")
    (static / "linked").symlink_to(tmp_path / "static_secret", target_is_directory=True)
    (static / "a.txt.gz").symlink_to(tmp_path / "secret")
    os.mkfifo(static / "fifo")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(static / "s"))
    listener.close()
    return tmp_path


@pytest.fixture
def client(site: Path) -> Iterator[TestClient]:
    app = App()
    app.root_folder = site
    with app.test_client() as client:
        yield client


def test_the_folder_is_served(client: TestClient) -> None:
    """What is in the folder comes, so a 404 below says something."""

    assert "public" == client.get("/static/a.txt").text
    assert "public" == client.get("/static/sub/b.txt").text


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/static/../secret", id="dots", marks=pytest.mark.security("B1")),
        pytest.param("/static/%2e%2e/secret", id="encoded-dots", marks=pytest.mark.security("B1")),
        pytest.param("/static/.%2e/secret", id="half-encoded-dots", marks=pytest.mark.security("B1")),
        pytest.param("/static/..;/secret", id="dots-with-a-parameter", marks=pytest.mark.security("B1")),
        pytest.param("/static/sub/../../secret", id="dots-from-below", marks=pytest.mark.security("B1")),
        pytest.param("/static/sub/../a.txt", id="dots-that-stay-inside", marks=pytest.mark.security("B1")),
        pytest.param("/static/..%2fsecret", id="encoded-slash", marks=pytest.mark.security("B2")),
        pytest.param("/static/%2e%2e%2fsecret", id="all-encoded", marks=pytest.mark.security("B2")),
        pytest.param("/static/%252e%252e%252fsecret", id="encoded-twice", marks=pytest.mark.security("B3")),
        pytest.param("/static/..%5csecret", id="encoded-backslash", marks=pytest.mark.security("B4")),
        pytest.param("/static/..\\secret", id="backslash", marks=pytest.mark.security("B4")),
        pytest.param("/static/sub%5cb.txt", id="backslash-inside", marks=pytest.mark.security("B4")),
        pytest.param("/static//etc/passwd", id="two-slashes", marks=pytest.mark.security("B6")),
        pytest.param("/static/%2fetc%2fpasswd", id="encoded-absolute", marks=pytest.mark.security("B6")),
        pytest.param("/static/C:/x", id="drive", marks=pytest.mark.security("B6")),
        pytest.param("/static/C:x", id="drive-relative", marks=pytest.mark.security("B6")),
        pytest.param("/static/%5c%5chost%5cshare", id="unc", marks=pytest.mark.security("B6")),
        pytest.param("/static/CON", id="device", marks=pytest.mark.security("B7")),
        pytest.param("/static/NUL.txt", id="device-with-a-suffix", marks=pytest.mark.security("B7")),
        pytest.param("/static/COM1%20", id="device-with-a-space", marks=pytest.mark.security("B7")),
        pytest.param("/static/COM%C2%B9", id="device-with-a-superscript", marks=pytest.mark.security("B7")),
        pytest.param("/static/sub/LPT1", id="device-below", marks=pytest.mark.security("B7")),
        pytest.param("/static/a.txt::$DATA", id="stream", marks=pytest.mark.security("B7")),
        pytest.param("/static/a.txt.", id="final-dot", marks=pytest.mark.security("B7")),
        pytest.param("/static/a.txt%20", id="final-space", marks=pytest.mark.security("B7")),
        pytest.param("/static/../static_secret/x", id="sibling", marks=pytest.mark.security("B8")),
        pytest.param("/static_secret/x", id="sibling-by-name", marks=pytest.mark.security("B8")),
        pytest.param("/static/link", id="link", marks=pytest.mark.security("B9")),
        pytest.param("/static/linked/x", id="link-on-the-way", marks=pytest.mark.security("B9")),
        pytest.param("/static/a.txt/", id="file-as-folder", marks=pytest.mark.security("B10")),
        pytest.param("/static/a.txt/b", id="below-a-file", marks=pytest.mark.security("B10")),
        pytest.param("/static/fifo", id="fifo", marks=pytest.mark.security("B11")),
        pytest.param("/static/s", id="socket", marks=pytest.mark.security("B11")),
        pytest.param("/static/sub", id="folder", marks=pytest.mark.security("B11")),
        pytest.param("/static/sub/", id="folder-with-a-slash", marks=pytest.mark.security("B11")),
        pytest.param("/static/" + "n" * 300, id="name-too-long", marks=pytest.mark.security("B11")),
        pytest.param("/static/%ff", id="no-utf-8", marks=pytest.mark.security("B11")),
        pytest.param("/static/.env", id="dotfile", marks=pytest.mark.security("B12")),
        pytest.param("/static/.git/config", id="dot-folder", marks=pytest.mark.security("B12")),
        pytest.param("/static/.htaccess", id="htaccess", marks=pytest.mark.security("B12")),
        pytest.param("/static/notes.txt~", id="copy-of-an-editor", marks=pytest.mark.security("B12")),
        pytest.param("/static/", id="listing", marks=pytest.mark.security("B22")),
        pytest.param("/static", id="listing-without-a-slash", marks=pytest.mark.security("B22")),
    ],
)
def test_what_is_no_public_file_is_not_found(client: TestClient, path: str) -> None:
    """Every refusal is the same 404, so that nobody learns what is there."""
    response, missing = client.get(path), client.get("/static/missing.txt")

    assert (404, 404) == (response.status_code, missing.status_code)
    assert SECRET not in response.text
    assert "onerror" not in response.text
    assert set(missing.json()) == set(response.json())


@pytest.mark.security("B6")
@pytest.mark.parametrize(
    "path", ["/static//etc/passwd", "/static/%5c%5chost%5cshare", "/static/C:/x", "/static/../x", "/static/CON"]
)
def test_a_refused_path_asks_no_file_system(
    site: Path, client: TestClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Asking about a share of Windows would already send it the user's credentials."""
    client.get("/static/missing.txt")
    asked: list[object] = []

    def ask(name: object, *arguments: object, **options: object) -> os.stat_result:
        # Python itself looks at source files, for the tracebacks of its development mode.
        if not str(name).endswith((".py", ">")):
            asked.append(name)
        raise FileNotFoundError

    for function in ("stat", "lstat", "open"):
        monkeypatch.setattr(os, function, ask)
    response = client.get(path)
    monkeypatch.undo()

    assert 404 == response.status_code
    assert [] == asked


@pytest.mark.security("B9")
def test_a_compressed_form_that_is_a_link_is_not_sent(site: Path) -> None:
    """Following links is a choice; it never covers the compressed forms that clients do not name."""
    app = App(extensions=[StaticFiles(follow_symlinks=True)])
    app.root_folder = site
    with app.test_client() as client:
        response = client.get("/static/a.txt", headers={"Accept-Encoding": "gzip"})
        followed = client.get("/static/link")

    assert ("public", None) == (response.text, response.headers.get("content-encoding"))
    assert SECRET == followed.text


@pytest.mark.security("B13")
@pytest.mark.parametrize(
    ("path", "status_code", "location"),
    [
        pytest.param("/files", 308, "/files/", id="folder-with-a-page"),
        pytest.param("/files?next=//evil.example", 308, "/files/?next=//evil.example", id="query-is-kept"),
        pytest.param("//files", 404, None, id="two-slashes"),
        pytest.param("/\\files", 404, None, id="backslash"),
        pytest.param("//evil.example/files", 404, None, id="host-before-it"),
        pytest.param("/static/sub", 404, None, id="folder-without-a-page"),
        pytest.param("//evil.example/static/sub", 404, None, id="host-before-a-folder"),
    ],
)
def test_a_redirect_to_a_folder_stays_on_the_site(
    site: Path, path: str, status_code: int, location: str | None
) -> None:
    """The framework's own redirect to a folder is an absolute path of this site, or there is none."""
    app = App(extensions=[StaticFiles("static"), StaticFiles("static", path="/files", name="files", spa="page.html")])
    app.root_folder = site
    with app.test_client() as client:
        response = client.get(f"http://localhost{path}")

    assert (status_code, location) == (response.status_code, response.headers.get("location"))


@pytest.mark.security("B24")
@pytest.mark.parametrize("name", ["a.txt", "page.html", "picture.svg"])
def test_the_type_of_a_static_file_is_not_guessed_again(client: TestClient, name: str) -> None:
    """A browser takes the declared type, whatever the content looks like."""

    assert "nosniff" == client.get(f"/static/{name}").headers["x-content-type-options"]


@pytest.mark.security("B14")
@pytest.mark.parametrize(
    "path",
    [
        "/admin/secret.html",
        "/admin%2Fsecret.html",
        "//admin/secret.html",
        "/admin//secret.html",
        "/./admin/secret.html",
        "/x/../admin/secret.html",
        "/admin;x/secret.html",
        "/admin;x/../secret.html",
        "/admin/;/secret.html",
        "/ADMIN/secret.html",
        "/%61dmin/secret.html",
        "/%2561dmin/secret.html",
        "/admin/secret.html/",
        "/admin%5csecret.html",
    ],
)
def test_a_guard_and_the_handler_see_one_path(path: str) -> None:
    """However a path is spelled, either the guard of its prefix runs or there is no such route."""

    async def guard(request: Request, call_next: Dispatch) -> Response:
        raise Forbidden

    app = App(extensions=())
    admin = Blueprint("admin", use=[guard])

    @admin.get("/{path:path}")
    async def secret(path: str) -> str:
        return SECRET

    app.register(admin, prefix="/admin")
    with app.test_client() as client:
        response = client.get(f"http://localhost{path}")

    assert response.status_code in (400, 403, 404)
    assert SECRET not in response.text


@pytest.mark.security("B14")
@pytest.mark.parametrize("path", ["/admin/secret.html", "/%61dmin/secret.html", "/admin%2Fsecret.html"])
def test_a_hook_that_looks_at_the_path_sees_what_the_router_saw(path: str) -> None:
    """`request.path` is decoded once, and it is what chose the handler."""
    app = App(extensions=())
    seen: list[str] = []

    @app.before_request
    async def look(request: Request) -> None:
        seen.append(request.path)

    @app.get("/{path:path}")
    async def show(request: Request, path: str) -> str:
        assert f"/{path}" == request.path
        return "shown"

    with app.test_client() as client:
        client.get(path)

    assert ["/admin/secret.html"] == seen


@pytest.mark.security("B15")
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/api/x", "/api | /x", id="plain"),
        pytest.param("/%61pi/x", "/api | /x", id="encoded-letter"),
        pytest.param("/%61%70%69/x%2Fy", "/api | /x/y", id="encoded-slash-below"),
        pytest.param("/api%2Fx", "/api | /x", id="encoded-slash-at-the-border"),
    ],
)
def test_a_mount_takes_its_prefix_from_the_decoded_path(path: str, expected: str) -> None:
    """What is cut off and what is left are pieces of one decoded path, never a raw one cut at a decoded length."""
    inner = App(extensions=())

    @inner.get("/{path:path}")
    async def show(request: Request, path: str) -> str:
        return f"{request.mount_prefix} | /{path}"

    app = App(extensions=())
    app.mount("/api", inner)
    with app.test_client() as client:
        response = client.get(path)

    assert response.status_code == 404 or expected == response.text
    assert response.status_code == 200 or "%2F" in path


@pytest.mark.security("B17")
@pytest.mark.parametrize("method", ["_DO_DELETE", "__INIT__", "PREFLIGHT", "_", "GET_SECRET"])
def test_a_method_is_looked_up_and_never_called_by_its_name(method: str) -> None:
    """A class of handlers answers the methods it has registered, and 405 to every other word."""

    class Thing(Resource):
        def get(self) -> str:
            return "got"

        def preflight(self) -> str:
            return SECRET

        def _do_delete(self) -> str:
            return SECRET

        def get_secret(self) -> str:
            return SECRET

    app = App(extensions=())
    app.add_resource("/thing", Thing)
    with app.test_client() as client:
        response = client.request(method, "/thing")

    assert (405, "GET, HEAD, OPTIONS") == (response.status_code, response.headers["allow"])
    assert SECRET not in response.text


@pytest.mark.security("B18")
@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/pair/" + "-a" * 8000 + "/", id="pairs"),
        pytest.param("/pair/" + "a-" * 8000 + "/x", id="pairs-and-more"),
        pytest.param("/int/" + "9" * 5000, id="digits"),
        pytest.param("/int/%D9%A1", id="digits-of-another-script"),
        pytest.param("/float/nan", id="nan"),
        pytest.param("/float/inf", id="infinity"),
        pytest.param("/float/1e400", id="too-large"),
        pytest.param("/uuid/%D9%A12345678-1234-1234-1234-123456789012", id="uuid-of-another-script"),
        pytest.param("/date/2026-13-99", id="date"),
    ],
)
def test_a_value_that_does_not_fit_its_parameter_is_not_found(path: str) -> None:
    """A path that is none for its route is a 404, never an error and never a number that means something else."""
    app = App(extensions=())
    for name, pattern in {
        "pair": "/pair/{a}-{b}/",
        "int": "/int/{a:int}",
        "float": "/float/{a:float}",
        "uuid": "/uuid/{a:uuid}",
        "date": "/date/{a:date}",
    }.items():
        app.add_route(pattern, lambda: "reached", name=name, trailing_slash="strict")
    with app.test_client() as client:
        response = client.get(path)

    assert 404 == response.status_code or ("/pair/" in path and path.endswith("a/"))


@pytest.mark.security("F8")
@pytest.mark.parametrize("path", ["/account/x.css", "/account;x.css", "/account%0a.css", "/account.css"])
def test_a_suffix_makes_no_other_path_of_a_page(path: str) -> None:
    """A cache that takes a path for a style sheet never gets somebody's page under it."""
    app = App(extensions=())

    @app.get("/account")
    async def account() -> str:
        return SECRET

    with app.test_client() as client:
        response = client.get(path)

    assert response.status_code in (400, 404)
    assert SECRET not in response.text

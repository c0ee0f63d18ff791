"""Pages that load themselves again: who gets the script, and what a policy must allow for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from costrel import App, FileResponse, HTMLResponse, Response, StreamResponse
from costrel.pages import PageReload
from costrel.pages.page_reload import RELOAD_PATH, SCRIPT_PATH, allow_script, insert_script
from costrel.testing import TestClient

NAVIGATION = {"Sec-Fetch-Dest": "document", "Accept": "text/html"}


def app_of(tmp_path: Path) -> App:
    """An application that answers in many ways, with the extension."""
    (tmp_path / "page.html").write_text("<p>file</p>")
    app = App("shop")

    @app.get("/")
    def index() -> str:
        return "<html><body><h1>Shop</h1></body></html>"

    @app.get("/json")
    def json() -> dict[str, int]:
        return {"a": 1}

    @app.get("/stream")
    def stream() -> StreamResponse:
        return StreamResponse(iter(["<p>", "stream"]))

    @app.get("/file")
    def file() -> FileResponse:
        return FileResponse(tmp_path / "page.html")

    @app.get("/compressed")
    def compressed() -> Response:
        return HTMLResponse(b"\x1f\x8b", headers={"Content-Encoding": "gzip"})

    @app.get("/strict")
    def strict() -> Response:
        return HTMLResponse("<p>strict</p>", headers={"Content-Security-Policy": "default-src 'none'"})

    return app


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    app = app_of(tmp_path)
    app.install(PageReload())
    return app.test_client()


@pytest.mark.parametrize(
    ("path", "headers", "has_script"),
    [
        pytest.param("/", NAVIGATION, True, id="a-page"),
        pytest.param("/file", NAVIGATION, True, id="a-page-that-is-a-file"),
        pytest.param("/nowhere", NAVIGATION, True, id="an-error-page"),
        pytest.param("/strict", NAVIGATION, True, id="a-page-with-a-policy"),
        pytest.param("/", {}, False, id="a-program-that-asks"),
        pytest.param("/", {"Sec-Fetch-Dest": "empty"}, False, id="a-part-that-a-script-asks-for"),
        pytest.param("/json", NAVIGATION, False, id="no-page"),
        pytest.param("/stream", NAVIGATION, False, id="a-stream"),
        pytest.param("/compressed", NAVIGATION, False, id="what-is-compressed"),
    ],
)
def test_pages_in_a_window_get_the_script(
    client: TestClient, path: str, headers: dict[str, str], has_script: bool
) -> None:
    """A whole page that a browser navigates to, and nothing else."""
    with client:
        response = client.get(path, headers=headers)

    assert has_script == (SCRIPT_PATH.encode() in response.content)
    assert str(len(response.content)) == response.headers.get("content-length", str(len(response.content)))


def test_the_reserved_paths_are_the_extensions(client: TestClient) -> None:
    """The script is one, and the stream begins with the version that the page has too."""
    with client:
        page = client.get("/", headers=NAVIGATION).text
        script = client.get(SCRIPT_PATH)

        assert script.headers["content-type"].startswith("text/javascript")
        assert f'EventSource("{RELOAD_PATH}")' in script.text

        with client.stream("GET", RELOAD_PATH) as stream:
            pieces = stream.iter_bytes()
            beginning = (next(pieces) + next(pieces)).decode()

    version = page.partition('data-version="')[2].partition('"')[0]

    assert f"retry: 50\n\nevent: version\ndata: {version}\n\n" == beginning


def test_without_the_extension_there_is_nothing(tmp_path: Path) -> None:
    """In production the paths are nobody's and pages are what the handler has made."""
    with app_of(tmp_path).test_client() as client:
        assert 404 == client.get(RELOAD_PATH).status_code
        assert 404 == client.get(SCRIPT_PATH).status_code
        assert "script" not in client.get("/", headers=NAVIGATION).text


def test_each_change_and_each_start_is_another_version() -> None:
    """So that a page knows whether it is the newest."""
    reload = PageReload()
    before = reload.version
    reload.note_change()

    assert 3 == len({before, reload.version, PageReload().version})


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        pytest.param(b"<body>a</BODY></html>", b"<body>a%b</BODY></html>", id="before-the-end-of-the-body"),
        pytest.param(b"<pre></body></pre></body>", b"<pre></body></pre>%b</body>", id="the-last-one-counts"),
        pytest.param(b"<h1>a</h1>", b"<h1>a</h1>%b", id="no-body-element"),
    ],
)
def test_the_script_stands_at_the_end(page: bytes, expected: bytes) -> None:
    """Behind everything else, so that nothing of the page waits for it."""
    script = b'<script src="/_costrel/reload.js" data-version="1.0" nonce="a&quot;b"></script>'

    assert expected % script == insert_script(page, "1.0", 'a"b')


@pytest.mark.parametrize(
    ("policy", "expected", "nonce"),
    [
        pytest.param("default-src 'self'", "default-src 'self'", "", id="what-allows-it-stays"),
        pytest.param("img-src 'none'", "img-src 'none'", "", id="what-is-about-something-else-stays"),
        pytest.param("script-src * 'unsafe-inline'", "script-src * 'unsafe-inline'", "", id="what-allows-all-stays"),
        pytest.param(
            "default-src 'none'; style-src 'self'",
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'",
            "",
            id="nothing-is-allowed",
        ),
        pytest.param(
            "default-src 'self'; script-src 'nonce-xyz' 'strict-dynamic'; connect-src https://api.example",
            "default-src 'self'; script-src 'nonce-xyz' 'strict-dynamic'; connect-src https://api.example 'self'",
            "xyz",
            id="a-nonce-is-taken-over",
        ),
        pytest.param(
            "script-src 'sha256-abc'; script-src 'none'", "script-src 'sha256-abc' 'self'", "", id="the-first-counts"
        ),
        pytest.param(
            "script-src-elem 'none'; default-src 'self'",
            "script-src-elem 'self'; default-src 'self'",
            "",
            id="elements",
        ),
    ],
)
def test_a_policy_is_widened_for_the_script_alone(policy: str, expected: str, nonce: str) -> None:
    """What a policy forbids it still forbids, but for this server's own script and stream."""

    assert (expected, nonce) == allow_script(policy)

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from costrel.app import App
from costrel.static.folder_file import Folder, FolderFile, Found, find_file


def find(site: Path, relative: str, accept: str | None = None, **options) -> Found | None:
    return find_file(Folder(str(site / "static"), **options), relative, accept)


@pytest.mark.parametrize("relative", ["a.txt", "css/site.css"])
def test_a_regular_file_is_found(site, relative):
    """A file in the folder or below it is found, and without compressed forms nothing varies."""

    assert Found(str(site / "static" / relative)) == find(site, relative, has_sidecars=True)


@pytest.mark.security("B9")
@pytest.mark.security("B10")
@pytest.mark.security("B11")
@pytest.mark.parametrize(
    "relative",
    [
        pytest.param("missing.txt", id="nothing-there"),
        pytest.param("missing/a.txt", id="no-such-folder"),
        pytest.param("css", id="a-folder"),
        pytest.param("a.txt/b", id="below-a-file"),
        pytest.param("link.txt", id="a-link-to-outside"),
        pytest.param("inner.txt", id="a-link-to-inside"),
        pytest.param("linked/x.txt", id="below-a-link"),
        pytest.param("x" * 255, id="the-longest-name"),
        pytest.param("\ufffd", id="what-no-encoding-has"),
        pytest.param("a\x00b", id="a-nul-that-came-so-far"),
    ],
)
def test_what_is_no_regular_file_is_not_found(site, relative):
    """Folders and links are no files, wherever on the way they are."""

    assert find(site, relative) is None


@pytest.mark.security("B11")
@pytest.mark.parametrize("kind", ["fifo", "socket"])
def test_a_pipe_or_a_socket_is_not_found_and_nobody_waits(tmp_path, kind):
    """Opening a pipe would wait for its writer, so it is not opened."""
    if kind == "fifo":
        os.mkfifo(tmp_path / "it")
    else:
        before = Path.cwd()
        os.chdir(tmp_path)
        try:
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind("it")
        finally:
            os.chdir(before)

    assert find_file(Folder(str(tmp_path)), "it", None) is None


@pytest.mark.security("B9")
@pytest.mark.parametrize("relative", ["link.txt", "inner.txt", "linked/x.txt"])
def test_links_are_followed_where_that_was_asked_for(site, relative):
    """`follow_symlinks` is for folders that are made of links."""
    found = find(site, relative, follow_symlinks=True)

    assert Found(str(site / "static" / relative), follow_symlinks=True) == found


def test_a_folder_may_itself_be_a_link(site):
    """A release is often put in place by a link; only what lies below the folder is looked at."""
    (site / "current").symlink_to(site / "static")

    assert find_file(Folder(str(site / "current")), "a.txt", None) is not None


def add(site: Path, name: str, *, age_seconds: float = 0) -> None:
    path = site / "static" / name
    path.write_text(name)
    os.utime(path, (1_000_000_000 - age_seconds, 1_000_000_000 - age_seconds))


@pytest.mark.capability("C105")
@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param(None, "", id="no-field"),
        pytest.param("", "", id="an-empty-field"),
        pytest.param("gzip, deflate, br, zstd", "br", id="a-browser"),
        pytest.param("gzip", "gzip", id="gzip-only"),
        pytest.param("zstd, gzip", "zstd", id="ours-is-the-order"),
        pytest.param("br;q=0.5, gzip", "gzip", id="its-preference-wins"),
        pytest.param("br;q=0, *", "zstd", id="one-is-excluded"),
        pytest.param("deflate", "", id="one-that-is-not-there"),
        pytest.param("identity;q=0, *;q=0", "", id="nothing-is-acceptable"),
    ],
)
def test_the_client_gets_the_form_that_it_reads(site, accept, expected):
    """Of the compressed forms beside a file the client's favourite is sent, and the answer varies."""
    for suffix in ("br", "zst", "gz"):
        add(site, f"css/site.css.{suffix}")
    found = find(site, "css/site.css", accept, has_sidecars=True)
    suffix = {"": "", "br": ".br", "zstd": ".zst", "gzip": ".gz"}[expected]

    assert Found(str(site / "static" / f"css/site.css{suffix}"), expected, varies=True) == found


@pytest.mark.parametrize(
    ("age_seconds", "is_used"), [(0, True), (2, True), (3, False)], ids=["as-new", "within-two-seconds", "older"]
)
def test_a_compressed_form_that_is_older_than_its_file_is_not_used(site, age_seconds, is_used):
    """A file that was edited since must not come in its old form."""
    add(site, "a.txt.gz", age_seconds=age_seconds)
    found = find(site, "a.txt", "gzip", has_sidecars=True)

    assert (is_used, is_used) == (found.coding == "gzip", found.varies)


@pytest.mark.security("B9")
@pytest.mark.parametrize("follow_symlinks", [False, True])
def test_a_compressed_form_is_never_a_link(site, follow_symlinks):
    """A link named like a compressed form could lead to any file, so it is none even where links are followed."""
    (site / "static" / "a.txt.gz").symlink_to(site / "secret.txt")
    found = find(site, "a.txt", "gzip", has_sidecars=True, follow_symlinks=follow_symlinks)

    assert ("", False) == (found.coding, found.varies)


def test_without_compressed_forms_none_is_looked_for(site):
    """Uploads may have any names, so in their folder ``a.txt.gz`` is a file of its own."""
    add(site, "a.txt.gz")

    assert "" == find(site, "a.txt", "gzip").coding


def answer(site: Path, make, *, method: str = "GET", path: str = "/", **headers: str):
    """Send what `make` returns as the answer of an application."""
    app = App(extensions=())
    app.add_route("/", make, methods=("GET", "POST"))
    with app.test_client() as client:
        return client.request(method, path, headers=headers)


def file_of(site: Path, relative: str = "a.txt", **options) -> FolderFile:
    return FolderFile((Folder(str(site / "static")), Folder(str(site / "static_secret"))), relative, **options)


def test_the_first_folder_that_has_the_file_counts(site):
    """Several folders are searched in their order."""
    (site / "static_secret" / "a.txt").write_text("other")
    first = answer(site, lambda: file_of(site))
    second = answer(site, lambda: file_of(site, "x.txt"))

    assert ("0123456789", "secret") == (first.text, second.text)


def test_a_response_may_be_a_constant(site):
    """Returned again and again it is copied, and answers each time."""
    constant = file_of(site, headers={"Cache-Control": "no-cache"})
    app = App(extensions=())

    @app.get("/")
    async def index():
        return constant

    with app.test_client() as client:
        answers = [client.get("/") for _ in range(3)]

    assert ["0123456789"] * 3 == [response.text for response in answers]
    assert ["no-cache"] * 3 == [response.headers["cache-control"] for response in answers]


@pytest.mark.security("B24")
def test_the_answer_has_the_fields_of_a_file(site):
    """Type, validators, ranges and `nosniff` are there, and what the handler added."""
    response = answer(site, lambda: file_of(site, headers={"X-Own": "1"}))
    fields = response.headers

    assert ("text/plain; charset=utf-8", "nosniff", "bytes", "10", "1") == (
        fields["content-type"],
        fields["x-content-type-options"],
        fields["accept-ranges"],
        fields["content-length"],
        fields["x-own"],
    )
    assert "Sun, 09 Sep 2001 01:46:40 GMT" == fields["last-modified"]
    assert fields["etag"].startswith('"')


@pytest.mark.security("B24")
def test_the_file_of_somebody_else_comes_in_a_sandbox(site):
    """A page that a user has uploaded cannot run with our origin."""
    response = answer(site, lambda: file_of(site, "sub/page.html", untrusted=True, filename="evil.html"))

    assert 'attachment; filename="evil.html"' == response.headers["content-disposition"]
    assert response.headers["content-security-policy"].endswith("; sandbox")


def test_a_fallback_is_sent_for_what_is_not_there(site):
    """It has its own type, is asked about each time, and only goes to who takes it."""
    response = answer(
        site, lambda: file_of(site, "no/such", fallback="sub/page.html", headers={"Cache-Control": "public"})
    )

    assert ("<p>", "text/html; charset=utf-8", "no-cache", "Accept") == (
        response.text,
        response.headers["content-type"],
        response.headers["cache-control"],
        response.headers["vary"],
    )


def test_a_fallback_that_is_missing_too_is_404(site):
    """There is nothing else to send."""

    assert 404 == answer(site, lambda: file_of(site, "no/such", fallback="nothing.html")).status_code


def test_a_file_that_may_not_be_read_is_404(site):
    """Who asks does not learn that it is there."""
    path = site / "static" / "a.txt"
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")

    assert 404 == answer(site, lambda: file_of(site)).status_code

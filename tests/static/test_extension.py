from __future__ import annotations

import gzip
import os

import pytest

from costrel.app import App, Blueprint
from costrel.errors import BuildError
from costrel.messages import Extension, Request, Response
from costrel.static import StaticFiles

LONG_AGO = 1_000_000_000


def app_at(folder, *extensions) -> App:
    app = App(extensions=extensions or (StaticFiles(),))
    app.root_folder = folder
    return app


@pytest.fixture
def client(site):
    with app_at(site).test_client() as client:
        yield client


def test_it_is_an_extension():
    """It has what the applications ask of extensions."""

    assert isinstance(StaticFiles(), Extension)
    assert ("static", ()) == (StaticFiles().name, StaticFiles.requires)
    assert "StaticFiles('dist', path='/')" == repr(StaticFiles("dist", path="/"))


def test_without_a_folder_there_is_no_route(tmp_path):
    """An application that has no static files pays for none."""
    app = app_at(tmp_path)

    assert () == app.endpoints


@pytest.mark.capability("C103")
def test_a_file_is_served_with_everything_for_caching_it(client):
    """A file of the folder comes whole, with its type and validators, and is asked about each time."""
    response = client.get("/static/css/site.css")

    assert (200, "body { color: #000000 }") == (response.status_code, response.text)
    assert ("text/css; charset=utf-8", "no-cache", "nosniff", "Sun, 09 Sep 2001 01:46:40 GMT") == (
        response.headers["content-type"],
        response.headers["cache-control"],
        response.headers["x-content-type-options"],
        response.headers["last-modified"],
    )
    assert "vary" not in response.headers


def test_a_file_with_a_hash_in_its_name_is_kept_for_a_year(client):
    """A name that never stands for other content is not asked about again."""
    fields = client.get("/static/app.3f9a1c2b.js").headers

    assert "public, immutable, max-age=31536000" == fields["cache-control"]


def test_head_has_the_fields_of_get_and_no_content(client):
    """A client may ask for the size alone (RFC 9110 §9.3.2)."""
    head, get = client.head("/static/a.txt"), client.get("/static/a.txt")

    assert (200, b"", "10") == (head.status_code, head.content, head.headers["content-length"])
    assert get.headers["etag"] == head.headers["etag"]


@pytest.mark.pain("P34")
@pytest.mark.parametrize(
    ("fields", "status_code", "content"),
    [
        pytest.param({"If-None-Match": "{etag}"}, 304, b"", id="the-same-tag"),
        pytest.param({"If-None-Match": "W/{etag}"}, 304, b"", id="the-same-tag-weakly"),
        pytest.param({"If-None-Match": '"other"'}, 200, b"0123456789", id="another-tag"),
        pytest.param({"If-None-Match": "*"}, 304, b"", id="any-tag"),
        pytest.param({"If-Modified-Since": "Sun, 09 Sep 2001 01:46:40 GMT"}, 304, b"", id="not-modified-since"),
        pytest.param({"If-Modified-Since": "Sun, 09 Sep 2001 01:46:39 GMT"}, 200, b"0123456789", id="modified-since"),
        pytest.param({"If-Modified-Since": "garbage"}, 200, b"0123456789", id="no-date"),
        pytest.param(
            {"If-None-Match": '"other"', "If-Modified-Since": "Sun, 09 Sep 2001 01:46:40 GMT"},
            200,
            b"0123456789",
            id="the-tag-decides",
        ),
        pytest.param({"If-Match": '"other"'}, 412, None, id="a-tag-that-must-match"),
        pytest.param({"Range": "bytes=2-4"}, 206, b"234", id="a-range"),
        pytest.param({"Range": "bytes=-3"}, 206, b"789", id="the-end"),
        pytest.param({"Range": "bytes=10-"}, 416, None, id="beyond-the-end"),
        pytest.param({"Range": "lines=0-1"}, 200, b"0123456789", id="another-unit"),
        pytest.param({"Range": "bytes=2-4", "If-Range": '"other"'}, 200, b"0123456789", id="a-range-of-another-one"),
    ],
)
def test_conditions_and_ranges_are_honoured(client, fields, status_code, content):
    """Every file answers conditional and partial requests in the order of RFC 9110 §13.2.2."""
    etag = client.get("/static/a.txt").headers["etag"]
    response = client.get("/static/a.txt", headers={name: value.format(etag=etag) for name, value in fields.items()})

    assert status_code == response.status_code
    assert content in (response.content, None)
    if status_code == 304:
        assert (etag, "no-cache") == (response.headers["etag"], response.headers["cache-control"])


REFUSED = [
    pytest.param("/static/../secret.txt", id="dots"),
    pytest.param("/static/%2e%2e/secret.txt", id="encoded-dots"),
    pytest.param("/static/.%2e/secret.txt", id="half-encoded-dots"),
    pytest.param("/static/..;/secret.txt", id="dots-with-a-parameter"),
    pytest.param("/static/..%2fsecret.txt", id="an-encoded-slash"),
    pytest.param("/static/%2e%2e%2fsecret.txt", id="dots-and-slash-encoded"),
    pytest.param("/static/%252e%252e%252fsecret.txt", id="encoded-twice"),
    pytest.param("/static/..%5csecret.txt", id="an-encoded-backslash"),
    pytest.param("/static/css%5csite.css", id="a-backslash-inside"),
    pytest.param("/static//etc/passwd", id="two-slashes"),
    pytest.param("/static/%2fetc%2fpasswd", id="an-encoded-absolute-path"),
    pytest.param("/static/C:/x", id="a-drive"),
    pytest.param("/static/C:x", id="a-drive-without-slash"),
    pytest.param("/static/%5c%5chost%5cshare", id="a-share"),
    pytest.param("/static/CON", id="a-device"),
    pytest.param("/static/NUL.txt", id="a-device-with-extension"),
    pytest.param("/static/COM1%20", id="a-device-with-space"),
    pytest.param("/static/COM%C2%B9", id="a-device-with-superscript"),
    pytest.param("/static/css/LPT1", id="a-device-below"),
    pytest.param("/static/a.txt::$DATA", id="a-stream"),
    pytest.param("/static/a.txt.", id="a-final-dot"),
    pytest.param("/static/a.txt%20", id="a-final-space"),
    pytest.param("/static/a.txt%01", id="a-control-character"),
    pytest.param("/static/a.txt/", id="a-final-slash"),
    pytest.param("/static/css//site.css", id="an-empty-part"),
    pytest.param("/static/./a.txt", id="a-dot"),
    pytest.param("/static/.env", id="a-hidden-file"),
    pytest.param("/static/.git/config", id="a-hidden-folder"),
    pytest.param("/static/backup.txt~", id="a-backup"),
    pytest.param("/static/" + "x" * 300, id="a-long-name"),
    pytest.param("/static/", id="the-folder-itself"),
]


@pytest.mark.security("B1")
@pytest.mark.security("B2")
@pytest.mark.security("B3")
@pytest.mark.security("B4")
@pytest.mark.security("B6")
@pytest.mark.security("B7")
@pytest.mark.security("B10")
@pytest.mark.security("B12")
@pytest.mark.parametrize("path", REFUSED)
def test_a_path_that_is_none_is_404_before_any_file_system_is_asked(site, path):
    """What is refused is refused on its text, so no share is contacted and nothing is learned from the time it took."""
    app = app_at(site)

    @app.get("/count")
    async def count() -> int:
        return app.execution.stats().files.done_count

    with app.test_client() as client:
        response = client.get(path)
        lookups = client.get("/count").json()

    assert (404, False) == (response.status_code, "secret" in response.text)
    # Encoded twice it is a name like any other, that no file has.
    assert (1 if "%25" in path else 0) == lookups


@pytest.mark.security("B8")
@pytest.mark.security("B9")
@pytest.mark.security("B10")
@pytest.mark.security("B22")
@pytest.mark.parametrize(
    "name", ["link.txt", "inner.txt", "linked/x.txt", "a.txt/b", "css", "css/", "", "../static_secret/x.txt"]
)
def test_what_is_no_plain_file_of_the_folder_is_404(client, name):
    """Links, folders and neighbours are not served."""

    assert 404 == client.get(f"/static/{name}").status_code


@pytest.mark.security("B14")
@pytest.mark.parametrize("path", ["/static/private/a.txt", "/static/%70rivate/a.txt", "/static/private%2fa.txt"])
def test_a_guard_sees_the_path_that_is_served(site, path):
    """However a path is spelled, a hook and the file are about the same decoded path."""
    (site / "static" / "private").mkdir()
    (site / "static" / "private" / "a.txt").write_text("secret")
    app = app_at(site)

    @app.before_request
    async def guard(request: Request):
        return ("no", 403) if request.path.startswith("/static/private/") else None

    with app.test_client() as client:
        response = client.get(path)

    assert (403, "no") == (response.status_code, response.text)


def test_methods_other_than_get_and_head_are_405(client):
    """Static files are not written."""
    response = client.post("/static/a.txt")

    assert (405, "GET, HEAD, OPTIONS") == (response.status_code, response.headers["allow"])


@pytest.mark.capability("C105")
def test_a_compressed_form_is_sent_to_who_reads_it(site):
    """Its length, tag and coding are its own, its type is the file's, and both answers vary."""
    path = site / "static" / "css" / "site.css.gz"
    path.write_bytes(gzip.compress(b"body { color: #000000 }"))
    os.utime(path, (LONG_AGO, LONG_AGO))
    with app_at(site).test_client() as client:
        plain = client.get("/static/css/site.css")
        packed = client.get("/static/css/site.css", headers={"Accept-Encoding": "gzip"})
        again = client.get(
            "/static/css/site.css", headers={"Accept-Encoding": "gzip", "If-None-Match": packed.headers["etag"]}
        )

    assert (None, "gzip") == (plain.headers.get("content-encoding"), packed.headers["content-encoding"])
    assert "text/css; charset=utf-8" == packed.headers["content-type"]
    assert str(path.stat().st_size) == packed.headers["content-length"]
    assert plain.headers["etag"] != packed.headers["etag"]
    assert ["Accept-Encoding"] * 3 == [response.headers["vary"] for response in (plain, packed, again)]
    assert 304 == again.status_code


def test_a_file_has_a_url(site):
    """`url_for` finds the route by the name of the extension."""
    app = app_at(site)
    app.build()

    assert "/static/css/site.css" == app.url_for("static", path="css/site.css")


def test_hooks_and_error_handlers_stand_around_static_files(site):
    """A static file is a route like any other."""
    app = app_at(site)

    @app.after_request
    async def mark(response):
        response.headers["X-Hook"] = "1"
        return response

    @app.errorhandler(404)
    async def missing(error):
        return Response("not here", 404)

    with app.test_client() as client:
        assert "1" == client.get("/static/a.txt").headers["x-hook"]
        assert (404, "not here") == ((response := client.get("/static/none.txt")).status_code, response.text)


def test_blueprints_have_static_files_of_their_own(site):
    """They are served under the blueprint's prefix, and have a URL."""
    app = app_at(site)
    blueprint = Blueprint("shop", prefix="/shop", static_folder="css")
    blueprint.root_folder = site / "static"
    app.register(blueprint)
    with app.test_client() as client:
        assert 200 == client.get("/shop/static/site.css").status_code
        assert 404 == client.get("/shop/static/a.txt").status_code

    assert "/shop/static/site.css" == app.url_for("shop.static", path="site.css")


def test_a_blueprint_without_prefix_adds_its_folder_to_that_of_the_application(site):
    """Both are under one path, and the application's file wins."""
    app = app_at(site)
    blueprint = Blueprint("plain", static_folder="static_secret")
    blueprint.root_folder = site
    (site / "static_secret" / "a.txt").write_text("other")
    app.register(blueprint)
    with app.test_client() as client:
        assert "0123456789" == client.get("/static/a.txt").text
        assert "secret" == client.get("/static/x.txt").text


@pytest.mark.parametrize("whose", ["the-application", "a-blueprint"])
def test_a_folder_that_was_named_must_be_there(site, whose):
    """A misspelt folder is found at the build, not by the first visitor."""
    if whose == "the-application":
        app = app_at(site, StaticFiles("statics"))
    else:
        app = app_at(site)
        app.register(Blueprint("shop", prefix="/shop", static_folder="statics"))
    with pytest.raises(BuildError) as caught:
        app.build()

    assert "COS-STATIC-001" == caught.value.code
    assert "statics" in str(caught.value)


def test_several_folders_have_paths_and_names_of_their_own(site):
    """A second extension serves a second folder; blueprints are the business of the default one."""
    app = app_at(site, StaticFiles(), StaticFiles("static/css", path="/styles/", name="styles", max_age_seconds=60))
    app.build()
    with app.test_client() as client:
        response = client.get("/styles/site.css")

    assert (200, "public, max-age=60") == (response.status_code, response.headers["cache-control"])
    assert "/styles/site.css" == app.url_for("styles", path="site.css")


def test_dotfiles_are_served_where_that_was_asked_for(site):
    """``.well-known`` begins with a dot."""
    with app_at(site, StaticFiles("static", allow_dotfiles=True)).test_client() as client:
        assert "contact" == client.get("/static/.well-known/security.txt").text
        assert 404 == client.get("/static/..%2fsecret.txt").status_code


def test_links_are_followed_where_that_was_asked_for(site):
    """Some deployments are made of links."""
    with app_at(site, StaticFiles("static", follow_symlinks=True)).test_client() as client:
        assert "0123456789" == client.get("/static/inner.txt").text


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"path": "static"}, id="a-path-without-slash"),
        pytest.param({"spa": "../index.html"}, id="a-page-outside"),
        pytest.param({"max_age_seconds": -1}, id="a-negative-age"),
    ],
)
def test_options_that_cannot_be_are_refused(options):
    """A wrong option is an error where it is written."""
    with pytest.raises(ValueError):
        StaticFiles("static", **options)


@pytest.fixture(params=["/", "/app"])
def spa(site, request):
    """Serve a single-page application beside an API."""
    (site / "static" / "index.html").write_text("<title>app")
    app = app_at(site, StaticFiles("static", path=request.param, spa="index.html"))

    @app.get("/api/items")
    async def items() -> list[int]:
        return [1]

    with app.test_client() as client:
        client.prefix = request.param.rstrip("/")
        yield client


@pytest.mark.capability("C106")
@pytest.mark.parametrize(
    ("path", "accept", "expected"),
    [
        pytest.param("/", "text/html", "page", id="the-root"),
        pytest.param("/users/7", "text/html,*/*;q=0.8", "page", id="a-path-of-the-application"),
        pytest.param("/users/7", None, "page", id="a-client-that-says-nothing"),
        pytest.param("/users/7/", "text/html", "page", id="with-a-final-slash"),
        pytest.param("/a.txt", "text/html", "file", id="a-file"),
        pytest.param("/users/7", "application/json", 404, id="a-program"),
        pytest.param("/missing.js", "text/html", 404, id="an-asset"),
        pytest.param("/css/missing.css", "*/*", 404, id="an-asset-below"),
        pytest.param("/a.txt/", "text/html", 404, id="a-file-with-a-final-slash"),
        pytest.param("/..%2fsecret", "text/html", 404, id="a-path-that-is-none"),
        pytest.param("/.hidden/x", "text/html", 404, id="a-hidden-path"),
    ],
)
def test_paths_that_are_no_file_lead_to_the_page_of_a_single_page_application(spa, path, accept, expected):
    """The page answers for the paths of its own router; assets and programs get an honest 404."""
    response = spa.get(spa.prefix + path, headers={"Accept": accept} if accept else {})

    if expected == 404:
        assert 404 == response.status_code
    else:
        assert (200, {"page": "<title>app", "file": "0123456789"}[expected]) == (response.status_code, response.text)
        assert "no-cache" == response.headers["cache-control"]
        assert (expected == "page" and path != "/") == (response.headers.get("vary") == "Accept")


@pytest.mark.capability("C106")
def test_routes_win_over_a_single_page_application(spa):
    """The most specific pattern answers, so an API beside it needs no order."""

    assert [1] == spa.get("/api/items").json()

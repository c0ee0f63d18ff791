from __future__ import annotations

import json
import logging
from hashlib import sha256

import pytest

from costrel.app import App, AppSettings, Blueprint
from costrel.errors import OutsideRequest, ProgrammerError
from costrel.static import StaticFiles, static_integrity, static_url
from costrel.templating import Templates, render_string

SHOWN = sha256(b"body { color: #000000 }").hexdigest()[:16]
URL = f"/static/css/site.{SHOWN}.css"


def app_at(folder, *extensions, debug=False, **settings) -> App:
    app = App(extensions=extensions or (StaticFiles(),), settings=AppSettings(debug=debug, **settings))
    app.root_folder = folder

    @app.get("/url/{name}/{path:path}")
    async def url(name: str, path: str) -> dict[str, str]:
        return {"url": static_url(path, name=name), "integrity": static_integrity(path, name=name)}

    return app


@pytest.mark.capability("C104")
def test_a_file_has_a_url_with_its_hash_that_is_kept_for_a_year(site):
    """The page names the content, so a browser never asks for it again; the plain name is asked about each time."""
    app = app_at(site, StaticFiles(), Templates())

    @app.get("/")
    async def page() -> str:
        return render_string("{{ static_url('css/site.css') }} {{ static_integrity('css/site.css') }}")

    with app.test_client() as client:
        url, integrity = client.get("/").text.split()
        hashed, plain = client.get(url), client.get("/static/css/site.css")

    assert URL == url
    assert (200, "body { color: #000000 }") == (hashed.status_code, hashed.text)
    assert "public, immutable, max-age=31536000" == hashed.headers["cache-control"]
    assert "text/css; charset=utf-8" == hashed.headers["content-type"]
    assert ("no-cache", hashed.headers["etag"]) == (plain.headers["cache-control"], plain.headers["etag"])
    assert integrity.startswith("sha256-")


@pytest.mark.capability("C104")
@pytest.mark.parametrize("debug", [False, True], ids=["production", "debug"])
def test_another_hash_is_404_and_the_404_is_not_kept(site, debug):
    """The content of one version never comes under the name of another, and the other may be there soon."""
    with app_at(site, debug=debug).test_client() as client:
        response = client.get("/static/css/site.00000000000000a1.css")

    assert (404, "no-store") == (response.status_code, response.headers["cache-control"])


def test_a_missing_file_without_a_hash_may_be_remembered(site):
    """Whether a cache keeps an ordinary 404 is its own affair."""
    with app_at(site).test_client() as client:
        assert "cache-control" not in client.get("/static/none.css").headers


@pytest.mark.capability("C104")
def test_in_debug_mode_a_changed_file_has_another_url_at_once(site):
    """Nothing is started anew, and no page shows what a browser has kept."""
    with app_at(site, debug=True).test_client() as client:
        before = client.get("/url/static/css/site.css").json()["url"]
        first = client.get(before)
        (site / "static" / "css" / "site.css").write_text("changed")
        after = client.get("/url/static/css/site.css").json()["url"]
        second, gone = client.get(after), client.get(before)

    assert (URL, "public, immutable, max-age=31536000") == (before, first.headers["cache-control"])
    assert before != after
    assert ("changed", "public, immutable, max-age=31536000") == (second.text, second.headers["cache-control"])
    assert 404 == gone.status_code


def test_in_production_a_file_that_changes_is_not_kept_under_its_old_name(site):
    """A deployment into a running application must not be frozen in browsers for a year."""
    with app_at(site).test_client() as client:
        (site / "static" / "css" / "site.css").write_text("changed")
        url = client.get("/url/static/css/site.css").json()["url"]
        response = client.get(url)

    assert (URL, 200, "no-cache") == (url, response.status_code, response.headers["cache-control"])


def test_no_request_looks_for_a_hash(site):
    """In production the hashes are taken at the start: a request for a URL does nothing with files."""
    app = app_at(site)

    @app.get("/count")
    async def count() -> int:
        return app.execution.stats().files.done_count

    with app.test_client() as client:
        client.get("/url/static/css/site.css")
        assert 0 == client.get("/count").json()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({"If-None-Match": "{etag}"}, 304), ({"Range": "bytes=0-3"}, 206), ({"Accept-Encoding": "gzip"}, 200)],
    ids=["not-modified", "a-range", "compressed"],
)
def test_a_file_under_its_hash_is_a_file_like_any_other(site, headers, expected):
    """Conditions, ranges and compressed forms work under both names."""
    (site / "static" / "css" / "site.css.gz").write_bytes(b"packed")
    with app_at(site).test_client() as client:
        etag = client.get(URL).headers["etag"]
        response = client.get(URL, headers={name: value.format(etag=etag) for name, value in headers.items()})

    assert expected == response.status_code
    assert "public, immutable, max-age=31536000" == response.headers["cache-control"]
    assert ("Accept-Encoding" in headers) == (response.headers.get("content-encoding") == "gzip")


def test_an_unknown_file_is_a_mistake_in_debug_mode(site):
    """Whoever writes the page learns at once what the name should have been."""
    app = app_at(site, debug=True)
    app.build()
    with app.app_context(), pytest.raises(ProgrammerError) as caught:
        static_url("css/sites.css")

    assert "COS-STATIC-002" == caught.value.code
    assert "`css/site.css`" in str(caught.value)


def test_an_unknown_file_has_its_plain_url_in_production(site, caplog):
    """A page without a picture is better than none; the log says so once."""
    caplog.set_level(logging.WARNING, "costrel.static")
    with app_at(site).test_client() as client:
        answers = [client.get("/url/static/none.css").json() for _ in range(2)]

    assert [{"url": "/static/none.css", "integrity": ""}] * 2 == answers
    assert ["static_file_unknown path='none.css' route=static"] == [record.getMessage() for record in caplog.records]


def test_each_folder_has_its_own_names(site):
    """A second extension and a blueprint are named like their routes."""
    app = app_at(site, StaticFiles(), StaticFiles("static/css", path="/styles", name="styles"))
    shop = Blueprint("shop", prefix="/shop", static_folder="css")
    shop.root_folder = site / "static"
    app.register(shop)
    with app.test_client() as client:
        urls = [client.get(f"/url/{name}/site.css").json()["url"] for name in ("styles", "shop.static")]
        kept = [client.get(url).headers["cache-control"] for url in urls]

    assert [f"/styles/site.{SHOWN}.css", f"/shop/static/site.{SHOWN}.css"] == urls
    assert ["public, immutable, max-age=31536000"] * 2 == kept


@pytest.mark.parametrize("inner_has_files", [True, False], ids=["its-own", "those-around-it"])
def test_a_mounted_application_names_the_nearest_files(site, inner_has_files):
    """Prefixes of mounts and gateways are in the URL, of whichever application serves the file."""
    inner = app_at(site if inner_has_files else site / "static")
    outer = app_at(site)
    outer.mount("/inner", inner)
    with outer.test_client(root_path="/root") as client:
        url = client.get("/inner/url/static/css/site.css").json()["url"]
        status_code = client.get(url.removeprefix("/root")).status_code

    assert ("/root/inner" if inner_has_files else "/root") + URL == url
    assert 200 == status_code


def test_a_url_with_host_is_made_for_mails(site):
    """Outside a request the address comes from the settings."""
    app = app_at(site, base_url="https://shop.example")
    app.build()
    with app.app_context():
        assert f"https://shop.example{URL}" == static_url("css/site.css", external=True)


def test_the_names_of_a_build_step_are_used(site):
    """A manifest stands in for the hashes, and what it names is kept for good."""
    (site / "manifest.json").write_text(json.dumps({"app.js": "app.3f9a1c2b.js", "a.txt": "a.txt"}))
    with app_at(site, StaticFiles(manifest="manifest.json")).test_client() as client:
        urls = [client.get(f"/url/static/{name}").json()["url"] for name in ("app.js", "a.txt")]
        kept = [client.get(url).headers["cache-control"] for url in urls]

    assert ["/static/app.3f9a1c2b.js", "/static/a.txt"] == urls
    assert ["public, immutable, max-age=31536000", "no-cache"] == kept


def test_a_manifest_in_debug_mode_needs_no_restart(site):
    """What the build step writes anew is linked anew."""
    (site / "manifest.json").write_text(json.dumps({"app.js": "app.3f9a1c2b.js"}))
    with app_at(site, StaticFiles(manifest="manifest.json"), debug=True).test_client() as client:
        url = client.get("/url/static/app.js").json()["url"]
        response = client.get(url)

    assert ("/static/app.3f9a1c2b.js", 200) == (url, response.status_code)
    assert "public, immutable, max-age=31536000" == response.headers["cache-control"]


def test_hashes_can_be_left_out(site):
    """A folder of large files is not read at the start, and every URL is plain."""
    with app_at(site, StaticFiles(fingerprints=False)).test_client() as client:
        answer = client.get("/url/static/css/site.css").json()

    assert {"url": "/static/css/site.css", "integrity": ""} == answer


def test_files_of_nobody_are_a_mistake(site):
    """A name that is no route of static files says which there are."""
    app = app_at(site)
    app.build()
    with app.app_context(), pytest.raises(ProgrammerError) as caught:
        static_url("a.txt", name="statics")

    assert "COS-STATIC-004" == caught.value.code
    assert "`static`" in str(caught.value)


@pytest.mark.parametrize("function", [static_url, static_integrity])
def test_without_an_application_there_is_no_url(function):
    """Whose files are meant is known from the request."""
    with pytest.raises(OutsideRequest):
        function("a.txt")

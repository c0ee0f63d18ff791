from __future__ import annotations

import json
from pathlib import Path

import pytest

from costrel.app import App, AppSettings
from costrel.errors import BuildError, ProgrammerError
from costrel.layers import SecurityHeaders
from costrel.messages import Extension
from costrel.static import StaticFiles, Vite
from costrel.templating import Templates, render_string

RECORDED = json.loads((Path(__file__).parent / "vite_manifest.json").read_text())


@pytest.fixture
def dist(tmp_path):
    """Make what the recorded build has made."""
    (tmp_path / "dist" / ".vite").mkdir(parents=True)
    (tmp_path / "dist" / "assets").mkdir()
    (tmp_path / "dist" / ".vite" / "manifest.json").write_text(json.dumps(RECORDED))
    for chunk in RECORDED.values():
        for file in (chunk["file"], *chunk.get("css", ())):
            (tmp_path / "dist" / file).write_text(file)
    (tmp_path / "dist" / "robots.txt").write_text("public")
    return tmp_path


def app_at(folder, vite, *, debug=False, use=()) -> App:
    app = App(extensions=(vite, Templates()), settings=AppSettings(debug=debug), use=use)
    app.root_folder = folder

    @app.get("/")
    async def page() -> str:
        return render_string("{{ vite('src/main.js', 'src/print.css') }}")

    @app.get("/asset")
    async def asset() -> str:
        return render_string("{{ vite_asset('src/logo.svg') }}")

    return app


BUILT = """\
<link rel="stylesheet" href="/vite/assets/shared-BRC5g4eE.css">
<link rel="stylesheet" href="/vite/assets/main-DBOFtZtN.css">
<link rel="stylesheet" href="/vite/assets/print-DtpTC159.css">
<script type="module" src="/vite/assets/main-BGKW1S49.js"></script>
<link rel="modulepreload" href="/vite/assets/shared-KoQyzV-8.js">"""

LIVE = """\
<script type="module" src="/vite/@vite/client"></script>
<script type="module" src="/vite/src/main.js"></script>
<link rel="stylesheet" href="/vite/src/print.css">"""


def test_it_is_an_extension():
    """It has what applications ask of extensions."""

    assert isinstance(Vite(), Extension)
    assert "Vite('dist/.vite/manifest.json', path='/vite')" == repr(Vite())


def test_a_page_refers_to_what_was_built(dist):
    """Styles come first, each once, then the script, then what it will import."""
    with app_at(dist, Vite()).test_client() as client:
        assert BUILT == client.get("/").text
        assert "/vite/assets/logo-BZJ5HxlP.svg" == client.get("/asset").text


def test_what_was_built_is_served(dist):
    """Names with hashes are kept for a year, others are asked about; the manifest is nobody's business."""
    with app_at(dist, Vite()).test_client() as client:
        script, plain = client.get("/vite/assets/main-BGKW1S49.js"), client.get("/vite/robots.txt")
        hidden, outside = client.get("/vite/.vite/manifest.json"), client.get("/vite/..%2fdist/robots.txt")
        gone = client.get("/vite/assets/main-AAAAAAA1.js")

    assert (200, "assets/main-BGKW1S49.js") == (script.status_code, script.text)
    assert "public, immutable, max-age=31536000" == script.headers["cache-control"]
    assert (200, "no-cache") == (plain.status_code, plain.headers["cache-control"])
    assert (404, 404) == (hidden.status_code, outside.status_code)
    assert (404, "no-store") == (gone.status_code, gone.headers["cache-control"])


def test_a_page_with_a_policy_has_nonces(dist):
    """Each tag carries the nonce that the layer has made for this answer, and Vite's scripts can find it."""
    layer = SecurityHeaders(csp={"script-src": ["'nonce'"]})
    with app_at(dist, Vite(), use=[layer]).test_client() as client:
        response = client.get("/")
    nonce = response.headers["content-security-policy"].split("'nonce-")[1].rstrip("'")

    assert f'<meta property="csp-nonce" nonce="{nonce}">' == response.text.split("\n")[0]
    assert 6 == response.text.count(f'nonce="{nonce}"')


def test_in_debug_mode_a_page_refers_to_the_dev_server_behind_the_application(tmp_path):
    """Nothing has to be built, and the browser sees one origin."""
    with app_at(tmp_path, Vite(), debug=True).test_client() as client:
        assert LIVE == client.get("/").text
        assert "/vite/src/logo.svg" == client.get("/asset").text


def test_react_gets_its_preamble_before_everything(tmp_path):
    """The plugin cannot change a page that is not Vite's."""
    with app_at(tmp_path, Vite(react=True), debug=True).test_client() as client:
        text = client.get("/").text

    assert text.startswith('<script type="module">\nimport RefreshRuntime from "/vite/@react-refresh"\n')
    assert text.endswith(LIVE)


def test_without_the_proxy_a_page_refers_to_the_dev_server_itself(tmp_path):
    """Then nothing below the path is the application's."""
    with app_at(tmp_path, Vite(dev_server="http://10.0.0.5:5173", proxy=False), debug=True).test_client() as client:
        assert LIVE.replace('"/vite/', '"http://10.0.0.5:5173/vite/') == client.get("/").text
        assert 404 == client.get("/vite/src/main.js").status_code


def test_the_build_can_be_used_in_debug_mode(dist):
    """Who does not work on the scripts needs no dev server."""
    with app_at(dist, Vite(dev_server=None), debug=True).test_client() as client:
        assert BUILT == client.get("/").text


def test_prefixes_of_mounts_are_in_the_urls(dist):
    """Tags are right wherever the application stands."""
    outer = App(extensions=(StaticFiles(),))
    outer.mount("/inner", app_at(dist, Vite()))
    with outer.test_client(root_path="/root") as client:
        text = client.get("/inner/").text

    assert BUILT.replace('"/vite/', '"/root/inner/vite/') == text


def test_a_manifest_beside_its_files_is_found_too(dist):
    """Vite 4 and older wrote it into the folder itself."""
    (dist / "dist" / ".vite" / "manifest.json").rename(dist / "dist" / "manifest.json")
    with app_at(dist, Vite("dist/manifest.json", path="/assets/")).test_client() as client:
        assert BUILT.replace("/vite/", "/assets/") == client.get("/").text


def test_without_a_build_production_does_not_start(tmp_path):
    """A page without scripts would be found by the first visitor."""
    with pytest.raises(BuildError) as caught:
        app_at(tmp_path, Vite()).build()

    assert "COS-STATIC-005" == caught.value.code


def test_an_entry_that_was_not_built_is_a_mistake(dist):
    """The message offers what is near."""
    vite = Vite()
    app_at(dist, vite).build()
    with pytest.raises(ProgrammerError) as caught:
        vite.tags("src/main.ts")

    assert "COS-STATIC-006" == caught.value.code
    assert "`src/main.js`" in str(caught.value)


def test_tags_need_an_application():
    """Where the files are is not known before."""
    with pytest.raises(ProgrammerError) as caught:
        Vite().tags("src/main.js")

    assert "COS-STATIC-007" == caught.value.code


@pytest.mark.parametrize("path", ["vite", "/", ""])
def test_a_path_that_cannot_be_is_refused(path):
    """The files need a place of their own."""
    with pytest.raises(ValueError, match="begins with a slash"):
        Vite(path=path)

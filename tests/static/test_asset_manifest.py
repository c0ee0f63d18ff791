from __future__ import annotations

import json
import os

import pytest

from costrel.errors import ConfigurationError
from costrel.static.asset_manifest import ListedAssets, read_manifest
from costrel.static.folder_file import Folder

LISTED = {"app.js": "app.3f9a1c2b.js", "a.txt": "a.txt"}


@pytest.fixture
def folders(site):
    return [Folder(str(site / "static"))]


@pytest.mark.parametrize("given", [LISTED, {"paths": LISTED, "version": "1.1"}], ids=["flat", "of-django"])
def test_a_manifest_says_which_file_stands_for_a_name(site, folders, given):
    """Both usual forms are read."""
    path = site / "manifest.json"
    path.write_text(json.dumps(given))

    assert LISTED == read_manifest(path, folders)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(None, "cannot be read", id="not-there"),
        pytest.param("{", "cannot be read", id="no-json"),
        pytest.param("[]", "no object", id="a-list"),
        pytest.param('{"a.css": {"file": "a.1.css"}}', "no object", id="of-another-tool"),
        pytest.param('{"a.css": "a.1.css"}', "'a.1.css'", id="a-missing-file"),
        pytest.param('{"a.css": "/static/a.txt"}', "'/static/a.txt'", id="a-url"),
        pytest.param('{"a.css": "../secret.txt"}', "'../secret.txt'", id="a-file-outside"),
        pytest.param('{"a.css": "link.txt"}', "'link.txt'", id="a-link"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_a_mistake_at_the_start(site, folders, text, why):
    """Nobody finds out by a page without style."""
    path = site / "manifest.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read_manifest(path, folders)

    assert "COS-STATIC-003" == caught.value.code
    assert why in str(caught.value)


def test_in_debug_mode_a_changed_manifest_is_read_again(site, folders):
    """A build step that runs beside the application needs no restart."""
    path = site / "manifest.json"
    path.write_text('{"app.js": "app.3f9a1c2b.js"}')
    assets = ListedAssets(path, folders)
    before = assets.find("app.js")
    (site / "static" / "app.99999999a.js").write_text("new")
    path.write_text('{"app.js": "app.99999999a.js"}')
    os.utime(path, (1, 1))
    after = assets.find("app.js")

    assert before is not None
    assert after is not None
    assert ("app.3f9a1c2b.js", "app.99999999a.js") == (before.url_path, after.url_path)
    assert (None, after) == (assets.find_served(before.url_path), assets.find_served(after.url_path))
    assert ({after.url_path: after}, ["app.js"], True) == (assets.by_url_path, assets.names(), assets.note_unknown("x"))

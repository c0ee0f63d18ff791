from __future__ import annotations

import os
from base64 import b64encode
from hashlib import sha256

import pytest
from hypothesis import given, settings, strategies as st

from costrel.http import safe_relative_path
from costrel.static.assets import (
    MAX_HASHED_BYTES,
    MAX_REMEMBERED,
    LiveAssets,
    PlainAssets,
    StartedAssets,
    plain_path_of,
    read_asset,
    url_path_of,
)
from costrel.static.folder_file import Folder

CSS = b"body { color: #000000 }"
SHOWN = sha256(CSS).hexdigest()[:16]


@pytest.fixture
def folder(site):
    return Folder(str(site / "static"))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("site.css", "site.0000000000000000.css", id="one-suffix"),
        pytest.param("js/jquery.min.js", "js/jquery.min.0000000000000000.js", id="two-suffixes"),
        pytest.param("v1.2/LICENSE", "v1.2/LICENSE.0000000000000000", id="none-and-a-dot-above"),
        pytest.param(".well-known", ".well-known.0000000000000000", id="hidden"),
        pytest.param("a.", "a.0000000000000000.", id="a-final-dot"),
    ],
)
def test_a_hash_stands_before_the_last_suffix(path, expected):
    """So the type of the file is still guessed from its name."""

    assert expected == url_path_of(path, bytes(32))
    assert path == plain_path_of(expected)


@pytest.mark.parametrize(
    "path",
    [
        "site.css",
        "site",
        "",
        "site.000000000000000.css",
        "site.00000000000000000.css",
        "site.000000000000000G.css",
        "site.ABCDEF0000000000.css",
        "0000000000000000/site.css",
    ],
)
def test_a_name_without_a_hash_is_not_taken_apart(path):
    """Only sixteen small hexadecimal digits in front of the last suffix are a hash."""

    assert plain_path_of(path) is None


@given(st.text("ab./-0", min_size=1, max_size=12), st.binary(min_size=32, max_size=32))
@settings(max_examples=60)
def test_what_was_put_into_a_name_is_taken_out_again(path, digest):
    """Every path that may be served has a name with a hash that leads back to it."""
    if safe_relative_path(path, allow_dotfiles=True) is not None:
        assert path == plain_path_of(url_path_of(path, digest))


def test_an_asset_is_read(folder):
    """Its digest is that of the content, its integrity the same in the form of the attribute."""
    asset = read_asset([folder], "css/site.css")

    assert asset is not None
    assert ("css/site.css", f"css/site.{SHOWN}.css", sha256(CSS).digest()) == (asset.path, asset.url_path, asset.digest)
    assert f"sha256-{b64encode(sha256(CSS).digest()).decode()}" == asset.integrity


def test_a_name_with_a_hash_is_not_given_another(folder):
    """What a build tool has named keeps its name."""
    asset = read_asset([folder], "app.3f9a1c2b.js")

    assert asset is not None
    assert ("app.3f9a1c2b.js", True) == (asset.url_path, asset.integrity.startswith("sha256-"))


@pytest.mark.parametrize(("more_bytes", "is_read"), [(0, True), (1, False)])
def test_a_large_file_is_not_read(site, folder, more_bytes, is_read):
    """A start does not read videos; they keep their plain names, and have no integrity."""
    os.truncate(site / "static" / "a.txt", MAX_HASHED_BYTES + more_bytes)
    asset = read_asset([folder], "a.txt")

    assert asset is not None
    assert (is_read, is_read) == (asset.url_path != "a.txt", asset.integrity != "")


@pytest.mark.security("B9")
@pytest.mark.parametrize("assets_of", [StartedAssets, LiveAssets])
@pytest.mark.parametrize("path", ["none.css", "css", "link.txt", "linked/x.txt", ".env", "../secret.txt", "", "/a.txt"])
def test_what_is_not_served_has_no_name(folder, assets_of, path):
    """Links, hidden files and what lies outside are not read, so that their hashes tell nothing."""

    assert assets_of([folder]).find(path) is None


def test_at_the_start_every_file_gets_a_name(folder):
    """All files are known by both names; one with a hash in its name already has only that."""
    assets = StartedAssets([folder])
    assets.begin()

    assert ["a.txt", "app.3f9a1c2b.js", "css/site.css", "sub/page.html"] == sorted(assets.names())
    assert assets.by_url_path[f"css/site.{SHOWN}.css"] == assets.find("css/site.css")
    assert 3 == len(assets.by_url_path)


def test_without_a_start_the_first_question_reads_the_files(folder):
    """A server that leaves out the lifespan serves what pages name, too."""
    assets = StartedAssets([folder])
    before = assets.is_ready
    asset = assets.find_served(f"css/site.{SHOWN}.css")

    assert asset is not None
    assert (False, True, "css/site.css") == (before, assets.is_ready, asset.path)


def test_in_production_names_stay_as_they_were_at_the_start(site, folder):
    """No request reads a file to find its name."""
    assets = StartedAssets([folder])
    assets.begin()
    before = assets.find("a.txt")
    (site / "static" / "a.txt").write_text("changed")
    assets.begin()

    assert before == assets.find("a.txt")


def test_in_debug_mode_a_changed_file_has_another_name(site, folder):
    """The name is that of the content now, and the one before is none any more."""
    assets = LiveAssets([folder])
    before = assets.find("a.txt")
    assert before is not None
    assert before == assets.find_served(before.url_path)

    (site / "static" / "a.txt").write_text("changed")
    after = assets.find("a.txt")

    assert after is not None
    assert before.url_path != after.url_path
    assert (None, after) == (assets.find_served(before.url_path), assets.find_served(after.url_path))
    assert (None, None) == (assets.find_served("a.txt"), assets.find("none.txt"))


def test_of_two_files_with_one_path_the_first_counts(site, folder):
    """Names follow the order in which folders are searched."""
    (site / "static_secret" / "a.txt").write_text("other")
    second = Folder(str(site / "static_secret"))
    for assets in (StartedAssets([folder, second]), LiveAssets([folder, second])):
        first, other = assets.find("a.txt"), assets.find("x.txt")
        assert first is not None
        assert other is not None
        assert (sha256(b"0123456789").digest(), sha256(b"secret").digest()) == (first.digest, other.digest)


def test_what_is_missing_is_news_once(folder):
    """One line in the log is enough, and names that clients make up do not fill the memory."""
    assets = StartedAssets([folder])

    assert [True, False, True] == [assets.note_unknown(path) for path in ("x", "x", "y")]
    news = [assets.note_unknown(str(number)) for number in range(MAX_REMEMBERED)]
    assert MAX_REMEMBERED - 2 == sum(news)
    assert LiveAssets([folder]).note_unknown("x")


def test_plain_assets_look_at_nothing():
    """Where hashes are not wanted every name is plain, and no file is asked for."""
    assets = PlainAssets()

    assert ("none.css", "") == ((asset := assets.find("none.css")).url_path, asset.integrity)
    assert ([], {}, None, False) == (
        assets.names(),
        assets.by_url_path,
        assets.find_served("x"),
        assets.note_unknown("x"),
    )

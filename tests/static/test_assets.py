from __future__ import annotations

from hashlib import sha256

import pytest

from costrel.static.assets import MAX_REMEMBERED, LiveAssets, PlainAssets, StartedAssets
from costrel.static.folder_file import Folder

CSS = b"body { color: #000000 }"
SHOWN = sha256(CSS).hexdigest()[:16]


@pytest.fixture
def folder(site):
    return Folder(str(site / "static"))


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

from __future__ import annotations

import os
from base64 import b64encode
from hashlib import sha256

import pytest
from hypothesis import given, settings, strategies as st

from costrel.http import safe_relative_path
from costrel.static.asset import MAX_HASHED_BYTES, plain_path_of, read_asset, url_path_of
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

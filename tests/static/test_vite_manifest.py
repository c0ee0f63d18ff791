from __future__ import annotations

import json
from pathlib import Path

import pytest

from costrel.errors import ConfigurationError
from costrel.static.vite_manifest import BuiltEntry, has_vite_hash, is_style, read_vite_manifest

RECORDED = Path(__file__).parent / "vite_manifest.json"


def build(folder: Path, chunks: object) -> Path:
    """Write a manifest and every file that it names."""
    manifest = folder / ".vite" / "manifest.json"
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps(chunks))
    for chunk in chunks.values() if isinstance(chunks, dict) else ():
        for file in (chunk["file"], *chunk.get("css", ()), *chunk.get("assets", ())):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(file)
    return manifest


def test_a_manifest_of_vite_is_read(tmp_path):
    """An entry brings the styles of what it imports, then its own; dynamic imports are left to Vite's scripts."""
    manifest = build(tmp_path, json.loads(RECORDED.read_text()))
    entries = read_vite_manifest(manifest, tmp_path).entries

    assert {
        "src/admin.js": BuiltEntry(
            "assets/admin-BvYGGKU-.js",
            ("assets/shared-BRC5g4eE.css", "assets/admin-BU8rHWE0.css"),
            ("assets/shared-KoQyzV-8.js",),
        ),
        "src/logo.svg": BuiltEntry("assets/logo-BZJ5HxlP.svg"),
        "src/main.js": BuiltEntry(
            "assets/main-BGKW1S49.js",
            ("assets/shared-BRC5g4eE.css", "assets/main-DBOFtZtN.css"),
            ("assets/shared-KoQyzV-8.js",),
        ),
        "src/print.css": BuiltEntry("assets/print-DtpTC159.css"),
        "src/views/lazy.js": BuiltEntry(
            "assets/lazy-Dt_-SJOd.js",
            ("assets/shared-BRC5g4eE.css", "assets/lazy-xwbrHUwT.css"),
            ("assets/shared-KoQyzV-8.js",),
        ),
    } == entries


def test_every_file_of_vites_is_known_by_its_hash(tmp_path):
    """All names of an ordinary build end with a hash."""
    chunks = json.loads(RECORDED.read_text())
    manifest = read_vite_manifest(build(tmp_path, chunks), tmp_path)
    files = {chunk["file"] for chunk in chunks.values()} | {
        css for chunk in chunks.values() for css in chunk.get("css", ())
    }

    assert files == manifest.hashed


def test_imports_come_once_and_before_what_imports_them(tmp_path):
    """A diamond and a circle of imports end, in the order in which the scripts run."""
    chunks = {
        "main.js": {"file": "main-AAAAAAA1.js", "imports": ["_left.js", "_right.js"], "css": ["main-A0000000.css"]},
        "_left.js": {"file": "left-AAAAAAA1.js", "imports": ["_base.js"], "css": ["left-A0000000.css"]},
        "_right.js": {"file": "right-AAAAAAA1.js", "imports": ["_base.js", "main.js", "gone"]},
        "_base.js": {"file": "base-AAAAAAA1.js", "imports": ["_left.js"], "css": ["base-A0000000.css"]},
    }
    entry = read_vite_manifest(build(tmp_path, chunks), tmp_path).entries["main.js"]

    assert ("base-A0000000.css", "left-A0000000.css", "main-A0000000.css") == entry.styles
    assert ("base-AAAAAAA1.js", "left-AAAAAAA1.js", "right-AAAAAAA1.js") == entry.modules


def test_a_long_chain_of_imports_is_followed(tmp_path):
    """However deep a manifest is, it is read."""
    count = 1200
    chunks = {f"_{number}.js": {"file": "all.js", "imports": [f"_{number + 1}.js"]} for number in range(count)}
    chunks["main.js"] = {"file": "main.js", "imports": ["_0.js"]}

    assert count == len(read_vite_manifest(build(tmp_path, chunks), tmp_path).entries["main.js"].modules)


def test_names_without_hashes_are_not_kept_for_good(tmp_path):
    """A build that was told to leave the hashes out has files that change under their names."""
    chunks = {
        "src/Main-Window1.ts": {"file": "assets/Main-Window1.js", "src": "src/Main-Window1.ts", "name": "Main-Window1"},
        "_x.js": {"file": "assets/side-Window01.js", "name": "side-Window01", "css": ["assets/style.css"]},
        "a.png": {"file": "assets/a-20240131.png", "src": "a.png"},
    }

    assert frozenset(["assets/a-20240131.png"]) == read_vite_manifest(build(tmp_path, chunks), tmp_path).hashed


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("assets/main-BGKW1S49.js", True),
        ("assets/admin-BvYGGKU-.js", True),
        ("assets/main.4889e940.js", True),
        ("assets/main-component.js", False),
        ("assets/main-abc.js", False),
        ("main.js", False),
        ("LICENSE", False),
    ],
)
def test_a_hash_is_what_looks_like_one(file, expected):
    """Eight characters or more at the end, not only small letters."""

    assert expected == has_vite_hash(file)


@pytest.mark.parametrize(
    ("name", "expected"), [("a.css", True), ("a.SCSS", True), ("a.module.less", True), ("a.ts", False)]
)
def test_a_stylesheet_is_known_by_its_suffix(name, expected):
    """Sources of every usual preprocessor are linked, not run."""

    assert expected == is_style(name)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(None, "cannot be read", id="not-built"),
        pytest.param("{", "cannot be read", id="no-json"),
        pytest.param("[]", "not in the form", id="a-list"),
        pytest.param('{"a.js": "b.js"}', "not in the form", id="of-another-tool"),
        pytest.param('{"a.js": {"file": 1}}', "not in the form", id="a-number"),
        pytest.param('{"a.js": {"file": "a.js", "css": "a.css"}}', "not in the form", id="no-list"),
        pytest.param('{"a.js": {"file": "a.js", "imports": [1]}}', "not in the form", id="a-list-of-numbers"),
        pytest.param('{"a.js": {"file": "a-BGKW1S49.js"}}', "a-BGKW1S49.js", id="a-missing-file"),
        pytest.param('{"a.js": {"file": "../a.js"}}', "../a.js", id="a-file-outside"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_a_mistake_at_the_start(tmp_path, text, why):
    """Nobody finds out by a page without scripts."""
    (tmp_path.parent / "a.js").write_text("")
    path = tmp_path / "manifest.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read_vite_manifest(path, tmp_path)

    assert "COS-STATIC-005" == caught.value.code
    assert why in str(caught.value)

"""What ``vite build`` has written about its files: which of them an entry needs.

Everything is worked out when the manifest is read. Stylesheets come in the order in which Vite itself puts them into a
page: those of imported chunks first, so that the entry's own rules win.

Spec: https://vite.dev/guide/backend-integration (build.manifest), the format of Vite 3 to 8.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from costrel.errors import ConfigurationError, Mistake
from costrel.http import safe_relative_path

__all__ = ["BuiltEntry", "ViteManifest", "has_vite_hash", "is_style", "read_vite_manifest"]

MAX_SHOWN: Final = 5

_STYLE_SUFFIXES: Final = (".css", ".less", ".sass", ".scss", ".styl", ".stylus", ".pcss", ".postcss", ".sss")
_hash_at_end = re.compile(r"[-.](?=[A-Za-z0-9_-]{0,21}[0-9A-Z])[A-Za-z0-9_-]{8,22}$").search


@dataclass(frozen=True, slots=True)
class BuiltEntry:
    """What a page needs for one entry; all paths are relative to the folder of the build.

    Args:
        file: the entry itself.
        styles: the stylesheets, in the order of the page.
        modules: the scripts that the entry imports, directly or not.
    """

    file: str
    styles: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ViteManifest:
    """A manifest that was read.

    Args:
        entries: what can be asked for, by the path of its source.
        hashed: the files whose names carry a hash of their content.
    """

    entries: Mapping[str, BuiltEntry]
    hashed: frozenset[str]


def is_style(name: str) -> bool:
    """Whether a source or a built file is a stylesheet."""
    return name.lower().endswith(_STYLE_SUFFIXES)


def read_vite_manifest(path: Path, folder: Path) -> ViteManifest:
    """Read a manifest and see whether its files are there.

    Args:
        path: of the manifest.
        folder: of the build.

    Raises:
        ConfigurationError: COS-STATIC-005, it cannot be read, is no manifest of Vite, or its files are missing.
    """
    try:
        chunks = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _mistake(path, f"It cannot be read: {error}.") from error
    if not isinstance(chunks, dict) or not all(_is_chunk(chunk) for chunk in chunks.values()):
        raise _mistake(path, "It is not in the form of Vite's manifest.")
    files = {file for chunk in chunks.values() for file in _files_of(chunk)}
    missing = sorted(file for file in files if safe_relative_path(file) is None or not (folder / file).is_file())
    if missing:
        raise _mistake(path, f"It lists files that are not in `{folder}`: {', '.join(missing[:MAX_SHOWN])}.")
    entries = {name: _entry_of(chunks, name) for name in chunks if not name.startswith("_")}
    plain = {_stem(str(chunk[key])) for chunk in chunks.values() for key in ("name", "src") if key in chunk}
    return ViteManifest(entries, frozenset(file for file in files if _has_hash(file, plain)))


def _is_chunk(chunk: object) -> bool:
    if not isinstance(chunk, dict) or not isinstance(chunk.get("file"), str):
        return False
    lists = [chunk.get(key, []) for key in ("css", "assets", "imports")]
    return all(isinstance(each, list) and all(isinstance(item, str) for item in each) for each in lists)


def _files_of(chunk: Mapping[str, Any]) -> list[str]:
    return [chunk["file"], *chunk.get("css", ()), *chunk.get("assets", ())]


def _entry_of(chunks: Mapping[str, Mapping[str, Any]], name: str) -> BuiltEntry:
    """Follow the imports of a chunk; what is imported comes before what imports it, and each once."""
    order: list[str] = []
    entered = {name}
    waiting = [(name, iter(chunks[name].get("imports", ())))]
    while waiting:
        current, imports = waiting[-1]
        following = next((each for each in imports if each in chunks and each not in entered), None)
        if following is None:
            order.append(current)
            waiting.pop()
        else:
            entered.add(following)
            waiting.append((following, iter(chunks[following].get("imports", ()))))
    styles = dict.fromkeys(style for each in order for style in chunks[each].get("css", ()))
    modules = tuple(chunks[each]["file"] for each in order[:-1])
    return BuiltEntry(chunks[name]["file"], tuple(styles), modules)


def has_vite_hash(file: str) -> bool:
    """Tell whether the name of a built file ends with what looks like one of Vite's hashes.

    >>> has_vite_hash("assets/main-BGKW1S49.js"), has_vite_hash("assets/main-component.js")
    (True, False)
    """
    return _hash_at_end(_stem(file)) is not None


def _stem(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0] or path


def _has_hash(file: str, plain: set[str]) -> bool:
    """Whether a name ends with a hash, as Vite's do unless it was told otherwise.

    A build may be told to leave the hash out; then the name of a file is that of its source or of its chunk.
    """
    stem = _stem(file)
    return stem not in plain and has_vite_hash(file)


def _mistake(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        Mistake(
            "COS-STATIC-005",
            f"Vite's manifest `{path}` cannot be used.",
            where="Vite(manifest=…)",
            why=why,
            fix="Build with `build.manifest: true` in Vite's configuration:  npx vite build\n"
            "Or work in debug mode beside its dev server:                costrel dev",
        )
    )

"""The content codings that `Compress` knows, each as one stateful encoder.

gzip comes with Python. ``br`` needs the package `brotli`, ``zstd`` needs `zstandard` before Python 3.14; what is not
installed is not offered.

Spec: RFC 1952; RFC 7932; RFC 8878.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Protocol

__all__ = ["LEVELS", "Encoder", "MakeEncoder", "find_encoder"]

LEVELS: dict[str, tuple[int, int, int]] = {"zstd": (1, 3, 19), "br": (0, 4, 11), "gzip": (1, 5, 9)}
"""The least, usual and highest level of each coding. Browsers take no more of zstd than the window of level 19."""


class Encoder(Protocol):
    """Encodes one content, piece by piece."""

    def encode(self, piece: bytes) -> bytes:
        """Take a piece and return all that was taken so far, so that nothing is held back."""
        ...

    def finish(self, piece: bytes) -> bytes:
        """Take the last piece and return what ends the content."""
        ...


MakeEncoder = Callable[[], Encoder]


class _Gzip:
    def __init__(self, level: int) -> None:
        self._state = zlib.compressobj(level, zlib.DEFLATED, 16 + zlib.MAX_WBITS)

    def encode(self, piece: bytes) -> bytes:
        return self._state.compress(piece) + self._state.flush(zlib.Z_SYNC_FLUSH)

    def finish(self, piece: bytes) -> bytes:
        return self._state.compress(piece) + self._state.flush(zlib.Z_FINISH)


class _Brotli:
    def __init__(self, library: ModuleType, level: int) -> None:
        self._state = library.Compressor(quality=level)

    def encode(self, piece: bytes) -> bytes:
        return bytes(self._state.process(piece) + self._state.flush())

    def finish(self, piece: bytes) -> bytes:
        return bytes(self._state.process(piece) + self._state.finish())


class _StandardZstd:
    def __init__(self, library: ModuleType, level: int) -> None:
        self._state = library.ZstdCompressor(level=level)

    def encode(self, piece: bytes) -> bytes:
        return bytes(self._state.compress(piece, self._state.FLUSH_BLOCK))

    def finish(self, piece: bytes) -> bytes:
        return bytes(self._state.compress(piece, self._state.FLUSH_FRAME))


class _PackagedZstd:
    def __init__(self, library: ModuleType, level: int) -> None:
        self._state = library.ZstdCompressor(level=level).compressobj()
        self._flush_block = library.COMPRESSOBJ_FLUSH_BLOCK

    def encode(self, piece: bytes) -> bytes:
        return bytes(self._state.compress(piece) + self._state.flush(self._flush_block))

    def finish(self, piece: bytes) -> bytes:
        return bytes(self._state.compress(piece) + self._state.flush())


def find_encoder(coding: str, level: int) -> MakeEncoder | None:
    """Return what makes encoders of a coding, or `None` when its library is not installed."""
    if coding == "gzip":
        return lambda: _Gzip(level)
    if coding == "br":
        brotli = _find("brotli")
        return None if brotli is None else lambda: _Brotli(brotli, level)
    standard = _find("compression.zstd")
    if standard is not None:
        return lambda: _StandardZstd(standard, level)
    packaged = _find("zstandard")
    return None if packaged is None else lambda: _PackagedZstd(packaged, level)


def _find(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ImportError:
        return None

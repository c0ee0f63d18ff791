from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from typing import Any

import brotli
import pytest
import zstandard
from hypothesis import given, settings, strategies as st

from costrel.layers.compress_encoders import LEVELS, MakeEncoder, find_encoder

CODINGS = sorted(LEVELS)


class Decoder:
    """Decodes one content piece by piece, by the library of each coding."""

    def __init__(self, coding: str) -> None:
        self._state: Any
        self._decode: Callable[[bytes], bytes]
        if coding == "gzip":
            self._state = zlib.decompressobj(16 + zlib.MAX_WBITS)
            self._decode = self._state.decompress
        elif coding == "br":
            self._state = brotli.Decompressor()
            self._decode = self._state.process
        else:
            self._state = zstandard.ZstdDecompressor().decompressobj()
            self._decode = self._state.decompress
        self._coding = coding

    def decode(self, piece: bytes) -> bytes:
        return self._decode(piece)

    @property
    def is_at_end(self) -> bool:
        return bool(self._state.is_finished() if self._coding == "br" else self._state.eof)


def encoder_of(coding: str, level: int | None = None) -> MakeEncoder:
    make = find_encoder(coding, LEVELS[coding][1] if level is None else level)
    assert make is not None
    return make


@pytest.mark.parametrize("coding", CODINGS)
@settings(max_examples=25)
@given(pieces=st.lists(st.binary(max_size=300), max_size=8), last=st.binary(max_size=300))
def test_what_was_taken_can_be_read_at_once(coding: str, pieces: list[bytes], last: bytes) -> None:
    """After each piece all of it is there, and the end is there when it was said and not before."""
    encoder, decoder = encoder_of(coding)(), Decoder(coding)
    for piece in pieces:
        assert piece == decoder.decode(encoder.encode(piece))
        assert not decoder.is_at_end

    assert last == decoder.decode(encoder.finish(last))
    assert decoder.is_at_end


@pytest.mark.parametrize("coding", CODINGS)
def test_every_level_can_be_decoded(coding: str) -> None:
    """The least, the highest, and one between."""
    content = bytes(range(256)) * 20
    least, _, highest = LEVELS[coding]
    for level in (least, (least + highest) // 2, highest):
        assert content == Decoder(coding).decode(encoder_of(coding, level)().finish(content))


def test_browsers_have_enough_memory_for_the_highest_level() -> None:
    """The window of zstd has at most 8 MiB, as RFC 9659 wants it."""
    content = b"0123456789abcdef" * 8192
    encoder = encoder_of("zstd", LEVELS["zstd"][2])()
    encoded = encoder.encode(content) + encoder.finish(content)

    assert zstandard.get_frame_parameters(encoded).window_size <= 8 * 1024 * 1024


@pytest.mark.parametrize(
    ("coding", "libraries"), [("br", ["brotli"]), ("zstd", ["zstandard", "compression.zstd"])], ids=["br", "zstd"]
)
def test_a_library_that_is_missing_is_no_encoder(
    coding: str, libraries: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is raised."""
    for library in libraries:
        monkeypatch.setitem(sys.modules, library, None)

    assert find_encoder(coding, 1) is None

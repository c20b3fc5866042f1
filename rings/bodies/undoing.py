"""Undoing: a coded body's bytes while they come (RFC 9110 section 8.4.1, RFC 7692).

In come coded bytes in pieces, as sent; out go the plain ones, as far as they can be
told, in pieces too. What makes far more of its bytes than texts do is an attack on the
reader, and ends it. What memory the state takes is known before it is made. Not
compiled: libraries do the work.
"""

import zlib
from collections.abc import Callable, Iterator

import brotli
import zstandard

from rings.bodies.content import ZSTD_WINDOW_BYTES, is_zlib

MOST_RATIO = 128
"""Plain bytes to one that was sent, over the whole stream; texts reach 20 …"""
FREE_BYTES = 1 << 20
"""… beside so many."""
FIRST_BYTES = 18
"""Of a stream: they say how large its window is (RFC 8878 section 3.1.1.1)."""
INFLATING_BYTES = 8 << 10
"""Of zlib, beside its window."""
BROTLI_BYTES = 64 << 10
"""The same of brotli …"""
ZSTD_BYTES = 512 << 10
"""… and of zstd, which holds two blocks of 128 KiB."""

_PIECE_BYTES = 1 << 16
_ZSTD_STEP_BYTES = 64
"""A block of 4 bytes may stand for 128 KiB: so at most 2 MiB come at once."""
_GZIP_BITS = zlib.MAX_WBITS | 16

Step = Callable[[bytes], tuple[bytes, bytes]]
"""Takes coded bytes; gives plain ones, and the coded ones that are not taken yet."""


class Undoing:
    """Of one stream."""

    def __init__(self, step: Step, state_bytes: int) -> None:
        self.state_bytes = state_bytes
        """Memory that it takes, at most."""
        self.is_broken = False
        """Nothing more can be told."""
        self._step = step
        self._left = FREE_BYTES

    def pieces(self, coded: bytes) -> Iterator[bytes]:
        """What so many more coded bytes give."""
        self._left += MOST_RATIO * len(coded)
        piece = b""
        try:
            while (coded or piece) and not self.is_broken:
                piece, coded = self._step(coded)
                self._left -= len(piece)
                self.is_broken = self._left < 0
                yield piece
        except (zlib.error, brotli.error, zstandard.ZstdError):
            self.is_broken = True

    def begin(self, step: Step) -> None:
        """The stream begins anew; what it made of its bytes before counts on."""
        self.is_broken = False
        self._step = step


def undoing(coding: bytes, first: bytes) -> Undoing | None:
    """Of a stream that begins with these FIRST_BYTES; none, if the coding is not known
    or they are not in it."""
    inflating_bytes = (1 << zlib.MAX_WBITS) + INFLATING_BYTES
    if coding == b"gzip" and first[:2] == b"\x1f\x8b":
        return Undoing(inflating(_GZIP_BITS), inflating_bytes)
    if coding == b"deflate" and is_zlib(first):
        return Undoing(inflating(zlib.MAX_WBITS), inflating_bytes)
    if coding == b"br":
        return Undoing(_brotli(), (1 << _brotli_bits(first[0])) + BROTLI_BYTES)
    if coding == b"zstd":
        try:
            window = zstandard.get_frame_parameters(first).window_size
        except zstandard.ZstdError:
            return None
        return Undoing(_zstd(), min(window, ZSTD_WINDOW_BYTES) + ZSTD_BYTES)
    return None


def inflating(bits: int, is_endless: bool = False) -> Step:
    """Deflate with a window as zlib's `bits` say. A stream that ends may be followed by
    another one (RFC 1952 section 2.2), if it is not `is_endless`."""
    state = zlib.decompressobj(bits)

    def step(coded: bytes) -> tuple[bytes, bytes]:
        nonlocal state
        piece = state.decompress(coded, _PIECE_BYTES)
        if not state.eof:
            return piece, state.unconsumed_tail
        if is_endless:
            raise zlib.error("ended")
        rest = state.unused_data.lstrip(b"\0")
        if rest:
            state = zlib.decompressobj(bits)
        return piece, rest

    return step


def _brotli() -> Step:
    state = brotli.Decompressor()

    def step(coded: bytes) -> tuple[bytes, bytes]:
        return state.process(coded, output_buffer_limit=_PIECE_BYTES), b""

    return step


def _brotli_bits(first: int) -> int:
    """Of the window, by the stream's first byte (RFC 7932 section 9.1)."""
    if not first & 1:
        return 16
    if first >> 1 & 7:
        return 17 + (first >> 1 & 7)
    return 8 + (first >> 4 & 7) if first >> 4 & 7 else 17


def _zstd() -> Step:
    reader = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
    state = reader.decompressobj(read_across_frames=True)

    def step(coded: bytes) -> tuple[bytes, bytes]:
        return state.decompress(coded[:_ZSTD_STEP_BYTES]), coded[_ZSTD_STEP_BYTES:]

    return step

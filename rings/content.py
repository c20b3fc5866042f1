"""Content codings (RFC 9110 section 8.4): bodies as their sender meant them.

In come a Content-Encoding value and the coded bytes, out go the decoded bytes, at most
`limit` of them and at most `MOST_RATIO` for each coded one. A body that is cut short,
or broken, gives what can be read of it. Each coding is undone once.
"""

import zlib
from collections.abc import Callable

import brotli
import zstandard

MOST_CODINGS = 4
"""Stacked codings undone; more are an attack on the reader."""

MOST_RATIO = 1032
"""Decoded bytes to a coded one: deflate cannot reach more (zlib's documentation), what
the others make of more is an attack on the reader."""
SMALL_BYTES = 1 << 18
"""So many bytes are decoded at any ratio."""

_PIECE_BYTES = 1 << 16
_ZSTD_MAGIC = 0xFD2FB528
_ZSTD_SKIPPED = 0x184D2A5
"""Without the last four bits."""

Decoder = Callable[[bytes, int], tuple[bytes, bool]]


def decode(codings: bytes, body: bytes, limit: int) -> tuple[bytes, bool]:
    """Undoes all codings, the last applied first.

    Returns at most `limit` bytes, and whether these are the whole body. An unknown
    coding gives no bytes. Never raises.
    """
    limit = min(limit, max(SMALL_BYTES, MOST_RATIO * len(body)))
    names = [name.strip().lower() for name in codings.split(b",") if name.strip()]
    if len(names) > MOST_CODINGS:
        return b"", False
    is_whole = True
    for name in reversed(names):
        decoder = _DECODERS.get(name)
        if decoder is None:
            return b"", False
        body, was_whole = decoder(body, limit)
        is_whole = is_whole and was_whole
    return body[:limit], is_whole and len(body) <= limit


def _identity(body: bytes, _: int) -> tuple[bytes, bool]:
    return body, True


def _gzip(body: bytes, limit: int) -> tuple[bytes, bool]:
    """One or more members (RFC 1952); zero bytes after the last are padding."""
    output = bytearray()
    while body.strip(b"\0"):
        decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
        is_whole = _inflate(decoder, body, output, limit)
        if not is_whole:
            return bytes(output), False
        body = decoder.unused_data
    return bytes(output), True


def _deflate(body: bytes, limit: int) -> tuple[bytes, bool]:
    """zlib format (RFC 1950), or the bare data that some servers send (RFC 1951)."""
    is_zlib = len(body) > 1 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0
    decoder = zlib.decompressobj(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
    output = bytearray()
    is_whole = not body or _inflate(decoder, body, output, limit)
    return bytes(output), is_whole


def _inflate(
    decoder: "zlib._Decompress", body: bytes, output: bytearray, limit: int
) -> bool:
    """Appends what can be read; whether the end of the data was reached."""
    piece = body
    try:
        while not decoder.eof and (piece or body) and len(output) <= limit:
            piece = decoder.decompress(body, _PIECE_BYTES)
            output += piece
            body = decoder.unconsumed_tail
    except zlib.error:
        return False
    return decoder.eof


def _brotli(body: bytes, limit: int) -> tuple[bytes, bool]:
    """RFC 7932."""
    decoder = brotli.Decompressor()
    output = bytearray()
    try:
        piece = decoder.process(body, output_buffer_limit=_PIECE_BYTES)
        while piece and len(output) <= limit:
            output += piece
            piece = decoder.process(b"", output_buffer_limit=_PIECE_BYTES)
    except brotli.error:
        return bytes(output), False
    return bytes(output), not body or decoder.is_finished()


def _zstd(body: bytes, limit: int) -> tuple[bytes, bool]:
    """RFC 8878, windows of at most 8 MiB as RFC 9659 allows."""
    decoder = zstandard.ZstdDecompressor(max_window_size=8 << 20)
    output = bytearray()
    try:
        with decoder.stream_reader(body, read_across_frames=True) as reader:
            while len(output) <= limit and (piece := reader.read(_PIECE_BYTES)):
                output += piece
        is_whole = len(output) <= limit and _is_whole_zstd(body)
    except zstandard.ZstdError:
        return bytes(output), False
    return bytes(output), is_whole


def _is_whole_zstd(body: bytes) -> bool:
    """Whether the last frame ends where the input does, which the reader does not
    tell: its blocks are walked by their headers (RFC 8878 section 3.1).
    """
    place = 0
    while 0 <= place < len(body):
        magic = _number(body, place, 4)
        if magic >> 4 == _ZSTD_SKIPPED:
            place += 8 + _number(body, place + 4, 4)
        else:
            place = _end_of_zstd_frame(body, place) if magic == _ZSTD_MAGIC else -1
    return place == len(body)


def _end_of_zstd_frame(body: bytes, place: int) -> int:
    """Where the frame at `place` ends; past the end of a body that is cut."""
    descriptor = _number(body, place + 4, 1)
    is_single = descriptor >> 5 & 1
    place += 5 + (0, 1, 2, 4)[descriptor & 3]
    place += (1, 2, 4, 8)[descriptor >> 6] if is_single or descriptor >> 6 else 0
    place += 1 - is_single
    block = 0
    while not block & 1:
        if place + 3 > len(body):
            return len(body) + 1
        block = _number(body, place, 3)
        is_repeated = block >> 1 & 3 == 1
        place += 3 + (1 if is_repeated else block >> 3)
    return place + (4 if descriptor & 4 else 0)


def _number(body: bytes, place: int, size: int) -> int:
    return int.from_bytes(body[place : place + size], "little")


_DECODERS: dict[bytes, Decoder] = {
    b"identity": _identity,
    b"gzip": _gzip,
    b"x-gzip": _gzip,
    b"deflate": _deflate,
    b"br": _brotli,
    b"zstd": _zstd,
}

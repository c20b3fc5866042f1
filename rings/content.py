"""Content codings (RFC 9110 section 8.4): bodies as their sender meant them.

In come a Content-Encoding value and the coded bytes, out go the decoded bytes, at most
`limit` of them. A body that is cut short, or broken, gives what can be read of it.
"""

import zlib
from collections.abc import Callable

import brotli
import zstandard

MOST_CODINGS = 4
"""Stacked codings undone; more are an attack on the reader."""

_PIECE_BYTES = 1 << 16

Decoder = Callable[[bytes, int], tuple[bytes, bool]]


def decode(codings: bytes, body: bytes, limit: int) -> tuple[bytes, bool]:
    """Undoes all codings, the last applied first.

    Returns at most `limit` bytes, and whether these are the whole body. An unknown
    coding gives no bytes. Never raises.
    """
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
    try:
        while not decoder.eof and body and len(output) <= limit:
            output += decoder.decompress(body, _PIECE_BYTES)
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
    tell. Only for input that is known to decode to a bounded size.

    Raises ZstdError.
    """
    while body:
        decoder = zstandard.ZstdDecompressor().decompressobj()
        decoder.decompress(body)
        if not decoder.eof:
            return False
        body = decoder.unused_data
    return True


_DECODERS: dict[bytes, Decoder] = {
    b"identity": _identity,
    b"gzip": _gzip,
    b"x-gzip": _gzip,
    b"deflate": _deflate,
    b"br": _brotli,
    b"zstd": _zstd,
}
